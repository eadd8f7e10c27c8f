"""Behind a TLS proxy each client counts for herself, and nobody can borrow another's address."""

from collections.abc import AsyncIterator
from ipaddress import ip_network
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from medquorum.node.account_records import UserRole
from medquorum.node.api.client_address import HEADER, client_address, parse_proxies
from medquorum.node.config import ConfigError, load_config
from medquorum.node.passwords import LoginLimiter, PasswordWorker
from tests.node.api.conftest import House, serve_house
from tests.node.api.fake_desk import RECORD

LOOPBACK = (ip_network("127.0.0.0/8"),)
PROXIES = (ip_network("127.0.0.1"), ip_network("10.0.0.0/28"), ip_network("2001:db8::/64"))


@pytest_asyncio.fixture
async def behind(tmp_path: Path, passwords: PasswordWorker) -> AsyncIterator[House]:
    """A node whose proxy stands on the loopback, with two attempts for each address."""
    async with serve_house(tmp_path, passwords, trusted_proxies=LOOPBACK) as served:
        served.accounts._by_address = LoginLimiter(attempts=2)
        yield served


async def attempts(house: House, *forwarded: str) -> list[int]:
    """The statuses of wrong logins, each for another account, with these headers."""
    statuses = []
    for number, address in enumerate(forwarded):
        statuses.append(
            (
                await house.ask(
                    "POST",
                    "/v1/login",
                    None,
                    json={"name": f"u{number}", "password": "x"},
                    headers={HEADER: address},
                )
            )[0]
        )
    return statuses


async def test_a_trusted_proxys_clients_count_one_by_one(behind: House) -> None:
    one, other = "203.0.113.7", "203.0.113.8"
    assert await attempts(behind, one, one, one, other, other, other) == [401, 401, 429] * 2


async def test_an_ipv6_client_is_counted_by_her_network(behind: House) -> None:
    one = [f"2001:db8:0:1::{number}" for number in range(1, 4)]
    assert await attempts(behind, *one, "2001:db8:0:2::1") == [401, 401, 429, 401]
    mapped = [f"::ffff:203.0.113.{number}" for number in range(1, 4)]
    assert await attempts(behind, *mapped) == [401] * 3


async def test_what_the_client_wrote_left_of_it_does_not_count(behind: House) -> None:
    forged = [f"198.51.100.{number}, 203.0.113.7" for number in range(3)]
    assert await attempts(behind, *forged) == [401, 401, 429]


async def test_a_peer_that_is_no_trusted_proxy_cannot_name_an_address(house: House) -> None:
    house.accounts._by_address = LoginLimiter(attempts=2)
    forged = [f"198.51.100.{number}" for number in range(3)]
    assert await attempts(house, *forged) == [401, 401, 429]


async def test_the_access_log_names_the_client_and_not_the_proxy(behind: House) -> None:
    await behind.ask("GET", f"/v1/records/{RECORD}/IMG_CT", headers={HEADER: "203.0.113.7"})
    assert behind.desk.readers[-1].detail == {"address": "203.0.113.7"}
    await behind.ask("GET", f"/v1/records/{RECORD}/IMG_CT", UserRole.DOCTOR)
    assert behind.desk.readers[-1].detail == {"address": "127.0.0.1"}


def asked(peer: str, *forwarded: str) -> str:
    """The address found for a request from this peer with these headers."""
    headers = CIMultiDict((HEADER, text) for text in forwarded)
    request = make_mocked_request("GET", "/", headers=headers)
    return client_address(request.clone(remote=peer), PROXIES)


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("127.0.0.1", (), "127.0.0.1"),
        ("127.0.0.1", ("203.0.113.7",), "203.0.113.7"),
        ("127.0.0.1", ("203.0.113.7", "10.0.0.2"), "203.0.113.7"),
        ("127.0.0.1", ("198.51.100.1, 203.0.113.7 ,10.0.0.2, 10.0.0.3",), "203.0.113.7"),
        ("10.0.0.16", ("203.0.113.7",), "10.0.0.16"),
        ("203.0.113.9", ("127.0.0.1",), "203.0.113.9"),
        ("127.0.0.1", ("203.0.113.7:5100",), "203.0.113.7"),
        ("::ffff:127.0.0.1", ("203.0.113.7",), "203.0.113.7"),
        ("127.0.0.1", ("::ffff:203.0.113.7",), "203.0.113.7"),
        ("127.0.0.1", ("[2001:DB8:1::0:7]:443",), "2001:db8:1::7"),
        ("2001:db8::1", ("2001:db8:1::7", "2001:db8::2"), "2001:db8:1::7"),
        ("127.0.0.1", ("10.0.0.2, 10.0.0.3",), "10.0.0.2"),
    ],
)
def test_the_right_most_that_is_no_trusted_proxy_is_the_client(
    peer: str, forwarded: tuple[str, ...], found: str
) -> None:
    assert asked(peer, *forwarded) == found


@pytest.mark.parametrize(
    "hostile",
    [
        "",
        ",",
        "unknown",
        "_hidden",
        "203.0.113.7; DROP",
        "203.0.113.256",
        "203.0.113.7%0a",
        "fe80::1%eth0",
        "<script>alert(1)</script>",
        "１.２.３.４",
        "0x7f.1",
        "203.0.113.7:99999999",
        "a" * 3_000,
        "1" * 5_000,
    ],
)
def test_what_is_no_address_ends_the_search_at_the_proxy(hostile: str) -> None:
    assert asked("127.0.0.1", f"203.0.113.7, {hostile}") == "127.0.0.1"
    assert asked("127.0.0.1", f"{hostile}, 203.0.113.7") == "203.0.113.7"
    assert asked("127.0.0.1", f"{hostile}, 10.0.0.2") == "10.0.0.2"


def test_a_long_header_is_read_from_the_right_and_never_in_part() -> None:
    chain = "203.0.113.7," + "10.0.0.2," * 15 + "10.0.0.3"
    assert asked("127.0.0.1", chain) == "10.0.0.2"
    cut = "9" * 2_000 + ",203.0.113.77" + ",10.0.0.2" * 5
    assert asked("127.0.0.1", cut) == "203.0.113.77"
    within = "203.0.113.77" + " " * 2_029 + ",10.0.0.2"
    assert asked("127.0.0.1", within) == "10.0.0.2", "3.0.113.77 is what a cut would leave"


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ('"10.0.0.5"', "must be a list"),
        ('["proxy.example"]', "addresses or networks"),
        ('["10.0.0.5/24"]', "addresses or networks"),
        ("[5]", "addresses or networks"),
        ('["0.0.0.0/0"]', "every address"),
        ('["::/0"]', "every address"),
        (str(["10.0.0.5"] * 33), "at most 32"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused(tmp_path: Path, written: str, told: str) -> None:
    path = tmp_path / "node.toml"
    path.write_text(f'moniker = "a"\n[api]\ntrusted_proxies = {written}\n')
    with pytest.raises(ConfigError, match=f"api.trusted_proxies: .*{told}"):
        load_config(path, {})


def test_the_setting_names_addresses_and_networks(tmp_path: Path) -> None:
    path = tmp_path / "node.toml"
    path.write_text('moniker = "a"\n[api]\ntrusted_proxies = ["10.0.0.5", "2001:db8::/64"]\n')
    loaded = load_config(path, {}).api.trusted_proxies
    assert loaded == parse_proxies(["10.0.0.5/32", "2001:db8::/64"])
    path.write_text('moniker = "a"\n')
    assert load_config(path, {}).api.trusted_proxies == ()
