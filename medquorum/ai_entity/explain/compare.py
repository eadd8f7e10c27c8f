"""This study against the earlier one: totals, lesions, levels, and what thresholds would call it.

The words follow published cut-offs on the hottest lesion of each study, wherever it is:

- PERCIST 1.0 (Wahl et al., J Nucl Med 2009, doi 10.2967/jnumed.108.057307): a fall of SULpeak by
  30 % and by 0.8 is a partial metabolic response; a rise by more than 30 % and 0.8, a rise of total
  lesion glycolysis by 75 %, or a new lesion is progression. Here SUVpeak by body weight stands for
  SULpeak, since height and sex are not read.
- EORTC 1999 (Young et al., Eur J Cancer 1999, doi 10.1016/S0959-8049(99)00229-4): SUV 25 % up, or
  new uptake, is progression; 25 % down (after more than one cycle) a partial response. SUVmax is
  used.

Neither is a response assessment: target lesions were not chosen by a reader, and equal scanner,
uptake time and liver uptake, which both ask for, are not checked.
"""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from medquorum.ai_entity.explain.change_facts import (
    PPM,
    Alignment,
    Changes,
    Course,
    Fate,
    LesionChange,
    LevelChange,
    Measure,
    Placement,
)
from medquorum.ai_entity.explain.matching import Pairing, Study, pair_lesions, unplaced
from medquorum.ai_entity.explain.previous import PreviousStudy
from medquorum.ai_entity.explain.registration import find_shift
from medquorum.ai_entity.findings import Findings, Lesion, Level, TumourFindings
from medquorum.ai_entity.overlay import Overlay

PERCIST_PPM: Final = 300_000
PERCIST_LEAST_MILLI: Final = 800
PERCIST_GLYCOLYSIS_PPM: Final = 750_000
EORTC_PPM: Final = 250_000
CERTAIN_PPM: Final = 500_000
"""A new lesion below this mean probability is listed, but is no progression."""

OUTSIDE: Final = (Fate.OUTSIDE_BEFORE, Fate.OUTSIDE_NOW)

MS_PER_DAY: Final = 86_400_000


def compare(
    current: Findings, previous: PreviousStudy, recorded_ms: int | None = None
) -> Changes | None:
    """What changed; None when this study draws no conclusion about a tumour.

    ``recorded_ms`` is the ledger time of this study's image.
    """
    if current.tumour is None or current.overlay is None or current.abstained is not None:
        return None
    now, before = current.tumour, previous.tumour
    placement = _placement(current.overlay, previous.overlay)
    pairings = _pairings(current, previous, placement)
    lesions = tuple(_lesion_change(pairing) for pairing in pairings)
    both = _with_pet(now) and _with_pet(before)
    new = both and any(_certainly_new(pairing) for pairing in pairings)
    gone = both and _gone(now, pairings)
    judged = tuple(one for one in lesions if one.fate not in OUTSIDE)
    return Changes(
        previous_report=previous.block,
        days=_days(previous.recorded_ms, recorded_ms),
        same_model=previous.model_digest == current.model.digest.hex(),
        same_modality=_with_pet(now) == _with_pet(before),
        placement=placement,
        total_tumour_volume_ul=Measure(before.total_tumour_volume_ul, now.total_tumour_volume_ul),
        total_lesion_glycolysis_milli=Measure(
            before.total_lesion_glycolysis_milli, now.total_lesion_glycolysis_milli
        ),
        hottest_suv_max_milli=_over([one.suv_max_milli for one in lesions], _hottest),
        hottest_suv_peak_milli=_over([one.suv_peak_milli for one in lesions], _hottest),
        lesions=lesions,
        levels=_level_changes(now, before),
        by_percist=_percist(judged, new, gone),
        by_eortc=_eortc(judged, new, gone),
    )


def _placement(now: Overlay, before: Overlay | None) -> Placement:
    if before is None:
        return _nowhere("the earlier report holds no label map that can be read")
    if now.landmarks is None or before.landmarks is None:
        return _nowhere("one of the reports holds no map of the body to align by")
    if now.landmarks.frame and now.landmarks.frame == before.landmarks.frame:
        return Placement(
            Alignment.SAME_FRAME, "Both studies share one frame of reference.", (0, 0, 0), None
        )
    try:
        shift = find_shift(before.landmarks, now.landmarks)
    except (ValueError, np.linalg.LinAlgError):
        return _nowhere("the earlier map of the body cannot be read")
    likeness = round(max(shift.likeness, 0.0) * PPM)
    if shift.vector_mm is None:
        return _nowhere(shift.refusal, likeness)
    x, y, z = (round(one * 1000.0) for one in shift.vector_mm)
    return Placement(
        Alignment.REGISTERED,
        "Different frames of reference: the studies were shifted onto one another by the shape of "
        "body and bones, without turning.",
        (x, y, z),
        likeness,
    )


def _nowhere(why: str, likeness_ppm: int | None = None) -> Placement:
    reason = f"Lesions are not matched: {why}. Only totals are compared."
    return Placement(Alignment.NONE, reason, None, likeness_ppm)


