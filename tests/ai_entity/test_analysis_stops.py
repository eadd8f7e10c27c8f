"""`medquorum ai analyze` as a process: stopped by Ctrl-C or SIGTERM, quiet, by digest, misled."""

import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from medquorum.ai_entity.commands import app
from medquorum.ai_entity.package_images import tibia_radiograph
from medquorum.ai_entity.phantom.torso import PhantomPair
from medquorum.ai_entity.registry import MODELS_FOLDER, Registry
from medquorum.ai_entity.working_folder import PREFIX

PATIENT_SECONDS = 60.0
COMMAND = [sys.executable, "-m", "medquorum.ai_entity.commands", "analyze"]


def run(*words: object) -> Result:
    return CliRunner().invoke(app, ["analyze", *(str(word) for word in words)])


@pytest.fixture(scope="module")
def ct(pair: PhantomPair, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export") / "ct"
    folder.mkdir()
    for number, content in enumerate(pair.ct, start=1):
        (folder / f"IM{number:04d}.dcm").write_bytes(content)
    return folder


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The temporary folder of the command."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


def heed_interrupts() -> None:
    """As at a terminal, even where whoever runs the tests ignores interrupts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Running:
    """The command on a terminal of its own."""

    def __init__(self, place: Path, *words: object) -> None:
        self.terminal, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [*COMMAND, *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=theirs,
            preexec_fn=heed_interrupts,
            env={**os.environ, "TMPDIR": str(place), "TERM": "xterm", "COLUMNS": "100"},
        )
        os.close(theirs)
        self.shown = b""

    def read_until(self, happened: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENT_SECONDS
        while not happened():
            assert time.monotonic() < deadline, self.shown
            if select.select([self.terminal], [], [], 0.02)[0]:
                try:
                    self.shown += os.read(self.terminal, 4_096)
                except OSError:
                    return

    def ended(self) -> int:
        self.read_until(lambda: self.process.poll() is not None)
        return self.process.wait(PATIENT_SECONDS)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.terminal)
        if self.process.stdout is not None:
            self.process.stdout.close()


@pytest.fixture
def running(place: Path) -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def start(*words: object) -> Running:
        started.append(Running(place, *words))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.mark.parametrize(
    ("stop", "code", "words"), [(signal.SIGINT, 130, b"stopped"), (signal.SIGTERM, 143, b"")]
)
def test_a_stopped_analysis_leaves_nothing(
    stop: signal.Signals,
    code: int,
    words: bytes,
    running: Callable[..., Running],
    ct: Path,
    place: Path,
    tmp_path: Path,
) -> None:
    command = running("--ct", ct, "--overlay", tmp_path / "o.npz")
    command.read_until(lambda: any(place.glob(f"{PREFIX}child-*")))
    command.read_until(lambda: b"%" in command.shown)
    command.process.send_signal(stop)
    stopped_at = time.monotonic()
    assert command.ended() == code
    assert time.monotonic() - stopped_at < 5.0
    assert words in command.shown
    assert list(place.iterdir()) == []
    assert not (tmp_path / "o.npz").exists()


def test_a_terminal_gets_a_bar_and_quiet_gets_nothing(
    running: Callable[..., Running], place: Path
) -> None:
    loud = running("--xray", tibia_radiograph(), "--json")
    assert loud.ended() == 0
    assert b"the X-ray" in loud.shown
    assert loud.process.stdout is not None
    assert json.loads(loud.process.stdout.read())["kind"] == "fracture"
    silent = running("--xray", tibia_radiograph(), "--quiet")
    assert silent.ended() == 0
    assert silent.shown == b""


def test_a_model_by_its_digest(ct: Path) -> None:
    registry = Registry()
    wanted = registry.digest_of("ct").hex()
    ended = run("--ct", ct, "--model", wanted, "--json", "--quiet")
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert json.loads(ended.stdout)["model"]["digest"] == wanted


@pytest.mark.parametrize(
    ("model", "code", "words"),
    [
        ("abc", 2, "64 hexadecimal digits"),
        ("0" * 64, 1, "no model with this digest"),
        ("petct", 2, "of kind petct; these images need one of ct"),
    ],
)
def test_models_that_do_not_fit(model: str, code: int, words: str, ct: Path) -> None:
    digest = Registry().digest_of("petct").hex() if model == "petct" else model
    ended = run("--ct", ct, "--model", digest)
    assert ended.exit_code == code
    assert words in ended.stderr


def test_a_flipped_byte_is_refused_by_analyze_and_evaluate(ct: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    shutil.copytree(MODELS_FOLDER, models)
    entries = json.loads((models / "registry.json").read_text())["models"]
    for digest in (Registry().digest_of("ct"), Registry().digest_of("petct")):
        path = models / entries[digest.hex()]["file"]
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    analyzed = run("--ct", ct, "--models", models, "--json")
    words = ["evaluate", "--petct", str(_one_case(tmp_path)), "--models", str(models)]
    evaluated = CliRunner().invoke(app, words)
    for ended in (analyzed, evaluated):
        assert ended.exit_code == 1
        assert "not the registered one; restore it" in ended.stderr
        assert ended.stdout == ""


def _one_case(folder: Path) -> Path:
    from tests.ai_entity.test_evaluation import made_case, write

    return write(folder / "cases.npz", made_case("one"))


# --- paths that mislead ------------------------------------------------------------------------


def pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


def loop(folder: Path) -> Path:
    (folder / "loop").symlink_to(folder / "loop")
    return folder / "loop"


def crowd(folder: Path) -> Path:
    (folder / "crowd").mkdir()
    for number in range(2_001):
        (folder / "crowd" / f"{number}").write_bytes(b"x")
    return folder / "crowd"


def odd_names(folder: Path) -> Path:
    """A series' folder of nothing but pipes, links in a circle and devices."""
    (folder / "odd").mkdir()
    pipe(folder / "odd")
    loop(folder / "odd")
    (folder / "odd" / "zero").symlink_to("/dev/zero")
    return folder / "odd"


def huge(folder: Path) -> Path:
    with (folder / "huge").open("wb") as stream:
        stream.truncate(1 << 40)
    return folder / "huge"


def huge_slice(folder: Path) -> Path:
    (folder / "slices").mkdir()
    huge(folder / "slices")
    return folder / "slices"


def bomb(folder: Path) -> Path:
    """A picture that says 60,000 x 60,000 in its header."""
    header = b"IHDR" + (60_000).to_bytes(4) + (60_000).to_bytes(4) + bytes((8, 0, 0, 0, 0))
    chunk = len(header[4:]).to_bytes(4) + header + zlib.crc32(header).to_bytes(4)
    (folder / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk)
    return folder / "bomb.png"


def packed(folder: Path) -> Path:
    (folder / "series.zip").write_bytes(b"PK\x03\x04" + bytes(1_000))
    return folder / "series.zip"


@pytest.mark.parametrize(
    ("option", "make", "code", "words"),
    [
        ("--ct", pipe, 2, "a pipe or a device"),
        ("--ct", loop, 4, "check the path"),
        ("--ct", lambda _: Path("/dev/zero"), 2, "a pipe or a device"),
        ("--ct", crowd, 1, "CT: file 1 "),
        ("--ct", odd_names, 1, "CT: no file in the series"),
        ("--ct", huge, 1, "CT: no file in the series"),
        ("--ct", huge_slice, 1, "CT: file 1 (huge) is larger than"),
        ("--ct", packed, 1, "CT: the archive cannot be read"),
        ("--xray", pipe, 2, "a pipe or a device"),
        ("--xray", lambda _: Path("/dev/urandom"), 2, "a pipe or a device"),
        ("--xray", lambda folder: folder, 2, "is a folder"),
        ("--xray", huge, 1, "larger than"),
        ("--xray", bomb, 1, "longer than"),
    ],
)
def test_paths_that_mislead(
    option: str, make: Callable[[Path], Path], code: int, words: str, tmp_path: Path
) -> None:
    ended = run(option, make(tmp_path), "--quiet")
    assert ended.exit_code == code
    assert words in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert ended.stdout == ""


@pytest.mark.parametrize("make", [pipe, lambda folder: folder, lambda _: Path("/dev/null")])
def test_an_overlay_goes_into_a_plain_file_only(
    make: Callable[[Path], Path], tmp_path: Path
) -> None:
    ended = run("--xray", tibia_radiograph(), "--overlay", make(tmp_path))
    assert ended.exit_code == 2
    assert "not a plain file" in ended.stderr
