"""File and function length, columns, signatures and names."""

from tests.architecture.checkers import (
    MAX_FUNCTION_LINES,
    banned_names,
    long_functions,
    long_text,
    wide_signatures,
)
from tests.architecture.repository import findings, python_sources


def test_files_are_short_and_narrow() -> None:
    sources = python_sources("medquorum", "scripts", "tests")
    assert findings(sources, lambda source: long_text(source.text)) == []


def test_functions_are_short() -> None:
    sources = python_sources("medquorum", "scripts", "tests")
    assert findings(sources, lambda source: long_functions(source.tree, MAX_FUNCTION_LINES)) == []


def test_signatures_are_narrow() -> None:
    sources = python_sources("medquorum", "scripts")
    assert findings(sources, lambda source: wide_signatures(source.tree)) == []


def test_names_say_something() -> None:
    sources = python_sources("medquorum", "scripts")
    assert findings(sources, lambda source: banned_names(source.tree, source.path.stem)) == []
