"""The chain: everything the next block is checked against, through all epochs.

Carries out R-ORD2, R-ORD4, R-ORD5, R-ORD9 and R-ORD15, and of R-GOV5 what needs the whole chain.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .acts import (
    Act,
    Delegation,
    GovernanceCore,
    Opening,
    check_governance_proposal,
)
from .admission import Before, Effect, assent_of, check_act, check_governance_numbers
from .blocks import Block, Header, read_block
from .canonical import Fault
from .charter import Charter
from .crypto import Signatures
from .evidence import Occasion
from .patients import (
    History,
    check_accepted_numbers,
    check_patient,
    check_position,
    check_rejected_numbers,
    new_history,
    question_of,
)
from .proposals import Core, check_proposal
from .registry import Registry, after_act, after_batch, delegates_in_force, registry_hash
from .votes import Vote, check_verdict, check_votes, read_witness


@dataclass(frozen=True, slots=True)
class Enacted:
    """An accepted act of governance, the charter it was judged by, and what it made of it."""

    core: GovernanceCore
    header: Header
    votes: tuple[Vote, ...]
    time_ms: int
    before: Charter
    after: Charter | None


@dataclass(slots=True)
class Chain:
    """Blocks are appended one by one, and batches closed, under the charter of their epoch.

    `registry` and `parent_ms` are as the parent of the batch being appended left them; what the
    batch declares counts for clinical blocks from the next one on, for acts at once (R-GOV5).
    """

    founding: Charter
    signatures: Signatures
    next_n_bc: int = 1
    last_hash: bytes = b""
    histories: dict[int, History] = field(default_factory=dict)
    patient_keys: set[bytes] = field(default_factory=set)
    proposals: set[bytes] = field(default_factory=set)
    charters: list[Charter] = field(default_factory=list)
    amended: Charter | None = None
    registry: Registry = ()
    parent_ms: int = 0
    occasions: set[Occasion] = field(default_factory=set)
    enacted: list[Enacted] = field(default_factory=list)
    _declared: Registry = ()

    def __post_init__(self) -> None:
        self.last_hash = self.founding.network
        self.charters.append(self.founding)

    @property
    def charter(self) -> Charter:
        """The charter in force."""
        return self.charters[-1]

    def registry_hash(self) -> bytes:
        """The hash by which the next batch names the registry."""
        return registry_hash(self.registry, self.founding.network)

    def append(self, encoded_block: bytes, encoded_witness: bytes, time_ms: int) -> Block:
        """Check the next block as of the batch's time and take it; raise `Fault`."""
        block = read_block(encoded_block, self.charter.network)
        votes = read_witness(encoded_witness, self.charter.network)
        self._check_links(block.header)
        if self.amended is not None:
            raise Fault("R-GOV5", "a block follows an amendment in its batch")
        core = block.core
        if isinstance(core, GovernanceCore):
            self._append_act(block, core, votes, time_ms)
        else:
            self._append_clinical(block, core, votes, time_ms)
        self.next_n_bc += 1
        self.last_hash = block.header.hash
        self.proposals.add(block.header.proposal)
        return block

    def close_batch(self, time_ms: int) -> None:
        """Take the batch: what its blocks declared counts from the next one on."""
        self.registry = after_batch(self._declared, time_ms, self.proposals)
        self._declared = self.registry
        self.parent_ms = time_ms

    def end_epoch(self) -> None:
        """Put the amended charter in force."""
        if self.amended is not None:
            self.charters.append(self.amended)
            self.amended = None

    def _append_clinical(
        self, block: Block, core: Core, votes: tuple[Vote, ...], time_ms: int
    ) -> None:
        header, charter = block.header, self.charter
        proposal = check_proposal(
            core, block.encoded_core, block.signature, charter, self.signatures
        )
        self._check_new(header, proposal, core, time_ms)
        history = self._history(core)
        if header.outcome == "accepted":
            self._check_accepted(core, header, history)
        else:
            check_rejected_numbers(core, header)
            if history is not None:
                check_patient(core, history)

        def standing_in(attending: bytes) -> frozenset[bytes]:
            return delegates_in_force(
                self.registry,
                attending=attending,
                patient=core.patient,
                proposal=proposal,
                time_ms=time_ms,
                charter=charter,
            )

        question = question_of(core, proposal, history, charter, standing_in)
        check_votes(votes, question, charter, self.signatures)
        check_verdict(votes, question, header.outcome)
        if header.outcome == "accepted" and history is not None:
            history.number = header.n_pb
            self.histories[header.n_pb] = history
            self.patient_keys.add(core.patient_key)
            history.append(core, header.hash)

    def _append_act(
        self, block: Block, core: GovernanceCore, votes: tuple[Vote, ...], time_ms: int
    ) -> None:
        header, charter = block.header, self.charter
        proposal = check_governance_proposal(
            core, block.encoded_core, block.signature, charter, self.signatures
        )
        self._check_new(header, proposal, core, time_ms)
        check_governance_numbers(header)
        effect = Effect()
        if header.outcome == "accepted":
            before = Before(self.charters, self._declared, self.parent_ms, self.signatures)
            effect = check_act(core, before)
            self._check_first(core.act, effect)
        assent = assent_of(core, proposal, charter)
        check_votes(votes, assent, charter, self.signatures)
        check_verdict(votes, assent, header.outcome)
        if header.outcome == "accepted":
            self._enact(Enacted(core, header, votes, time_ms, charter, effect.charter), effect)

    def _enact(self, enacted: Enacted, effect: Effect) -> None:
        self._declared = after_act(
            self._declared,
            enacted.core.act,
            charter=self.charter,
            parent_ms=self.parent_ms,
            time_ms=enacted.time_ms,
        )
        self.amended = effect.charter
        if effect.occasion is not None:
            self.occasions.add(effect.occasion)
        self.enacted.append(enacted)

    def _check_first(self, act: Act, effect: Effect) -> None:
        """Raise `Fault` for what only the chain before shows to be wrong (R-GOV5)."""
        if isinstance(act, Opening) and act.proposal in self.proposals:
            raise Fault("R-GOV5", "a proposal is opened that has a block")
        if isinstance(act, Delegation):
            history = self.histories.get(act.patient)
            if history is None:
                raise Fault("R-GOV5", "the patient of a delegation is not registered")
            if self.charter.responsible(history.attending) != act.attending:
                raise Fault("R-GOV5", "a delegation by another than the patient's attending")
        if effect.occasion in self.occasions:
            raise Fault("R-GOV5", "evidence of what a block shows already")

    def _check_links(self, header: Header) -> None:
        if header.n_bc != self.next_n_bc:
            raise Fault("R-ORD2", "n_bc does not follow the block before")
        if header.hprevious != self.last_hash:
            raise Fault("R-ORD2", "hprevious is not the hash of the block before")

    def _check_new(
        self, header: Header, proposal: bytes, core: Core | GovernanceCore, time_ms: int
    ) -> None:
        if header.proposal != proposal:
            raise Fault("R-ORD1", "the header names another proposal than the core's")
        if proposal in self.proposals:
            raise Fault("R-ORD4", "the proposal is in the chain already")
        if time_ms > core.expires_at_ms:
            raise Fault("R-ORD4", "the proposal had expired at the batch's time")

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
