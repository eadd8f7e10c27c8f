"""What was proposed of a study is known in another upload, also after the node was started anew."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medquorum.node.desk import DeskError
from medquorum.node.passwords import PasswordWorker
from medquorum.node.store.engine import default_storage_url, open_store
from medquorum.node.store.series_rows import StoredSeries
from medquorum.node.uploads.memory import LOOKED_AT, SeriesProposal, begin, settle
from tests.node.api.conftest import House, serve_house
from tests.node.intake.kit import encoded
from tests.node.kit import Node, node_of
from tests.node.record_desk import KitDesk
from tests.node.uploads.looking_here import looking_here
from tests.node.uploads.test_uploads import RAMP, WHO, send
from tests.node.viewing.conftest import passwords
from tests.node.viewing.kit import ImageDesk, picture, slice_of
from tests.support.chains import grow
from tests.support.network import RADIOLOGIST

__all__ = ["looking_here", "passwords"]
pytestmark = pytest.mark.usefixtures("looking_here")

CHAIN = grow()
FIRST, SECOND = "1a" * 16, "2b" * 16


@asynccontextmanager
async def node(folder: Path, passwords: PasswordWorker, desk: ImageDesk) -> AsyncIterator[House]:
    """A node of this folder, from its start to its end; the desk stands for the ledger."""
    store = open_store(folder, default_storage_url(folder))
    try:
        memory = StoredSeries(store)
        async with serve_house(folder, passwords, desk, series=memory) as house:
            yield house
    finally:
        await store.close()


async def a_ct(house: House, batch: str, *numbers: int) -> None:
    for number in numbers:
        await send(house, f"{number}.dcm", encoded(slice_of("CT", number, RAMP + number)), batch)


async def look(house: House, batch: str) -> Any:
    status, body, _ = await house.ask("POST", f"/v1/upload-batches/{batch}/inspection", WHO)
    assert (status, b"origin" in body) == (200, False), body
    return json.loads(body)["series"][0]["proposed"]


async def propose(house: House, batch: str, **wish: Any) -> tuple[int, dict[str, Any]]:
    path = f"/v1/upload-batches/{batch}/submission"
    asked = {"patient": 1, "series": 0, **wish}
    status, body, _ = await house.ask("POST", path, WHO, json=asked)
    return status, json.loads(body)


async def test_a_restart_forgets_no_study(tmp_path: Path, passwords: PasswordWorker) -> None:
    desk = ImageDesk()
    async with node(tmp_path, passwords, desk) as before:
        await a_ct(before, FIRST, 1, 2, 3)
        status, first = await propose(before, FIRST)
        assert status == 201, first
    desk.states[first["proposal"]] = "accepted"
    async with node(tmp_path, passwords, desk) as after:
        await a_ct(after, SECOND, 2, 3, 1)
        assert await look(after, SECOND) == {
            "proposal": first["proposal"],
            "patient": 1,
            "state": "accepted",
            "n_bc": 7,
            "earlier": True,
        }
        for patient in (1, 2):
            status, told = await propose(after, SECOND, patient=patient)
            assert (status, told["rule"]) == (409, "already_proposed")
            assert "patient 1: block 7, accepted" in told["detail"]
        assert len(desk.submitted) == 1
        assert not list((after.spool / "uploads").rglob("part"))
    uid = str(slice_of("CT", 1, RAMP).SeriesInstanceUID).encode()
    assert all(uid not in path.read_bytes() for path in tmp_path.glob("ledger.sqlite*"))


async def test_what_waits_for_the_doctors_is_named_by_its_proposal(
    tmp_path: Path, passwords: PasswordWorker
) -> None:
    film = picture((RAMP % 256).astype(np.uint8))
    async with node(tmp_path, passwords, ImageDesk()) as house:
        await send(house, "film.png", film, FIRST)
        _, first = await propose(house, FIRST)
        await send(house, "the same by another name.png", film, SECOND)
        status, told = await propose(house, SECOND)
        assert (status, told["rule"]) == (409, "already_proposed")
        assert f"proposal {first['proposal'][:12]}, waiting for the doctors" in told["detail"]


async def test_a_second_proposal_that_is_meant_is_made_once(
    tmp_path: Path, passwords: PasswordWorker
) -> None:
    desk = ImageDesk()
    async with node(tmp_path, passwords, desk) as house:
        await a_ct(house, FIRST, 1, 2)
        _, first = await propose(house, FIRST)
        await a_ct(house, SECOND, 1, 2)
        status, second = await propose(house, SECOND, again=True)
        assert (status, len(desk.submitted)) == (201, 2), second
        assert desk.submitted[0].record != desk.submitted[1].record
        assert await propose(house, SECOND, again=True) == (201, second)
        assert (await look(house, SECOND))["proposal"] == second["proposal"]
        assert len(desk.submitted) == 2
        assert second["proposal"] != first["proposal"]


async def test_what_the_doctors_rejected_may_be_proposed_from_a_new_upload(
    tmp_path: Path, passwords: PasswordWorker
) -> None:
    desk = ImageDesk()
    async with node(tmp_path, passwords, desk) as house:
        await a_ct(house, FIRST, 1)
        _, first = await propose(house, FIRST)
        desk.states[first["proposal"]] = "rejected"
    async with node(tmp_path, passwords, desk) as house:
        await a_ct(house, SECOND, 1)
        assert (await look(house, SECOND))["state"] == "rejected"
        assert (await propose(house, SECOND))[0] == 201


async def test_a_refusal_leaves_nothing_behind_and_hides_no_proposal_that_stands(
    tmp_path: Path, passwords: PasswordWorker
) -> None:
    """Else wishes for patients who do not exist would push the standing proposal out of sight."""
    desk = ImageDesk()
    async with node(tmp_path, passwords, desk) as house:
        await a_ct(house, FIRST, 1)
        _, first = await propose(house, FIRST)
        await a_ct(house, SECOND, 1)
        desk.refusal = DeskError(404, "unknown_patient", "no such patient here")
        for stranger in range(LOOKED_AT):
            told = await propose(house, SECOND, patient=1_000 + stranger, again=True)
            assert told[0] == 404, told
        desk.refusal = None
        status, refused = await propose(house, SECOND, patient=2)
        assert (status, first["proposal"][:12] in refused["detail"]) == (409, True), refused


async def test_two_uploads_of_one_study_at_once_make_one_proposal(
    tmp_path: Path, passwords: PasswordWorker
) -> None:
    desk = ImageDesk()
    async with node(tmp_path, passwords, desk) as house:
        for batch in (FIRST, SECOND):
            await a_ct(house, batch, 1)
            await look(house, batch)
        answers = await asyncio.gather(propose(house, FIRST), propose(house, SECOND))
        assert sorted(status for status, _ in answers) == [201, 409]
        assert len(desk.submitted) == 1


async def test_the_stored_memory_tells_the_newest_first_and_no_more_than_it_should(
    tmp_path: Path,
) -> None:
    store = open_store(tmp_path, default_storage_url(tmp_path))
    memory = StoredSeries(store)
    made: list[SeriesProposal] = []
    for patient in range(LOOKED_AT + 2):
        begun = await begin(memory, b"o" * 32, patient)
        assert await begin(memory, b"o" * 32, patient) == begun
        await settle(memory, begun, f"{patient:064x}")
        made.append(begun)
    told = await memory.made_of(b"o" * 32)
    assert [one.patient for one in told] == list(range(LOOKED_AT + 1, 1, -1))
    assert told[0].proposal == f"{LOOKED_AT + 1:064x}"
    assert await memory.made_of(b"p" * 32) == ()
    await store.close()


async def test_a_real_node_that_was_killed_gives_the_first_proposal_again(
    tmp_path: Path, passwords: PasswordWorker
) -> None:
    class Killed(StoredSeries):
        """Of a node that dies as soon as the proposal is durable."""

        async def keep(self, made: SeriesProposal) -> None:
            if made.proposal is not None:
                raise DeskError(503, "storage", "killed here")
            await super().keep(made)

    home, network = tmp_path / "home", CHAIN.network

    async def proposed(real: Node, series: StoredSeries, batch: str) -> tuple[int, dict[str, Any]]:
        desk: Any = KitDesk(real)
        async with serve_house(tmp_path, passwords, desk, series=series) as house:
            await a_ct(house, batch, 1)
            return await propose(house, batch)

    async with node_of(network, RADIOLOGIST, home, CHAIN) as real:
        assert (await proposed(real, Killed(real.store), FIRST))[0] == 503
        assert await real.rows("proposals") == 1
    async with node_of(network, RADIOLOGIST, home) as real:
        series = StoredSeries(real.store)
        status, told = await proposed(real, series, SECOND)
        assert (status, await real.rows("proposals")) == (201, 1), told
        status, refused = await proposed(real, series, FIRST)
        assert (status, refused["rule"]) == (409, "already_proposed")
        assert told["proposal"][:12] in refused["detail"]
