"""What the chain says of a machine's report: every field, against the models and the image."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
from pathlib import Path

import pytest

from medquorum.ai_entity.analyse import analyse_fracture
from medquorum.ai_entity.explain.reporting import with_card
from medquorum.ai_entity.findings import PPM
from medquorum.ai_entity.package_images import tibia_radiograph
from medquorum.ai_entity.registry import MODELS_FOLDER, Registry
from medquorum.ledger.contents import parse_medical_report
from medquorum.ledger.types import BlockType, PartName, Role
from medquorum.node.client import FileSubmission
from medquorum.node.image_archive import pack_images
from medquorum.node.structured_parts import encode_structured
from medquorum.node.views import BlockView
from tests.interop.people import People, until

pytestmark = [pytest.mark.interop, pytest.mark.timeout(900)]


async def reported(people: People, image: BlockView) -> BlockView:
    """The final block of the AI entity's report on an image."""
    if not people.network.services:
        people.network.start_ai()
    hospital = people.at(Role.HOSPITAL)

    async def proposed() -> str | None:
        views = await hospital.proposals("open", 500)
        return next((view.id for view in views if view.references == (image.hash,)), None)

    return await people.decide(await until("the AI entity's report", proposed))


async def test_r_pro9_every_field_of_a_final_report_is_what_ran(
    people: People, tmp_path: Path
) -> None:
    film = tmp_path / "film.tar"
    (tmp_path / "film").mkdir()
    shutil.copyfile(tibia_radiograph(), tmp_path / "film" / "film.dcm")
    pack_images(tmp_path / "film", film)
    patient = await people.patient(people.network.doctors[0])
    image = await people.decide(
        (
            await people.at(Role.RADIOLOGIST).submit_files(
                FileSubmission(BlockType.XRAY, patient=patient, files={PartName.IMG_XRAY: film})
            )
        ).proposal
    )
    block = await reported(people, image)
    registry = Registry()
    digest = registry.digest_of("fracture")
    card = registry.card_of(digest)
    here = with_card(await asyncio.to_thread(analyse_fracture, film), MODELS_FOLDER)
    assert block.ai == {
        "confidence_ppm": here.confidence_ppm,
        "inputs": [image.hash],
        "kind": "fracture",
        "machine_generated": True,
        "model_digest": digest.hex(),
        "model_name": card.name,
        "model_version": card.version,
        "preprocessing": here.model.preprocessing,
        "training_digest": card.training_digest.hex(),
    }
    assert (block.issuer_role, block.type, block.n_pb) == ("ai_entity", "report", patient)
    assert (block.references, block.outcome) == ((image.hash,), "accepted")
    assert 0 < here.confidence_ppm <= PPM

    entry = json.loads((MODELS_FOLDER / "registry.json").read_text())["models"][digest.hex()]
    held = (MODELS_FOLDER / entry["file"]).read_bytes()
    assert hashlib.sha256(held).digest() == digest
    training = {hashlib.sha256(p.read_bytes()).digest() for p in MODELS_FOLDER.glob("*.json")}
    assert card.training_digest in training, "the card of the training data is at hand"

    reader = people.network.doctors[1]
    body = await people.part(reader, block.record, PartName.M_REPORT)
    assert body == encode_structured(PartName.M_REPORT, here.to_report()), "same input, same bytes"
    findings = parse_medical_report(body).findings
    assert findings["machine_generated"] is True
    assert findings["model_digest"] == digest.hex()
    assert findings["training_digest"] == card.training_digest.hex()
    assert findings["confidence_ppm"] == here.confidence_ppm
    scores = findings["scores_ppm"]
    assert scores
    assert scores == dict(here.scores_ppm)
    assert all(type(one) is int and 0 <= one <= PPM for one in scores.values())
