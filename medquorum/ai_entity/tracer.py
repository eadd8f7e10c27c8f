"""Whether a PET's header names FDG, another tracer, or nothing that tells.

Scanners write the radiopharmaceutical as free text, as codes of several schemes and by its
radionuclide (DICOM PS3.3 C.8.9.2, PS3.16 CID 4020 and 4021); texts come in many languages. A
statement of another radionuclide or of a known other tracer outweighs all others: protocols are
copied, and an old code of FDG may be left in them.
"""

import re
import unicodedata
from enum import IntEnum
from typing import Any, Final

from pydicom.sequence import Sequence

from medquorum.ai_entity.dicom_slice import number, optional

FDG_CODES: Final = frozenset({"C-B1031", "35321007", "C0046056", "Y-X1743"})
"""Of SRT (also written SNM3), SNOMED CT, UMLS and a maker's own list."""
F18_CODES: Final = frozenset({"C-111A1", "77004003", "C0303611"})

F18_HALF_LIFE_S: Final = 6_586.2
HALF_LIFE_TOLERANCE: Final = 0.05
"""Makers write 6586 to 6588 s; the nearest other positron emitter, Ga-68, has 4063 s."""

FDG_WORDS: Final = re.compile(
    r"fdg(?!al)|flu.*(glu[ck]|glyc)|metatrace|gluscan|steripet|flucis|efdege"
)
"""Of letters and digits alone, without accents; FDGal is a sugar of the liver."""
F18_WORDS: Final = re.compile(r"(18f|f18|(fluorine|fluor|fluoro)18|18(fluorine|fluor))?")
"""Whole texts that name the radionuclide and no drug; also none at all."""
SILENT_WORDS: Final = frozenset({"unknown", "none", "solution", "injection", "tracer", "pet"})
OTHER_NUCLIDES: Final = re.compile(
    r"(?<!\d)(11c|13n|14o|15o|68ga|61cu|62cu|64cu|89zr|82rb|76br|86y|44sc|43sc|52mn|52fe|38k|"
    r"120i|124i)|\b(c11|n13|o14|o15|ga68|cu61|cu62|cu64|zr89|rb82|br76|y86|sc44|i124)|"
    r"gallium|carbon|nitrogen|oxygen|copper|zirconium|rubidium|iod"
)
OTHER_WORDS: Final = re.compile(
    r"psma|dcfpyl|piflufolastat|flotufolastat|dota|fapi|choline|fluciclovine|facbc|fluoride|naf\b|"
    r"florbeta|flutemetamol|flortaucipir|pib\b|dopa|fes\b|fluoroestradiol|flt\b|thymidine|fmiso|"
    r"misonidazole|\bfet\b|ethyltyrosine|methionine|acetate|ammonia|water|flurpiridaz|exendin|fdgal"
)


class Tracer(IntEnum):
    """What one statement says of the tracer; of several the greatest holds."""

    UNSTATED = 0
    FOREIGN = 1
    """Words or a code that are not known here: not FDG, unless another statement says so."""
    FDG = 2
    OTHER = 3
    """Another radionuclide or drug, by name."""


def names_fdg(dataset: Any, ordinal: int) -> bool | None:
    """Whether the tracer of a PET slice is FDG; None where the header does not tell.

    Raises SeriesError for a field that cannot be read.
    """
    said = Tracer.UNSTATED
    for drug in _entries(dataset, "RadiopharmaceuticalInformationSequence", ordinal):
        said = max(said, _drug(drug, ordinal), _nuclide(drug, ordinal))
    return None if said is Tracer.UNSTATED else said is Tracer.FDG


def _drug(drug: Any, ordinal: int) -> Tracer:
    said = drug_in_words(_words(drug, "Radiopharmaceutical", ordinal))
    for code in _entries(drug, "RadiopharmaceuticalCodeSequence", ordinal):
        value = _words(code, "CodeValue", ordinal).strip().upper()
        said = max(said, drug_in_words(_words(code, "CodeMeaning", ordinal)))
        if value:
            said = max(said, Tracer.FDG if value in FDG_CODES else Tracer.FOREIGN)
    return said


def drug_in_words(text: str) -> Tracer:
    """What a text says of the drug."""
    spaced, joined = _plain(text)
    if OTHER_WORDS.search(spaced):
        return Tracer.OTHER
    if FDG_WORDS.search(joined):
        return Tracer.FDG
    if OTHER_NUCLIDES.search(spaced) or OTHER_NUCLIDES.search(joined):
        return Tracer.OTHER
    silent = F18_WORDS.fullmatch(joined) or joined in SILENT_WORDS
    return Tracer.UNSTATED if silent else Tracer.FOREIGN


def _nuclide(drug: Any, ordinal: int) -> Tracer:
    """OTHER for a radionuclide that is not fluorine-18."""
    half_life_s = number(drug, "RadionuclideHalfLife", ordinal, 0.0)
    if half_life_s > 0.0 and (abs(half_life_s / F18_HALF_LIFE_S - 1.0) > HALF_LIFE_TOLERANCE):
        return Tracer.OTHER
    for code in _entries(drug, "RadionuclideCodeSequence", ordinal):
        value = _words(code, "CodeValue", ordinal).strip().upper()
        spaced, joined = _plain(_words(code, "CodeMeaning", ordinal))
        fluorine = value in F18_CODES or (joined and F18_WORDS.fullmatch(joined))
        if not fluorine and (
            value.startswith("C-1") or OTHER_NUCLIDES.search(f"{spaced} {joined}")
        ):
            return Tracer.OTHER
    return Tracer.UNSTATED


def _entries(dataset: Any, keyword: str, ordinal: int) -> list[Any]:
    found = optional(dataset, keyword, ordinal)
    return list(found) if isinstance(found, Sequence) else []


def _words(dataset: Any, keyword: str, ordinal: int) -> str:
    return str(optional(dataset, keyword, ordinal) or "")


def _plain(text: str) -> tuple[str, str]:
    """In lower case without accents: words with one space between them, and without any."""
    letters = unicodedata.normalize("NFKD", text).casefold()
    words = re.findall(r"[a-z0-9]+", letters.encode("ascii", "ignore").decode())
    return " ".join(words), "".join(words)
