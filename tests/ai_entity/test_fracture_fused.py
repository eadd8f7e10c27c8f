"""Rule, network and fusion together: one digest for three files, one conclusion for one picture."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from medquorum.ai_entity.errors import ModelError, Reason
from medquorum.ai_entity.findings import Findings
from medquorum.ai_entity.findings_codec import findings_from_plain, findings_to_plain
from medquorum.ai_entity.fracture.evidence import (
    EDGE_LABEL,
    HEAT_LABEL,
    HEAT_LEVELS,
    SUSPICION_LABEL,
    spread_activation,
)
from medquorum.ai_entity.fracture.fused import (
    NETWORK,
    RULE,
    FractureModels,
    TileOpinion,
    load_models,
    look_at_tiles,
)
from medquorum.ai_entity.fracture.pipeline import analyse_radiograph, describe, judge
from medquorum.ai_entity.fracture.radiograph import Radiograph, radiograph_of, read_radiograph
from medquorum.ai_entity.fracture.tiles import TileGrid
from medquorum.ai_entity.package_images import tibia_radiograph
from medquorum.ai_entity.phantom.dicom_writer import write_radiograph
from medquorum.ai_entity.phantom.long_bone import PIXEL_MM, make_long_bone
from medquorum.ai_entity.published import published
from medquorum.ai_entity.registry import MODELS_FOLDER, Registry
from medquorum.ledger.contents import Conclusion

FILES = ("fracture_fusion", "fracture_resnet50", "fracture_rule_based")


@pytest.fixture(scope="module")
def models() -> FractureModels:
    return load_models(Registry())


@pytest.fixture(scope="module")
def broken() -> Radiograph:
    return radiograph_of(make_long_bone(1, True).pixels.astype(np.float32), None)


@pytest.fixture(scope="module")
def found(models: FractureModels, broken: Radiograph) -> Findings:
    return describe(judge(broken, models))


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """The three models with a registry of their own."""
    listed = json.loads((MODELS_FOLDER / "registry.json").read_text())["models"]
    kept = {digest: one for digest, one in listed.items() if one["kind"] == "fracture"}
    for stem in FILES:
        for suffix in (".onnx", ".json"):
            shutil.copy(MODELS_FOLDER / f"{stem}{suffix}", tmp_path)
    (tmp_path / "registry.json").write_text(json.dumps({"models": kept}))
    return tmp_path


def test_the_report_names_the_fusion_which_names_the_others(
    models: FractureModels, found: Findings
) -> None:
    assert models.network is not None
    assert found.model.digest == models.reported.card.digest
    assert models.reported.facts() == {
        RULE: models.rule.card.digest.hex(),
        NETWORK: models.network.card.digest.hex(),
    }


def test_each_opinion_is_told(found: Findings) -> None:
    scores = dict(found.scores_ppm)
    assert set(scores) == {"fracture", "fracture_network", "fracture_rule"}
    assert found.conclusion is Conclusion.FRACTURE
    document = published(found)["fracture"]
    told = document["probability_of"]
    assert told["fused"] == document["probability"] >= document["threshold"]
    assert all(0.0 <= told[by] <= 1.0 for by in ("rule", "network", "fused"))
    assert any("network" in line for line in found.lines)


def test_heat_edges_and_suspicions_share_one_overlay(found: Findings) -> None:
    assert found.overlay is not None
    labels = set(np.unique(found.overlay.labels()).tolist())
    heat = {label for label in labels if label >= HEAT_LABEL}
    assert heat and max(heat) < HEAT_LABEL + HEAT_LEVELS
    assert labels - heat <= {0, EDGE_LABEL, SUSPICION_LABEL}


def test_findings_survive_the_way_out_of_the_child(found: Findings) -> None:
    plain = json.loads(json.dumps(findings_to_plain(found)))
    back = findings_from_plain(plain)
    assert back.fracture == found.fracture
    assert back.scores_ppm == found.scores_ppm


def test_the_same_film_gives_the_same_bytes(models: FractureModels, broken: Radiograph) -> None:
    first, second = (describe(judge(broken, models)) for _ in range(2))
    assert first == second
    assert first.overlay is not None and second.overlay is not None
    assert first.overlay.compressed == second.overlay.compressed


@pytest.mark.parametrize("fractured", [True, False])
def test_a_picture_saved_in_another_way_says_the_same(
    models: FractureModels, fractured: bool
) -> None:
    pixels = make_long_bone(2, fractured).pixels
    eight = np.round(pixels / 4095.0 * 255.0).astype(np.uint8)
    saved = [
        write_radiograph(pixels, "limb", PIXEL_MM),
        write_radiograph(np.uint16(4095) - pixels, "limb", PIXEL_MM, inverted=True),
        cv2.imencode(".png", eight)[1].tobytes(),
        cv2.imencode(".jpg", eight, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes(),
    ]
    findings = [describe(judge(read_radiograph(content), models)) for content in saved]
    assert len({one.conclusion for one in findings}) == 1
    fused = [dict(one.scores_ppm)["fracture"] for one in findings]
    assert max(fused) - min(fused) < 150_000
    assert findings[0] == findings[1]


def test_a_real_tibia_is_told_with_both_opinions(models: FractureModels) -> None:
    findings = describe(judge(read_radiograph(tibia_radiograph().read_bytes()), models))
    assert findings.conclusion is not Conclusion.FRACTURE
    assert len(findings.scores_ppm) == 3


@pytest.mark.parametrize("stem", FILES)
def test_one_flipped_byte_in_any_of_the_three_is_refused(shelf: Path, stem: str) -> None:
    load_models(Registry(shelf))
    path = shelf / f"{stem}.onnx"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(ModelError) as caught:
        load_models(Registry(shelf))
    assert caught.value.reason is Reason.DIGEST_MISMATCH


def test_a_fusion_whose_network_is_not_registered_is_refused(shelf: Path) -> None:
    path = shelf / "registry.json"
    listed = json.loads(path.read_text())["models"]
    kept = {one: entry for one, entry in listed.items() if "resnet50" not in entry["file"]}
    path.write_text(json.dumps({"models": kept}))
    with pytest.raises(ModelError, match="no model with this digest"):
        load_models(Registry(shelf))


def test_a_charter_that_approves_the_rule_only_gets_the_rule(
    models: FractureModels, broken: Radiograph
) -> None:
    digest = models.rule.card.digest
    findings = analyse_radiograph(broken, Registry(approved=frozenset({digest})))
    assert findings.model.digest == digest
    assert [name for name, _ in findings.scores_ppm] == ["fracture"]
    assert findings.fracture is not None
    assert findings.fracture.network_probability_ppm is None
    assert findings.overlay is not None and findings.overlay.labels().max() <= SUSPICION_LABEL


def test_a_network_alone_gives_no_report(models: FractureModels) -> None:
    assert models.network is not None
    alone = frozenset({models.network.card.digest})
    with pytest.raises(ModelError, match="fuse them"):
        load_models(Registry(approved=alone))


def test_a_film_without_tiles_speaks_for_no_fracture(
    models: FractureModels, broken: Radiograph
) -> None:
    assert models.network is not None
    dark = replace(broken, exposed=np.zeros_like(broken.exposed))
    opinion = look_at_tiles(dark, models.network)
    assert opinion.logits.size == 0 and opinion.logit == -12.0


def test_heat_is_the_mean_of_the_tiles_over_a_place() -> None:
    grid = TileGrid(((10.0, 10.0), (20.0, 10.0)), 20.0)
    activation = np.stack([np.full((2, 2), 4.0), np.full((2, 2), 2.0)]).astype(np.float32)
    opinion = TileOpinion(grid, np.zeros(2), activation, np.zeros(1, dtype=np.float32))
    heat = spread_activation(opinion, (30, 40), 1.0)
    assert heat[10, 5] == pytest.approx(4.0)
    assert heat[10, 15] == pytest.approx(3.0)
    assert heat[10, 25] == pytest.approx(2.0)
    assert heat[25, 35] == -1.0
