"""Keystore: opens with the passphrase only, and no byte of the file is free (R-KEY4)."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from medquorum.node import keystore, tls
from medquorum.node.keystore import (
    KdfCost,
    KdfLimits,
    KeystoreCannotOpen,
    KeystoreCorrupt,
    KeystoreError,
    KeystoreMisuse,
    KeystoreUnsupported,
)

LIGHT = KdfCost(memory_kib=64, iterations=1, lanes=1)
LIGHT_LIMITS = KdfLimits(memory_kib=(64, 128), iterations=(1, 2), lanes=(1, 1))
PASSPHRASE = "correct horse battery"
PURPOSES = ("clinical", "consensus", "encryption", "tls")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    target = tmp_path / "member.keystore"
    keystore.create_keystore(target, PURPOSES, PASSPHRASE, cost=LIGHT)
    return target


def _open(path: Path, passphrase: str = PASSPHRASE) -> keystore.Keystore:
    return keystore.open_keystore(path, passphrase, limits=LIGHT_LIMITS)


def _rewrite(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    fields = json.loads(path.read_text())
    change(fields)
    path.write_text(json.dumps(fields, sort_keys=True, indent=1) + "\n")


def test_public_part_matches_the_private_keys(path: Path) -> None:
    public = keystore.read_public(path)
    opened = _open(path)
    assert opened.purposes == PURPOSES
    assert opened.public == public
    for purpose, point in public.public_keys.items():
        compressed = (
            opened.private_key(purpose)
            .public_key()
            .public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
        )
        assert compressed.hex() == point
    assert len(set(public.public_keys.values())) == len(PURPOSES)


def test_tls_leaf_holds_the_tls_key_and_the_owner(path: Path) -> None:
    opened = _open(path)
    assert opened.public.certificate_der is not None
    leaf = tls.check_leaf_certificate(opened.public.certificate_der)
    assert leaf.public_key() == opened.private_key("tls").public_key()
    assert leaf.subject.rfc4514_string() == f"CN={opened.public.owner.hex()}"


def test_production_cost_is_the_default_and_opens(tmp_path: Path) -> None:
    path = tmp_path / "k"
    keystore.create_keystore(path, ["clinical"], PASSPHRASE)
    kdf = json.loads(path.read_text())["kdf"]
    assert kdf == {"name": "argon2id", "memory_kib": 65_536, "iterations": 3, "lanes": 1}
    assert keystore.open_keystore(path, PASSPHRASE).purposes == ("clinical",)


def test_the_owner_follows_the_address_rule(tmp_path: Path) -> None:
    path = tmp_path / "k"
    public = keystore.create_keystore(
        path, ["clinical"], PASSPHRASE, cost=LIGHT, address_of=lambda keys: keys["clinical"][1:]
    )
    assert public.owner.hex() == public.public_keys["clinical"][2:]


def test_wrong_passphrase_is_refused(path: Path) -> None:
    with pytest.raises(KeystoreCannotOpen, match="wrong passphrase"):
        _open(path, "correct horse batterz")


def test_composed_and_decomposed_passphrases_are_one(tmp_path: Path) -> None:
    path = tmp_path / "k"
    keystore.create_keystore(path, ["clinical"], "\u00e9-passphrase-x", cost=LIGHT)
    assert _open(path, "e\u0301-passphrase-x").purposes == ("clinical",)


def test_every_flipped_byte_is_refused(path: Path) -> None:
    content = path.read_bytes()
    chooser = random.Random(20)
    for position in range(len(content)):
        flipped = bytearray(content)
        flipped[position] ^= 1 << chooser.randrange(8)
        path.write_bytes(bytes(flipped))
        with pytest.raises(KeystoreError):
            _open(path)


def test_group_readable_file_is_refused(path: Path) -> None:
    path.chmod(0o640)
    with pytest.raises(KeystoreMisuse, match="chmod 600"):
        _open(path)


def test_oversize_file_is_refused(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b" " * 70_000)
    with pytest.raises(KeystoreMisuse, match="larger than"):
        _open(path)


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_unknown_version_is_refused(path: Path, version: object) -> None:
    _rewrite(path, lambda fields: fields.update(v=version))
    with pytest.raises(KeystoreUnsupported, match="unknown keystore version"):
        _open(path)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("memory_kib", 63),
        ("memory_kib", 1 << 40),
        ("iterations", 0),
        ("iterations", 1_000_000),
        ("lanes", 0),
        ("lanes", 255),
    ],
)
def test_absurd_derivation_cost_is_refused(path: Path, parameter: str, value: int) -> None:
    _rewrite(path, lambda fields: fields["kdf"].update({parameter: value}))
    with pytest.raises(KeystoreUnsupported, match=f"{parameter} must be"):
        _open(path)


def test_light_cost_is_refused_by_the_default_limits(path: Path) -> None:
    with pytest.raises(KeystoreUnsupported, match="memory_kib must be 19456"):
        keystore.open_keystore(path, PASSPHRASE)


def test_changed_clear_fields_do_not_open(path: Path) -> None:
    other = (
        ec.generate_private_key(ec.SECP256R1())
        .public_key()
        .public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
    )
    _rewrite(path, lambda fields: fields["public_keys"].update(clinical=other.hex()))
    with pytest.raises(KeystoreCannotOpen):
        _open(path)


def test_unknown_missing_and_duplicate_fields_are_corrupt(path: Path) -> None:
    original = path.read_text()
    _rewrite(path, lambda fields: fields.update(note="x"))
    with pytest.raises(KeystoreCorrupt, match="note"):
        _open(path)
    path.write_text(original.replace('{\n "aead"', '{\n "aead": "AES-256-GCM",\n "aead"'))
    with pytest.raises(KeystoreCorrupt, match="exact encoding"):
        _open(path)
    path.write_text("[" * 60_000)
    with pytest.raises(KeystoreCorrupt, match="no valid JSON"):
        _open(path)


def test_repr_shows_no_secret(path: Path) -> None:
    opened = _open(path)
    for purpose in opened.purposes:
        scalar = opened.private_key(purpose).private_numbers().private_value
        assert f"{scalar:064x}" not in repr(opened)
        assert str(scalar) not in repr(opened)
    assert "clinical" in repr(opened)


def test_misuse_is_named(path: Path, tmp_path: Path) -> None:
    with pytest.raises(KeystoreMisuse, match="no 'policy' key"):
        _open(path).private_key("policy")
    with pytest.raises(KeystoreMisuse, match="exists already"):
        keystore.create_keystore(path, ["tls"], PASSPHRASE, cost=LIGHT)
    with pytest.raises(KeystoreMisuse, match="at least 12"):
        keystore.create_keystore(tmp_path / "n", ["tls"], "short", cost=LIGHT)
    for purposes in (["tls", "tls"], [], ["../etc"], ["Clinical"]):
        with pytest.raises(KeystoreMisuse):
            keystore.create_keystore(tmp_path / "n", purposes, PASSPHRASE, cost=LIGHT)
    assert not (tmp_path / "n").exists()


def test_one_key_for_two_purposes_is_refused(tmp_path: Path) -> None:
    """R-KEY4."""
    key = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(KeystoreMisuse, match="two purposes"):
        keystore.write_keystore(
            tmp_path / "n", {"clinical": key, "consensus": key}, PASSPHRASE, cost=LIGHT
        )
    assert not (tmp_path / "n").exists()


def test_changed_passphrase_keeps_the_keys(path: Path) -> None:
    before = _open(path)
    keystore.change_passphrase(path, PASSPHRASE, "another passphrase", limits=LIGHT_LIMITS)
    after = _open(path, "another passphrase")
    assert after.public == before.public
    assert (
        after.private_key("clinical").private_numbers()
        == before.private_key("clinical").private_numbers()
    )
    with pytest.raises(KeystoreCannotOpen):
        _open(path)


def test_passphrase_files_hold_one_private_line(path: Path, tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    file.touch(mode=0o600)
    file.write_bytes(PASSPHRASE.encode() + b"\r\n")
    assert _open(path, keystore.read_passphrase_file(file)).purposes == PURPOSES
    for content, reason in ((b"a\nb\n", "one line"), (b"\xff", "UTF-8"), (b"x" * 2000, "larger")):
        file.write_bytes(content)
        with pytest.raises(KeystoreMisuse, match=reason):
            keystore.read_passphrase_file(file)
    file.chmod(0o644)
    with pytest.raises(KeystoreMisuse, match="chmod 600"):
        keystore.read_passphrase_file(file)
