"""Scenarios from TOML: every key is a field of `Scenario` or of one of its parts, no other.

A key whose field ends in `_ms` may be written in seconds, minutes or hours by ending in `_s`,
`_min` or `_h` instead. `shows` says in a sentence what the scenario is for. A table `[vary]` names
fields with lists of values; the study is every combination of them:

    shows = "How messages for one block grow with the number of doctors"
    duration_s = 30
    faults = []
    [vary]
    doctors = [4, 7, 10]
    "workload.vote_delay_s" = [1, 60]
"""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from medquorum.ledger.charter_rules import OrderingPolicy
from medquorum.ledger.errors import LedgerError
from medquorum.simulation.scenario import Scenario, ScenarioError
from medquorum.simulation.toml_fields import part_of_table

SUFFIX: Final = ".toml"
LARGEST_FILE: Final = 65_536
"""Bytes; a scenario is a page, not a book."""
MOST_VARIANTS: Final = 100
"""Runs are multiplied by it: a mistake in [vary] shall not take a week."""
NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_KEY: Final = re.compile(r"[a-z_]+(\.[a-z_]+)?")
_OWN_KEYS: Final = frozenset({"shows", "vary"})


@dataclass(frozen=True, slots=True)
class Variant:
    """One scenario of a study."""

    scenario: Scenario
    varied: tuple[tuple[str, str], ...] = ()
    """Key and value as the file has them, in its order; empty without a study."""

    @property
    def label(self) -> str:
        """Such as `doctors=7 panel=care_team`; empty without a study."""
        return " ".join(f"{key}={value}" for key, value in self.varied)


@dataclass(frozen=True, slots=True)
class Study:
    """What one file says: a scenario, or several that differ in what is varied."""

    name: str
    shows: str
    variants: tuple[Variant, ...]
    source: str
    """How it is named on the command line: a built-in name, or the path of its file."""


def read_study(path: Path) -> Study:
    """The study of a TOML file; ScenarioError says which key is wrong and what it may be."""
    if path.suffix != SUFFIX or not NAME.fullmatch(path.stem):
        raise ScenarioError(
            f"{path.name}: a scenario file is named in small letters, digits and dashes, "
            f"and ends in {SUFFIX}"
        )
    try:
        with path.open("rb") as stream:
            encoded = stream.read(LARGEST_FILE + 1)
    except OSError as error:
        raise ScenarioError(f"cannot read {path}: {error.strerror}; check the path") from None
    if len(encoded) > LARGEST_FILE:
        raise ScenarioError(f"{path} has more than {LARGEST_FILE} bytes; shorten it")
    try:
        text = encoded.decode("utf-8")
        return parse_study(text, path.stem, str(path))
    except UnicodeDecodeError:
        raise ScenarioError(f"{path}: is not UTF-8 text; save it as such") from None
    except ScenarioError as error:
        raise ScenarioError(f"{path}: {error}") from None


def parse_study(text: str, name: str, source: str) -> Study:
    """The study of a TOML text; `source` is only kept."""
    try:
        tables = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ScenarioError(f"is not TOML: {error}") from None
    shows = tables.get("shows")
    if not isinstance(shows, str) or not 1 <= len(shows) <= 200 or "\n" in shows:
        raise ScenarioError("shows: must say in 1 to 200 characters what the scenario shows")
    frame = {key: value for key, value in tables.items() if key not in _OWN_KEYS}
    variants = tuple(
        Variant(_scenario(_overlaid(frame, varied), name), _as_texts(varied))
        for varied in _combinations(tables.get("vary", {}))
    )
    return Study(name, shows, variants, source)


def _combinations(vary: object) -> list[dict[str, Any]]:
    if not isinstance(vary, dict):
        raise ScenarioError("vary: must be a table such as [vary] doctors = [4, 7]")
    count = 1
    for key, values in vary.items():
        if not _KEY.fullmatch(key):
            raise ScenarioError(f'vary.{key}: a key is a field, or "table.field" in quotes')
        if not isinstance(values, list) or not values:
            raise ScenarioError(f"vary.{key}: must be a list of values such as [4, 7]")
        if any(isinstance(value, dict) for value in values):
            raise ScenarioError(f"vary.{key}: vary a field of the table, not the table")
        if any(values.count(value) > 1 for value in values):
            raise ScenarioError(f"vary.{key}: each value once")
        count *= len(values)
    if count > MOST_VARIANTS:
        raise ScenarioError(f"vary: makes {count} scenarios; at most {MOST_VARIANTS}")
    return [dict(zip(vary, chosen, strict=True)) for chosen in itertools.product(*vary.values())]


def _overlaid(frame: Mapping[str, Any], varied: Mapping[str, Any]) -> dict[str, Any]:
    """The file's tables with the varied values in their places."""
    tables = dict(frame)
    for key, value in varied.items():
        name, _, field = key.partition(".")
        if not field:
            tables[name] = value
            continue
        part = tables.get(name, {})
        if not isinstance(part, dict):
            raise ScenarioError(f"{name}: must be a table")
        tables[name] = {**part, field: value}
    return tables


def _as_texts(varied: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    def text(value: Any) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, list):
            return "+".join(map(str, value)) or "none"
        return str(value)

    return tuple((key, text(value)) for key, value in varied.items())


def _scenario(tables: Mapping[str, Any], name: str) -> Scenario:
    if "name" in tables:
        raise ScenarioError("name: the file's own name is the scenario's; remove the key")
    scenario = replace(part_of_table(Scenario, tables, ""), name=name)
    try:
        timing = scenario.timing
        OrderingPolicy(
            scenario.mode,
            timing.slot_timeout_ms,
            timing.slot_timeout_max_ms,
            timing.idle_status_ms,
            timing.retransmit_ms,
            timing.batch_blocks,
        )
    except LedgerError as error:
        raise ScenarioError(str(error)) from None
    return scenario
