"""From which address a request comes, where a TLS proxy stands before the node.

`X-Forwarded-For` is written by whoever sends a request. It is read only where the peer itself is a
proxy that the operator named, from the right, where that proxy wrote: the first address that is no
such proxy is the client's. What stands to the left of it is the client's own word, and ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import BeforeValidator

if TYPE_CHECKING:
    from aiohttp import web

HEADER: Final = "X-Forwarded-For"
HEADER_CHARACTERS: Final = 2_048
"""Looked at, from the right: room for more proxies than anybody chains."""
HOPS: Final = 16
PROXIES: Final = 32
"""Addresses and networks an operator may name."""
UNKNOWN: Final = "unknown"

_Address = IPv4Address | IPv6Address
_Network = IPv4Network | IPv6Network
_ENTRY: Final = re.compile(
    r"\[(?P<bracketed>[0-9A-Fa-f:.]{2,45})\](?::[0-9]{1,5})?"
    r"|(?P<dotted>[0-9.]{7,15})(?::[0-9]{1,5})?"
    r"|(?P<bare>[0-9A-Fa-f:.]{2,45})"
)
"""An address as proxies write it: with or without a port, IPv6 with or without brackets."""


def parse_proxies(written: object) -> object:
    """Networks of a list of addresses and networks; ValueError says the form wanted."""
    if not isinstance(written, list | tuple) or len(written) > PROXIES:
        raise ValueError(f"must be a list of at most {PROXIES} addresses or networks")
    return tuple(_parsed_proxy(each) for each in written)


def _parsed_proxy(written: object) -> _Network:
    if isinstance(written, IPv4Network | IPv6Network):
        return written
    try:
        network = ip_network(written) if isinstance(written, str) else None
    except ValueError:
        network = None
    if network is None:
        raise ValueError('must hold addresses or networks such as "10.0.0.5" or "10.0.0.0/28"')
    if network.prefixlen == 0:
        raise ValueError("must not trust every address: anybody could then name herself anew")
    return network


TrustedProxies = Annotated[tuple[IPv4Network | IPv6Network, ...], BeforeValidator(parse_proxies)]
"""Proxies whose word about a client's address counts."""


def client_address(request: web.Request, trusted: Iterable[_Network]) -> str:
    """The client's address as text: the peer's, unless a trusted proxy names another.

    An entry that is no address ends the search at the last proxy that was understood.
    """
    proxies = tuple(trusted)
    peer = request.remote or UNKNOWN
    found = _parsed_address(peer.partition("%")[0])
    if found is None or not _is_among(found, proxies):
        return peer
    for entry in _entries(request):
        further = _parsed_address(entry)
        if further is None:
            break
        found = further
        if not _is_among(found, proxies):
            break
    return str(found)


def _entries(request: web.Request) -> Iterator[str]:
    """What proxies wrote, the nearest first; an entry that is cut off is no address any more."""
    written = ",".join(request.headers.getall(HEADER, []))
    entries = written[-HEADER_CHARACTERS:].split(",")
    if len(written) > HEADER_CHARACTERS:
        entries = entries[1:]
    yield from (entry.strip() for entry in reversed(entries[-HOPS:]))


def _parsed_address(text: str) -> _Address | None:
    match = _ENTRY.fullmatch(text)
    if match is None:
        return None
    try:
        found = ip_address(match["bracketed"] or match["dotted"] or match["bare"])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found


def _is_among(address: _Address, networks: Iterable[_Network]) -> bool:
    return any(address in network for network in networks)
