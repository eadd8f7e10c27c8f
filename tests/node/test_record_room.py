"""One patient's record at a real node: consultations, consents, reading, download, figures."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from fhir.resources.R4B.bundle import Bundle

from medquorum.consensus.proofs import verify_proof
from medquorum.ledger.consent import ConsentPurpose, ConsentStatement, sign_consent
from medquorum.ledger.proof import parse_proof
from medquorum.ledger.types import PartName, RecordId
from medquorum.node.desk import DeskError, Reader
from tests.node.record_desk import KitDesk, record_desk
from tests.node.record_kit import DOCTOR, NETWORK, patient_key, wallet_signer
from tests.support.network import HOSPITAL, RADIOLOGIST, address

pytestmark = pytest.mark.asyncio(loop_scope="module")
TREATING = Reader("ada", "doctor")
RESEARCHING = Reader("ada", "doctor", "research")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[KitDesk]:
    """A doctor's node: it may read everything."""
    async with record_desk(tmp_path_factory.mktemp("home")) as served:
        yield served


def grant(*purposes: ConsentPurpose, **fields: Any) -> ConsentStatement:
    now_ms = time.time_ns() // 1_000_000
    times = {"issued_at_ms": now_ms, "from_ms": now_ms - 1_000, "until_ms": now_ms + 3_600_000}
    return ConsentStatement(patient_key(), purposes=purposes, **{**times, **fields})


async def bring(desk: KitDesk, statement: ConsentStatement, by: str = "patient 1") -> str:
    signed = sign_consent(NETWORK.id, statement, wallet_signer(by))
    return (await desk.dossiers.accept_consent(signed.encoded(), "ada")).id


async def first_form(desk: KitDesk) -> RecordId:
    return RecordId(bytes.fromhex((await desk.block(1)).record))


async def read(desk: KitDesk, reader: Reader) -> bytes:
    pieces = await desk.read_part(await first_form(desk), PartName.V_IND, reader)
    return b"".join([piece async for piece in pieces])


async def refused(desk: KitDesk, reader: Reader) -> bool:
    permitted = await desk.permits(await first_form(desk), reader)
    try:
        await read(desk, reader)
    except DeskError as error:
        assert (error.status, error.rule) == (403, "no_consent")
        assert not permitted, "what was opened before ends with the consent, too"
        return True
    assert permitted
    return False


async def test_a_tumour_consultation_begins_anew_after_its_treatment(desk: KitDesk) -> None:
    first, second = (await desk.dossiers.timeline(1)).consultations
    assert [each.phase for each in first.phases] == [
        "registered",
        "form",
        "ct_prescribed",
        "ct",
        "ct_assessed",
        "pet_prescribed",
        "pet",
        "pet_assessed",
        "treatment",
    ]
    assert (first.closed, first.permitted) == (True, ())
    assert first.blocks == (1, 2, 3, 4, 6, 7, 9, 10, 11, 12)
    assert [each.phase for each in second.phases] == ["ct_prescribed", "ct"]
    assert (second.closed, second.number, second.blocks) == (False, 2, (15, 16))
    assert [(step.step, step.leads_to) for step in second.permitted] == [("assess", "ct_assessed")]
    assert second.permitted[0].roles == ("ai_entity", "doctor", "radiologist")


async def test_an_xray_has_its_own_short_consultation(desk: KitDesk) -> None:
    (only,) = (await desk.dossiers.timeline(2)).consultations
    assert (only.track, only.phase, only.blocks) == ("xray", "xray_assessed", (8, 13, 14))
    with pytest.raises(DeskError, match="unknown_patient"):
        await desk.dossiers.timeline(3)


