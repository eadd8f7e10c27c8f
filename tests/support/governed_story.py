"""One chain with every act of governance, told once and shared by all tests."""

from functools import cache

from medquorum.consensus.ordering.evidence import (
    Contradiction,
    ProposalEvidence,
    VoteEvidence,
)
from medquorum.consensus.proven import act_of, act_of_votes
from medquorum.ledger.certificate import Statement, state
from medquorum.ledger.change import (
    Admit,
    Reinstate,
    Revoke,
    RotateKey,
    SetAbsenceRule,
    SetMode,
    SetPolicy,
    Suspend,
)
from medquorum.ledger.charter import AbsenceRule, TypePolicy
from medquorum.ledger.evidence import SignedHeader
from medquorum.ledger.governance import (
    AbsenceAct,
    Amendment,
    DelegationAct,
    EvidenceAct,
    OpeningAct,
)
from medquorum.ledger.hashing import Kind, tagged
from medquorum.ledger.keys import Purpose
from medquorum.ledger.types import (
    BatchHash,
    BlockType,
    Decision,
    OrderingKind,
    Panel,
    QuorumMode,
    VoterRole,
)
from tests.ledger.charter_kit import signer_of
from tests.ledger.governance_kit import newcomer, rekeyed
from tests.support.governed import Governed
from tests.support.network import HOSPITAL, address, digest, propose, registration, vote

NEW = "Dr. New"
HOUR_MS = 3_600_000


@cache
def governed() -> Governed:
    """Seven charters; nobody may change what is returned."""
    chain = Governed()
    _registry(chain)
    _evidence(chain)
    _members(chain)
    _rules(chain)
    return chain


def _registry(chain: Governed) -> None:
    """Absence, delegation, opening and another attending, each with a block that rests on it."""
    network, (first, second, third, fourth) = chain.network, chain.network.doctors
    chain.approve(registration(network))
    chain.approve(registration(network, "patient 2", doctor=second))
    chain.close()
    from_ms, to_ms = chain.time_ms, chain.time_ms + 100 * HOUR_MS
    chain.govern(AbsenceAct(address(first), address(second), from_ms, to_ms), first, [second])
    chain.govern(DelegationAct(address(second), address(third), 2), second, [third])
    waiting = propose(network, chain.view, BlockType.CT)
    opening = OpeningAct(address(first), address(fourth), waiting.id)
    chain.govern(opening, HOSPITAL, [second, third, fourth])
    chain.close(final=False)
    peer, delegate = VoterRole.PEER, VoterRole.DELEGATE
    chain.approve(
        propose(network, chain.view, BlockType.TEST_RESULT),
        {second: delegate, third: peer, fourth: peer},
    )
    chain.approve(
        propose(network, chain.view, BlockType.PET, 2), {first: peer, third: delegate, fourth: peer}
    )
    chain.close(after_ms=80 * HOUR_MS)
    chain.approve(waiting, {fourth: delegate, second: peer, third: peer})
    chain.govern(AbsenceAct(address(first), None, 0, 0), first, [])
    chain.govern(DelegationAct(address(second), None, 2), second, [])
    chain.close()
    chain.approve(propose(network, chain.view, BlockType.ATTENDING, 2, doctor=address(fourth)))
    chain.close()
    chain.approve(propose(network, chain.view, BlockType.XRAY, 2))
    chain.close()


def _evidence(chain: Governed) -> None:
    """An equivocating node, an equivocating leader, a doctor with two minds."""
    network = chain.network
    signed = [
        state(
            Statement(0, 40, OrderingKind.NOTAR, BatchHash(digest(label))),
            2,
            network.id,
            signer_of(network.doctors[2], Purpose.CONSENSUS),
        )
        for label in ("one", "another")
    ]
    pair = VoteEvidence(Contradiction.TWO_NOTARS, 2, 40, signed[0], signed[1])
    chain.govern(act_of(pair, address(network.doctors[2])), network.doctors[0], [])
    header = chain.entries[0].batch.header
    chain.govern(two_proposals(chain, header.leader), network.doctors[3], [])
    proposal = propose(network, chain.view, BlockType.CT)
    minds = [vote(network, proposal, network.doctors[1], one) for one in list(Decision)[:2]]
    chain.govern(act_of_votes(*minds), network.doctors[2], [])
    chain.close()


def two_proposals(chain: Governed, leader: int) -> EvidenceAct:
    """A leader's two batches for the first slot."""
    name = chain.network.doctors[leader]
    headers = []
    for batch in (chain.entries[0].batch, chain.entries[1].batch):
        header = batch.header
        same_slot = type(header)(
            **{
                **{field: getattr(header, field) for field in header.__dataclass_fields__},
                "slot": 1,
                "leader": leader,
                "parent_slot": 0,
            }
        )
        signing = tagged(Kind.BATCH_PROPOSAL, chain.network.id, same_slot.hash())
        signature = signer_of(name, Purpose.CONSENSUS)(signing)
        headers.append(SignedHeader(same_slot, signature))
    evidence = ProposalEvidence(Contradiction.TWO_PROPOSALS, leader, 1, headers[0], headers[1])
    return act_of(evidence, address(name))


def _amend(chain: Governed, *changes: object, issuer: str = HOSPITAL, tail: int = 0) -> None:
    amendment = Amendment(chain.state.charter.version, changes)  # type: ignore[arg-type]
    chain.govern(amendment, issuer)
    chain.close(tail=tail)


def _members(chain: Governed) -> None:
    """Admission, rotation with a tail, revocation with a successor, suspension."""
    network, (first, second, third, fourth) = chain.network, chain.network.doctors
    chain.approve(propose(network, chain.view, BlockType.CT))
    _amend(chain, Admit(newcomer(NEW)))
    chain.approve(propose(network, chain.view, BlockType.PET))
    chain.close()
    member = chain.state.charter.member(address(second))
    assert member is not None
    again = "the second doctor's next key"
    chain.labels[address(second)] = again
    rotated = rekeyed(member, again, Purpose.CONSENSUS)
    del chain.labels[address(second)]
    amendment = Amendment(chain.state.charter.version, (RotateKey(rotated),))
    chain.govern(amendment, second)
    chain.close(tail=2)
    chain.labels[address(second)] = again
    stale = Amendment(chain.state.charter.version, (Revoke(address(third), address(first)),))
    chain.govern(stale, HOSPITAL, reject=True)
    chain.approve(propose(network, chain.view, BlockType.CT))
    chain.close()
    _amend(chain, Revoke(address(first), address(second)))
    chain.approve(
        propose(network, chain.view, BlockType.REPORT, issuer=fourth, doctor=address(second))
    )
    chain.close()
    _amend(chain, Suspend(address(fourth), address(NEW)), tail=1)
    chain.approve(propose(network, chain.view, BlockType.CT, 2, doctor=address(NEW)))
    chain.close()


def _rules(chain: Governed) -> None:
    """Mode, policy, absence rule, and a doctor who comes back, in one amendment."""
    network, fourth = chain.network, chain.network.doctors[3]
    care = TypePolicy(Panel.CARE_TEAM, strict=False)
    _amend(
        chain,
        SetMode(QuorumMode.MAJORITY),
        SetPolicy(BlockType.CT, care),
        SetAbsenceRule(AbsenceRule(10, 5)),
        Reinstate(address(fourth)),
    )
    chain.approve(propose(network, chain.view, BlockType.CT, 2))
    chain.close()
    chain.close()
