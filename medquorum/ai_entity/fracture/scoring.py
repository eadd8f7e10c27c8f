"""The published numbers of the fracture system, and the vector its decision is made on.

    Score    = EdgeDensity x 100 + ContourCount + FractureArea
    Severity = (FractureArea + ContourCount) / 2

EdgeDensity is the share of edge pixels, ContourCount the number of suspicious contours and
FractureArea their area in per cent of the bone. The published system calls a severity mild,
moderate or severe and states healing times of 2-4, 4-8 and 8-12 weeks; the bounds between the
classes are not published and are set here at 5 and 15. Neither is validated, and severity does not
follow displacement (docs/ai.md has the table): it counts contours and their area, of which a gap
across the whole bone has few. It guides no care; every suspected fracture is to be read now.

A fixed bound on the score cannot mean "fracture" (the edge density of two intact real films differs
by a factor of five), so the decision is a fitted one.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from medquorum.ai_entity.fracture.edges import EdgeMaps, Suspicion

MODERATE_FROM: Final = 5.0
SEVERE_FROM: Final = 15.0
FEATURE_NAMES: Final = (
    "edge density in per cent",
    "log(1 + contour count)",
    "log(1 + fracture area in per cent)",
    "longest contour in tenths of the working size",
    "log(1 + summed contour length in pixels)",
    "edges across the shaft in per mille of it",
)
WORK_TENTH: Final = 64.0
ACROSS_CAP: Final = 20.0


READ_NOW: Final = "Have the film read by a radiologist or trauma surgeon now."
"""The one thing that follows from a suspected fracture."""

NOT_VALIDATED: Final = "as published, not validated"
NOT_FOR_CARE: Final = "Neither may guide care: on drawn films displaced fractures were called mild."


@dataclass(frozen=True, slots=True)
class Care:
    """What the published system says of a severity class."""

    severity: str
    healing_weeks: tuple[int, int]
    advice: str


MILD: Final = Care(
    "mild",
    (2, 4),
    "Immobilise and protect from load; simple pain relief as the doctor prescribes.",
)
MODERATE: Final = Care(
    "moderate",
    (4, 8),
    "Splint or cast, no load; pain relief as the doctor prescribes; control X-ray after a week.",
)
SEVERE: Final = Care(
    "severe",
    (8, 12),
    "Immobilise at once, check circulation and sensation; strong pain relief as the doctor "
    "prescribes; operation is likely.",
)
NO_FRACTURE: Final = Care("none", (0, 0), "Pain that stays needs a second look.")
NO_REFERRAL: Final = "None, unless the examination says otherwise."


@dataclass(frozen=True, slots=True)
class EdgeMeasures:
    """The published features of one radiograph."""

    edge_density: float
    contour_count: int
    fracture_area_percent: float
    longest: float
    """Working pixels."""
    total_length: float
    across_share: float

    @property
    def score(self) -> float:
        """EdgeDensity x 100 + ContourCount + FractureArea."""
        return self.edge_density * 100.0 + self.contour_count + self.fracture_area_percent

    @property
    def severity(self) -> float:
        """(FractureArea + ContourCount) / 2."""
        return (self.fracture_area_percent + self.contour_count) / 2.0

    def vector(self) -> npt.NDArray[np.float32]:
        """The six inputs of the decision, in the order of FEATURE_NAMES."""
        return np.asarray(
            [
                self.edge_density * 100.0,
                np.log1p(self.contour_count),
                np.log1p(self.fracture_area_percent),
                self.longest / WORK_TENTH,
                np.log1p(self.total_length),
                min(self.across_share * 1000.0, ACROSS_CAP),
            ],
            dtype=np.float32,
        )


def measure(maps: EdgeMaps, contours: tuple[Suspicion, ...]) -> EdgeMeasures:
    """The features of one radiograph."""
    bone = max(int(np.count_nonzero(maps.bone)), 1)
    return EdgeMeasures(
        edge_density=float(np.count_nonzero(maps.edges)) / maps.edges.size,
        contour_count=len(contours),
        fracture_area_percent=min(100.0 * sum(one.area for one in contours) / bone, 100.0),
        longest=max((one.length for one in contours), default=0.0),
        total_length=sum(one.length for one in contours),
        across_share=float(np.count_nonzero(maps.across))
        / max(int(np.count_nonzero(maps.shaft)), 1),
    )


def care_for(severity: float) -> Care:
    """The class of a severity."""
    if severity >= SEVERE_FROM:
        return SEVERE
    return MODERATE if severity >= MODERATE_FROM else MILD
