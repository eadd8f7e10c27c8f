"""The commands against a served node: what they print, ask for, and how they end."""

import json
import stat
from pathlib import Path

import pytest

from medquorum.ledger.contents import parse_patient_name, parse_test_results
from medquorum.ledger.hashing import Kind, tagged
from medquorum.ledger.keys import (
    Address,
    PublicKey,
    address_of,
    address_text,
    parse_address,
)
from medquorum.ledger.registration import registration_payload
from medquorum.ledger.signature import Signature, verify
from medquorum.ledger.types import BlockType, PartName
from medquorum.node.account_records import UserRole
from medquorum.node.cli.outcome import Exit
from medquorum.node.client import NodeClient
from medquorum.node.private_files import write_private_file
from medquorum.node.views import StatusView
from tests.node.api.conftest import House
from tests.node.api.fake_desk import CANARY, PROPOSAL, RECORD
from tests.node.cli.conftest import Command
from tests.node.intake.kit import series

READS = [
    ("status",),
    ("inbox",),
    ("why", PROPOSAL),
    ("chain", "show"),
    ("patient", "list"),
    ("patient", "history", "1"),
]


def as_institution(house: House) -> None:
    """Let the node be a hospital's, whose node signs."""
    told = house.desk.status()
    fields = {name: getattr(told, name) for name in StatusView.__slots__} | {"role": "hospital"}
    house.desk.status = lambda: StatusView(**fields)  # type: ignore[method-assign]


@pytest.mark.parametrize("arguments", READS)
async def test_reads_print_for_people_and_for_programs(
    command: Command, arguments: tuple[str, ...]
) -> None:
    shown = await command(*arguments)
    assert (shown.exit_code, bool(shown.stdout.strip())) == (0, True), shown.output
    told = await command(*arguments, "--json")
    assert json.loads(told.stdout)


async def test_the_beginning_of_an_id_is_enough_when_it_is_unique(command: Command) -> None:
    assert (await command("why", PROPOSAL[:8])).exit_code == 0
    short = await command("why", PROPOSAL[:3])
    assert (short.exit_code, "at least 6" in short.stderr) == (Exit.USAGE, True)
    unknown = await command("why", "ffffff")
    assert unknown.exit_code == Exit.NOT_FOUND


async def test_refusals_end_with_a_sentence_and_their_code(
    house: House, command: Command, tmp_path: Path
) -> None:
    missing = await command("patient", "history", "3")
    assert (missing.exit_code, missing.stderr) == (
        Exit.NOT_FOUND,
        "error: not_found: no such patient here\n",
    )
    role = await command("user", "list")
    assert role.exit_code == Exit.FAILED
    assert "use a token of: operator" in role.stderr
    assert "user add NAME ROLE --tokens-only" in role.stderr
    assert "use it with --token-file FILE" in role.stderr
    away = await command("status", environment={"MEDQUORUM_NODE": "http://127.0.0.1:9"})
    assert away.exit_code == Exit.NOT_READY
    assert "is it started?" in away.stderr
    wrong = await command("status", environment={"MEDQUORUM_NODE": "nonsense"})
    assert wrong.exit_code == Exit.USAGE
    gone = str(tmp_path / "none")
    no_token = await command("status", environment={"MEDQUORUM_TOKEN_FILE": gone})
    assert (no_token.exit_code, "--token-file" in no_token.stderr) == (Exit.USAGE, True)
    assert (await command("nothing")).exit_code == Exit.USAGE
    assert (await command("chain", "show", "--limit", "0")).exit_code == Exit.USAGE


async def test_a_token_that_others_can_read_is_not_used(command: Command, tmp_path: Path) -> None:
    open_file = tmp_path / "open.token"
    open_file.write_text("token")
    open_file.chmod(0o644)
    refused = await command("status", environment={"MEDQUORUM_TOKEN_FILE": str(open_file)})
    assert (refused.exit_code, "chmod 600" in refused.stderr) == (Exit.FAILED, True)


async def test_a_node_that_is_not_ready_shows_and_ends_with_three(
    house: House, command: Command
) -> None:
    house.desk.ready = False
    shown = await command("status")
    assert shown.exit_code == Exit.NOT_READY
    assert "peers 0 (min 1)" in shown.stdout


def dicom_folder(folder: Path) -> Path:
    folder.mkdir()
    (folder / "1").write_bytes(series("CT", 1)[0])
    return folder


async def test_an_institution_submits_a_folder_of_images(
    house: House, command: Command, tmp_path: Path
) -> None:
    as_institution(house)
    images = dicom_folder(tmp_path / "ct")
    reference = "12" * 32
    done = await command(
        *("submit", "--patient", "1", "--ct", str(images), "--reference", reference),
        role=UserRole.RADIOLOGIST,
    )
    assert done.exit_code == 0, done.output
    given = house.desk.submitted[0]
    assert (given.type, given.patient) == (BlockType.CT, 1)
    assert given.references == (bytes.fromhex(reference),)
    archive = house.desk.contents[0][PartName.IMG_CT]
    assert archive[:10] == b"000001.dcm"


