"""Flower's processes on the loopback address: one SuperLink, one SuperNode per hospital, one run.

Everything that would call outside is switched off (telemetry, update check, installation of an
app's dependencies), TLS and the nodes' keys are switched on, and every process is confined to its
own folder. The app that is sent around holds no code: it names modules that each side has.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

START_SECONDS: Final = 180.0
STOP_SECONDS: Final = 15.0
LOOPBACK: Final = "127.0.0.1"
CONFINEMENT: Final = "medquorum.ai_entity.federated.confinement"

APP: Final = """[project]
name = "medquorum-federated"
version = "1.0.0"
description = "names modules that every participant has installed; carries no code"
license = "Apache-2.0"
dependencies = []

[tool.flwr.app]
publisher = "medquorum"

[tool.flwr.app.components]
serverapp = "medquorum.ai_entity.federated.server_app:app"
clientapp = "medquorum.ai_entity.federated.client_app:app"

[tool.flwr.app.config]
agreement = "{agreement}"
first-weights = "{first}"
folder = "{folder}"
"""

CONNECTION: Final = """[superlink]
default = "coordinator"

[superlink.coordinator]
address = "{address}"
root-certificates = "{authority}"
"""


class FederationFailed(RuntimeError):
    """A process ended or did not answer; the sentence names its log."""


@dataclass(frozen=True, slots=True)
class Courier:
    """A hospital's side of the wire."""

    folder: Path
    """With ``authority.pem``, ``courier.key``, ``courier.pub`` and ``agreement.json``."""
    gate: Path


