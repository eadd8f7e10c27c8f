"""How plainly lesions show, on bodies whose voxels were set by hand."""

from dataclasses import replace

import numpy as np
import pytest

from medquorum.ai_entity.phantom.organs import Organ
from medquorum.ai_entity.phantom.scanner import Family, family_seed
from medquorum.ai_entity.phantom.whole_body import TorsoPhantom, TorsoPlan, make_torso
from medquorum.ai_entity.phantom_conspicuity import (
    Conspicuity,
    Shown,
    conspicuity_of,
    conspicuity_tables,
)


def block(lesion_suv: float) -> TorsoPhantom:
    """A cube of 12 voxels a side of liver at SUV 2, with a lesion of 2 voxels a side."""
    plain = make_torso(family_seed(Family.TRAINING, 1), TorsoPlan(grid_mm=8.0))
    organs = np.full((12, 12, 12), Organ.LIVER, dtype=plain.organs.dtype)
    lesions = np.zeros(organs.shape, dtype=np.bool_)
    lesions[5:7, 5:7, 5:7] = True
    suv = np.full(organs.shape, 2.0, dtype=np.float32)
    suv[4:8, 4:8, 4:8] = 50.0
    suv[lesions] = lesion_suv
    return replace(plain, organs=organs, lesions=lesions, suv=suv, spacing_zyx_mm=(5.0, 5.0, 5.0))


def test_volume_and_uptake_of_a_lesion_beside_its_organ() -> None:
    found = conspicuity_of(block(6.0), Organ.LIVER)
    assert found is not None
    assert found.volume_ml == pytest.approx(1.0)
    assert found.uptake_ratio == pytest.approx(3.0), "what the scanner smears about it is left out"


def test_an_organ_without_lesion_or_without_healthy_voxels_has_none() -> None:
    body = block(6.0)
    assert conspicuity_of(body, Organ.SPLEEN) is None
    assert conspicuity_of(replace(body, lesions=np.ones_like(body.lesions)), Organ.LIVER) is None


def test_rows_hold_every_organ_once() -> None:
    shown = [
        Shown(Conspicuity(0.4, 1.2), called_right=False, called_tumour=False),
        Shown(Conspicuity(1.0, 1.5), called_right=False, called_tumour=True),
        Shown(Conspicuity(40.0, 9.0), called_right=True, called_tumour=True),
    ]
    tables = conspicuity_tables(shown)
    assert [row["organs"] for row in tables["volume_ml"]] == [1, 1, 1]
    assert [row["called_tumour"] for row in tables["uptake_ratio"]] == [0, 1, 1]
    assert tables["volume_ml"][2] == {
        "from": 4.0, "below": None, "organs": 1, "called_metastasis": 1, "called_tumour": 1,
    }  # fmt: skip
