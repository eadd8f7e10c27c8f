"""People at the pages of a local network: a user at every node, key files for doctors.

What an operator would do with `medquorum user add` and a doctor with `medquorum keys page-file`,
for every member at once. Passwords are drawn anew and stand in files beside the nodes.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from medquorum.ledger.types import Role
from medquorum.node.account_records import UserRole
from medquorum.node.private_files import write_private_file
from scripts.local_network import USER_ROLES, LocalMember, LocalNetwork

KEY_FILE: Final = "page-key.json"
PASSWORD_FILE: Final = "page-password"  # noqa: S105 - the name of the file


@dataclass(frozen=True, slots=True)
class LocalDesk:
    """Where one person works, and what she signs in with."""

    member: LocalMember
    user: str
    password: str
    key_file: Path | None
    """Doctors only; its passphrase is in `passphrase_file`."""

    @property
    def passphrase_file(self) -> Path:
        """The passphrase of the key file: the clinical keystore's."""
        return self.member.home / "clinical-passphrase"


async def open_desk(member: LocalMember, role: UserRole | None = None) -> LocalDesk:
    """A page user at a node, by default of the member's own trade, and a doctor's key file."""
    chosen = role or USER_ROLES[member.role]
    user = f"{chosen.value.replace('_', '-')}-at-page"
    password = secrets.token_urlsafe(9)
    async with member.client() as operator:
        await operator.add_user(user, chosen, password=password)
    write_private_file(
        member.home / f"{PASSWORD_FILE}-{chosen.value}", password.encode(), replace=True
    )
    key_file = None
    if chosen is UserRole.DOCTOR:
        key_file = member.home / KEY_FILE
        sealed = await asyncio.to_thread(member.keys.page_keys, None)
        write_private_file(key_file, sealed, replace=True)
    return LocalDesk(member, user, password, key_file)


async def open_desks(network: LocalNetwork) -> list[LocalDesk]:
    """A desk for every doctor, then the hospital's clerk and the radiologist."""
    members = [
        *network.doctors,
        *network.of_role(Role.HOSPITAL)[:1],
        *network.of_role(Role.RADIOLOGIST)[:1],
    ]
    return [await open_desk(member) for member in members]
