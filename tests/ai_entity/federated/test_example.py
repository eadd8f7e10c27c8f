"""What surrounds the processes: dealing patients, telling the result, the network as ONNX."""

import hashlib
import json
from pathlib import Path

import pytest

from medquorum.ai_entity.federated.agreement import Hospital
from medquorum.ai_entity.model_card import read_card
from scripts.federation.deal import Deal, deal_patients, make_phantom_archive
from tests.ai_entity.federated.agreements import small_agreement
from tests.ai_entity.federated.blobs import write_blob_archive


def dealt(tmp_path: Path, seed: int) -> list[list[str]]:
    write_blob_archive(tmp_path / "balls.npz", 11)
    folders = [tmp_path / f"hospital-{seed}-{index}" for index in range(3)]
    hold_out = tmp_path / f"hold-out-{seed}"
    deal_patients(tmp_path / "balls.npz", Deal.of(11, 3, seed), folders, hold_out)
    splits = [json.loads((folder / "split.json").read_text()) for folder in (*folders, hold_out)]
    return [split[part] for split in splits for part in ("train", "held_out")]


def test_every_patient_is_dealt_to_one_place(tmp_path: Path) -> None:
    parts = dealt(tmp_path, 1)
    assert [len(part) for part in parts] == [2, 1, 2, 1, 2, 1, 0, 2]
    names = [name for part in parts for name in part]
    assert sorted(names) == [f"BALL_{index:03d}" for index in range(11)]


def test_the_same_seed_deals_the_same_way_and_another_one_does_not(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    assert dealt(tmp_path / "one", 1) == dealt(tmp_path / "two", 1)
    assert dealt(tmp_path / "one", 2) != dealt(tmp_path / "two", 3)


def test_too_few_patients_are_not_dealt() -> None:
    with pytest.raises(ValueError, match="too few"):
        Deal.of(6, 3, 1)


def test_phantoms_are_cropped_around_their_lesion(tmp_path: Path) -> None:
    from medquorum.ai_entity.case_archive import CaseArchive

    make_phantom_archive(tmp_path / "phantoms.npz", 1)
    (case,) = CaseArchive(tmp_path / "phantoms.npz")
    assert case.name == "PHANTOM_000"
    assert 0.0 < case.contour.mean() < 0.5


@pytest.mark.train
def test_the_result_is_a_model_with_its_provenance(tmp_path: Path) -> None:
    import torch

    from medquorum.ai_entity.federated.trainer import network_of, shapes_of, weights_of
    from medquorum.ai_entity.training.export import read_members
    from medquorum.ai_entity.training.network import Inputs, TumourNetwork
    from scripts.federation.comparison import Outcome
    from scripts.federation.example import Settings
    from scripts.federation.result import NAME, table, write_result

    hospitals = (Hospital("hospital-1", 4, "1" * 64), Hospital("hospital-2", 6, "2" * 64))
    agreement = small_agreement(
        weights=shapes_of(TumourNetwork(Inputs.PETCT, (4, 4, 4, 4))), hospitals=hospitals
    )
    weights = weights_of(network_of(agreement))
    history = (
        {"round": 1, "hospital": 1, "num-examples": 4, "loss": 1.0, "dice-before": 0.1},
        {"round": 1, "refused": "not_finite: said the hospital's gate"},
    )
    dice = {"hospital-1": [0.5], "hospital-2": [0.25], "federated": [0.625]}
    outcome = Outcome(
        agreement, weights, (weights, weights), history, dice, ((0.5, 0.6), (0.3, 0.4)), 61.0
    )
    settings = Settings(tmp_path / "balls.npz", "balls, no patients", hospitals=2)
    told = write_result(tmp_path / "result", outcome, settings)
    model = (tmp_path / "result" / f"{NAME}.onnx").read_bytes()
    text = (tmp_path / "result" / f"{NAME}.json").read_bytes()
    card = read_card(text, hashlib.sha256(model).digest())
    agreed = (tmp_path / "result" / "agreement.json").read_bytes()
    assert card.training_digest == hashlib.sha256(agreed).digest()
    assert [h["training_set_sha256"] for h in json.loads(text)["training"]["hospitals"]] == [
        "1" * 64,
        "2" * 64,
    ]
    (member,) = read_members(tmp_path / "result" / f"{NAME}.onnx")
    first = next(iter(weights))
    assert torch.allclose(member.state_dict()[first], torch.from_numpy(weights[first]), atol=1e-2)
    shown = table(told)
    assert "balls, no patients" in shown
    assert "0.625" in shown
    assert "messages refused: 1" in shown
