"""A doctor's home with both keystores, and the act that reached the node from it."""

from pathlib import Path

import pytest

from medquorum.ledger.ceremony import CharterFile, sign_charter
from medquorum.ledger.governance import Act
from medquorum.ledger.keys import Purpose
from medquorum.ledger.proposal import Proposal, parse_proposal
from medquorum.ledger.signature import verify
from medquorum.ledger.types import Role
from medquorum.node.cli import member_home
from medquorum.node.keystore import KdfCost, KdfLimits, write_keystore
from medquorum.node.private_files import write_private_file
from tests.ledger.charter_kit import make_charter, make_member, private_key, prove, signer_of
from tests.node.api.conftest import House

CHARTER = make_charter()
DOCTOR, SECOND, THIRD = CHARTER.doctors[:3]
NEW = prove(make_member("Dr. Elm", Role.DOCTOR, 7_699))
CHEAP = KdfCost(memory_kib=64, iterations=1)
NODE_KEYS = (Purpose.CONSENSUS, Purpose.ENCRYPTION, Purpose.TLS)


@pytest.fixture(name="home")
def doctors_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A doctor's home: both keystores with their passphrase, and the signed charter."""
    limits = KdfLimits(memory_kib=(64, 64), iterations=(1, 1))
    monkeypatch.setattr(member_home, "KDF_LIMITS", limits)
    monkeypatch.setattr(member_home, "KDF_COST", CHEAP)
    folder = tmp_path / "doctor"
    folder.mkdir()
    for name, purposes in (("clinical", (Purpose.CLINICAL,)), ("node", NODE_KEYS)):
        write_keystore(
            folder / f"{name}-keystore.json",
            {purpose.value: private_key(DOCTOR.name, purpose) for purpose in purposes},
            "a doctor's passphrase",
            address_of=lambda _: DOCTOR.address,
            cost=CHEAP,
        )
    write_private_file(folder / "passphrase", b"a doctor's passphrase", replace=False)
    signatures = tuple(
        sign_charter(CHARTER, member.address, signer_of(member.name, Purpose.CLINICAL))
        for member in CHARTER.members
    )
    (folder / "charter.bin").write_bytes(CharterFile(CHARTER, signatures).encoded())
    return folder


def keys(home: Path, *, yes: bool = True) -> tuple[str, ...]:
    return (
        *("--home", str(home), "--charter", str(home / "charter.bin")),
        *("--clinical-passphrase-file", str(home / "passphrase")),
        *("--passphrase-file", str(home / "passphrase")),
        *(("--yes",) if yes else ()),
    )


def carried(house: House) -> Proposal:
    """The one proposal that reached the node, signed by the doctor's clinical key."""
    (encoded,) = house.desk.governance.carried
    proposal = parse_proposal(encoded)
    assert verify(DOCTOR.keys.clinical, proposal.id, proposal.signature)
    assert (proposal.core.issuer, proposal.core.network) == (DOCTOR.address, CHARTER.network_id)
    return proposal


def act(house: House) -> Act:
    made = carried(house).core.act
    assert made is not None
    return made
