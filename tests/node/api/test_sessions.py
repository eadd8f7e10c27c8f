"""Logins, the session cookie, foreign pages, guessing."""

import itertools
import json
from http.cookies import SimpleCookie

import pytest

from medquorum.node.account_records import AccessToken, UserRole
from medquorum.node.api.gate import COOKIE
from medquorum.node.client import ApiProblem
from tests.node.api.conftest import House

PASSWORD = "correct horse battery"
LOGIN = {"name": "ada", "password": PASSWORD}


async def add_ada(house: House) -> None:
    await house.accounts.add_user("ada", UserRole.DOCTOR, password=PASSWORD)


async def open_session(house: House, **headers: str) -> str:
    status, _, response = await house.ask("POST", "/v1/login", None, json=LOGIN, headers=headers)
    assert status == 200
    cookies = SimpleCookie(response.headers["Set-Cookie"])
    return cookies[COOKIE].value


def with_cookie(session: str, **more: str) -> dict[str, str]:
    return {"Cookie": f"{COOKIE}={session}", **more}


async def test_a_login_sets_a_cookie_that_only_this_origin_gets(house: House) -> None:
    await add_ada(house)
    _, body, response = await house.ask("POST", "/v1/login", None, json=LOGIN)
    header = response.headers["Set-Cookie"]
    assert header.startswith("__Host-medquorum=")
    for attribute in ("HttpOnly", "Secure", "Path=/", "SameSite=Strict"):
        assert attribute in header
    assert "Domain" not in header
    assert json.loads(body)["token"] is None
    session = SimpleCookie(header)[COOKIE].value
    assert (await house.ask("GET", "/v1/status", None, headers=with_cookie(session)))[0] == 200


async def test_a_bearer_login_answers_a_token_and_no_cookie(house: House) -> None:
    await add_ada(house)
    async with house.client(UserRole.PATIENT) as client:
        answer = await client.login("ada", PASSWORD)
        assert (answer.user, answer.role) == ("ada", UserRole.DOCTOR)
        assert (await client.inbox())[0].type == "ct"
        token = client.token
        await client.logout()
        client.token = token
        with pytest.raises(ApiProblem, match="unauthorised"):
            await client.status()


async def test_a_token_is_not_taken_as_a_cookie_nor_a_cookie_as_a_token(house: House) -> None:
    await add_ada(house)
    session = await open_session(house)
    bearer = {"Authorization": f"Bearer {session}"}
    assert (await house.ask("GET", "/v1/status", None, headers=bearer))[0] == 401
    swapped = with_cookie(house.tokens[UserRole.OPERATOR])
    assert (await house.ask("GET", "/v1/status", None, headers=swapped))[0] == 401


async def test_a_login_replaces_the_session_it_came_with(house: House) -> None:
    await add_ada(house)
    planted = await open_session(house)
    fresh = await open_session(house, **with_cookie(planted))
    assert fresh != planted
    assert (await house.ask("GET", "/v1/status", None, headers=with_cookie(planted)))[0] == 401
    assert (await house.ask("GET", "/v1/status", None, headers=with_cookie(fresh)))[0] == 200


async def test_logging_out_ends_the_session_and_clears_the_cookie(house: House) -> None:
    await add_ada(house)
    session = await open_session(house)
    headers = with_cookie(session, Origin=house.base_url)
    status, _, response = await house.ask("POST", "/v1/logout", None, headers=headers)
    assert status == 204
    assert "Max-Age=0" in response.headers["Set-Cookie"]
    assert (await house.ask("GET", "/v1/status", None, headers=with_cookie(session)))[0] == 401


async def test_a_session_lives_while_used_and_a_working_day_at_most(house: House) -> None:
    await add_ada(house)
    session = await open_session(house)
    for _ in range(12 * 6):
        house.clock.now_ms += 10 * 60_000 - 1
        status, _, _ = await house.ask("GET", "/v1/status", None, headers=with_cookie(session))
        assert status == 200
    house.clock.now_ms += 10 * 60_000
    assert (await house.ask("GET", "/v1/status", None, headers=with_cookie(session)))[0] == 401


