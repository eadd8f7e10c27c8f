"""What the chain says about governance: amendments, evidence, AI reports, stops (R-GOV5, R-GOV10).

Reports are counted as blocks come, so that asking for an AI entity's maturity reads only what is
new since the last time.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from functools import partial
from typing import Final

from medquorum.ledger.block import Block
from medquorum.ledger.charter import Charter
from medquorum.ledger.governance import Amendment, EvidenceAct
from medquorum.ledger.keys import Address, address_text
from medquorum.ledger.maturity import maturity
from medquorum.ledger.provenance import FindingKind
from medquorum.ledger.types import ADDRESS_PREFIX, BlockType, Outcome, Role
from medquorum.ledger.vote import Vote
from medquorum.node.governance_views import (
    CharterChangeView,
    EvidenceView,
    HaltView,
    MaturityView,
    StopView,
)
from medquorum.node.governance_words import CONTRADICTIONS, Naming, act_words, naming_of
from medquorum.node.store.chain_rows import FinalBatch
from medquorum.node.store.engine import Store
from medquorum.node.store.governance_rows import final_places
from medquorum.node.store.halt_rows import HaltRow, load_halts
from medquorum.node.views import VoteView

PAGE: Final = 256
"""Blocks read at once."""
_ADVICE: Final = {
    "fork": "two quorums finalised two branches: keep both certificates, they convict who signed "
    "both, and decide with the other members which branch to go on with",
    "invalid_final": "a quorum finalised what breaks the rules: keep the certificate and ask the "
    "other members, they or this node run another program",
    "ceased_voting": "peers show a vote of this node that its journal lacks: it follows without "
    "voting; give it a new consensus key with `medquorum charter amend rotate-key`",
}

Place = tuple[FinalBatch, int]


class GovernanceRecords:
    """Reads governance off the final chain of one node."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._outcomes: dict[tuple[Address, FindingKind], list[tuple[int, bool]]] = {}
        """By entity and kind: (N BC, accepted) of every AI report so far, ascending."""
        self._counted = 0
        """N BC up to which reports are counted."""

    async def history(self, charters: Sequence[Charter]) -> tuple[CharterChangeView, ...]:
        """How each version came about: the founding one, then one for each amendment."""
        amendments = [
            place
            for place in await self._all(BlockType.AMENDMENT)
            if _block(place).header.outcome is Outcome.ACCEPTED
        ]
        latest = len(charters) - 1
        views = [_founding(charters[0], in_force=latest == 0)]
        for before, place in zip(charters[:-1], amendments, strict=False):
            after = charters[before.version + 1]
            views.append(_changed(before, after, place, charters))
        return tuple(views)

    async def evidence(self, charters: Sequence[Charter]) -> tuple[EvidenceView, ...]:
        """Contradictions that stand in the chain, oldest first."""
        naming = naming_of(charters)
        return tuple(
            _evidence(place, act, naming)
            for place in await self._all(BlockType.EVIDENCE)
            if isinstance(act := _block(place).proposal.core.act, EvidenceAct)
            and _block(place).header.outcome is Outcome.ACCEPTED
        )

    async def _all(self, block_type: BlockType) -> list[Place]:
        found: list[Place] = []
        while True:
            after = _block(found[-1]).header.n_bc if found else 0
            read = partial(final_places, types=(block_type,), after=after, limit=PAGE)
            page = await self._store.read(read)
            found.extend(page)
            if len(page) < PAGE:
                return found

    async def maturity(self, charters: Sequence[Charter]) -> tuple[MaturityView, ...]:
        """Each AI entity's reports together (R-GOV10), then by kind of finding."""
        await self._count()
        charter = charters[-1]
        entities = [member.address for member in charter.members if member.role is Role.AI_ENTITY]
        entities.extend(sorted({who for who, _ in self._outcomes} - set(entities)))
        return tuple(
            self._maturity(entity, kind, charter, naming_of(charters))
            for entity in entities
            for kind in (None, *(kind for kind in FindingKind if (entity, kind) in self._outcomes))
        )

    def _maturity(
        self, entity: Address, kind: FindingKind | None, charter: Charter, naming: Naming
    ) -> MaturityView:
        kinds = FindingKind if kind is None else (kind,)
        reports = [one for each in kinds for one in self._outcomes.get((entity, each), ())]
        counted = maturity([accepted for _, accepted in sorted(reports)], charter.maturity)
        return MaturityView(
            entity=address_text(entity, ADDRESS_PREFIX[Role.AI_ENTITY]),
            entity_name=naming(entity),
            kind=None if kind is None else kind.value,
            reports=counted.reports,
            approved=counted.approved,
            lower_ppm=counted.lower_ppm,
            threshold_ppm=counted.threshold_ppm,
            window=counted.window,
            mature=counted.mature,
        )

    async def outcomes(self) -> dict[tuple[Address, FindingKind], tuple[tuple[int, bool], ...]]:
        """By entity and kind: (N BC, accepted) of every AI report so far, ascending."""
        await self._count()
        return {key: tuple(entries) for key, entries in self._outcomes.items()}

    async def _count(self) -> None:
        """Count the reports that became final since the last time."""
        while True:
            after = self._counted
            read = partial(final_places, types=(BlockType.REPORT,), after=after, limit=PAGE)
            page = await self._store.read(read)
            if self._counted != after:
                continue  # Somebody else has counted meanwhile.
            for place in page:
                header, core = _block(place).header, _block(place).proposal.core
                self._counted = header.n_bc
                if core.ai is not None:
                    entry = (header.n_bc, header.outcome is Outcome.ACCEPTED)
                    self._outcomes.setdefault((core.issuer, core.ai.kind), []).append(entry)
            if len(page) < PAGE:
                return

    async def halt(self, halted: str | None) -> HaltView:
        """Whether this node orders no more, with every stop it has kept."""
        rows = await self._store.read(load_halts)
        advice = "ordering goes on" if halted is None else _ADVICE.get(halted, "read the log")
        return HaltView(halted is not None, halted, advice, tuple(_stop(row) for row in rows))


