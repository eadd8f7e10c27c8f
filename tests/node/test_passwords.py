"""Passwords: today's cost, one worker, and a bound on guesses."""

import asyncio
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medquorum.node.passwords import (
    WAITING_LIMIT,
    LoginLimiter,
    PasswordRefused,
    PasswordsBusy,
    PasswordWorker,
    hash_password,
    login_source,
    needs_rehash,
    verify_password,
)

PASSWORD = "a long enough one"


def test_a_hash_verifies_its_own_password_only() -> None:
    stored = hash_password(PASSWORD)
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert verify_password(PASSWORD, stored)
    assert not verify_password(PASSWORD + " ", stored)
    assert hash_password(PASSWORD) != stored
    assert not needs_rehash(stored)


def test_composed_and_decomposed_passwords_are_one() -> None:
    assert verify_password("e\u0301" * 12, hash_password("\u00e9" * 12))


@pytest.mark.parametrize(
    ("password", "reason"), [("short", "at least 12"), ("x" * 2000, "at most")]
)
def test_unfit_passwords_are_refused(password: str, reason: str) -> None:
    with pytest.raises(PasswordRefused, match=reason):
        hash_password(password)


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "plain",
        "$argon2id$v=19$m=4194304,t=2,p=1$MDAwMDAwMDAwMDAwMDAwMA$" + "A" * 43,
        "$argon2id$v=19$m=19456,t=99,p=1$MDAwMDAwMDAwMDAwMDAwMA$" + "A" * 43,
        "$argon2id$v=19$m=0,t=0,p=0$MDAwMDAwMDAwMDAwMDAwMA$" + "A" * 43,
        "$argon2i$v=19$m=19456,t=2,p=1$MDAwMDAwMDAwMDAwMDAwMA$" + "A" * 43,
    ],
)
def test_stored_strings_of_other_shape_or_cost_never_match(stored: str) -> None:
    assert not verify_password(PASSWORD, stored)


def test_an_older_cost_asks_for_a_new_hash() -> None:
    assert needs_rehash("$argon2id$v=19$m=9216,t=4,p=1$MDAwMDAwMDAwMDAwMDAwMA$" + "A" * 43)


async def test_the_worker_answers_and_unknown_accounts_never_match() -> None:
    worker = PasswordWorker()
    stored = await worker.hash(PASSWORD)
    assert await worker.verify(PASSWORD, stored)
    assert not await worker.verify("another password", stored)
    assert not await worker.verify(PASSWORD, None)
    await worker.close()


async def test_parallel_logins_beyond_the_bound_are_told_so() -> None:
    worker = PasswordWorker()
    outcomes = await asyncio.gather(
        *[worker.verify(PASSWORD, None) for _ in range(WAITING_LIMIT + 10)],
        return_exceptions=True,
    )
    assert sum(isinstance(outcome, PasswordsBusy) for outcome in outcomes) == 10
    assert outcomes.count(False) == WAITING_LIMIT
    await worker.close()


def test_the_sixth_attempt_in_a_minute_waits() -> None:
    limiter = LoginLimiter()
    assert [limiter.attempt("ann", now_ms) for now_ms in range(0, 5_000, 1_000)] == [0] * 5
    assert limiter.attempt("ann", 10_000) == 50_000
    assert limiter.attempt("bob", 10_000) == 0
    assert limiter.attempt("ann", 59_999) == 1
    assert limiter.attempt("ann", 60_000) == 0


def test_a_success_clears_the_count() -> None:
    limiter = LoginLimiter(attempts=1)
    assert limiter.attempt("ann", 0) == 0
    limiter.record_success("ann")
    assert limiter.attempt("ann", 1) == 0
    assert limiter.attempt("ann", 2) > 0


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("unknown", "unknown"),
    ],
)
def test_an_ipv6_clients_logins_are_counted_by_her_network(address: str, source: str) -> None:
    assert login_source(address) == source


def test_the_table_of_accounts_is_bounded() -> None:
    limiter = LoginLimiter(attempts=1, accounts=2)
    for account in ("a", "b", "c"):
        assert limiter.attempt(account, 0) == 0
    assert limiter.attempt("c", 1) > 0
    assert limiter.attempt("a", 1) == 0


@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from("ab")), max_size=80))
def test_the_limiter_agrees_with_a_naive_twin(steps: list[tuple[int, str]]) -> None:
    limiter = LoginLimiter(attempts=3, window_ms=40)
    allowed: deque[tuple[int, str]] = deque()
    now_ms = 0
    for advance_ms, account in steps:
        now_ms += advance_ms
        used = sum(a == account and at > now_ms - 40 for at, a in allowed)
        waits = limiter.attempt(account, now_ms) > 0
        assert waits == (used >= 3)
        if not waits:
            allowed.append((now_ms, account))
