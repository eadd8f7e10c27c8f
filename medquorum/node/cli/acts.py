"""How every act of governance is proposed: shown with what it changes, confirmed, signed, followed.

A doctor's key is opened here, from --home, and never leaves this machine. An institution's node
signs with its issuing key when it is asked; its operator may also sign here and go to another
member's node, because its own is down.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from medquorum.ledger.amendment import apply, explain
from medquorum.ledger.charter import Charter
from medquorum.ledger.governance import Amendment
from medquorum.ledger.keys import Address, parse_address
from medquorum.ledger.limits import DAY_MS
from medquorum.ledger.quorum import promise
from medquorum.node.api.governance_forms import form_of
from medquorum.node.charters_proven import CharterUnproven, proven_charters
from medquorum.node.cli.connection import Connection, ask, asking
from medquorum.node.cli.member_home import CLINICAL_KEYSTORE, NODE_KEYSTORE, MemberHome
from medquorum.node.cli.outcome import CommandError, Exit
from medquorum.node.cli.passphrases import clinical_passphrase, node_passphrase
from medquorum.node.cli.roster import Roster
from medquorum.node.cli.show import ID_SHOWN, print_json
from medquorum.node.client import NodeClient
from medquorum.node.clinical_acts import propose_signed
from medquorum.node.desk_governance import ACT_LIFETIME_MS, Assignment, Request
from medquorum.node.governance_views import ActReceipt
from medquorum.node.governance_words import Needed, act_words, needed, quorum_words
from medquorum.node.keystore import read_public
from medquorum.node.sealing import Grantor

CharterOption = Annotated[
    Path | None,
    typer.Option("--charter", help="The founding charter file; else that of --home or the node."),
]
ClinicalOption = Annotated[
    Path | None,
    typer.Option("--clinical-passphrase-file", help="Of a doctor's clinical keystore; else asked."),
]
NodePassphraseOption = Annotated[
    Path | None,
    typer.Option("--passphrase-file", help="Of the node's keystore, where it is needed."),
]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask; for scripts.")]
DaysOption = Annotated[
    int, typer.Option("--expires-days", min=1, max=90, help="Days the doctors have to decide.")
]
USUAL_DAYS = ACT_LIFETIME_MS // DAY_MS


@dataclass(frozen=True, slots=True)
class Signing:
    """Where an act goes, who signs it, and how it is told."""

    connection: Connection
    charter: Path | None = None
    clinical_file: Path | None = None
    node_file: Path | None = None
    expires_days: int = USUAL_DAYS
    yes: bool = False
    as_json: bool = False

    def keys(self) -> MemberHome:
        """The folder of keys, with its passphrases still to be read."""
        return MemberHome(
            self.connection.home,
            node_passphrase(self.node_file),
            clinical_passphrase(self.clinical_file),
        )

    def owner(self) -> Address | None:
        """Whose keys stand in --home; None where there are none."""
        for name in (CLINICAL_KEYSTORE, NODE_KEYSTORE):
            path = self.connection.home / name
            if path.exists():
                return Address(read_public(path).owner)
        return None


@dataclass(frozen=True, slots=True)
class Bench:
    """What a wish is made into a request with."""

    client: NodeClient
    roster: Roster
    signing: Signing
    issuer: Address
    here: bool
    """Whether it is signed here, with the keys of --home."""

    @property
    def charter(self) -> Charter:
        """The charter in force."""
        return self.roster.charter


Wish = Callable[[Bench], Awaitable[Request]]


@dataclass(frozen=True, slots=True)
class Proposed:
    """What a program is told."""

    receipt: ActReceipt
    issuer: str
    before: str
    after: str
    """What the doctors withstand, before and after."""


def propose(wish: Wish, signing: Signing) -> None:
    """Show, confirm, sign and propose what is wished; then say how it goes on."""
    with asking():
        try:
            proposed = ask(signing.connection, lambda client: _propose(client, wish, signing))
        except CharterUnproven as error:
            raise CommandError(Exit.VERIFICATION, str(error)) from None
        if signing.as_json:
            print_json(proposed)
        else:
            _tell(proposed.receipt)


async def _propose(client: NodeClient, wish: Wish, signing: Signing) -> Proposed:
    founding = await signing.connection.charter(client, signing.charter)
    roster = Roster(await proven_charters(client, founding))
    bench = await _bench(client, roster, signing)
    request = await wish(bench)
    after = _after(request, bench)
    _show(request, after, await _needed(request, bench), bench)
    if not signing.yes and not typer.confirm("Propose it?", err=True):
        raise CommandError(Exit.FAILED, "not proposed")
    lifetime_ms = signing.expires_days * DAY_MS
    if bench.here:
        hand = Grantor(*signing.keys().clinical_signer())
        receipt = await propose_signed(client, bench.charter, request, hand, lifetime_ms)
    else:
        form = form_of(request, bench.charter)
        receipt = await client.issue_act(form, lifetime_ms=lifetime_ms)
    issuer = roster.naming(bench.issuer)
    return Proposed(receipt, issuer, quorum_words(bench.charter), quorum_words(after))


async def _bench(client: NodeClient, roster: Roster, signing: Signing) -> Bench:
    """Who issues: the owner of the keys in --home, else the institution whose node is asked."""
    status = await client.status()
    node, owner = parse_address(status.address)[0], signing.owner()
    doctors = (signing.connection.home / CLINICAL_KEYSTORE).exists()
    here = owner is not None and (doctors or owner != node)
    if not here and status.role == "doctor":
        raise CommandError(
            Exit.USAGE,
            "at a doctor's node the doctor signs herself: give --home with her clinical keystore",
        )
    return Bench(client, roster, signing, owner if here and owner is not None else node, here)


def _after(request: Request, bench: Bench) -> Charter:
    """The charter that a request would make; CommandError names what bars an amendment."""
    if not isinstance(request, Amendment):
        return bench.charter
    after = apply(bench.charter, request, bench.issuer)
    if isinstance(after, Charter):
        return after
    problem = explain(bench.charter, request, bench.issuer)
    raise CommandError(Exit.FAILED, problem or f"refused: {after.reason.value}")


async def _needed(request: Request, bench: Bench) -> Needed:
    if not isinstance(request, Assignment):
        return needed(request, bench.issuer, bench.charter)
    attending = parse_address((await bench.client.patient(request.patient)).attending)[0]
    return Needed(len(bench.charter.doctors) // 2 + 1, (attending,))


def _show(request: Request, after: Charter, wanted: Needed, bench: Bench) -> None:
    """What the issuer reads before confirming; on standard error where programs read the rest."""
    roster, before = bench.roster, bench.charter
    naming = roster.naming
    what = "attending" if isinstance(request, Assignment) else type(request).__name__
    lines = [f"{what.removesuffix('Act').lower()}, issued by {naming(bench.issuer)}"]
    if isinstance(request, Assignment):
        lines.append(f"  - {naming(request.doctor)} is to attend patient {request.patient}")
    else:
        lines.extend(f"  - {words}" for words in act_words(request, naming, before))
    if after is not before:
        lines.append(f"now    version {before.version}, {quorum_words(before)}")
        lines.append(f"then   version {after.version}, {quorum_words(after)}")
        lines.append(promise(after.ordering.mode, len(after.doctors)))
        lines.extend(f"WARNING: {warning}" for warning in after.warnings)
    lines.append(f"needs  {_needed_words(wanted, bench)}")
    typer.echo("\n".join(lines), err=bench.signing.as_json)


def _needed_words(wanted: Needed, bench: Bench) -> str:
    doctors = len(bench.charter.doctors)
    names = " and ".join(bench.roster.naming(address) for address in wanted.required)
    if wanted.approvals == 0:
        return f"the approval of {names}" if names else "no vote"
    also = f", {names} among them" if names else ""
    return f"{wanted.approvals} of {doctors} active doctors' approvals{also}"


def _tell(receipt: ActReceipt) -> None:
    short = receipt.proposal[:ID_SHOWN]
    typer.echo(f"proposal {receipt.proposal}")
    typer.echo(f"Follow it with: medquorum why {short}")
    if receipt.needed or receipt.required:
        typer.echo(f"The doctors decide with: medquorum vote {short} approve")
