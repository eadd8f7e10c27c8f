"""HELLO: three signed messages that tie a member to this very TLS connection (R-NET2).

    dialler   DIALLING ── opening() ──▶ AWAITING_ANSWER ── answer / confirm ──▶ MET
    listener  LISTENING ── hello / answer ──▶ AWAITING_CONFIRMATION ── confirm ──▶ MET

Every message signs the SPKI hashes of *both* certificates as its sender saw them and, from the
second on, the other side's fresh nonce. Whoever stands between two nodes with a pinned leaf of its
own must show that leaf to both, so the hashes it relays are wrong on either side; a recorded
HELLO lacks this connection's nonce; one for another network does not verify (R-HASH3).
Pure: signer, verifier, nonce and charter lookups are handed in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from medquorum.ledger import canonical
from medquorum.ledger.errors import CodecError
from medquorum.ledger.hashing import DIGEST_BYTES, Kind, tagged
from medquorum.ledger.keys import Address, PublicKey
from medquorum.ledger.schema import Reader, decoded
from medquorum.ledger.signature import SIGNATURE_BYTES, Signature, Signer, Verifier
from medquorum.ledger.types import NetworkId
from medquorum.node.peers.errors import HelloRefusal

HELLO: Final = "hello"
PROTOCOL: Final = 1
_FIELDS = (
    "charter_version",
    "member",
    "my_spki",
    "nonce",
    "protocol",
    "signature",
    "your_nonce",
    "your_spki",
)


class State(Enum):
    """Where a handshake stands."""

    DIALLING = "dialling"
    LISTENING = "listening"
    AWAITING_ANSWER = "awaiting_answer"
    AWAITING_CONFIRMATION = "awaiting_confirmation"
    MET = "met"
    REFUSED = "refused"


_NEXT: Final = {
    State.LISTENING: State.AWAITING_CONFIRMATION,
    State.AWAITING_ANSWER: State.MET,
    State.AWAITING_CONFIRMATION: State.MET,
}
"""Where a good message leads; every other state expects none."""
_REPLIES: Final = frozenset({State.LISTENING, State.AWAITING_ANSWER})


@dataclass(frozen=True, slots=True)
class Party:
    """This side: what it is and may do."""

    network: NetworkId
    address: Address
    charter_version: int
    sign: Signer
    verify: Verifier
    consensus_key: Callable[[Address], PublicKey | None]


@dataclass(frozen=True, slots=True)
class Channel:
    """What TLS showed on this connection."""

    my_spki: bytes
    peer_spki: bytes
    peer: Address
    """The member whose leaf the other side proved to hold."""


@dataclass(frozen=True, slots=True)
class Greeting:
    """What is known of a peer that has been met."""

    member: Address
    charter_version: int


@dataclass(frozen=True, slots=True)
class Progress:
    """A good message: what to send back, and the peer once it is met."""

    reply: bytes | None
    met: Greeting | None


@dataclass(frozen=True, slots=True)
class Refused:
    """A bad message; the connection is closed."""

    reason: HelloRefusal


@dataclass(frozen=True, slots=True)
class Hello:
    """One HELLO as it was read; the signature covers `signed`."""

    charter_version: int
    member: Address
    my_spki: bytes
    nonce: bytes
    protocol: int
    your_nonce: bytes | None
    your_spki: bytes
    signature: Signature

    def unsigned(self) -> dict[str, object]:
        """The map without its signature."""
        return {
            "charter_version": self.charter_version,
            "member": self.member,
            "my_spki": self.my_spki,
            "nonce": self.nonce,
            "protocol": self.protocol,
            "your_nonce": self.your_nonce,
            "your_spki": self.your_spki,
        }


def hello_digest(network: NetworkId, unsigned: dict[str, object]) -> bytes:
    """The 32 bytes a HELLO's signature is of (R-NET2)."""
    return tagged(Kind.HELLO, network, canonical.encode(unsigned))


