"""Images over the API, with the real child: what is shown, to whom, logged how, gone when."""

import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from PIL import Image as Pillow

from medquorum.ledger.types import PartName
from medquorum.node.accounts import UserRole
from tests.node.api.conftest import House
from tests.node.intake.kit import CANARY, archive, encoded
from tests.node.viewing.kit import (
    OTHER_RECORD,
    RECORD,
    REPORT,
    ImageDesk,
    overlay,
    picture,
    slice_of,
    volume,
)

CT, PET, XRAY = PartName.IMG_CT, PartName.IMM_PET, PartName.IMG_XRAY
HU = np.arange(4 * 24 * 16).reshape(4, 24, 16)
LIES: tuple[dict[str, Any], ...] = (
    {"shape": [4_000, 4_000, 4_000]},
    {"shape": [4, 6, -4]},
    {"affine_nm": [0] * 12},
    {"labels_zlib": [b"no zlib"]},
    {"labels_zlib": "text"},
)


def hold(house: House, record: str, part: PartName, content: bytes) -> str:
    """Give the desk a body; the address of its image."""
    desk = house.desk
    assert isinstance(desk, ImageDesk)
    desk.bodies[record, part] = content
    return f"/v1/images/{record}/{part.value}"


async def answer(house: House, path: str, **options: Any) -> Any:
    status, body, _ = await house.ask("GET", path, **options)
    assert status == 200, body
    return json.loads(body)


async def voxels(house: House, path: str, shape: tuple[int, int], kind: str = "<i2") -> Any:
    status, body, _ = await house.ask("GET", path)
    assert status == 200, body
    return np.frombuffer(body, kind).reshape(shape)


async def test_a_ct_is_shown_in_order_and_logged_once(house: House, tmp_path: Path) -> None:
    place = hold(house, RECORD, CT, volume("CT", HU))
    told = await answer(house, place + "?purpose=quality")
    assert (told["kind"], told["slices"], told["unit"]) == ("ct", 4, "HU")
    for index in (3, 0, 1, 2):
        found = await voxels(house, f"{place}/slices/{index}?purpose=quality", (24, 16))
        assert (found == HU[index] - 1024).all()
    _, _, response = await house.ask("GET", f"{place}/slices/0?purpose=quality")
    tag = {"If-None-Match": response.headers["ETag"]}
    again = f"{place}/slices/0?purpose=quality"
    assert (await house.ask("GET", again, headers=tag))[0] == 304
    assert response.headers["Cache-Control"] == "no-store"
    assert (await house.ask("GET", f"{place}/slices/4?purpose=quality"))[0] == 404
    assert [(one.user, one.purpose) for one in house.desk.readers] == [("doctor", "quality")]

    await _check_volume(house, place, tmp_path)
    await _check_picture(house, place, tmp_path)
    files = [one for one in house.spool.rglob("*") if one.is_file()]
    assert [one.name for one in files] == ["planes"]  # the plaintext archive is gone
    assert all(one.stat().st_mode & 0o077 == 0 for one in files)
    assert (await answer(house, place))["slices"] == 4
    purposes = [one.purpose for one in house.desk.readers]
    assert purposes == ["quality"] + ["treatment"] * 2  # the volume, then the second opening


async def _check_volume(house: House, place: str, folder: Path) -> None:
    status, body, _ = await house.ask("GET", f"{place}/volume.nii")
    assert status == 200
    (folder / "volume.nii").write_bytes(body)
    found: Any = nibabel.load(folder / "volume.nii")
    assert (np.asarray(found.dataobj).transpose(2, 1, 0) == HU - 1024).all()
    # 0.7 mm pixels and 2 mm steps from the origin, LPS turned to RAS
    assert np.allclose(found.affine, np.diag([-0.7, -0.7, 2.0, 1.0]))


