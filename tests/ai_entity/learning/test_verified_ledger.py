"""Nothing is learnt from a ledger that does not verify."""

from __future__ import annotations

from pathlib import Path

import pytest

from medquorum.ai_entity.learning.verified_ledger import (
    LedgerRefused,
    exported_network,
    network_of,
    open_ledger,
)
from medquorum.ledger.contents import Conclusion
from medquorum.ledger.types import BlockType, Role
from tests.ai_entity.learning.ward import Ward, in_process
from tests.support.network import make_network


@pytest.fixture
def ward() -> Ward:
    ward = Ward()
    patient = ward.patient()
    image = ward.image(BlockType.XRAY, patient, b"film")
    ward.machine(patient, (image,), Conclusion.FRACTURE)
    return ward


def test_the_blocks_come_with_role_and_approvals(ward: Ward, tmp_path: Path) -> None:
    export, charter = ward.files(tmp_path)
    ledger = open_ledger(export, charter)
    assert [(one.issuer_role, one.approvals) for one in ledger.entries] == [
        (Role.HOSPITAL, 3),
        (Role.RADIOLOGIST, 3),
        (Role.AI_ENTITY, 3),
    ]
    assert exported_network(export) == network_of(charter) == ledger.network
    assert ledger.tip == ward.chain.state.tip


def test_a_tampered_export_is_refused(ward: Ward, tmp_path: Path) -> None:
    export, charter = ward.files(tmp_path)
    content = bytearray(export.read_bytes())
    report = ward.chain.blocks[-1].proposal.core_bytes
    place = bytes(content).index(report) + report.index(b"\xce\x00\x0d\xe2\xb0")
    content[place + 4] ^= 1  # the confidence of the machine's report
    export.write_bytes(bytes(content))
    with pytest.raises(LedgerRefused, match="TAMPERED at height 3"):
        open_ledger(export, charter)


def test_a_report_in_a_batch_nobody_certified_is_refused(ward: Ward, tmp_path: Path) -> None:
    batch, _ = ward.chain.entries[-1]
    ward.chain.entries[-1] = (batch, None)
    export, charter = ward.files(tmp_path)
    with pytest.raises(LedgerRefused, match="no final certificate"):
        open_ledger(export, charter, in_process)


def test_a_report_that_was_cut_off_is_noticed(ward: Ward, tmp_path: Path) -> None:
    export, charter = ward.files(tmp_path)
    export.write_bytes(export.read_bytes()[:-10])
    with pytest.raises(LedgerRefused, match="TAMPERED"):
        open_ledger(export, charter, in_process)


def test_another_networks_charter_does_not_serve(ward: Ward, tmp_path: Path) -> None:
    export, charter = ward.files(tmp_path)
    charter.write_bytes(make_network(4).charter_file())
    with pytest.raises(LedgerRefused, match="another network"):
        open_ledger(export, charter, in_process)


def test_what_is_no_export_is_named(tmp_path: Path) -> None:
    stray = tmp_path / "stray"
    stray.write_bytes(b"\x00\x00\x00\x05hello")
    with pytest.raises(LedgerRefused, match="stray is no export"):
        exported_network(stray)
