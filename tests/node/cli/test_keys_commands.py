"""Making a member's keys: separate files, passphrases from files or a prompt (R-KEY4)."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from medquorum.ledger.keys import parse_address
from medquorum.node import keystore
from medquorum.node.cli import keys_commands, member_home
from medquorum.node.page_key_file import open_page_keys

PASSPHRASE = "correct horse battery"

Word = str | Path


@pytest.fixture(autouse=True)
def _light(monkeypatch: pytest.MonkeyPatch) -> None:
    cost = keystore.KdfCost(memory_kib=64, iterations=1, lanes=1)
    monkeypatch.setattr(member_home, "KDF_COST", cost)
    for variable in ("MEDQUORUM_PASSPHRASE_FILE", "MEDQUORUM_CLINICAL_PASSPHRASE_FILE"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def passphrase_file(tmp_path: Path) -> Path:
    path = tmp_path / "passphrase"
    path.write_text(PASSPHRASE + "\n")
    path.chmod(0o600)
    return path


def run(*words: Word, answer: str | None = None) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command."""
    result = CliRunner().invoke(keys_commands.app, [str(word) for word in words], input=answer)
    return result.exit_code, result.stdout, result.stderr


def test_a_prompt_asks_twice_for_each_of_a_doctors_passphrases(tmp_path: Path) -> None:
    home = tmp_path / "home"
    typed = f"{PASSPHRASE} clinical\n" * 2 + f"{PASSPHRASE} node\n" * 2
    code, printed, _ = run("new", "--home", home, "--role", "doctor", answer=typed)
    assert code == 0
    assert PASSPHRASE not in printed
    limits = keystore.KdfLimits(memory_kib=(64, 64), iterations=(1, 1), lanes=(1, 1))
    for name, word in (("clinical-keystore.json", "clinical"), ("node-keystore.json", "node")):
        keystore.open_keystore(home / name, f"{PASSPHRASE} {word}", limits=limits)
    (address,) = (line.split()[1] for line in printed.splitlines() if line.startswith("address"))
    _, prefix = parse_address(address)
    assert prefix == "mqdoc"


def test_a_weak_second_passphrase_leaves_no_half_of_a_home(tmp_path: Path) -> None:
    typed = f"{PASSPHRASE}\n" * 2 + "short\n" * 2
    code, _, said = run("new", "--home", tmp_path, "--role", "doctor", answer=typed)
    assert code == 1
    assert "at least 12 characters" in said
    assert list(tmp_path.iterdir()) == []


def test_without_any_passphrase_nothing_is_made(tmp_path: Path) -> None:
    home = tmp_path / "home"
    code, _, said = run("new", "--home", home, "--role", "hospital", answer="")
    assert code == 2
    assert "give --passphrase-file FILE" in said
    assert not home.exists()


