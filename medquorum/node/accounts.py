"""Who may use this node: passwords, bearer tokens, sessions, the first operator's token.

Guessing is bounded per account and per client address before any hashing. A session is renewed
while it is used and ends after `SESSION_LONGEST_MS` all the same; a login always makes a new one.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from medquorum.node.account_records import (
    OPERATOR_TOKEN,
    AccessToken,
    AccountStore,
    KeptAnswer,
    MemoryAccountStore,
    TokenKind,
    User,
    UserRole,
)
from medquorum.node.passwords import LoginLimiter, PasswordWorker, login_source, needs_rehash
from medquorum.node.private_files import read_private_file, write_private_file

__all__ = [
    "AccessToken",
    "AccountError",
    "AccountStore",
    "Accounts",
    "Grant",
    "KeptAnswer",
    "MemoryAccountStore",
    "TokenKind",
    "TooManyLogins",
    "User",
    "UserRole",
    "adopt_operator_token",
    "create_operator_token",
]

TOKEN_BYTES: Final = 32
SESSION_MS: Final = 15 * 60_000
"""A page left alone for a quarter of an hour asks for the password again."""
SESSION_LONGEST_MS: Final = 12 * 3_600_000
"""One working day."""
REPLACED: Final = "replaced"
"""The label of a session's token that another has taken the place of."""
REPLACED_MS: Final = 10_000
ENDED: Final = "this session was ended; log in again"
BEARER_DEFAULT_MS: Final = 30 * 86_400_000
BEARER_LONGEST_MS: Final = 400 * 86_400_000
OPERATOR_TOKEN_MS: Final = 400 * 86_400_000
ATTEMPTS_PER_ADDRESS: Final = 30
"""Login attempts a minute from one client address: a ward's staff may share one."""
OPERATOR: Final = "operator"

_USER_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_LABEL = re.compile(r"[A-Za-z0-9 ._-]{0,64}")


class AccountError(ValueError):
    """An account or token that cannot be made; the message says why, never a secret."""


class TooManyLogins(Exception):
    """Too many attempts; `wait_ms` says when the next is taken."""

    def __init__(self, wait_ms: int) -> None:
        super().__init__(f"too many login attempts; try again in {-(-wait_ms // 1000)} s")
        self.wait_ms = wait_ms


@dataclass(frozen=True, slots=True)
class Grant:
    """A new token: the only moment at which its text is known."""

    text: str
    token: AccessToken

    def __repr__(self) -> str:
        return f"Grant(user={self.token.user!r}, role={self.token.role.value})"


def wall_clock_ms() -> int:
    """Milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


def digest_of(text: str) -> bytes:
    """SHA-256 of a token's text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