def _block(place: Place) -> Block:
    final, index = place
    return final.batch.blocks[index]


def _text(address: Address, charters: Sequence[Charter]) -> str:
    for charter in reversed(charters):
        member = charter.member(address)
        if member is not None:
            return member.address_text
    return address.hex()


def _founding(charter: Charter, *, in_force: bool) -> CharterChangeView:
    return CharterChangeView(
        version=0,
        n_bc=None,
        time_ms=charter.created_at_ms,
        proposal=None,
        proposer=None,
        proposer_name=None,
        changes=(f"founded by {len(charter.members)} members, each of whom signed",),
        doctors=len(charter.doctors),
        quorum=charter.quorum,
        mode=charter.ordering.mode.value,
        votes=(),
        in_force=in_force,
    )


def _changed(
    before: Charter, after: Charter, place: Place, charters: Sequence[Charter]
) -> CharterChangeView:
    final, index = place
    block, naming = final.batch.blocks[index], naming_of(charters)
    core = block.proposal.core
    witness = final.batch.witnesses[index]
    changes = act_words(core.act, naming, before) if isinstance(core.act, Amendment) else ()
    return CharterChangeView(
        version=after.version,
        n_bc=block.header.n_bc,
        time_ms=final.batch.header.time_ms,
        proposal=block.proposal.id.hex(),
        proposer=_text(core.issuer, charters),
        proposer_name=naming(core.issuer),
        changes=changes,
        doctors=len(after.doctors),
        quorum=after.quorum,
        mode=after.ordering.mode.value,
        votes=tuple(_vote(vote, naming) for vote in witness.votes),
        in_force=after.version == charters[-1].version,
    )


def _vote(vote: Vote, naming: Naming) -> VoteView:
    ballot = vote.ballot
    return VoteView(
        address_text(ballot.voter, ADDRESS_PREFIX[Role.DOCTOR]),
        naming(ballot.voter),
        ballot.decision.value,
        ballot.role.value,
        ballot.mode,
        ballot.grade,
    )


def _evidence(place: Place, act: EvidenceAct, naming: Naming) -> EvidenceView:
    final, index = place
    block = final.batch.blocks[index]
    return EvidenceView(
        n_bc=block.header.n_bc,
        time_ms=final.batch.header.time_ms,
        culprit=address_text(act.culprit, ADDRESS_PREFIX[Role.DOCTOR]),
        culprit_name=naming(act.culprit),
        kind=act.kind.value,
        says=CONTRADICTIONS[act.kind],
        issuer_name=naming(block.proposal.core.issuer),
        first=base64.b64encode(act.first).decode(),
        second=base64.b64encode(act.second).decode(),
    )


def _stop(row: HaltRow) -> StopView:
    return StopView(
        reason=row.reason,
        found_at_us=row.found_at_us,
        certificates=tuple(base64.b64encode(one).decode() for one in row.certificates),
        vote=None if row.vote is None else base64.b64encode(row.vote).decode(),
    )
