"""What a node needs before it speaks: its keys, its charter, what its store remembers.

Everything that can be wrong with a start is found here, with one clear sentence each.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine

from medquorum.consensus.admission import judge_vote
from medquorum.consensus.ordering.application import LoggedBatch
from medquorum.consensus.ordering.journal import decode_record
from medquorum.consensus.replica import Remembered
from medquorum.ledger.batch import Batch
from medquorum.ledger.ceremony import open_charter, parse_charter_file
from medquorum.ledger.chain import ChainState, genesis
from medquorum.ledger.charter import Charter
from medquorum.ledger.errors import LedgerError
from medquorum.ledger.keys import Address
from medquorum.ledger.proposal import Proposal
from medquorum.ledger.reasons import ACCEPT
from medquorum.ledger.signature import verify
from medquorum.ledger.types import RecordId
from medquorum.ledger.vote import Vote
from medquorum.ledger.wrap import Wrap
from medquorum.node.bodies import BodyState
from medquorum.node.charters import Charters
from medquorum.node.config import UNLOCK_FILE_VARIABLE, NodeConfig
from medquorum.node.keystore import (
    Keystore,
    KeystoreError,
    KeystorePublic,
    open_keystore,
    read_passphrase_file,
)
from medquorum.node.membership import NODE_PURPOSES, Membership
from medquorum.node.store.chain_rows import (
    load_batches,
    load_epoch_ends,
    load_journal,
    log_length,
)
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


def load_membership(config: NodeConfig) -> Membership:
    """Open keystore and founding charter and name this node's member; StartError otherwise.

    That the charter does not name it, or names other keys, is no error: an amendment that this
    node has not seen yet may (R-GOV7).
    """
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
    absent = [purpose for purpose in NODE_PURPOSES if purpose not in keystore.purposes]
    if absent:
        raise StartError(
            f"the keystore has no {' and no '.join(absent)} key; restore the keystore from which "
            "this member's request was made"
        )
    membership = Membership(charter_file, own_address(charter, keystore.public), keystore)
    if config.auto_votes.policies and membership.policy_hand() is None:
        raise StartError(
            "auto_votes.policies in node.toml needs the doctor's policy key, which this keystore "
            "does not have; leave it empty, or make the keys with --policy-key"
        )
    return membership


def own_address(charter: Charter, keystore: KeystorePublic) -> Address:
    """Whose keystore this is: the address it names, or the member that has one of its keys."""
    owner = Address(keystore.owner)
    if charter.member(owner) is not None:
        return owner
    points = {bytes.fromhex(point) for point in keystore.public_keys.values()}
    for member in charter.members:
        keys = set(member.named_keys().values())
        if keys & points or member.tls_certificate == keystore.certificate_der:
            return member.address
    return owner


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
    """The ledger through all its epochs, the journal of this one, and everything open.

    `charter` is the founding one; the others follow from the amendments (R-GOV6, R-GOV8).
    """
    state, slot, length = genesis(charter), 0, log_length(connection)
    for first in range(0, length, _PAGE):
        for final in load_batches(connection, first, _PAGE):
            state, slot = _append(state, final.batch), final.batch.header.slot
            if state.amended is not None:
                state, slot = state.next_epoch(), 0
    epoch = state.charter.version
    proposals = [row.proposal for row in load_proposals(connection, OPEN, _EVERY)][::-1]
    rows = [row for row in load_journal(connection, epoch) if row.slot >= slot]
    return Remembered(
        state=state,
        final_slot=slot,
        log_length=length,
        journal=[decode_record(row.kind, row.slot, row.record) for row in rows],
        proposals=proposals,
        votes=_counting(load_open_votes(connection), proposals, state),
    )


def _counting(votes: list[Vote], proposals: list[Proposal], state: ChainState) -> list[Vote]:
    """The votes whose keys the charter in force names: others no longer count (R-GOV8)."""
    if state.charter.version == 0:
        return votes
    cores = {proposal.id: proposal.core for proposal in proposals}
    return [
        vote
        for vote in votes
        if (core := cores.get(vote.ballot.proposal)) is not None
        and judge_vote(vote, core, state.charter, state.network, verify) == ACCEPT
    ]


def _append(state: ChainState, batch: Batch) -> ChainState:
    after = state.extend(batch)
    after.absorb()
    return after


def charters_of(connection: Connection, state: ChainState) -> Charters:
    """Every charter of a remembered ledger, and since when each is in force."""
    return Charters(state.charters, load_epoch_ends(connection)[: len(state.earlier)])


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
