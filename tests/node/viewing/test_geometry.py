"""Order, spacing and what is odd about it, from positions alone."""

import math

import pytest

from medquorum.node.viewing.geometry import Concern, Stack, Vector, stack_of

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def at(*heights: float) -> list[Vector]:
    return [(0.0, 0.0, height) for height in heights]


def concerns(stack: Stack) -> list[Concern]:
    return [one.kind for one in stack.warnings]


def test_slices_are_ordered_by_where_they_lie() -> None:
    stack = stack_of(at(6, 2, 4), AXIAL)
    assert stack.order == (1, 2, 0)
    assert stack.positions == tuple(at(2, 4, 6))
    assert (stack.step_mm, stack.warnings) == (2.0, ())


def test_a_sagittal_stack_is_ordered_along_its_own_normal() -> None:
    stack = stack_of([(9.0, 0.0, 0.0), (3.0, 0.0, 0.0), (6.0, 0.0, 0.0)], (0, 1, 0, 0, 0, -1))
    heights = [position[0] for position in stack.positions]
    assert heights == [9.0, 6.0, 3.0]  # the normal (row x column) points to -x
    assert stack.step_mm == pytest.approx(3.0)


def test_missing_slices_are_counted_where_they_are_missing() -> None:
    [warning] = stack_of(at(0, 2, 4, 10, 12), AXIAL).warnings
    assert (warning.kind, warning.after, warning.count) == (Concern.MISSING_SLICES, 2, 2)


def test_uneven_steps_are_told_with_the_least_and_the_most() -> None:
    [warning] = stack_of(at(0, 2, 4.3, 6.3), AXIAL).warnings
    assert warning.kind is Concern.UNEVEN_SPACING
    assert (warning.least_mm, warning.most_mm) == (2.0, 2.3)


def test_the_jitter_of_printed_decimals_is_no_unevenness() -> None:
    assert stack_of(at(0, 3.27, 6.5399999, 9.81), AXIAL).warnings == ()


def test_two_slices_at_one_place_do_not_spoil_the_spacing() -> None:
    stack = stack_of(at(0, 2, 2, 4), AXIAL)
    assert stack.step_mm == 2.0
    assert concerns(stack) == [Concern.DOUBLED_POSITION]


def test_a_tilted_gantry_is_told() -> None:
    lean = math.tan(math.radians(15))
    positions = [(0.0, lean * height, float(height)) for height in (0, 3, 6)]
    assert concerns(stack_of(positions, AXIAL)) == [Concern.TILTED_STACK]


def test_one_slice_has_no_spacing() -> None:
    stack = stack_of(at(5), AXIAL)
    assert (stack.step_mm, concerns(stack)) == (None, [Concern.SINGLE_SLICE])
