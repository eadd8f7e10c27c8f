"""What a patient's own user may reach: her own blocks and records, and not that others exist."""

from __future__ import annotations

from typing import Any

from medquorum.node.api.limits import PAGE_LONGEST
from medquorum.node.api.operation import Call
from medquorum.node.api.permissions import Reach
from medquorum.node.api.problems import Problem
from medquorum.node.desk import DeskError
from medquorum.node.views import BlockView


def _absent() -> Problem:
    return Problem(404, "not_found", "there is none here that you may see")


async def own_number(call: Call[Any]) -> int:
    """N PB of the patient who asks; Problem 404 before she is registered."""
    address = call.user.patient
    if address is None:
        raise _absent()
    try:
        return (await call.desk.patient_by_address(address)).n_pb
    except DeskError as error:
        if error.status == 404:
            raise _absent() from None
        raise


async def check_patient(call: Call[Any], n_pb: int) -> None:
    """Problem 404 unless the caller may reach this patient."""
    if call.reach is Reach.OWN and n_pb != await own_number(call):
        raise _absent()


async def scoped_patient(call: Call[Any], asked: int | None) -> int | None:
    """The patient to which a listing is narrowed: the asked one, or the caller's own."""
    if call.reach is Reach.ALL:
        return asked
    own = await own_number(call)
    if asked not in (None, own):
        raise _absent()
    return own


async def check_block(call: Call[Any], block: BlockView) -> BlockView:
    """The block, or Problem 404 when it is another patient's."""
    if call.reach is Reach.OWN and block.n_pb != await own_number(call):
        raise _absent()
    return block


async def check_record(call: Call[Any], record: str) -> None:
    """Problem 404 unless the record belongs to a block of a patient the caller may reach."""
    if call.reach is Reach.ALL:
        return
    own, after = await own_number(call), 0
    while blocks := await call.desk.blocks(after, PAGE_LONGEST, own):
        if any(block.record == record for block in blocks):
            return
        after = blocks[-1].n_bc
    raise _absent()
