"""What a doctor issues from the page: opened by every recipient, taken by a real node (R-BOD)."""

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser

from medquorum.consensus.admission import judge_proposal
from medquorum.ledger import canonical
from medquorum.ledger.body import padded_size
from medquorum.ledger.keys import Purpose, address_text
from medquorum.ledger.opening import open_part
from medquorum.ledger.part_keys import check_sizes
from medquorum.ledger.proposal import Proposal, parse_proposal
from medquorum.ledger.reasons import ACCEPT
from medquorum.ledger.signature import verify
from medquorum.ledger.types import BlockType, PartName, RecordId
from medquorum.ledger.wrap import Wrap, open_wrap, parse_wrap, verify_wrap
from medquorum.node.api.charter_schema import CharterAnswer
from medquorum.node.page_key_file import seal_page_keys
from medquorum.node.recipients import encryption_keys
from tests.browser.keys_kit import Desk, PageFault, assert_hidden, desk_of, forms, served
from tests.ledger.charter_kit import address_of_name, private_key
from tests.node.kit import node_of
from tests.support.chains import grow
from tests.support.network import AI_ENTITY, HOSPITAL

CHAIN = grow()
NETWORK = CHAIN.network
DOCTOR = NETWORK.doctors[0]
PATIENT = CHAIN.view.patient(1)
PASSPHRASE = "correct horse battery"
REPORT = {
    "author_kind": "human",
    "conclusion": "tumour",
    "findings": {"liver": {"level": "tumour", "volume_mm3": 12_000}},
    "next_step": "treatment",
    "text": "Läsion im Segment VII.",
}
ATTACHMENT = bytes(range(256)) * 9_000
"""Three chunks, the last of them padding in part."""


@dataclass
class Taken:
    """What the page gave a node that only listens."""

    chunks: dict[tuple[PartName, int], bytes] = field(default_factory=dict)
    record: RecordId | None = None
    proposal: Proposal | None = None
    wraps: tuple[Wrap, ...] = ()
    lie: bool = False

    async def charter(self, _: web.Request) -> web.Response:
        answer = CharterAnswer.of(NETWORK.charter, (NETWORK.charter,))
        return web.json_response(answer.model_dump())

    async def patient(self, request: web.Request) -> web.Response:
        assert PATIENT is not None
        assert request.match_info["n_pb"] == "1"
        view = {
            "n_pb": 1,
            "public_key": PATIENT.key.hex(),
            "encryption_key": PATIENT.encryption_key.hex(),
            "patient_name": PATIENT.name.hex(),
            "attending": address_text(PATIENT.attending, "mqdoc"),
            "head": PATIENT.head.hex(),
        }
        return web.json_response(view)

    async def chunk(self, request: web.Request) -> web.Response:
        self.record = RecordId(bytes.fromhex(request.match_info["record"]))
        place = PartName(request.match_info["part"]), int(request.match_info["index"])
        self.chunks[place] = await request.read()
        return web.Response(status=204)

    async def propose(self, request: web.Request) -> web.Response:
        sealed = await request.json()
        self.proposal = parse_proposal(base64.b64decode(sealed["proposal"], validate=True))
        self.wraps = tuple(
            parse_wrap(base64.b64decode(one, validate=True)) for one in sealed["wraps"]
        )
        proposal = "00" * 32 if self.lie else self.proposal.id.hex()
        receipt = {"proposal": proposal, "record": "", "body_root": ""}
        return web.json_response(receipt, status=201)


@dataclass
class Bench:
    """A desk with the doctor's hand open, and who listens."""

    desk: Desk
    taken: Taken

    async def seal(self, **order: Any) -> Proposal:
        """Seal and propose from the page."""
        self.taken.chunks.clear()
        body = "return m.seal.sealAndPropose(v.order);"
        receipt = await self.desk.run("seal hand", body, order=order)
        assert self.taken.proposal is not None
        assert receipt["proposal"] == self.taken.proposal.id.hex()
        return self.taken.proposal


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def bench(chromium: Browser) -> AsyncIterator[Bench]:
    taken = Taken()
    routes = {
        ("GET", "/v1/charter"): taken.charter,
        ("GET", "/v1/patients/{n_pb}"): taken.patient,
        ("PUT", "/v1/bodies/{record}/{part}/{index}"): taken.chunk,
        ("POST", "/v1/proposals"): taken.propose,
    }
    keys = {"clinical": private_key(DOCTOR, Purpose.CLINICAL)}
    file = seal_page_keys(keys, address_of_name(DOCTOR), PASSPHRASE).decode()
    async with served(routes) as url, desk_of(chromium, url) as desk:
        body = "await m.hand.hand.open(v.file, v.passphrase);"
        await desk.run("hand", body, file=file, passphrase=PASSPHRASE)
        yield Bench(desk, taken)


def opened_by(taken: Taken, name: str, part: PartName) -> bytes:
    """The plaintext of a part as this recipient opens it; every check of R-BOD3 to R-BOD7."""
    proposal = taken.proposal
    assert proposal is not None
    core = proposal.core
    mine = next(one for one in taken.wraps if one.recipient == address_of_name(name))
    issuer = NETWORK.charter.member(core.issuer)
    assert issuer is not None
    assert verify_wrap(NETWORK.id, mine, issuer.keys.clinical)
    keys = open_wrap(NETWORK.id, mine, private_key(name, Purpose.ENCRYPTION))
    descriptor = next(one for one in core.parts if one.name is part)
    check_sizes(descriptor)
    chunks = [taken.chunks[part, index] for index in range(descriptor.chunks)]
    return open_part(descriptor, NETWORK.id, core.record, keys[part], chunks)


