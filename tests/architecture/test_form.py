"""File and function length, columns, signatures and names."""

from collections import defaultdict

import pytest

from tests.architecture.checkers import (
    MAX_FUNCTION_LINES,
    banned_names,
    long_functions,
    long_text,
    wide_signatures,
)
from tests.architecture.repository import findings, python_sources


@pytest.fixture(scope="module")
def found() -> dict[str, list[str]]:
    """What each check of a syntax tree finds; every source is parsed once for all of them."""
    by_check: defaultdict[str, list[str]] = defaultdict(list)
    for source in python_sources("medquorum", "scripts", "tests"):
        told = {"functions": long_functions(source.tree, MAX_FUNCTION_LINES)}
        if source.path.parts[0] != "tests":
            told["signatures"] = wide_signatures(source.tree)
            told["names"] = banned_names(source.tree, source.path.stem)
        for check, sentences in told.items():
            by_check[check] += [f"{source.path}: {sentence}" for sentence in sentences]
    return by_check


def test_files_are_short_and_narrow() -> None:
    sources = python_sources("medquorum", "scripts", "tests")
    assert findings(sources, lambda source: long_text(source.text)) == []


def test_functions_are_short(found: dict[str, list[str]]) -> None:
    assert found["functions"] == []


def test_signatures_are_narrow(found: dict[str, list[str]]) -> None:
    assert found["signatures"] == []


def test_names_say_something(found: dict[str, list[str]]) -> None:
    assert found["names"] == []
