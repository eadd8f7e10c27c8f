"""A clinical block in a proof: the patient's history behind it, and who decided on it.

Carries out the part of R-EXP3 that is about `patient_chain`. Of the blocks of the chain everything
is checked that needs neither the issuer's signature nor votes, each by the charter of its time.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

from .acts import GovernanceCore
from .blocks import Block, read_header
from .canonical import Fault, Fields, Value
from .charter import Charter
from .crypto import Signatures, tagged
from .patients import (
    History,
    check_accepted_numbers,
    check_patient,
    check_position,
    check_rejected_numbers,
    new_history,
    question_of,
)
from .proposals import Core, check_core, check_proposal, read_core
from .registry import Registry, delegates_in_force
from .votes import Vote, check_verdict, check_votes


@dataclass(slots=True)
class Versions:
    """The charter of every epoch so far, and the N BC of the amendment that ended each but one."""

    charters: list[Charter]
    ends: list[int] = field(default_factory=list)

    def of_block(self, n_bc: int) -> Charter:
        """The charter in force at a block."""
        return self.charters[bisect_left(self.ends, n_bc)]


@dataclass(frozen=True, slots=True)
class Standing:
    """What a clinical block is judged by besides its patient's history."""

    versions: Versions
    registry: Registry
    time_ms: int
    signatures: Signatures

    @property
    def charter(self) -> Charter:
        """The charter in force."""
        return self.versions.charters[-1]


def check_header_of(block: Block, proposal: bytes, time_ms: int) -> None:
    """Raise `Fault` unless the header is the proposal's, and that had not expired."""
    if block.header.proposal != proposal:
        raise Fault("R-ORD1", "the header names another proposal than the core's")
    if time_ms > block.core.expires_at_ms:
        raise Fault("R-ORD4", "the proposal had expired at the batch's time")


def check_clinical(
    block: Block, core: Core, votes: Sequence[Vote], entries: list[Value], standing: Standing
) -> None:
    """Raise `Fault` unless a block of a patient's chain is admissible as far as a proof shows."""
    header, charter, signatures = block.header, standing.charter, standing.signatures
    history = _read_history(entries, standing.versions, signatures, before=header.n_bc)
    proposal = check_proposal(core, block.encoded_core, block.signature, charter, signatures)
    check_header_of(block, proposal, standing.time_ms)
    if core.patient is None:
        if history is not None:
            raise Fault("R-EXP3", "a registration has a patient chain")
        history = new_history(core)
    if header.outcome == "rejected":
        check_rejected_numbers(core, header)
        _check_rejected_history(core.patient, core.seen_head, history)
        if history is not None:
            check_patient(core, history)
    elif history is None or (core.patient is not None and history.number != core.patient):
        raise Fault("R-EXP3", "the patient chain is not that of the block's patient")
    else:
        check_accepted_numbers(header, core.patient or header.n_pb, history)
        check_position(core, history, charter)

    def standing_in(attending: bytes) -> frozenset[bytes]:
        return delegates_in_force(
            standing.registry,
            attending=attending,
            patient=core.patient,
            proposal=proposal,
            time_ms=standing.time_ms,
            charter=charter,
        )

    question = question_of(core, proposal, history, charter, standing_in)
    check_votes(votes, question, charter, signatures)
    check_verdict(votes, question, header.outcome)


def _check_rejected_history(patient: int | None, seen_head: bytes, history: History | None) -> None:
    """A rejected block binds no history; what its issuer had seen is the best there is."""
    if patient is None or history is None:
        return
    if history.number != patient or history.head != seen_head:
        raise Fault("R-EXP3", "the patient chain does not end at what a rejected block has seen")


def _read_history(
    entries: list[Value], versions: Versions, signatures: Signatures, *, before: int
) -> History | None:
    """Return the history of a patient chain; its last hash is what binds it to the block."""
    history: History | None = None
    network, last_n_bc = versions.charters[0].network, 0
    for entry in entries:
        fields = Fields(entry, "a block of the patient chain", ("core", "header"))
        encoded = fields.binary("core")
        core = read_core(encoded)
        header = read_header(fields.binary("header"), network)
        if isinstance(core, GovernanceCore):
            raise Fault("R-EXP3", "a governance block in the patient chain")
        if header.outcome != "accepted":
            raise Fault("R-EXP3", "a rejected block in the patient chain")
        if header.proposal != tagged("proposal", network, encoded):
            raise Fault("R-ORD1", "a header of the patient chain names another proposal")
        if not last_n_bc < header.n_bc < before:
            raise Fault("R-ORD2", "the blocks of the patient chain do not ascend to the block")
        last_n_bc, charter = header.n_bc, versions.of_block(header.n_bc)
        check_core(core, charter, signatures)
        if (core.patient is None) != (history is None):
            raise Fault("R-EXP3", "the patient chain does not begin with the registration")
        if history is None:
            history = new_history(core)
            history.number = header.n_pb
        elif core.patient != history.number:
            raise Fault("R-EXP3", "the patient chain holds another patient's block")
        check_accepted_numbers(header, history.number, history)
        check_position(core, history, charter)
        history.append(core, header.hash)
    return history
