"""The changes as sentences for the report; every one says what it is not."""

from typing import Final

from medquorum.ai_entity.explain.change_facts import (
    PPM,
    Changes,
    Course,
    Fate,
    LesionChange,
    Measure,
)

MAX_LESION_LINES: Final = 8
READER_ML: Final = 10.0
READER_PPM: Final = 100_000
"""Two readers of one study differ by 10 % or 10 mL in one of eight cases (Boellaard et al. 2024,
doi 10.2967/jnumed.124.267789): less is no change."""

PERCIST_NAMES: Final = {
    Course.COMPLETE: "complete metabolic response",
    Course.PARTIAL: "partial metabolic response",
    Course.STABLE: "stable metabolic disease",
    Course.PROGRESSIVE: "progressive metabolic disease",
}
FATE_NAMES: Final = {
    Fate.PERSISTS: "persists",
    Fate.NEW: "is new",
    Fate.VANISHED: "is no longer found",
    Fate.OUTSIDE_BEFORE: "lies where the earlier study did not look",
    Fate.OUTSIDE_NOW: "lay where this study does not look",
    Fate.UNPLACED: "is not matched",
}


def change_lines(changes: Changes) -> tuple[str, ...]:
    """What changed, most important first."""
    return (
        _head(changes),
        changes.placement.reason,
        *_warnings(changes),
        _volume(changes.total_tumour_volume_ul),
        *_uptake(changes),
        *(
            f"{level.region}: {level.before} before, {level.now} now."
            for level in changes.levels[:MAX_LESION_LINES]
        ),
        *(_lesion(lesion) for lesion in _worth_telling(changes)),
        *_course(changes),
    )


def _head(changes: Changes) -> str:
    days = "" if changes.days is None else f", recorded {changes.days} day(s) earlier"
    return f"Compared with the report in block {changes.previous_report[:12]}{days}:"


def _warnings(changes: Changes) -> tuple[str, ...]:
    found = []
    if not changes.same_modality:
        found.append("One study has a PET and the other has none: the numbers are not comparable.")
    elif not changes.same_model:
        found.append("Another model measured the earlier study: part of a change may be its own.")
    return tuple(found)


def _volume(volume: Measure) -> str:
    before, now = (0 if one is None else one / 1000.0 for one in (volume.before, volume.now))
    text = f"Total tumour volume {before:.1f} mL before, {now:.1f} mL now"
    share = volume.change_ppm
    if share is None:
        return f"{text}."
    small = abs(share) < READER_PPM or abs(now - before) < READER_ML
    note = ", within what two readers differ by" if small else ""
    return f"{text} ({percent(share)}{note})."


def _uptake(changes: Changes) -> tuple[str, ...]:
    named = (
        ("TLG", changes.total_lesion_glycolysis_milli, 0),
        ("Highest SUVmax", changes.hottest_suv_max_milli, 1),
        ("Highest SUVpeak", changes.hottest_suv_peak_milli, 1),
    )
    return tuple(
        f"{name} {(one.before or 0) / 1000:.{digits}f} before, {(one.now or 0) / 1000:.{digits}f} "
        f"now{_relative(one)}."
        for name, one, digits in named
        if one.before is not None and one.now is not None
    )


def _relative(measure: Measure) -> str:
    return "" if measure.change_ppm is None else f" ({percent(measure.change_ppm)})"


def _worth_telling(changes: Changes) -> tuple[LesionChange, ...]:
    order = (Fate.NEW, Fate.VANISHED, Fate.PERSISTS, Fate.OUTSIDE_BEFORE, Fate.OUTSIDE_NOW)
    ranked = [lesion for fate in order for lesion in changes.of_fate(fate)]
    return tuple(ranked[:MAX_LESION_LINES])


def _lesion(lesion: LesionChange) -> str:
    numbers = lesion.numbers or lesion.numbers_before
    name = " + ".join(str(number) for number in numbers)
    of = "" if lesion.numbers else " of the earlier study"
    text = f"Lesion {name}{of} ({lesion.region}) {FATE_NAMES[lesion.fate]}"
    if lesion.fate is not Fate.PERSISTS:
        return f"{text}."
    if len(lesion.numbers) != len(lesion.numbers_before):
        earlier = " + ".join(str(number) for number in lesion.numbers_before)
        text += f" (earlier {earlier})"
    told = [_one("", lesion.volume_ul, " mL"), _one("SUVpeak ", lesion.suv_peak_milli, "")]
    return f"{text}: {', '.join(one for one in told if one)}."


def _one(name: str, measure: Measure, unit: str) -> str:
    if measure.before is None or measure.now is None:
        return ""
    before, now = measure.before / 1000, measure.now / 1000
    return f"{name}{before:.1f} to {now:.1f}{unit}{_relative(measure)}"


def _course(changes: Changes) -> tuple[str, ...]:
    percist, eortc = changes.by_percist, changes.by_eortc
    if Course.NOT_COMPARABLE in (percist, eortc):
        return ("No response assessment.",)
    return (
        f"By the cut-offs of PERCIST 1.0 (SUVpeak by body weight for SULpeak) this would be "
        f"{PERCIST_NAMES[percist]}, by those of EORTC 1999 {PERCIST_NAMES[eortc]}. This is no "
        "response assessment: scanner, uptake time and liver uptake were not compared.",
    )


def percent(share_ppm: int) -> str:
    """A signed whole percentage."""
    return f"{100.0 * share_ppm / PPM:+.0f} %"
