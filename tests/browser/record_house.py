"""A listener before a record desk, with a user of each role and the wallets of its patients."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from medquorum.ledger.keys import Purpose, address_of, address_text
from medquorum.node.accounts import Accounts, MemoryAccountStore, UserRole
from medquorum.node.api.application import create_app, start_listener
from medquorum.node.page_key_file import seal_page_keys
from medquorum.node.passwords import PasswordWorker
from tests.browser.kit import NAMES, PASSPHRASE, sealed_key
from tests.ledger.charter_kit import private_key
from tests.node.record_desk import KitDesk, record_desk
from tests.node.record_kit import patient_key


@dataclass(frozen=True)
class RecordHouse:
    """Where it listens, and what stands behind."""

    base_url: str
    desk: KitDesk


@asynccontextmanager
async def record_house(
    folder: Path, member: str, passwords: PasswordWorker, phc: str
) -> AsyncIterator[RecordHouse]:
    """One member's node; the patient's user is patient 1's. `phc` is of everybody's password."""
    async with record_desk(folder / "home", member) as desk:
        accounts = Accounts(MemoryAccountStore(), passwords)
        own = address_text(address_of(patient_key()), "mqpat")
        for role, name in NAMES.items():
            patient = own if role is UserRole.PATIENT else None
            user = await accounts.add_user(name, role, patient=patient)
            await accounts.store.save_user(replace(user, password_phc=phc))
        runner = await start_listener(
            create_app(desk, accounts, spool=folder / "spool"), "127.0.0.1", 0
        )
        host, port = runner.addresses[0][:2]
        yield RecordHouse(f"http://{host}:{port}", desk)
        await runner.cleanup()


def wallet_file(folder: Path, patient: str = "patient 1") -> Path:
    """The wallet that a patient saved when she was registered."""
    keys = {
        "patient": private_key(patient, Purpose.CLINICAL),
        "encryption": private_key(patient, Purpose.ENCRYPTION),
    }
    path = folder / f"{patient.replace(' ', '-')}.json"
    path.write_bytes(seal_page_keys(keys, address_of(patient_key(patient)), PASSPHRASE))
    return path


def hand_file(folder: Path, doctor: str) -> Path:
    """A doctor's clinical key as a file for the page."""
    path = folder / "hand.json"
    path.write_bytes(sealed_key(doctor))
    return path
