"""Two statements that contradict each other: read, matched, and known by what they are about."""

from dataclasses import replace
from typing import Any

import pytest

from medquorum.ledger import canonical
from medquorum.ledger.certificate import Statement, state
from medquorum.ledger.errors import CodecError
from medquorum.ledger.evidence import (
    SignedHeader,
    evidence_key,
    parse_pair,
    parse_signed_header,
)
from medquorum.ledger.governance import EvidenceAct, EvidenceKind
from medquorum.ledger.hashing import Kind, tagged
from medquorum.ledger.signature import signer
from medquorum.ledger.types import BatchHash, Decision, OrderingKind, ProposalId, VoterRole
from medquorum.ledger.vote import Ballot, cast
from tests.ledger import record_kit as kit
from tests.ledger.mutations import mutations

CULPRIT = kit.address("doctor 1")
ONE, OTHER = BatchHash(kit.digest("one batch")), BatchHash(kit.digest("another batch"))
PROPOSAL = ProposalId(kit.digest("proposal"))
NOTAR, SKIP, FINAL = OrderingKind.NOTAR, OrderingKind.SKIP, OrderingKind.FINAL


def ordering(
    kind: OrderingKind, batch: BatchHash | None, slot: int = 5, epoch: int = 2, number: int = 1
) -> bytes:
    """A doctor's node's vote in ordering, signed."""
    sign = signer(kit.private_key("doctor 1 consensus"))
    return state(Statement(epoch, slot, kind, batch), number, kit.NETWORK, sign).encoded()


def clinical(
    decision: Decision, proposal: ProposalId = PROPOSAL, voter: str = "doctor 1", **said: Any
) -> bytes:
    """A doctor's vote on a proposal, signed."""
    ballot = Ballot(proposal, kit.address(voter), decision, **said)
    return cast(ballot, kit.NETWORK, signer(kit.private_key(f"{voter} clinical"))).encoded()


def header(**changes: Any) -> bytes:
    """A batch header of epoch 2, slot 5, with its leader's signature."""
    proposed = replace(kit.batch().header, epoch=2, slot=5, **changes)
    digest = tagged(Kind.BATCH_PROPOSAL, kit.NETWORK, proposed.hash())
    return SignedHeader(proposed, signer(kit.private_key("doctor 1 consensus"))(digest)).encoded()


def act(kind: EvidenceKind, first: bytes, second: bytes) -> EvidenceAct:
    """The act, its statements in order."""
    return EvidenceAct(CULPRIT, kind, *sorted((first, second)))


CONVICTING = {
    EvidenceKind.TWO_NOTARS: act(
        EvidenceKind.TWO_NOTARS, ordering(NOTAR, ONE), ordering(NOTAR, OTHER)
    ),
    EvidenceKind.SKIP_AND_FINAL: act(
        EvidenceKind.SKIP_AND_FINAL, ordering(SKIP, None), ordering(FINAL, ONE)
    ),
    EvidenceKind.TWO_FINALS: act(
        EvidenceKind.TWO_FINALS, ordering(FINAL, ONE), ordering(FINAL, OTHER)
    ),
    EvidenceKind.NOTAR_AND_FINAL: act(
        EvidenceKind.NOTAR_AND_FINAL, ordering(NOTAR, ONE), ordering(FINAL, OTHER)
    ),
    EvidenceKind.TWO_PROPOSALS: act(
        EvidenceKind.TWO_PROPOSALS, header(time_ms=1), header(time_ms=2)
    ),
    EvidenceKind.TWO_VOTES: act(
        EvidenceKind.TWO_VOTES, clinical(Decision.APPROVE), clinical(Decision.REJECT)
    ),
}


@pytest.mark.parametrize("kind", EvidenceKind)
def test_each_contradiction_is_read_and_known(kind: EvidenceKind) -> None:
    """R-GOV5, R-SIM11: by culprit, kind and epoch, or the proposal."""
    shown = CONVICTING[kind]
    first, second = parse_pair(shown)
    assert (first.encoded(), second.encoded()) == (shown.first, shown.second)
    about = (0, PROPOSAL) if kind is EvidenceKind.TWO_VOTES else (2, None)
    assert evidence_key(shown) == (CULPRIT, kind, *about)


