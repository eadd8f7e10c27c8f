"""Charter, registry, maturity and evidence as people read them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import typer
from rich.table import Table

from medquorum.ledger.quorum import tolerance
from medquorum.ledger.types import QuorumMode
from medquorum.node.api.charter_schema import CharterAnswer, MemberAnswer
from medquorum.node.cli.charter_view import model_lines
from medquorum.node.cli.show import ID_SHOWN, console, facts, moment, table
from medquorum.node.governance_views import (
    CharterChangeView,
    EvidenceView,
    HaltView,
    MaturityView,
    RegistryEntryView,
)
from medquorum.node.views import VoteView

FOR_EVER_MS = 2**53


def print_live_charter(charter: CharterAnswer, entries: Sequence[RegistryEntryView]) -> None:
    """A version of the charter: members, rules, what it withstands; who stands in for whom."""
    console().print(_members(charter))
    ordering = charter.ordering
    console().print(
        facts(
            (
                ("network", charter.name),
                ("version", f"{charter.version}{'' if charter.in_force else ' (not in force)'}"),
                (
                    "ordering",
                    f"{ordering.mode}: n {charter.doctors} doctors, q {charter.quorum}; tolerates "
                    + tolerance(QuorumMode(ordering.mode), charter.doctors).words(),
                ),
                (
                    "absences",
                    f"at most {charter.absence['max_days']} days; silence counts after "
                    f"{charter.absence['silence_hours']} hours",
                ),
                ("policies", "; ".join(_policy(*each) for each in charter.policies.items())),
                ("fingerprint", charter.fingerprint),
            )
        )
    )
    for line in model_lines(
        (each.name, [model.model_dump() for model in each.models]) for each in charter.members
    ):
        typer.echo(line)
    typer.echo(charter.promise)
    for warning in charter.warnings:
        typer.echo(f"WARNING: {warning}")
    for former in charter.former:
        typer.echo(f"{former.name} has left; {former.successor} took over the patients")
    if entries:
        console().print(registry_table(entries))


def _members(charter: CharterAnswer) -> Table:
    return table(
        ("name", "role", "standing", "address", "endpoint"),
        (
            (each.name, each.role, _standing(each), each.address, each.endpoint)
            for each in charter.members
        ),
    )


def _standing(member: MemberAnswer) -> str:
    if member.active:
        return "active"
    return "suspended" if member.stand_in is None else f"suspended; {member.stand_in} stands in"


def _policy(block_type: str, policy: dict[str, object]) -> str:
    return f"{block_type} {policy['panel']} {'strict' if policy['strict'] else 'additive'}"


def registry_table(entries: Iterable[RegistryEntryView]) -> Table:
    """Who stands in for whom."""
    return table(
        ("kind", "attending", "delegate", "from", "to", "about", "now"),
        (
            (
                each.kind,
                each.attending_name,
                each.delegate_name,
                moment(each.from_ms),
                "it is taken back" if each.to_ms >= FOR_EVER_MS else moment(each.to_ms),
                _about(each),
                "in force" if each.in_force else "",
            )
            for each in entries
        ),
    )


def _about(entry: RegistryEntryView) -> str:
    if entry.patient is not None:
        return f"patient {entry.patient}"
    return "everything" if entry.proposal is None else f"proposal {entry.proposal[:ID_SHOWN]}"


def print_changes(history: Iterable[CharterChangeView]) -> None:
    """What has changed since the founding charter, a line for each version."""
    for each in history:
        if each.changes:
            block = "" if each.n_bc is None else f" (block {each.n_bc})"
            typer.echo(f"since version {each.version}{block}: {'; '.join(each.changes)}")


def print_history(history: Iterable[CharterChangeView]) -> None:
    """Every version: what changed, who proposed it, who voted how."""
    for each in history:
        block = "" if each.n_bc is None else f", block {each.n_bc}"
        now = "  in force" if each.in_force else ""
        typer.echo(f"version {each.version}  {moment(each.time_ms)}{block}{now}")
        by = "" if each.proposer_name is None else f"{each.proposer_name} "
        for change in each.changes:
            typer.echo(f"  {by}{change}")
        typer.echo(f"  {each.mode}: n {each.doctors} doctors, q {each.quorum}")
        if each.votes:
            typer.echo(f"  {'; '.join(_vote(vote) for vote in each.votes)}")


def _vote(vote: VoteView) -> str:
    return f"{vote.voter_name} {vote.decision}"


def maturity_table(entities: Iterable[MaturityView]) -> Table:
    """What became of the AI entities' reports."""
    return table(
        ("AI entity", "reports on", "accepted", "lower bound", "threshold", "mature"),
        (
            (
                each.entity_name,
                each.kind or "everything",
                f"{each.approved} of {each.reports} (window {each.window})",
                f"{each.lower_ppm / 10_000:.2f} %",
                f"{each.threshold_ppm / 10_000:.2f} %",
                "yes" if each.mature else "no",
            )
            for each in entities
        ),
    )


def evidence_table(evidence: Iterable[EvidenceView]) -> Table:
    """Contradictions that stand in the chain."""
    return table(
        ("N BC", "time", "who", "did what", "shown by"),
        (
            (each.n_bc, moment(each.time_ms), each.culprit_name, each.says, each.issuer_name)
            for each in evidence
        ),
    )


def print_halt(halt: HaltView) -> None:
    """That ordering stopped, and what to do; nothing while it goes on."""
    if halt.halted:
        typer.echo(f"ORDERING STOPPED: {halt.reason}: {halt.advice}")
