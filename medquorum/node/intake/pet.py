"""The elements without which a PET has no standardized uptake value (SUVbw).

Source: QIBA FDG-PET profile, SUV vendor-neutral pseudo-code. A missing one is refused by name,
because whoever guesses it is wrong by up to a third (arXiv 2410.13348). Whether injection and scan
times make sense together is left to whoever computes the SUV: that takes the whole series.
"""

from __future__ import annotations

from typing import Final

from medquorum.node.intake.elements import Elements

_PHILIPS: Final = (0x7053, "Philips PET Private Group")
_SUV_FACTOR, _ACTIVITY_FACTOR = 0x00, 0x09

PetFacts = dict[str, object]
"""Values that must be the same in every slice, by keyword; never shown."""


def check_suv(elements: Elements) -> PetFacts:
    """What the slices of a PET series share. Raises IntakeRefused naming the tag."""
    units = elements.word("Units")
    match units:
        case None:
            raise elements.missing("Units")
        case "GML":
            return {"Units": units}
        case "BQML":
            return {"Units": units, **_activity(elements)}
        case "CNTS":
            if elements.private_number(*_PHILIPS, _SUV_FACTOR) is not None:
                return {"Units": units}
            if elements.private_number(*_PHILIPS, _ACTIVITY_FACTOR) is None:
                raise elements.missing("PhilipsSuvScaleFactor")
            return {"Units": units, **_activity(elements)}
        case _:
            raise elements.bad("Units")


def _activity(elements: Elements) -> PetFacts:
    """Bq/mL become SUV by weight, dose and the decay between injection and scan."""
    corrections = elements.words("CorrectedImage")
    if not corrections:
        raise elements.missing("CorrectedImage")
    if "ATTN" not in corrections or not {"DECY", "DECAY"} & set(corrections):
        raise elements.bad("CorrectedImage")
    decay = elements.word("DecayCorrection")
    if decay is None:
        raise elements.missing("DecayCorrection")
    if decay not in ("START", "ADMIN"):
        raise elements.bad("DecayCorrection")
    drug = elements.within("RadiopharmaceuticalInformationSequence")
    facts: PetFacts = {
        "DecayCorrection": decay,
        "PatientWeight": elements.positive("PatientWeight"),
        "RadionuclideTotalDose": drug.positive("RadionuclideTotalDose"),
        "RadionuclideHalfLife": drug.positive("RadionuclideHalfLife"),
    }
    for stem in ("Series", "Acquisition"):
        if not elements.date(f"{stem}Date"):
            raise elements.missing(f"{stem}Date")
        if not elements.time(f"{stem}Time"):
            raise elements.missing(f"{stem}Time")
    whole = drug.moment("RadiopharmaceuticalStartDateTime")
    if not whole and not drug.time("RadiopharmaceuticalStartTime"):
        raise drug.missing("RadiopharmaceuticalStartDateTime")
    return facts
