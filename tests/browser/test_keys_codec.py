"""Canonical bytes, hashes, points and addresses in the browser are those of the ledger."""

import hashlib
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from medquorum.ledger import canonical, merkle
from medquorum.ledger.errors import CodecError
from medquorum.ledger.hashing import Kind, tagged
from medquorum.ledger.keys import CURVE_ORDER, PREFIXES, Address, Purpose, address_text, public_key
from medquorum.ledger.signature import Signature, sign, verify
from tests.browser.keys_kit import Desk, PageFault, desk_of, served
from tests.ledger.charter_kit import private_key
from tests.ledger.golden import record_vectors
from tests.ledger.test_canonical import HOSTILE
from tests.support.network import digest

VALUES: tuple[Any, ...] = (
    None, True, False, 0, 127, 128, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**53, 2**64 - 1,
    -1, -32, -33, -128, -129, -32_768, -32_769, -(2**31), -(2**31) - 1, -(2**53), -(2**63),
    "", "a", "é", "Żółć", "\ufeffmark", "𝔐 beyond", "x" * 31, "x" * 32, "x" * 255, "x" * 256,
    "x" * 4_096, b"", bytes(255), bytes(256), bytes(65_536), [], [None] * 15, [1] * 16, [0] * 1_024,
    {}, {f"k{n}": n for n in range(16)}, {"b": 1, "a": {"z": [b"\x00"], "é": None}},
    {"\ue000": 1, "\U00010000": 2, "~": 3}, {"constructor": 2, "1": 3, "02": 4},
)  # fmt: skip
UNENCODABLE: tuple[tuple[str, str], ...] = (
    ("1.5", "R-CAN1"),
    ("NaN", "R-CAN1"),
    ("2 ** 53", "R-CAN1"),
    ("2n ** 64n", "R-CAN1"),
    ("undefined", "R-CAN1"),
    ("new Date(0)", "R-CAN1"),
    ("new Map()", "R-CAN1"),
    ("'e\\u0301'", "R-CAN1"),
    ("'\\ud800'", "R-CAN1"),
    ("'x'.repeat(4097)", "R-CAN3"),
    ("new Uint8Array(65537)", "R-CAN3"),
    ("Array(1025).fill(0)", "R-CAN3"),
    ("Object.fromEntries(Array.from({length: 65}, (_, n) => [n, n]))", "R-CAN3"),
    ("[[[[[[[[[]]]]]]]]]", "R-CAN3"),
    ("Array(5).fill(new Uint8Array(65536))", "R-CAN3"),
)
SEED = 20_261_122


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def desk(chromium: Browser) -> AsyncIterator[Desk]:
    async with served() as url, desk_of(chromium, url) as opened:
        yield opened


async def test_values_have_the_ledgers_bytes(desk: Desk) -> None:
    """R-CAN1, R-CAN2: each value, encoded there, decoded and encoded again."""
    body = "return v.values.map((one) => m.canonical.encode(one));"
    assert await desk.run("canonical", body, values=VALUES) == [*map(canonical.encode, VALUES)]
    again = "return v.encoded.map((one) => m.canonical.encode(m.canonical.decode(one)));"
    encoded = [canonical.encode(one) for one in (*VALUES, {"__proto__": 1, "hasOwnProperty": 2})]
    assert await desk.run("canonical", again, encoded=encoded) == encoded


async def test_values_without_canonical_form_are_refused(desk: Desk) -> None:
    for value, rule in UNENCODABLE:
        with pytest.raises(PageFault) as refused:
            await desk.run("canonical", f"return m.canonical.encode({value});")
        assert refused.value.rule == rule, value


def _accepted(encoded: bytes) -> bool:
    try:
        canonical.decode(encoded)
    except CodecError:
        return False
    return True


def _mutations() -> list[bytes]:
    """Golden records with bytes changed, dropped and inserted, and the hostile encodings."""
    chance = random.Random(SEED)
    spoiled = [bytes.fromhex(one) for one in HOSTILE.values()]
    for fields in record_vectors().values():
        golden = bytes.fromhex(fields.get("bytes", ""))
        for _ in range(12):
            changed = bytearray(golden)
            at = chance.randrange(max(1, min(len(changed), 200)))
            match chance.randrange(3):
                case 0 if changed:
                    changed[at] ^= 1 << chance.randrange(8)
                case 1:
                    changed[at : at + 1] = b""
                case _:
                    changed[at:at] = bytes([chance.randrange(256)])
            spoiled.append(bytes(changed))
    return [
        *spoiled,
        b"\x91" * 8,
        b"\x91" * 8 + b"\xc0",
        b"\x91" * 100_000,
        b"\xc6\xff\xff\xff\xff",
    ]


