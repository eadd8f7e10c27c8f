"""The chain of blocks and the patients' histories in it.

Carries out R-ORD1 to R-ORD5, R-PRO4 to R-PRO8 as far as they need history, and R-VER1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from .canonical import NUMBER_MAX, RECORD, Fault, Fields, decode
from .charter import Charter
from .crypto import ZERO, Signatures, tagged
from .proposals import IMAGE_TYPES, Core, check_proposal, read_core
from .votes import Question, check_verdict, check_votes, read_witness

HEADER_FIELDS: Final = ("hpatient", "hprevious", "n_bc", "n_pa", "n_pb", "outcome", "proposal")


@dataclass(frozen=True, slots=True)
class Header:
    """A block header (R-ORD1) with its hash."""

    hpatient: bytes
    hprevious: bytes
    n_bc: int
    n_pa: int
    n_pb: int
    outcome: str
    proposal: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Block:
    """A block as it stands in a file."""

    core: Core
    encoded_core: bytes
    header: Header
    signature: bytes


def read_header(encoded: bytes, network: bytes) -> Header:
    """Return the block header held by canonical bytes."""
    fields = Fields(decode(encoded, RECORD), "the block header", HEADER_FIELDS)
    return Header(
        hpatient=fields.binary("hpatient", 32),
        hprevious=fields.binary("hprevious", 32),
        n_bc=fields.integer("n_bc", 1, NUMBER_MAX),
        n_pa=fields.integer("n_pa", high=NUMBER_MAX),
        n_pb=fields.integer("n_pb", high=NUMBER_MAX),
        outcome=fields.choice("outcome", ("accepted", "rejected")),
        proposal=fields.binary("proposal", 32),
        hash=tagged("block", network, encoded),
    )


def read_block(encoded: bytes, network: bytes) -> Block:
    """Return the block held by canonical bytes."""
    fields = Fields(decode(encoded, RECORD), "the block", ("core", "header", "signature"))
    encoded_core = fields.binary("core")
    return Block(
        core=read_core(encoded_core),
        encoded_core=encoded_core,
        header=read_header(fields.binary("header"), network),
        signature=fields.binary("signature", 64),
    )


@dataclass(slots=True)
class History:
    """One patient's accepted blocks, in order; `types` maps their hashes to their types.

    `number` is N PB, 0 until the registration is a block.
    """

    patient_key: bytes
    patient_name: bytes
    attending: bytes
    number: int = 0
    head: bytes = ZERO
    types: dict[bytes, str] = field(default_factory=dict)
    care_team: set[bytes] = field(default_factory=set)

    def append(self, core: Core, block_hash: bytes) -> None:
        """Take the patient's next accepted block."""
        if core.type == "medical_form":
            self.attending = core.doctor
        self.head = block_hash
        self.types[block_hash] = core.type
        self.care_team |= {core.doctor, core.issuer}


def new_history(core: Core) -> History:
    """Return the empty history of the patient a registration names."""
    return History(core.patient_key, core.patient_name, core.doctor)


def question_of(core: Core, proposal: bytes, history: History | None, charter: Charter) -> Question:
    """Return who decides on the proposal (R-VER1, R-VOT4); no history: nobody attends."""
    attending = history.attending if history else None
    panel = frozenset(doctor.address for doctor in charter.doctors)
    if charter.policies[core.type].panel == "care_team":
        panel &= {history.attending, *history.care_team} if history else set()
    return Question(proposal, core.type, attending, panel)


def check_patient(core: Core, history: History) -> None:
    """Raise `Fault` unless key and name are those registered, also of a rejected block (R-ORD5)."""
    if core.patient_key != history.patient_key:
        raise Fault("R-ORD4", "patient_key is not the registered one")
    if core.patient_name != history.patient_name:
        raise Fault("R-PRO5", "patient_name is not the registered one")


