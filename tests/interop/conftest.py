"""One real network for all tests of this folder, and the ends of its logs when one fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from medquorum.ai_entity.package_images import tiny_ct_series
from medquorum.node.clinical import hand_of
from medquorum.node.image_archive import pack_images
from medquorum.node.keystore import open_keystore
from scripts.local_network import LocalNetwork, local_network, log_tail
from tests.interop.people import People

_RUNNING = pytest.StashKey[LocalNetwork]()


@pytest.fixture(scope="session")
def people_at_work(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[People]:
    """Eight processes with users and keys; none of them outlives the session."""
    folder = tmp_path_factory.mktemp("network")
    network = local_network(folder / "homes", free_ports=True)
    charter = network.prepare(light_keys=True)
    ct = folder / "ct.tar"
    pack_images(tiny_ct_series(), ct)
    hands = {
        doctor.name: hand_of(
            open_keystore(doctor.keys.clinical_keystore, doctor.keys.clinical.read())
        )
        for doctor in network.doctors
    }
    pytestconfig.stash[_RUNNING] = network
    try:
        network.start()
        network.wait_ready()
        asyncio.run(_add_users(network))
        yield People(network, charter, hands, ct)
    finally:
        network.stop()
        del pytestconfig.stash[_RUNNING]
    assert all(
        member.process is not None and member.process.poll() is not None
        for member in network.members
    )


async def _add_users(network: LocalNetwork) -> None:
    for member in network.members:
        await member.add_user()


@pytest.fixture
async def people(people_at_work: People) -> AsyncIterator[People]:
    """The same network with clients of this test's own loop, every node running and linked."""
    async with AsyncExitStack() as stack:
        await people_at_work.enter(stack)
        for member in people_at_work.network.members:
            await people_at_work.ready(member)
        yield people_at_work


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Show what the nodes logged last beside a failure."""
    report = yield
    network = item.config.stash.get(_RUNNING, None)
    if report.failed and network is not None:
        for member in network.members:
            report.sections.append((f"{member.name}'s log", log_tail(member)))
    return report


@pytest.fixture(scope="session")
def audit(repository: Path) -> Path:
    """The independent verifier."""
    return repository / "scripts" / "audit"