async def _check_picture(house: House, place: str, folder: Path) -> None:
    status, body, response = await house.ask("GET", f"{place}/rendered.png?slice=2&window=bone")
    assert (status, response.content_type) == (200, "image/png")
    (folder / "slice.png").write_bytes(body)
    grey = np.asarray(Pillow.open(folder / "slice.png")).astype(float)
    wanted = np.clip((HU[2] - 1024 + 500) * 255 / 1800, 0, 255)
    assert np.abs(grey - wanted).max() <= 1


async def test_pet_lies_where_the_patient_lies(house: House) -> None:
    """Values linear in space stay what they are on any grid: trilinear is exact for them."""
    ct = hold(house, RECORD, CT, volume("CT", HU))
    z, y, x = np.meshgrid(np.arange(6), np.arange(9), np.arange(8), indexing="ij")
    stored = 1_000 + 100 * z + 10 * y + 20 * x
    slices = [
        slice_of(
            "PT",
            number,
            plane,
            Units="GML",
            RescaleIntercept="0",
            PixelSpacing=[2.0, 1.5],
            ImagePositionPatient=[-0.3, -0.2, 1.3 * number - 0.4],
        )
        for number, plane in enumerate(stored)
    ]
    pet = hold(house, OTHER_RECORD, PET, archive([encoded(one) for one in slices]))
    slope = (await answer(house, pet))["rescale"]["slope"]
    row, column = np.meshgrid(np.arange(24) * 0.7, np.arange(16) * 0.7, indexing="ij")
    for index in range(3):
        at_z, at_y, at_x = (2.0 * index + 0.4) / 1.3, (row + 0.2) / 2.0, (column + 0.3) / 1.5
        wanted = 1_000 + 100 * at_z + 10 * at_y + 20 * at_x
        found = await voxels(house, f"{pet}/slices/{index}?on={RECORD}/IMG_CT", (24, 16))
        inside = (at_y <= 8) & (at_x <= 7)
        assert np.abs(found * slope - wanted)[inside].max() <= slope
    assert [one.purpose for one in house.desk.readers] == ["treatment"] * 2
    assert ct


async def test_images_of_two_spaces_are_not_laid_over_each_other(house: House) -> None:
    hold(house, RECORD, CT, volume("CT", HU))
    elsewhere = volume("PT", HU[:, :8, :8], FrameOfReferenceUID="2.25.99")
    pet = hold(house, OTHER_RECORD, PET, elsewhere)
    status, body, _ = await house.ask("GET", f"{pet}/slices/0?on={RECORD}/IMG_CT")
    assert (status, json.loads(body)["rule"]) == (409, "other_space")


async def test_only_those_entitled_see_an_image_and_only_while_it_is_there(house: House) -> None:
    own = hold(house, OTHER_RECORD, CT, volume("CT", HU))  # patient 1's blocks are even
    theirs = hold(house, RECORD, CT, volume("CT", HU))
    for role in (UserRole.CLERK, UserRole.OPERATOR, UserRole.AUDITOR):
        assert (await house.ask("GET", f"{own}/slices/0", role))[0] == 403
    reachable = {
        path: (await house.ask("GET", f"{path}/slices/0", UserRole.PATIENT))[0]
        for path in (own, theirs)
    }
    assert sorted(reachable.values()) == [200, 404]
    shown = next(path for path, status in reachable.items() if status == 200)
    desk = house.desk
    assert isinstance(desk, ImageDesk)
    desk.bodies.clear()
    assert (await house.ask("GET", f"{shown}/slices/0", UserRole.PATIENT))[0] == 404
    assert (await house.ask("GET", f"/v1/images/{RECORD}/M_REPORT"))[0] == 404


