"""`medquorum ai evaluate`: figures on phantom cases, refusals of archives that are none."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage
from typer.testing import CliRunner

from medquorum.ai_entity.case_archive import CaseArchive, case_digest
from medquorum.ai_entity.commands import app
from medquorum.ai_entity.errors import CaseArchiveError, ModelError, Reason
from medquorum.ai_entity.evaluation import dice_of, evaluated_model, fitted_cases
from medquorum.ai_entity.registry import MODELS_FOLDER, Registry
from tests.ai_entity.small_network import small_network, write_network

Arrays = dict[str, np.ndarray]
SPACING = np.asarray((4.0, 5.0, 5.0), np.float32)


def made_case(name: str, seed: int = 1, uptake: float = 9.0) -> Arrays:
    """A limb of 16 cm with a hot ball of 60 mm: SUV, HU, contour and spacing."""
    z, y, x = np.meshgrid(*[(np.arange(32) - 15.5) * step for step in SPACING], indexing="ij")
    limb, tumour = y**2 + x**2 < 65.0**2, z**2 + (y - 15) ** 2 + x**2 < 30.0**2
    noise = np.random.default_rng(seed).normal(0, 20, z.shape)
    hu = np.where(limb, 50.0, -1000.0) + ndimage.gaussian_filter(noise, 1.0)
    hu[limb & (y**2 + x**2 > 58.0**2)] -= 150.0
    suv = ndimage.gaussian_filter(0.8 * limb + (uptake - 0.8) * tumour, 0.6)
    return {
        f"{name}_suv": suv.astype(np.float16),
        f"{name}_ct": hu.astype(np.int16),
        f"{name}_gtv": tumour,
        f"{name}_spacing_zyx": SPACING,
    }


def write(path: Path, arrays: Arrays) -> Path:
    with path.open("wb") as stream:
        np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
    return path


def run(*words: object) -> Any:
    return CliRunner().invoke(app, ["evaluate", *(str(word) for word in words)])


def test_the_document_of_two_cases(tmp_path: Path) -> None:
    cold = made_case("cold")
    cold["cold_ct"] = np.random.default_rng(3).normal(0, 300, (32, 32, 32)).astype(np.int16)
    ended = run("--petct", write(tmp_path / "cases.npz", made_case("warm") | cold), "--json")
    assert ended.exit_code == 0
    document = json.loads(ended.stdout)
    noisy, warm = document["cases"]
    assert (noisy["case"], noisy["dice"], noisy["levels"]) == ("cold", None, {})
    assert "noise" in noisy["abstained"]
    assert noisy["volume_ml"]["network"] is None
    assert noisy["volume_ml"]["suv_4"] == pytest.approx(113.1, rel=0.15)
    assert warm["case"] == "warm"
    assert warm["abstained"] is None
    assert warm["seen_in_training"] is False
    assert warm["dice"] > 0.7
    for method, volume in warm["volume_ml"].items():
        assert volume == pytest.approx(113.1, rel=0.5 if method == "network" else 0.15)
    assert set(warm["levels"]) >= {"muscle"}
    assert document["mean_dice"] == warm["dice"]
    assert (document["judged"], document["abstained"]) == (1, 1)
    assert document["model_digest"] == Registry().digest_of("petct").hex()
    assert "case 1 of 2: cold abstained" in ended.stderr
    assert "case 2 of 2: warm Dice" in ended.stderr


def test_another_model_by_digest_and_a_table(tmp_path: Path) -> None:
    path = write(tmp_path / "cases.npz", made_case("warm"))
    digest = Registry().digest_of("ct").hex()
    ended = run("--petct", path, "--model", digest)
    assert ended.exit_code == 0
    assert digest in ended.stdout
    assert "Not for clinical use." in ended.stdout
    expert_ml = float(made_case("warm")["warm_gtv"].sum()) * 0.1
    assert f"{expert_ml:9.1f}\n" in ended.stdout


@pytest.mark.parametrize("digest", ["zz", "00" * 32, "fracture"])
def test_models_that_cannot_be_evaluated(digest: str) -> None:
    shelf = Registry()
    wanted = shelf.digest_of("fracture").hex() if digest == "fracture" else digest
    with pytest.raises(ModelError) as caught:
        evaluated_model(shelf, wanted)
    assert caught.value.reason is Reason.UNKNOWN_MODEL


def test_dice() -> None:
    left, right = np.zeros((2, 4), np.bool_), np.zeros((2, 4), np.bool_)
    assert dice_of(left, right) == 1.0
    left[0] = True
    assert dice_of(left, right) == 0.0
    right[:, 0] = True
    assert dice_of(left, right) == pytest.approx(2 * 1 / (4 + 2))


def test_cases_the_model_was_fitted_on_are_known_by_the_archive(tmp_path: Path) -> None:
    path = write(tmp_path / "cases.npz", made_case("one"))
    model = evaluated_model(Registry(), None)
    assert fitted_cases(model, MODELS_FOLDER, path) is None
    shipped = json.loads((MODELS_FOLDER / "soft_tissue_sarcoma_training.json").read_text())
    card = {"archive_sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "cases": ["one"]}
    words = json.dumps(card).encode()
    (tmp_path / "made_training.json").write_bytes(words)
    assert fitted_cases(model, tmp_path, path) is None
    card_of_it = replace(model.card, training_digest=hashlib.sha256(words).digest())
    made = replace(model, card=card_of_it)
    assert fitted_cases(made, tmp_path, path) == frozenset({"one"})
    assert "STS_001" not in shipped["cases"]


@pytest.fixture
def two_members(tmp_path: Path) -> Path:
    """A folder with a small network of two members, and who has not seen case ``warm``."""
    for kind in ("petct", "ct"):
        (tmp_path / kind).mkdir()
    folder = tmp_path / "petct"
    network = small_network("petct", members=2)
    write_network(folder, network, "petct", members=2, folds="folds.json")
    case = next(iter(CaseArchive(write(tmp_path / "one.npz", made_case("warm")))))
    folds = {
        "seed": 1,
        "folds": [{"member": 0, "held_out": ["other"]}, {"member": 1, "held_out": ["P_007"]}],
        "cases": {"P_007": case_digest(case), "other": "00" * 32},
    }
    (folder / "folds.json").write_text(json.dumps(folds))
    return folder


def test_a_known_case_is_judged_by_the_member_that_has_not_seen_it(
    two_members: Path, tmp_path: Path
) -> None:
    arrays = made_case("warm") | made_case("unknown", seed=5)
    path = write(tmp_path / "cases.npz", arrays)
    ended = run("--petct", path, "--models", two_members, "--json")
    assert ended.exit_code == 0, ended.stderr
    document = json.loads(ended.stdout)
    unknown, known = document["cases"]
    assert (known["member"], known["cross_validated"], known["seen_in_training"]) == (
        1,
        True,
        False,
    )
    assert (unknown["member"], unknown["cross_validated"]) == (None, False)
    assert document["cross_validated"] is False
    assert "by member 1, which has not seen it" in ended.stderr
    assert set(known["levels"]) >= {"muscle", "fat"}
    assert known["dice"] > 0.9
    low, high = document["mean_dice_95_percent"]
    assert low <= document["mean_dice"] <= high
    assert document["volume_bias_ml"]["mean"] == pytest.approx(0.0, abs=30.0)
    alone = write(tmp_path / "alone.npz", made_case("renamed"))
    document = json.loads(run("--petct", alone, "--models", two_members, "--json").stdout)
    assert document["cross_validated"] is True


@pytest.mark.parametrize(
    "folds", ["{", "[]", '{"folds": [{"member": 2, "held_out": ["a"]}], "cases": {"a": "00"}}']
)
def test_folds_that_do_not_tell_are_refused(two_members: Path, tmp_path: Path, folds: str) -> None:
    (two_members / "folds.json").write_text(folds)
    path = write(tmp_path / "cases.npz", made_case("a"))
    ended = run("--petct", path, "--models", two_members)
    assert ended.exit_code == 1
    assert "does not tell who has seen which case" in ended.stderr


def test_a_case_s_digest_does_not_know_its_name_and_knows_every_voxel(tmp_path: Path) -> None:
    def digest(arrays: Arrays) -> str:
        return case_digest(next(iter(CaseArchive(write(tmp_path / "c.npz", arrays)))))

    first = digest(made_case("a"))
    assert digest(made_case("b")) == first
    for part in ("suv", "ct", "gtv"):
        changed = made_case("a")
        changed[f"a_{part}"][3, 3, 3] = 1
        assert digest(changed) != first
    assert digest(made_case("a") | {"a_spacing_zyx": SPACING + 1}) != first


def test_ct_only_takes_the_model_for_ct(tmp_path: Path) -> None:
    write_network(tmp_path, small_network("ct", members=1), "ct", members=1)
    path = write(tmp_path / "cases.npz", made_case("a"))
    ended = run("--petct", path, "--ct-only", "--models", tmp_path, "--json")
    assert ended.exit_code == 0, ended.stderr
    assert json.loads(ended.stdout)["model_digest"] == Registry(tmp_path).digest_of("ct").hex()


@pytest.mark.parametrize(
    "words", [(), ("--nema", "--phantoms", "2"), ("--petct", "x.npz", "--nema")]
)
def test_one_kind_of_evaluation_at_a_time(words: tuple[str, ...]) -> None:
    ended = run(*words)
    assert ended.exit_code == 2
    assert "give one of" in ended.stderr


def without(part: str) -> Callable[[Arrays], Arrays]:
    return lambda arrays: {name: one for name, one in arrays.items() if name != f"a_{part}"}


def having(part: str, values: Any) -> Callable[[Arrays], Arrays]:
    return lambda arrays: arrays | {f"a_{part}": np.asarray(values)}


def not_a_number(arrays: Arrays) -> Arrays:
    suv = arrays["a_suv"].copy()
    suv[3, 3, 3] = np.nan
    return arrays | {"a_suv": suv}


REFUSED: list[tuple[Callable[[Arrays], Arrays], str]] = [
    (without("suv"), "case a lacks the array a_suv"),
    (without("spacing_zyx"), "case a lacks the array a_spacing_zyx"),
    (lambda arrays: {}, "the archive holds no case"),
    (lambda arrays: arrays | {"notes": np.zeros(3)}, "notes is none of <case>_suv"),
    (having("ct", np.zeros((3, 3, 3))), "a_ct has the shape (3, 3, 3), a_suv has (32, 32, 32)"),
    (having("suv", np.zeros((3, 3))), "a_suv is not an array [z,y,x]"),
    (having("spacing_zyx", [1.0, 2.0]), "a_spacing_zyx is not three numbers"),
    (having("spacing_zyx", [0.0, 2.0, 2.0]), "0 to 100 mm"),
    (having("suv", np.full((32, 32, 32), "x")), "not plain numbers"),
    (having("suv", np.full((32, 32, 32), 1j)), "not plain numbers"),
    (having("gtv", np.full((32, 32, 32), 7)), "values other than 0 and 1"),
    (having("ct", np.full((32, 32, 32), {})), "pickled objects"),
    (not_a_number, "a_suv holds values that are no numbers"),
    (lambda arrays: {f"../{name}": one for name, one in arrays.items()}, "an array has a name"),
]


@pytest.mark.parametrize(("change", "sentence"), REFUSED)
def test_bad_archives_are_refused_in_one_sentence(
    change: Callable[[Arrays], Arrays], sentence: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "cases.npz", change(made_case("a")))
    ended = run("--petct", path)
    assert ended.exit_code == 1
    assert sentence in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert ended.stdout == ""


@pytest.mark.parametrize("content", [b"", b"\x80\x04K\x01.", b"PK\x03\x04" + bytes(60)])
def test_other_files_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "cases.npz"
    path.write_bytes(content)
    with pytest.raises(CaseArchiveError) as caught:
        CaseArchive(path)
    assert caught.value.reason is Reason.BAD_ARCHIVE
    assert "not a readable .npz" in caught.value.message


def test_a_bomb_is_refused_by_its_header_and_a_cut_array_when_read(tmp_path: Path) -> None:
    def archive(shape: tuple[int, ...]) -> Path:
        path = tmp_path / "cases.npz"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            for part, kind in (("suv", "<f4"), ("ct", "<i2"), ("gtv", "|b1")):
                header = io.BytesIO()
                np.lib.format.write_array_header_1_0(
                    header, {"descr": kind, "fortran_order": False, "shape": shape}
                )
                packed.writestr(f"a_{part}.npy", header.getvalue() + bytes(1_000))
            spacing = io.BytesIO()
            np.save(spacing, SPACING)
            packed.writestr("a_spacing_zyx.npy", spacing.getvalue())
        return path

    with pytest.raises(CaseArchiveError) as caught:
        CaseArchive(archive((100_000, 100_000, 100_000)))
    assert caught.value.reason is Reason.OVERSIZE
    with pytest.raises(CaseArchiveError) as caught:
        list(CaseArchive(archive((20, 20, 20))))
    assert "case a are damaged" in caught.value.message


@pytest.mark.shared_data
def test_held_out_real_cases(shared_data_folder: Path | None, tmp_path: Path) -> None:
    """Three patients, each by a member that has not seen it; a phantom where they are absent."""
    names = ("STS_001", "STS_005", "STS_021")
    if shared_data_folder is None:
        arrays = made_case("STS_001")
    else:
        with np.load(shared_data_folder / "petct" / "soft_tissue_sarcoma_40.npz") as archive:
            arrays = {key: archive[key] for key in archive.files if key[:7] in names}
    document = json.loads(run("--petct", write(tmp_path / "c.npz", arrays), "--json").stdout)
    assert document["abstained"] == 0
    assert document["mean_dice"] > 0.5
    if shared_data_folder is not None:
        assert document["cases"][0]["volume_ml"]["reference"] == pytest.approx(366.08, abs=0.01)
