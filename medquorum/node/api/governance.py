"""Acts of governance, the charter through time, registry, maturity, evidence (R-GOV1 to 10)."""

from __future__ import annotations

from aiohttp import web

from medquorum.ledger import canonical
from medquorum.ledger.limits import RECORD
from medquorum.node.api.answers import encoded_json, json_answer, tagged_answer
from medquorum.node.api.bodies import read_model
from medquorum.node.api.charter_schema import CharterAnswer
from medquorum.node.api.governance_forms import request_of
from medquorum.node.api.governance_schemas import (
    FORM_FIELDS,
    ActSubmission,
    CharterHistory,
    CharterQuery,
    EvidenceList,
    MaturityList,
    RegistryAnswer,
    SignedAct,
)
from medquorum.node.api.idempotency import answer_once
from medquorum.node.api.operation import JSON, Call, Content, operation
from medquorum.node.api.parameters import NoParameters
from medquorum.node.api.permissions import Right
from medquorum.node.api.problems import Problem
from medquorum.node.governance_views import ActReceipt, HaltView

ACT_BYTES = 2 * RECORD.total
"""An act as JSON, its largest parts in base64."""


@operation(
    "POST",
    "/v1/governance",
    right=Right.SEALED,
    tag="Governance",
    accepts=Content(JSON, SignedAct),
    answers=Content(JSON, ActReceipt),
    status=201,
    repeatable=True,
)
async def carry_act(call: Call[NoParameters]) -> web.StreamResponse:
    """Propose an act of governance that was signed elsewhere

    Any active member's, at any node: a member whose own node is down goes to another's. Also the
    assignment of an attending physician.
    """
    signed = await read_model(call.request, SignedAct, ACT_BYTES)
    governance = call.desk.governance
    return await answer_once(
        call, signed.proposal, ActReceipt, lambda: governance.accept(signed.proposal)
    )


@operation(
    "POST",
    "/v1/governance/acts",
    right=Right.GOVERN,
    tag="Governance",
    accepts=Content(JSON, ActSubmission),
    answers=Content(JSON, ActReceipt),
    status=201,
    repeatable=True,
)
async def issue_act(call: Call[NoParameters]) -> web.StreamResponse:
    """Propose an act of governance in this institution's name

    The node signs it with its issuing key. Doctors sign their own: see `POST /v1/governance`.
    """
    submission = await read_model(call.request, ActSubmission, ACT_BYTES, FORM_FIELDS)
    governance, lifetime_ms = call.desk.governance, submission.lifetime_ms
    request = request_of(submission.act, governance.charters()[-1].version)
    content = canonical.encode([lifetime_ms, request.as_map()])
    return await answer_once(
        call, content, ActReceipt, lambda: governance.issue(request, lifetime_ms)
    )


@operation(
    "GET",
    "/v1/charter",
    right=Right.CHARTER,
    tag="Governance",
    parameters=CharterQuery,
    answers=Content(JSON, CharterAnswer),
)
async def get_charter(call: Call[CharterQuery]) -> web.StreamResponse:
    """The charter: members, rules, fingerprint

    The one in force, or an earlier version. Compare the fingerprint with the one read aloud before
    trusting what this node says.
    """
    charters = call.desk.governance.charters()
    version = call.parameters.version
    if version is not None and version >= len(charters):
        raise Problem(
            404, "unknown_version", f"version {len(charters) - 1} is in force; ask for that or less"
        )
    charter = charters[-1 if version is None else version]
    return json_answer(CharterAnswer, CharterAnswer.of(charter, charters))


@operation(
    "GET",
    "/v1/charter/history",
    right=Right.CHARTER,
    tag="Governance",
    answers=Content(JSON, CharterHistory),
)
async def get_charter_history(call: Call[NoParameters]) -> web.StreamResponse:
    """Every version of the charter: what changed, who proposed it, who voted how

    The proof of each amendment's block shows the same without this node. Carries an entity tag.
    """
    history = CharterHistory(versions=await call.desk.governance.history())
    return tagged_answer(call.request, encoded_json(CharterHistory, history), JSON)


@operation(
    "GET",
    "/v1/registry",
    right=Right.PROPOSALS,
    tag="Governance",
    answers=Content(JSON, RegistryAnswer),
)
async def get_registry(call: Call[NoParameters]) -> web.StreamResponse:
    """Who stands in for whom: absences, delegations, openings"""
    answer = RegistryAnswer(entries=call.desk.governance.registry())
    return json_answer(RegistryAnswer, answer)


@operation(
    "GET",
    "/v1/ai/maturity",
    right=Right.CHARTER,
    tag="Governance",
    answers=Content(JSON, MaturityList),
)
async def get_maturity(call: Call[NoParameters]) -> web.StreamResponse:
    """What became of the AI entities' reports

    Computed from the ledger: accepted and rejected reports, the lower bound of Wilson's interval.
    It is shown and decides nothing.
    """
    answer = MaturityList(entities=await call.desk.governance.maturity())
    return json_answer(MaturityList, answer)


@operation(
    "GET",
    "/v1/evidence",
    right=Right.PROPOSALS,
    tag="Governance",
    answers=Content(JSON, EvidenceList),
)
async def get_evidence(call: Call[NoParameters]) -> web.StreamResponse:
    """Contradictions of members that stand in the chain

    Both signed statements, for anyone to check.
    """
    answer = EvidenceList(evidence=await call.desk.governance.evidence())
    return json_answer(EvidenceList, answer)


@operation(
    "GET", "/v1/halt", right=Right.CHARTER, tag="Governance", answers=Content(JSON, HaltView)
)
async def get_halt(call: Call[NoParameters]) -> web.StreamResponse:
    """Whether ordering stopped for good, and the certificates that show why"""
    return json_answer(HaltView, await call.desk.governance.halt())


OPERATIONS = (
    carry_act,
    issue_act,
    get_charter,
    get_charter_history,
    get_registry,
    get_maturity,
    get_evidence,
    get_halt,
)
