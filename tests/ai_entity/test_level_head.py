"""The four probabilities: features, exact sums, the fitted head's file and its refusals."""

import json

import numpy as np
import pytest

from medquorum.ai_entity.errors import ModelError, Reason
from medquorum.ai_entity.findings import PPM, Level
from medquorum.ai_entity.phantom.organs import Organ
from medquorum.ai_entity.tumour.level_head import (
    FEATURES,
    Drawn,
    conventional_ppm,
    organ_features,
    read_head,
    shares_ppm,
)
from medquorum.ai_entity.tumour.organ_levels import number_groups, organ_levels

SPACING = (4.0, 4.0, 4.0)
DIGEST = bytes(range(32))


def stated(levels: dict[str, object] | None = None, **changes: object) -> bytes:
    count = len(FEATURES)
    fitted: dict[str, object] = {
        "mean": [0.0] * count,
        "scale": [1.0] * count,
        "weights": [[0.0, 0.0, 0.0, 0.0]] * count,
        "bias": [1.0, 0.0, 0.0, 0.0],
        "temperature": 2.0,
    }
    head = {
        "format": "medquorum-levels/5",
        "model_sha256": DIGEST.hex(),
        "features": list(FEATURES),
        "levels": fitted | (levels or {}),
        "judge": None,
        "atlas": None,
        "voxels": None,
    }
    return json.dumps(head | changes).encode()


def patient() -> tuple[Drawn, np.ndarray, np.ndarray]:
    """Liver beside spleen; a large lesion in the liver, a small one in the spleen."""
    organs = np.full((30, 30, 40), Organ.LIVER, np.uint8)
    organs[..., 20:] = Organ.SPLEEN
    probability = np.zeros(organs.shape, np.float32)
    probability[5:15, 5:15, 5:15] = 0.9
    probability[20:24, 20:24, 30:34] = 0.6
    mask = probability >= 0.5
    labels, groups = number_groups(mask, organs, SPACING)
    levels = organ_levels(mask, organs, SPACING)
    return Drawn(labels, groups, (0.9, 0.6), levels), probability, organs


def test_features_of_two_organs() -> None:
    drawn, probability, organs = patient()
    found = organ_features(drawn, probability, organs, SPACING)
    named = {organ: dict(zip(FEATURES, row, strict=True)) for organ, row in found.items()}
    assert set(found) == {Organ.LIVER, Organ.SPLEEN}
    liver, spleen = named[Organ.LIVER], named[Organ.SPLEEN]
    assert liver["log(1 + mL drawn in the organ)"] == pytest.approx(np.log1p(64.0))
    assert (liver["hosts the primary"], spleen["hosts the primary"]) == (1.0, 0.0)
    assert (liver["the primary lies elsewhere"], spleen["the primary lies elsewhere"]) == (0, 1)
    assert (liver["rule: Tumor+"], spleen["rule: Metastasis"]) == (1.0, 1.0)
    assert spleen["log(1 + expected mL)"] == pytest.approx(np.log1p(64 * 0.064 * 0.6))
    best = "logit of the best group's mean probability / 5"
    assert spleen[best] == pytest.approx(np.log(0.6 / 0.4) / 5.0)


def test_a_head_gives_tempered_probabilities() -> None:
    head = read_head(stated(), DIGEST)
    found = head.probabilities(np.zeros((1, len(FEATURES))))[0]
    assert found == pytest.approx(np.exp([0.5, 0, 0, 0]) / np.exp([0.5, 0, 0, 0]).sum())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", Reason.MALFORMED_MODEL),
        (b"[]", Reason.MALFORMED_MODEL),
        (stated(model_sha256="00" * 32), Reason.DIGEST_MISMATCH),
        (stated(features=list(FEATURES)[1:]), Reason.MALFORMED_MODEL),
        (stated({"mean": [0.0]}), Reason.MALFORMED_MODEL),
        (stated({"bias": [0.0, 0.0, 0.0, float("nan")]}), Reason.MALFORMED_MODEL),
        (stated({"scale": [0.0] * len(FEATURES)}), Reason.MALFORMED_MODEL),
        (stated({"temperature": 0.0}), Reason.MALFORMED_MODEL),
        (stated(format="medquorum-levels/0"), Reason.MALFORMED_MODEL),
        (stated(judge={"mean": [0.0]}), Reason.MALFORMED_MODEL),
        (stated(voxels={"mean": [0.0]}), Reason.MALFORMED_MODEL),
        (stated(atlas={"places_zlib_base64": "eA==", "densities": []}), Reason.MALFORMED_MODEL),
    ],
)
def test_another_head_is_refused(content: bytes, reason: Reason) -> None:
    with pytest.raises(ModelError) as caught:
        read_head(content, DIGEST)
    assert caught.value.reason is reason


@pytest.mark.parametrize("seed", range(20))
def test_shares_sum_to_one_exactly_and_stay_near(seed: int) -> None:
    exact = np.random.default_rng(seed).dirichlet([0.3, 0.3, 0.3, 0.3])
    shares = shares_ppm(exact)
    assert sum(shares) == PPM
    assert all(share % 1000 == 0 and share >= 0 for share in shares)
    assert np.asarray(shares) / PPM == pytest.approx(exact, abs=0.001)


@pytest.mark.parametrize("share", [0.0, 0.333, 1.0])
def test_the_convention_gives_the_rule_s_level_most(share: float) -> None:
    for level in Level:
        found = dict(zip(Level, conventional_ppm(level, share), strict=True))
        assert sum(found.values()) == PPM
        assert found[Level.NEGATIVE] == pytest.approx((1.0 - share) * PPM, abs=1_000)
        if level is not Level.NEGATIVE:
            assert found[level] == pytest.approx(0.7 * share * PPM, abs=1_000)
