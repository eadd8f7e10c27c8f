"""The learning loop on a live network: consultations, set, gate, charter, next proposal."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from medquorum.ai_entity.learning.lessons import StudyKind
from medquorum.ai_entity.learning.training_set import Split, read_training_set
from medquorum.ledger.types import Role
from medquorum.node.views import BlockView
from scripts.demonstration.cast import Cast
from scripts.demonstration.learning import CONSULTATIONS, Learned, LearningStory
from scripts.demonstration.timeline import Timeline
from scripts.local_network import NETWORK_SOURCE, LocalNetwork, local_network, log_tail

pytestmark = [pytest.mark.interop, pytest.mark.timeout(600)]

ABSENT = ("Laboratory North", "Dr. Diallo")
"""Two members fewer: this story needs neither, and every node is a process."""


@dataclass(frozen=True, slots=True)
class Played:
    """A network after the story."""

    network: LocalNetwork
    folder: Path
    told: Learned
    chain: list[BlockView]


def smaller_source(folder: Path) -> Path:
    """`network.toml` for three doctors; the patient's own doctor decides on forms and films."""
    text = NETWORK_SOURCE.read_text(encoding="utf-8").replace('"byzantine"', '"majority"', 1)
    for kind in ("medical_form", "xray"):
        table = f'[policy.{kind}]\npanel = "all_doctors"'
        assert table in text
        text = text.replace(table, f'[policy.{kind}]\npanel = "care_team"')
    head, *members = re.split(r"(?m)^(?=\[\[member\]\]|\[demo\])", text)
    kept = [one for one in members if not any(f'"{name}"' in one for name in ABSENT)]
    assert len(members) - len(kept) == len(ABSENT)
    path = folder / "network.toml"
    path.write_text(head + "".join(kept), encoding="utf-8")
    return path


async def _play(network: LocalNetwork, folder: Path) -> Played:
    assert network.charter is not None
    cast = Cast(network, network.charter)
    await cast.enter()
    try:
        told = await LearningStory(cast, Timeline(), folder).play()
        chain = [block async for block in cast.of(Role.HOSPITAL).client.all_blocks()]
        return Played(network, folder, told, chain)
    finally:
        await cast.leave()


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """The whole story, played once."""
    folder = tmp_path_factory.mktemp("learning")
    source = smaller_source(folder)
    network = local_network(folder / "homes", source=source, free_ports=True)
    network.prepare(light_keys=True)
    try:
        network.start()
        network.wait_ready()
        yield asyncio.run(_play(network, folder))
    except Exception as error:
        for member in network.members:
            error.add_note(f"{member.name}:\n{log_tail(member)}")
            service = member.home / "ai.log"
            if service.exists():
                error.add_note(f"service:\n{service.read_text()[-3_000:]}")
        raise
    finally:
        network.stop()


def test_thirty_consultations_are_validated_some_by_correction(played: Played) -> None:
    told = played.told.consultations
    assert len(told) == CONSULTATIONS == 30
    corrected = [one for one in told if not one.accepted]
    assert 3 <= len(corrected) <= 27, "some approved, some corrected"
    assert all(one.correction is not None for one in corrected)
    rejected = [block for block in played.chain if block.outcome == "rejected"]
    assert Counter(block.issuer_role for block in rejected) == {"ai_entity": len(corrected)}


def test_the_training_set_is_what_the_doctors_said(played: Played) -> None:
    found = read_training_set(played.folder / "set")
    assert found.digest.hex() == played.told.dataset["digest"]
    truth = {
        one.image.hash: (int(one.film.fractured), not one.accepted)
        for one in played.told.consultations
        if one.image is not None
    }
    labels = {
        one.identity: (one.facts["label"]["fracture"], one.facts["author"] == "human")
        for one in found.samples
    }
    assert labels == truth
    assert found.manifest["excluded"] == {}
    sides = [{one.facts["patient"] for one in found.of(StudyKind.FRACTURE, s)} for s in Split]
    assert not sides[0] & sides[1]
    assert len(sides[0] | sides[1]) == CONSULTATIONS


def test_the_candidate_passed_its_gate_and_says_on_what(played: Played) -> None:
    card = played.told.card
    assert card["gate"]["passed"]
    assert card["gate"]["phantoms"]["cases"] > 0
    assert card["training_set_sha256"] == played.told.dataset["digest"]
    assert card["continues_sha256"] == played.told.old
    listed = json.loads((played.folder / "candidate" / "training.json").read_bytes())
    assert listed["training_set"] == played.told.dataset["digest"]


def test_the_new_model_reports_once_the_charter_approves_it(played: Played) -> None:
    told = played.told
    assert told.old != told.new
    assert (told.before, told.after, told.withdrawn) == (told.old, told.new, told.old)
    asked = {one["digest"] for one in told.promotion["models"]}
    assert {told.old, told.new} <= asked
    assert told.charter_versions == [1, 2]
    amendments = [block for block in played.chain if block.type == "amendment"]
    assert [block.outcome for block in amendments] == ["accepted", "accepted"]


def test_drift_is_told_per_model_from_the_verified_ledger(played: Played) -> None:
    told = played.told
    models = {one["model_digest"]: one["windows"] for one in told.drift["models"]}
    assert sum(one["reports"] for one in models[told.old]) == CONSULTATIONS
    accepted = sum(one.accepted for one in told.consultations)
    assert sum(one["accepted"] for one in models[told.old]) == accepted
    assert (played.folder / "drift.svg").read_text().startswith("<svg")


def test_the_dataset_command_refuses_a_tampered_export(played: Played, tmp_path: Path) -> None:
    content = bytearray((played.folder / "learning.export").read_bytes())
    content[len(content) // 2] ^= 1
    tampered = tmp_path / "tampered.export"
    tampered.write_bytes(bytes(content))
    entity = played.network.of_role(Role.AI_ENTITY)[0]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "medquorum", "ai", "dataset", "--ledger", str(tampered)),
            *("--node", entity.url, "--token-file", str(entity.user_token)),
            *("--charter", str(played.network.charter_path), "--out", str(tmp_path / "set")),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 5
    assert "TAMPERED at height" in done.stderr
    assert not (tmp_path / "set").exists()
