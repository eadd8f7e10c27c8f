"""Rows of proposals, votes, wraps, bodies, evidence and accesses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Executable,
    Row,
    Table,
    bindparam,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from medquorum.ledger.proposal import Proposal, parse_proposal
from medquorum.ledger.vote import Vote, parse_vote
from medquorum.ledger.wrap import Wrap, parse_wrap
from medquorum.node.store.schema import (
    ACCESSES,
    BODIES,
    EVIDENCE,
    PROPOSALS,
    VOTES,
    WRAPS,
)

OPEN = "open"


@dataclass(frozen=True, slots=True)
class ProposalRow:
    """A proposal with what became of it here."""

    proposal: Proposal
    state: str
    reason: str | None
    received_at_us: int


def insert_proposals(
    connection: Connection, proposals: Sequence[Proposal], now_us: int, state: str = OPEN
) -> None:
    """Keep proposals; ones already kept stay as they are."""
    rows = [
        {
            "id": proposal.id,
            "type": proposal.core.type.value,
            "patient": proposal.core.patient,
            "record": proposal.core.record,
            "encoded": proposal.encoded(),
            "state": state,
            "received_at_us": now_us,
        }
        for proposal in proposals
    ]
    _insert_missing(connection, PROPOSALS, rows)


def insert_votes(connection: Connection, votes: Sequence[Vote], now_us: int) -> None:
    """Keep votes; the first of a doctor on a proposal stays (R-VOT3)."""
    rows = [
        {
            "proposal": vote.ballot.proposal,
            "voter": vote.ballot.voter,
            "encoded": vote.encoded(),
            "received_at_us": now_us,
        }
        for vote in votes
    ]
    _insert_missing(connection, VOTES, rows)


_DELETE_VOTE: Final = delete(VOTES).where(
    VOTES.c.proposal == bindparam("of_proposal"), VOTES.c.voter == bindparam("of_voter")
)


def delete_votes(connection: Connection, votes: Iterable[tuple[bytes, bytes]]) -> None:
    """Forget votes, each named by proposal and voter: a new charter does not know their key."""
    rows = [{"of_proposal": proposal, "of_voter": voter} for proposal, voter in votes]
    if rows:
        connection.execute(_DELETE_VOTE, rows)


def insert_wraps(connection: Connection, wraps: Sequence[Wrap]) -> None:
    """Keep wraps; one already kept for that recipient stays."""
    rows = [
        {"record": wrap.record, "recipient": wrap.recipient, "encoded": wrap.encoded()}
        for wrap in wraps
    ]
    _insert_missing(connection, WRAPS, rows)


def _insert_missing(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]
) -> None:
    if not rows:
        return
    connection.execute(_missing_insert(table, connection.dialect.name), list(rows))


@cache
def _missing_insert(table: Table, dialect: str) -> Executable:
    """The statement, made once: SQLAlchemy then finds its compiled form by the object."""
    build = postgres_insert if dialect == "postgresql" else sqlite_insert
    return build(table).on_conflict_do_nothing()


_SETTLE_PROPOSAL: Final = (
    update(PROPOSALS)
    .where(PROPOSALS.c.id == bindparam("of_id"))
    .values(state=bindparam("new_state"), reason=bindparam("new_reason"))
)


def settle_proposals(
    connection: Connection, settled: Iterable[tuple[bytes, str, str | None]]
) -> None:
    """Note what became of proposals, each as (id, state, reason)."""
    rows = [
        {"of_id": identifier, "new_state": state, "new_reason": reason}
        for identifier, state, reason in settled
    ]
    if rows:
        connection.execute(_SETTLE_PROPOSAL, rows)


def load_proposal(connection: Connection, identifier: bytes) -> ProposalRow | None:
    """One proposal by id."""
    row = connection.execute(select(PROPOSALS).where(PROPOSALS.c.id == identifier)).one_or_none()
    return None if row is None else _proposal_row(row)


def load_proposals(connection: Connection, state: str | None, limit: int) -> list[ProposalRow]:
    """Proposals, newest first."""
    query = select(PROPOSALS).order_by(PROPOSALS.c.received_at_us.desc()).limit(limit)
    if state is not None:
        query = query.where(PROPOSALS.c.state == state)
    return [_proposal_row(row) for row in connection.execute(query)]


def _proposal_row(row: Row[Any]) -> ProposalRow:
    return ProposalRow(
        parse_proposal(row.encoded),
        row.state,
        row.reason,
        row.received_at_us,
    )


def load_votes(connection: Connection, proposal: bytes) -> list[Vote]:
    """The votes known on a proposal, ascending by voter."""
    query = select(VOTES.c.encoded).where(VOTES.c.proposal == proposal).order_by(VOTES.c.voter)
    return [parse_vote(encoded) for encoded in connection.execute(query).scalars()]


def vote_kept_at(connection: Connection, vote: Vote) -> int | None:
    """When this very vote, signature and all, was kept (Unix microseconds); None: it is not."""
    query = select(VOTES.c.received_at_us).where(
        VOTES.c.proposal == vote.ballot.proposal, VOTES.c.encoded == vote.encoded()
    )
    kept: int | None = connection.execute(query).scalar()
    return kept


def load_open_votes(connection: Connection) -> list[Vote]:
    """The votes on every open proposal."""
    query = (
        select(VOTES.c.encoded)
        .join(PROPOSALS, PROPOSALS.c.id == VOTES.c.proposal)
        .where(PROPOSALS.c.state == OPEN)
        .order_by(VOTES.c.received_at_us)
    )
    return [parse_vote(encoded) for encoded in connection.execute(query).scalars()]


def load_wraps(connection: Connection, record: bytes) -> list[Wrap]:
    """Every wrap of a record held here."""
    query = select(WRAPS.c.encoded).where(WRAPS.c.record == record).order_by(WRAPS.c.recipient)
    return [parse_wrap(encoded) for encoded in connection.execute(query).scalars()]


def set_body_state(
    connection: Connection, proposal: Proposal, state: str, reason: str | None, now_us: int
) -> None:
    """Note how far this node has got with the body of a proposal."""
    record = proposal.core.record
    connection.execute(delete(BODIES).where(BODIES.c.record == record))
    connection.execute(
        insert(BODIES).values(
            record=record, proposal=proposal.id, state=state, reason=reason, changed_at_us=now_us
        )
    )


def delete_body(connection: Connection, record: bytes) -> None:
    """Forget wraps and state of a body."""
    connection.execute(delete(WRAPS).where(WRAPS.c.record == record))
    connection.execute(delete(BODIES).where(BODIES.c.record == record))


def load_body_states(connection: Connection) -> dict[bytes, tuple[bytes, str]]:
    """Whose body each record holds (a proposal's id), and how far this node has got with it."""
    rows = connection.execute(select(BODIES))
    return {row.record: (row.proposal, row.state) for row in rows}


def insert_evidence(
    connection: Connection, kind: str, culprit: bytes, pair: tuple[bytes, bytes], now_us: int
) -> None:
    """Keep two contradicting messages of one signer (R-SIM11)."""
    connection.execute(
        insert(EVIDENCE).values(
            kind=kind, culprit=culprit, first=pair[0], second=pair[1], found_at_us=now_us
        )
    )


def insert_access(connection: Connection, access: Mapping[str, object]) -> None:
    """Log one reading of one part, before its first byte leaves."""
    connection.execute(insert(ACCESSES).values(**access))


def load_accesses(connection: Connection, patient: int | None) -> list[dict[str, object]]:
    """Who read what, newest first."""
    query = select(ACCESSES).order_by(ACCESSES.c.sequence.desc()).limit(1_000)
    if patient is not None:
        query = query.where(ACCESSES.c.patient == patient)
    return [dict(row._mapping) for row in connection.execute(query)]
