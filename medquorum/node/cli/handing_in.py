"""Handing a submission in so that the same command can be given again: one block comes of it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

from medquorum.node.cli.outbox import Slip, fingerprint, fresh_underway, is_final, outbox_of
from medquorum.node.cli.outcome import CommandError, Exit
from medquorum.node.client import ApiProblem, FileSubmission, NodeClient, NodeUnreachable
from medquorum.node.clinical import SealedOrder, propose_sealed
from medquorum.node.desk import Receipt
from medquorum.node.views import StatusView

AGAIN = "; give the same command again, which proposes nothing twice"
"""What follows when an answer was lost."""


def slip_for(home: Path, status: StatusView, submission: FileSubmission) -> Slip:
    """The slip of a submission: the same for the same fields, contents, network and member."""
    what = {"network": status.network, "member": status.address, **submission.fields()}
    files = {part.value: path for part, path in submission.files.items()}
    return Slip(outbox_of(home) / f"{fingerprint(what, files)}.json")


async def hand_in_files(client: NodeClient, slip: Slip, submission: FileSubmission) -> Receipt:
    """Submit an institution's parts under the key they were first sent with."""
    earlier = slip.kept()
    underway = earlier or slip.keep(fresh_underway())
    if not underway.is_known_at(time.time_ns() // 1_000_000):
        begun = datetime.fromtimestamp(underway.begun_at_ms / 1_000, UTC)
        raise CommandError(
            Exit.FAILED,
            f"the same was sent on {begun:%d %B %Y at %H:%M} UTC, no answer came, and the node no "
            "longer knows it again: see with `medquorum patient history` whether it is there, and "
            "if not, give the command with --anew",
        )
    sending = client.submit_files(submission, idempotency_key=underway.key)
    return await _answered(slip, sending, first=earlier is None)


async def hand_in_sealed(
    client: NodeClient, slip: Slip, seal: Callable[[], Awaitable[SealedOrder]]
) -> Receipt:
    """Propose what was sealed and signed before, if its answer was lost; else seal it now."""
    kept = slip.kept()
    if kept is not None:
        receipt = None if kept.sealed is None else await _again(client, kept.sealed)
        slip.done()
        if receipt is not None:
            return receipt
    sealed = await seal()
    slip.keep(fresh_underway(sealed))
    return await _answered(slip, propose_sealed(client, sealed), first=True)


async def _again(client: NodeClient, sealed: SealedOrder) -> Receipt | None:
    """The receipt of what the node took, now or before; None where it will not take it any more.

    A proposal the node knows is not sent again, whatever became of it since.
    """
    core, identifier = sealed.proposal.core, sealed.proposal.id.hex()
    try:
        await client.proposal(identifier)
    except ApiProblem as unknown:
        if unknown.status != 404:
            raise
    else:
        return Receipt(identifier, core.record.hex(), core.body_root.hex())
    try:
        return await propose_sealed(client, sealed)
    except ApiProblem as problem:
        if is_final(problem):
            return None
        raise


async def _answered(slip: Slip, sending: Awaitable[Receipt], *, first: bool) -> Receipt:
    """What the node answers; the slip stays while it may have taken what it was sent."""
    try:
        receipt = await sending
    except NodeUnreachable as error:
        raise NodeUnreachable(f"{error}{AGAIN}") from None
    except ApiProblem as problem:
        if is_final(problem, first=first):
            slip.done()
        raise
    slip.done()
    return receipt
