"""A hospital's model from its folder to findings on a phantom, and every way to be refused."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from medquorum.ai_entity.adapters.adopt import Adopted, adopt
from medquorum.ai_entity.adapters.foreign import Wishes
from medquorum.ai_entity.analyse import measure_tumour
from medquorum.ai_entity.commands import app
from medquorum.ai_entity.errors import ModelError, Reason
from medquorum.ai_entity.registry import Registry
from medquorum.ai_entity.tumour.grid import GridImages
from medquorum.ai_entity.tumour.inference import predict
from medquorum.ai_entity.tumour.pipeline import read_images
from tests.ai_entity.adapters.exports import (
    DATASET,
    HOT_SUV,
    INFERENCE,
    METADATA,
    PLANS,
    WINDOW,
    changed,
    monai_bundle,
    nnunet_export,
    threshold_network,
)
from tests.ai_entity.conftest import PairOnDisk
from tests.ai_entity.small_network import rewrite_unpinned

Making = Callable[[Path], Path]


@pytest.fixture(scope="module")
def images(pair_on_disk: PairOnDisk) -> GridImages:
    return read_images(pair_on_disk.ct, pair_on_disk.pet, keep_ct=True)


def adopted(folder: Path, out: Path, wishes: Wishes | None = None) -> Adopted:
    return adopt(folder, "petct", out, wishes or Wishes())


@pytest.mark.parametrize("make", [nnunet_export, monai_bundle])
def test_an_export_finds_the_hot_lesion(
    make: Making, images: GridImages, pair_on_disk: PairOnDisk, tmp_path: Path
) -> None:
    made = adopted(make(tmp_path / "export"), tmp_path / "models")
    registry = Registry(tmp_path / "models")
    assert registry.digest_of("petct").hex() == made.digest
    model = registry.load(bytes.fromhex(made.digest))
    probability = predict(model, images).probability
    assert images.suv is not None
    body = images.hu > -400.0
    hot = (images.suv >= HOT_SUV) & body
    found = (probability >= 0.5) & body
    dice = 2.0 * (found & hot).sum() / (found.sum() + hot.sum())
    assert dice > 0.93, "the network's own threshold, through its own grid and back"
    volume_ml = found.sum() * images.voxel_volume_mm3 / 1000.0
    assert volume_ml == pytest.approx(pair_on_disk.truth_ml, rel=0.25)


def test_every_orientation_gives_the_same_answer(images: GridImages, tmp_path: Path) -> None:
    answers = []
    for count, stored in enumerate(("LPS", "RAS")):
        plans = changed(PLANS, ("image_reader_writer",), "NibabelIO")
        plans = changed(plans, ("transpose_forward",), [0, 1, 2] if count == 0 else [2, 0, 1])
        spacing = [4.0, 3.0, 3.0] if count == 0 else [3.0, 4.0, 3.0]
        plans = changed(plans, ("configurations", "base", "spacing"), spacing)
        folder = nnunet_export(tmp_path / stored, plans)
        made = adopted(folder, tmp_path / f"models-{stored}", Wishes(stored_as=stored))
        model = Registry(tmp_path / f"models-{stored}").load(bytes.fromhex(made.digest))
        answers.append(predict(model, images).probability)
    assert np.abs(answers[0] - answers[1]).max() <= 0.05
    assert ((answers[0] >= 0.5) == (answers[1] >= 0.5)).mean() > 0.9995


def test_ct_alone_without_the_native_images(images: GridImages, tmp_path: Path) -> None:
    dataset = changed(DATASET, ("channel_names",), {"0": "CT"})
    plans = changed(
        PLANS, ("configurations", "base", "normalization_schemes"), ["ZScoreNormalization"]
    )
    network = threshold_network(1, (0, 1.0, 5.0), 3, WINDOW)
    folder = nnunet_export(tmp_path / "export", plans, dataset, network)
    adopt(folder, "ct", tmp_path / "models", Wishes())
    registry = Registry(tmp_path / "models")
    bare = replace(images, suv=None, native_suv=None, native_hu=None)
    found = predict(registry.load(registry.digest_of("ct")), bare).probability >= 0.5
    standard = (images.hu - images.hu.mean()) / images.hu.std() >= 1.0
    assert (found == standard).mean() > 0.97


def test_the_whole_way_by_command_and_child(pair_on_disk: PairOnDisk, tmp_path: Path) -> None:
    folder = monai_bundle(tmp_path / "bundle")
    words = ["adopt", str(folder), "--kind", "petct", "--out", str(tmp_path / "models")]
    ended = CliRunner().invoke(app, words)
    assert ended.exit_code == 0, ended.output
    assert 'channel 1   "pet" = PET: linear 0.1 0' in ended.stdout
    assert "3 x 3 x 4 mm, axes RAS" in ended.stdout
    assert 'lesion      "lesion"' in ended.stdout
    assert not (Path.cwd() / "ran").exists()
    findings = measure_tumour(pair_on_disk.ct, pair_on_disk.pet, tmp_path / "models").findings
    assert findings.model.name == "Hot lesions of limbs"
    assert findings.tumour is not None
    volume_ml = findings.tumour.total_tumour_volume_ul / 1000.0
    assert volume_ml == pytest.approx(pair_on_disk.truth_ml, rel=0.25)
    card = json.loads(next((tmp_path / "models").glob("monai-*.json")).read_text())
    assert card["form"] == "monai"
    assert card["tested_on"] == {"real": None, "synthetic": None}
    assert "phantoms" in card["training"]["text"]


REFUSED_EXPORTS: list[tuple[dict[str, Any], dict[str, Any], Wishes, str]] = [
    (PLANS, DATASET, Wishes(configuration="2d"), "2d configuration"),
    (PLANS, DATASET, Wishes(configuration="3d_cascade_fullres"), "cascade"),
    (PLANS, DATASET, Wishes(configuration="gone"), 'no configuration "gone"'),
    (PLANS, DATASET, Wishes(lesion=("liver",)), 'no label "liver"'),
    (changed(PLANS, ("image_reader_writer",), "NibabelIO"), DATASET, Wishes(), "--stored-as"),
    (changed(PLANS, ("transpose_forward",), [0, 0, 1]), DATASET, Wishes(), "three axes"),
    (
        changed(PLANS, ("configurations", "base", "use_mask_for_norm"), [True, False]),
        DATASET,
        Wishes(),
        "use_mask_for_norm",
    ),
    (
        changed(PLANS, ("configurations", "base", "normalization_schemes"), ["Own", "Own"]),
        DATASET,
        Wishes(),
        'normalisation "Own"',
    ),
    (
        changed(PLANS, ("configurations", "base", "patch_size"), [256, 256, 256]),
        DATASET,
        Wishes(),
        "a window",
    ),
    (
        changed(PLANS, ("configurations", "base", "inherits_from"), "3d_fullres"),
        DATASET,
        Wishes(),
        "no configuration",
    ),
    (
        changed(PLANS, ("foreground_intensity_properties_per_channel",), {}),
        DATASET,
        Wishes(),
        "foreground_intensity",
    ),
    (PLANS, changed(DATASET, ("channel_names",), {"0": "CT", "1": "T1"}), Wishes(), '"T1"'),
    (
        PLANS,
        changed(DATASET, ("labels",), {"background": 0, "liver": 1}),
        Wishes(),
        "say which with --lesion",
    ),
    (PLANS, changed(DATASET, ("labels",), {"tumor": 0, "liver": 1}), Wishes(), "background"),
    (PLANS, changed(DATASET, ("labels",), {"background": 0, "tumor": 2}), Wishes(), "not 0, 1, 2"),
]


@pytest.mark.parametrize(("plans", "dataset", "wishes", "words"), REFUSED_EXPORTS)
def test_what_an_export_asks_and_is_not_done_is_refused_by_name(
    plans: dict[str, Any], dataset: dict[str, Any], wishes: Wishes, words: str, tmp_path: Path
) -> None:
    folder = nnunet_export(tmp_path / "export", plans, dataset)
    with pytest.raises(ModelError, match=words):
        adopted(folder, tmp_path / "models", wishes)
    assert not (tmp_path / "models").exists(), "nothing is written"


def transform(index: int, **fields: object) -> dict[str, Any]:
    made = changed(INFERENCE, ("name",), "changed")
    listed = made["preprocessing"]["transforms"]
    listed[index] = {**listed[index], **fields}
    return made


def without(index: int) -> dict[str, Any]:
    made = changed(INFERENCE, ("name",), "changed")
    del made["preprocessing"]["transforms"][index]
    return made


REFUSED_BUNDLES: list[tuple[dict[str, Any], str]] = [
    (transform(4, _target_="RandGaussianNoised"), "RandGaussianNoised"),
    (transform(4, _target_="scripts.transforms.LoadImaged"), "scripts.transforms"),
    (transform(4, _target_="$__import__('os')"), "names no class"),
    (transform(4, a_min="$-160"), "a_min is Python code"),
    (transform(4, _requires_="$print()"), "_requires_"),
    (transform(4, dtype="float16"), "dtype"),
    (transform(3, pixdim="@nowhere"), "not there"),
    (transform(3, pixdim=[3.0, 3.0]), "3 numbers"),
    (transform(3, pixdim=[0.01, 3.0, 3.0]), "voxels of a plan"),
    (transform(2, axcodes="RAX"), "axes are three letters"),
    (without(2), "no Orientationd"),
    (without(3), "no Spacingd"),
    (changed(INFERENCE, ("pixdim",), "@pixdim"), "circle"),
    (changed(INFERENCE, ("preprocessing",), "$compose()"), "Python code"),
    (changed(INFERENCE, ("inferer", "_target_"), "SimpleInferer"), "SimpleInferer"),
    (changed(INFERENCE, ("inferer", "overlap"), 0.99), "overlap"),
    (changed(INFERENCE, ("postprocessing", "transforms"), []), "neither Activationsd"),
    (
        changed(
            INFERENCE,
            ("postprocessing", "transforms"),
            [{"_target_": "KeepLargestConnectedComponentd", "keys": "pred"}],
        ),
        "KeepLargest",
    ),
]


@pytest.mark.parametrize(("inference", "words"), REFUSED_BUNDLES)
def test_what_a_bundle_asks_and_is_not_done_is_refused_by_name(
    inference: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=words):
        adopted(monai_bundle(tmp_path / "bundle", inference), tmp_path / "models")
    assert not (tmp_path / "models").exists(), "nothing is written"


def test_the_graph_is_checked_like_every_other(tmp_path: Path) -> None:
    wrong = threshold_network(3, (1, 0.3, 60.0), 2, WINDOW)
    with pytest.raises(ModelError) as caught:
        adopted(monai_bundle(tmp_path / "shape", model=wrong), tmp_path / "models")
    assert caught.value.reason is Reason.WRONG_SHAPE
    with pytest.raises(ModelError) as caught:
        adopted(monai_bundle(tmp_path / "noise", model=b"\xff" * 100), tmp_path / "models")
    assert caught.value.reason is Reason.MALFORMED_MODEL
    folder = monai_bundle(tmp_path / "absent")
    (folder / "models/model.onnx").unlink()
    with pytest.raises(ModelError, match="export the network to ONNX"):
        adopted(folder, tmp_path / "models")
    with pytest.raises(ModelError, match="neither"):
        adopted(tmp_path, tmp_path / "models")


def test_a_kind_must_be_what_the_model_reads(tmp_path: Path) -> None:
    folder = monai_bundle(tmp_path / "bundle")
    with pytest.raises(ModelError, match="adopt it as petct"):
        adopt(folder, "ct", tmp_path / "models", Wishes())
    dataset = changed(DATASET, ("channel_names",), {"0": "CT", "1": "ct"})
    export = nnunet_export(tmp_path / "export", dataset=dataset)
    with pytest.raises(ModelError, match="--kind ct"):
        adopt(export, "petct", tmp_path / "models", Wishes())


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("plan", "window"), [4096, 8, 8]),
        (("plan", "spacing_mm"), [0.0001, 1, 1]),
        (("plan", "axes"), "RRR"),
        (("plan", "lesion"), [7]),
        (("plan", "lesion"), []),
        (("plan", "channels"), []),
        (("plan", "overlap"), 1.0),
        (("plan", "activation"), "eval"),
    ],
)
def test_a_card_written_by_hand_is_checked(
    path: tuple[str, ...], value: object, tmp_path: Path
) -> None:
    made = adopted(monai_bundle(tmp_path / "bundle"), tmp_path / "models")
    card = changed(json.loads(made.card_file.read_text()), path, value)
    rewrite_unpinned(made.card_file, card)
    with pytest.raises(ModelError, match="card is malformed"):
        Registry(tmp_path / "models").load(bytes.fromhex(made.digest))


def test_regions_are_sigmoids_and_metadata_names_the_single_image(tmp_path: Path) -> None:
    regions = {"background": 0, "whole lesion": [1, 2], "core": [2]}
    network = threshold_network(2, (1, 0.6, 6.0), 2, WINDOW)
    dataset = changed(DATASET, ("labels",), regions) | {"regions_class_order": [1, 2]}
    folder = nnunet_export(tmp_path / "export", PLANS, dataset, network)
    plan = adopted(folder, tmp_path / "models").understood.plan
    assert (plan.activation.value, plan.classes, plan.lesion) == (
        "sigmoid",
        ("whole lesion", "core"),
        (0,),
    )
    metadata = changed(
        METADATA, ("network_data_format", "inputs", "image", "channel_def"), {"0": "image"}
    )
    metadata = changed(metadata, ("network_data_format", "inputs", "image", "num_channels"), 1)
    metadata = changed(metadata, ("network_data_format", "inputs", "image", "modality"), "CT")
    inference = changed(INFERENCE, ("name",), "ct")
    for one in inference["preprocessing"]["transforms"]:
        one["keys"] = "image"
    del inference["preprocessing"]["transforms"][5:7]
    network = threshold_network(1, (0, 0.5, 10.0), 2, WINDOW)
    bundle = monai_bundle(tmp_path / "bundle", inference, metadata, network)
    (channel,) = adopt(bundle, "ct", tmp_path / "ct", Wishes()).understood.plan.channels
    assert channel.source.value == "ct"
