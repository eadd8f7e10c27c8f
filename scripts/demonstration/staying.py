"""After the story: whose page to open, what to type, until Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path

from medquorum.ledger.types import Role
from scripts.demonstration.timeline import Timeline
from scripts.local_desks import LocalDesk, open_desks
from scripts.local_network import LocalNetwork


def stay_up(network: LocalNetwork, timeline: Timeline) -> None:
    """Say what to look at and wait for the viewer."""
    timeline.heading("The network stays up")
    with timeline.working("users and key files for the pages"):
        desks = asyncio.run(open_desks(network))
    timeline.note("[bold]Pages[/], one private window for each person:")
    for desk in desks:
        _tell(desk, timeline)
    hospital = network.of_role(Role.HOSPITAL)[0]
    timeline.note(f"API and its description: [bold]{hospital.url}/docs[/]")
    home = _short(hospital.home)
    for words in (
        f"status --home {home}",
        f"chain show --home {home}",
        f"patient list --home {_short(network.doctors[0].home)}",
        f"inbox --home {_short(network.doctors[0].home)}",
        f"charter show --home {home}",
        f"charter history --home {home}",
        "ai models",
    ):
        timeline.detail(f".venv/bin/medquorum {words}")
    timeline.note("Ctrl-C ends everything.")
    with contextlib.suppress(KeyboardInterrupt):
        signal.pause()


def _tell(desk: LocalDesk, timeline: Timeline) -> None:
    timeline.detail(
        f"{desk.member.name:<20} {desk.member.url}/   user {desk.user}   password {desk.password}"
    )
    if desk.key_file is not None:
        timeline.detail(
            f"{'':<20} key file {_short(desk.key_file)}, its passphrase is in "
            f"{_short(desk.passphrase_file)}"
        )


def _short(path: Path) -> Path:
    """The path as one would type it from here."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
