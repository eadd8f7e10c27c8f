"""Rows of chain, proposals, votes, bodies and accesses on SQLite: read as they were written."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection, inspect

from medquorum.ledger.types import Outcome
from medquorum.node.store import chain_rows, clinical_rows
from medquorum.node.store.chain_rows import JournalRow
from medquorum.node.store.engine import Store, default_storage_url, open_store
from medquorum.node.store.schema import METADATA
from tests.node.kit import keep_chain
from tests.node.sealed_bodies import sealed_registration
from tests.support.chains import grow
from tests.support.network import digest, make_network, registration, vote

CHAIN = grow()
NETWORK = CHAIN.network
T = TypeVar("T")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = open_store(tmp_path, default_storage_url(tmp_path))
    yield opened
    await opened.close()


async def write(store: Store, unit: Callable[[Connection], T]) -> T:
    return await store.writer.submit(unit)


async def test_the_migrations_make_exactly_the_tables_of_the_schema(store: Store) -> None:
    def shape(connection: Connection) -> dict[str, Any]:
        found = inspect(connection)
        return {
            table: (
                {(c["name"], str(c["type"]), c["nullable"]) for c in found.get_columns(table)},
                set(found.get_pk_constraint(table)["constrained_columns"]),
                {tuple(index["column_names"]) for index in found.get_indexes(table)},
                {tuple(one["column_names"]) for one in found.get_unique_constraints(table)},
            )
            for table in found.get_table_names()
            if table != "alembic_version"
        }

    migrated = await store.read(shape)

    def create(connection: Connection) -> dict[str, Any]:
        for table in METADATA.sorted_tables:
            connection.exec_driver_sql(f'ALTER TABLE "{table.name}" RENAME TO "old_{table.name}"')
        for table in METADATA.sorted_tables:
            for index in table.indexes:
                connection.exec_driver_sql(f'DROP INDEX IF EXISTS "{index.name}"')
        METADATA.create_all(connection)
        return {name: made for name, made in shape(connection).items() if name[:4] != "old_"}

    assert await write(store, create) == migrated


async def test_final_batches_come_back_in_order(store: Store) -> None:
    await write(store, lambda connection: keep_chain(connection, CHAIN))
    finals = await store.read(lambda connection: chain_rows.load_batches(connection, 0, 100))
    assert [(one.batch, one.certificate) for one in finals] == CHAIN.entries
    middle = await store.read(lambda connection: chain_rows.load_batches(connection, 2, 2))
    assert [one.log_index for one in middle] == [2, 3]
    assert await store.read(chain_rows.log_length) == len(CHAIN.entries)


async def test_every_block_is_found_by_height_hash_and_patient(store: Store) -> None:
    await write(store, lambda connection: keep_chain(connection, CHAIN))

    def check(connection: Connection) -> None:
        for log_index, (batch, _) in enumerate(CHAIN.entries):
            for block in batch.blocks:
                n_bc = block.header.n_bc
                assert chain_rows.log_index_of_block(connection, n_bc) == log_index
                assert chain_rows.height_of_hash(connection, block.hash) == n_bc
        assert chain_rows.log_index_of_block(connection, 999) is None
        assert chain_rows.height_of_hash(connection, digest("no block")) is None
        heights = [n_bc for n_bc, _ in chain_rows.heights_after(connection, 2, 3, None)]
        assert heights == [3, 4, 5]
        of_second = [n_bc for n_bc, _ in chain_rows.heights_after(connection, 0, 99, 2)]
        assert of_second == [
            block.header.n_bc
            for block in CHAIN.blocks
            if block.header.n_pb == 2 and block.header.outcome is Outcome.ACCEPTED
        ]

    await store.read(check)


async def test_a_block_is_never_written_twice(store: Store) -> None:
    await write(store, lambda connection: keep_chain(connection, CHAIN))
    with pytest.raises(Exception, match="UNIQUE"):
        await write(store, lambda connection: keep_chain(connection, CHAIN))


async def test_the_journal_keeps_its_order_over_pruning(store: Store) -> None:
    rows = [JournalRow(0, slot, "notarised", bytes([slot])) for slot in (1, 3, 2, 5)]
    await write(store, lambda connection: chain_rows.append_journal(connection, rows))
    await write(store, lambda connection: chain_rows.prune_journal(connection, 0, 3))
    last = [JournalRow(0, 4, "skipped", b"")]
    await write(store, lambda connection: chain_rows.append_journal(connection, last))
    kept = await store.read(partial(chain_rows.load_journal, epoch=0))
    assert kept == [rows[1], rows[3], *last]


async def test_proposals_are_listed_newest_first_and_by_state(store: Store) -> None:
    made = [registration(NETWORK, f"patient {number}") for number in range(3)]
    for number, proposal in enumerate(made):
        keep = partial(clinical_rows.insert_proposals, proposals=[proposal], now_us=number)
        await write(store, keep)
    await write(
        store,
        lambda connection: clinical_rows.settle_proposals(
            connection, [(made[1].id, "stale", "late")]
        ),
    )
    listed = await store.read(lambda one: clinical_rows.load_proposals(one, None, 2))
    assert [row.proposal for row in listed] == [made[2], made[1]]
    still_open = await store.read(lambda one: clinical_rows.load_proposals(one, "open", 9))
    assert [row.proposal for row in still_open] == [made[2], made[0]]
    row = await store.read(lambda one: clinical_rows.load_proposal(one, made[1].id))
    assert row is not None
    assert (row.state, row.reason) == ("stale", "late")


async def test_votes_of_open_proposals_are_remembered(store: Store) -> None:
    decided, waiting = registration(NETWORK), registration(NETWORK, "patient 2")
    cast = [vote(NETWORK, one, doctor) for one in (decided, waiting) for doctor in NETWORK.doctors]

    def keep(connection: Connection) -> None:
        clinical_rows.insert_proposals(connection, [decided, waiting], 1)
        clinical_rows.insert_votes(connection, cast, 1)
        clinical_rows.insert_votes(connection, cast, 2)
        clinical_rows.settle_proposals(connection, [(decided.id, "accepted", None)])

    await write(store, keep)
    remembered = await store.read(clinical_rows.load_open_votes)
    assert {one.ballot.voter for one in remembered} == {one.ballot.voter for one in cast}
    assert {one.ballot.proposal for one in remembered} == {waiting.id}


async def test_the_state_of_a_body_is_its_proposals(store: Store) -> None:
    sealed = sealed_registration(make_network())

    def keep(connection: Connection) -> None:
        clinical_rows.insert_wraps(connection, sealed.wraps)
        clinical_rows.insert_wraps(connection, sealed.wraps)
        clinical_rows.set_body_state(connection, sealed.proposal, "held", None, 1)
        clinical_rows.set_body_state(connection, sealed.proposal, "failed", "wrap", 2)

    await write(store, keep)
    states = await store.read(clinical_rows.load_body_states)
    assert states == {sealed.record: (sealed.proposal.id, "failed")}
    wraps = await store.read(lambda one: clinical_rows.load_wraps(one, sealed.record))
    assert wraps == sorted(sealed.wraps, key=lambda one: one.recipient)
    await write(store, lambda one: clinical_rows.delete_body(one, sealed.record))
    assert await store.read(clinical_rows.load_body_states) == {}
    assert await store.read(lambda one: clinical_rows.load_wraps(one, sealed.record)) == []


async def test_accesses_are_told_newest_first_and_by_patient(store: Store) -> None:
    def access(patient: int | None, part: str) -> dict[str, object]:
        return {
            "at_us": 1,
            "organisation": digest("hospital"),
            "user_name": "doctor",
            "user_role": "doctor",
            "patient": patient,
            "record": digest("record"),
            "part": part,
            "purpose": "treatment",
            "origin": digest("issuer"),
            "granted": True,
        }

    for patient, part in ((1, "V_IND"), (2, "PRESC"), (None, "PAT_NAME"), (1, "IMG_CT")):
        await write(store, partial(clinical_rows.insert_access, access=access(patient, part)))
    every = await store.read(lambda one: clinical_rows.load_accesses(one, None))
    assert [row["part"] for row in every] == ["IMG_CT", "PAT_NAME", "PRESC", "V_IND"]
    first = await store.read(lambda one: clinical_rows.load_accesses(one, 1))
    assert [row["part"] for row in first] == ["IMG_CT", "V_IND"]