async def test_a_report_is_admissible_and_opens_for_every_recipient(bench: Bench) -> None:
    references = [PATIENT.head.hex()] if PATIENT else []
    contents = {"M_REPORT": REPORT, "ATTACHMENT": ATTACHMENT}
    proposal = await bench.seal(type="report", patient=1, contents=contents, references=references)
    assert judge_proposal(proposal, CHAIN.view, verify) == ACCEPT
    core = proposal.core
    assert PATIENT is not None
    assert (core.type, core.patient, core.doctor) == (BlockType.REPORT, 1, PATIENT.attending)
    assert (core.seen_head, core.references) == (PATIENT.head, (PATIENT.head,))
    wanted = encryption_keys(
        NETWORK.charter, core.type, core.issuer, (PATIENT.key, PATIENT.encryption_key)
    )
    assert [one.recipient for one in bench.taken.wraps] == sorted(wanted)
    for name in (*NETWORK.doctors, AI_ENTITY, "patient 1"):
        assert canonical.decode(opened_by(bench.taken, name, PartName.M_REPORT)) == REPORT
    assert opened_by(bench.taken, DOCTOR, PartName.ATTACHMENT) == ATTACHMENT


async def test_a_real_node_takes_a_prescription(bench: Bench, tmp_path: Path) -> None:
    """Chunks, wraps and proposal as the page made them, through `accept_sealed` (R-VOT5)."""
    lines = [{"instruction": "once", "text": "PET with contrast"}]
    presc = {"kind": "pet", "lines": lines}
    proposal = await bench.seal(type="prescription", patient=1, contents={"PRESC": presc})
    taken = bench.taken
    assert taken.record is not None
    async with node_of(NETWORK, DOCTOR, tmp_path / "home", CHAIN) as node:
        for (part, index), chunk in taken.chunks.items():
            await node.submissions.put_chunk(taken.record, part, index, chunk)
        receipt = await node.submissions.accept_sealed(
            proposal.encoded(), [wrap.encoded() for wrap in taken.wraps]
        )
        assert receipt.proposal == proposal.id.hex()


async def test_a_registration_hides_the_name_from_machines(bench: Bench) -> None:
    """R-PRO4, R-PRO5: proof and commitment hold; an AI entity gets no wrap of a form."""
    body = """const { wallet } = await m.wallet.newWallet("a passphrase to try");
      return m.wallet.registrationFor({ wallet, network: v.network, issuer: v.issuer,
        name: " Zo\\u0065\\u0308 Example " });"""
    registration = await bench.desk.run(
        "wallet", body, network=NETWORK.id, issuer=address_of_name(DOCTOR)
    )
    assert registration["name"] == "Zoë Example"
    salt = bytes.fromhex(registration["name_salt"])
    vital = {"observed_at_ms": 1, "signs": [], "anamnesis": ""}
    name = {"name": registration["name"], "salt": salt}
    proposal = await bench.seal(
        type="medical_form",
        patient=None,
        registration=registration,
        contents={"PAT_NAME": name, "V_IND": vital},
        doctor=address_text(address_of_name(NETWORK.doctors[2]), "mqdoc"),
    )
    assert judge_proposal(proposal, CHAIN.view, verify) == ACCEPT
    assert proposal.core.doctor == address_of_name(NETWORK.doctors[2])
    readers = {one.recipient for one in bench.taken.wraps}
    assert address_of_name(AI_ENTITY) not in readers
    assert address_of_name(HOSPITAL) not in readers
    assert canonical.decode(opened_by(bench.taken, DOCTOR, PartName.PAT_NAME)) == name


async def test_refusals(bench: Bench) -> None:
    contents = {"PRESC": {"kind": "ct", "lines": []}}
    for order in (
        {"type": "prescription", "patient": None, "contents": contents},
        {"type": "prescription", "patient": 1, "registration": {}, "contents": contents},
    ):
        with pytest.raises(PageFault, match="R-PRO4"):
            await bench.seal(**order)
    bench.taken.lie = True
    with pytest.raises(PageFault, match="R-PRO2"):
        await bench.seal(type="prescription", patient=1, contents=contents)
    bench.taken.lie = False


async def test_padding_is_the_ledgers(bench: Bench) -> None:
    """R-BOD3: the sizes on both sides of every step."""
    sizes = [0, 1, 4_088, 4_089, 65_528, 65_529, 2**20, 2**20 - 8, 2**20 - 7, 3_000_000, 2**31]
    body = "return v.sizes.map((one) => m.parts.paddedSize(one));"
    made = await bench.desk.run("parts", body, sizes=sizes)
    assert made == [padded_size(one) for one in sizes]


async def test_no_key_leaves_while_sealing(bench: Bench) -> None:
    """Runs last: neither the clinical key nor the report's own words leave in clear."""
    scalar = private_key(DOCTOR, Purpose.CLINICAL).private_numbers().private_value
    text = REPORT["text"]
    assert isinstance(text, str)
    await assert_hidden(bench.desk, scalar.to_bytes(32, "big"), PASSPHRASE.encode(), text.encode())


def test_the_kit_finds_a_secret_in_any_form() -> None:
    """The hidden-key check can fail: each form it looks for contains the secret."""
    secret = bytes(range(32))
    for shift in range(3):
        around = bytes([7] * shift) + secret + b"tail"
        assert any(form in base64.b64encode(around) for form in forms(secret))
        assert any(form in base64.urlsafe_b64encode(around) for form in forms(secret))
