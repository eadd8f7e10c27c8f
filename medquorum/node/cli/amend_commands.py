"""`medquorum charter amend`: change the charter, by the doctors' vote (R-GOV6, R-GOV7, R-AI3).

Several changes stand in one amendment when several commands are given one after the other, or in
a file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medquorum.ledger.provenance import FindingKind
from medquorum.ledger.types import BlockType, Panel, QuorumMode
from medquorum.node.cli import amend_wishes as wishes
from medquorum.node.cli import enrolment_wishes, model_wishes
from medquorum.node.cli.acts import (
    USUAL_DAYS,
    CharterOption,
    ClinicalOption,
    DaysOption,
    NodePassphraseOption,
    Signing,
    YesOption,
    propose,
)
from medquorum.node.cli.amend_wishes import Wished
from medquorum.node.cli.anywhere import AnywhereGroup
from medquorum.node.cli.connection import (
    HERE,
    Connection,
    HomeOption,
    JsonOption,
    NodeOption,
    TokenOption,
)
from medquorum.node.cli.outcome import CommandError, Exit, one_sentence

EPILOG = (
    "Members are named by their name, the beginning of it, or their address. Several changes make "
    "one amendment: medquorum charter amend admit dr-elm.request revoke 'Dr. Chen' --successor "
    "'Dr. Amara' --home HOME"
)


class AmendGroup(AnywhereGroup):
    """Makes one amendment of all the changes it is given."""

    @staticmethod
    def finish(values: list[Wished], obj: tuple[Path | None, Signing]) -> None:
        """Propose the changes of the file, then those of the command line."""
        path, signing = obj
        with one_sentence():
            changes = [*(wishes.read_wishes(path) if path else ()), *values]
            if not changes:
                raise CommandError(
                    Exit.USAGE, "name a change, or --file; see: medquorum charter amend --help"
                )
        propose(wishes.amendment(changes), signing)


app = typer.Typer(
    cls=AmendGroup,
    add_completion=False,
    invoke_without_command=True,
    help="Propose changes of the charter in force.",
    epilog=EPILOG,
)


@app.callback()
def amend(
    context: typer.Context,
    node: NodeOption = None,
    token_file: TokenOption = None,
    home: HomeOption = HERE,
    *,
    file: Annotated[
        Path | None, typer.Option("--file", help="Changes as TOML or JSON, see the README.")
    ] = None,
    charter: CharterOption = None,
    clinical_passphrase_file: ClinicalOption = None,
    passphrase_file: NodePassphraseOption = None,
    expires_days: DaysOption = USUAL_DAYS,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Propose changes of the charter in force."""
    context.obj = (
        file,
        Signing(
            connection=Connection(node, token_file, home),
            charter=charter,
            clinical_file=clinical_passphrase_file,
            node_file=passphrase_file,
            expires_days=expires_days,
            yes=yes,
            as_json=as_json,
        ),
    )


MemberArgument = Annotated[str, typer.Argument(metavar="MEMBER", help="Name or address.")]


@app.command()
def admit(
    request: Annotated[
        Path, typer.Argument(metavar="REQUEST", help="Of `medquorum charter request`.")
    ],
) -> Wished:
    """Let a new member in."""
    return wishes.admit(request)


@app.command()
def revoke(
    member: MemberArgument,
    successor: Annotated[
        str | None, typer.Option(help="Doctor who takes over the patients of a doctor.")
    ] = None,
) -> Wished:
    """Let a member go for ever; its keys are never used again."""
    return wishes.revoke(member, successor)


@app.command()
def suspend(
    member: MemberArgument,
    stand_in: Annotated[
        str | None, typer.Option(help="Doctor who attends a doctor's patients meanwhile.")
    ] = None,
) -> Wished:
    """Let a member keep its place and do nothing."""
    return wishes.suspend(member, stand_in)


@app.command()
def reinstate(member: MemberArgument) -> Wished:
    """Let a suspended member act again."""
    return wishes.reinstate(member)


