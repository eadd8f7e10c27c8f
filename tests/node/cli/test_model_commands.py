"""Models from the command line: approved, withdrawn, asked for, shown (R-AI1 to R-AI3)."""

import hashlib
import json
from pathlib import Path

import pytest

from medquorum.ledger.ceremony import CharterFile, parse_request
from medquorum.ledger.change import ApproveModel, WithdrawModel
from medquorum.ledger.governance import Amendment
from medquorum.ledger.keys import Purpose
from medquorum.ledger.limits import MODELS
from medquorum.ledger.provenance import FindingKind
from medquorum.ledger.types import Role
from medquorum.node.cli.outcome import Exit
from medquorum.node.keystore import write_keystore
from medquorum.node.private_files import write_private_file
from tests.ledger.charter_kit import address_of_name, private_key
from tests.ledger.governance_kit import member_of
from tests.ledger.model_kit import AI_ENTITY, bound_charter, model, models
from tests.node.api.conftest import House
from tests.node.cli.conftest import Command
from tests.node.cli.governance_kit import CHEAP, NODE_KEYS, act, doctors_home, keys

__all__ = ["doctors_home"]

AI = address_of_name(AI_ENTITY)
NEW = model("new", FindingKind.FRACTURE)


def form(of: object) -> dict[str, str]:
    """A model as files say it."""
    assert isinstance(of, type(NEW))
    digests = ("digest", "card_digest", "training_digest")
    return {"kind": of.kind.value, **{name: getattr(of, name).hex() for name in digests}}


async def test_a_model_is_named_by_digests_or_files(
    house: House, command: Command, home: Path, tmp_path: Path
) -> None:
    """R-AI1, R-AI3: the digest of a file is SHA-256 of its bytes; two models, one amendment."""
    network = tmp_path / "network.onnx"
    network.write_bytes(b"a network")
    digests = ("--card", NEW.card_digest.hex(), "--training", NEW.training_digest.hex())
    done = await command(
        *("charter", "amend", "approve-model", AI_ENTITY, "--kind", "fracture"),
        *("--model", NEW.digest.hex().upper(), *digests),
        *("approve-model", "Aurora", "--kind", "tumour", "--model", str(network), *digests),
        *keys(home),
    )
    assert done.exit_code == 0, done.output
    made = act(house)
    assert isinstance(made, Amendment)
    first, second = made.changes
    assert first == ApproveModel(AI, NEW)
    assert isinstance(second, ApproveModel)
    assert second.model.digest == hashlib.sha256(b"a network").digest()
    assert second.model.kind is FindingKind.TUMOUR
    words = " ".join(done.stdout.split())
    assert f"lets {AI_ENTITY} report on fracture with model {NEW.digest.hex()}" in words
    assert "3 of 4 active doctors' approvals" in words


FILE = """
[[change]]
kind = "approve_model"
member = "AI entity Aurora"
model = {{ kind = "fracture", digest = "{0}", card_digest = "{1}", training_digest = "{2}" }}

[[change]]
kind = "approve_model"
member = "Aurora"
model = {{ kind = "tumour", digest = "{3}", card_digest = "{1}", training_digest = "{2}" }}

[[change]]
kind = "withdraw_model"
member = "Aurora"
digest = "{3}"
"""


async def test_models_can_be_written_down(
    house: House, command: Command, home: Path, tmp_path: Path
) -> None:
    """R-AI3: in the form the API takes."""
    file = tmp_path / "changes.toml"
    other = model("other")
    digests = (NEW.digest, NEW.card_digest, NEW.training_digest, other.digest)
    file.write_text(FILE.format(*(digest.hex() for digest in digests)))
    done = await command("charter", "amend", "--file", str(file), *keys(home))
    assert done.exit_code == 0, done.output
    made = act(house)
    assert isinstance(made, Amendment)
    assert made.changes[0] == ApproveModel(AI, NEW)
    assert made.changes[2] == WithdrawModel(AI, other.digest)


@pytest.mark.parametrize(
    ("words", "says", "status"),
    [
        (("Aurora", "--kind", "ct"), "Invalid value for '--kind'", Exit.USAGE),
        (("Nobody", "--kind", "tumour"), "nobody in the charter", Exit.NOT_FOUND),
        (("Hospital", "--kind", "tumour"), "R-AI2: Hospital St. Mary is no AI entity", Exit.FAILED),
    ],
)
async def test_whose_model_and_for_what_is_checked(
    house: House, command: Command, home: Path, words: tuple[str, ...], says: str, status: Exit
) -> None:
    """R-AI2: before anything is signed."""
    digests = ("--model", "11" * 32, "--card", "22" * 32, "--training", "33" * 32)
    refused = await command("charter", "amend", "approve-model", *words, *digests, *keys(home))
    assert refused.exit_code == status, refused.output
    assert says in " ".join(refused.stderr.split())
    assert house.desk.governance.carried == []


