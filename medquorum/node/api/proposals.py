"""Proposals and votes: what is being decided."""

from __future__ import annotations

from aiohttp import web

from medquorum.ledger.limits import RECORD
from medquorum.node.api.answers import json_answer
from medquorum.node.api.blind import all_blinded, blinded, blinded_why, inbox_blinded
from medquorum.node.api.bodies import read_model, read_octets
from medquorum.node.api.idempotency import answer_once
from medquorum.node.api.limits import BODY_BYTES
from medquorum.node.api.operation import JSON, OCTETS, Call, Content, operation
from medquorum.node.api.parameters import NoParameters
from medquorum.node.api.permissions import Right
from medquorum.node.api.schemas import (
    ProposalList,
    ProposalPath,
    ProposalQuery,
    SealedSubmission,
)
from medquorum.node.desk import Receipt, VoteReceipt
from medquorum.node.views import ProposalView, WhyView


@operation(
    "POST",
    "/v1/proposals",
    right=Right.SEALED,
    tag="Proposals",
    accepts=Content(JSON, SealedSubmission),
    answers=Content(JSON, Receipt),
    status=201,
    repeatable=True,
)
async def propose_sealed(call: Call[NoParameters]) -> web.StreamResponse:
    """Propose what was sealed and signed elsewhere

    For a doctor's command line or page. Put the sealed chunks first.
    """
    sealed = await read_model(call.request, SealedSubmission, BODY_BYTES)
    content = b"".join((sealed.proposal, *sealed.wraps))
    return await answer_once(
        call, content, Receipt, lambda: call.desk.accept_sealed(sealed.proposal, sealed.wraps)
    )


@operation(
    "GET",
    "/v1/proposals",
    right=Right.PROPOSALS,
    tag="Proposals",
    parameters=ProposalQuery,
    answers=Content(JSON, ProposalList),
)
async def list_proposals(call: Call[ProposalQuery]) -> web.StreamResponse:
    """Proposals, newest first

    A doctor sees others' votes on an open one after her own.
    """
    found = await call.desk.proposals(call.parameters.state, call.parameters.limit)
    found = all_blinded(call, found)
    return json_answer(ProposalList, ProposalList(proposals=found))


@operation(
    "GET",
    "/v1/proposals/{id}",
    right=Right.PROPOSALS,
    tag="Proposals",
    parameters=ProposalPath,
    answers=Content(JSON, ProposalView),
)
async def get_proposal(call: Call[ProposalPath]) -> web.StreamResponse:
    """One proposal by its id"""
    return json_answer(ProposalView, blinded(call, await call.desk.proposal(call.parameters.id)))


@operation(
    "GET",
    "/v1/proposals/{id}/bytes",
    right=Right.PROPOSALS,
    tag="Proposals",
    parameters=ProposalPath,
    answers=Content(OCTETS, note="The canonical bytes of R-PRO2."),
)
async def get_proposal_bytes(call: Call[ProposalPath]) -> web.StreamResponse:
    """A proposal's canonical bytes

    A voter computes the id from them and signs that, not what a page says.
    """
    encoded = await call.desk.proposal_bytes(call.parameters.id)
    return web.Response(body=encoded, content_type=OCTETS)


@operation(
    "GET",
    "/v1/proposals/{id}/why",
    right=Right.PROPOSALS,
    tag="Proposals",
    parameters=ProposalPath,
    answers=Content(JSON, WhyView),
)
async def explain_proposal(call: Call[ProposalPath]) -> web.StreamResponse:
    """Why a proposal is not final

    Who has not voted, which certificate is missing, who leads the slot.
    """
    return json_answer(WhyView, await blinded_why(call, await call.desk.why(call.parameters.id)))


@operation(
    "GET", "/v1/inbox", right=Right.INBOX, tag="Proposals", answers=Content(JSON, ProposalList)
)
async def get_inbox(call: Call[NoParameters]) -> web.StreamResponse:
    """Open proposals that wait for this node's doctor"""
    waiting = inbox_blinded(call, await call.desk.inbox())
    return json_answer(ProposalList, ProposalList(proposals=waiting))


@operation(
    "POST",
    "/v1/votes",
    right=Right.VOTE,
    tag="Proposals",
    accepts=Content(OCTETS, note="The canonical bytes of a signed vote (R-VOT1)."),
    answers=Content(JSON, VoteReceipt),
    status=201,
    repeatable=True,
)
async def cast_vote(call: Call[NoParameters]) -> web.StreamResponse:
    """Cast a signed vote

    Irrevocable; durable before the answer. The same vote again is the same vote; a different one
    is evidence against its signer.
    """
    encoded = await read_octets(call.request, RECORD.total)
    return await answer_once(call, encoded, VoteReceipt, lambda: call.desk.vote(encoded))


OPERATIONS = (
    propose_sealed,
    list_proposals,
    get_proposal,
    get_proposal_bytes,
    explain_proposal,
    get_inbox,
    cast_vote,
)
