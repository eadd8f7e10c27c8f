"""Help: every command has it, none is slow to give it."""

import subprocess
import sys
from pathlib import Path

from medquorum.ledger.keys import Purpose
from medquorum.node.cli import COMMANDS, load
from tests.node.cli.conftest import Command


async def test_every_command_loads_and_helps(command: Command) -> None:
    for name in COMMANDS:
        assert load(name).name == name
        shown = await command(name, "--help")
        assert shown.exit_code == 0, (name, shown.output)
        assert "completion" not in shown.stdout, name
    for name in ("init", "start"):
        assert "charter.bin" in (await command(name, "--help")).stdout
    root = await command("--help")
    assert "Exit codes: 0 done" in root.stdout
    for name in COMMANDS:
        assert name in root.stdout


def test_help_imports_nothing_heavy(repository: Path) -> None:
    program = (
        "import sys\n"
        "from medquorum.node.cli import app\n"
        "try:\n    app(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'aiohttp', 'pydantic', 'cryptography', 'sqlalchemy'} & set(sys.modules)\n"
        "print('heavy', sorted(heavy), file=sys.stderr)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=repository, capture_output=True, text=True, timeout=60
    )
    assert run.stderr.splitlines()[-1] == "heavy []"


def test_purposes_of_wallets_are_not_those_of_members() -> None:
    assert "patient" not in {purpose.value for purpose in Purpose}
