"""What a node needs before it speaks: its keys, its charter, what its store remembers.

Everything that can be wrong with a start is found here, with one clear sentence each.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine

from medquorum.consensus.ordering.application import LoggedBatch, Seat
from medquorum.consensus.ordering.journal import decode_record
from medquorum.consensus.replica import Remembered
from medquorum.ledger.batch import Batch
from medquorum.ledger.ceremony import CharterFile, open_charter, parse_charter_file
from medquorum.ledger.chain import ChainState, genesis
from medquorum.ledger.charter import Charter
from medquorum.ledger.errors import LedgerError
from medquorum.ledger.keys import Address
from medquorum.ledger.member import Member
from medquorum.ledger.proposal import Proposal
from medquorum.ledger.signature import Signer, signer
from medquorum.ledger.types import RecordId, Role
from medquorum.ledger.wrap import Wrap
from medquorum.node.bodies import BodyState
from medquorum.node.config import UNLOCK_FILE_VARIABLE, NodeConfig
from medquorum.node.keystore import Keystore, KeystoreError, open_keystore, read_passphrase_file
from medquorum.node.store.chain_rows import load_batches, load_journal, log_length
from medquorum.node.store.clinical_rows import (
    OPEN,
    load_body_states,
    load_open_votes,
    load_proposals,
    load_wraps,
)
from medquorum.node.store.identity import StoreIdentity, keep_identity, load_identity

_PAGE: Final = 128
_EVERY: Final = 1_000_000
_RECENT: Final = 64
"""Batches kept decoded: a page of catching up, at most 64 MiB."""


class StartError(Exception):
    """The node cannot start; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Membership:
    """Who this node is in its network."""

    charter_file: CharterFile
    member: Member
    keystore: Keystore = field(repr=False)

    @property
    def charter(self) -> Charter:
        """The charter in force."""
        return self.charter_file.charter

    def signer(self, purpose: str) -> Signer:
        """The signing capability of one of the node's keys."""
        return signer(self.keystore.private_key(purpose))

    def seat(self) -> Seat | None:
        """The doctor's number and consensus key; None for everybody else."""
        number = self.charter.doctor_number(self.member.address)
        return None if number is None else Seat(number, self.signer("consensus"))

    def issuing_signer(self) -> Signer | None:
        """The institution's issuing key; None at a doctor's node, whose doctor keeps it."""
        if self.member.role is Role.DOCTOR:
            return None
        return self.signer("clinical")


def load_membership(config: NodeConfig) -> Membership:
    """Open keystore and charter and find this node among the members; StartError otherwise."""
    keystore = _keystore(config)
    try:
        content = config.charter.file.read_bytes()
        charter = open_charter(content)
        charter_file = parse_charter_file(content)
    except OSError:
        raise StartError(
            f"no charter at {config.charter.file}; copy the signed charter file there"
        ) from None
    except LedgerError as error:
        raise StartError(f"{config.charter.file} is not a valid charter: {error}") from None
    points = {purpose: bytes.fromhex(key) for purpose, key in keystore.public.public_keys.items()}
    for member in charter.members:
        if member.keys.consensus == points.get("consensus"):
            _check_keys(member, keystore, points)
            return Membership(charter_file, member, keystore)
    raise StartError(
        "the charter does not name the consensus key of this keystore; check that both belong "
        "to the same network, or ask the coordinator to include this member's request"
    )


def _check_keys(member: Member, keystore: Keystore, points: Mapping[str, bytes]) -> None:
    """Whether every key the node works with is the charter's."""
    wanted = {"encryption": member.keys.encryption}
    if member.role is not Role.DOCTOR:
        wanted["clinical"] = member.keys.clinical
    others = [purpose for purpose, key in wanted.items() if points.get(purpose) != key]
    if keystore.public.certificate_der != member.tls_certificate or "tls" not in points:
        others.append("tls")
    if others:
        raise StartError(
            f"the charter names another {' and '.join(others)} key for {member.name}; restore the "
            "keystore from which this member's request was made"
        )


