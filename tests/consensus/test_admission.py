"""Proposals, votes, positions and witnesses are refused by name (R-PRO, R-VOT, R-ORD4, R-ORD5)."""

from dataclasses import replace
from typing import Any

import pytest

from medquorum.consensus.admission import (
    judge_arrival,
    judge_position,
    judge_proposal,
)
from medquorum.ledger.keys import PublicKey, Purpose
from medquorum.ledger.limits import CLOCK_DRIFT_MS, PART_BYTES, PROPOSAL_LIFETIME_MS
from medquorum.ledger.proposal import Proposal
from medquorum.ledger.reasons import ACCEPT, Ignore, Judgement, Reason, Reject
from medquorum.ledger.signature import Signature, verify
from medquorum.ledger.types import (
    GOVERNANCE_TYPES,
    RESERVED_TYPES,
    BlockHash,
    BlockType,
    Outcome,
    PartName,
    Role,
)
from tests.ledger.charter_kit import signer_of
from tests.support.chains import Chain
from tests.support.network import (
    AI_ENTITY,
    HOSPITAL,
    LABORATORY,
    RADIOLOGIST,
    START_MS,
    Network,
    address,
    ai_report,
    digest,
    make_network,
    part,
    propose,
    registration,
)

MAY_ISSUE = {
    BlockType.MEDICAL_FORM: "hospital doctor",
    BlockType.CT: "radiologist hospital",
    BlockType.PET: "radiologist hospital",
    BlockType.XRAY: "radiologist hospital",
    BlockType.TEST_RESULT: "laboratory hospital",
    BlockType.REPORT: "doctor radiologist ai_entity",
    BlockType.PRESCRIPTION: "doctor",
    BlockType.ATTENDING: "hospital doctor",
}
"""R-BLK2, as the page says it."""


def judged(chain: Chain, proposal: Proposal) -> Judgement:
    """What admission says."""
    return judge_proposal(proposal, chain.view, verify)


def issuer_of(role: Role, network: Network) -> str:
    """A member of a role."""
    others = {
        Role.HOSPITAL: HOSPITAL,
        Role.LABORATORY: LABORATORY,
        Role.RADIOLOGIST: RADIOLOGIST,
        Role.AI_ENTITY: AI_ENTITY,
    }
    return others.get(role, network.doctors[1])


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("kind", BlockType)
def test_the_permission_table(chain: Chain, role: Role, kind: BlockType) -> None:
    """R-BLK1, R-BLK2: every pair of role and type."""
    network = chain.network
    name = issuer_of(role, network)
    image = chain.blocks[2].hash
    if role is Role.AI_ENTITY:
        proposal = ai_report(network, chain.view, image, type=kind)
        if kind in MAY_ISSUE and kind is not BlockType.REPORT:
            proposal = propose(network, chain.view, kind, issuer=name)
    else:
        proposal = propose(network, chain.view, kind, issuer=name)
    if kind in RESERVED_TYPES:
        assert judged(chain, proposal) == Reject(Reason.TYPE_RESERVED)
    elif kind in GOVERNANCE_TYPES:
        assert judged(chain, proposal) == Reject(Reason.MALFORMED)
    elif role.value in MAY_ISSUE[kind].split():
        assert judged(chain, proposal) == ACCEPT
    else:
        assert judged(chain, proposal) == Reject(Reason.ROLE_NOT_ALLOWED)


