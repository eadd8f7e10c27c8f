"""Phantom patients scanned twice: what a comparison is held against."""

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from medquorum.ai_entity.explain.landmarks import make_landmarks
from medquorum.ai_entity.explain.previous import PreviousStudy, read_previous
from medquorum.ai_entity.findings import (
    Findings,
    Kind,
    Lesion,
    Level,
    ModelFacts,
    RegionFinding,
    TumourFindings,
)
from medquorum.ai_entity.overlay import make_overlay
from medquorum.ai_entity.phantom.anatomy import Anatomy, draw_anatomy
from medquorum.ai_entity.phantom.growths import Growth
from medquorum.ai_entity.phantom.organs import Organ
from medquorum.ai_entity.phantom.scanner import STANDARD
from medquorum.ai_entity.phantom.whole_body import scan_with
from medquorum.ai_entity.tumour.pet_metrics import suv_peak
from medquorum.ledger import canonical
from medquorum.ledger.contents import Conclusion, NextStep
from medquorum.ledger.limits import FRAME

GRID_MM = 6.0
"""Coarser than the analysis grid: a third of its voxels, and the same geometry."""
MODEL = ModelFacts("probe", "1.0.0", b"\x11" * 32, b"\x22" * 32, "probe/1")


@dataclass(frozen=True)
class Scan:
    """How one examination is made."""

    growths: tuple[Growth, ...]
    noise_seed: int = 1
    origin_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    frame: bytes = b""
    from_slice: int = 0
    levels: tuple[tuple[str, Level], ...] = ()


def person(seed: int = 1) -> Anatomy:
    return draw_anatomy(seed, GRID_MM, False)


def lesion_in(
    anatomy: Anatomy, organ: Organ, radius_mm: float, suv: float = 9.0, rank: float = 0.5
) -> Growth:
    """A ball deep inside an organ; ``rank`` picks where along z."""
    mask = anatomy.organs == organ
    inside = np.argwhere(mask)
    z = int(np.quantile(inside[:, 0], rank))
    plane = np.argwhere(mask[z])
    centre = plane[np.linalg.norm(plane - np.quantile(plane, 0.25, axis=0), axis=1).argmin()]
    place = (z, int(centre[0]), int(centre[1]))
    return Growth(organ, place, (radius_mm,) * 3, suv, 40.0)


def numbered(lesions: np.ndarray) -> tuple[np.ndarray, int]:
    """Labels of the lesions, the largest first."""
    found, count = ndimage.label(lesions)
    sizes = np.bincount(found.ravel(), minlength=count + 1)[1:]
    rank = np.zeros(count + 1, dtype=np.int32)
    rank[1 + np.argsort(-sizes, kind="stable")] = np.arange(1, count + 1)
    return rank[found], int(count)


def _lesion(
    number: int, mask: np.ndarray, maps: tuple[np.ndarray, np.ndarray], affine: np.ndarray
) -> Lesion:
    suv, organs = maps
    x, y, z = (affine @ np.append(np.argwhere(mask).mean(axis=0), 1.0))[:3] * 1000.0
    return Lesion(
        number=number,
        region=Organ(int(np.bincount(organs[mask]).argmax())).name.lower(),
        centroid_um=(round(x), round(y), round(z)),
        volume_ul=round(float(mask.sum()) * GRID_MM**3),
        suv_max_milli=round(float(suv[mask].max()) * 1000.0),
        suv_peak_milli=round(suv_peak(suv, mask, (GRID_MM,) * 3) * 1000.0),
        glycolysis_milli=round(float(suv[mask].sum()) * GRID_MM**3),
        probability_ppm=900_000,
    )


def scanned(anatomy: Anatomy, scan: Scan) -> Findings:
    """What a perfect model would report of one examination."""
    body = scan_with(anatomy, scan.growths, scan.noise_seed, STANDARD)
    affine = np.zeros((4, 4))
    affine[[2, 1, 0], [0, 1, 2]] = body.spacing_zyx_mm
    affine[:3, 3] = scan.origin_mm
    affine[2, 3] += GRID_MM * scan.from_slice
    affine[3, 3] = 1.0
    hu, suv = body.hu[scan.from_slice :], body.suv[scan.from_slice :]
    lesions = body.lesions[scan.from_slice :]
    labels, count = numbered(lesions)
    organs = body.organs[scan.from_slice :]
    measured = tuple(
        _lesion(number, labels == number, (suv, organs), affine) for number in range(1, count + 1)
    )
    tumour = TumourFindings(
        total_tumour_volume_ul=round(float((labels > 0).sum()) * GRID_MM**3),
        volume_method="truth",
        total_lesion_glycolysis_milli=round(float(suv[labels > 0].sum()) * GRID_MM**3),
        lesion_count=count,
        lesions=measured,
        regions=tuple(
            RegionFinding(name, level, (250_000, 250_000, 250_000, 250_000))
            for name, level in scan.levels
        ),
        comparison_volumes_ul=(("SUV >= 4.0", 1),),
    )
    overlay = replace(
        make_overlay(labels, affine), landmarks=make_landmarks(hu, affine, scan.frame)
    )
    return Findings(
        kind=Kind.TUMOUR,
        model=MODEL,
        conclusion=Conclusion.TUMOUR,
        next_step=NextStep.NONE,
        confidence_ppm=900_000,
        abstained=None,
        scores_ppm=(),
        lines=("Machine-generated.",),
        tumour=tumour,
        overlay=overlay,
    )


def parts_of(findings: Findings) -> tuple[bytes, bytes]:
    """M_REPORT and ATTACHMENT as the ledger holds them."""
    report = canonical.encode(findings.to_report())
    assert findings.overlay is not None
    return report, canonical.encode(findings.overlay.to_content(), FRAME)


def recorded(findings: Findings, time_ms: int | None = None) -> PreviousStudy:
    """The same study as an earlier one, through the ledger's bytes."""
    report, attachment = parts_of(findings)
    previous = read_previous(report, attachment, "ab" * 32, time_ms)
    assert previous is not None
    return previous