class Accounts:
    """The users of one node. `now_ms` is a clock, replaceable in tests."""

    def __init__(
        self,
        store: AccountStore,
        passwords: PasswordWorker | None = None,
        *,
        now_ms: Callable[[], int] = wall_clock_ms,
    ) -> None:
        self.store = store
        self.now_ms = now_ms
        self._passwords = passwords or PasswordWorker()
        self._by_account = LoginLimiter()
        self._by_address = LoginLimiter(attempts=ATTEMPTS_PER_ADDRESS)

    async def add_user(
        self, name: str, role: UserRole, *, password: str | None = None, patient: str | None = None
    ) -> User:
        """Add a user; AccountError when the name is taken or malformed.

        A user of role patient names the address of the patient's key. Also PasswordRefused.
        """
        if not _USER_NAME.fullmatch(name):
            raise AccountError("a user name has 1 to 64 of a-z 0-9 . _ - and starts with neither")
        if (role is UserRole.PATIENT) != (patient is not None):
            raise AccountError("name the patient's address exactly for the role patient")
        if await self.store.load_user(name) is not None:
            raise AccountError("this user name is taken; choose another")
        phc = None if password is None else await self._passwords.hash(password)
        user = User(name, role, self.now_ms(), phc, patient)
        await self.store.save_user(user)
        return user

    async def log_in(self, name: str, password: str, *, address: str, kind: TokenKind) -> Grant:
        """Check a password and open a session or grant a bearer token of a session's length.

        Raises TooManyLogins, PasswordsBusy, or AccountError, the same for every wrong login.
        """
        now = self.now_ms()
        wait_ms = self._by_address.attempt(login_source(address), now)
        wait_ms = wait_ms or self._by_account.attempt(name, now)
        if wait_ms:
            raise TooManyLogins(wait_ms)
        user = await self.store.load_user(name)
        phc = user.password_phc if user is not None and user.active else None
        if not await self._passwords.verify(password, phc) or user is None or phc is None:
            raise AccountError("name or password is wrong")
        self._by_account.record_success(name)
        if needs_rehash(phc):
            phc = await self._passwords.hash(password)
            await self.store.save_user(replace(user, password_phc=phc))
        lifetime_ms = SESSION_MS if kind is TokenKind.SESSION else SESSION_LONGEST_MS
        return await self._grant(user, kind, "login", lifetime_ms)

    async def new_token(
        self, name: str, *, label: str = "", lifetime_ms: int = BEARER_DEFAULT_MS
    ) -> Grant:
        """A bearer token for an existing user; AccountError when there is none."""
        user = await self.store.load_user(name)
        if user is None or not user.active:
            raise AccountError("no such user; add it first with: medquorum user add")
        if not _LABEL.fullmatch(label):
            raise AccountError("a label has at most 64 letters, digits, blanks and . _ -")
        if not 0 < lifetime_ms <= BEARER_LONGEST_MS:
            raise AccountError("a token lives for 1 ms to 400 days")
        return await self._grant(user, TokenKind.BEARER, label, lifetime_ms)

    async def _grant(self, user: User, kind: TokenKind, label: str, lifetime_ms: int) -> Grant:
        text = secrets.token_urlsafe(TOKEN_BYTES)
        now = self.now_ms()
        token = AccessToken(
            digest_of(text), user.name, user.role, kind, label, now, now + lifetime_ms
        )
        await self.store.save_token(token)
        return Grant(text, token)

    async def authenticate(self, text: str, kind: TokenKind) -> User | None:
        """The user a token speaks for; None when unknown, expired, of the other kind, disabled."""
        if not 0 < len(text) <= 128:
            return None
        token = await self.store.load_token(digest_of(text))
        now = self.now_ms()
        if token is None or token.kind is not kind or token.expires_at_ms <= now:
            return None
        user = await self.store.load_user(token.user)
        if user is None or not user.active:
            return None
        if kind is TokenKind.SESSION and not await self._prolong(token, now):
            return None
        return replace(user, role=token.role)

    async def _prolong(self, token: AccessToken, now: int) -> bool:
        """Prolong a session past its half, so that most requests write nothing.

        False when it was ended since it was read: writing it back would undo that.
        """
        end = min(now + SESSION_MS, token.created_at_ms + SESSION_LONGEST_MS)
        recent = token.expires_at_ms - now >= SESSION_MS // 2 or end <= token.expires_at_ms
        if token.label == REPLACED or recent:
            return True
        prolonged = await self.store.replace_token(token, replace(token, expires_at_ms=end))
        return prolonged or await self.store.load_token(token.digest) is not None

    async def renew(self, text: str) -> str | None:
        """A new token for a session; its end of day stays. None when it was renewed just now.

        The old one is taken for `REPLACED_MS` more: other requests of the page are under way.
        Raises AccountError when the session was ended meanwhile.
        """
        digest = digest_of(text)
        token = await self.store.load_token(digest)
        if token is None:
            raise AccountError(ENDED)
        if token.label == REPLACED:
            return None
        now = self.now_ms()
        fresh = secrets.token_urlsafe(TOKEN_BYTES)
        end = min(now + SESSION_MS, token.created_at_ms + SESSION_LONGEST_MS)
        following = replace(token, digest=digest_of(fresh), expires_at_ms=end)
        last = min(token.expires_at_ms, now + REPLACED_MS)
        replaced = replace(token, label=REPLACED, expires_at_ms=last)
        if await self.store.replace_token(token, following, replaced):
            return fresh
        if await self.store.load_token(digest) is None:
            raise AccountError(ENDED)
        return None

    async def revoke(self, text: str) -> None:
        """End a session or token."""
        await self.store.delete_token(digest_of(text))

    async def revoke_all(self, name: str) -> int:
        """End every session and token of a user; answers how many."""
        return await self.store.delete_tokens_of(name)

    async def close(self) -> None:
        """End the password thread."""
        await self._passwords.close()


def create_operator_token(path: Path) -> None:
    """Write a new operator's token to a file only its owner can read; never over an old one.

    Raises PrivateFileError when the file exists.
    """
    text = secrets.token_urlsafe(TOKEN_BYTES)
    write_private_file(path, f"{text}\n".encode("ascii"), replace=False)


async def adopt_operator_token(accounts: Accounts, path: Path) -> None:
    """Let the token in this file speak for the user `operator`; at every start of the node.

    Its lifetime counts from the start. Every other token of that user ends, so a leaked one is
    dead after replacing the file and restarting; further operators are users of their own.
    """
    text = read_private_file(path, limit_bytes=128).decode("ascii").strip()
    store, now = accounts.store, accounts.now_ms()
    if len(text) < TOKEN_BYTES:
        raise AccountError(f"{path} holds no token; delete it and run: medquorum init")
    if await store.load_user(OPERATOR) is None:
        await store.save_user(User(OPERATOR, UserRole.OPERATOR, now))
    await store.delete_tokens_of(OPERATOR)
    token = AccessToken(
        digest_of(text),
        OPERATOR,
        UserRole.OPERATOR,
        TokenKind.BEARER,
        OPERATOR_TOKEN,
        now,
        now + OPERATOR_TOKEN_MS,
    )
    await store.save_token(token)
