"""Shows that each checker of this folder can fail: on a small bad source it says what is wrong."""

import ast
import textwrap

import pytest

from tests.architecture import checkers, text_checkers


def tree(source: str) -> ast.Module:
    return ast.parse(textwrap.dedent(source))


@pytest.mark.parametrize(
    ("source", "finding"),
    [
        ("import time", "line 1: imports time"),
        ("import asyncio.events", "line 1: imports asyncio"),
        ("from os import path", "line 1: imports os"),
        ("from sqlalchemy.engine import Engine", "line 1: imports sqlalchemy"),
        ("def f():\n    import random", "line 2: imports random"),
        ("async def f(): ...", "line 1: is asynchronous"),
        ("from datetime import datetime\ndatetime.now()", "line 2: calls .now()"),
        ("ec.generate_private_key(curve)", "line 1: calls .generate_private_key()"),
        ("print('x')", "line 1: calls print()"),
        ("open('x')", "line 1: calls open()"),
    ],
)
def test_impurities_are_found(source: str, finding: str) -> None:
    assert checkers.impurities(tree(source), "medquorum.ledger") == [finding]


def test_what_a_pure_room_needs_is_allowed() -> None:
    source = """
    import hashlib, unicodedata, msgpack
    from dataclasses import dataclass
    from cryptography.hazmat.primitives import hashes
    def seal(randomness): return randomness.draw(32)
    """
    assert checkers.impurities(tree(source), "medquorum.ledger") == []


@pytest.mark.parametrize(
    ("package", "source", "target"),
    [
        ("medquorum.ledger", "import medquorum.consensus", "ledger imports consensus"),
        ("medquorum.ledger", "from ..consensus import replica", "ledger imports consensus"),
        ("medquorum.ledger.keys", "from ... import node", "ledger imports node"),
        ("medquorum.consensus", "from medquorum import node", "consensus imports node"),
        ("medquorum.ai_entity", "from medquorum.node.api import app", "ai_entity imports node"),
        ("medquorum.node", "import medquorum.simulation", "node imports simulation"),
        ("medquorum.simulation", "from medquorum import ai_entity", "simulation imports ai_entity"),
        ("medquorum.node", "from scripts.demo import main", "imports scripts"),
    ],
)
def test_upward_imports_are_found(package: str, source: str, target: str) -> None:
    room = package.split(".")[1]
    assert checkers.upward_imports(tree(source), package, room) == [f"line 1: {target}"]


@pytest.mark.parametrize(
    ("package", "source"),
    [
        ("medquorum.ledger", "from .codec import encode"),
        ("medquorum.ledger.keys", "from ..codec import encode"),
        ("medquorum.consensus", "from medquorum.ledger import codec"),
        ("medquorum.node", "from medquorum import __version__, consensus, ledger"),
        ("medquorum.ai_entity", "from medquorum.ledger.merkle import root"),
    ],
)
def test_downward_imports_are_allowed(package: str, source: str) -> None:
    assert checkers.upward_imports(tree(source), package, package.split(".")[1]) == []


def test_ecdsa_is_found_wherever_it_hides() -> None:
    source = tree("def f():\n    from ecdsa.keys import VerifyingKey")
    assert checkers.banned_imports(source, "medquorum.node", {"ecdsa"}) == ["line 2: imports ecdsa"]


@pytest.mark.parametrize(
    "source",
    [
        "importlib.import_module(name)",
        "runpy.run_module(name)",
        "subprocess.run([python, '-m', 'medquorum.node.cli'])",
    ],
)
def test_the_product_cannot_be_smuggled_into_the_verifier(source: str) -> None:
    assert len(checkers.smuggled_product(tree(source))) == 1


def test_the_verifier_may_speak_of_the_product() -> None:
    assert checkers.smuggled_product(tree("tag = b'medquorum/v1/block'")) == []


def test_long_functions_are_found_and_the_limit_itself_is_kept() -> None:
    def function(lines: int) -> ast.Module:
        return ast.parse("def f():\n" + "    x = 1\n" * (lines - 1))

    assert checkers.long_functions(function(70), 70) == []
    assert checkers.long_functions(function(71), 70) == ["line 1: f has 71 lines (> 70)"]


