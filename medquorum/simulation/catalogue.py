"""The scenarios that ship, by name, and a scenario of the command line: a name or a path."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Final

from medquorum.simulation.scenario import ScenarioError
from medquorum.simulation.toml import SUFFIX, Study, Variant, parse_study, read_study

FOLDER: Final = Path(__file__).parent / "scenarios"
DEFAULT: Final = "seven-doctors-swarm"
"""What a sweep runs when no scenario is named."""


def built_in_names() -> tuple[str, ...]:
    """The names that need no path, in order of the alphabet."""
    return tuple(sorted(path.stem for path in FOLDER.glob(f"*{SUFFIX}")))


def built_in(name: str) -> Study:
    """A scenario that ships; its name must be one of `built_in_names`."""
    text = (FOLDER / f"{name}{SUFFIX}").read_text(encoding="utf-8")
    return parse_study(text, name, name)


def find_study(named: str) -> Study:
    """The study of a built-in name or of a path to a TOML file; else ScenarioError with advice."""
    names = built_in_names()
    if named in names:
        return built_in(named)
    if named.endswith(SUFFIX) or "/" in named:
        return read_study(Path(named))
    near = difflib.get_close_matches(named, names, n=1)
    hint = f"did you mean {near[0]}?" if near else f"choose one of: {', '.join(names)}"
    raise ScenarioError(
        f"no scenario {named!r:.60}; {hint} A file of your own is given by its path, ending in "
        f"{SUFFIX}"
    )


def find_variant(study: Study, label: str) -> Variant:
    """The variant of this label, the first for an empty one; else ScenarioError lists them."""
    if not label:
        return study.variants[0]
    for variant in study.variants:
        if variant.label == label:
            return variant
    labels = ", ".join(repr(variant.label) for variant in study.variants)
    if len(study.variants) == 1:
        raise ScenarioError(f"{study.name} has no variants; leave --variant out")
    raise ScenarioError(f"{study.name} has no variant {label!r:.60}; it has {labels}")
