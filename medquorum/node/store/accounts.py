"""Users, tokens and kept answers in the node's own store."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

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


class StoredAccounts:
    """An AccountStore on the node's store: everything saved is durable when it returns."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def save_user(self, user: User) -> None:
        """Insert, or replace the user of this name."""
        await self._replace(USERS, {"name": user.name}, asdict(user))

    async def load_user(self, name: str) -> User | None:
        """The user of this name."""
        row = await self._row(USERS, {"name": name})
        return None if row is None else _user(row)

    async def users(self) -> tuple[User, ...]:
        """All users, ascending by name."""
        query = select(USERS).order_by(USERS.c.name)
        return await self._store.read(
            lambda connection: tuple(_user(row) for row in connection.execute(query))
        )

    async def save_token(self, token: AccessToken) -> None:
        """Insert, or replace the token of this digest."""
        await self._replace(TOKENS, {"digest": token.digest}, asdict(token))

    async def load_token(self, digest: bytes) -> AccessToken | None:
        """The token of this SHA-256, expired or not."""
        row = await self._row(TOKENS, {"digest": digest})
        if row is None:
            return None
        fields = dict(row._mapping)
        return AccessToken(
            **fields | {"role": UserRole(fields["role"]), "kind": TokenKind(fields["kind"])}
        )

    async def delete_token(self, digest: bytes) -> None:
        """Forget one token."""
        await self._store.writer.submit(
            lambda connection: connection.execute(delete(TOKENS).where(TOKENS.c.digest == digest))
        )

    async def delete_tokens_of(self, user: str) -> int:
        """Forget a user's tokens and sessions; answers how many."""
        command = delete(TOKENS).where(TOKENS.c.user == user)
        return await self._store.writer.submit(
            lambda connection: connection.execute(command).rowcount
        )

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

        return await self._store.writer.submit(sweep)

    async def _replace(self, table: Table, key: dict[str, Any], row: dict[str, Any]) -> None:
        def write(connection: Connection) -> None:
            connection.execute(delete(table).filter_by(**key))
            connection.execute(insert(table).values(**row))

        await self._store.writer.submit(write)

    async def _row(self, table: Table, key: dict[str, Any]) -> Row[Any] | None:
        query = select(table).filter_by(**key)
        return await self._store.read(lambda connection: connection.execute(query).one_or_none())


def _user(row: Row[Any]) -> User:
    fields = dict(row._mapping)
    return User(**fields | {"role": UserRole(fields["role"])})
