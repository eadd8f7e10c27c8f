"""What pictures of findings are drawn with: letters, sides, a length, a scale, outlines."""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
"""[rows, columns, 3], blue first as OpenCV has it."""
Colour = tuple[int, int, int]

BAR_MM: Final = 50.0
SCALE_PIXELS: Final = (10, 60)
"""Width and height of the SUV scale."""
TOWARDS: Final = (("L", "R"), ("P", "A"), ("H", "F"))
"""The patient's sides at the end and at the start of each LPS axis."""
RED: Final = (40, 40, 255)
WHITE: Final = (255, 255, 255)
DARK: Final = (24, 24, 24)
FONT_SCALE: Final = 0.45


def side_of(direction: npt.NDArray[np.float64]) -> str:
    """The side of the patient towards which an LPS direction points most: L, R, P, A, H or F."""
    axis = int(np.abs(direction).argmax())
    return TOWARDS[axis][0 if direction[axis] > 0.0 else 1]


def write_sides(picture: Picture, affine: npt.NDArray[np.float64], ink: Colour) -> None:
    """The patient's sides at the four edges."""
    height, width = picture.shape[:2]
    right, below = affine[:3, 2], affine[:3, 1]
    write(picture, side_of(-right), (4, height // 2 + 5), ink)
    write(picture, side_of(right), (width - 14, height // 2 + 5), ink)
    write(picture, side_of(-below), (width // 2 - 4, 14), ink)
    write(picture, side_of(below), (width // 2 - 4, height - 5), ink)


def draw_length(picture: Picture, pixels_per_mm: float, ink: Colour = WHITE) -> None:
    """A bar of BAR_MM at the lower left, where it fits."""
    height, width = picture.shape[:2]
    length = round(BAR_MM * pixels_per_mm)
    if length > width - 12:
        return
    picture[height - 9 : height - 4, 5 : 7 + length] = DARK
    picture[height - 8 : height - 5, 6 : 6 + length] = WHITE
    write(picture, f"{BAR_MM:.0f} mm", (6, height - 12), ink)


def draw_scale(picture: Picture, hottest: float) -> None:
    """The greys of the PET at the lower right, with the SUV of both ends."""
    (wide, high), (height, width) = SCALE_PIXELS, picture.shape[:2]
    if height < 2 * high or width < 8 * wide:
        return
    top, left = height - high - 6, width - wide - 6
    picture[top : top + high, left : left + wide] = np.linspace(0, 255, high)[:, None, None]
    cv2.rectangle(picture, (left - 1, top - 1), (left + wide, top + high), DARK, 1)
    write(picture, f"SUV {hottest:.1f}", (left - 66, top + 10), DARK)
    write(picture, "0", (left - 14, top + high), DARK)


def grey_picture(plane: npt.NDArray[np.floating], size: tuple[int, int]) -> Picture:
    """A plane of 0 (black) to 1 (white) at a size (columns, rows)."""
    grey = np.round(np.nan_to_num(np.clip(plane, 0.0, 1.0)) * 255.0).astype(np.uint8)
    large = cv2.resize(grey, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.cvtColor(large, cv2.COLOR_GRAY2BGR), dtype=np.uint8)


def draw_outline(picture: Picture, mask: npt.NDArray[np.bool_], number: int) -> None:
    """A lesion in red, with its number at its largest part; the mask may be smaller."""
    height, width = picture.shape[:2]
    large = cv2.resize(mask.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    contours, _ = cv2.findContours(large, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return
    cv2.drawContours(picture, contours, -1, RED, 1)
    x, y, wide, _ = cv2.boundingRect(max(contours, key=cv2.contourArea))
    write(picture, str(number), (x + wide + 2, y + 10), RED)


def write(picture: Picture, words: str, place: tuple[int, int], colour: Colour = WHITE) -> None:
    """Bright letters on a dark rim, or dark ones on a white rim: readable on black and on white."""
    for ink, thickness in ((WHITE if colour == DARK else DARK, 3), (colour, 1)):
        cv2.putText(
            picture, words, place, cv2.FONT_HERSHEY_SIMPLEX, FONT_SCALE, ink, thickness, cv2.LINE_AA
        )
