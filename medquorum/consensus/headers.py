"""What a batch header and its justification must say, for verifiers (R-ORD7 to R-ORD16)."""

from __future__ import annotations

from medquorum.consensus.composition import seal_holds
from medquorum.ledger import merkle
from medquorum.ledger.batch import BatchHeader
from medquorum.ledger.certificate import Certificate, verify_certificate
from medquorum.ledger.chain import ChainState
from medquorum.ledger.charter import Charter
from medquorum.ledger.signature import Verifier, verify
from medquorum.ledger.types import BatchHash, OrderingKind


def header_fault(
    header: BatchHeader, parent_slot: int, parent: BatchHash, state: ChainState
) -> str | None:
    """The rule a batch header breaks against its parent and the chain before it, if any."""
    checks = (
        ((header.parent_slot, header.parent_hash) == (parent_slot, parent), "R-ORD7: parent"),
        (header.first_nbc == state.n_bc + 1, "R-ORD7: first_nbc"),
        (header.time_ms > state.time_ms, "R-ORD13: time does not advance"),
        (header.registry_hash == state.registry_hash(), "R-ORD15: registry"),
    )
    broken = next((rule for holds, rule in checks if not holds), None)
    return broken or lone_header_fault(header, state.charter)


def lone_header_fault(header: BatchHeader, charter: Charter) -> str | None:
    """The rule a batch header of a charter's epoch breaks whatever precedes it, if any."""
    leader = (header.epoch + header.slot) % len(charter.doctors)
    checks = (
        (header.network == charter.network_id, "R-HASH3: another network"),
        (header.epoch == charter.version, "R-ORD9: another epoch"),
        (header.slot > header.parent_slot, "R-ORD7: the slot does not advance"),
        (header.leader == leader, "R-ORD9: leader"),
        (header.count <= charter.ordering.batch_blocks, "R-ORD8: too many blocks"),
        (header.charter_version == charter.version, "R-ORD7: charter version"),
        (
            seal_holds(header.hash(), header.seal_nonce, charter.seal_difficulty_bits),
            "R-ORD16: seal",
        ),
    )
    return next((rule for holds, rule in checks if not holds), None)


def justified(
    header: BatchHeader,
    justification: tuple[Certificate, ...],
    charter: Charter,
    check: Verifier = verify,
) -> bool:
    """Whether the parent and every skipped slot are certified (R-ORD12)."""
    electorate = charter.electorate()
    rest = list(justification)
    if merkle.root([one.encoded() for one in rest]) != header.justification_root:
        return False
    if header.parent_slot > 0:
        if not rest:
            return False
        parent = rest.pop(0)
        about_parent = (
            parent.statement.slot == header.parent_slot
            and parent.statement.hash == header.parent_hash
            and parent.statement.kind is not OrderingKind.SKIP
        )
        if not about_parent or not verify_certificate(parent, electorate, check):
            return False
    skipped = range(header.parent_slot + 1, header.slot)
    return len(rest) == len(skipped) and all(
        one.statement.kind is OrderingKind.SKIP
        and one.statement.slot == slot
        and verify_certificate(one, electorate, check)
        for one, slot in zip(rest, skipped, strict=True)
    )
