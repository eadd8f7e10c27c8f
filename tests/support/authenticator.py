"""A doctor's authenticator without hardware: enrolled, and answering votes as a browser would.

Any part of an answer can be spoiled before it is signed, so that exactly one rule is broken.
"""

import hashlib
from base64 import urlsafe_b64encode
from dataclasses import dataclass, replace

from medquorum.ledger.charter import Charter
from medquorum.ledger.enrolment import Enrolment, encode_bundle
from medquorum.ledger.keys import Purpose, public_key
from medquorum.ledger.proposal import Proposal
from medquorum.ledger.signature import sign
from medquorum.ledger.types import Algorithm, Decision, NetworkId
from medquorum.ledger.vote import Ballot, Vote
from tests.ledger.charter_kit import address_of_name, private_key, prove
from tests.support.network import Network

PARTY = "node.example.org"
ORIGIN = "https://node.example.org"
OTHER_ORIGIN = "https://ward.node.example.org:8443"
PRESENT, VERIFIED, BACKUPABLE, BACKED_UP = 0x01, 0x04, 0x08, 0x10
ENCLOSED, EXTENDED = 0x40, 0x80


def enrolment_of(name: str, *, backup: bool = False) -> Enrolment:
    """What the charter says of this doctor's authenticator."""
    key = public_key(private_key(f"{name} authenticator", Purpose.CLINICAL))
    return Enrolment(key, PARTY, (ORIGIN, OTHER_ORIGIN), backup)


def enrolled(network: Network, *names: str, backup: bool = False) -> Network:
    """The network whose charter has the authenticators of these doctors."""
    members = tuple(
        prove(replace(member, webauthn=enrolment_of(member.name, backup=backup)))
        if member.name in names
        else member
        for member in network.charter.members
    )
    charter: Charter = replace(network.charter, members=members)
    return Network(charter, network.doctors)


@dataclass(frozen=True)
class Answer:
    """The parts of an assertion, as a browser and an authenticator fill them."""

    party: str = PARTY
    flags: int = PRESENT | VERIFIED
    counter: int = 0
    extension: bytes = b""
    kind: str = "webauthn.get"
    origin: str = ORIGIN
    rest: bytes = b',"crossOrigin":false}'
    opening: bytes = b"{"
    challenge: bytes | None = None
    """Another than the vote's."""

    def statement(self) -> bytes:
        """The authenticator data."""
        party = hashlib.sha256(self.party.encode()).digest()
        return party + bytes([self.flags]) + self.counter.to_bytes(4, "big") + self.extension

    def client_data(self, challenge: bytes) -> bytes:
        """The client data, in the order browsers write it."""
        answered = urlsafe_b64encode(self.challenge or challenge).rstrip(b"=").decode()
        text = f'"type":"{self.kind}","challenge":"{answered}","origin":"{self.origin}"'
        return self.opening + text.encode() + self.rest

    def bundle(self, challenge: bytes) -> bytes:
        """The bundle of R-VOT2."""
        return encode_bundle(self.statement(), self.client_data(challenge))


USUAL = Answer()


def answered(
    ballot: Ballot, network: NetworkId, name: str, answer: Answer = USUAL, bundle: bytes = b""
) -> Vote:
    """The ballot signed by this doctor's authenticator; `bundle` replaces the answer's."""
    digest = ballot.digest(network)
    bundle = bundle or answer.bundle(digest)
    signed = answer.statement() + hashlib.sha256(answer.client_data(digest)).digest()
    key = private_key(f"{name} authenticator", Purpose.CLINICAL)
    return Vote(ballot, sign(key, hashlib.sha256(signed).digest()), bundle)


def authenticator_vote(
    network: Network,
    proposal: Proposal,
    doctor: str,
    answer: Answer = USUAL,
    **fields: object,
) -> Vote:
    """One doctor's approval by her authenticator, a peer's unless `fields` say otherwise."""
    fields = {"decision": Decision.APPROVE, "algorithm": Algorithm.WEBAUTHN_ES256, **fields}
    ballot = Ballot(proposal.id, address_of_name(doctor), **fields)  # type: ignore[arg-type]
    return answered(ballot, network.id, doctor, answer)
