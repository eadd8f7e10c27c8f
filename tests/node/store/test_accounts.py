"""The stored accounts keep the AccountStore protocol, side by side with the one in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from medquorum.node.account_records import (
    AccessToken,
    AccountStore,
    KeptAnswer,
    MemoryAccountStore,
    TokenKind,
    User,
    UserRole,
)
from medquorum.node.accounts import Accounts, adopt_operator_token, create_operator_token
from medquorum.node.store.accounts import StoredAccounts
from medquorum.node.store.engine import default_storage_url, open_store

DOCTOR = User("amara", UserRole.DOCTOR, 1_000, "$argon2id$v=19$...", None)
PATIENT = User("zoe", UserRole.PATIENT, 2_000, None, "mqpat1xyz", active=False)


@pytest.fixture(params=["memory", "store"])
async def accounts(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AccountStore]:
    if request.param == "memory":
        yield MemoryAccountStore()
        return
    store = open_store(tmp_path, default_storage_url(tmp_path))
    yield StoredAccounts(store)
    await store.close()


def token(label: bytes, user: str = "amara", expires_at_ms: int = 9_000) -> AccessToken:
    return AccessToken(
        label * 32, user, UserRole.DOCTOR, TokenKind.BEARER, "a label", 1, expires_at_ms
    )


async def test_users_are_kept_replaced_and_listed_by_name(accounts: AccountStore) -> None:
    for user in (PATIENT, DOCTOR):
        await accounts.save_user(user)
    assert await accounts.users() == (DOCTOR, PATIENT)
    changed = replace(DOCTOR, role=UserRole.AUDITOR, active=False, password_phc=None)
    await accounts.save_user(changed)
    loaded = await accounts.load_user("amara")
    assert loaded == changed
    assert loaded is not None
    assert isinstance(loaded.role, UserRole)
    assert await accounts.load_user("nobody") is None
    assert len(await accounts.users()) == 2


async def test_tokens_are_kept_replaced_and_deleted(accounts: AccountStore) -> None:
    kept = token(b"a")
    await accounts.save_token(kept)
    assert await accounts.load_token(kept.digest) == kept
    later = replace(kept, kind=TokenKind.SESSION, expires_at_ms=10_000)
    await accounts.save_token(later)
    loaded = await accounts.load_token(kept.digest)
    assert loaded == later
    assert loaded is not None
    assert (type(loaded.role), type(loaded.kind)) == (UserRole, TokenKind)
    await accounts.delete_token(kept.digest)
    await accounts.delete_token(kept.digest)
    assert await accounts.load_token(kept.digest) is None


async def test_all_tokens_of_a_user_end_and_no_others(accounts: AccountStore) -> None:
    for one in (token(b"a"), token(b"b"), token(b"c", "zoe")):
        await accounts.save_token(one)
    assert await accounts.delete_tokens_of("amara") == 2
    assert await accounts.delete_tokens_of("amara") == 0
    assert await accounts.load_token(b"c" * 32) is not None


async def test_answers_are_kept_by_user_and_key(accounts: AccountStore) -> None:
    first = KeptAnswer("amara", "key", b"r" * 32, 201, b"body", 9_000)
    await accounts.save_answer(first)
    assert await accounts.load_answer("amara", "key") == first
    assert await accounts.load_answer("zoe", "key") is None
    assert await accounts.load_answer("amara", "other") is None
    second = replace(first, status=200, body=b"")
    await accounts.save_answer(second)
    assert await accounts.load_answer("amara", "key") == second


async def test_what_expired_is_forgotten_and_counted(accounts: AccountStore) -> None:
    await accounts.save_token(token(b"a", expires_at_ms=999))
    await accounts.save_token(token(b"b", expires_at_ms=1_000))
    await accounts.save_answer(KeptAnswer("amara", "old", bytes(32), 200, b"", 999))
    await accounts.save_answer(KeptAnswer("amara", "new", bytes(32), 200, b"", 1_000))
    assert await accounts.delete_expired(1_000) == 2
    assert await accounts.load_token(b"a" * 32) is None
    assert await accounts.load_token(b"b" * 32) is not None
    assert await accounts.load_answer("amara", "old") is None
    assert await accounts.load_answer("amara", "new") is not None


async def test_accounts_outlive_the_process(tmp_path: Path) -> None:
    url = default_storage_url(tmp_path)
    store = open_store(tmp_path, url)
    first = Accounts(StoredAccounts(store))
    await first.add_user("amara", UserRole.DOCTOR)
    granted = await first.new_token("amara")
    create_operator_token(tmp_path / "operator.token")
    await adopt_operator_token(first, tmp_path / "operator.token")
    await first.close()
    await store.close()
    store = open_store(tmp_path, url)
    again = Accounts(StoredAccounts(store))
    user = await again.authenticate(granted.text, TokenKind.BEARER)
    assert user is not None
    assert (user.name, user.role) == ("amara", UserRole.DOCTOR)
    operator = (tmp_path / "operator.token").read_text().strip()
    assert await again.authenticate(operator, TokenKind.BEARER) is not None
    assert await again.authenticate(operator, TokenKind.SESSION) is None
    await again.close()
    await store.close()


async def test_a_token_is_replaced_only_while_it_is_there(accounts: AccountStore) -> None:
    old, new = token(b"a"), token(b"b")
    marked = replace(old, label="replaced")
    await accounts.save_token(old)
    assert await accounts.replace_token(old, new, marked)
    assert [await accounts.load_token(one.digest) for one in (old, new)] == [marked, new]
    assert not await accounts.replace_token(old, token(b"c")), "another was there first"
    await accounts.delete_tokens_of("amara")
    assert not await accounts.replace_token(marked, token(b"c"))
    assert await accounts.delete_tokens_of("amara") == 0
