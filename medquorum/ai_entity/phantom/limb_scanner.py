"""X-ray scanners, told by what they do to an exposure that ``radiograph.draw_film`` drew.

Training sees one scanner. Calibration sees several, so that a probability does not stand for one
scanner's films; each differs from training in two things or more. The hold-out is judged on one
that neither has seen. All were written down before any film of the hold-out was looked at.
"""

from dataclasses import dataclass, replace
from typing import Final

from medquorum.ai_entity.phantom.radiograph import Film


@dataclass(frozen=True, slots=True)
class Scanner:
    """Factors on a drawn exposure; the defaults leave it as it is."""

    name: str
    pixel_mm: tuple[float, float] = (0.45, 0.7)
    """Of limbs drawn in the plane, drawn evenly between the two."""
    voxel_mm: float = 0.8
    """Of bones broken in three dimensions, where it is the pixel too."""
    photons: float = 1.0
    blur: float = 1.0
    more_scatter: float = 0.0
    """Added to scattered over primary."""
    gradient: float = 1.0
    contrast: float = 1.0
    """On the attenuation of limbs drawn in the plane: a harder beam shows less."""

    def seen(self, film: Film) -> Film:
        """The same exposure on this scanner."""
        return replace(
            film,
            photons=self.photons * film.photons,
            blur_pixels=self.blur * film.blur_pixels,
            scatter=film.scatter + self.more_scatter,
            gradient=self.gradient * film.gradient,
        )


TRAINING_SCANNER: Final = Scanner("as in training")
HOLD_OUT_SCANNER: Final = Scanner("shifted", (0.7, 0.9), 1.0, 0.35, 1.4, 0.15, 1.3, 0.85)
CALIBRATION_SCANNERS: Final = (
    TRAINING_SCANNER,
    Scanner("coarse", (0.75, 1.0), 1.0, photons=0.6, contrast=0.95),
    Scanner("blurred", (0.55, 0.75), photons=0.7, blur=1.9, contrast=0.9),
    Scanner("grainy", (0.5, 0.7), photons=0.2, blur=1.1, more_scatter=0.1),
    Scanner("flat", (0.6, 0.8), 0.9, 0.5, 1.3, 0.25, 1.6, 0.75),
    Scanner("worn", (0.6, 0.8), 0.9, 0.25, 1.7, 0.1, 1.2, 0.8),
)
