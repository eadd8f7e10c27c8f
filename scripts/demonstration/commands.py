"""The command line of a member, run as she would type it: with her own home and keys."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from scripts.local_network import LocalMember


class CommandFailed(Exception):
    """A command ended otherwise than expected; the message is what it said."""


async def medquorum(*words: str) -> Any:
    """Run `medquorum WORDS --json`; what it answers, CommandFailed when it fails."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "medquorum",
        *words,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    told, said = await process.communicate()
    if process.returncode != 0:
        raise CommandFailed(said.decode(errors="replace").strip())
    return json.loads(told) if "--json" in words else told.decode()


def keys_of(member: LocalMember) -> tuple[str, ...]:
    """The options with which a member's own keys are opened."""
    home = member.home
    return (
        *("--home", str(home), "--passphrase-file", str(home / "passphrase")),
        *("--clinical-passphrase-file", str(home / "clinical-passphrase")),
    )
