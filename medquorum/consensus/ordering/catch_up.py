"""Catching up: who is ahead, what to ask, and final batches for those who ask (R-SIM9)."""

from __future__ import annotations

from medquorum.consensus.messages import Ask, Sync
from medquorum.consensus.ordering.application import (
    ASK_AFTER_MS,
    ASK_RETRY_MS,
    LoggedBatch,
    View,
)
from medquorum.consensus.ordering.certify import hear_certificate
from medquorum.consensus.ordering.state import State
from medquorum.ledger.batch import Batch
from medquorum.ledger.keys import Address
from medquorum.ledger.types import BatchHash

SEGMENT: int = 16
"""Final batches answered to one request; the receiver asks again."""
LONGEST_RUN: int = 64
"""Batches sent beyond that to reach one whose own final certificate exists."""
UNASKED: int = 4
"""Final batches taken from a peer that was not asked: what leaders push to followers."""


def hear_claim(state: State[View], peer: Address, log_length: int) -> None:
    """Remember how far a peer says it is."""
    if log_length > state.branches.final.log_length:
        state.catch_up.claims[peer] = log_length
    else:
        state.catch_up.claims.pop(peer, None)


def ask_if_behind(state: State[View]) -> None:
    """Ask one who is ahead, once what is missing has not come by itself."""
    catch_up, length, now_ms = state.catch_up, state.branches.final.log_length, state.clock.now_ms
    if not catch_up.claims and state.top == state.final_slot:
        catch_up.behind_since_ms = catch_up.asked = None
        return
    ahead = {peer: claim for peer, claim in catch_up.claims.items() if claim > length}
    catch_up.claims = dict(ahead)
    for peer in _finalisers(state):
        ahead.setdefault(peer, length + 1)
    if not ahead:
        catch_up.behind_since_ms = catch_up.asked = None
        return
    if catch_up.behind_since_ms is None:
        catch_up.behind_since_ms = now_ms
    due_ms = ask_due_ms(state)
    if due_ms is None or now_ms < due_ms:
        return
    peers = sorted(ahead)
    answered = length >= catch_up.asked_up_to
    if catch_up.asked in ahead:
        place = peers.index(catch_up.asked) + (not answered)
        catch_up.asked = peers[place % len(peers)]
    else:
        catch_up.asked = max(peers, key=lambda peer: ahead[peer])
    catch_up.asked_until_ms, catch_up.asked_up_to = now_ms + ASK_RETRY_MS, length + SEGMENT
    state.outbox.send(catch_up.asked, Ask(length))


def _finalisers(state: State[View]) -> list[Address]:
    """Who signed finality that is not final here, unless the bodies are asked for one by one."""
    finals = state.shelf.finals(state.final_slot)
    if not finals or state.wants:
        return []
    me = None if state.pen is None else state.pen.number
    return [state.doctors[signer] for signer, _ in finals[0].votes if signer != me]


def ask_due_ms(state: State[View]) -> int | None:
    """When the next request leaves; None when nobody is ahead."""
    catch_up = state.catch_up
    if catch_up.behind_since_ms is None:
        return None
    if catch_up.asked is None:
        return catch_up.behind_since_ms + ASK_AFTER_MS
    if state.branches.final.log_length >= catch_up.asked_up_to:
        return state.clock.now_ms
    return catch_up.asked_until_ms


def hear_sync(state: State[View], sync: Sync, sender: Address) -> None:
    """Take an offered batch; it counts once a final certificate's chain reaches it."""
    length = state.branches.final.log_length
    asked = state.catch_up.asked == sender
    if sync.log_index < length:
        return
    if sync.log_index < length + (SEGMENT + LONGEST_RUN if asked else UNASKED):
        state.catch_up.offers.setdefault(sync.log_index, {})[sender] = sync
    if sync.certificate is not None:
        hear_certificate(state, sync.certificate, sender)
    _adopt(state)


def _adopt(state: State[View]) -> None:
    """Move offered batches that a final certificate's chain names among the bodies."""
    offered: dict[BatchHash, Batch] = {
        batch.hash: batch
        for senders in state.catch_up.offers.values()
        for sync in senders.values()
        for batch in (sync.batch, *sync.tail)
    }
    for certificate in state.shelf.finals(state.final_slot):
        digest = certificate.statement.hash
        while digest is not None and digest != state.branches.final.hash:
            batch = state.branches.batch(digest)
            if batch is None and digest in offered and offered[digest].roots_match():
                batch = offered[digest]
                state.branches.add(batch)
            digest = None if batch is None else batch.header.parent_hash


def send_log(state: State[View], peer: Address, start: int, *, most: int = SEGMENT) -> None:
    """Send final batches from a log index on, to the end of a run that a certificate closes."""
    for index in range(start, min(start + most + LONGEST_RUN, state.branches.final.log_length)):
        known = _logged(state, index)
        if known is None:
            return
        state.outbox.send(peer, Sync(index, known.batch, known.certificate, known.tail))
        if known.certificate is not None and index - start + 1 >= most:
            return


def _logged(state: State[View], index: int) -> LoggedBatch | None:
    """A final batch with the certificate that names it or closes its tail, if there is one."""
    known = state.branches.recent(index) or state.application.final_batch(index)
    if known is None or known.certificate is None:
        return known
    closing = (known.batch, *known.tail)[-1]
    named = known.certificate.statement.hash == closing.hash
    return known if named else LoggedBatch(known.batch)
