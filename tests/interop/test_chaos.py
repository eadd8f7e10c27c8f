"""Real nodes under faults (scripts/chaos), its schedule and its relays."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from scripts.chaos_network.schedule import OF_PROCESSES, FaultKind, Members, Way, plan
from scripts.chaos_network.wires import HOST, Relay, Wires

MEMBERS = Members(("A", "B", "C", "D", "E"), ("hospital", "radiologist"))
NOTHING_S = 0.2
"""How long nothing must arrive to believe that a way is cut."""


@pytest.mark.interop
@pytest.mark.timeout(400)
def test_real_nodes_lose_nothing_under_faults(repository: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    options = ["--minutes", "0.25", "--seed", "100", "--json", str(report)]
    command = [sys.executable, "-m", "scripts.chaos_network", *options]
    run = subprocess.run(command, cwd=repository, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    told = json.loads(report.read_text())
    assert (told["held"], told["violations"]) == (True, [])
    assert set(told["faults"]) == {kind.value for kind in FaultKind}
    assert len(told["audits"]) == 7
    assert set(told["audits"].values()) == {"VALID"}
    assert min(told["starts"].values()) >= 2, "a blackout strikes every process"
    assert min(told["submissions"], told["votes"], told["blocks"], told["bodies"]) > 0
    assert told["recovery_s"] is not None


# --- the schedule ---------------------------------------------------------------------------


def test_a_seed_gives_one_schedule() -> None:
    assert plan(7, 600, MEMBERS) == plan(7, 600, MEMBERS)
    assert plan(7, 600, MEMBERS) != plan(8, 600, MEMBERS)


@pytest.mark.parametrize("seed", range(20))
def test_a_schedule_has_every_fault_and_ends_in_time(seed: int) -> None:
    faults = plan(seed, 600, MEMBERS)
    assert {fault.kind for fault in faults} == set(FaultKind)
    assert all(fault.lasts_s > 0 and fault.ends_s <= 600.01 for fault in faults)
    for fault in faults:
        assert bool(fault.ways) is (fault.kind not in OF_PROCESSES)
        assert all((a in fault.struck) is not (b in fault.struck) for a, b in fault.ways)


@pytest.mark.parametrize("seed", range(20))
def test_a_process_suffers_one_thing_at_a_time(seed: int) -> None:
    faults = [fault for fault in plan(seed, 600, MEMBERS) if fault.kind in OF_PROCESSES]
    for name in MEMBERS.names:
        own = [fault for fault in faults if name in fault.struck]
        assert all(one.ends_s < other.at_s for one, other in pairwise(own)), name


# --- the relays -----------------------------------------------------------------------------


@asynccontextmanager
async def echoing(wires: Wires, caller_pid: int) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A relay of B before a server that answers what it is sent: (its port, what arrived)."""
    arrived: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(100):
            arrived.append(piece)
            writer.write(piece)
        writer.close()

    server = await asyncio.start_server(answer, HOST, 0)
    relay = Relay("B", wires, lambda: {"A": caller_pid})
    port = await relay.start()
    relay.target_port = server.sockets[0].getsockname()[1]
    try:
        yield port, arrived
    finally:
        await relay.close()
        server.close()


async def silent(reader: asyncio.StreamReader) -> bool:
    try:
        await asyncio.wait_for(reader.read(100), NOTHING_S)
    except TimeoutError:
        return True
    return False


async def ended(reader: asyncio.StreamReader) -> bool:
    try:
        return await reader.read(100) == b""
    except ConnectionError:
        return True


@pytest.mark.parametrize(("way", "received"), [(("A", "B"), []), (("B", "A"), [b"two"])])
async def test_a_cut_holds_one_direction_until_it_is_mended(
    way: Way, received: list[bytes]
) -> None:
    wires = Wires()
    async with echoing(wires, os.getpid()) as (port, arrived):
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(b"one")
        assert await reader.read(100) == b"one"
        wires.cut([way])
        writer.write(b"two")
        assert await silent(reader)
        assert arrived[1:] == received
        wires.mend([way], breaks=False)
        assert await reader.read(100) == b"two"
        writer.close()


async def test_overlapping_cuts_end_with_the_last() -> None:
    wires, way = Wires(), ("A", "B")
    async with echoing(wires, os.getpid()) as (port, _):
        wires.cut([way])
        wires.cut([way])
        wires.mend([way], breaks=False)
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(b"one")
        assert await silent(reader)
        wires.mend([way], breaks=False)
        assert await reader.read(100) == b"one"
        writer.close()


async def test_a_cut_may_end_in_a_reset() -> None:
    wires = Wires()
    async with echoing(wires, os.getpid()) as (port, _):
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(b"one")
        assert await reader.read(100) == b"one"
        wires.cut([("B", "A")])
        wires.mend([("B", "A")], breaks=True)
        assert await ended(reader)
        writer.close()


async def test_delayed_bytes_arrive_late() -> None:
    wires = Wires()
    loop = asyncio.get_running_loop()
    async with echoing(wires, os.getpid()) as (port, _):
        reader, writer = await asyncio.open_connection(HOST, port)
        wires.slow([("A", "B"), ("B", "A")], 100)
        began_s = loop.time()
        writer.write(b"one")
        assert await reader.read(100) == b"one"
        assert loop.time() - began_s >= 0.2
        writer.close()


async def test_a_caller_that_is_no_member_is_not_let_through() -> None:
    async with echoing(Wires(), os.getppid()) as (port, arrived):
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(b"one")
        assert await ended(reader)
        assert arrived == []
        writer.close()
