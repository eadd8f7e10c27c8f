"""A patient's wallet made in the page: read by the command line, its proofs believed (R-PRO4)."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from medquorum.ledger.hashing import Kind, tagged
from medquorum.ledger.keys import Address, PublicKey, address_text
from medquorum.ledger.registration import registration_payload
from medquorum.ledger.signature import Signature, verify
from medquorum.ledger.types import NetworkId
from medquorum.ledger.wrap import HPKE
from medquorum.node.keystore import KeystoreCannotOpen, KeystoreMisuse
from medquorum.node.patient_wallet import (
    make_registration,
    open_wallet,
    read_wallet_public,
    wallet_address,
)
from tests.browser.keys_kit import Desk, PageFault, assert_hidden, desk_of, served
from tests.support.network import digest

PASSPHRASE = "a patient's own words"
NETWORK = NetworkId(digest("network"))
ISSUER = Address(digest("hospital"))


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def desk(chromium: Browser) -> AsyncIterator[Desk]:
    async with served() as url, desk_of(chromium, url) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def made(desk: Desk) -> dict[str, Any]:
    """A new wallet's file and public half, and what it signed."""
    told: dict[str, Any] = await desk.run(
        "wallet hashes",
        """const { wallet, fileText } = await m.wallet.newWallet(v.passphrase);
           const { publicKey, encryptionKey, address } = wallet;
           const registration = await m.wallet.registrationFor({ wallet, network: v.network,
             issuer: v.issuer, name: "Ada Example" });
           const statement = await m.wallet.signStatement(wallet, "vote", v.network, v.payload);
           return { fileText, publicKey, encryptionKey, address, registration, statement };""",
        passphrase=PASSPHRASE,
        network=NETWORK,
        issuer=ISSUER,
        payload=b"statement",
    )
    return told


@pytest.fixture
def wallet(made: dict[str, Any], tmp_path: Path) -> Path:
    """The saved file, owner-only as the command line wants it."""
    path = tmp_path / "wallet.json"
    path.write_text(made["fileText"])
    path.chmod(0o600)
    return path


async def test_the_command_line_reads_it(made: dict[str, Any], wallet: Path) -> None:
    assert wallet_address(read_wallet_public(wallet)) == made["address"]
    opened = open_wallet(wallet, PASSPHRASE)
    assert opened.purposes == ("encryption", "patient")
    registration = make_registration(opened, NETWORK, ISSUER, "Ada Example")
    assert (registration.public_key, registration.encryption_key) == (
        made["publicKey"],
        made["encryptionKey"],
    )
    with pytest.raises(KeystoreCannotOpen):
        open_wallet(wallet, PASSPHRASE + "!")
    wallet.chmod(0o644)
    with pytest.raises(KeystoreMisuse):
        open_wallet(wallet, PASSPHRASE)


async def test_its_proof_and_statements_verify(made: dict[str, Any]) -> None:
    form = made["registration"]
    key = PublicKey(bytes.fromhex(form["public_key"]))
    payload = registration_payload(
        encryption_key=PublicKey(bytes.fromhex(form["encryption_key"])),
        issuer=ISSUER,
        patient_key=key,
    )
    assert verify(
        key, tagged(Kind.REGISTRATION, NETWORK, payload), Signature(bytes.fromhex(form["proof"]))
    )
    assert verify(key, tagged(Kind.VOTE, NETWORK, b"statement"), made["statement"])
    assert made["address"] == address_text(Address(tagged(Kind.ADDRESS, b"", key)), "mqpat")


async def test_it_opens_wraps_and_what_python_sealed(desk: Desk, made: dict[str, Any]) -> None:
    """R-BOD7: HPKE both ways; another info opens nothing."""
    sealed = HPKE.wrap(b"content keys", PublicKey(made["encryptionKey"]), b"info")
    body = """const wallet = await m.wallet.openWallet(v.file, v.passphrase);
      const opened = await wallet.open(v.sealed, v.info);
      wallet.close();
      try { await wallet.open(v.sealed, v.info); } catch (error) { return [opened, error.key]; }"""
    values = {"file": made["fileText"], "passphrase": PASSPHRASE, "sealed": sealed}
    assert await desk.run("wallet", body, info=b"info", **values) == [
        b"content keys",
        "keys.locked",
    ]
    with pytest.raises(PageFault, match="OperationError"):
        await desk.run("wallet", body, info=b"another", **values)


async def test_weak_passphrases_and_foreign_files_are_refused(desk: Desk) -> None:
    with pytest.raises(PageFault, match=r"keys\.short_passphrase"):
        await desk.run("wallet", 'return m.wallet.newWallet("elevenchars");')
    registration = "return m.wallet.registrationFor({ wallet: {}, name: v.name });"
    for name in ("", "  ", "x" * 201):
        with pytest.raises(PageFault, match=r"keys\.bad_name"):
            await desk.run("wallet", registration, name=name)


async def test_neither_keys_nor_passphrase_leave(
    desk: Desk, made: dict[str, Any], wallet: Path
) -> None:
    opened = open_wallet(wallet, PASSPHRASE)
    scalars = [
        opened.private_key(purpose).private_numbers().private_value.to_bytes(32, "big")
        for purpose in opened.purposes
    ]
    assert made["fileText"]
    await assert_hidden(desk, *scalars, PASSPHRASE.encode())