async def test_a_laboratory_submits_results_as_json(
    house: House, command: Command, tmp_path: Path
) -> None:
    as_institution(house)
    results = tmp_path / "results.json"
    one = {
        "analyte": "CRP",
        "flag": "high",
        "reference_high_milli": 5_000,
        "reference_low_milli": None,
        "unit": "mg/L",
        "value_milli": 48_000,
    }
    results.write_text(json.dumps({"collected_at_ms": 1, "results": [one], "specimen": "serum"}))
    letter = tmp_path / "letter.pdf"
    letter.write_bytes(b"letter")
    done = await command(
        *("submit", "--patient", "2", "--results", str(results), "--attachment", str(letter)),
        "--json",
        role=UserRole.LABORATORY,
    )
    assert json.loads(done.stdout)["record"] == RECORD
    contents = house.desk.contents[0]
    assert parse_test_results(contents[PartName.TEST_RES]).results[0].analyte == "CRP"
    assert contents[PartName.ATTACHMENT] == b"letter"


async def test_a_submission_is_exactly_one_thing(command: Command, tmp_path: Path) -> None:
    nothing = await command("submit", "--patient", "1")
    assert (nothing.exit_code, "exactly one of --ct" in nothing.stderr) == (Exit.USAGE, True)
    both = await command("submit", "--patient", "1", "--ct", "a", "--pet", "b")
    assert both.exit_code == Exit.USAGE
    empty = tmp_path / "empty"
    empty.mkdir()
    no_images = await command("submit", "--patient", "1", "--ct", str(empty))
    assert (no_images.exit_code, "no DICOM file" in no_images.stderr) == (Exit.USAGE, True)
    gone = await command("submit", "--patient", "1", "--xray", str(tmp_path / "none"))
    assert gone.exit_code == Exit.NOT_FOUND
    text = tmp_path / "text"
    text.write_text(CANARY)
    for option in ("--xray", "--report"):
        refused = await command("submit", "--patient", "1", option, str(text))
        assert refused.exit_code == Exit.USAGE
        assert CANARY not in refused.output


async def test_a_patient_is_registered_from_a_wallet(
    house: House, command: Command, tmp_path: Path
) -> None:
    as_institution(house)
    wallet, secret = tmp_path / "wallet.json", tmp_path / "passphrase"
    write_private_file(secret, b"a patient's passphrase", replace=False)
    unlock = ("--wallet", str(wallet), "--wallet-passphrase-file", str(secret))
    made = await command("patient", "new", *unlock)
    assert made.exit_code == 0, made.output
    form = tmp_path / "form.json"
    form.write_text(json.dumps({"observed_at_ms": 1, "anamnesis": "", "signs": []}))
    doctor = house.desk.charter.doctors[1]
    done = await command(
        *("patient", "register", *unlock, "--doctor", doctor.address_text, "--form", str(form)),
        role=UserRole.CLERK,
        stdin=f"{CANARY}\n",
    )
    assert done.exit_code == 0, done.output
    given = house.desk.submitted[0]
    assert (given.type, given.patient, given.doctor) == (
        BlockType.MEDICAL_FORM,
        None,
        doctor.address,
    )
    assert parse_patient_name(house.desk.contents[0][PartName.PAT_NAME]).name == CANARY
    registration = given.registration
    assert registration is not None
    payload = registration_payload(
        encryption_key=PublicKey(registration.encryption_key),
        issuer=Address(parse_address(house.desk.status().address)[0]),
        patient_key=PublicKey(registration.public_key),
    )
    digest = tagged(Kind.REGISTRATION, house.desk.charter.network_id, payload)
    assert verify(PublicKey(registration.public_key), digest, Signature(registration.proof))
    shown = address_text(address_of(PublicKey(registration.public_key)), "mqpat")
    assert shown in made.stdout


async def test_an_export_a_proof_and_a_part_are_written_once(
    house: House, command: Command, tmp_path: Path
) -> None:
    for arguments, content in (
        (("chain", "export"), b"frame 0;frame 1;frame 2;"),
        (("chain", "proof", "3"), b"proof of 3"),
        (("record", "get", RECORD, "IMG_CT"), b"c" * house.desk.part_bytes),
    ):
        out = tmp_path / "out"
        done = await command(*arguments, "--out", str(out))
        assert done.exit_code == 0, done.output
        assert out.read_bytes() == content
        again = await command(*arguments, "--out", str(out))
        assert (again.exit_code, "exists already" in again.stderr) == (Exit.FAILED, True)
        out.unlink()


async def test_accesses_are_listed(command: Command) -> None:
    shown = await command("record", "accesses", "--patient", "2", role=UserRole.AUDITOR)
    assert "ben" in shown.stdout
    assert "ada" not in shown.stdout


async def test_users_and_tokens(house: House, command: Command, tmp_path: Path) -> None:
    operator = UserRole.OPERATOR
    added = await command("user", "add", "robot", "ai_entity", "--tokens-only", role=operator)
    assert added.exit_code == 0, added.output
    password = tmp_path / "password"
    write_private_file(password, b"a long enough password", replace=False)
    named = ("--password-file", str(password))
    assert (await command("user", "add", "ada", "doctor", *named, role=operator)).exit_code == 0
    assert "robot" in (await command("user", "list", role=operator)).stdout
    out = tmp_path / "robot.token"
    made = await command("token", "new", "robot", "--out", str(out), role=operator)
    assert made.exit_code == 0, made.output
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    token = out.read_text().strip()
    assert token not in made.output
    async with NodeClient(house.base_url, token) as client:
        assert (await client.status()).n_bc == 8
    ended = await command("token", "revoke", "robot", role=operator)
    assert ended.stdout == "1 ended\n"