async def test_research_needs_a_consent_in_force_and_a_revocation_ends_it(desk: KitDesk) -> None:
    """R-CST3."""
    assert await refused(desk, RESEARCHING)
    elsewhere = grant(ConsentPurpose.RESEARCH, grantee=address(RADIOLOGIST))
    await bring(desk, elsewhere)
    await bring(desk, grant(ConsentPurpose.QUALITY))
    past = time.time_ns() // 1_000_000 - 10_000
    await bring(desk, grant(ConsentPurpose.RESEARCH, from_ms=past, until_ms=past + 5_000))
    assert await refused(desk, RESEARCHING)
    given = await bring(desk, grant(ConsentPurpose.RESEARCH, grantee=address(DOCTOR)))
    assert not await refused(desk, RESEARCHING)
    revocation = ConsentStatement(patient_key(), 5, revokes=bytes.fromhex(given))
    await bring(desk, revocation)
    assert await refused(desk, RESEARCHING)
    await bring(desk, grant(ConsentPurpose.QUALITY))
    held = {view.id: view for view in await desk.dossiers.consents(1)}
    assert (held[given].revoked, held[given].in_force) == (True, False)
    signed = await desk.dossiers.consent(1, bytes.fromhex(given))
    assert (await desk.dossiers.accept_consent(signed, "again")).revoked


async def refused_revocation(desk: KitDesk, revokes: bytes, issued_at_ms: int) -> bool:
    try:
        await bring(desk, ConsentStatement(patient_key(), issued_at_ms, revokes=revokes))
    except DeskError as error:
        assert (error.status, error.rule) == (409, "nothing_to_revoke")
        return True
    return False


async def test_a_revocation_takes_back_one_grant_that_is_held_and_only_once(desk: KitDesk) -> None:
    before = len(await desk.dossiers.consents(1))
    given = bytes.fromhex(await bring(desk, grant(ConsentPurpose.RESEARCH)))
    assert await refused_revocation(desk, bytes(32), 5)
    first = ConsentStatement(patient_key(), 6, revokes=given)
    revocation = bytes.fromhex(await bring(desk, first))
    assert await refused_revocation(desk, given, 7)
    assert await refused_revocation(desk, revocation, 8), "a revocation is not taken back"
    assert await bring(desk, first) == revocation.hex(), "the same one again is no other"
    assert len(await desk.dossiers.consents(1)) == before + 2


async def test_treatment_emergency_and_the_patient_herself_need_none(desk: KitDesk) -> None:
    for reader in (
        TREATING,
        replace(TREATING, purpose="emergency"),
        Reader("paula", "patient", "research"),
    ):
        assert await read(desk, reader)
    latest = (await desk.accesses(1))[:3]
    assert [entry["purpose"] for entry in latest] == ["research", "emergency", "treatment"]
    assert all(entry["granted"] for entry in latest)


async def test_a_refusal_is_logged_with_who_asked(desk: KitDesk) -> None:
    assert await refused(desk, replace(RESEARCHING, user="eve", purpose="request"))
    latest = (await desk.accesses(1))[0]
    assert (latest["user_name"], latest["purpose"], latest["granted"]) == ("eve", "request", False)


@pytest.mark.parametrize(
    ("statement", "by", "rule"),
    [
        (grant(ConsentPurpose.RESEARCH), "patient 2", "bad_signature"),
        (grant(ConsentPurpose.RESEARCH, grantee=b"x" * 32), "patient 1", "unknown_member"),
        (
            replace(grant(ConsentPurpose.RESEARCH), patient_key=patient_key("stranger")),
            "stranger",
            "unknown_patient",
        ),
    ],
)
async def test_only_a_registered_patients_own_word_is_kept(
    desk: KitDesk, statement: ConsentStatement, by: str, rule: str
) -> None:
    """R-CST2."""
    before = await desk.dossiers.consents(1)
    with pytest.raises(DeskError, match=rule):
        await bring(desk, statement, by)
    assert await desk.dossiers.consents(1) == before


async def archive(desk: KitDesk, reader: Reader, *, images: bool) -> zipfile.ZipFile:
    pieces = await desk.dossiers.download(1, reader, images=images)
    return zipfile.ZipFile(io.BytesIO(b"".join([piece async for piece in pieces])))