NO_REASON = part(PartName.M_REPORT)
CT = part(PartName.IMG_CT)
SPOILED: dict[str, tuple[dict[str, Any], Reason]] = {
    "R-HASH3 network": ({"network": digest("elsewhere")}, Reason.FOREIGN_NETWORK),
    "R-ORD4 issuer": ({"issuer": "a stranger"}, Reason.UNKNOWN_ISSUER),
    "R-BLK3 none": ({"parts": ()}, Reason.PARTS_NOT_ALLOWED),
    "R-BLK3 missing": ({"parts": (part(PartName.ATTACHMENT),)}, Reason.PARTS_NOT_ALLOWED),
    "R-BLK3 foreign": ({"parts": (CT, NO_REASON)}, Reason.PARTS_NOT_ALLOWED),
    "R-BLK3 name": ({"parts": (CT, part(PartName.PAT_NAME))}, Reason.PARTS_NOT_ALLOWED),
    "R-BOD1 twice": ({"parts": (CT, CT)}, Reason.PARTS_NOT_ALLOWED),
    "R-BOD1 order": ({"parts": (CT, part(PartName.ATTACHMENT))}, Reason.PARTS_NOT_ALLOWED),
    "R-BOD2": ({"body_root": digest("another body")}, Reason.BODY_ROOT_MISMATCH),
    "R-BOD3 size": ({"parts": (replace(CT, size=CT.size + 1),)}, Reason.BODY_TOO_LARGE),
    "R-BOD3 tiny": ({"parts": (replace(CT, size=1, chunks=1),)}, Reason.BODY_TOO_LARGE),
    "R-BOD4 chunks": ({"parts": (replace(CT, chunks=3),)}, Reason.BODY_TOO_LARGE),
    "R-PRO8 over": ({"expires_at_ms": START_MS}, Reason.BAD_LIFETIME),
    "R-PRO8 long": (
        {"expires_at_ms": START_MS + PROPOSAL_LIFETIME_MS + 1},
        Reason.BAD_LIFETIME,
    ),
    "R-PRO6 nobody": ({"doctor": digest("nobody")}, Reason.UNKNOWN_DOCTOR),
    "R-PRO6 hospital": ({"doctor": address(HOSPITAL)}, Reason.UNKNOWN_DOCTOR),
    "R-PRO4 patient": ({"patient": None}, Reason.BAD_REGISTRATION),
}


@pytest.mark.parametrize("rule", SPOILED)
def test_a_spoiled_ct_is_refused_by_name(chain: Chain, rule: str) -> None:
    """R-ORD4: every condition that needs no chain."""
    changes, reason = SPOILED[rule]
    spoiled = propose(chain.network, chain.view, BlockType.CT, **changes)
    assert judged(chain, spoiled) == Reject(reason)


def test_the_longest_lifetime_and_an_attachment_are_allowed(chain: Chain) -> None:
    """R-PRO8, R-BLK3: to the millisecond; any type may add ATTACHMENT."""
    parts = (part(PartName.ATTACHMENT), CT)
    until = START_MS + PROPOSAL_LIFETIME_MS
    kept = propose(chain.network, chain.view, BlockType.CT, expires_at_ms=until, parts=parts)
    assert judged(chain, kept) == ACCEPT


def test_a_body_beyond_its_limit_is_refused(chain: Chain) -> None:
    """R-BOD3: three parts of the largest size are more than 4 GiB."""
    names = (PartName.ATTACHMENT, PartName.PAT_NAME, PartName.V_IND)
    parts = tuple(part(name, PART_BYTES) for name in names)
    form = registration(chain.network, "patient 3", parts=parts)
    assert judged(chain, form) == Reject(Reason.BODY_TOO_LARGE)
    assert judged(chain, registration(chain.network, "patient 3", parts=parts[1:])) == ACCEPT


def test_only_the_issuers_own_low_s_signature_counts(chain: Chain) -> None:
    """R-PRO2, R-SIG2: not another member's, not the same one mirrored, not of another core."""
    good = propose(chain.network, chain.view, BlockType.CT)
    assert judged(chain, good) == ACCEPT
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    high = (order - int.from_bytes(good.signature[32:], "big")).to_bytes(32, "big")
    other = signer_of(HOSPITAL, Purpose.CLINICAL)(good.id)
    consensus = signer_of(RADIOLOGIST, Purpose.CONSENSUS)(good.id)
    for spoiled in (good.signature[:32] + high, other, consensus, bytes(64)):
        forged = replace(good, signature=Signature(spoiled))
        assert judged(chain, forged) == Reject(Reason.BAD_SIGNATURE)