def parse_hello(payload: bytes) -> Hello:
    """Read a HELLO; CodecError when it is not the map of R-NET2."""
    reader = Reader(decoded(payload), _FIELDS, "hello")
    return Hello(
        charter_version=reader.integer("charter_version"),
        member=Address(reader.octets("member", DIGEST_BYTES)),
        my_spki=reader.octets("my_spki", DIGEST_BYTES),
        nonce=reader.octets("nonce", DIGEST_BYTES),
        protocol=reader.integer("protocol"),
        your_nonce=reader.optional("your_nonce", lambda name: reader.octets(name, DIGEST_BYTES)),
        your_spki=reader.octets("your_spki", DIGEST_BYTES),
        signature=Signature(reader.octets("signature", SIGNATURE_BYTES)),
    )


class Handshake:
    """One side of one connection's HELLO. `nonce` is 32 fresh random bytes."""

    __slots__ = ("_channel", "_nonce", "_party", "_peer_nonce", "state")

    def __init__(self, party: Party, channel: Channel, nonce: bytes, *, dialling: bool) -> None:
        if len(nonce) != DIGEST_BYTES:
            raise ValueError("R-NET2: a nonce has 32 bytes")
        self._party = party
        self._channel = channel
        self._nonce = nonce
        self._peer_nonce: bytes | None = None
        self.state = State.DIALLING if dialling else State.LISTENING

    def opening(self) -> bytes:
        """The dialler's first message."""
        if self.state is not State.DIALLING:
            raise ValueError("R-NET2: only a dialler opens, and once")
        self.state = State.AWAITING_ANSWER
        return self._message()

    def receive(self, payload: bytes) -> Progress | Refused:
        """Judge the other side's next message and move on."""
        refusal = self._judge(payload)
        if isinstance(refusal, HelloRefusal):
            self.state = State.REFUSED
            return Refused(refusal)
        self._peer_nonce = refusal.nonce
        reply = self._message() if self.state in _REPLIES else None
        self.state = _NEXT[self.state]
        met = Greeting(refusal.member, refusal.charter_version)
        return Progress(reply, met if self.state is State.MET else None)

    def _message(self) -> bytes:
        unsigned: dict[str, object] = {
            "charter_version": self._party.charter_version,
            "member": self._party.address,
            "my_spki": self._channel.my_spki,
            "nonce": self._nonce,
            "protocol": PROTOCOL,
            "your_nonce": self._peer_nonce,
            "your_spki": self._channel.peer_spki,
        }
        signature = self._party.sign(hello_digest(self._party.network, unsigned))
        return canonical.encode({**unsigned, "signature": signature})

    def _judge(self, payload: bytes) -> Hello | HelloRefusal:
        if self.state not in _NEXT:
            return HelloRefusal.OUT_OF_TURN
        try:
            hello = parse_hello(payload)
        except CodecError:
            return HelloRefusal.MALFORMED
        key = self._party.consensus_key(hello.member)
        if hello.protocol != PROTOCOL:
            return HelloRefusal.PROTOCOL_VERSION
        if self._party.address in (hello.member, self._channel.peer):
            return HelloRefusal.OWN_ADDRESS
        if key is None:
            return HelloRefusal.UNKNOWN_MEMBER
        if hello.member != self._channel.peer:
            return HelloRefusal.WRONG_MEMBER
        if (hello.my_spki, hello.your_spki) != (self._channel.peer_spki, self._channel.my_spki):
            return HelloRefusal.WRONG_CHANNEL
        if not self._fresh(hello):
            return HelloRefusal.STALE_NONCE
        digest = hello_digest(self._party.network, hello.unsigned())
        if not self._party.verify(key, digest, hello.signature):
            return HelloRefusal.BAD_SIGNATURE
        return hello

    def _fresh(self, hello: Hello) -> bool:
        """The first message answers no nonce; later ones answer ours, the third of the first's."""
        if self.state is State.LISTENING:
            return hello.your_nonce is None
        same_peer = self._peer_nonce in (None, hello.nonce)
        return same_peer and hello.your_nonce == self._nonce
