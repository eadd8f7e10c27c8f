"""Users, access tokens and kept answers, and what their store must do.

A token is 32 random bytes known to its holder only; the store sees its SHA-256. A patient's user
names the address of the patient's key, never a number or a name, so that it can be made before
the patient is registered.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, Protocol

OPERATOR_TOKEN: Final = "operator.token"  # noqa: S105  (a file's name)
"""The file in a node's home with the first operator's token."""


class UserRole(StrEnum):
    """What a user of this node is; what each may do stands in `api/permissions.py`."""

    OPERATOR = "operator"
    DOCTOR = "doctor"
    RADIOLOGIST = "radiologist"
    LABORATORY = "laboratory"
    CLERK = "clerk"
    PATIENT = "patient"
    AUDITOR = "auditor"
    AI_ENTITY = "ai_entity"


class TokenKind(StrEnum):
    """How a token travels."""

    BEARER = "bearer"
    """In the Authorization header: programs."""
    SESSION = "session"
    """In the `__Host-` cookie: the page."""


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may log in to this node."""

    name: str
    role: UserRole
    created_at_ms: int
    password_phc: str | None = field(default=None, repr=False)
    """Argon2id in PHC form; None: tokens only."""
    patient: str | None = None
    """bech32m address of the patient's key; role patient only."""
    active: bool = True


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token as the store knows it; user and role are those at its making."""

    digest: bytes = field(repr=False)
    """SHA-256 of the token."""
    user: str
    role: UserRole
    kind: TokenKind
    label: str
    created_at_ms: int
    expires_at_ms: int


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """The answer to a write with an idempotency key, given again to the same request."""

    user: str
    key: str
    request: bytes
    """SHA-256 over operation and content; another content under this key is refused."""
    status: int
    body: bytes = field(repr=False)
    expires_at_ms: int


class AccountStore(Protocol):
    """Durable accounts: every `save_…` and `delete_…` is durable when it returns."""

    async def save_user(self, user: User) -> None:
        """Insert, or replace the user of this name."""

    async def load_user(self, name: str) -> User | None:
        """The user of this name."""

    async def users(self) -> tuple[User, ...]:
        """All users, ascending by name."""

    async def save_token(self, token: AccessToken) -> None:
        """Insert, or replace the token of this digest."""

    async def load_token(self, digest: bytes) -> AccessToken | None:
        """The token of this SHA-256, expired or not."""

    async def replace_token(self, old: AccessToken, *new: AccessToken) -> bool:
        """Put tokens in the place of one, in one step; False, and nothing, if it was ended.

        A token that got another label since it was read counts as ended: it was replaced.
        """

    async def delete_token(self, digest: bytes) -> None:
        """Forget one token; nothing happens when there is none."""

    async def delete_tokens_of(self, user: str) -> int:
        """Forget a user's tokens and sessions; answers how many."""

    async def save_answer(self, answer: KeptAnswer) -> None:
        """Keep an answer under (user, key), replacing an expired one."""

    async def load_answer(self, user: str, key: str) -> KeptAnswer | None:
        """The answer kept under (user, key), expired or not."""

    async def delete_expired(self, now_ms: int) -> int:
        """Forget tokens and answers that expired before `now_ms`; answers how many."""


class MemoryAccountStore:
    """An AccountStore that lives as long as the process: tests, and nodes for trying out."""

    def __init__(self) -> None:
        self._users: dict[str, User] = {}
        self._tokens: dict[bytes, AccessToken] = {}
        self._answers: dict[tuple[str, str], KeptAnswer] = {}

    async def save_user(self, user: User) -> None:
        """Insert or replace."""
        self._users[user.name] = replace(user)

    async def load_user(self, name: str) -> User | None:
        """The user of this name."""
        return self._users.get(name)

    async def users(self) -> tuple[User, ...]:
        """All users, ascending by name."""
        return tuple(self._users[name] for name in sorted(self._users))

    async def save_token(self, token: AccessToken) -> None:
        """Insert or replace."""
        self._tokens[token.digest] = token

    async def load_token(self, digest: bytes) -> AccessToken | None:
        """The token of this SHA-256."""
        return self._tokens.get(digest)

    async def replace_token(self, old: AccessToken, *new: AccessToken) -> bool:
        """Put tokens in the place of one that is still there."""
        held = self._tokens.get(old.digest)
        if held is None or held.label != old.label:
            return False
        del self._tokens[old.digest]
        self._tokens.update({token.digest: token for token in new})
        return True

    async def delete_token(self, digest: bytes) -> None:
        """Forget one token."""
        self._tokens.pop(digest, None)

    async def delete_tokens_of(self, user: str) -> int:
        """Forget a user's tokens."""
        digests = [token.digest for token in self._tokens.values() if token.user == user]
        for digest in digests:
            del self._tokens[digest]
        return len(digests)

    async def save_answer(self, answer: KeptAnswer) -> None:
        """Keep an answer."""
        self._answers[answer.user, answer.key] = answer

    async def load_answer(self, user: str, key: str) -> KeptAnswer | None:
        """The answer kept under (user, key)."""
        return self._answers.get((user, key))

    async def delete_expired(self, now_ms: int) -> int:
        """Forget what expired."""
        tokens = [digest for digest, token in self._tokens.items() if token.expires_at_ms < now_ms]
        answers = [key for key, kept in self._answers.items() if kept.expires_at_ms < now_ms]
        for digest in tokens:
            del self._tokens[digest]
        for key in answers:
            del self._answers[key]
        return len(tokens) + len(answers)
