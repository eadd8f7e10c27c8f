"""What an AI entity's own node asks of a report before it seals it (R-AI4, R-AI5)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from medquorum.ledger import canonical
from medquorum.ledger.approved_model import ApprovedModel
from medquorum.ledger.change import ApproveModel, WithdrawModel
from medquorum.ledger.contents import AuthorKind, MedicalReport, parse_medical_report
from medquorum.ledger.governance import Amendment
from medquorum.ledger.keys import Purpose
from medquorum.ledger.machine_report import differing_field, repeated
from medquorum.ledger.proposal import parse_proposal
from medquorum.ledger.provenance import Provenance
from medquorum.ledger.types import BlockType, PartName
from medquorum.node.clinical import ClinicalError, checked_proposal
from medquorum.node.desk import Submission
from medquorum.node.governance_desk import NodeGovernance
from medquorum.node.governance_records import GovernanceRecords
from medquorum.node.issuer import Issuer
from tests.ledger.charter_kit import signer_of
from tests.ledger.governance_kit import member_of
from tests.ledger.model_kit import bound, model
from tests.node.kit import Node, node_of
from tests.node.refusing import refusal
from tests.support.chains import Chain
from tests.support.network import (
    AI_ENTITY,
    Network,
    address,
    ai_report,
    make_network,
    propose,
    registration,
)

AI = address(AI_ENTITY)
USED, OTHER = model(), model("other")


def chain_with(*listed: ApprovedModel) -> Chain:
    """A patient with a CT, where the AI entity has these models."""
    made = make_network()
    members = tuple(
        bound(one, *listed) if one.address == AI else one for one in made.charter.members
    )
    chain = Chain(Network(replace(made.charter, members=members), made.doctors))
    chain.stage(registration(chain.network))
    chain.stage(propose(chain.network, chain.view, BlockType.CT))
    chain.close()
    return chain


FREE, BOUND, BARRED = chain_with(), chain_with(USED, OTHER), chain_with(OTHER)


def provenance(chain: Chain) -> Provenance:
    """Of the kit's report on the CT."""
    ai = ai_report(chain.network, chain.state, chain.blocks[1].hash).core.ai
    assert ai is not None
    return ai


def content(chain: Chain, **changes: Any) -> dict[str, Any]:
    """The M_REPORT that goes with it; `changes` are of its findings."""
    findings = {**repeated(provenance(chain)), "scores_ppm": {"tumour": 910_000}, **changes}
    return {
        "author_kind": "machine",
        "conclusion": "tumour",
        "findings": {name: value for name, value in findings.items() if value is not ...},
        "next_step": "pet",
        "text": "a lesion",
    }


def submission(folder: Path, chain: Chain, report: dict[str, Any]) -> Submission:
    """As the AI service hands it in."""
    part = folder / "M_REPORT"
    part.write_bytes(canonical.encode(report))
    image = chain.blocks[1].hash
    given = repeated(provenance(chain))
    del given["machine_generated"]
    return Submission(
        BlockType.REPORT, 1, None, {PartName.M_REPORT: part}, [image], provenance=given
    )


@pytest.mark.parametrize("chain", [FREE, BOUND], ids=["free", "bound"])
async def test_a_report_with_every_field_of_provenance_is_sealed(
    chain: Chain, tmp_path: Path
) -> None:
    """R-AI5: the same in the clear and in the sealed part."""
    async with node_of(chain.network, AI_ENTITY, tmp_path / "home", chain) as node:
        await node.submissions.submit(submission(tmp_path, chain, content(chain)))
        (said,) = node.mouth.said
        proposal = parse_proposal(said.encoded())
        assert proposal.core.ai == provenance(chain)
        read = node.bodies.read(proposal.core.record, PartName.M_REPORT)
        sealed = parse_medical_report(b"".join([piece async for piece in read]))
        assert differing_field(sealed, provenance(chain)) is None


async def test_an_unapproved_model_is_refused_before_sealing(tmp_path: Path) -> None:
    """R-AI4: at the node, with the reason."""
    async with node_of(BARRED.network, AI_ENTITY, tmp_path / "home", BARRED) as node:
        report = submission(tmp_path, BARRED, content(BARRED))
        answer = await refusal(node, lambda: node.submissions.submit(report))
        assert answer == (403, "unapproved_model")


