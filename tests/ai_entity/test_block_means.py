"""The quick mean of stored whole numbers has the bits of the plain one, or is not given."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medquorum.ai_entity.block_means import block_means, stored_means
from medquorum.ai_entity.dicom_series import read_layers
from medquorum.ai_entity.dicom_slice import rescaled
from tests.ai_entity.slices import changed, having, small_ct


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(["uint8", "int16", "uint16"]),
    blocks=st.tuples(st.integers(1, 4), st.integers(1, 11), st.integers(1, 11)),
    rescale=st.tuples(st.integers(-3, 3), st.integers(-2_000, 2_000)),
    seed=st.integers(0, 99),
)
def test_whole_numbers_are_averaged_to_the_same_bits(
    kind: str, blocks: tuple[int, int, int], rescale: tuple[int, int], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    ends = np.iinfo(kind)
    planes = list(rng.integers(ends.min, ends.max + 1, (blocks[0], 25, 23)).astype(kind))
    slope, intercept = map(float, rescale)
    quick = stored_means(planes, blocks, (slope, intercept))
    plain = block_means(np.stack([rescaled(one, slope, intercept) for one in planes]), blocks)
    assert quick is None or quick.tobytes() == plain[0].tobytes()
    if int(np.prod(blocks)) * (65_536 * abs(slope) + abs(intercept)) <= 2**24:
        assert quick is not None


@pytest.mark.parametrize(
    ("kind", "rescale"),
    [("int16", (0.5, 0.0)), ("int16", (1.0, 0.25)), ("float32", (1.0, 0.0)), ("int32", (1.0, 0.0))],
)
def test_what_may_be_rounded_is_left_to_the_plain_way(
    kind: str, rescale: tuple[float, float]
) -> None:
    assert stored_means([np.ones((4, 4), dtype=kind)], (1, 2, 2), rescale) is None


def test_sums_that_float32_cannot_hold_are_left_to_the_plain_way() -> None:
    planes = [np.full((16, 16), 65_535, dtype=np.uint16)] * 4
    assert stored_means(planes, (4, 16, 16), (1.0, 0.0)) is None
    planes = [np.full((16, 16), 60, dtype=np.uint16)] * 4
    assert stored_means(planes, (4, 16, 16), (1.0, 0.0)) is not None


@pytest.mark.parametrize("slope", ["1", "0.37", "2"])
@pytest.mark.parametrize("blocks", [(1, 1, 1), (2, 3, 2), (5, 8, 6)])
def test_a_series_as_stored_has_the_means_of_its_volume(
    slope: str, blocks: tuple[int, int, int]
) -> None:
    files = small_ct()
    files[1] = changed(files[1], having("RescaleSlope", slope))
    layers = read_layers(files, "CT")
    expected = block_means(layers.volume().voxels, blocks)
    assert layers.means(blocks).tobytes() == expected.tobytes()
