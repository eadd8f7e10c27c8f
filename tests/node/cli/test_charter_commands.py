"""The whole ceremony of the demonstration network, typed as its eight members would (R-CHA5-8)."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from medquorum.ledger import ceremony
from medquorum.ledger.charter_source import MemberSource, parse_charter_source
from medquorum.ledger.fingerprint import fingerprint
from medquorum.ledger.types import Role
from medquorum.node import keystore
from medquorum.node.cli import charter_commands, keys_commands, member_home
from medquorum.node.cli.files import file_stem

LIGHT = keystore.KdfCost(memory_kib=64, iterations=1, lanes=1)
LIGHT_LIMITS = keystore.KdfLimits(memory_kib=(64, 128), iterations=(1, 2), lanes=(1, 1))

program = typer.Typer()
program.add_typer(keys_commands.app, name="keys")
program.add_typer(charter_commands.app, name="charter")


Word = str | Path


def run(*words: Word, answer: str | None = None) -> tuple[int, str, str]:
    """Type a command; exit code, stdout, stderr."""
    result = CliRunner().invoke(program, [str(word) for word in words], input=answer)
    return result.exit_code, result.stdout, result.stderr


def done(*words: Word, answer: str | None = None) -> str:
    """Type a command that must succeed; what it printed."""
    code, printed, said = run(*words, answer=answer)
    assert code == 0, printed + said
    return printed


def refused(expected_code: int, *words: Word, answer: str | None = None) -> str:
    """Type a command that must fail with this code; what it said on stderr."""
    code, printed, said = run(*words, answer=answer)
    assert code == expected_code, printed + said
    return said


@dataclass(frozen=True)
class Stage:
    """A folder with every member's home and two passphrase files."""

    folder: Path
    source: Path
    members: tuple[MemberSource, ...]

    def home(self, name: str) -> Path:
        """A member's folder of keys."""
        return self.folder / file_stem(name)

    def secrets(self) -> list[Word]:
        """The options that name both passphrases."""
        return [
            "--passphrase-file", self.folder / "node-passphrase",
            "--clinical-passphrase-file", self.folder / "clinical-passphrase",
        ]  # fmt: skip

    def requests(self) -> list[Path]:
        """Every member's request file."""
        return [self.folder / f"{file_stem(member.name)}.request" for member in self.members]

    def signatures(self) -> list[Path]:
        """Every member's signature file."""
        return [self.folder / f"{file_stem(member.name)}.signature" for member in self.members]


def request_words(stage: Stage, member: MemberSource, out: Path) -> list[Word]:
    """The command of a member's request."""
    return [
        "charter", "request", "--home", stage.home(member.name), "--name", member.name,
        "--role", member.role.value, "--endpoint", member.endpoint, "--out", out, *stage.secrets(),
    ]  # fmt: skip


def light_keys(patch: pytest.MonkeyPatch) -> None:
    """Let the keystores of a test cost microseconds, not half a second each."""
    patch.setattr(member_home, "KDF_COST", LIGHT)
    patch.setattr(member_home, "KDF_LIMITS", LIGHT_LIMITS)


