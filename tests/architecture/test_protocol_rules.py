"""Every rule of PROTOCOL.md is stated once and cited by a test; nobody cites one it lacks."""

import pytest

from tests.architecture.repository import ROOT, python_sources
from tests.architecture.text_checkers import (
    protocol_rules,
    repeated_rules,
    uncited_rules,
    unknown_citations,
)


@pytest.fixture(scope="module")
def protocol() -> str:
    """The protocol page."""
    return (ROOT / "PROTOCOL.md").read_text(encoding="utf-8")


def test_rules_are_stated_once(protocol: str) -> None:
    assert len(protocol_rules(protocol)) > 50
    assert repeated_rules(protocol) == []


def test_every_rule_is_cited_by_a_test(protocol: str) -> None:
    # This folder tests the style, not the protocol: what it cites does not count.
    tests = [
        source.text
        for source in python_sources("tests")
        if source.path.parts[:2] != ("tests", "architecture")
    ]
    missing = uncited_rules(protocol, tests)
    assert missing == [], f"{len(missing)} rules no test cites: {', '.join(missing)}"


def test_every_citation_names_a_stated_rule(protocol: str) -> None:
    unknown = [
        f"{source.path}: {rule}"
        for source in python_sources("medquorum", "scripts", "tests")
        if source.path.parts[:2] != ("tests", "architecture")
        for rule in unknown_citations(protocol, source.text)
    ]
    assert unknown == []
