"""A ward before the case view: proposals really signed, contents, a history, a doctor who votes.

The fake desk answers from here; images are those of the viewer's kit, handed to the browser.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from medquorum.ledger import canonical
from medquorum.ledger.ceremony import CharterFile
from medquorum.ledger.keys import Purpose
from medquorum.ledger.limits import FRAME
from medquorum.ledger.opening import open_part
from medquorum.ledger.proposal import Proposal, parse_proposal
from medquorum.ledger.types import BlockHash, BlockType, Decision, PartName, RecordId
from medquorum.ledger.vote import Vote, parse_vote
from medquorum.ledger.wrap import Wrap, open_wrap, parse_wrap
from medquorum.node.desk import DeskError, Reader, Receipt, VoteReceipt
from medquorum.node.presenter import provenance_view
from medquorum.node.views import BlockView, EventView, ProposalView, VerdictView, VoteView
from tests.browser.case_contents import FORM, PRESCRIPTION, RESULTS, film_report, tumour_report
from tests.browser.case_images import XRAY_RECORD
from tests.browser.viewer_kit import (
    PET_RECORD,
    RECORD,
)
from tests.ledger.charter_kit import address_of_name, private_key
from tests.node.api.conftest import House
from tests.node.api.fake_desk import block, patient
from tests.support.chains import grow
from tests.support.network import HOSPITAL, ai_report, digest, part, propose

CHAIN = grow()
NETWORK = CHAIN.network
PATIENT = CHAIN.view.patient(1)
ATTENDING = NETWORK.doctors[0]
OTHER = NETWORK.doctors[1]
CT_HASH, PET_HASH = digest("ct block"), digest("pet block")
DAY_MS = 86_400_000


def text_of(name: str) -> str:
    """A member's address as text."""
    member = NETWORK.charter.member(address_of_name(name))
    assert member is not None
    return member.address_text


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _fresh() -> dict[str, int]:
    return {"issued_at_ms": _now_ms() - 3 * 3_600_000, "expires_at_ms": _now_ms() + 6 * DAY_MS}


def machine_report(*, film: bool = False, attached: bool = True) -> Proposal:
    """An AI entity's report on the CT and PET, or on a film."""
    inputs = (
        (BlockHash(digest("xray block")),) if film else (BlockHash(CT_HASH), BlockHash(PET_HASH))
    )
    parts = (part(PartName.ATTACHMENT), part(PartName.M_REPORT))
    made = ai_report(NETWORK, CHAIN.view, inputs[0])
    assert made.core.ai is not None
    return ai_report(
        NETWORK,
        CHAIN.view,
        inputs[0],
        references=inputs,
        ai=replace(made.core.ai, inputs=inputs),
        parts=parts if attached else parts[1:],
        record=RecordId(digest(f"machine report {film}")),
        **_fresh(),
    )


def other_proposal(kind: BlockType, **changes: Any) -> Proposal:
    """A form, results or a prescription of the same patient."""
    return propose(NETWORK, CHAIN.view, kind, **_fresh(), **changes)


def view_of(proposal: Proposal, **changes: Any) -> ProposalView:
    """The node's view of a proposal on which two others have voted already."""
    core = proposal.core
    issuer = NETWORK.charter.member(core.issuer)
    assert issuer is not None
    others = (
        VoteView(text_of(OTHER), OTHER, "reject", "peer", "human", 3),
        VoteView(text_of(NETWORK.doctors[2]), NETWORK.doctors[2], "approve", "peer", "human", 1),
    )
    missing = (NETWORK.doctors[0], NETWORK.doctors[3])
    shown = ProposalView(
        id=proposal.id.hex(),
        type=core.type.value,
        state="open",
        reason=None,
        issuer=issuer.address_text,
        issuer_name=issuer.name,
        issuer_role=issuer.role.value,
        patient=core.patient,
        doctor=text_of(ATTENDING),
        record=core.record.hex(),
        parts=tuple(one.name.value for one in core.parts),
        body="opened",
        issued_at_ms=core.issued_at_ms,
        expires_at_ms=core.expires_at_ms,
        received_at_us=core.issued_at_ms * 1_000,
        references=tuple(one.hex() for one in core.references),
        replaces=core.replaces.hex() if core.replaces else None,
        ai=provenance_view(core.ai),
        n_bc=None,
        verdict=VerdictView("pending", 4, 1, 1, 0, ATTENDING, False, (OTHER,), missing),
        votes=others,
    )
    return replace(shown, **changes)


