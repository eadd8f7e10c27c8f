"""Addresses as people read them: bech32m with a prefix by role (R-KEY3; BIP 350)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

LETTERS: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
CHECKSUM: Final = 0x2BC830A3
GENERATOR: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
PREFIXES: Final = {
    "hospital": "mqhosp",
    "laboratory": "mqlab",
    "radiologist": "mqrad",
    "doctor": "mqdoc",
    "ai_entity": "mqai",
}


def address_text(address: bytes, role: str) -> str:
    """Return the text form of a member's address."""
    prefix = PREFIXES[role]
    digits = _five_bits(address)
    expanded = [*(ord(one) >> 5 for one in prefix), 0, *(ord(one) & 31 for one in prefix)]
    rest = _polymod([*expanded, *digits, 0, 0, 0, 0, 0, 0]) ^ CHECKSUM
    checksum = [rest >> 5 * (5 - at) & 31 for at in range(6)]
    return f"{prefix}1" + "".join(LETTERS[one] for one in (*digits, *checksum))


def _five_bits(content: bytes) -> list[int]:
    """Return the bits in groups of five, the last filled with zeros."""
    bits = 8 * len(content)
    groups = -(-bits // 5)
    number = int.from_bytes(content, "big") << (5 * groups - bits)
    return [number >> 5 * (groups - 1 - at) & 31 for at in range(groups)]


def _polymod(digits: Iterable[int]) -> int:
    check = 1
    for digit in digits:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ digit
        for at, generator in enumerate(GENERATOR):
            check ^= generator if top >> at & 1 else 0
    return check
