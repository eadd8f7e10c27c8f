"""Acts of governance signed on one's own machine and carried to any node (R-GOV1, R-GOV3)."""

from __future__ import annotations

import time

from medquorum.ledger.charter import Charter
from medquorum.ledger.keys import PublicKey
from medquorum.ledger.proposal import issue
from medquorum.ledger.types import ISSUERS, BlockHash, BlockType
from medquorum.node.client import NodeClient
from medquorum.node.clinical import ClinicalError
from medquorum.node.desk_governance import ACT_LIFETIME_MS, Assignment, Request
from medquorum.node.governance_issue import Issue, Subject, request_core
from medquorum.node.governance_views import ActReceipt
from medquorum.node.sealing import Grantor


async def propose_signed(
    client: NodeClient,
    charter: Charter,
    request: Request,
    hand: Grantor,
    lifetime_ms: int = ACT_LIFETIME_MS,
) -> ActReceipt:
    """Sign a request here and propose it; ClinicalError where the signer may not issue it.

    `charter` is the one in force.
    """
    subject = None
    if isinstance(request, Assignment):
        subject = await _subject(client, request.patient)
    now_ms = time.time_ns() // 1_000_000
    asked = Issue(charter.network_id, hand.address, now_ms, lifetime_ms)
    core = request_core(request, asked, subject)
    _check_issuer(charter, hand, core.type)
    proposal = issue(core, hand.sign)
    receipt = await client.propose_act(proposal.encoded())
    if receipt.proposal != proposal.id.hex():
        raise ClinicalError("R-PRO2: the node answers for another proposal; tell its operator")
    return receipt


def _check_issuer(charter: Charter, hand: Grantor, block_type: BlockType) -> None:
    member = charter.member(hand.address)
    if member is None:
        raise ClinicalError("R-GOV3: these keys are no member's of this network; see --home")
    if not charter.is_active(hand.address):
        raise ClinicalError(f"R-GOV7: {member.name} is suspended; an amendment reinstates members")
    if member.role not in ISSUERS[block_type]:
        allowed = " or ".join(sorted(role.value for role in ISSUERS[block_type]))
        raise ClinicalError(
            f"R-GOV3: a {member.role.value.replace('_', ' ')} does not issue "
            f"{block_type.value}; ask a {allowed} to"
        )


async def _subject(client: NodeClient, number: int) -> Subject:
    view = await client.patient(number)
    return Subject(
        view.n_pb,
        PublicKey(bytes.fromhex(view.public_key)),
        bytes.fromhex(view.patient_name),
        BlockHash(bytes.fromhex(view.head)),
    )
