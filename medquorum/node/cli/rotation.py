"""A member's next keys: a new keystore beside the one in use, and the proofs of it (R-GOV7).

The node may be down meanwhile. The new file takes the old one's place once the amendment is in
force; until then nobody knows its keys.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from medquorum.ledger.keys import PublicKey, Purpose
from medquorum.ledger.member import Member, MemberKeys, MemberProofs, request_digest
from medquorum.ledger.signature import signer
from medquorum.node.cli import member_home
from medquorum.node.cli.member_home import CLINICAL_KEYSTORE, NODE_KEYSTORE, MemberHome
from medquorum.node.cli.outcome import CommandError, Exit
from medquorum.node.cli.passphrases import Passphrase
from medquorum.node.keystore import TLS_PURPOSE, Keystore, open_keystore
from medquorum.node.keystore_renewal import renew_keystore
from medquorum.node.private_files import sync_folder

ROTATABLE: Final = (
    Purpose.CLINICAL.value,
    Purpose.CONSENSUS.value,
    Purpose.ENCRYPTION.value,
    Purpose.POLICY.value,
    TLS_PURPOSE,
)
NEXT_SUFFIX: Final = ".next.json"


def next_path(keystore: Path) -> Path:
    """Where the keystore that is to follow this one stands."""
    return keystore.with_name(keystore.name.removesuffix(".json") + NEXT_SUFFIX)


@dataclass(frozen=True, slots=True)
class _Opened:
    """The keystores a member will have: renewed, or as they are."""

    node: Keystore
    clinical: Keystore
    """The same as `node` at an institution."""


def rotated_member(
    home: MemberHome, before: Member, purposes: Sequence[str], endpoint: str | None
) -> Member:
    """The member with new keys for these purposes, proved; the new keystores are written.

    CommandError, KeystoreError or CharterError says what is wrong.
    """
    unknown = [purpose for purpose in purposes if purpose not in ROTATABLE]
    if unknown or not purposes:
        raise CommandError(Exit.USAGE, f"name the keys to exchange: {', '.join(ROTATABLE)}")
    opened = _renewed(home, before, frozenset(purposes))
    points = {**opened.clinical.public.public_keys, **opened.node.public.public_keys}
    policy = points.get(Purpose.POLICY)
    keys = MemberKeys(
        _point(opened.clinical.public.public_keys[Purpose.CLINICAL]),
        _point(points[Purpose.CONSENSUS]),
        _point(points[Purpose.ENCRYPTION]),
        None if policy is None else _point(policy),
    )
    form = replace(
        before,
        keys=keys,
        tls_certificate=opened.node.public.certificate_der or b"",
        endpoint=endpoint or before.endpoint,
        proofs=replace(before.proofs, policy=None if policy is None else before.proofs.clinical),
    )
    return replace(form, proofs=_proofs(form, opened))


def proved_again(home: MemberHome, member: Member) -> Member:
    """The member with proofs, by the keys it has, of what it says now; errors as above."""
    opened = _renewed(home, member, frozenset())
    return replace(member, proofs=_proofs(member, opened))


def _proofs(form: Member, opened: _Opened) -> MemberProofs:
    digest = request_digest(form.statement())
    policy = opened.node.private_key(Purpose.POLICY) if form.keys.policy is not None else None
    return MemberProofs(
        signer(opened.clinical.private_key(Purpose.CLINICAL))(digest),
        signer(opened.node.private_key(Purpose.CONSENSUS))(digest),
        None if policy is None else signer(policy)(digest),
    )


def _renewed(home: MemberHome, before: Member, purposes: frozenset[str]) -> _Opened:
    keystores = home.keystores()
    if any(public.owner != before.address for public in keystores.values()):
        raise CommandError(
            Exit.USAGE, f"the keys in {home.folder} are not those of {before.name}; give --home"
        )
    doctors = CLINICAL_KEYSTORE in keystores
    of_doctor = purposes & {Purpose.CLINICAL} if doctors else frozenset()
    node = _one(home.node_keystore, home.node, purposes - of_doctor)
    clinical = _one(home.clinical_keystore, home.clinical, of_doctor) if doctors else node
    return _Opened(node, clinical)


def _one(path: Path, passphrase: Passphrase, purposes: frozenset[str]) -> Keystore:
    """A keystore with new keys for these purposes, from the file of an earlier try if it fits."""
    secret = passphrase.read()
    limits = member_home.KDF_LIMITS
    old = open_keystore(path, secret, limits=limits)
    if not purposes:
        return old
    target = next_path(path)
    if not target.exists():
        renew_keystore(target, old, sorted(purposes), secret, cost=member_home.KDF_COST)
    made = open_keystore(target, secret, limits=limits)
    before, after = old.public.public_keys, made.public.public_keys
    changed = {each for each in ROTATABLE if after.get(each) != before.get(each)}
    if made.public.owner != old.public.owner or changed != purposes:
        raise CommandError(
            Exit.FAILED,
            f"{target} is of another exchange of keys ({', '.join(sorted(changed))}); move it "
            "away if its amendment was not approved, or name the same keys again",
        )
    return made


def _point(text: str) -> PublicKey:
    return PublicKey(bytes.fromhex(text))


def swap_keystores(home: MemberHome) -> list[tuple[Path, Path]]:
    """Put the next keystores in place; what was there is kept under its date. (now, kept) each."""
    found = [
        path
        for path in (home.folder / CLINICAL_KEYSTORE, home.folder / NODE_KEYSTORE)
        if next_path(path).exists()
    ]
    if not found:
        raise CommandError(
            Exit.NOT_FOUND,
            f"there is no {next_path(home.node_keystore)}; make one with: medquorum charter amend "
            "rotate-key",
        )
    stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    swapped = []
    for path in found:
        kept = path.with_name(f"{path.name.removesuffix('.json')}.until-{stamp}.json")
        path.rename(kept)
        next_path(path).rename(path)
        sync_folder(path.parent)
        swapped.append((path, kept))
    return swapped