def _keystore(config: NodeConfig) -> Keystore:
    named = config.keys.passphrase_file or os.environ.get(UNLOCK_FILE_VARIABLE)
    if not named:
        raise StartError(
            "no passphrase: give --passphrase-file FILE, or set keys.passphrase_file in node.toml "
            f"or {UNLOCK_FILE_VARIABLE}"
        )
    if not config.keys.keystore_file.exists():
        raise StartError(
            f"there is no {config.keys.keystore_file}; copy this member's keystore there, or, "
            f"before the charter is made, run: medquorum keys new --home {config.home}"
        )
    try:
        return open_keystore(config.keys.keystore_file, read_passphrase_file(Path(named)))
    except KeystoreError as error:
        raise StartError(str(error)) from None


class History:
    """Final batches by their place in the log, from the store; the newest ones in memory."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._recent: dict[int, LoggedBatch] = {}

    def __call__(self, log_index: int) -> LoggedBatch | None:
        """The batch and its own final certificate, if there is one."""
        known = self._recent.get(log_index)
        if known is not None:
            return known
        with self._engine.connect() as connection:
            finals = load_batches(connection, log_index, 1)
        if not finals or finals[0].log_index != log_index:
            return None
        self._recent[log_index] = LoggedBatch(
            finals[0].batch, finals[0].certificate, finals[0].tail
        )
        if len(self._recent) > _RECENT:
            del self._recent[next(iter(self._recent))]
        return self._recent[log_index]


def claim_store(connection: Connection, charter: Charter, own: Address) -> None:
    """Bind a new database to this member of this network; StartError when it is another's.

    A vote cast from another member's journal could contradict one already cast (R-SIM10).
    """
    identity = StoreIdentity(charter.network_id, own)
    held = load_identity(connection)
    if held is None:
        keep_identity(connection, identity)
    elif held.network != identity.network:
        raise StartError(
            "the database in this home belongs to another network; give every network "
            "a home of its own"
        )
    elif held.member != identity.member:
        raise StartError(
            "the database in this home belongs to another member than its keystore; put the "
            "right keystore back, or give this member a home of its own"
        )


def remember(connection: Connection, charter: Charter) -> Remembered:
    """The ledger, the journal and everything open, as the store holds them."""
    state, slot, length = genesis(charter), 0, log_length(connection)
    for first in range(0, length, _PAGE):
        for final in load_batches(connection, first, _PAGE):
            state, slot = _append(state, final.batch), final.batch.header.slot
    rows = [row for row in load_journal(connection) if row.epoch == 0 and row.slot >= slot]
    return Remembered(
        state=state,
        final_slot=slot,
        log_length=length,
        journal=[decode_record(row.kind, row.slot, row.record) for row in rows],
        proposals=[row.proposal for row in load_proposals(connection, OPEN, _EVERY)][::-1],
        votes=load_open_votes(connection),
    )


def _append(state: ChainState, batch: Batch) -> ChainState:
    after = state.extend(batch)
    after.absorb()
    return after


@dataclass(frozen=True, slots=True)
class RememberedBody:
    """What the store knows of one body."""

    proposal: Proposal
    state: BodyState
    wraps: list[Wrap] = field(repr=False)
    final: bool
    """In the chain."""


def remember_bodies(
    connection: Connection, wanted: Callable[[Proposal], bool]
) -> list[RememberedBody]:
    """Every body this node holds or should hold; of two that name one record, the one held."""
    states = load_body_states(connection)
    found: dict[bytes, RememberedBody] = {}
    for row in load_proposals(connection, None, _EVERY):
        record, final = row.proposal.core.record, row.state in ("accepted", "rejected")
        holder, state = states.get(record, (row.proposal.id, BodyState.ANNOUNCED))
        held = record in states and holder == row.proposal.id
        open_or_final = final or row.state == OPEN
        if record in found and found[record].final and not final:
            continue
        if held or (holder == row.proposal.id and open_or_final and wanted(row.proposal)):
            wraps = load_wraps(connection, record)
            found[record] = RememberedBody(row.proposal, BodyState(state), wraps, final)
    return list(found.values())


def orphaned_records(connection: Connection) -> list[RecordId]:
    """Bodies whose proposals never became durable: the node stopped between the two."""
    known = {row.proposal.id for row in load_proposals(connection, None, _EVERY)}
    states = load_body_states(connection)
    return [RecordId(record) for record, (proposal, _) in states.items() if proposal not in known]
