"""What a doctor signs: only what the bytes say, sealed for exactly the charter's recipients."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from medquorum.ledger.ceremony import CharterFile, sign_charter
from medquorum.ledger.contents import PatientName
from medquorum.ledger.keys import Purpose, address_of, address_text, public_key
from medquorum.ledger.opening import open_part
from medquorum.ledger.proposal import Core, Proposal, issue, parse_proposal
from medquorum.ledger.registration import patient_name_commitment, verify_registration
from medquorum.ledger.signature import verify
from medquorum.ledger.types import BlockType, Decision, PartName, Role, VoterRole
from medquorum.ledger.wrap import open_wrap, parse_wrap, verify_wrap
from medquorum.node.accounts import Accounts, MemoryAccountStore, UserRole
from medquorum.node.api.application import create_app, start_listener
from medquorum.node.client import NodeClient
from medquorum.node.clinical import ClinicalError, Order, build_vote, hand_of, seal_and_submit
from medquorum.node.desk import DeskError, Receipt
from medquorum.node.keystore import KdfCost, KdfLimits, Keystore, KeystorePublic, open_keystore
from medquorum.node.passwords import PasswordWorker
from medquorum.node.patient_wallet import create_wallet, make_registration, wallet_address
from medquorum.node.recipients import default_recipients
from medquorum.node.sealing import Grantor
from medquorum.node.structured_parts import encode_structured
from medquorum.node.views import PatientView
from tests.ledger.charter_kit import (
    address_of_name,
    make_charter,
    make_member,
    private_key,
    signer_of,
)
from tests.ledger.record_kit import registration_core
from tests.node.api.fake_desk import FakeDesk, patient

CHARTER = make_charter()
DOCTOR = CHARTER.doctors[0]
OTHER = CHARTER.doctors[1]
ISSUER = next(member for member in CHARTER.members if member.role is Role.HOSPITAL)
REPORTER = next(member for member in CHARTER.members if member.role is Role.RADIOLOGIST)
HAND = Grantor(DOCTOR.address, signer_of(DOCTOR.name, Purpose.CLINICAL))
CHEAP = KdfCost(memory_kib=64, iterations=1)
CHEAP_LIMITS = KdfLimits(memory_kib=(64, 64), iterations=(1, 1))
PRESCRIPTION = encode_structured(
    PartName.PRESC, {"kind": "ct", "lines": [{"text": "CT thorax", "instruction": "native"}]}
)


def core(block_type: BlockType, issuer: str, **changes: object) -> Core:
    base = replace(
        registration_core(),
        network=CHARTER.network_id,
        issuer=address_of_name(issuer),
        doctor=DOCTOR.address,
        type=block_type,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def signed(made: Core, by: str) -> Proposal:
    return issue(made, signer_of(by, Purpose.CLINICAL))


class ClinicalDesk(FakeDesk):
    """Serves one real proposal and patients of one attending."""

    shown: Proposal
    attending: str = DOCTOR.address_text

    async def proposal_bytes(self, identifier: str) -> bytes:
        return self.shown.encoded()

    async def patient(self, number: int) -> PatientView:
        if number != 1:
            raise DeskError(404, "not_found", "no such patient here")
        key = public_key(private_key("patient", Purpose.CLINICAL))
        encryption = public_key(private_key("patient", Purpose.ENCRYPTION))
        return replace(
            patient(1),
            public_key=key.hex(),
            encryption_key=encryption.hex(),
            attending=self.attending,
        )

    async def accept_sealed(self, proposal: bytes, wraps: object) -> Receipt:
        await super().accept_sealed(proposal, wraps)  # type: ignore[arg-type]
        made = parse_proposal(proposal)
        return Receipt(made.id.hex(), made.core.record.hex(), made.core.body_root.hex())


@pytest.fixture(scope="module")
def passwords() -> PasswordWorker:
    return PasswordWorker()


@pytest_asyncio.fixture
async def served(
    tmp_path: Path, passwords: PasswordWorker
) -> AsyncIterator[tuple[ClinicalDesk, NodeClient]]:
    signatures = tuple(
        sign_charter(CHARTER, member.address, signer_of(member.name, Purpose.CLINICAL))
        for member in CHARTER.members
    )
    desk = ClinicalDesk(CharterFile(CHARTER, signatures))
    desk.shown = signed(core(BlockType.MEDICAL_FORM, ISSUER.name), ISSUER.name)
    accounts = Accounts(MemoryAccountStore(), passwords)
    await accounts.add_user("ada", UserRole.DOCTOR)
    token = (await accounts.new_token("ada")).text
    runner = await start_listener(create_app(desk, accounts, spool=tmp_path / "s"), "127.0.0.1", 0)
    host, port = runner.addresses[0][:2]
    async with NodeClient(f"http://{host}:{port}", token) as client:
        yield desk, client
    await runner.cleanup()


Served = tuple[ClinicalDesk, NodeClient]


async def test_a_vote_is_signed_over_the_id_of_the_bytes(served: Served) -> None:
    desk, client = served
    vote = await build_vote(client, desk.shown.id.hex(), Decision.APPROVE, None, HAND)
    assert vote.ballot.proposal == desk.shown.id
    digest = vote.ballot.digest(CHARTER.network_id)
    assert verify(DOCTOR.keys.clinical, digest, vote.signature)
    await client.vote(vote)
    assert desk.votes == [vote.encoded()]


async def test_the_role_follows_the_attending(served: Served) -> None:
    desk, client = served
    peer = Grantor(OTHER.address, signer_of(OTHER.name, Purpose.CLINICAL))

    async def role(hand: Grantor) -> VoterRole:
        identifier = desk.shown.id.hex()
        vote = await build_vote(client, identifier, Decision.REJECT, None, hand, charter=CHARTER)
        return vote.ballot.role

    assert (await role(HAND), await role(peer)) == (VoterRole.ATTENDING, VoterRole.PEER)
    known = core(BlockType.MEDICAL_FORM, ISSUER.name, patient=1, registration=None)
    desk.shown = signed(known, ISSUER.name)
    desk.attending = OTHER.address_text
    assert (await role(HAND), await role(peer)) == (VoterRole.PEER, VoterRole.ATTENDING)


async def test_what_must_not_be_signed_is_not(served: Served) -> None:
    desk, client = served
    good = desk.shown

    async def refused(shown: Proposal, identifier: str, match: str) -> None:
        desk.shown = shown
        with pytest.raises(ClinicalError, match=match):
            await build_vote(client, identifier, Decision.APPROVE, None, HAND, charter=CHARTER)

    await refused(good, "12" * 32, "R-PRO2: the node shows another")
    foreign = signed(core(BlockType.MEDICAL_FORM, ISSUER.name, network=b"n" * 32), ISSUER.name)
    await refused(foreign, foreign.id.hex(), "another network")
    forged = signed(core(BlockType.MEDICAL_FORM, ISSUER.name), OTHER.name)
    await refused(forged, forged.id.hex(), "did not sign")
    wrong_role = signed(core(BlockType.PRESCRIPTION, ISSUER.name), ISSUER.name)
    await refused(wrong_role, wrong_role.id.hex(), "R-BLK2")
    outsider = signed(core(BlockType.MEDICAL_FORM, "nobody"), "nobody")
    await refused(outsider, outsider.id.hex(), "R-BLK2")


async def test_garbage_is_not_signed(served: Served) -> None:
    desk, client = served

    async def garbage(identifier: str) -> bytes:
        return b"\x81garbage"

    desk.proposal_bytes = garbage  # type: ignore[method-assign]
    with pytest.raises(ClinicalError, match="R-CAN"):
        await build_vote(client, "12" * 32, Decision.APPROVE, None, HAND, charter=CHARTER)


async def test_a_grade_is_for_reports_from_one_to_four(served: Served) -> None:
    desk, client = served
    with pytest.raises(ClinicalError, match="R-VOT4"):
        await build_vote(client, desk.shown.id.hex(), Decision.APPROVE, 2, HAND)
    report = core(BlockType.REPORT, REPORTER.name, patient=1, registration=None)
    desk.shown = signed(report, REPORTER.name)
    identifier = desk.shown.id.hex()
    graded = await build_vote(client, identifier, Decision.APPROVE, 2, HAND)
    assert graded.ballot.grade == 2
    with pytest.raises(ClinicalError, match="R-VOT4"):
        await build_vote(client, identifier, Decision.APPROVE, 5, HAND)


async def test_only_doctors_of_the_charter_sign(served: Served) -> None:
    desk, client = served
    for name in (ISSUER.name, "nobody"):
        hand = Grantor(address_of_name(name), signer_of(name, Purpose.CLINICAL))
        with pytest.raises(ClinicalError, match="R-VOT3"):
            await build_vote(client, desk.shown.id.hex(), Decision.APPROVE, None, hand)


async def test_a_prescription_is_sealed_for_its_recipients_and_the_patient(
    served: Served,
) -> None:
    desk, client = served
    order = Order(BlockType.PRESCRIPTION, 1, {PartName.PRESC: PRESCRIPTION})
    receipt = await seal_and_submit(client, CHARTER, order, HAND)
    encoded, wraps = desk.sealed[0]
    proposal = parse_proposal(encoded)
    made = proposal.core
    assert receipt.proposal == proposal.id.hex()
    assert verify(DOCTOR.keys.clinical, proposal.id, proposal.signature)
    assert (made.patient, made.doctor, made.issuer) == (1, DOCTOR.address, DOCTOR.address)
    assert made.seen_head.hex() == patient(1).head
    opened = [parse_wrap(wrap) for wrap in wraps]
    patient_address = address_of(made.patient_key)
    members = default_recipients(CHARTER, BlockType.PRESCRIPTION, DOCTOR.address)
    expected = {member.address for member in members} | {patient_address}
    assert {wrap.recipient for wrap in opened} == expected
    for wrap in opened:
        assert verify_wrap(CHARTER.network_id, wrap, DOCTOR.keys.clinical)
    own = next(wrap for wrap in opened if wrap.recipient == patient_address)
    keys = open_wrap(CHARTER.network_id, own, private_key("patient", Purpose.ENCRYPTION))
    descriptor = made.parts[0]
    chunks = [desk.chunks[made.record, PartName.PRESC, n] for n in range(descriptor.chunks)]
    plain = open_part(descriptor, CHARTER.network_id, made.record, keys[PartName.PRESC], chunks)
    assert plain == PRESCRIPTION


async def test_a_doctor_registers_a_patient_from_her_wallet(served: Served, tmp_path: Path) -> None:
    desk, client = served
    path = tmp_path / "wallet.json"
    public = create_wallet(path, "a patient's passphrase", cost=CHEAP)
    wallet = open_keystore(path, "a patient's passphrase", limits=CHEAP_LIMITS)
    registration = make_registration(wallet, CHARTER.network_id, DOCTOR.address, " Ana Lovelace ")
    signs = {"observed_at_ms": 1, "anamnesis": "", "signs": []}
    form = encode_structured(PartName.V_IND, signs)
    attachment = tmp_path / "letter"
    attachment.write_bytes(b"letter" * 500_000)
    order = Order(
        BlockType.MEDICAL_FORM,
        None,
        {PartName.V_IND: form},
        {PartName.ATTACHMENT: attachment},
        doctor=OTHER.address,
        registration=registration,
    )
    await seal_and_submit(client, CHARTER, order, HAND)
    made = parse_proposal(desk.sealed[0][0]).core
    assert verify_registration(made)
    assert address_text(address_of(made.patient_key), "mqpat") == wallet_address(public)
    assert made.doctor == OTHER.address
    name = PatientName("Ana Lovelace", registration.name_salt)
    assert registration.name == name.name
    assert made.patient_name == patient_name_commitment(CHARTER.network_id, name.salt, name.name)
    assert [part.name for part in made.parts] == [
        PartName.ATTACHMENT,
        PartName.PAT_NAME,
        PartName.V_IND,
    ]


async def test_a_registration_is_of_use_to_the_named_issuer_only(tmp_path: Path) -> None:
    path = tmp_path / "wallet.json"
    create_wallet(path, "a patient's passphrase", cost=CHEAP)
    wallet = open_keystore(path, "a patient's passphrase", limits=CHEAP_LIMITS)
    made = make_registration(wallet, CHARTER.network_id, ISSUER.address, "A")
    again = make_registration(wallet, CHARTER.network_id, ISSUER.address, "A")
    other = make_registration(wallet, CHARTER.network_id, OTHER.address, "A")
    assert made.proof == again.proof
    assert made.name_salt != again.name_salt
    assert made.proof != other.proof


async def test_what_a_doctor_may_not_issue_is_not_sealed(served: Served) -> None:
    desk, client = served
    with pytest.raises(ClinicalError, match="R-BLK2"):
        await seal_and_submit(client, CHARTER, Order(BlockType.CT, 1), HAND)
    with pytest.raises(ClinicalError, match="R-PRO4"):
        await seal_and_submit(client, CHARTER, Order(BlockType.PRESCRIPTION, None), HAND)
    assert desk.chunks == {}


def test_a_hand_is_made_of_an_open_keystore() -> None:
    member = make_member("Dr. Amara", Role.DOCTOR)

    points = {"clinical": member.keys.clinical.hex()}
    public = KeystorePublic(member.address, points, None)
    hand = hand_of(Keystore(public, {"clinical": private_key("Dr. Amara", Purpose.CLINICAL)}))
    assert verify(member.keys.clinical, b"d" * 32, hand.sign(b"d" * 32))