async def test_what_is_neither_digest_nor_file_is_said(
    house: House, command: Command, home: Path
) -> None:
    """R-AI1: nothing is guessed."""
    words = ("charter", "amend", "withdraw-model", "Aurora", "--model", "11" * 31)
    refused = await command(*words, *keys(home))
    assert refused.exit_code == Exit.USAGE
    assert "neither 64 hexadecimal digits nor a file" in refused.stderr
    last = await command(*words[:-1], "11" * 32, *keys(home))
    assert "R-AI3: AI entity Aurora has no such model" in last.stderr
    assert house.desk.governance.carried == []


@pytest.fixture
def machine(home: Path, tmp_path: Path) -> Path:
    """An AI entity's home; `home` has made its key derivation cheap."""
    folder = tmp_path / "machine"
    folder.mkdir()
    purposes = (Purpose.CLINICAL, *NODE_KEYS)
    write_keystore(
        folder / "node-keystore.json",
        {purpose.value: private_key(AI_ENTITY, purpose) for purpose in purposes},
        "a machine's passphrase",
        address_of=lambda _: AI,
        cost=CHEAP,
    )
    write_private_file(folder / "passphrase", b"a machine's passphrase", replace=False)
    return folder


def request_words(machine: Path, listed: Path, role: Role = Role.AI_ENTITY) -> tuple[str, ...]:
    return (
        *("charter", "request", "--home", str(machine), "--name", AI_ENTITY),
        *("--role", role.value, "--endpoint", "127.0.0.1:7600", "--models", str(listed)),
        *("--passphrase-file", str(machine / "passphrase")),
        *("--out", str(machine / "aurora.request")),
    )


async def test_a_request_asks_for_models(command: Command, machine: Path, tmp_path: Path) -> None:
    """R-AI2: in their order, whatever the file's."""
    listed = tmp_path / "models.json"
    listed.write_text(json.dumps({"models": [form(one) for one in reversed(models(3))]}))
    done = await command(*request_words(machine, listed))
    assert done.exit_code == 0, done.output
    assert parse_request((machine / "aurora.request").read_bytes()).models == models(3)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("nonsense", 'give {"models": [...]}'),
        ('{"models": {}}', 'give {"models": [...]}'),
        ('{"models": [], "x": 1}', 'give {"models": [...]}'),
        (json.dumps({"models": [form(NEW)] * (MODELS + 1)}), "at most 16"),
        ('{"models": [1]}', "a model has kind"),
        (json.dumps({"models": [{**form(NEW), "digest": "11"}]}), "a model has kind"),
        (json.dumps({"models": [form(NEW)] * 2}), "each once"),
    ],
)
async def test_a_list_of_models_is_refused_with_its_fault(
    command: Command, machine: Path, tmp_path: Path, content: str, says: str
) -> None:
    """R-AI1, R-AI2: and no request is written."""
    listed = tmp_path / "models.json"
    listed.write_text(content)
    refused = await command(*request_words(machine, listed))
    assert refused.exit_code != 0
    assert says in " ".join(refused.stderr.split())
    assert not (machine / "aurora.request").exists()


async def test_only_an_ai_entity_asks_for_models(
    command: Command, machine: Path, tmp_path: Path
) -> None:
    """R-AI2."""
    listed = tmp_path / "models.json"
    listed.write_text(json.dumps({"models": [form(NEW)]}))
    refused = await command(*request_words(machine, listed, Role.HOSPITAL))
    assert "is no AI entity" in refused.stderr


async def test_a_charter_file_shows_its_models(command: Command, tmp_path: Path) -> None:
    """R-AI2: what a founder reads before signing."""
    charter = bound_charter(NEW)
    path = tmp_path / "bound.bin"
    path.write_bytes(CharterFile(charter).encoded())
    shown = await command("charter", "show", str(path))
    words = " ".join(shown.stdout.split())
    assert f"{AI_ENTITY} reports on fracture with model {NEW.digest.hex()}" in words
    told = json.loads((await command("charter", "show", str(path), "--json")).stdout)
    by_name = {member["name"]: member for member in told["members"]}
    assert by_name[AI_ENTITY]["models"] == [form(NEW)]
    assert "models" not in by_name[member_of(charter, "Dr. Amara").name]