async def test_what_cannot_be_shown_names_file_and_tag_and_nothing_of_the_patient(
    house: House,
) -> None:
    broken = slice_of("CT", 2, HU[0])
    del broken.ImagePositionPatient
    files = [encoded(slice_of("CT", 1, HU[0])), encoded(broken)]
    for content, rule, told in (
        (archive(files), "missing_tag", "file 2 lacks ImagePositionPatient (0020,0032)"),
        (b"no image" * 100, "malformed_archive", "R-BOD10"),
        (archive(files)[:2_000], "malformed_archive", "cut short"),
    ):
        place = hold(house, RECORD, CT, content)
        status, body, _ = await house.ask("GET", place)
        problem = json.loads(body)
        assert (status, problem["rule"]) == (422, rule)
        assert told in problem["detail"]
        assert CANARY not in body.decode()
    assert [one for one in house.spool.rglob("*") if one.is_file()] == []


async def test_an_overlay_is_drawn_on_the_grid_of_its_image(house: House) -> None:
    place = hold(house, RECORD, CT, volume("CT", HU))
    # 2.8 mm cubes, half a coarse voxel off: each covers 4 x 4 pixels of the CT
    affine = np.array([[0, 0, 2.8, 1.05], [0, 2.8, 0, 1.05], [2.0, 0, 0, 0], [0, 0, 0, 1.0]])
    labels = np.zeros((4, 6, 4), dtype=np.uint8)
    labels[1:3, 2, 1] = 3
    desk = house.desk
    assert isinstance(desk, ImageDesk)
    desk.bodies[REPORT, PartName.ATTACHMENT] = overlay(labels, affine)
    on = f"?on={RECORD}/IMG_CT"
    told = await answer(house, f"/v1/overlays/{REPORT}{on}")
    [lesion] = told["labels"]
    assert (lesion["label"], lesion["kind"], lesion["voxels"]) == (3, "lesion", 2)
    assert (lesion["first_slice"], lesion["last_slice"]) == (1, 2)
    wanted = np.zeros((24, 16), dtype=np.uint8)
    wanted[8:12, 4:8] = 3
    found = await voxels(house, f"/v1/overlays/{REPORT}/slices/1{on}", (24, 16), "u1")
    assert (found == wanted).all()
    assert not (await voxels(house, f"/v1/overlays/{REPORT}/slices/0{on}", (24, 16), "u1")).any()
    assert place


async def test_an_x_ray_has_edges_contours_and_activation(house: House) -> None:
    film = np.linspace(0, 255, 64 * 48).reshape(64, 48).astype(np.uint8)
    place = hold(house, RECORD, XRAY, picture(film))
    told = await answer(house, place)
    assert (told["kind"], told["stored"], told["spacing_mm"]) == ("xray", "uint16", None)
    assert ((await voxels(house, f"{place}/slices/0", (64, 48), "<u2")) == film).all()
    labels = np.zeros((1, 32, 24), dtype=np.uint8)
    labels[0, 4, 5], labels[0, 6, 7], labels[0, 8, 9] = 1, 2, 19
    desk = house.desk
    assert isinstance(desk, ImageDesk)
    desk.bodies[REPORT, PartName.ATTACHMENT] = overlay(labels, np.diag([1.0, 2.0, 2.0, 1.0]))
    on = f"?on={RECORD}/IMG_XRAY"
    views = (await answer(house, f"/v1/overlays/{REPORT}{on}"))["labels"]
    assert [(one["kind"], one["level"]) for one in views] == [
        ("edge", None),
        ("contour", None),
        ("activation", 3),
    ]
    drawn = await voxels(house, f"/v1/overlays/{REPORT}/slices/0{on}", (64, 48), "u1")
    assert (drawn[8, 10], drawn[12, 14], drawn[16, 18]) == (1, 2, 19)


async def test_a_lying_overlay_is_refused(house: House) -> None:
    hold(house, RECORD, CT, volume("CT", HU[:2]))
    desk = house.desk
    assert isinstance(desk, ImageDesk)
    for change in LIES:
        content = overlay(np.zeros((4, 6, 4)), np.eye(4), **change)
        desk.bodies[REPORT, PartName.ATTACHMENT] = content
        status, body, _ = await house.ask("GET", f"/v1/overlays/{REPORT}?on={RECORD}/IMG_CT")
        assert (status, json.loads(body)["rule"]) == (422, "overlay"), change
