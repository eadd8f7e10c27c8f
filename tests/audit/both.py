"""Asking both verifiers of an export whose last batch a quorum made final, whatever it breaks."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from medquorum.consensus.pool import Candidate
from medquorum.ledger.chain import ChainBuilder
from medquorum.ledger.charter import TypePolicy
from medquorum.ledger.charter_rules import default_policy
from medquorum.ledger.proposal import Proposal
from medquorum.ledger.types import (
    BlockType,
    Decision,
    Outcome,
    Panel,
)
from medquorum.ledger.types import VoterRole as Role
from tests.audit.test_against_product import by_product, independently
from tests.consensus.batches import forced
from tests.consensus.test_certification import finalised_export
from tests.support.chains import Chain
from tests.support.network import (
    candidate,
    make_network,
    propose,
    registration,
    vote,
    witness,
)

APPROVE, REJECT = Decision.APPROVE, Decision.REJECT
ACCEPTED, REJECTED = Outcome.ACCEPTED, Outcome.REJECTED
XRAY_POLICY = replace(default_policy(BlockType.XRAY), auto_policies=("quality",))
TEAM = TypePolicy(Panel.CARE_TEAM, False)


def begun(report: Outcome | None = None, **policies: TypePolicy) -> Chain:
    """Patients 1 and 2 in slot 1, both attended by doctor 0; results are the care team's.

    With a report of patient 1 by doctor 1, decided on so.
    """
    own = {BlockType(kind): policy for kind, policy in policies.items()}
    shared = {BlockType.XRAY: XRAY_POLICY, BlockType.TEST_RESULT: TEAM}
    chain = Chain(make_network(policies={**shared, **own}))
    for name in ("patient 1", "patient 2"):
        chain.stage(registration(chain.network, name))
    if report is not None:
        doctor = chain.network.doctors[1]
        written = propose(chain.network, chain.view, BlockType.REPORT, issuer=doctor)
        chain.stage(written, outcome=report)
    chain.close()
    return chain


def both(chain: Chain, export: bytes) -> bool:
    """What both verifiers say of an export: they must agree, height included."""
    found = by_product(export, chain.network)
    assert independently(export, chain.network) == found
    return found[0]


def decided(chain: Chain, *candidates: Candidate) -> bool:
    """Both verifiers' judgement of one more batch of these."""
    builder = ChainBuilder(chain.state)
    blocks = []
    for one in candidates:
        block = builder.place(one.proposal, one.outcome)
        builder.append(block)
        blocks.append((block, one.witness))
    return both(chain, finalised_export(chain, forced(chain, blocks)))


def agreed(chain: Chain, proposal: Proposal, outcome: Outcome = ACCEPTED) -> bool:
    """Both verifiers' judgement of a proposal on which all doctors agree."""
    return decided(chain, candidate(chain.network, proposal, chain.state, outcome=outcome))


Said = dict[str, Any]


def voted(
    chain: Chain, proposal: Proposal, said: Sequence[Said | None], outcome: Outcome = ACCEPTED
) -> bool:
    """The same with votes of doctors 0, 1, 2, ...; none where a doctor is silent."""
    shown = []
    for doctor, one in zip(chain.network.doctors, said, strict=False):
        if one is not None:
            fields = {"decision": APPROVE, **one}
            decision = fields.pop("decision")
            shown.append(vote(chain.network, proposal, doctor, decision, **fields))
    return decided(chain, Candidate(proposal, outcome, witness(shown)))


CONSENT: Said = {"role": Role.ATTENDING}
PEER: Said = {}
AGAINST: Said = {"decision": REJECT}
