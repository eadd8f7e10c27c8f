"""An opening holds for its purpose and while the consent for it is in force (R-CST3)."""

import json

import numpy as np

from medquorum.ledger.types import PartName
from tests.node.api.conftest import House
from tests.node.viewing.kit import RECORD, REPORT, ImageDesk, overlay, volume

CT = np.arange(3 * 8 * 8).reshape(3, 8, 8)
PLACE = f"/v1/images/{RECORD}/IMG_CT"
OVERLAY = f"/v1/overlays/{REPORT}/slices/0?on={RECORD}/IMG_CT"


def filled(house: House) -> ImageDesk:
    desk = house.desk
    assert isinstance(desk, ImageDesk)
    desk.bodies[RECORD, PartName.IMG_CT] = volume("CT", CT)
    desk.bodies[REPORT, PartName.ATTACHMENT] = overlay(np.zeros((3, 4, 4)), np.eye(4))
    return desk


async def test_a_revoked_consent_ends_what_was_opened_on_it(house: House) -> None:
    desk = filled(house)
    shown = [f"{PLACE}/slices/0?", f"{PLACE}/rendered.png?", f"{PLACE}/volume.nii?", OVERLAY + "&"]
    for path in shown:
        assert (await house.ask("GET", path + "purpose=research"))[0] == 200
    desk.refused = {"research"}
    for path in shown:
        status, body, _ = await house.ask("GET", path + "purpose=research")
        assert (status, json.loads(body)["rule"]) == (403, "no_consent"), path
        assert (await house.ask("GET", path + "purpose=treatment"))[0] == 200


async def test_another_purpose_opens_anew_and_is_logged(house: House) -> None:
    desk = filled(house)
    for purpose in ("treatment", "emergency", "treatment", "emergency"):
        for path in (f"{PLACE}/slices/0?", OVERLAY + "&"):
            assert (await house.ask("GET", f"{path}purpose={purpose}"))[0] == 200
    logged = [one.purpose for one in desk.readers]
    assert logged == ["treatment", "treatment", "emergency", "emergency"]


async def test_each_file_that_leaves_is_logged(house: House) -> None:
    desk = filled(house)
    for _ in range(2):
        assert (await house.ask("GET", f"{PLACE}/volume.nii"))[0] == 200
    assert len(desk.readers) == 2
