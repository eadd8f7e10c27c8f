"""The charter's fingerprint in words that can be read aloud (R-CHA7).

Proquints: Daniel S. Wilkerson, "A Proposal for Proquints: Identifiers that are Readable, Spellable,
and Pronounceable", 2009. Each 16 bits are consonant, vowel, consonant, vowel, consonant.
"""

from __future__ import annotations

from typing import Final

from medquorum.ledger.types import NetworkId

FINGERPRINT_BYTES: Final = 16
"""A second charter with the same 128 bits cannot be made by trying."""
_CONSONANTS: Final = "bdfghjklmnprstvz"
_VOWELS: Final = "aiou"


def proquints(octets: bytes) -> tuple[str, ...]:
    """One five-letter word per two bytes, most significant bits first; an even length."""
    if len(octets) % 2:
        raise ValueError("a proquint is made of two bytes; hand in an even number")
    return tuple(
        _word(int.from_bytes(octets[place : place + 2], "big"))
        for place in range(0, len(octets), 2)
    )


def _word(value: int) -> str:
    return (
        _CONSONANTS[value >> 12 & 15]
        + _VOWELS[value >> 10 & 3]
        + _CONSONANTS[value >> 6 & 15]
        + _VOWELS[value >> 4 & 3]
        + _CONSONANTS[value & 15]
    )


def fingerprint(network: NetworkId) -> str:
    """The eight words all founders compare before they sign (R-CHA7)."""
    return " ".join(proquints(network[:FINGERPRINT_BYTES]))


def same_fingerprint(words: str, network: NetworkId) -> bool:
    """Whether words typed by a person, in any case and spacing, are the network's."""
    return words.lower().replace("-", " ").split() == fingerprint(network).split()