@app.command("rotate-key")
def rotate_key(
    purpose: Annotated[
        list[str],
        typer.Option(help="consensus, tls, encryption, policy or clinical; repeatable."),
    ],
    endpoint: Annotated[
        str | None, typer.Option(help="host:port, if the node moves as well.")
    ] = None,
) -> Wished:
    """Make new keys for the owner of --home, whose node may be down.

    They stand in a new keystore beside the old one. Once `medquorum charter show` tells the new
    version, stop the node, run `medquorum keys swap`, and start it. An old encryption key is kept
    in it, for what was sealed before.
    """
    return wishes.rotate_key(purpose, endpoint)


@app.command("enrol")
def enrol(
    enrolment: Annotated[
        Path | None,
        typer.Option(help="The file the page wrote when the authenticator was enrolled."),
    ] = None,
    remove: Annotated[
        bool, typer.Option("--remove", help="Vote with the authenticator no more.")
    ] = False,
) -> Wished:
    """Let the doctor who owns --home vote with her security key or passkey, or no more.

    The clinical key goes on voting too. A removed key is retired for ever.
    """
    if (enrolment is None) != remove:
        raise typer.BadParameter("give --enrolment FILE, or --remove")
    return enrolment_wishes.enrol(enrolment)


@app.command("set-mode")
def set_mode(mode: Annotated[QuorumMode, typer.Argument(help="Of ordering.")]) -> Wished:
    """Order by another quorum; two thirds of the doctors must approve."""
    return wishes.set_mode(mode)


@app.command("set-policy")
def set_policy(
    block_type: Annotated[BlockType, typer.Argument(metavar="TYPE", help="A clinical type.")],
    panel: Annotated[Panel | None, typer.Option(help="Who decides.")] = None,
    strict: Annotated[
        bool | None,
        typer.Option("--strict/--additive", help="Bound to the end of the history, or not."),
    ] = None,
    auto_policy: Annotated[
        list[str] | None,
        typer.Option("--auto-policy", help="Id of automatic votes that count; repeatable."),
    ] = None,
    no_auto_policies: Annotated[
        bool, typer.Option("--no-auto-policies", help="No automatic vote counts.")
    ] = False,
) -> Wished:
    """Decide otherwise on a type; what is not given stays."""
    auto = [] if no_auto_policies else auto_policy or None
    return wishes.set_policy(block_type, {"panel": panel, "strict": strict, "auto": auto})


@app.command("set-absence-rule")
def set_absence_rule(
    max_days: Annotated[int | None, typer.Option(min=0, help="Longest absence, days.")] = None,
    silence_hours: Annotated[
        int | None, typer.Option(min=0, help="Silence after which an opening counts, hours.")
    ] = None,
) -> Wished:
    """Set how long absences last and when silence is one."""
    return wishes.set_absence_rule(max_days, silence_hours)


@app.command("approve-model")
def approve_model(
    member: MemberArgument,
    kind: Annotated[FindingKind, typer.Option(help="What the model reports on.")],
    model: Annotated[str, typer.Option(help="SHA-256 of the model in hex, or its file.")],
    card: Annotated[str, typer.Option(help="SHA-256 of its card in hex, or the file.")],
    training: Annotated[
        str, typer.Option(help="SHA-256 of the list of its training data in hex, or the file.")
    ],
) -> Wished:
    """Let an AI entity report with one more model.

    From its first model on an AI entity reports with approved models only: approve every one that
    it is to use, in one amendment.
    """
    with one_sentence():
        named = model_wishes.named_model(kind, model, card, training)
    return model_wishes.approve_model(member, named)


@app.command("withdraw-model")
def withdraw_model(
    member: MemberArgument,
    model: Annotated[str, typer.Option(help="SHA-256 of the model in hex, or its file.")],
) -> Wished:
    """Let an AI entity report with a model no more; another one must be left."""
    with one_sentence():
        digest = model_wishes.digest_named(model)
    return model_wishes.withdraw_model(member, digest)