@pytest.mark.parametrize("kind", EvidenceKind)
def test_a_contradiction_is_of_its_own_kind_only(kind: EvidenceKind) -> None:
    """R-GOV5: no evidence is shown a second time under another name."""
    for other in EvidenceKind:
        if other is not kind:
            with pytest.raises(CodecError):
                parse_pair(replace(CONVICTING[kind], kind=other))


@pytest.mark.parametrize("kind", EvidenceKind)
def test_the_statements_ascend(kind: EvidenceKind) -> None:
    """R-GOV5: one order, and never the same statement twice."""
    shown = CONVICTING[kind]
    for pair in ((shown.second, shown.first), (shown.first, shown.first)):
        with pytest.raises(CodecError, match="R-GOV5: the statements ascend"):
            parse_pair(EvidenceAct(CULPRIT, kind, *pair))


HARMLESS = {
    "notar after skip": (EvidenceKind.TWO_NOTARS, ordering(SKIP, None), ordering(NOTAR, ONE)),
    "notar and final of one batch": (
        EvidenceKind.NOTAR_AND_FINAL, ordering(NOTAR, ONE), ordering(FINAL, ONE),
    ),
    "another slot": (
        EvidenceKind.TWO_FINALS, ordering(FINAL, ONE), ordering(FINAL, OTHER, slot=6),
    ),
    "another epoch": (
        EvidenceKind.TWO_FINALS, ordering(FINAL, ONE), ordering(FINAL, OTHER, epoch=3),
    ),
    "another signer": (
        EvidenceKind.TWO_FINALS, ordering(FINAL, ONE), ordering(FINAL, OTHER, number=2),
    ),
    "another leader": (
        EvidenceKind.TWO_PROPOSALS, header(leader=1, time_ms=1), header(leader=2, time_ms=2),
    ),
    "another proposal": (
        EvidenceKind.TWO_VOTES,
        clinical(Decision.APPROVE),
        clinical(Decision.REJECT, ProposalId(kit.digest("another"))),
    ),
    "another voter": (
        EvidenceKind.TWO_VOTES,
        clinical(Decision.APPROVE),
        clinical(Decision.REJECT, voter="doctor 2"),
    ),
    "nobody accused": (
        EvidenceKind.TWO_VOTES,
        clinical(Decision.APPROVE, voter="doctor 2"),
        clinical(Decision.REJECT, voter="doctor 2"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "first", "second"), HARMLESS.values(), ids=HARMLESS.keys())
def test_what_an_honest_member_signs_is_no_evidence(
    kind: EvidenceKind, first: bytes, second: bytes
) -> None:
    """R-GOV5, R-SIM6, R-SIM11: other slots, epochs, signers; and what the rules allow."""
    with pytest.raises(CodecError, match="R-GOV5: the statements do not contradict"):
        parse_pair(act(kind, first, second))


def test_one_vote_signed_twice_is_no_second_vote() -> None:
    """R-GOV5, R-SIG4: ids do not cover signatures; any field of the ballot makes another vote."""
    vote = canonical.decode(clinical(Decision.APPROVE))
    again = canonical.encode({**vote, "signature": vote["signature"][::-1]})
    with pytest.raises(CodecError, match="R-GOV5: the statements do not contradict"):
        parse_pair(act(EvidenceKind.TWO_VOTES, canonical.encode(vote), again))
    other = clinical(Decision.APPROVE, role=VoterRole.ATTENDING)
    parse_pair(act(EvidenceKind.TWO_VOTES, canonical.encode(vote), other))


def test_a_signed_header_is_read_back_and_nothing_else() -> None:
    """R-ORD14, R-CAN5: its two fields, each checked."""
    encoded = header()
    signed = parse_signed_header(encoded)
    assert signed.encoded() == encoded
    accepted = 0
    for where, changed in mutations(canonical.decode(encoded)):
        try:
            other = parse_signed_header(canonical.encode(changed))
        except CodecError:
            continue
        accepted += 1
        assert other != signed, where
    assert accepted > 0
