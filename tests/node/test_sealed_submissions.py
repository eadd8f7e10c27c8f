"""Proposals sealed on a doctor's own machine: taken whole, or refused with nothing left (R-BOD)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from medquorum.consensus.events import ProposalArrived
from medquorum.ledger.types import BlockType, PartName
from medquorum.node.desk import DeskError
from tests.ledger.charter_kit import address_of_name
from tests.node.kit import Node, node_of, until
from tests.node.refusing import Act, look, refusal
from tests.node.sealed_bodies import Sealed, sealed_proposal, sealed_registration
from tests.support.chains import grow
from tests.support.network import HOSPITAL, RADIOLOGIST, digest

CHAIN = grow()
NETWORK = CHAIN.network
DOCTOR = NETWORK.doctors[0]


@pytest.fixture
async def doctor(tmp_path: Path) -> AsyncIterator[Node]:
    async with node_of(NETWORK, DOCTOR, tmp_path / "home", CHAIN) as node:
        yield node


def a_prescription(**fields: Any) -> Sealed:
    return sealed_proposal(NETWORK, CHAIN.view, BlockType.PRESCRIPTION, b"lines", DOCTOR, **fields)


def accept(node: Node, sealed: Sealed, wraps: Any = None) -> Awaitable[object]:
    given = [wrap.encoded() for wrap in (sealed.wraps if wraps is None else wraps)]
    return node.submissions.accept_sealed(sealed.proposal.encoded(), given)


async def test_what_a_doctor_sealed_is_taken_whole(doctor: Node) -> None:
    sealed = a_prescription()
    await doctor.put(sealed)
    receipt = await accept(doctor, sealed)
    assert getattr(receipt, "proposal", "") == sealed.proposal.id.hex()
    assert doctor.opened(sealed)
    assert await doctor.rows("wraps") == len(sealed.wraps)


async def test_taking_it_twice_harms_nothing(doctor: Node) -> None:
    sealed = a_prescription()
    await doctor.put(sealed)
    first = await accept(doctor, sealed)
    before = await look(doctor)
    with pytest.raises(DeskError) as refused:
        await doctor.put(sealed)
    assert (refused.value.status, refused.value.rule) == (409, "duplicate")
    assert await accept(doctor, sealed) == first, "the receipt again, for a lost answer"
    assert await look(doctor) == before
    assert doctor.opened(sealed)


async def test_another_proposal_for_a_taken_record_gets_no_receipt(doctor: Node) -> None:
    sealed = a_prescription()
    await doctor.put(sealed)
    await accept(doctor, sealed)
    other = a_prescription(record=sealed.record)
    doctor.mouth.said.clear()
    assert await refusal(doctor, lambda: accept(doctor, other)) == (409, "duplicate")


async def test_the_receipt_is_given_again_after_a_restart(tmp_path: Path) -> None:
    sealed = a_prescription()
    async with node_of(NETWORK, DOCTOR, tmp_path / "home", CHAIN) as before:
        await before.put(sealed)
        first = await accept(before, sealed)
    async with node_of(NETWORK, DOCTOR, tmp_path / "home") as after:
        assert await accept(after, sealed) == first
        assert await after.rows("proposals") == 1


async def test_of_two_at_once_one_is_taken_and_keeps_its_body(doctor: Node) -> None:
    sealed = a_prescription()
    await doctor.put(sealed)
    submissions = doctor.submissions
    given = [wrap.encoded() for wrap in sealed.wraps]
    outcomes = await asyncio.gather(
        *(submissions.accept_sealed(sealed.proposal.encoded(), given) for _ in range(2)),
        return_exceptions=True,
    )
    refused = [one for one in outcomes if isinstance(one, DeskError)]
    assert [(one.status, one.rule) for one in refused] == [(409, "duplicate")]
    assert doctor.opened(sealed)
    assert len(doctor.stored_files()) == len(sealed.chunks)


async def test_the_record_of_another_members_body_is_taken(doctor: Node) -> None:
    theirs = sealed_registration(NETWORK, "patient 9")
    issuer = address_of_name(HOSPITAL)
    doctor.holders.offers[issuer] = theirs
    await doctor.driver.ask(ProposalArrived(theirs.proposal, issuer))
    await until(lambda: doctor.opened(theirs))
    mine = a_prescription(record=theirs.record)
    doctor.mouth.said.clear()
    assert await refusal(doctor, lambda: accept(doctor, mine)) == (409, "duplicate")
    assert doctor.opened(theirs)


async def test_a_missing_chunk_is_named_and_the_others_stay(doctor: Node) -> None:
    sealed = a_prescription()
    assert await refusal(doctor, lambda: accept(doctor, sealed)) == (409, "body_incomplete")
    await doctor.put(sealed)
    await accept(doctor, sealed)


async def expect_nothing_left(node: Node, act: Act) -> tuple[int, str]:
    with pytest.raises(DeskError) as refused:
        await act()
    after = await look(node)
    assert (after.files, after.rows["bodies"], after.rows["wraps"]) == (set(), 0, 0)
    assert node.mouth.said == []
    return refused.value.status, refused.value.rule


async def test_wraps_must_be_complete_and_genuine(doctor: Node) -> None:
    for spoil in ("missing", "forged", "other record"):
        sealed = a_prescription()
        await doctor.put(sealed)
        wraps = {
            "missing": sealed.without_wrap(NETWORK.doctors[1]),
            "forged": (
                replace(sealed.wraps[0], signature=sealed.wraps[1].signature),
                *sealed.wraps[1:],
            ),
            "other record": a_prescription().wraps,
        }[spoil]
        act = partial(accept, doctor, sealed, wraps)
        assert await expect_nothing_left(doctor, act) == (400, "bad_wraps"), spoil


async def test_a_body_that_does_not_open_is_refused(doctor: Node) -> None:
    sealed, other = a_prescription(), a_prescription()
    await doctor.put(replace(sealed, chunks=other.chunks))
    assert await expect_nothing_left(doctor, lambda: accept(doctor, sealed)) == (
        400,
        "body_does_not_open",
    )


async def test_a_stale_report_leaves_nothing(doctor: Node) -> None:
    old = doctor.state.patient(1)
    assert old is not None
    first = CHAIN.blocks[0]
    sealed = a_prescription(seen_head=first.hash)
    await doctor.put(sealed)
    assert await expect_nothing_left(doctor, lambda: accept(doctor, sealed)) == (
        409,
        "stale_position",
    )


@pytest.mark.parametrize(
    ("fields", "answer"),
    [
        ({"seen_head": digest("a block to come")}, (409, "unknown_head")),
        ({"patient": 99}, (404, "unknown_patient")),
        ({"references": (digest("no block"),)}, (400, "unknown_reference")),
        ({"patient_name": digest("another name")}, (400, "patient_mismatch")),
        ({"issued_at_ms": 1, "expires_at_ms": 2}, (400, "expired")),
    ],
)
async def test_what_does_not_fit_the_chain_leaves_nothing(
    doctor: Node, fields: dict[str, Any], answer: tuple[int, str]
) -> None:
    sealed = a_prescription(**fields)
    await doctor.put(sealed)
    assert await expect_nothing_left(doctor, lambda: accept(doctor, sealed)) == answer


async def test_whose_it_is_and_who_signed_it_is_asked_first(doctor: Node) -> None:
    foreign = sealed_proposal(NETWORK, CHAIN.view, BlockType.CT, b"pixels", RADIOLOGIST)
    assert await refusal(doctor, lambda: accept(doctor, foreign)) == (403, "not_this_member")
    sealed = a_prescription()
    await doctor.put(sealed)
    forged = replace(
        sealed, proposal=replace(sealed.proposal, signature=foreign.proposal.signature)
    )
    assert await refusal(doctor, lambda: accept(doctor, forged)) == (400, "bad_signature")
    await accept(doctor, sealed)


@pytest.mark.parametrize("encoded", [b"", b"\x80", b"junk"])
async def test_what_is_no_proposal_is_malformed(doctor: Node, encoded: bytes) -> None:
    act = partial(doctor.submissions.accept_sealed, encoded, [])
    assert await refusal(doctor, act) == (400, "malformed")


@pytest.mark.parametrize(
    ("index", "sealed", "status"),
    [(0, bytes(1_048_576 + 17), 413), (2_048, b"x", 413), (-1, b"x", 413), (0, b"", 400)],
)
async def test_a_chunk_beyond_the_limits_is_refused(
    doctor: Node, index: int, sealed: bytes, status: int
) -> None:
    record = a_prescription().record
    act = partial(doctor.submissions.put_chunk, record, PartName.PRESC, index, sealed)
    assert (await refusal(doctor, act))[0] == status