def history() -> tuple[BlockView, ...]:
    """Form, prescription, CT, PET, film of the patient, oldest first."""
    start = _now_ms() - 40 * DAY_MS
    told = (
        ("medical_form", "51" * 32, "V_IND", "d1" * 32, HOSPITAL),
        ("prescription", "52" * 32, "PRESC", "d2" * 32, ATTENDING),
        ("ct", RECORD, "IMG_CT", CT_HASH.hex(), "Radiology Center"),
        ("pet", PET_RECORD, "IMM_PET", PET_HASH.hex(), "Radiology Center"),
        ("xray", XRAY_RECORD, "IMG_XRAY", digest("xray block").hex(), "Radiology Center"),
    )
    return tuple(
        replace(
            block(number, 1),
            type=kind,
            proposal_type=kind,
            record=record,
            parts=(name,),
            hash=hashed,
            issuer_name=issuer,
            batch_time_ms=start + number * 7 * DAY_MS,
            proposal=digest(kind).hex(),
        )
        for number, (kind, record, name, hashed, issuer) in enumerate(told, 1)
    )


@dataclass
class Ward:
    """What the node of the attending holds."""

    house: House
    views: dict[str, ProposalView] = field(default_factory=dict)
    proposals: dict[str, Proposal] = field(default_factory=dict)
    contents: dict[tuple[str, str], bytes] = field(default_factory=dict)
    cast: list[Vote] = field(default_factory=list)
    refusal: DeskError | None = None
    """How the next vote is refused."""
    issued: Proposal | None = None
    """What the page issued last."""
    wraps: tuple[Wrap, ...] = ()
    next_steps: tuple[str, ...] = ("prescribe_treatment", "prescribe_pet")

    def put(self, proposal: Proposal, content: Mapping[str, Any] | None, **changes: Any) -> str:
        """Hold a proposal with its structured part; its id."""
        view = view_of(proposal, **changes)
        self.views[view.id], self.proposals[view.id] = view, proposal
        names = [name for name in view.parts if name not in ("ATTACHMENT", "PAT_NAME")]
        if content is not None:
            self.contents[view.record, names[0]] = canonical.encode(dict(content))
        return view.id

    def change(self, identifier: str, kind: str = "proposal", **changes: Any) -> None:
        """Let a proposal change, and tell who listens."""
        self.views[identifier] = replace(self.views[identifier], **changes)
        desk = self.house.desk
        desk.log.append(EventView(len(desk.log) + 1, kind, 1, identifier, {}))
        desk.changed.set()

    # --- the desk ---------------------------------------------------------------------------

    async def proposal(self, identifier: str) -> ProposalView:
        if identifier not in self.views:
            raise DeskError(404, "unknown_proposal", "no such proposal here")
        return self.views[identifier]

    async def bytes_of(self, identifier: str) -> bytes:
        await self.proposal(identifier)
        return self.proposals[identifier].encoded()

    async def inbox(self) -> tuple[ProposalView, ...]:
        return tuple(
            one
            for one in self.views.values()
            if one.state == "open" and ATTENDING in one.verdict.missing
        )

    async def blocks(self, after: int, limit: int, number: int | None) -> tuple[BlockView, ...]:
        return tuple(one for one in history() if one.n_bc > after)[:limit]

    async def patient(self, number: int) -> Any:
        assert PATIENT is not None
        return replace(
            patient(1),
            public_key=PATIENT.key.hex(),
            encryption_key=PATIENT.encryption_key.hex(),
            patient_name=PATIENT.name.hex(),
            head=PATIENT.head.hex(),
            attending=text_of(ATTENDING),
            attending_name=ATTENDING,
            phase="pet_assessed",
            next_steps=self.next_steps,
        )

    async def read(self, record: RecordId, name: PartName, reader: Reader) -> AsyncIterator[bytes]:
        held = self.contents.get((record.hex(), name.value))
        if held is None:
            raise DeskError(404, "unknown_record", "no such part here")

        async def pieces() -> AsyncIterator[bytes]:
            yield held

        return pieces()

    async def accept(self, encoded: bytes, wraps: Sequence[bytes]) -> Receipt:
        self.issued = parse_proposal(encoded)
        self.wraps = tuple(parse_wrap(wrap) for wrap in wraps)
        core = self.issued.core
        return Receipt(self.issued.id.hex(), core.record.hex(), core.body_root.hex())

    def opened(self, name: PartName) -> Any:
        """A part of what was issued, as another doctor opens it: every check of R-BOD."""
        assert self.issued is not None
        core = self.issued.core
        mine = next(one for one in self.wraps if one.recipient == address_of_name(OTHER))
        keys = open_wrap(NETWORK.id, mine, private_key(OTHER, Purpose.ENCRYPTION))
        descriptor = next(one for one in core.parts if one.name is name)
        held = self.house.desk.chunks
        chunks = [held[core.record, name, index] for index in range(descriptor.chunks)]
        plain = open_part(descriptor, NETWORK.id, core.record, keys[name], chunks)
        return canonical.decode(plain, FRAME)

    async def vote(self, encoded: bytes) -> VoteReceipt:
        if self.refusal is not None:
            raise self.refusal
        vote = parse_vote(encoded)
        self.cast.append(vote)
        ballot, identifier = vote.ballot, vote.ballot.proposal.hex()
        view = self.views[identifier]
        own = VoteView(
            text_of(ATTENDING),
            ATTENDING,
            ballot.decision.value,
            ballot.role.value,
            "human",
            ballot.grade,
        )
        missing = tuple(name for name in view.verdict.missing if name != ATTENDING)
        approvals = view.verdict.approvals + (ballot.decision is Decision.APPROVE)
        verdict = replace(view.verdict, missing=missing, approvals=approvals)
        self.change(identifier, "vote", votes=(*view.votes, own), verdict=verdict)
        digest_ = ballot.digest(NETWORK.id).hex()
        return VoteReceipt(digest_, identifier, _now_ms() * 1_000)