def test_a_registration_is_proved_by_the_patient(chain: Chain) -> None:
    """R-PRO4, R-KEY4: seen_head ZERO, a form, the patient's own proof, two keys."""
    network = chain.network
    form = registration(network, "patient 3")
    assert judged(chain, form) == ACCEPT
    known = form.core.registration
    other = registration(network, "patient 4").core.registration
    assert known is not None and other is not None
    same_key = replace(known, encryption_key=form.core.patient_key)
    no_key = replace(known, encryption_key=PublicKey(bytes(33)))
    by_other = registration(network, "patient 3", issuer=network.doctors[0]).core.registration
    for changes in (
        {"registration": other},
        {"registration": same_key},
        {"registration": no_key},
        {"registration": by_other},
        {"patient": 3},
        {"seen_head": BlockHash(digest("a block"))},
        {"patient_key": registration(network, "patient 4").core.patient_key},
    ):
        spoiled = registration(network, "patient 3", **changes)
        assert judged(chain, spoiled) == Reject(Reason.BAD_REGISTRATION)


def test_only_a_form_registers(chain: Chain) -> None:
    """R-PRO4, R-BLK3: another type with a registration is refused, whatever its parts."""
    form = registration(chain.network, "patient 3")
    parts = (part(PartName.PAT_NAME), part(PartName.TEST_RES))
    spoiled = registration(chain.network, "patient 3", type=BlockType.TEST_RESULT, parts=parts)
    assert judged(chain, form) == ACCEPT
    assert judged(chain, spoiled) == Reject(Reason.BAD_REGISTRATION)


def test_provenance_stands_exactly_in_machine_reports(chain: Chain) -> None:
    """R-PRO9: missing, of a person, of nothing, of other inputs than the references."""
    network, view, image = chain.network, chain.view, chain.blocks[2].hash
    good = ai_report(network, view, image)
    assert judged(chain, good) == ACCEPT
    by_person = propose(network, view, BlockType.REPORT, references=(image,), ai=good.core.ai)
    missing = ai_report(network, view, image, ai=None)
    no_input = ai_report(network, view, image, references=())
    other_input = ai_report(network, view, image, references=(chain.blocks[0].hash,))
    for spoiled in (by_person, missing, no_input, other_input):
        assert judged(chain, spoiled) == Reject(Reason.BAD_PROVENANCE)


def test_a_machine_report_rests_on_an_image(chain: Chain) -> None:
    """R-PRO8: at least one reference is an image block; one rejected needs none (R-ORD5)."""
    network, view = chain.network, chain.view
    form, image = chain.blocks[0].hash, chain.blocks[2].hash
    provenance = ai_report(network, view, image).core.ai
    assert provenance is not None
    for named, expected in (
        ((image,), ACCEPT),
        ((form, image), ACCEPT),
        ((form,), Reject(Reason.BAD_PROVENANCE)),
    ):
        core = ai_report(
            network, view, image, references=named, ai=replace(provenance, inputs=named)
        ).core
        assert judge_position(core, Outcome.ACCEPTED, view) == expected
        assert judge_position(core, Outcome.REJECTED, view) == ACCEPT


def test_arrival_by_the_receivers_clock(chain: Chain) -> None:
    """R-PRO10: two seconds ahead at most; what is over is of no use."""
    core = propose(chain.network, chain.view, BlockType.CT).core
    assert judge_arrival(core, START_MS - CLOCK_DRIFT_MS) == ACCEPT
    assert judge_arrival(core, START_MS - CLOCK_DRIFT_MS - 1) == Ignore(Reason.NOT_YET)
    assert judge_arrival(core, core.expires_at_ms) == ACCEPT
    assert judge_arrival(core, core.expires_at_ms + 1) == Ignore(Reason.EXPIRED)


def test_a_proposal_of_another_network_is_refused(chain: Chain) -> None:
    """R-HASH3: the same doctors and hospital elsewhere; nothing of it counts here."""
    elsewhere = make_network(3)
    assert judged(chain, registration(elsewhere)) == Reject(Reason.FOREIGN_NETWORK)
    other = registration(chain.network, "patient 3", doctor=elsewhere.doctors[0])
    borrowed = registration(elsewhere, "patient 3", network=chain.network.id)
    assert judged(chain, other) == ACCEPT
    assert judged(chain, borrowed) == Reject(Reason.BAD_REGISTRATION)
