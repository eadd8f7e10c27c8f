"""Levels, rims and directions of edges against slow twins that keep every pixel."""

import cv2
import numpy as np
import pytest

from medquorum.ai_entity.fracture.directions import (
    AXIS_STEP,
    EdgePoints,
    edge_points,
    look_around,
    spread_cells,
)
from medquorum.ai_entity.fracture.edges import RIM_PIXELS, find_level, off_the_rim


@pytest.mark.parametrize("seed", range(6))
def test_the_level_is_otsus_as_opencv_finds_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    dark, bright = rng.normal(60.0, 15.0, (40, 50)), rng.normal(150.0 + seed, 25.0, (40, 50))
    chosen = rng.random((40, 50)) < 0.3 + 0.05 * seed
    eight = np.clip(np.where(chosen, dark, bright), 0, 255).astype(np.uint8)
    within = rng.random((40, 50)) < 0.8
    column = np.ascontiguousarray(eight[within]).reshape(-1, 1)
    level, _ = cv2.threshold(column, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    assert find_level(eight, within) * 255.0 == pytest.approx(level, abs=1.0)


def test_nothing_and_one_value_have_no_level_above_them() -> None:
    flat = np.full((8, 8), 90, dtype=np.uint8)
    assert find_level(flat, np.zeros((8, 8), dtype=np.bool_)) == 0.0
    assert find_level(flat, np.ones((8, 8), dtype=np.bool_)) <= 90.0 / 255.0


def test_the_rim_is_taken_off_on_every_side() -> None:
    exposed = np.zeros((90, 120), dtype=np.bool_)
    exposed[10:80, 20:] = True
    expected = np.zeros_like(exposed)
    expected[10 + RIM_PIXELS : 80 - RIM_PIXELS, 20 + RIM_PIXELS : 120 - RIM_PIXELS] = True
    assert np.array_equal(off_the_rim(exposed), expected)


@pytest.mark.parametrize("degrees", [0.0, 20.0, 65.0, 90.0, 130.0])
def test_a_straight_edge_has_its_normal_and_lies_along_its_surroundings(degrees: float) -> None:
    y, x = np.mgrid[-80:80, -80:80].astype(np.float32)
    angle = np.deg2rad(degrees)
    ramp = np.tanh((x * np.cos(angle) + y * np.sin(angle)) / 2.0).astype(np.float32)
    gx, gy = cv2.Sobel(ramp, cv2.CV_32F, 1, 0), cv2.Sobel(ramp, cv2.CV_32F, 0, 1)
    edges = np.abs(x * np.cos(angle) + y * np.sin(angle)) < 0.8
    points = edge_points(gx, gy, edges)
    assert np.abs(points.cosine * np.cos(angle) + points.sine * np.sin(angle)).min() > 0.99
    around = look_around(points, np.ones(points.rows.shape, dtype=np.bool_), edges.shape)
    assert around.along(points).min() > 0.99
    assert around.coherence[20, 20] > 0.99


def test_edges_of_all_directions_do_not_agree_and_what_is_left_out_does_not_count() -> None:
    rng = np.random.default_rng(2)
    rows, columns = np.nonzero(rng.random((160, 160)) < 0.2)
    turn = rng.uniform(0.0, np.pi, rows.size).astype(np.float32)
    points = EdgePoints(rows, columns, np.cos(turn), np.sin(turn))
    everything = np.ones(rows.shape, dtype=np.bool_)
    assert look_around(points, everything, (160, 160)).coherence.max() < 0.3
    level = np.abs(points.cosine) > 0.95
    kept = look_around(points, level, (160, 160))
    assert kept.coherence.min() > 0.9
    assert np.allclose(kept.along(points), np.abs(points.cosine), atol=0.1)


def test_cells_cover_their_pixels_and_no_more() -> None:
    cells = np.zeros((3, 4), dtype=np.bool_)
    cells[1, 2] = True
    pixels = spread_cells(cells, (10, 15))
    assert pixels.shape == (10, 15)
    rows, columns = np.nonzero(pixels)
    assert set(rows // AXIS_STEP) == {1}
    assert set(columns // AXIS_STEP) == {2}
    assert rows.size == AXIS_STEP**2
