"""A member's folder of keys (R-KEY4).

An institution's or AI entity's node holds all of its keys in `node-keystore.json`; its clinical key
is the node's issuing key. A doctor's clinical key is the doctor's, not the node's: it stands in
`clinical-keystore.json`, which can be carried away from the institution.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from medquorum.ledger.approved_model import ApprovedModel
from medquorum.ledger.ceremony import Candidate, RequestSigners, make_request
from medquorum.ledger.enrolment import Enrolment
from medquorum.ledger.keys import Address, PublicKey, Purpose, address_of
from medquorum.ledger.member import Member, MemberKeys
from medquorum.ledger.signature import Signer, signer
from medquorum.ledger.types import Role
from medquorum.node.cli.outcome import CommandError, Exit
from medquorum.node.cli.passphrases import Passphrase
from medquorum.node.keystore import (
    KdfCost,
    KdfLimits,
    KeystoreError,
    KeystorePublic,
    create_keystore,
    open_keystore,
    read_public,
)
from medquorum.node.page_key_file import seal_page_keys

NODE_KEYSTORE: Final = "node-keystore.json"
CLINICAL_KEYSTORE: Final = "clinical-keystore.json"
NODE_PURPOSES: Final = (Purpose.CONSENSUS, Purpose.ENCRYPTION, Purpose.TLS)

KDF_COST = KdfCost()
KDF_LIMITS = KdfLimits()


@dataclass(frozen=True, slots=True)
class MemberHome:
    """The folder, and where each passphrase comes from."""

    folder: Path
    node: Passphrase
    clinical: Passphrase

    @property
    def node_keystore(self) -> Path:
        """Consensus, encryption and TLS keys; of institutions the clinical key too."""
        return self.folder / NODE_KEYSTORE

    @property
    def clinical_keystore(self) -> Path:
        """A doctor's own key."""
        return self.folder / CLINICAL_KEYSTORE

    def create(self, role: Role, *, with_policy: bool) -> None:
        """Make a member's keys; CommandError when some exist already."""
        for path in (self.clinical_keystore, self.node_keystore):
            if path.exists():
                raise CommandError(
                    Exit.FAILED, f"{path} exists already; keys are never replaced, use another home"
                )
        if with_policy and role is not Role.DOCTOR:
            raise CommandError(Exit.USAGE, "only doctors vote: leave --policy-key out")
        if role is Role.DOCTOR:
            self._create_doctor((Purpose.POLICY,) if with_policy else ())
        else:
            self._create_institution()

    def _create_institution(self) -> None:
        passphrase = self.node.read(twice=True)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        create_keystore(
            self.node_keystore,
            (Purpose.CLINICAL, *NODE_PURPOSES),
            passphrase,
            address_of=_clinical_owner,
            cost=KDF_COST,
        )

    def _create_doctor(self, extra: tuple[Purpose, ...]) -> None:
        clinical, node = self.clinical.read(twice=True), self.node.read(twice=True)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        purposes = (Purpose.CLINICAL,)
        public = create_keystore(
            self.clinical_keystore, purposes, clinical, address_of=_clinical_owner, cost=KDF_COST
        )
        try:
            create_keystore(
                self.node_keystore,
                (*NODE_PURPOSES, *extra),
                node,
                address_of=lambda _: public.owner,
                cost=KDF_COST,
            )
        except (KeystoreError, OSError):
            # Half a home would have to be cleared by hand, and this key has signed nothing yet.
            self.clinical_keystore.unlink()
            raise

    def keystores(self) -> Mapping[str, KeystorePublic]:
        """The public halves by file name; CommandError when there are none."""
        if not self.node_keystore.exists():
            raise CommandError(
                Exit.NOT_FOUND,
                f"there is no {self.node_keystore}; run: medquorum keys new --home {self.folder}",
            )
        paths = [path for path in (self.clinical_keystore, self.node_keystore) if path.exists()]
        return {path.name: read_public(path) for path in paths}

    def clinical_signer(self) -> tuple[Address, Signer]:
        """The member's address, and its clinical key opened for signing."""
        keystores = self.keystores()
        if CLINICAL_KEYSTORE in keystores:
            path, passphrase = self.clinical_keystore, self.clinical
        else:
            path, passphrase = self.node_keystore, self.node
        opened = open_keystore(path, passphrase.read(), limits=KDF_LIMITS)
        key = opened.private_key(Purpose.CLINICAL)
        return Address(opened.public.owner), signer(key)

    def page_keys(self, page_passphrase: Passphrase | None) -> bytes:
        """A doctor's clinical key as a page key file, under another passphrase if one is given."""
        if not self.clinical_keystore.exists():
            raise CommandError(
                Exit.NOT_FOUND,
                f"{self.folder} has no {CLINICAL_KEYSTORE}; give --home of a doctor's own keys",
            )
        passphrase = self.clinical.read()
        opened = open_keystore(self.clinical_keystore, passphrase, limits=KDF_LIMITS)
        if page_passphrase is not None:
            passphrase = page_passphrase.read(twice=True)
        keys = {Purpose.CLINICAL.value: opened.private_key(Purpose.CLINICAL)}
        return seal_page_keys(keys, opened.public.owner, passphrase)

    def request(
        self,
        name: str,
        role: Role,
        endpoint: str,
        models: tuple[ApprovedModel, ...] = (),
        webauthn: Enrolment | None = None,
    ) -> Member:
        """A request with proofs of every signing key."""
        if (role is Role.DOCTOR) != self.clinical_keystore.exists() and self.keystores():
            raise CommandError(
                Exit.USAGE,
                f"these are {'not ' if role is Role.DOCTOR else ''}a doctor's keys; "
                "name the role they were made for, or another home",
            )
        points = {
            purpose: bytes.fromhex(point)
            for public in self.keystores().values()
            for purpose, point in public.public_keys.items()
        }
        _, clinical = self.clinical_signer()
        node = open_keystore(self.node_keystore, self.node.read(), limits=KDF_LIMITS)
        policy = Purpose.POLICY in points
        return make_request(
            Candidate(
                name,
                role,
                endpoint,
                _member_keys(points),
                node.public.certificate_der or b"",
                models,
                webauthn,
            ),
            RequestSigners(
                clinical,
                signer(node.private_key(Purpose.CONSENSUS)),
                signer(node.private_key(Purpose.POLICY)) if policy else None,
            ),
        )


def _clinical_owner(points: Mapping[str, bytes]) -> Address:
    return address_of(PublicKey(points[Purpose.CLINICAL]))


def _member_keys(points: Mapping[str, bytes]) -> MemberKeys:
    policy = points.get(Purpose.POLICY)
    return MemberKeys(
        PublicKey(points[Purpose.CLINICAL]),
        PublicKey(points[Purpose.CONSENSUS]),
        PublicKey(points[Purpose.ENCRYPTION]),
        None if policy is None else PublicKey(policy),
    )
