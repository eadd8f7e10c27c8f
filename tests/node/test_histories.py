"""Phases of a consultation from blocks and the bodies this node may read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from medquorum.consensus.effects import Commit
from medquorum.consensus.events import Effect
from medquorum.ledger.consultation import Phase
from medquorum.ledger.types import BlockType, PartName
from medquorum.node.driver import Driver, _Round
from medquorum.node.structured_parts import encode_structured
from tests.ledger.charter_kit import address_of_name
from tests.node.kit import Node, node_of, until
from tests.node.sealed_bodies import Sealed, seal, sealed_proposal, sealed_registration
from tests.support.chains import Chain
from tests.support.network import LABORATORY, RADIOLOGIST, make_network, propose

NETWORK = make_network()
DOCTOR = NETWORK.doctors[0]
ISSUED: dict[str, Any] = {"issued_at_ms": 1, "expires_at_ms": 8_640_000}
REPORT = {"author_kind": "human", "findings": {}, "text": "seen"}


async def perform(driver: Driver, *effects: Effect) -> None:
    """One round of the driver with these effects."""
    written = driver._write(list(effects))
    await driver._conclude(_Round([], [effects], written, driver.replica.state))


class Story:
    """A chain whose bodies are real, and the node that reads it."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.chain = Chain(NETWORK, time_ms=1_000)
        self.bodies: list[Sealed] = []

    async def happens(self, sealed: Sealed) -> None:
        block = self.chain.stage(sealed.proposal)
        batch = self.chain.close()
        own = self.chain.entries[-1][1]
        assert own is not None
        self.node.holders.offers[sealed.proposal.core.issuer] = sealed
        await perform(self.node.driver, Commit(batch, own))
        if self.node.name == DOCTOR:
            await until(lambda: self.node.opened(sealed))
        assert block.header.n_pb == 1

    async def register(self) -> None:
        await self.happens(sealed_registration(NETWORK, **ISSUED))

    async def write(self, kind: BlockType, content: Mapping[str, object], *seen: bytes) -> None:
        part = PartName.PRESC if kind is BlockType.PRESCRIPTION else PartName.M_REPORT
        plain = encode_structured(part, content)
        fields = {**ISSUED, "references": tuple(seen)}
        await self.happens(sealed_proposal(NETWORK, self.chain.view, kind, plain, DOCTOR, **fields))

    async def image(self, kind: BlockType) -> bytes:
        drafted = propose(NETWORK, self.chain.view, kind)
        part = drafted.core.parts[0].name
        await self.happens(seal(NETWORK, drafted, {part: b"pixels"}, RADIOLOGIST, **ISSUED))
        return self.chain.blocks[-1].hash

    async def phase(self) -> Phase | None:
        consultation = await self.node.histories.consultation(1)
        return None if consultation is None else consultation.phase


@pytest.mark.parametrize("name", [DOCTOR, LABORATORY])
async def test_the_tumour_consultation_by_what_a_node_may_read(tmp_path: Path, name: str) -> None:
    """A doctor's node reads prescriptions and reports; a laboratory's says that it cannot."""
    async with node_of(NETWORK, name, tmp_path, run=False) as node:
        story = Story(node)
        phases = []
        await story.register()
        phases.append(await story.phase())
        await story.write(BlockType.PRESCRIPTION, {"kind": "ct", "lines": []})
        phases.append(await story.phase())
        ct = await story.image(BlockType.CT)
        phases.append(await story.phase())
        await story.write(
            BlockType.REPORT, REPORT | {"conclusion": "inconclusive", "next_step": "pet"}, ct
        )
        phases.append(await story.phase())
        await story.write(BlockType.PRESCRIPTION, {"kind": "pet", "lines": []})
        pet = await story.image(BlockType.PET)
        await story.write(
            BlockType.REPORT, REPORT | {"conclusion": "tumour", "next_step": "treatment"}, ct, pet
        )
        await story.write(BlockType.PRESCRIPTION, {"kind": "treatment", "lines": []})
        phases.append(await story.phase())
        if name == DOCTOR:
            expected = [
                Phase.FORM,
                Phase.CT_PRESCRIBED,
                Phase.CT,
                Phase.CT_ASSESSED,
                Phase.TREATMENT,
            ]
        else:
            expected = [Phase.FORM, None, None, None, None]
        assert phases == expected


async def test_a_body_that_comes_later_changes_the_phase(tmp_path: Path) -> None:
    async with node_of(NETWORK, DOCTOR, tmp_path, run=False) as node:
        story = Story(node)
        await story.register()
        sealed = sealed_proposal(
            NETWORK,
            story.chain.view,
            BlockType.PRESCRIPTION,
            encode_structured(PartName.PRESC, {"kind": "ct", "lines": []}),
            DOCTOR,
            **ISSUED,
        )
        story.chain.stage(sealed.proposal)
        batch, own = story.chain.close(), story.chain.entries[-1][1]
        assert own is not None
        await perform(node.driver, Commit(batch, own))
        assert await story.phase() is None
        node.holders.offers[address_of_name(DOCTOR)] = sealed
        node.bodies.peer_linked()
        await until(lambda: node.opened(sealed))
        assert await story.phase() is Phase.CT_PRESCRIBED


async def test_a_part_that_is_not_what_it_should_be_is_passed_over(tmp_path: Path) -> None:
    async with node_of(NETWORK, DOCTOR, tmp_path, run=False) as node:
        story = Story(node)
        await story.register()
        junk = sealed_proposal(
            NETWORK, story.chain.view, BlockType.PRESCRIPTION, b"junk", DOCTOR, **ISSUED
        )
        await story.happens(junk)
        assert await story.phase() is Phase.FORM
