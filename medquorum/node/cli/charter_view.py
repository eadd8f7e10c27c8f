"""What people read before they sign: members, quorum, what it withstands, fingerprint."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from medquorum.ledger.ceremony import CharterFile, verify_charter_file
from medquorum.ledger.fingerprint import fingerprint
from medquorum.ledger.quorum import promise
from medquorum.node.api.governance_forms import model_form

FILE_COLUMNS: Final = 200


def _standings(charter_file: CharterFile) -> dict[bytes, str]:
    """`missing` or `invalid` by address, for those who have not signed."""
    faults = verify_charter_file(charter_file)
    return {fault.member.address: fault.problem.value for fault in faults}


def _console() -> Console:
    """The terminal, or a file wide enough that no address is cut."""
    console = Console(soft_wrap=True)
    if not console.is_terminal:
        console.width = FILE_COLUMNS
    return console


def charter_facts(charter_file: CharterFile) -> dict[str, object]:
    """The charter as JSON: everything a person would decide by, no keys."""
    charter = charter_file.charter
    standings = _standings(charter_file)
    withstood = charter.tolerance
    return {
        "name": charter.name,
        "network_id": charter.network_id.hex(),
        "fingerprint": fingerprint(charter.network_id),
        "created_at_ms": charter.created_at_ms,
        "mode": charter.ordering.mode.value,
        "doctors": withstood.n,
        "quorum": withstood.q,
        "liars_for_safety": withstood.liars_for_safety,
        "absences_for_liveness": withstood.absences_for_liveness,
        "promise": promise(charter.ordering.mode, withstood.n),
        "warnings": list(charter.warnings),
        "complete": not standings,
        "members": [
            {
                "name": member.name,
                "role": member.role.value,
                "address": member.address_text,
                "endpoint": member.endpoint,
                "signature": standings.get(member.address, "valid"),
                **({"models": [model_form(one) for one in member.models]} if member.models else {}),
            }
            for member in charter.members
        ],
    }


def model_lines(listed: Iterable[tuple[str, Sequence[Mapping[str, str]]]]) -> Iterator[str]:
    """One line for each model that an AI entity may report with (R-AI2)."""
    for name, models in listed:
        for model in models:
            yield (
                f"{name} reports on {model['kind']} with model {model['digest']}, card "
                f"{model['card_digest']}, trained on {model['training_digest']}"
            )


def print_charter(charter_file: CharterFile) -> None:
    """Print members, quorum, tolerances, fingerprint and missing signatures."""
    charter = charter_file.charter
    standings = _standings(charter_file)
    withstood = charter.tolerance
    console = _console()
    table = Table("name", "role", "address", "endpoint", "signature")
    for member in charter.members:
        table.add_row(
            escape(member.name),
            member.role.value,
            member.address_text,
            escape(member.endpoint),
            standings.get(member.address, "valid"),
        )
    console.print(table)
    for line in model_lines(
        (member.name, [model_form(one) for one in member.models]) for member in charter.members
    ):
        console.print(line, markup=False)
    console.print(f"network        {escape(charter.name)}")
    console.print(
        f"ordering       {charter.ordering.mode.value}: n {withstood.n} doctors, q {withstood.q}; "
        f"tolerates {withstood.words()}"
    )
    console.print(promise(charter.ordering.mode, withstood.n))
    for warning in charter.warnings:
        console.print(f"WARNING: {warning}")
    console.print(f"fingerprint    {fingerprint(charter.network_id)}")
    signed = len(charter.members) - len(standings)
    console.print(f"signatures     {signed} of {len(charter.members)}")