async def test_it_refuses_what_the_ledger_refuses(desk: Desk) -> None:
    """R-CAN3, R-CAN4: the same bytes are accepted on both sides, and no others."""
    spoiled = _mutations()
    body = """return v.spoiled.map((one) => {
      try { m.canonical.decode(one); return true; } catch (error) {
        if (error.name !== "Fault") throw error;
        return false;
      } });"""
    accepted = await desk.run("canonical", body, spoiled=spoiled)
    expected = [_accepted(one) for one in spoiled]
    assert accepted == expected
    assert 0 < sum(expected) < len(expected)


async def test_golden_records_decode_and_encode_to_themselves(desk: Desk) -> None:
    golden = [bytes.fromhex(one["bytes"]) for one in record_vectors().values() if "bytes" in one]
    body = "return v.golden.map((one) => m.canonical.encode(m.canonical.decode(one)));"
    assert await desk.run("canonical", body, golden=golden) == golden


async def test_digests_are_those_of_every_kind(desk: Desk) -> None:
    """R-HASH1, R-HASH2."""
    kinds = [kind.value for kind in Kind]
    body = "return Promise.all(v.kinds.map((one) => m.hashes.tagged(one, v.network, v.payload)));"
    made = await desk.run("hashes", body, kinds=kinds, network=digest("n"), payload=b"payload")
    assert made == [tagged(Kind(kind), digest("n"), b"payload") for kind in kinds]


async def test_trees_and_paths_are_the_ledgers(desk: Desk) -> None:
    """R-MRK1, R-MRK2: every size to 17, every leaf; a path of another place fails."""
    for count in range(18):
        leaves = [digest(f"leaf {number}") for number in range(count)]
        paths = [list(merkle.path(leaves, index)) for index in range(count)]
        root = merkle.root(leaves)
        body = """const held = (leaf, index, path) =>
            m.hashes.verifyPath(leaf, index, v.leaves.length, path, v.root);
          return [await m.hashes.merkleRoot(v.leaves),
            await Promise.all(v.leaves.map((leaf, at) => held(leaf, at, v.paths[at]))),
            await Promise.all(v.leaves.map((leaf, at) => held(leaf, at + 1, v.paths[at]))),
            await Promise.all(v.leaves.map((one, at) => held(one, at, [...v.paths[at], v.root]))),
          ];"""
        made, held, moved, longer = await desk.run(
            "hashes", body, leaves=leaves, paths=paths, root=root
        )
        assert made == root
        assert all(held)
        assert not any(moved)
        assert not any(longer)


async def test_points_and_addresses(desk: Desk) -> None:
    """R-KEY1, R-KEY2, R-KEY3."""
    keys = [public_key(private_key(f"key {n}", Purpose.CLINICAL)) for n in range(6)]
    body = "return v.keys.map((one) => m.curve.compress(m.curve.decompress(one)));"
    assert await desk.run("curve", body, keys=keys) == keys
    texts = [address_text(Address(digest(prefix)), prefix) for prefix in PREFIXES]
    body = """return v.texts.map((text) => {
      const { address, prefix } = m.address.parseAddress(text);
      return [address, m.address.addressText(address, prefix)]; });"""
    parsed = await desk.run("address", body, texts=texts)
    assert parsed == [[digest(prefix), text] for prefix, text in zip(PREFIXES, texts, strict=True)]
    for wrong in (texts[0][:-1] + "q", texts[0].replace("mqhosp", "mqlab"), "mqdoc1", "", "1"):
        with pytest.raises(PageFault, match="R-KEY3"):
            await desk.run("address", "return m.address.parseAddress(v.wrong);", wrong=wrong)
    for bad in (bytes(33), b"\x04" + bytes(32), b"\x02" + b"\xff" * 32, keys[0][:32]):
        with pytest.raises(PageFault, match="R-KEY1"):
            await desk.run("curve", "return m.curve.decompress(v.bad);", bad=bad)


async def test_signatures_verify_both_ways(desk: Desk) -> None:
    """R-SIG1, R-SIG2: a high s is refused by verification and lowered by signing."""
    private = private_key("signer", Purpose.CLINICAL)
    key, text = public_key(private), b"a preimage of some length"
    body = "return m.curve.verifyText(v.key, v.text, v.signature);"
    good = sign(private, hashlib.sha256(text).digest())
    s = int.from_bytes(good[32:], "big")
    high = good[:32] + (CURVE_ORDER - s).to_bytes(32, "big")
    for signature, holds in ((good, True), (high, False), (good[:63], False), (bytes(64), False)):
        assert await desk.run("curve", body, key=key, text=text, signature=signature) is holds
    assert await desk.run("curve", "return m.curve.lowS(v.high);", high=high) == good
    made = await desk.run(
        "curve",
        """const pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" },
             false, ["sign"]);
           const key = await m.curve.exportCompressed(pair.publicKey);
           const signed = [];
           for (let count = 0; count < 24; count += 1) {
             signed.push(await m.curve.signText(pair.privateKey, v.text));
           }
           return { key, signed };""",
        text=text,
    )
    assert all(
        verify(made["key"], hashlib.sha256(text).digest(), Signature(one)) for one in made["signed"]
    )