def test_the_environment_names_the_file(
    tmp_path: Path, passphrase_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDQUORUM_PASSPHRASE_FILE", str(passphrase_file))
    monkeypatch.setenv("MEDQUORUM_CLINICAL_PASSPHRASE_FILE", str(passphrase_file))
    home = tmp_path / "home"
    code, printed, said = run("new", "--home", home, "--role", "doctor", "--policy-key")
    assert (code, said) == (0, "")
    assert "node-keystore.json: consensus, encryption, policy, tls" in printed.replace("\n", " ")


def test_keys_are_never_replaced(tmp_path: Path, passphrase_file: Path) -> None:
    words: list[Word] = ["new", "--home", tmp_path, "--role", "laboratory", "--passphrase-file"]
    assert run(*words, passphrase_file)[0] == 0
    before = (tmp_path / "node-keystore.json").read_bytes()
    code, _, said = run(*words, passphrase_file)
    assert code == 1
    assert "keys are never replaced" in said
    assert (tmp_path / "node-keystore.json").read_bytes() == before


@pytest.mark.parametrize(
    ("content", "mode", "code", "reason"),
    [
        ("short\n", 0o600, 1, "at least 12 characters"),
        (PASSPHRASE, 0o644, 1, "chmod 600"),
        ("one line\nand another\n", 0o600, 1, "exactly one line"),
        ("", 0o600, 1, "exactly one line"),
        (None, 0o600, 4, "write the passphrase there"),
    ],
)
def test_a_bad_passphrase_file_says_what_to_do(
    tmp_path: Path, content: str | None, mode: int, code: int, reason: str
) -> None:
    path = tmp_path / "passphrase"
    if content is not None:
        path.write_text(content)
        path.chmod(mode)
    words: list[Word] = [
        "new",
        "--home",
        tmp_path / "home",
        "--role",
        "hospital",
        "--passphrase-file",
        path,
    ]
    exit_code, _, said = run(*words)
    assert exit_code == code
    assert reason in said
    assert not list(tmp_path.glob("home/*"))


def test_only_doctors_have_a_policy_key(tmp_path: Path, passphrase_file: Path) -> None:
    words: list[Word] = ["new", "--home", tmp_path / "home", "--passphrase-file", passphrase_file]
    code, _, said = run(*words, "--role", "ai_entity", "--policy-key")
    assert code == 2
    assert "only doctors vote" in said


def test_the_list_shows_public_keys_without_a_passphrase(
    tmp_path: Path, passphrase_file: Path
) -> None:
    run("new", "--home", tmp_path, "--role", "radiologist", "--passphrase-file", passphrase_file)
    public = keystore.read_public(tmp_path / "node-keystore.json")
    listed = json.loads(run("list", "--home", tmp_path, "--json")[1])["node-keystore.json"]
    assert listed == {"address": public.owner.hex(), "public_keys": dict(public.public_keys)}
    printed = run("list", "--home", tmp_path)[1]
    assert all(point in printed for point in public.public_keys.values())


def test_a_home_without_keys_says_how_to_make_them(tmp_path: Path) -> None:
    code, _, said = run("list", "--home", tmp_path)
    assert code == 4
    assert f"medquorum keys new --home {tmp_path}" in said


def test_a_page_file_holds_the_clinical_key_alone(
    tmp_path: Path, passphrase_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the page opens is the key of the home, under its passphrase or another."""
    limits = keystore.KdfLimits(memory_kib=(64, 64), iterations=(1, 1), lanes=(1, 1))
    monkeypatch.setattr(member_home, "KDF_LIMITS", limits)
    monkeypatch.setenv("MEDQUORUM_PASSPHRASE_FILE", str(passphrase_file))
    monkeypatch.setenv("MEDQUORUM_CLINICAL_PASSPHRASE_FILE", str(passphrase_file))
    home, other = tmp_path / "home", tmp_path / "other"
    run("new", "--home", home, "--role", "doctor")
    clinical = keystore.open_keystore(home / "clinical-keystore.json", PASSPHRASE, limits=limits)
    other.write_text("another passphrase\n")
    other.chmod(0o600)
    for words, passphrase in (((), PASSPHRASE), (("--page-passphrase-file", other), None)):
        out = tmp_path / f"page-{len(words)}.json"
        code, said, _ = run("page-file", "--home", home, "--out", out, *words)
        assert (code, PASSPHRASE in said) == (0, False)
        assert out.stat().st_mode & 0o777 == 0o600
        opened = open_page_keys(out.read_bytes(), passphrase or "another passphrase")
        assert opened.purposes == ("clinical",)
        assert opened.public.owner == clinical.public.owner
        assert opened.private_key("clinical").private_numbers() == (
            clinical.private_key("clinical").private_numbers()
        )
        code, _, complaint = run("page-file", "--home", home, "--out", out, *words)
        assert (code, "exists already" in complaint) == (1, True)


def test_an_institution_has_no_page_file(
    tmp_path: Path, passphrase_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDQUORUM_PASSPHRASE_FILE", str(passphrase_file))
    run("new", "--home", tmp_path / "home", "--role", "hospital")
    out = tmp_path / "page.json"
    code, _, said = run("page-file", "--home", tmp_path / "home", "--out", out)
    assert (code, out.exists()) == (4, False)
    assert "a doctor's own keys" in said
