"""The kernel holds a confined process to its own folder and off the network, or says it cannot."""

import subprocess
import sys
from pathlib import Path

from medquorum.ai_entity.federated.confinement import Confined, landlock_version

PROBE = """
import socket, subprocess, sys
from pathlib import Path
from medquorum.ai_entity.federated.confinement import *
own, neighbour, tcp = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] == "tcp"
held = confine(Allowed(interpreter_folders(), [own, *device_files()], tcp=tcp))
print(held)
def attempt(name, action):
    try:
        action()
        print(name, "done")
    except PermissionError:
        print(name, "refused")
    except ConnectionRefusedError:
        print(name, "done")  # the kernel let it through to a port where nobody listens
attempt("own", lambda: (own / "new").write_bytes((own / "cases.npz").read_bytes()))
attempt("read", lambda: (neighbour / "cases.npz").read_bytes())
attempt("list", lambda: list(neighbour.iterdir()))
attempt("write", lambda: (neighbour / "planted").write_bytes(b"x"))
attempt("tcp", lambda: socket.create_connection(("127.0.0.1", 9), timeout=5))
program = "print(open(%r).read())" % str(neighbour / "cases.npz")
child = subprocess.run([sys.executable, "-c", program], capture_output=True)
print("child", "done" if child.returncode == 0 else "refused")
"""


def probed(tmp_path: Path, tcp: str) -> dict[str, str]:
    own, neighbour = tmp_path / "own", tmp_path / "neighbour"
    for folder in (own, neighbour):
        folder.mkdir()
        (folder / "cases.npz").write_bytes(b"images")
    run = subprocess.run(
        [sys.executable, "-c", PROBE, str(own), str(neighbour), tcp],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    held, *lines = run.stdout.splitlines()
    return {"held": held, **dict(line.split() for line in lines)}


def expected(held: Confined, tcp: str) -> dict[str, str]:
    others = "done" if held is Confined.NOTHING else "refused"
    told = dict.fromkeys(("read", "list", "write", "child"), others)
    return {"held": held.value, "own": "done", "tcp": tcp, **told}


def promised(*, tcp: bool) -> Confined:
    """What this machine's kernel can do: without Landlock nothing is enforced, and it is said."""
    version = landlock_version()
    if version == 0:
        return Confined.NOTHING
    return Confined.FILES if tcp or version < 4 else Confined.FILES_AND_TCP


def test_a_trainer_keeps_its_own_folder_and_no_network(tmp_path: Path) -> None:
    held = promised(tcp=False)
    tcp = "refused" if held is Confined.FILES_AND_TCP else "done"
    assert probed(tmp_path, "none") == expected(held, tcp)


def test_a_courier_keeps_the_network_and_sees_no_neighbours_folder(tmp_path: Path) -> None:
    assert probed(tmp_path, "tcp") == expected(promised(tcp=True), "done")


def test_the_command_confines_the_program_it_becomes(tmp_path: Path) -> None:
    own, neighbour = tmp_path / "own", tmp_path / "neighbour"
    own.mkdir()
    neighbour.mkdir()
    (neighbour / "cases.npz").write_bytes(b"images")
    run = subprocess.run(
        [
            *(sys.executable, "-m", "medquorum.ai_entity.federated.confinement", str(own), "--"),
            *("/bin/cat", str(neighbour / "cases.npz")),
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )
    held = promised(tcp=True)
    assert f"confined: {held}" in run.stderr
    assert run.stdout == ("images" if held is Confined.NOTHING else "")
