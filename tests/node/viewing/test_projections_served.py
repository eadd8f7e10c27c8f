"""Projections over the API: what is served, to whom, logged how, refused when."""

import json
from typing import Any

import numpy as np
import pytest

from medquorum.ledger.types import PartName
from medquorum.node.accounts import UserRole
from tests.node.api.conftest import House
from tests.node.viewing.kit import (
    OTHER_RECORD,
    RECORD,
    REPORT,
    ImageDesk,
    overlay,
    picture,
    volume,
)

HOT = (slice(2, 4), slice(3, 5), slice(5, 7))
PET, LABELS = f"/v1/images/{OTHER_RECORD}/IMM_PET", f"/v1/overlays/{REPORT}"
ON = f"on={OTHER_RECORD}/IMM_PET"
UNITS = {"Units": "GML", "RescaleIntercept": "0", "RescaleSlope": "0.001"}


def filled(house: House) -> ImageDesk:
    """A PET of 6 slices of 8 x 10 with SUV 9 in a body of SUV 1, and the lesion's label."""
    desk = house.desk
    assert isinstance(desk, ImageDesk)
    stored = np.full((6, 8, 10), 1_000)
    labels = np.zeros(stored.shape)
    stored[HOT], labels[HOT] = 9_000, 1
    affine = np.eye(4)
    affine[:3, :3] = [[0, 0, 0.7], [0, 0.7, 0], [2.0, 0, 0]]
    desk.bodies = {
        (OTHER_RECORD, PartName.IMM_PET): volume("PT", stored, **UNITS),
        (RECORD, PartName.IMG_CT): volume("CT", stored),
        (RECORD, PartName.IMG_XRAY): picture(np.zeros((9, 9), dtype=np.uint8)),
        (REPORT, PartName.ATTACHMENT): overlay(labels, affine),
    }
    return desk


async def answer(house: House, path: str, status: int = 200, **options: Any) -> Any:
    found, body, _ = await house.ask("GET", path, **options)
    assert found == status, body
    return json.loads(body)


async def test_a_pet_is_seen_from_the_front_and_from_the_side(house: House) -> None:
    desk = filled(house)
    slope = (await answer(house, PET))["rescale"]["slope"]
    front, side = (await answer(house, f"{PET}/projections"))["sights"]
    assert (front["name"], front["columns"], front["rows"]) == ("front", 10, 6)
    assert (side["name"], side["columns"], side["rows"]) == ("side", 8, 6)
    assert np.allclose([*front["across"], *front["down"]], [0.7, 0, 0, 0, 0, -2.0])
    for view, columns, wanted in ((front, 10, HOT[2]), (side, 8, HOT[1])):
        path = f"/projections/{view['name']}"
        status, body, response = await house.ask("GET", PET + path)
        assert (status, response.headers["Cache-Control"]) == (200, "no-store")
        suv = np.frombuffer(body, "<i2").reshape(6, columns) * slope
        hot = np.zeros((6, columns), dtype=bool)
        hot[HOT[0], wanted] = True  # slices 2 and 3 of 6 are rows 3 and 2 from the head
        assert np.allclose(suv, np.where(hot[::-1], 9.0, 1.0), atol=slope)
        tag = {"If-None-Match": response.headers["ETag"]}
        assert (await house.ask("GET", PET + path, headers=tag))[0] == 304
        status, body, _ = await house.ask("GET", f"{LABELS}{path}?{ON}")
        assert status == 200
        assert (np.frombuffer(body, np.uint8).reshape(6, columns) == hot[::-1]).all()
    assert len(desk.readers) == 2, "the PET and the report, each opened once"


async def test_what_is_no_pet_has_no_projections(house: House) -> None:
    filled(house)
    for part in ("IMG_CT", "IMG_XRAY"):
        place = f"/v1/images/{RECORD}/{part}/projections"
        on = f"{LABELS}/projections/front?on={RECORD}/{part}"
        for path in (place, f"{place}/front", on):
            assert (await answer(house, path, 409))["rule"] == "no_projection"


async def test_there_are_two_views_of_what_is_held(house: House) -> None:
    filled(house)
    status, body, _ = await house.ask("GET", f"{PET}/projections/top")
    assert status == 400 and b"view" in body
    for path in (
        f"/v1/images/{'ab' * 32}/IMM_PET/projections/front",
        f"/v1/overlays/{'ab' * 32}/projections/front?{ON}",
    ):
        assert (await house.ask("GET", path))[0] == 404


@pytest.mark.parametrize("path", [f"{PET}/projections", f"{PET}/projections/side"])
async def test_only_who_may_read_records_sees_them(house: House, path: str) -> None:
    filled(house)
    found = {}
    for role in (None, *UserRole):
        found[role] = (await house.ask("GET", path, role=role))[0]
        assert found[role] == (await house.ask("GET", PET, role=role))[0], role
    assert (found[None], found[UserRole.DOCTOR], found[UserRole.OPERATOR]) == (401, 200, 403)
    assert found[UserRole.PATIENT] == 404, "it is not her own"


async def test_they_are_seen_for_a_purpose_while_its_consent_is_in_force(house: House) -> None:
    desk = filled(house)
    shown = [f"{PET}/projections?", f"{PET}/projections/front?", f"{LABELS}/projections/side?{ON}&"]
    for path in shown:
        assert (await house.ask("GET", path + "purpose=research"))[0] == 200
    assert [one.purpose for one in desk.readers] == ["research"] * 2
    desk.refused = {"research"}
    for path in shown:
        assert (await answer(house, path + "purpose=research", 403))["rule"] == "no_consent"
        assert (await house.ask("GET", path + "purpose=treatment"))[0] == 200