OTHERWISE: dict[str, dict[str, Any]] = {
    "confidence_ppm": {"confidence_ppm": 910_001},
    "confidence_ppm as text": {"confidence_ppm": "910000"},
    "kind": {"kind": "fracture"},
    "machine_generated": {"machine_generated": False},
    "machine_generated as a number": {"machine_generated": 1},
    "model_digest": {"model_digest": OTHER.digest.hex()},
    "model_name": {"model_name": "another"},
    "model_version": {"model_version": "1.1"},
    "preprocessing": {"preprocessing": "2"},
    "training_digest": {"training_digest": OTHER.training_digest.hex()},
    "nothing of the model": {"model_digest": ...},
    "no scores": {"scores_ppm": ...},
    "scores that are no map": {"scores_ppm": [1]},
    "a score beyond one": {"scores_ppm": {"tumour": 1_000_001}},
    "a score below zero": {"scores_ppm": {"tumour": -1}},
    "a score that is true": {"scores_ppm": {"tumour": True}},
}


@pytest.mark.parametrize("case", OTHERWISE)
def test_a_report_that_says_otherwise_differs(case: str) -> None:
    """R-AI5: field by field, and of the same type."""
    report = parse_medical_report(canonical.encode(content(FREE, **OTHERWISE[case])))
    (name,) = OTHERWISE[case]
    assert differing_field(report, provenance(FREE)) == f"findings.{name}"


def test_a_report_of_a_person_is_no_machines() -> None:
    """R-AI5: the author is said to be a machine."""
    report: MedicalReport = parse_medical_report(canonical.encode(content(FREE)))
    human = replace(report, author_kind=AuthorKind.HUMAN)
    assert differing_field(human, provenance(FREE)) == "author_kind"


async def test_a_report_that_says_otherwise_is_not_sealed(tmp_path: Path) -> None:
    """R-AI5: nothing is left behind."""
    async with node_of(FREE.network, AI_ENTITY, tmp_path / "home", FREE) as node:
        for report in (content(FREE, model_version="2"), {"text": "no report"}):
            asked = submission(tmp_path, FREE, report)
            status, rule = await refusal(node, lambda asked=asked: node.submissions.submit(asked))
            assert (status, rule) in {(400, "bad_provenance"), (400, "malformed")}


class Shown:
    """A client whose node shows one proposal."""

    def __init__(self, encoded: bytes) -> None:
        self.encoded = encoded

    async def proposal_bytes(self, identifier: str) -> bytes:
        return self.encoded


async def test_a_doctor_signs_no_vote_on_an_unapproved_model() -> None:
    """R-AI4: her own machine looks, whatever the node shows."""
    for chain, barred in ((FREE, False), (BOUND, False), (BARRED, True)):
        report = ai_report(chain.network, chain.state, chain.blocks[1].hash)
        client: Any = Shown(report.encoded())
        if not barred:
            assert await checked_proposal(client, report.id.hex(), chain.network.charter) == report
            continue
        with pytest.raises(ClinicalError, match="R-AI4"):
            await checked_proposal(client, report.id.hex(), chain.network.charter)


# --- the AI entity asks -----------------------------------------------------------------------


def desk_of(node: Node) -> NodeGovernance:
    issuer = Issuer(AI, signer_of(AI_ENTITY, Purpose.CLINICAL))
    return NodeGovernance(node.driver, GovernanceRecords(node.store), issuer)


async def test_an_ai_entitys_node_asks_for_its_models(tmp_path: Path) -> None:
    """R-GOV3, R-GOV4, R-AI3: in words a doctor can check, by the usual majority."""
    async with node_of(BARRED.network, AI_ENTITY, tmp_path / "home", BARRED) as node:
        changes = (ApproveModel(AI, USED), WithdrawModel(AI, OTHER.digest))
        receipt = await desk_of(node).issue(Amendment(0, changes))
        assert (receipt.type, receipt.needed, receipt.doctors) == ("amendment", 3, 4)
        approves, withdraws = receipt.summary
        for digest in (USED.digest, USED.card_digest, USED.training_digest):
            assert digest.hex() in approves
        assert f"lets {AI_ENTITY} report on tumour" in approves
        assert withdraws.endswith(f"{OTHER.digest.hex()} no more")
        assert member_of(node.state.charter, AI_ENTITY).models == (OTHER,)