async def test_an_unused_session_ends_after_a_quarter_of_an_hour(house: House) -> None:
    await add_ada(house)
    session = await open_session(house)
    house.clock.now_ms += 15 * 60_000
    assert (await house.ask("GET", "/v1/status", None, headers=with_cookie(session)))[0] == 401


FOREIGN = (
    "https://evil.example",
    "null",
    "http://127.0.0.1",
    "http://127.0.0.1:1",
    "https://127.0.0.1",
    "",
)


@pytest.mark.parametrize("origin", FOREIGN)
@pytest.mark.parametrize("path", ["/v1/logout", "/v1/votes", "/v1/proposals", "/v1/submissions"])
async def test_a_foreign_page_can_write_nothing(house: House, path: str, origin: str) -> None:
    await add_ada(house)
    session = await open_session(house)
    for headers in (with_cookie(session), house.headers(UserRole.DOCTOR)):
        status, body, _ = await house.ask("POST", path, None, headers={**headers, "Origin": origin})
        assert (status, json.loads(body)["rule"]) == (403, "origin")
    assert (await house.ask("GET", "/v1/status", None, headers=with_cookie(session)))[0] == 200


async def test_a_cookie_alone_writes_nothing(house: House) -> None:
    await add_ada(house)
    session = await open_session(house)
    octets = {"Content-Type": "application/octet-stream"}
    bare = with_cookie(session, **octets)
    status, body, _ = await house.ask("POST", "/v1/votes", None, data=b"vote", headers=bare)
    assert (status, json.loads(body)["rule"]) == (403, "origin")
    cross = {**bare, "Origin": house.base_url, "Sec-Fetch-Site": "cross-site"}
    assert (await house.ask("POST", "/v1/votes", None, data=b"vote", headers=cross))[0] == 403
    own = {**bare, "Origin": house.base_url, "Sec-Fetch-Site": "same-origin"}
    assert (await house.ask("POST", "/v1/votes", None, data=b"vote", headers=own))[0] == 201
    assert house.desk.votes == [b"vote"]


async def test_a_foreign_page_cannot_log_a_browser_in(house: House) -> None:
    await add_ada(house)
    foreign = {"Origin": "https://evil.example"}
    status, _, _ = await house.ask("POST", "/v1/login", None, json=LOGIN, headers=foreign)
    assert status == 403


async def test_wrong_logins_are_all_alike_and_few(house: House) -> None:
    await add_ada(house)
    answers = set()
    for name in ("ada", "nobody", "doctor"):
        wrong = {"name": name, "password": "wrong"}
        status, body, _ = await house.ask("POST", "/v1/login", None, json=wrong)
        assert status == 401
        answers.add(body)
    assert len(answers) == 1
    statuses = [
        (await house.ask("POST", "/v1/login", None, json={**LOGIN, "password": "wrong"}))[0]
        for _ in range(6)
    ]
    assert statuses == [401, 401, 401, 401, 429, 429]
    status, _, response = await house.ask("POST", "/v1/login", None, json=LOGIN)
    assert (status, int(response.headers["Retry-After"]) <= 60) == (429, True)
    house.clock.now_ms += 61_000
    assert (await house.ask("POST", "/v1/login", None, json=LOGIN))[0] == 200


async def test_one_address_cannot_try_many_accounts(house: House) -> None:
    statuses = [
        (await house.ask("POST", "/v1/login", None, json={"name": f"u{n}", "password": "x"}))[0]
        for n in range(31)
    ]
    assert [status for status, _ in itertools.groupby(statuses)] == [401, 429]


async def test_a_session_ended_while_it_is_renewed_is_told_so(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_ada(house)
    session = await open_session(house)
    replace_token = house.accounts.store.replace_token

    async def late(old: AccessToken, *new: AccessToken) -> bool:
        await house.accounts.revoke_all("ada")
        return await replace_token(old, *new)

    monkeypatch.setattr(house.accounts.store, "replace_token", late)
    headers = with_cookie(session, Origin=house.base_url)
    status, body, response = await house.ask("POST", "/v1/session/renewal", None, headers=headers)
    assert (status, json.loads(body)["rule"]) == (401, "unauthorised")
    assert "Set-Cookie" not in response.headers
    assert await house.accounts.revoke_all("ada") == 0