@dataclass(slots=True)
class Processes:
    """Processes that end with the ``with`` block, whatever happens in it."""

    running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    logs: list[IO[bytes]] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in reversed(self.running):
            _signal(process, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for process in self.running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal(process, signal.SIGKILL)
                process.wait()
        for log in self.logs:
            log.close()

    def start(
        self, command: Sequence[str], environment: dict[str, str], log: Path
    ) -> subprocess.Popen[bytes]:
        """Start one in a group of its own, its words into ``log``."""
        stream = log.open("ab")
        self.logs.append(stream)
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=log.parent,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
        self.running.append(process)
        return process

    def check(self) -> None:
        """Raises FederationFailed when one has ended."""
        for process, log in zip(self.running, self.logs, strict=True):
            if process.poll() is not None:
                told = Path(log.name).read_text(encoding="utf-8", errors="replace")
                raise FederationFailed(f"a process ended ({process.returncode}): {told[-1_500:]}")


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        pass


@dataclass(frozen=True, slots=True)
class Flower:
    """Flower's programs and how they are started."""

    environment: Path
    """The folder of the environment that holds them."""
    code: Path
    """A folder with nothing but the package, or a link to it."""
    port: int

    @property
    def address(self) -> str:
        """The SuperLink's."""
        return f"{LOOPBACK}:{self.port}"

    def variables(self, folder: Path) -> dict[str, str]:
        """The environment of a process that lives in ``folder``; nothing is inherited but PATH."""
        programs = self.environment / "bin"
        return {
            "PATH": f"{programs}:{os.environ.get('PATH', '/usr/bin:/bin')}",
            "PYTHONPATH": str(self.code),
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "FLWR_HOME": str(folder / "flwr"),
            "FLWR_TELEMETRY_ENABLED": "0",
            "FLWR_DISABLE_UPDATE_CHECK": "1",
            "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",
            "FLWR_SUPEREXEC_TASK_POLL_INTERVAL": "0.2",
            "OMP_NUM_THREADS": "1",
            "NO_PROXY": LOOPBACK,
            "LANG": "C.UTF-8",
        }

    def confined(self, folder: Path, program: str, *arguments: str) -> list[str]:
        """The command of a program that may write only ``folder``."""
        programs = self.environment / "bin"
        held = [str(programs / "python"), "-m", CONFINEMENT, str(folder), "--"]
        return [*held, str(programs / program), *arguments]


def start_coordinator(processes: Processes, flower: Flower, folder: Path) -> None:
    """The SuperLink; returns when it listens."""
    command = flower.confined(
        folder,
        "flower-superlink",
        *("--host", LOOPBACK, "--port", str(flower.port)),
        *("--ssl-ca-certfile", str(folder / "authority.pem")),
        *("--ssl-certfile", str(folder / "server.pem")),
        *("--ssl-keyfile", str(folder / "server.key")),
        "--enable-supernode-auth",
        "--disable-runtime-dependency-installation",
    )
    processes.start(command, flower.variables(folder), folder / "superlink.log")
    wait_for_port(processes, flower.port)


def start_courier(processes: Processes, flower: Flower, courier: Courier) -> None:
    """A hospital's SuperNode."""
    agreement = courier.folder / "agreement.json"
    command = flower.confined(
        courier.folder,
        "flower-supernode",
        *("--superlink", flower.address),
        *("--root-certificates", str(courier.folder / "authority.pem")),
        *("--auth-supernode-private-key", str(courier.folder / "courier.key")),
        *("--host", LOOPBACK, "--port", str(free_port())),
        *("--node-config", f'agreement="{agreement}" gate="{courier.gate}"'),
    )
    processes.start(command, flower.variables(courier.folder), courier.folder / "supernode.log")


def admit_couriers(flower: Flower, folder: Path, keys: Sequence[Path]) -> None:
    """Tell the SuperLink the couriers' public keys; a courier that comes sooner is turned away.

    ``folder`` holds ``authority.pem``. Raises FederationFailed.
    """
    home = folder / "flwr"
    home.mkdir(exist_ok=True)
    connection = CONNECTION.format(address=flower.address, authority=folder / "authority.pem")
    (home / "config.toml").write_text(connection, encoding="utf-8")
    for key in keys:
        with Processes() as processes:
            _flwr(processes, flower, folder, ["supernode", "register", str(key), "coordinator"])
            _ended(processes, START_SECONDS, folder / "flwr.log")


def run_app(flower: Flower, folder: Path, others: Processes, seconds: float) -> None:
    """Submit the app and wait for its end; ``flwr.log`` tells its story.

    ``folder`` holds ``agreement.json`` and ``first.npz``. Raises FederationFailed, also when one of
    ``others`` ends meanwhile.
    """
    app = folder / "medquorum-federated"
    app.mkdir()
    text = APP.format(
        agreement=folder / "agreement.json", first=folder / "first.npz", folder=folder
    )
    (app / "pyproject.toml").write_text(text, encoding="utf-8")
    with Processes() as processes:
        _flwr(processes, flower, folder, ["run", str(app), "coordinator", "--stream"])
        _ended(processes, seconds, folder / "flwr.log", others)


def _flwr(processes: Processes, flower: Flower, folder: Path, arguments: list[str]) -> None:
    command = [str(flower.environment / "bin" / "flwr"), *arguments]
    processes.start(command, flower.variables(folder), folder / "flwr.log")


def _ended(
    processes: Processes, seconds: float, log: Path, others: Processes | None = None
) -> None:
    process = processes.running[0]
    deadline = time.monotonic() + seconds
    while process.poll() is None:
        if others is not None:
            others.check()
        if time.monotonic() > deadline:
            raise FederationFailed(f"Flower's command took more than {seconds:.0f} s")
        time.sleep(0.2)
    if process.returncode != 0:
        told = log.read_text(encoding="utf-8", errors="replace")
        raise FederationFailed(f"Flower's command failed: {told[-2_000:]}")


def wait_for_port(processes: Processes, port: int) -> None:
    """Until somebody listens. Raises FederationFailed."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        processes.check()
        with socket.socket() as probe:
            probe.settimeout(1.0)
            if probe.connect_ex((LOOPBACK, port)) == 0:
                return
        time.sleep(0.2)
    raise FederationFailed(f"nobody listens on port {port} after {START_SECONDS:.0f} s")


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