def staged(house: House) -> Ward:
    """The house's fake desk, answering from a ward."""
    ward, desk = Ward(house), house.desk
    desk.charter_file, desk.charter = CharterFile(NETWORK.charter), NETWORK.charter
    desk.governance.versions[:] = [NETWORK.charter]
    desk.proposal, desk.proposal_bytes = ward.proposal, ward.bytes_of  # type: ignore[method-assign]
    desk.inbox, desk.blocks = ward.inbox, ward.blocks  # type: ignore[method-assign]
    desk.patient, desk.vote = ward.patient, ward.vote  # type: ignore[method-assign]
    desk.read_part = ward.read  # type: ignore[method-assign]
    desk.accept_sealed = ward.accept  # type: ignore[method-assign]
    return ward


def every_kind(ward: Ward) -> dict[str, str]:
    """One proposal of each kind, by a short name."""
    return {
        "tumour": ward.put(machine_report(), tumour_report()),
        "film": ward.put(machine_report(film=True, attached=False), film_report()),
        "form": ward.put(other_proposal(BlockType.MEDICAL_FORM), FORM),
        "results": ward.put(other_proposal(BlockType.TEST_RESULT), RESULTS),
        "prescription": ward.put(other_proposal(BlockType.PRESCRIPTION), PRESCRIPTION),
    }