def check_position(core: Core, history: History, charter: Charter) -> None:
    """Raise `Fault` unless an accepted block fits the patient's history before it."""
    check_patient(core, history)
    if charter.policies[core.type].strict:
        if core.seen_head != history.head:
            raise Fault("R-PRO7", f"a {core.type} that has not seen the patient's head")
    elif core.registration is None and core.seen_head not in history.types:
        raise Fault("R-PRO7", "seen_head is no block of the patient")
    named = (*core.references, *([core.replaces] if core.replaces is not None else []))
    if any(block not in history.types for block in named):
        raise Fault("R-PRO8", "references or replaces name no block of the patient")
    if core.ai_inputs is not None:
        types = {history.types[block] for block in core.references}
        if not types & IMAGE_TYPES:
            raise Fault("R-PRO8", "an AI report references no image")


@dataclass(slots=True)
class Chain:
    """Everything the next block is checked against."""

    charter: Charter
    signatures: Signatures
    next_n_bc: int = 1
    last_hash: bytes = b""
    histories: dict[int, History] = field(default_factory=dict)
    patient_keys: set[bytes] = field(default_factory=set)
    proposals: set[bytes] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.last_hash = self.charter.network

    def append(self, encoded_block: bytes, encoded_witness: bytes, time_ms: int) -> Block:
        """Check the next block as of the batch's time and take it; raise `Fault`."""
        block = read_block(encoded_block, self.charter.network)
        votes = read_witness(encoded_witness, self.charter.network)
        self._check_links(block.header)
        core, header = block.core, block.header
        proposal = check_proposal(
            core, block.encoded_core, block.signature, self.charter, self.signatures
        )
        if header.proposal != proposal:
            raise Fault("R-ORD1", "the header names another proposal than the core's")
        if proposal in self.proposals:
            raise Fault("R-ORD4", "the proposal is in the chain already")
        if time_ms > core.expires_at_ms:
            raise Fault("R-ORD4", "the proposal had expired at the batch's time")
        history = self._history(core)
        if header.outcome == "accepted":
            self._check_accepted(core, header, history)
        else:
            check_rejected_numbers(core, header)
            if history is not None:
                check_patient(core, history)
        question = question_of(core, proposal, history, self.charter)
        check_votes(votes, question, self.charter, self.signatures)
        check_verdict(votes, question, header.outcome)
        self._take(block, history)
        return block

    def _check_links(self, header: Header) -> None:
        if header.n_bc != self.next_n_bc:
            raise Fault("R-ORD2", "n_bc does not follow the block before")
        if header.hprevious != self.last_hash:
            raise Fault("R-ORD2", "hprevious is not the hash of the block before")

    def _history(self, core: Core) -> History | None:
        return new_history(core) if core.patient is None else self.histories.get(core.patient)

    def _check_accepted(self, core: Core, header: Header, history: History | None) -> None:
        if history is None:
            raise Fault("R-ORD4", "the patient is not registered")
        if core.patient is None and core.patient_key in self.patient_keys:
            raise Fault("R-ORD4", "patient_key is registered already")
        number = len(self.histories) + 1 if core.patient is None else core.patient
        check_accepted_numbers(header, number, history)
        check_position(core, history, self.charter)

    def _take(self, block: Block, history: History | None) -> None:
        core, header = block.core, block.header
        self.next_n_bc += 1
        self.last_hash = header.hash
        self.proposals.add(header.proposal)
        if header.outcome == "accepted" and history is not None:
            history.number = header.n_pb
            self.histories[header.n_pb] = history
            self.patient_keys.add(core.patient_key)
            history.append(core, header.hash)


def check_accepted_numbers(header: Header, patient: int, history: History) -> None:
    """Raise `Fault` unless the header continues the patient's chain (R-ORD3)."""
    if header.n_pb != patient or patient < 1:
        raise Fault("R-ORD3", "n_pb is not the patient's number")
    if header.n_pa != len(history.types) + 1:
        raise Fault("R-ORD3", "n_pa does not follow the patient's block before")
    if header.hpatient != history.head:
        raise Fault("R-ORD3", "hpatient is not the hash of the patient's block before")


def check_rejected_numbers(core: Core, header: Header) -> None:
    """Raise `Fault` unless a rejected block takes no place in a patient's chain (R-ORD5)."""
    if (header.n_pa, header.hpatient, header.n_pb) != (0, ZERO, core.patient or 0):
        raise Fault("R-ORD5", "a rejected block claims a place in a patient's chain")
