"""How views look on a terminal: tables for people, JSON for programs."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Sequence
from dataclasses import is_dataclass
from typing import Any, Final, TypeVar

import typer
from pydantic import BaseModel, TypeAdapter
from rich.console import Console
from rich.table import Table
from rich.text import Text

from medquorum.node.views import BlockView, PatientView, ProposalView, StatusView, WhyView

T = TypeVar("T")

WIDTH: Final = 140
"""Columns where output is no terminal."""
ID_SHOWN: Final = 12
"""Hex digits of an id in a table; commands take any beginning that is unique."""


def console() -> Console:
    """Standard output, wide enough for tables where it is a file."""
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=WIDTH)


def print_json(value: Any) -> None:
    """A view, a model or a sequence of them as JSON."""
    typer.echo(TypeAdapter(Any).dump_json(as_plain(value), indent=1).decode())


def print_listed(
    found: Sequence[T], made: Callable[[Sequence[T]], Table], none: str, *, as_json: bool
) -> None:
    """A list as JSON or as a table; a sentence where it is empty."""
    if as_json:
        print_json(found)
    elif found:
        console().print(made(found))
    else:
        typer.echo(none)


def as_plain(value: Any) -> Any:
    """A view, a model or a sequence of them as JSON can carry it."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if is_dataclass(value) and not isinstance(value, type):
        return TypeAdapter(type(value)).dump_python(value, mode="json")
    if isinstance(value, list | tuple):
        return [as_plain(each) for each in value]
    return value


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A table whose cells are text, never markup: names come from others."""
    made = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        made.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    return made


def moment(ms: int) -> str:
    """A time for people, UTC."""
    at = datetime.datetime.fromtimestamp(ms / 1000, datetime.UTC)
    return at.strftime("%Y-%m-%d %H:%M:%S")


def facts(rows: Iterable[tuple[str, object]]) -> Table:
    """Names and values."""
    made = Table(box=None, show_header=False, pad_edge=False)
    for name, value in rows:
        made.add_row(Text(name, style="bold"), Text(str(value)))
    return made


def status_table(status: StatusView) -> Table:
    """The node in one glance."""
    ready = "yes" if status.ready else "no: " + "; ".join(status.not_ready)
    up = sum(peer.connected for peer in status.peers)
    away = ", ".join(peer.name for peer in status.peers if not peer.connected)
    return facts(
        (
            ("node", f"{status.name} ({status.role})"),
            ("address", status.address),
            ("network", f"{status.network_name}, charter version {status.charter_version}"),
            ("ready", ready),
            ("blocks", f"{status.n_bc} of {status.patients} patients, tip {status.tip_hash[:16]}"),
            ("open proposals", status.open_proposals),
            ("ordering", f"{status.ordering}, slot {status.slot}, final {status.final_slot}"),
            ("leader", status.leader),
            ("quorum", f"{status.quorum} of {status.doctors} doctors, {status.mode}"),
            ("peers", f"{up} of {len(status.peers)}" + (f"; away: {away}" if away else "")),
        )
    )


def _approvals(view: ProposalView) -> str:
    return f"{view.verdict.approvals} of {view.verdict.panel}"


def proposals_table(proposals: Iterable[ProposalView]) -> Table:
    """Proposals, one a line."""
    columns = ("id", "type", "state", "about", "issuer", "body", "approvals", "missing")
    return table(
        columns,
        (
            (
                each.id[:ID_SHOWN],
                each.type,
                each.state,
                _about(each),
                each.issuer_name,
                each.body if each.parts else "",
                "after your vote" if each.blind else _approvals(each),
                ", ".join(each.verdict.missing),
            )
            for each in proposals
        ),
    )


def _about(proposal: ProposalView) -> str:
    """The patient, or what an act of governance does."""
    if proposal.summary:
        return "; ".join(proposal.summary)
    return f"patient {proposal.patient}" if proposal.patient else "a new patient"


def blocks_table(blocks: Iterable[BlockView]) -> Table:
    """Blocks, one a line."""
    columns = ("N BC", "N PB", "N PA", "type", "issuer", "approvals", "time", "hash")
    return table(
        columns,
        (
            (
                each.n_bc,
                each.n_pb or "",
                each.n_pa or "",
                each.type,
                each.issuer_name,
                f"{each.verdict.approvals} of {each.verdict.panel}",
                moment(each.batch_time_ms),
                each.hash[:ID_SHOWN],
            )
            for each in blocks
        ),
    )


def patients_table(patients: Iterable[PatientView]) -> Table:
    """Patients, one a line: pseudonyms only."""
    columns = ("N PB", "blocks", "phase", "next", "attending", "address")
    return table(
        columns,
        (
            (
                each.n_pb,
                each.length,
                each.phase,
                ", ".join(each.next_steps),
                each.attending_name,
                each.address[:20],
            )
            for each in patients
        ),
    )


def print_why(why: WhyView) -> None:
    """Why a proposal is not final, in sentences."""
    typer.echo(f"{why.id[:ID_SHOWN]}: {why.state}")
    for sentence in why.sentences:
        typer.echo(f"  {sentence}")
    typer.echo(f"  slot {why.slot}, led by {why.leader}")