def _pairings(
    current: Findings, previous: PreviousStudy, placement: Placement
) -> tuple[Pairing, ...]:
    if current.tumour is None or current.overlay is None:
        return ()
    if placement.shift_um is None or previous.overlay is None:
        return unplaced(current.tumour.lesions, previous.tumour.lesions)
    return pair_lesions(
        Study(current.tumour.lesions, current.overlay),
        Study(previous.tumour.lesions, previous.overlay),
        np.asarray(placement.shift_um, dtype=np.float64) / 1000.0,
    )


def _lesion_change(pairing: Pairing) -> LesionChange:
    now, before = pairing.now, pairing.before
    return LesionChange(
        fate=pairing.fate,
        region=(now or before)[0].region,
        numbers=tuple(lesion.number for lesion in now),
        numbers_before=tuple(lesion.number for lesion in before),
        volume_ul=Measure(
            _sum([one.volume_ul for one in before]), _sum([one.volume_ul for one in now])
        ),
        suv_max_milli=Measure(
            _hottest([one.suv_max_milli for one in before]),
            _hottest([one.suv_max_milli for one in now]),
        ),
        suv_peak_milli=Measure(
            _hottest([one.suv_peak_milli for one in before]),
            _hottest([one.suv_peak_milli for one in now]),
        ),
        glycolysis_milli=Measure(
            _sum([one.glycolysis_milli for one in before]),
            _sum([one.glycolysis_milli for one in now]),
        ),
    )


def _level_changes(now: TumourFindings, before: TumourFindings) -> tuple[LevelChange, ...]:
    """Organs graded in both studies that changed; one not in view of either is not compared."""
    earlier = {region.region: region.level for region in before.regions}
    order = list(Level)
    changed = [
        LevelChange(region.region, earlier[region.region].value, region.level.value)
        for region in now.regions
        if region.region in earlier and earlier[region.region] is not region.level
    ]
    return tuple(sorted(changed, key=lambda one: -order.index(Level(one.now))))


def _certainly_new(pairing: Pairing) -> bool:
    return pairing.fate is Fate.NEW and _certain(pairing.now)


def _certain(lesions: tuple[Lesion, ...]) -> bool:
    return any(lesion.probability_ppm >= CERTAIN_PPM for lesion in lesions)


def _gone(now: TumourFindings, pairings: tuple[Pairing, ...]) -> bool:
    """Nothing is left of lesions that this study looked at."""
    fates = {pairing.fate for pairing in pairings}
    return not now.lesions and fates == {Fate.VANISHED}


def _percist(lesions: tuple[LesionChange, ...], new: bool, gone: bool) -> Course:
    """By lesions that both studies looked at."""
    peak = _over([one.suv_peak_milli for one in lesions], _hottest)
    glycolysis = _over([one.glycolysis_milli for one in lesions], _sum)
    if gone or new:
        return Course.COMPLETE if gone else Course.PROGRESSIVE
    if peak.before is None or peak.now is None:
        return Course.NOT_COMPARABLE
    rise, share = peak.now - peak.before, peak.change_ppm or 0
    more = glycolysis.change_ppm is not None and glycolysis.change_ppm >= PERCIST_GLYCOLYSIS_PPM
    if more or (share > PERCIST_PPM and rise >= PERCIST_LEAST_MILLI):
        return Course.PROGRESSIVE
    if share <= -PERCIST_PPM and -rise >= PERCIST_LEAST_MILLI:
        return Course.PARTIAL
    return Course.STABLE


def _eortc(lesions: tuple[LesionChange, ...], new: bool, gone: bool) -> Course:
    """By lesions that both studies looked at."""
    hottest = _over([one.suv_max_milli for one in lesions], _hottest)
    if gone or new:
        return Course.COMPLETE if gone else Course.PROGRESSIVE
    if hottest.change_ppm is None:
        return Course.NOT_COMPARABLE
    if hottest.change_ppm > EORTC_PPM:
        return Course.PROGRESSIVE
    return Course.PARTIAL if hottest.change_ppm < -EORTC_PPM else Course.STABLE


def _with_pet(tumour: TumourFindings) -> bool:
    return tumour.total_lesion_glycolysis_milli is not None


def _days(before_ms: int | None, now_ms: int | None) -> int | None:
    if before_ms is None or now_ms is None:
        return None
    return max(now_ms - before_ms, 0) // MS_PER_DAY


def _over(measures: list[Measure], joined: Callable[[Sequence[int | None]], int | None]) -> Measure:
    """One measure of many, each side by itself; what was not measured does not count."""
    before = [one.before for one in measures if one.before is not None]
    now = [one.now for one in measures if one.now is not None]
    return Measure(joined(before), joined(now))


def _hottest(values: Sequence[int | None]) -> int | None:
    return max((value for value in values if value is not None), default=None)


def _sum(values: Sequence[int | None]) -> int | None:
    """The sum; None when there is no lesion or one was not measured."""
    known = [value for value in values if value is not None]
    return sum(known) if values and len(known) == len(values) else None
