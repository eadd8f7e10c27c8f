"""Who may be a peer and where: the charter's members as the peer room needs them (R-CHA4, R-NET1).

A peer is recognised by the exact bytes of its TLS leaf. Addresses to dial come from here and from
nowhere else: no peer can make this node open a connection. A dialled name is only resolved; what
answers must show that member's leaf, so a false name server gains nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric import ec

from medquorum.ledger.keys import Address, PublicKey
from medquorum.ledger.signature import Signer
from medquorum.ledger.types import NetworkId, Role
from medquorum.node import tls
from medquorum.node.peers.errors import DirectoryError

_ENDPOINT = re.compile(r"(?:\[([0-9A-Fa-f:.]{1,253})\]|([A-Za-z0-9._-]{1,253})):([0-9]{1,5})")


class MemberKeysView(Protocol):
    """The keys of a member this room reads."""

    @property
    def consensus(self) -> PublicKey: ...


class MemberView(Protocol):
    """What this room reads of a charter's member (R-CHA4)."""

    @property
    def address(self) -> Address: ...
    @property
    def role(self) -> Role: ...
    @property
    def endpoint(self) -> str: ...
    @property
    def keys(self) -> MemberKeysView: ...
    @property
    def tls_certificate(self) -> bytes: ...


class CharterView(Protocol):
    """What this room reads of a charter (R-CHA1)."""

    @property
    def version(self) -> int: ...
    @property
    def members(self) -> Sequence[MemberView]: ...


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A host name or IP address, and a TCP port."""

    host: str
    port: int

    def url(self, scheme: str, path: str) -> str:
        """The URL of a path on this endpoint."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{self.port}{path}"


@dataclass(frozen=True, slots=True)
class PeerEntry:
    """One member as a peer."""

    address: Address
    role: Role
    endpoint: Endpoint
    consensus_key: PublicKey
    leaf: bytes
    """DER of the TLS leaf, compared byte for byte."""
    spki: bytes
    """SHA-256 of the leaf's SubjectPublicKeyInfo, the channel's name in HELLO (R-NET2)."""


@dataclass(frozen=True, slots=True)
class NodeIdentity:
    """This node's own keys; the private parts stay behind capabilities and `ssl`."""

    address: Address
    leaf: bytes
    tls_key: ec.EllipticCurvePrivateKey
    sign: Signer
    """By the consensus key (R-KEY4)."""

    def __repr__(self) -> str:
        return f"NodeIdentity({self.address.hex()[:8]})"


class Directory:
    """The members of one charter version by address and by leaf. Immutable."""

    def __init__(
        self, network: NetworkId, charter_version: int, entries: Iterable[PeerEntry]
    ) -> None:
        self.network = network
        self.charter_version = charter_version
        self._by_address = {entry.address: entry for entry in entries}
        self._by_leaf = {entry.leaf: entry for entry in self._by_address.values()}
        if len(self._by_leaf) != len(self._by_address):
            raise DirectoryError("R-KEY4: two members share a TLS leaf; ask one for a new request")

    def member(self, address: Address) -> PeerEntry | None:
        """The member with this address."""
        return self._by_address.get(address)

    def by_leaf(self, leaf: bytes) -> PeerEntry | None:
        """The member whose leaf has exactly these bytes."""
        return self._by_leaf.get(leaf)

    def consensus_key(self, address: Address) -> PublicKey | None:
        """The key that signs this member's HELLO."""
        entry = self._by_address.get(address)
        return None if entry is None else entry.consensus_key

    def leaves(self) -> tuple[bytes, ...]:
        """Every leaf: the trust store of the listener."""
        return tuple(self._by_leaf)

    def neighbours(self, own: Address, limit: int) -> tuple[PeerEntry, ...]:
        """The members to keep links with: doctors first, then by a hash both ends agree on."""
        others = [entry for entry in self._by_address.values() if entry.address != own]

        def preference(entry: PeerEntry) -> tuple[bool, bytes]:
            pair = b"".join(sorted((own, entry.address)))
            return entry.role is not Role.DOCTOR, hashlib.sha256(pair).digest()

        return tuple(sorted(others, key=preference)[:limit])


def parse_endpoint(text: str) -> Endpoint:
    """Read `host:port` or `[v6]:port`; DirectoryError for anything a URL could hide in."""
    found = _ENDPOINT.fullmatch(text)
    port = int(found[3]) if found else 0
    if found is None or not 0 < port < 65_536:
        raise DirectoryError("R-CHA4: an endpoint is host:port; correct the member's request")
    return Endpoint(found[1] or found[2], port)


def directory_of(charter: CharterView, network: NetworkId) -> Directory:
    """The directory of a verified charter; TlsIdentityError for a leaf that is none."""
    entries = (
        PeerEntry(
            address=member.address,
            role=member.role,
            endpoint=parse_endpoint(member.endpoint),
            consensus_key=member.keys.consensus,
            leaf=member.tls_certificate,
            spki=tls.spki_hash(member.tls_certificate),
        )
        for member in charter.members
    )
    return Directory(network, charter.version, entries)
