"""A proof of one block: the charter in force, its batch, its place there, the patient's history.

Carries out R-EXP3. Without the chain before it, a proof cannot show that the proposal or the
patient's key is new, nor what else R-EXP3 names; the quorum that made the batch final answers for
that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .acts import GovernanceCore, check_governance_proposal
from .admission import Before, assent_of, check_act, check_governance_numbers
from .batches import (
    BatchHeader,
    Tip,
    check_batch_after,
    check_batch_alone,
    check_tail,
    first_tip,
    next_epoch_tip,
    read_batch_header,
    tip_after,
)
from .blocks import Block, read_block
from .canonical import FRAME, Fault, Fields, Tampered, decode
from .certificates import check_final, read_certificate
from .chain import Enacted
from .charter import Charter
from .crypto import Signatures, root_of_path
from .proven_history import Standing, Versions, check_clinical, check_header_of
from .registry import Registry, read_registry, registry_hash
from .votes import check_verdict, check_votes, read_witness

PLACE_FIELDS: Final = (
    "block",
    "block_path",
    "certificate",
    "headers",
    "index",
    "witness",
    "witness_path",
)
PROOF_FIELDS: Final = (*PLACE_FIELDS, "epochs", "format", "patient_chain", "registry")


@dataclass(frozen=True, slots=True)
class Proven:
    """A block shown to be final, how many batch headers showed it, and the charters until then."""

    block: Block
    batches: int
    charters: tuple[Charter, ...]
    enacted: tuple[Enacted, ...]


def audit_proof(encoded: bytes, charter: Charter, signatures: Signatures) -> Proven:
    """Return the block that a proof proves; raise `Tampered`, at height 0 if it has no number."""
    height = 0
    try:
        fields = Fields(decode(encoded, FRAME), "the proof", PROOF_FIELDS)
        if fields.text("format") != "medquorum/proof/1":
            raise Fault("R-EXP3", "the file is not of format medquorum/proof/1")
        height = read_block(fields.binary("block"), charter.network).header.n_bc
        auditor = ProofAudit(charter, signatures)
        for epoch in fields.entries("epochs"):
            auditor.take_epoch(Fields(epoch, "an epoch of the proof", PLACE_FIELDS))
        return auditor.judge(fields)
    except Fault as fault:
        raise Tampered(height, fault) from None


class ProofAudit:
    """Follows a proof from epoch to epoch to its block; everything raises `Fault`."""

    def __init__(self, charter: Charter, signatures: Signatures) -> None:
        self._signatures = signatures
        self._versions = Versions([charter])
        self._tip = first_tip(charter)
        self._enacted: list[Enacted] = []
        self._batches = 0

    @property
    def _charter(self) -> Charter:
        return self._versions.charters[-1]

    def take_epoch(self, fields: Fields) -> None:
        """Put the charter in force that the amendment which ended an epoch made."""
        block, headers = self._placed(fields)
        charter = None
        if isinstance(block.core, GovernanceCore):
            charter = self._judge_act(fields, block, block.core, headers, ())
        if charter is None:
            raise Fault("R-EXP3", "an epoch ends with something other than an accepted amendment")
        self._check_certificate(fields, headers)
        self._versions.charters.append(charter)
        self._versions.ends.append(block.header.n_bc)
        self._tip = next_epoch_tip(headers[0])

    def judge(self, fields: Fields) -> Proven:
        """Return what the proof proves of its block."""
        block, headers = self._placed(fields)
        batch, core = headers[0], block.core
        registry = read_registry(fields.entries("registry"))
        if batch.registry_hash != registry_hash(registry, self._charter.network):
            raise Fault("R-ORD15", "the registry is not the one the batch names")
        if isinstance(core, GovernanceCore):
            if fields.entries("patient_chain"):
                raise Fault("R-EXP3", "a governance block has a patient chain")
            self._judge_act(fields, block, core, headers, registry)
        else:
            votes = read_witness(fields.binary("witness"), self._charter.network)
            standing = Standing(self._versions, registry, batch.time_ms, self._signatures)
            check_clinical(block, core, votes, fields.entries("patient_chain"), standing)
        self._check_certificate(fields, headers)
        return Proven(block, self._batches, tuple(self._versions.charters), tuple(self._enacted))

    def _placed(self, fields: Fields) -> tuple[Block, list[BatchHeader]]:
        """Return block and headers after what their form, links and places show."""
        network = self._charter.network
        block = read_block(fields.binary("block"), network)
        headers = [read_batch_header(one, network) for one in fields.binaries("headers")]
        self._check_headers(headers)
        _check_place(fields, block, headers[0], network)
        self._batches += len(headers)
        return block, headers

    def _check_headers(self, headers: list[BatchHeader]) -> None:
        if not headers:
            raise Fault("R-EXP3", "the proof has no batch header")
        first = headers[0]
        tip: Tip | None = self._tip if first.parent_slot == 0 else None
        if first.first_nbc < self._tip.next_nbc or first.time_ms <= self._tip.time_ms:
            raise Fault("R-EXP3", "a batch lies before the epoch that is shown to hold it")
        for header in headers:
            check_batch_alone(header, self._charter)
            if tip is not None:
                check_batch_after(header, tip)
            tip = tip_after(header)

    def _check_certificate(self, fields: Fields, headers: list[BatchHeader]) -> None:
        certificate = read_certificate(fields.binary("certificate"))
        last = headers[-1]
        check_final(certificate, last.slot, last.hash, self._charter, self._signatures)

    def _judge_act(
        self,
        fields: Fields,
        block: Block,
        core: GovernanceCore,
        headers: list[BatchHeader],
        registry: Registry,
    ) -> Charter | None:
        """Return the charter that an accepted amendment makes; none of any other act."""
        header, charter, signatures = block.header, self._charter, self._signatures
        batch = headers[0]
        proposal = check_governance_proposal(
            core, block.encoded_core, block.signature, charter, signatures
        )
        check_header_of(block, proposal, batch.time_ms)
        check_governance_numbers(header)
        made = None
        if header.outcome == "accepted":
            parent_ms = self._tip.time_ms if batch.parent_slot == 0 else None
            index = fields.integer("index")
            declared = registry if index == 0 else None
            before = Before(self._versions.charters, declared, parent_ms, signatures)
            made = check_act(core, before).charter
        votes = read_witness(fields.binary("witness"), charter.network)
        assent = assent_of(core, proposal, charter)
        check_votes(votes, assent, charter, signatures)
        check_verdict(votes, assent, header.outcome)
        if made is not None:
            if fields.integer("index") != batch.count - 1:
                raise Fault("R-GOV5", "a block follows an amendment in its batch")
            for tail in headers[1:]:
                check_tail(tail)
        if header.outcome == "accepted":
            self._enacted.append(Enacted(core, header, votes, batch.time_ms, charter, made))
        return made


def _check_place(fields: Fields, block: Block, batch: BatchHeader, network: bytes) -> None:
    index = fields.integer("index")
    if index >= batch.count:
        raise Fault("R-EXP3", "the index lies beyond the batch")
    for name, path_name, root in (
        ("block", "block_path", batch.blocks_root),
        ("witness", "witness_path", batch.witness_root),
    ):
        path = fields.binaries(path_name, 32)
        if root_of_path(fields.binary(name), index, batch.count, path) != root:
            raise Fault("R-MRK2", f"{path_name} does not lead to the batch's root")
    header = block.header
    if header.n_bc != batch.first_nbc + index:
        raise Fault("R-ORD2", "n_bc is not that of the block's place in the batch")
    if index == batch.count - 1 and header.hash != batch.last_block_hash:
        raise Fault("R-ORD7", "last_block_hash is not the hash of the batch's last block")
    if header.n_bc == 1 and header.hprevious != network:
        raise Fault("R-ORD2", "hprevious of the first block is not the network id")
