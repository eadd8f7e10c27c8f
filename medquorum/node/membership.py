"""Who this node is, whatever charter is in force: it stays the same member when keys change.

A member is found by its address. The charter in its own store may be older than its keys, because
they were changed or the member admitted while the node was away: then it follows, and takes its
seat when the amendment has become final here (R-GOV7, R-SIM10).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from medquorum.consensus.ordering.application import Seat
from medquorum.ledger.ceremony import CharterFile
from medquorum.ledger.charter import Charter, Member
from medquorum.ledger.keys import Address, PublicKey, Purpose
from medquorum.ledger.signature import Signer, signer
from medquorum.ledger.types import Role
from medquorum.node.auto_votes import PolicyHand
from medquorum.node.body_opening import Opener
from medquorum.node.charters import Charters
from medquorum.node.keystore import TLS_PURPOSE, Keystore
from medquorum.node.keystore_renewal import EARLIER_ENCRYPTION

NODE_PURPOSES: Final = (Purpose.CONSENSUS.value, Purpose.ENCRYPTION.value, TLS_PURPOSE)
"""The keys no node works without."""


class MemberStanding(StrEnum):
    """What the charter in force says of this node."""

    IN_FORCE = "in_force"
    """A member with the keys of this node's keystore."""
    NOT_YET = "not_yet"
    """No version known here names this member."""
    OTHER_KEYS = "other_keys"
    """A member, with other keys than this node's."""
    SUSPENDED = "suspended"
    """A member that does nothing for now."""
    REVOKED = "revoked"
    """A former member."""


EXPLAINED: Final = {
    MemberStanding.NOT_YET: "the charter known here does not name this member: it follows, and "
    "its peers refuse it until an amendment that admits it is final",
    MemberStanding.OTHER_KEYS: "the charter known here names other keys for this member: it "
    "follows; either the change is not final here yet, or the keystore is not the newest one",
    MemberStanding.SUSPENDED: "this member is suspended: it issues, votes on and orders nothing "
    "until an amendment reinstates it",
    MemberStanding.REVOKED: "this member has been revoked: its peers are gone, what is stored "
    "here can still be read",
}
"""What operators are told of every standing but the usual one."""


@dataclass(frozen=True, slots=True)
class Membership:
    """Who this node is in its network."""

    charter_file: CharterFile
    """The signed founding charter."""
    own: Address
    keystore: Keystore = field(repr=False)

    @property
    def founding(self) -> Charter:
        """The charter that names the network."""
        return self.charter_file.charter

    @property
    def leaf(self) -> bytes:
        """DER of this node's own TLS leaf."""
        return self.keystore.public.certificate_der or b""

    def signer(self, purpose: str) -> Signer:
        """The signing capability of one of the node's keys."""
        return signer(self.keystore.private_key(purpose))

    def seat_of(self, charter: Charter) -> Seat | None:
        """This node's seat under a charter: None for everybody but an active doctor whose
        consensus key is this node's (R-SIM10)."""
        number = charter.doctor_number(self.own)
        if number is None:
            return None
        if charter.doctors[number].keys.consensus != self._point(Purpose.CONSENSUS):
            return None
        return Seat(number, self.signer(Purpose.CONSENSUS))

    def issuing_signer(self) -> Signer | None:
        """The institution's issuing key; None at a doctor's node, whose doctor keeps it."""
        if Purpose.CLINICAL not in self.keystore.purposes or self._is_doctor():
            return None
        return self.signer(Purpose.CLINICAL)

    def policy_hand(self) -> PolicyHand | None:
        """Who votes by policies here; None where the keystore has no policy key."""
        point = self._point(Purpose.POLICY)
        if point is None:
            return None
        return PolicyHand(self.own, PublicKey(point), self.signer(Purpose.POLICY))

    def opener(self) -> Opener:
        """The keys that open bodies, those this member had before among them."""
        purposes = [one for one in self.keystore.purposes if one.startswith(EARLIER_ENCRYPTION)]
        return Opener(
            self.own,
            self.keystore.private_key(Purpose.ENCRYPTION),
            self.signer(Purpose.CONSENSUS),
            tuple(self.keystore.private_key(purpose) for purpose in purposes),
        )

    def _is_doctor(self) -> bool:
        member = self.founding.member(self.own)
        return member is not None and member.role is Role.DOCTOR

    def standing(self, charters: Charters) -> MemberStanding:
        """What the charter in force says of this node."""
        member = charters.current.member(self.own)
        if member is None:
            known = charters.member(self.own) is not None
            return MemberStanding.REVOKED if known else MemberStanding.NOT_YET
        if self._other_keys(member):
            return MemberStanding.OTHER_KEYS
        suspended = not charters.current.is_active(self.own)
        return MemberStanding.SUSPENDED if suspended else MemberStanding.IN_FORCE

    def _other_keys(self, member: Member) -> bool:
        """Whether a key the node works with is another than the charter's."""
        wanted = {
            Purpose.CONSENSUS: member.keys.consensus,
            Purpose.ENCRYPTION: member.keys.encryption,
        }
        if member.role is not Role.DOCTOR:
            wanted[Purpose.CLINICAL] = member.keys.clinical
        differ = any(self._point(purpose) != key for purpose, key in wanted.items())
        return differ or self.leaf != member.tls_certificate

    def _point(self, purpose: str) -> bytes | None:
        named = self.keystore.public.public_keys.get(purpose)
        return None if named is None else bytes.fromhex(named)
