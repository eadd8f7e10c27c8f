"""A PET at one look, and a report's labels on it: where the pixels lie, then the pixels of a view.

numpy is imported once an image was opened, as in `images`.
"""

from __future__ import annotations

import asyncio

from aiohttp import web

from medquorum.node.api.answers import json_answer
from medquorum.node.api.images import key_of, lasting_answer, opened, other_key, refused
from medquorum.node.api.operation import JSON, OCTETS, Call, Content, operation
from medquorum.node.api.overlays import OverlayQuery, held_overlay
from medquorum.node.api.permissions import Right
from medquorum.node.api.problems import Problem
from medquorum.node.api.schemas import RecordQuery
from medquorum.node.intake.faults import IntakeRefused
from medquorum.node.viewing.decoded import DecodedImage
from medquorum.node.viewing.sights import ProjectionsView, SightName


class SightQuery(RecordQuery):
    """A view of a PET."""

    view: SightName


class OverlaySightQuery(OverlayQuery):
    """A view of the PET the labels are wanted on."""

    view: SightName


@operation(
    "GET",
    "/v1/images/{record}/{part}/projections",
    right=Right.RECORD,
    tag="Images",
    parameters=RecordQuery,
    answers=Content(JSON, ProjectionsView),
)
async def describe_projections(call: Call[RecordQuery]) -> web.StreamResponse:
    """Where the pixels of a PET's projections lie

    409 for an image that is no PET.
    """
    asked = call.parameters
    image = await opened(call, asked.record, key_of(asked.record, asked.part), asked.purpose)
    from medquorum.node.viewing.projection import views_of  # needs numpy: see the docstring

    check_kind(image)
    try:
        sights = views_of(image.description)
    except ValueError as error:
        raise no_projection(error) from None
    return json_answer(ProjectionsView, ProjectionsView(sights=sights))


@operation(
    "GET",
    "/v1/images/{record}/{part}/projections/{view}",
    right=Right.RECORD,
    tag="Images",
    parameters=SightQuery,
    answers=Content(OCTETS, note="Two bytes for each pixel, as those of a slice, row by row."),
)
async def read_projection(call: Call[SightQuery]) -> web.StreamResponse:
    """The highest uptake along each line of sight

    Numbers are stored as those of the slices: the description's `rescale` makes SUV of them.
    """
    asked = call.parameters
    image = await opened(call, asked.record, key_of(asked.record, asked.part), asked.purpose)
    check_kind(image)
    try:
        found = await image.projections()
    except IntakeRefused as error:
        raise refused(error) from None
    except ValueError as error:
        raise no_projection(error) from None
    return lasting_answer(call.request, found[asked.view])


@operation(
    "GET",
    "/v1/overlays/{record}/projections/{view}",
    right=Right.RECORD,
    tag="Images",
    parameters=OverlaySightQuery,
    answers=Content(OCTETS, note="One byte for each pixel of the PET's projection, row by row."),
)
async def read_overlay_projection(call: Call[OverlaySightQuery]) -> web.StreamResponse:
    """The labels along each line of sight; of those behind each other the smallest"""
    asked = call.parameters
    other, key = other_key(asked.on)
    image = await opened(call, other, key, asked.purpose)
    check_kind(image)
    overlay = await held_overlay(call, asked)
    from medquorum.node.viewing.label_projection import labels_seen

    try:
        found = await asyncio.to_thread(labels_seen, overlay, image.description, asked.view)
    except ValueError as error:
        raise no_projection(error) from None
    return lasting_answer(call.request, found)


def check_kind(image: DecodedImage) -> None:
    """Problem 409 for what is no PET."""
    if image.description.kind != "pet":
        raise no_projection(ValueError("projections are made of a PET"))


def no_projection(error: ValueError) -> Problem:
    """Why an image has no projections, and what to do."""
    return Problem(409, "no_projection", f"{error}; ask for its slices")


OPERATIONS = (describe_projections, read_projection, read_overlay_projection)
