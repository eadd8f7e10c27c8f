"""A patient's accepted blocks as consultations: two tracks, each cut where one begins anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from medquorum.ledger.block import Block
from medquorum.ledger.consultation import (
    Consultation,
    Event,
    Phase,
    Track,
    TrailEntry,
    concerns,
    phase_of,
)
from medquorum.node.dossier_views import ConsultationView, PhaseView, StepView, TimelineView
from medquorum.node.histories import Histories

_ENDS: Final = frozenset(
    {Phase.TREATMENT, Phase.NEGATIVE, Phase.XRAY_TREATMENT, Phase.XRAY_NEGATIVE}
)
_SHARED: Final = frozenset({Phase.REGISTERED, Phase.FORM})

Told = tuple[Sequence[Block], Sequence[Event]]
"""A patient's clinical blocks with the events they are, in order."""


async def timeline_of(histories: Histories, patient: int) -> TimelineView:
    """The consultations of one patient, as far as this node may read them."""
    told = await histories.told(patient)
    if told is None:
        return TimelineView(patient, readable=False, consultations=())
    return TimelineView(patient, readable=True, consultations=consultations(told))


def consultations(told: Told) -> tuple[ConsultationView, ...]:
    """Every consultation of both tracks, by its first block; an empty track stays away."""
    events = told[1]
    found = {track: phase_of(events, track) for track in Track}
    begun = [track for track in Track if any(e.phase not in _SHARED for e in found[track].trail)]
    tracks = begun or [Track.TUMOUR]
    views = [view for track in tracks for view in _of_track(track, found[track], told, tracks)]
    first = {id(view): view.blocks[0] if view.blocks else 0 for view in views}
    return tuple(sorted(views, key=lambda view: (first[id(view)], view.number)))


def _of_track(
    track: Track, followed: Consultation, told: Told, tracks: Sequence[Track]
) -> list[ConsultationView]:
    blocks, events = told
    pieces = _pieces(followed.trail)
    own = [index for index in range(len(blocks)) if _belongs(events[index], track, tracks)]
    views = []
    for place, piece in enumerate(pieces):
        start = 0 if place == 0 else piece[0].event or 0
        last = place == len(pieces) - 1
        end = len(blocks) if last else pieces[place + 1][0].event or 0
        views.append(
            ConsultationView(
                track=track.value,
                number=place + 1,
                phase=piece[-1].phase.value,
                closed=not last,
                phases=tuple(_phase(entry, blocks) for entry in piece),
                blocks=tuple(blocks[one].header.n_bc for one in own if start <= one < end),
                permitted=_permitted(followed) if last else (),
            )
        )
    return views


def _permitted(followed: Consultation) -> tuple[StepView, ...]:
    return tuple(
        StepView(
            one.step.value, tuple(sorted(role.value for role in one.roles)), one.leads_to.value
        )
        for one in followed.permitted
    )


def _pieces(trail: Sequence[TrailEntry]) -> list[list[TrailEntry]]:
    """The trail cut before each phase that follows an end."""
    pieces: list[list[TrailEntry]] = [[]]
    for entry in trail:
        if pieces[-1] and pieces[-1][-1].phase in _ENDS:
            pieces.append([])
        pieces[-1].append(entry)
    return pieces


def _belongs(event: Event, track: Track, tracks: Sequence[Track]) -> bool:
    """Whether a block is shown with a track; what could be either's goes to the first shown."""
    could = [one for one in tracks if concerns(event, one)]
    return track is (could[0] if could else tracks[0])


def _phase(entry: TrailEntry, blocks: Sequence[Block]) -> PhaseView:
    if entry.event is None:
        return PhaseView(entry.phase.value, None, None)
    block = blocks[entry.event]
    return PhaseView(entry.phase.value, block.header.n_bc, block.proposal.core.issued_at_ms)
