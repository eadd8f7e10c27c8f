"""Who may be dialled, and where: only what the charter names (R-CHA4, R-NET1)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from medquorum.ledger.keys import Address
from medquorum.ledger.types import Role
from medquorum.node.peers.directory import Endpoint, parse_endpoint
from medquorum.node.peers.errors import DirectoryError
from tests.node.peers.nodes import Charter, charter_of, people


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("node.hospital.example:8443", "wss://node.hospital.example:8443/peer"),
        ("192.0.2.7:1", "wss://192.0.2.7:1/peer"),
        ("[2001:db8::7]:65535", "wss://[2001:db8::7]:65535/peer"),
    ],
)
def test_an_endpoint_becomes_exactly_one_url(text: str, url: str) -> None:
    assert parse_endpoint(text).url("wss", "/peer") == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "host",
        "host:",
        ":1",
        "host:0",
        "host:65536",
        "host:99999999",
        "host:1/path",
        "user@host:1",
        "http://host:1",
        "host:1?x",
        "host:1#x",
        "ho st:1",
        "host\n:1",
        "host:1\n",
        "2001:db8::7:1",
        "[host]:1",
        "host%00:1",
        "//host:1",
        "host:１",
        "\\\\host:1",
        "..@host:1",
        "x" * 254 + ":1",
    ],
)
def test_nothing_a_url_could_hide_in_is_an_endpoint(text: str) -> None:
    with pytest.raises(DirectoryError, match="R-CHA4"):
        parse_endpoint(text)


def test_members_are_found_by_address_and_by_the_exact_leaf() -> None:
    """R-NET1: the leaf is compared byte for byte."""
    low, high = people(2)
    directory = charter_of([low, high]).directory
    assert directory.by_leaf(low.identity.leaf) == directory.member(low.address)
    assert directory.by_leaf(low.identity.leaf + b"\x00") is None
    assert directory.member(Address(bytes(32))) is None
    assert directory.consensus_key(Address(bytes(32))) is None
    host, _, port = low.member.endpoint.partition(":")
    entry = directory.member(low.address)
    assert entry is not None and entry.endpoint == Endpoint(host, int(port))


def test_a_shared_leaf_is_refused() -> None:
    """R-KEY4: no key serves two members."""
    low, high = people(2)
    shared = replace(high.member, tls_certificate=low.member.tls_certificate)
    with pytest.raises(DirectoryError, match="R-KEY4"):
        _ = Charter((low.member, shared)).directory


def test_neighbours_are_doctors_first_and_both_ends_agree_on_the_order() -> None:
    doctors, laboratories = people(3), people(5, Role.LABORATORY)
    directory = charter_of([*doctors, *laboratories]).directory
    me = doctors[0].address
    chosen = directory.neighbours(me, 4)
    assert {entry.address for entry in chosen[:2]} == {each.address for each in doctors[1:]}
    assert [entry.role for entry in chosen[2:]] == [Role.LABORATORY] * 2
    assert me not in {entry.address for entry in directory.neighbours(me, 64)}
    assert len(directory.neighbours(me, 64)) == 7
