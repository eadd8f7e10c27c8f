"""Users, tokens, sessions, the operator's first token."""

from pathlib import Path

import pytest
import pytest_asyncio

from medquorum.node.accounts import (
    AccessToken,
    AccountError,
    Accounts,
    MemoryAccountStore,
    TokenKind,
    TooManyLogins,
    UserRole,
    adopt_operator_token,
    create_operator_token,
    digest_of,
)
from medquorum.node.passwords import PasswordRefused, PasswordWorker
from medquorum.node.private_files import PrivateFileError, write_private_file

NOW_MS = 1_800_000_000_000
PASSWORD = "a long enough password"


class Clock:
    now_ms = NOW_MS

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture(scope="module")
def passwords() -> PasswordWorker:
    return PasswordWorker()


@pytest_asyncio.fixture
async def accounts(passwords: PasswordWorker) -> Accounts:
    made = Accounts(MemoryAccountStore(), passwords, now_ms=Clock())
    await made.add_user("ada", UserRole.DOCTOR, password=PASSWORD)
    return made


@pytest.mark.parametrize("name", ["", "Ada", "a b", ".ada", "-ada", "ada/..", "a" * 65, "ä"])
async def test_a_malformed_name_is_refused(accounts: Accounts, name: str) -> None:
    with pytest.raises(AccountError, match="a user name"):
        await accounts.add_user(name, UserRole.CLERK)


async def test_a_taken_name_is_refused(accounts: Accounts) -> None:
    with pytest.raises(AccountError, match="taken"):
        await accounts.add_user("ada", UserRole.OPERATOR)


async def test_a_patient_names_an_address_and_nobody_else_does(accounts: Accounts) -> None:
    with pytest.raises(AccountError, match="address"):
        await accounts.add_user("pat", UserRole.PATIENT)
    with pytest.raises(AccountError, match="address"):
        await accounts.add_user("ben", UserRole.CLERK, patient="mqpat1x")


async def test_a_short_password_is_refused(accounts: Accounts) -> None:
    with pytest.raises(PasswordRefused):
        await accounts.add_user("ben", UserRole.CLERK, password="short")
    assert await accounts.store.load_user("ben") is None


async def test_neither_token_nor_password_is_kept_or_shown(accounts: Accounts) -> None:
    grant = await accounts.new_token("ada")
    token = await accounts.store.load_token(digest_of(grant.text))
    user = await accounts.store.load_user("ada")
    assert token is not None
    for shown in (repr(grant), repr(token), repr(user)):
        assert grant.text not in shown
        assert "argon2" not in shown
    assert grant.text.encode() not in token.digest


async def test_a_token_speaks_for_its_user_until_it_expires(accounts: Accounts) -> None:
    grant = await accounts.new_token("ada", lifetime_ms=1_000)
    user = await accounts.authenticate(grant.text, TokenKind.BEARER)
    assert user is not None
    assert (user.name, user.role) == ("ada", UserRole.DOCTOR)
    Clock.now_ms = NOW_MS + 1_000
    try:
        assert await accounts.authenticate(grant.text, TokenKind.BEARER) is None
        assert await accounts.store.delete_expired(NOW_MS + 1_001) == 1
    finally:
        Clock.now_ms = NOW_MS


async def test_a_token_for_nobody_is_refused(accounts: Accounts) -> None:
    with pytest.raises(AccountError, match="no such user"):
        await accounts.new_token("nobody")
    for lifetime_ms in (0, 401 * 86_400_000):
        with pytest.raises(AccountError, match="400 days"):
            await accounts.new_token("ada", lifetime_ms=lifetime_ms)


async def test_guessing_is_bounded_before_hashing(accounts: Accounts) -> None:
    for _ in range(5):
        with pytest.raises(AccountError, match="wrong"):
            await accounts.log_in("ada", "wrong", address="a", kind=TokenKind.SESSION)
    with pytest.raises(TooManyLogins) as caught:
        await accounts.log_in("ada", PASSWORD, address="b", kind=TokenKind.SESSION)
    assert 0 < caught.value.wait_ms <= 60_000


async def test_a_user_without_password_cannot_log_in(accounts: Accounts) -> None:
    await accounts.add_user("robot", UserRole.AI_ENTITY)
    with pytest.raises(AccountError, match="name or password"):
        await accounts.log_in("robot", "", address="a", kind=TokenKind.BEARER)


async def test_the_operators_token_is_private_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "operator.token"
    create_operator_token(path)
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(PrivateFileError, match="exists already"):
        create_operator_token(path)


async def test_the_operators_token_works_and_a_replaced_one_does_not(
    accounts: Accounts, tmp_path: Path
) -> None:
    path = tmp_path / "operator.token"
    create_operator_token(path)
    leaked = path.read_text().strip()
    await adopt_operator_token(accounts, path)
    operator = await accounts.authenticate(leaked, TokenKind.BEARER)
    assert operator is not None
    assert operator.role is UserRole.OPERATOR
    path.unlink()
    create_operator_token(path)
    await adopt_operator_token(accounts, path)
    assert await accounts.authenticate(leaked, TokenKind.BEARER) is None
    fresh = path.read_text().strip()
    assert await accounts.authenticate(fresh, TokenKind.BEARER) is not None


async def test_a_token_file_without_a_token_is_refused(accounts: Accounts, tmp_path: Path) -> None:
    path = tmp_path / "operator.token"
    write_private_file(path, b"short\n", replace=False)
    with pytest.raises(AccountError, match="holds no token"):
        await adopt_operator_token(accounts, path)


class EndedMeanwhile(MemoryAccountStore):
    """A store in which somebody ends every session right after one was read."""

    ending = False

    async def load_token(self, digest: bytes) -> AccessToken | None:
        token = await super().load_token(digest)
        if self.ending and token is not None:
            await self.delete_tokens_of(token.user)
        return token


async def session_ended_meanwhile(passwords: PasswordWorker) -> tuple[Accounts, str]:
    store = EndedMeanwhile()
    accounts = Accounts(store, passwords, now_ms=Clock())
    await accounts.add_user("ada", UserRole.DOCTOR, password=PASSWORD)
    grant = await accounts.log_in("ada", PASSWORD, address="a", kind=TokenKind.SESSION)
    store.ending = True
    return accounts, grant.text


async def test_renewing_does_not_bring_an_ended_session_back(passwords: PasswordWorker) -> None:
    accounts, text = await session_ended_meanwhile(passwords)
    with pytest.raises(AccountError, match="log in again"):
        await accounts.renew(text)
    assert await accounts.revoke_all("ada") == 0


async def test_prolonging_does_not_bring_an_ended_session_back(passwords: PasswordWorker) -> None:
    accounts, text = await session_ended_meanwhile(passwords)
    Clock.now_ms = NOW_MS + 10 * 60_000
    try:
        assert await accounts.authenticate(text, TokenKind.SESSION) is None
    finally:
        Clock.now_ms = NOW_MS
    assert await accounts.revoke_all("ada") == 0
