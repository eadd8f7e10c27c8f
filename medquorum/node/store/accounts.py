"""Users, tokens and kept answers in the node's own store."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Row, Table, delete, insert, select

from medquorum.node.account_records import (
    AccessToken,
    KeptAnswer,
    TokenKind,
    User,
    UserRole,
)
from medquorum.node.store.engine import Store
from medquorum.node.store.schema import ANSWERS, TOKENS, USERS

REMEMBERED: Final = 1_024
"""Users and tokens kept in memory: a working day's callers of one node."""
Remembered = TypeVar("Remembered", User, AccessToken)


class StoredAccounts:
    """An AccountStore on the node's store: everything saved is durable when it returns.

    Users and tokens that were looked up are remembered, because every request asks for them; the
    node's folder has one process, so whatever changes them passes here and makes them forgotten.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str | bytes, User | AccessToken] = {}
        self._changes = 0

    async def save_user(self, user: User) -> None:
        """Insert, or replace the user of this name."""
        self._forget()
        await self._replace(USERS, {"name": user.name}, asdict(user))
        self._forget()

    async def load_user(self, name: str) -> User | None:
        """The user of this name."""
        known = self._known.get(name)
        if isinstance(known, User):
            return known
        changes = self._changes
        row = await self._row(USERS, {"name": name})
        return None if row is None else self._remember(name, _user(row), changes)

    async def users(self) -> tuple[User, ...]:
        """All users, ascending by name."""
        query = select(USERS).order_by(USERS.c.name)
        return await self._store.read(
            lambda connection: tuple(_user(row) for row in connection.execute(query))
        )

    async def save_token(self, token: AccessToken) -> None:
        """Insert, or replace the token of this digest."""
        self._forget()
        await self._replace(TOKENS, {"digest": token.digest}, asdict(token))
        self._forget()

    async def load_token(self, digest: bytes) -> AccessToken | None:
        """The token of this SHA-256, expired or not."""
        known = self._known.get(digest)
        if isinstance(known, AccessToken):
            return known
        changes = self._changes
        row = await self._row(TOKENS, {"digest": digest})
        return None if row is None else self._remember(digest, _token(row), changes)

    async def replace_token(self, old: AccessToken, *new: AccessToken) -> bool:
        """Put tokens in the place of one, in one transaction; False if it was ended."""
        ended = delete(TOKENS).where(TOKENS.c.digest == old.digest, TOKENS.c.label == old.label)

        def write(connection: Connection) -> bool:
            if connection.execute(ended).rowcount != 1:
                return False
            for token in new:
                connection.execute(insert(TOKENS).values(**asdict(token)))
            return True

        self._forget()
        replaced = await self._store.writer.submit(write)
        self._forget()
        return replaced

    async def delete_token(self, digest: bytes) -> None:
        """Forget one token."""
        self._forget()
        await self._store.writer.submit(
            lambda connection: connection.execute(delete(TOKENS).where(TOKENS.c.digest == digest))
        )
        self._forget()

    async def delete_tokens_of(self, user: str) -> int:
        """Forget a user's tokens and sessions; answers how many."""
        command = delete(TOKENS).where(TOKENS.c.user == user)
        self._forget()
        ended = await self._store.writer.submit(
            lambda connection: connection.execute(command).rowcount
        )
        self._forget()
        return ended

    async def save_answer(self, answer: KeptAnswer) -> None:
        """Keep an answer under (user, key)."""
        key = {"user": answer.user, "key": answer.key}
        await self._replace(ANSWERS, key, asdict(answer))

    async def load_answer(self, user: str, key: str) -> KeptAnswer | None:
        """The answer kept under (user, key), expired or not."""
        row = await self._row(ANSWERS, {"user": user, "key": key})
        return None if row is None else KeptAnswer(**row._mapping)

    async def delete_expired(self, now_ms: int) -> int:
        """Forget tokens and answers that expired; answers how many."""

        def sweep(connection: Connection) -> int:
            return sum(
                connection.execute(delete(table).where(table.c.expires_at_ms < now_ms)).rowcount
                for table in (TOKENS, ANSWERS)
            )

        self._forget()
        return await self._store.writer.submit(sweep)

    def _forget(self) -> None:
        self._changes += 1
        self._known.clear()

    def _remember(self, key: str | bytes, value: Remembered, changes: int) -> Remembered:
        """Keep what was read, unless something changed while it was read."""
        if changes == self._changes:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[key] = value
        return value

    async def _replace(self, table: Table, key: dict[str, Any], row: dict[str, Any]) -> None:
        def write(connection: Connection) -> None:
            connection.execute(delete(table).filter_by(**key))
            connection.execute(insert(table).values(**row))

        await self._store.writer.submit(write)

    async def _row(self, table: Table, key: dict[str, Any]) -> Row[Any] | None:
        query = select(table).filter_by(**key)
        return await self._store.read(lambda connection: connection.execute(query).one_or_none())


def _token(row: Row[Any]) -> AccessToken:
    fields = dict(row._mapping)
    return AccessToken(
        **fields | {"role": UserRole(fields["role"]), "kind": TokenKind(fields["kind"])}
    )


def _user(row: Row[Any]) -> User:
    fields = dict(row._mapping)
    return User(**fields | {"role": UserRole(fields["role"])})