async def test_the_download_is_valid_fhir_with_a_proof_of_every_block(desk: KitDesk) -> None:
    await bring(desk, grant(ConsentPurpose.QUALITY))
    whole = await archive(desk, TREATING, images=True)
    assert whole.testzip() is None
    bundle = json.loads(whole.read("fhir/bundle.json"))
    Bundle.model_validate(bundle)
    kinds = Counter(entry["resource"]["resourceType"] for entry in bundle["entry"])
    wanted = {"Patient": 1, "ImagingStudy": 3, "DiagnosticReport": 4, "MedicationRequest": 1}
    assert wanted.items() <= kinds.items()
    assert (kinds["ServiceRequest"], kinds["Provenance"], kinds["Device"]) == (3, 12, 1)
    assert kinds["Consent"] >= 1
    assert kinds["AuditEvent"] >= 1
    charter = desk.charter
    for block in await desk.blocks(0, 500, 1):
        proof = parse_proof(whole.read(f"proofs/block-{block.n_bc}.mqp"))
        assert verify_proof(proof, charter).valid
        assert proof.block.hash.hex() == block.hash
    assert whole.read("images/block-4-IMG_CT.bin") == b"pixels" * 99
    assert "missing.txt" not in whole.namelist()


async def test_every_reference_leads_to_a_resource_and_every_hash_to_a_block(desk: KitDesk) -> None:
    bundle = json.loads((await archive(desk, TREATING, images=False)).read("fhir/bundle.json"))
    known = {entry["fullUrl"] for entry in bundle["entry"]}
    text = json.dumps(bundle)
    named = {part.split('"')[0] for part in text.split('"reference": "')[1:]}
    assert named <= known
    hashes = {block.hash for block in await desk.blocks(0, 500, 1) if block.outcome == "accepted"}
    proven = {
        entry["resource"]["entity"][0]["what"]["identifier"]["value"]
        for entry in bundle["entry"]
        if entry["resource"]["resourceType"] == "Provenance"
    }
    assert proven == hashes
    assert "Patient 1" not in text


async def test_a_download_for_research_without_consent_reads_nothing(desk: KitDesk) -> None:
    before = len(await desk.accesses(1))
    with pytest.raises(DeskError, match="no_consent"):
        await desk.dossiers.download(1, replace(RESEARCHING, purpose="request"), images=False)
    assert len(await desk.accesses(1)) == before


async def test_figures_count_votes_and_times_and_name_no_patient(desk: KitDesk) -> None:
    found = await desk.statistics.read()
    assert (found.first_n_bc, found.last_n_bc, len(found.latencies)) == (1, 16, 16)
    assert all(
        one.votes_ms is not None and 0 < one.votes_ms < one.total_ms for one in found.latencies
    )
    by_name = {one.name: one for one in found.participation}
    absent = by_name[NETWORK.doctors[1]]
    assert (absent.asked, absent.missing) == (16, 1)
    dissenter = by_name[NETWORK.doctors[2]]
    assert (dissenter.approved, dissenter.rejected, dissenter.missing) == (14, 2, 0)
    (curve,) = found.maturity
    assert [(one.n_bc, one.reports, one.approved) for one in curve.points] == [(5, 1, 0), (6, 2, 1)]
    assert await desk.statistics.read() is found


async def test_who_may_not_read_the_parts_says_so_and_proves_all_the_same(tmp_path: Path) -> None:
    async with record_desk(tmp_path, HOSPITAL) as hospital:
        told = await hospital.dossiers.timeline(1)
        assert (told.readable, told.consultations) == (False, ())
        whole = await archive(hospital, TREATING, images=False)
        missing = whole.read("missing.txt").decode()
        assert "block 2, PRESC" in missing
        assert "block 1, V_IND" not in missing
        assert len([name for name in whole.namelist() if name.startswith("proofs/")]) == 13


async def test_a_proposal_tells_its_images_and_when_it_was_decided(desk: KitDesk) -> None:
    by_height = {number: await desk.block(number) for number in (5, 7, 11)}
    known = {one.id: one for one in await desk.proposals(None, 100)}
    for number, images in ((5, ("ct",)), (7, ("ct",)), (11, ("ct", "pet"))):
        block = by_height[number]
        view = await desk.proposal(block.proposal)
        assert (view.images, view.decided_at_ms) == (images, block.batch_time_ms)
        assert known[block.proposal].images == images
    [waiting] = await desk.proposals("open", 10)
    assert (waiting.images, waiting.decided_at_ms) == ((), None)