@pytest.fixture(autouse=True)
def _light(monkeypatch: pytest.MonkeyPatch) -> None:
    light_keys(monkeypatch)
    for variable in ("MEDQUORUM_PASSPHRASE_FILE", "MEDQUORUM_CLINICAL_PASSPHRASE_FILE"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Stage:
    """Keys, requests, charter and signatures of all eight members, not collected yet."""
    folder = tmp_path_factory.mktemp("ceremony")
    source = repository / "network.toml"
    members = parse_charter_source(source.read_text(encoding="utf-8")).members
    stage = Stage(folder, source, members)
    for name in ("node-passphrase", "clinical-passphrase"):
        (folder / name).write_text(f"{name} of a test\n")
        (folder / name).chmod(0o600)
    with pytest.MonkeyPatch.context() as patch:
        light_keys(patch)
        for member, out in zip(members, stage.requests(), strict=True):
            home = stage.home(member.name)
            role = member.role.value
            done("keys", "new", "--home", home, "--role", role, *stage.secrets())
            done(*request_words(stage, member, out))
        unsigned = folder / "charter.bin"
        done("charter", "build", source, *stage.requests(), "--out", unsigned)
        words = fingerprint(ceremony.parse_charter_file(unsigned.read_bytes()).charter.network_id)
        for member, out in zip(members, stage.signatures(), strict=True):
            options: list[Word] = [
                "--home",
                stage.home(member.name),
                "--fingerprint",
                words,
                "--out",
                out,
            ]
            done("charter", "sign", unsigned, *options, *stage.secrets())
    return stage


@pytest.fixture
def unsigned(stage: Stage, tmp_path: Path) -> Path:
    """A copy of the charter nobody has signed."""
    copy = tmp_path / "charter.bin"
    copy.write_bytes((stage.folder / "charter.bin").read_bytes())
    return copy


@pytest.fixture
def complete(stage: Stage, unsigned: Path) -> Path:
    """The complete charter file."""
    assert done("charter", "collect", unsigned, *stage.signatures()).endswith("complete\n")
    return unsigned


def test_R_CHA6_eight_members_found_a_network(stage: Stage, complete: Path) -> None:
    charter = ceremony.open_charter(complete.read_bytes())
    assert {member.name for member in charter.members} == {each.name for each in stage.members}
    assert "complete, every member has signed" in done("charter", "verify", complete)
    assert json.loads(done("charter", "verify", complete, "--json"))["complete"] is True


def test_R_KEY4_a_doctors_clinical_key_is_not_in_the_node(stage: Stage) -> None:
    for member in stage.members:
        home = stage.home(member.name)
        node = set(keystore.read_public(home / member_home.NODE_KEYSTORE).public_keys)
        if member.role is Role.DOCTOR:
            assert node == {"consensus", "encryption", "tls"}
            clinical = keystore.read_public(home / member_home.CLINICAL_KEYSTORE)
            assert set(clinical.public_keys) == {"clinical"}
            assert clinical.owner == keystore.read_public(home / member_home.NODE_KEYSTORE).owner
        else:
            assert node == {"clinical", "consensus", "encryption", "tls"}
            assert not (home / member_home.CLINICAL_KEYSTORE).exists()


def test_the_build_is_the_same_in_any_order(stage: Stage, tmp_path: Path) -> None:
    again = tmp_path / "again.bin"
    done("charter", "build", stage.source, *reversed(stage.requests()), "--out", again)
    assert again.read_bytes() == (stage.folder / "charter.bin").read_bytes()


def test_a_member_without_a_request_is_named(stage: Stage, tmp_path: Path) -> None:
    out = tmp_path / "charter.bin"
    said = refused(5, "charter", "build", stage.source, *stage.requests()[1:], "--out", out)
    assert f"{stage.members[0].name} (hospital): no request; ask for it" in said
    assert not out.exists()


def test_R_CHA5_a_request_with_a_bad_proof_is_refused(stage: Stage, tmp_path: Path) -> None:
    genuine = ceremony.parse_request(stage.requests()[0].read_bytes())
    forged = tmp_path / "forged.request"
    forged.write_bytes(
        ceremony.encode_request(genuine).replace(b"Hospital St. Mary", b"Hospital St. Mara")
    )
    said = refused(5, "charter", "build", stage.source, forged, *stage.requests()[1:])
    assert "forged.request: R-CHA5: Hospital St. Mara does not prove its clinical key" in said


def test_R_CHA6_a_missing_signature_is_named(stage: Stage, unsigned: Path) -> None:
    printed = done("charter", "collect", unsigned, *stage.signatures()[:-1])
    assert "AI entity Aurora (ai_entity): signature missing" in printed
    assert "1 to come" in printed
    assert "AI entity Aurora" in refused(5, "charter", "verify", unsigned)
    assert "signatures     7 of 8" in done("charter", "show", unsigned)
    done("charter", "collect", unsigned, stage.signatures()[-1])
    done("charter", "verify", unsigned)


def test_R_CHA6_a_signature_by_the_wrong_key_changes_nothing(
    stage: Stage, unsigned: Path, tmp_path: Path
) -> None:
    first, second = (ceremony.parse_signature(path.read_bytes()) for path in stage.signatures()[:2])
    forged = tmp_path / "forged.signature"
    forged.write_bytes(ceremony.CharterSignature(first.address, second.signature).encoded())
    before = unsigned.read_bytes()
    said = refused(5, "charter", "collect", unsigned, stage.signatures()[2], forged)
    assert "R-CHA6: the signature of Hospital St. Mary is not of this charter" in said
    assert unsigned.read_bytes() == before


def test_no_byte_of_a_complete_charter_is_free(complete: Path) -> None:
    content = complete.read_bytes()
    for place in range(0, len(content), len(content) // 40):
        complete.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        refused(5, "charter", "verify", complete)


def test_R_CHA7_other_words_are_not_signed(stage: Stage, unsigned: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.signature"
    home = stage.home("Dr. Amara")
    options: list[Word] = ["--home", home, "--out", out, *stage.secrets()]
    heard = ["--fingerprint", "lusab babad " * 4]
    assert "do not sign it" in refused(5, "charter", "sign", unsigned, *heard, *options)
    assert "not signed" in refused(1, "charter", "sign", unsigned, *options, answer="n\n")
    assert not out.exists()
    done("charter", "sign", unsigned, *options, answer="y\n")
    assert out.read_bytes() == stage.signatures()[3].read_bytes()


def test_keys_of_another_network_do_not_sign(stage: Stage, unsigned: Path, tmp_path: Path) -> None:
    home = tmp_path / "other"
    done("keys", "new", "--home", home, "--role", "hospital", *stage.secrets())
    said = refused(5, "charter", "sign", unsigned, "--yes", "--home", home, *stage.secrets())
    assert "R-CHA6: these keys are of no member of this charter" in said


def test_R_CHA8_show_tells_what_the_quorum_withstands(stage: Stage, complete: Path) -> None:
    facts = json.loads(done("charter", "show", complete, "--json"))
    assert (facts["doctors"], facts["quorum"]) == (4, 3)
    assert (facts["liars_for_safety"], facts["absences_for_liveness"]) == (1, 1)
    assert {member["signature"] for member in facts["members"]} == {"valid"}
    printed = done("charter", "show", complete)
    assert "n 4 doctors, q 3; tolerates 1 liar without a fork, 1 absence without" in printed
    assert facts["fingerprint"] in printed
    for member in facts["members"]:
        assert member["address"] in printed  # bech32m, R-KEY3


def test_files_that_are_not_there_and_not_charters(tmp_path: Path, stage: Stage) -> None:
    assert "there is no" in refused(4, "charter", "show", tmp_path / "absent.bin")
    assert "R-CAN" in refused(5, "charter", "show", stage.source)
    assert "is a folder" in refused(2, "charter", "verify", tmp_path)
    broken = tmp_path / "broken.toml"
    broken.write_text("[network]\ncolour = 1\n")
    assert "network.colour: is unknown" in refused(5, "charter", "build", broken, stage.source)


def test_requests_and_signatures_are_not_overwritten(stage: Stage) -> None:
    member = stage.members[0]
    out = stage.signatures()[0]
    said = refused(1, *request_words(stage, member, out))
    assert "exists already" in said


def test_the_role_fits_the_keys(stage: Stage, tmp_path: Path) -> None:
    doctor = next(each for each in stage.members if each.role is Role.DOCTOR)
    posing = MemberSource(doctor.name, Role.HOSPITAL, doctor.endpoint)
    said = refused(2, *request_words(stage, posing, tmp_path / "x.request"))
    assert "these are a doctor's keys" in said


def test_a_wrong_passphrase_signs_nothing(stage: Stage, unsigned: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("not the passphrase\n")
    wrong.chmod(0o600)
    home = stage.home("Hospital St. Mary")
    options: list[Word] = ["--yes", "--home", home, "--passphrase-file", wrong]
    assert "passphrase" in refused(1, "charter", "sign", unsigned, *options)
    assert {path.name for path in unsigned.parent.iterdir()} == {"charter.bin", "wrong"}
