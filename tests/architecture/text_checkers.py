"""The rules about any committed text, and about the protocol page and the tests that cite it."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

# Written in pieces, so that this file does not contain what it looks for.
MACHINE_PATHS: Final = re.compile(
    r"(?<![\w.~])/" + r"(?:work|tmp|root|opt/wheels|opt/pypi[\w-]*)/[\w.]"
)
REGISTRY_HOSTS: Final = re.compile(
    r"pypi\." + r"org|python" + r"hosted\.org|registry\." + r"npmjs|registry\." + r"yarnpkg|"
    r"deb\." + r"debian\.org|files\." + r"pythonhosted",
    re.IGNORECASE,
)
# A label alone may be compared with or searched for; a label followed by a body is a key.
PRIVATE_KEYS: Final = re.compile(
    r"-----BEGIN [A-Z ]*" + r"PRIVATE KEY-----(?:\\[rn]|\s|[\"'])*[A-Za-z0-9+/=]{16}"
)

RULE_HEADING: Final = re.compile(r"\*\*(R-[A-Z]+\d+)\*\*")
RULE_CITATION: Final = re.compile(r"\bR-[A-Z]+\d+\b")


def leaks(text: str) -> list[str]:
    """Machine paths, package registries and private keys in a committed text."""
    findings = []
    for number, line in enumerate(text.splitlines(), 1):
        for what, pattern in (("machine path", MACHINE_PATHS), ("registry host", REGISTRY_HOSTS)):
            if found := pattern.search(line):
                findings.append(f"line {number}: {what} {found.group()!r}")
    for key in PRIVATE_KEYS.finditer(text):
        line_number = text.count("\n", 0, key.start()) + 1
        findings.append(f"line {line_number}: a private key")
    return findings


@lru_cache(maxsize=8)
def protocol_rules(protocol: str) -> tuple[str, ...]:
    """The rule ids a protocol page states, in its order; each is a bold heading such as R-CAN1."""
    return tuple(dict.fromkeys(RULE_HEADING.findall(protocol)))


def repeated_rules(protocol: str) -> list[str]:
    """Rule ids stated more than once."""
    stated = RULE_HEADING.findall(protocol)
    return sorted({rule for rule in stated if stated.count(rule) > 1})


def uncited_rules(protocol: str, tests: Iterable[str]) -> list[str]:
    """Rules of the protocol that no test text cites."""
    cited = {rule for text in tests for rule in RULE_CITATION.findall(text)}
    return [rule for rule in protocol_rules(protocol) if rule not in cited]


def unknown_citations(protocol: str, text: str) -> list[str]:
    """Rule ids cited by a text though the protocol states no such rule."""
    return sorted(set(RULE_CITATION.findall(text)) - set(protocol_rules(protocol)))
