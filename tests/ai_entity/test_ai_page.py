"""docs/ai.md names what the commands print, and the numbers it gives are those of the code."""

import json
from pathlib import Path
from typing import Any

from medquorum.ai_entity import limits
from medquorum.ai_entity.command_ends import Exit
from medquorum.ai_entity.fracture.pipeline import analyse_radiograph
from medquorum.ai_entity.fracture.radiograph import radiograph_of
from medquorum.ai_entity.phantom.long_bone import make_long_bone
from medquorum.ai_entity.phantom.torso import PhantomPair
from medquorum.ai_entity.published import published
from medquorum.ai_entity.registry import Registry
from medquorum.ai_entity.service_status import State
from medquorum.ai_entity.tumour import guard, guard_body
from medquorum.ai_entity.tumour.pipeline import analyse_images, read_images
from tests.ai_entity.conftest import PairOnDisk


def keys_of(value: Any) -> set[str]:
    """Every key of a JSON value, but levels, which are words of their own."""
    if isinstance(value, dict):
        return set(value).union(*(keys_of(one) for one in value.values()))
    if isinstance(value, list):
        return set().union(*(keys_of(one) for one in value))
    return set()


def test_every_key_of_the_document_stands_on_the_page(
    repository: Path, pair_on_disk: PairOnDisk, pair: PhantomPair
) -> None:
    page = (repository / "docs" / "ai.md").read_text()
    images = read_images(pair_on_disk.ct, pair_on_disk.pet)
    tumour = published(analyse_images(images, Registry()))
    assert tumour["tumour"]["lesions"], "a document without lesions shows not all keys"
    film = radiograph_of(make_long_bone(1, True).pixels.astype("float32"), None)
    fracture = published(analyse_radiograph(film, Registry()))
    for key in sorted(keys_of(tumour) | keys_of(fracture)):
        assert f"`{key}`" in page or f".{key}`" in page, f"{key} is not on the page"
    assert json.dumps(tumour)


def test_the_numbers_on_the_page_are_the_codes(repository: Path) -> None:
    page = (repository / "docs" / "ai.md").read_text()
    for code in (Exit.FAILED, Exit.USAGE, Exit.NOT_FOUND, Exit.INTERRUPTED, Exit.TERMINATED):
        assert f"| {int(code)} |" in page
    for state in State:
        assert f"`{state.value}`" in page
    told = (
        f"{limits.CHILD_RESIDENT_BYTES >> 30} GiB resident",
        f"{limits.CHILD_MEMORY_BYTES >> 30} GiB address space",
        f"{limits.CHILD_CPU_SECONDS} s of processor time",
        f"{limits.CHILD_WALL_SECONDS} s by the clock",
        f"{limits.CHILD_ANSWER_BYTES >> 20} MiB of answer",
        f"more than {limits.MAX_GRID_VOXELS // 1_000_000} million voxels",
        f"nested over {limits.MAX_MODEL_NESTING} deep",
        f"more than {limits.MAX_MODEL_NODES:,} nodes",
        f"under {guard_body.MIN_TRUNK_MM:.0f} mm wide",
        f"under {guard_body.MIN_WHOLE_ML / 1000:.0f} L",
        f"less than {guard.MIN_SIDE_MM:.0f} mm or {guard.MIN_SOFT_TISSUE_ML:.0f} mL",
        f"outside {guard.MEDIAN_SUV[0]:g} to {guard.MEDIAN_SUV[1]:g}",
    )
    for words in told:
        assert words in page, words
