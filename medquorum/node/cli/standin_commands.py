"""`medquorum absence`, `delegate`, `opening`, `attending`: who decides in whose place (R-GOV5)."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from medquorum.ledger.governance import AbsenceAct, DelegationAct, OpeningAct
from medquorum.ledger.keys import Address, parse_address
from medquorum.ledger.types import ProposalId
from medquorum.node.cli.acts import (
    USUAL_DAYS,
    Bench,
    CharterOption,
    ClinicalOption,
    DaysOption,
    NodePassphraseOption,
    Signing,
    YesOption,
    propose,
)
from medquorum.node.cli.connection import (
    HERE,
    Connection,
    HomeOption,
    JsonOption,
    NodeOption,
    TokenOption,
    ask,
    asking,
)
from medquorum.node.cli.governance_view import registry_table
from medquorum.node.cli.outcome import CommandError, Exit
from medquorum.node.cli.proposal_commands import full_id
from medquorum.node.cli.roster import instant_ms
from medquorum.node.cli.show import print_listed
from medquorum.node.desk_governance import Assignment

absence_app = typer.Typer(
    add_completion=False, help="Declare who stands in while a doctor is away.", no_args_is_help=True
)
delegate_app = typer.Typer(add_completion=False)
opening_app = typer.Typer(add_completion=False)
attending_app = typer.Typer(
    add_completion=False, help="Give patients another attending physician.", no_args_is_help=True
)

DelegateOption = Annotated[
    str, typer.Option("--delegate", help="Doctor who stands in: name or address.")
]
AttendingOption = Annotated[
    str | None,
    typer.Option("--attending", help="Who is away; else the doctor of --home."),
]


def _attending(bench: Bench, named: str | None) -> Address:
    """The doctor an absence is of: the one named, else the issuer."""
    return bench.issuer if named is None else bench.roster.doctor(named)


@absence_app.command("declare")
def declare(
    delegate: DelegateOption,
    until: Annotated[str, typer.Option("--to", help="2026-03-15, 2026-03-15T18:00Z or +14d.")],
    node: NodeOption = None,
    token_file: TokenOption = None,
    home: HomeOption = HERE,
    *,
    since: Annotated[str, typer.Option("--from", help="The same, or now.")] = "now",
    attending: AttendingOption = None,
    charter: CharterOption = None,
    clinical_passphrase_file: ClinicalOption = None,
    passphrase_file: NodePassphraseOption = None,
    expires_days: DaysOption = USUAL_DAYS,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Declare an absence: one's own needs the delegate's word, another's a majority as well."""

    async def wish(bench: Bench) -> AbsenceAct:
        now_ms = time.time_ns() // 1_000_000
        return AbsenceAct(
            _attending(bench, attending),
            bench.roster.doctor(delegate),
            instant_ms(since, now_ms),
            instant_ms(until, now_ms),
        )

    connection = Connection(node, token_file, home)
    files = (charter, clinical_passphrase_file, passphrase_file)
    propose(wish, Signing(connection, *files, expires_days, yes, as_json))


@absence_app.command("end")
def end(
    attending: AttendingOption = None,
    node: NodeOption = None,
    token_file: TokenOption = None,
    home: HomeOption = HERE,
    *,
    charter: CharterOption = None,
    clinical_passphrase_file: ClinicalOption = None,
    passphrase_file: NodePassphraseOption = None,
    expires_days: DaysOption = USUAL_DAYS,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """End every declared absence of a doctor; one's own at once."""

    async def wish(bench: Bench) -> AbsenceAct:
        return AbsenceAct(_attending(bench, attending), None)

    connection = Connection(node, token_file, home)
    files = (charter, clinical_passphrase_file, passphrase_file)
    propose(wish, Signing(connection, *files, expires_days, yes, as_json))


@absence_app.command("list")
def show(
    node: NodeOption = None,
    token_file: TokenOption = None,
    home: HomeOption = HERE,
    *,
    as_json: JsonOption = False,
) -> None:
    """List who stands in for whom: absences, delegations, openings."""
    with asking():
        entries = ask(Connection(node, token_file, home), lambda client: client.registry())
        print_listed(entries, registry_table, "Nobody stands in for anybody.", as_json=as_json)


@delegate_app.command()
def delegate(
    patient: Annotated[int, typer.Argument(metavar="PATIENT", help="N PB.", min=1)],
    node: NodeOption = None,
    token_file: TokenOption = None,
    home: HomeOption = HERE,
    *,
    to: Annotated[
        str | None, typer.Option("--to", help="Doctor who is to decide: name or address.")
    ] = None,
    back: Annotated[bool, typer.Option("--back", help="Decide oneself again.")] = False,
    charter: CharterOption = None,
    clinical_passphrase_file: ClinicalOption = None,
    passphrase_file: NodePassphraseOption = None,
    expires_days: DaysOption = USUAL_DAYS,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Hand the decisions on one patient to another doctor, as the attending."""

    async def wish(bench: Bench) -> DelegationAct:
        if (to is None) is not back:
            raise CommandError(Exit.USAGE, "give either --to DOCTOR or --back")
        return DelegationAct(bench.issuer, bench.roster.optional_doctor(to), patient)

    connection = Connection(node, token_file, home)
    files = (charter, clinical_passphrase_file, passphrase_file)
    propose(wish, Signing(connection, *files, expires_days, yes, as_json))


@opening_app.command()
def opening(
    identifier: Annotated[
        str, typer.Argument(metavar="ID", help="The proposal whose attending is silent.")
    ],
    delegate: DelegateOption,
    node: NodeOption = None,
    token_file: TokenOption = None,
    home: HomeOption = HERE,
    *,
    charter: CharterOption = None,
    clinical_passphrase_file: ClinicalOption = None,
    passphrase_file: NodePassphraseOption = None,
    expires_days: DaysOption = USUAL_DAYS,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Let a delegate decide on one proposal once the attending has been silent long enough."""

    async def wish(bench: Bench) -> OpeningAct:
        view = await bench.client.proposal(await full_id(bench.client, identifier))
        attending = view.doctor
        if view.patient is not None:
            attending = (await bench.client.patient(view.patient)).attending
        return OpeningAct(
            parse_address(attending)[0],
            bench.roster.doctor(delegate),
            ProposalId(bytes.fromhex(view.id)),
        )

    connection = Connection(node, token_file, home)
    files = (charter, clinical_passphrase_file, passphrase_file)
    propose(wish, Signing(connection, *files, expires_days, yes, as_json))


@attending_app.command("assign")
def assign(
    patient: Annotated[int, typer.Argument(metavar="PATIENT", help="N PB.", min=1)],
    doctor: Annotated[str, typer.Argument(metavar="DOCTOR", help="Name or address.")],
    node: NodeOption = None,
    token_file: TokenOption = None,
    home: HomeOption = HERE,
    *,
    charter: CharterOption = None,
    clinical_passphrase_file: ClinicalOption = None,
    passphrase_file: NodePassphraseOption = None,
    expires_days: DaysOption = USUAL_DAYS,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Give a patient another attending physician; the present one must approve."""

    async def wish(bench: Bench) -> Assignment:
        return Assignment(patient, bench.roster.doctor(doctor))

    connection = Connection(node, token_file, home)
    files = (charter, clinical_passphrase_file, passphrase_file)
    propose(wish, Signing(connection, *files, expires_days, yes, as_json))


@attending_app.callback()
def attending_group() -> None:
    """Give patients another attending physician."""