@pytest.mark.parametrize(
    ("source", "wide"),
    [
        ("def f(a, b, c, d, e): ...", False),
        ("def f(a, b, c, d, e, f): ...", True),
        ("def f(a, b, /, c, d, e, f): ...", True),
        ("def f(a, b, c, d, e, *, f, g): ...", False),
        ("class C:\n    def f(self, a, b, c, d, e): ...", False),
        ("class C:\n    async def f(self, a, b, c, d, e, f): ...", True),
        ("class C:\n    @staticmethod\n    def f(a, b, c, d, e, f): ...", True),
        ("class C:\n    a: int\n    b: int\n    c: int\n    d: int\n    e: int\n    f: int", False),
    ],
)
def test_wide_signatures_are_found(source: str, wide: bool) -> None:
    assert bool(checkers.wide_signatures(ast.parse(source))) is wide


def test_long_files_and_lines_are_found() -> None:
    assert checkers.long_text("x\n" * 300 + "") == []
    assert checkers.long_text("x\n" * 301) == ["301 lines (> 300)"]
    assert checkers.long_text("x" * 100) == []
    assert checkers.long_text("y\n" + "x" * 101) == ["line 2: 101 columns (> 100)"]


@pytest.mark.parametrize(
    ("source", "module", "finding"),
    [
        ("", "utils", "module utils"),
        ("", "key_helpers", "module key_helpers"),
        ("class PeerManager: ...", "peers", "line 1: class PeerManager"),
        ("class Data: ...", "peers", "line 1: class Data"),
        ("def helper(): ...", "peers", "line 1: function helper"),
        ("def items(): ...", "peers", "line 1: function items"),
        ("data = 1", "peers", "line 1: name data"),
        ("data: int = 1", "peers", "line 1: name data"),
        ("block, item = 1, 2", "peers", "line 1: name item"),
    ],
)
def test_names_that_say_nothing_are_found(source: str, module: str, finding: str) -> None:
    assert checkers.banned_names(ast.parse(source), module) == [finding]


def test_names_that_say_something_are_allowed() -> None:
    source = "class Database: ...\nclass Roster:\n    def items(self): ...\ndef metadata(): ..."
    assert checkers.banned_names(ast.parse(source), "peers") == []


KEY_LABEL = "-----BEGIN " + "PRIVATE KEY-----"


@pytest.mark.parametrize(
    "text",
    [
        "see " + "/work" + "/main/README.md",
        "written to " + "/tmp" + "/clone",
        "https://" + "pypi" + ".org/simple",
        "https://files." + "pythonhosted" + ".org/packages/x.whl",
        KEY_LABEL + "\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49",
        f'"{KEY_LABEL}\\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49"',
        KEY_LABEL.replace("PRIVATE", "EC PRIVATE") + "\r\nMIGHAgEAMBMGByqGSM49AgEG",
    ],
)
def test_leaks_are_found(text: str) -> None:
    assert len(text_checkers.leaks(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        f'assert pem.startswith("{KEY_LABEL}")',
        "ai_entity/work/steps.py and node/tmp/file",
        "mount /var/lib/medquorum/work",
        "the patient's frame/work/flow",
    ],
)
def test_harmless_text_is_no_leak(text: str) -> None:
    assert text_checkers.leaks(text) == []


PROTOCOL = "- **R-AAA1** One. - **R-AAA2** Two, see R-AAA1. - **R-BBB10** Three."


def test_uncited_rules_are_reported_in_order() -> None:
    assert text_checkers.uncited_rules(PROTOCOL, ["# R-AAA2", "R-AAA10"]) == ["R-AAA1", "R-BBB10"]
    assert text_checkers.uncited_rules(PROTOCOL, ["R-AAA1 R-AAA2", "(R-BBB10)"]) == []


def test_repeated_and_unknown_rules_are_reported() -> None:
    assert text_checkers.repeated_rules(PROTOCOL + " **R-AAA2**") == ["R-AAA2"]
    assert text_checkers.unknown_citations(PROTOCOL, "R-AAA1, R-CCC7") == ["R-CCC7"]
