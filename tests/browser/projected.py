"""What a node answers about the projections of a made study, by its own code."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from medquorum.node.viewing.label_projection import labels_seen
from medquorum.node.viewing.overlay import Overlay
from medquorum.node.viewing.projection import projected, views_of
from medquorum.node.viewing.sights import ProjectionsView, SightName
from medquorum.node.viewing.told import Description

Voxels = npt.NDArray[Any]


def projections_told(told: dict[str, Any]) -> dict[str, Any]:
    """The answer of `/projections`, for an image that is told so."""
    sights = views_of(Description.model_validate(told))
    answer: dict[str, Any] = ProjectionsView(sights=sights).model_dump(mode="json")
    return answer


def projection_of(told: dict[str, Any], voxels: Voxels, view: SightName) -> bytes:
    """The pixels of a view of stored numbers [z, y, x]."""
    image = Description.model_validate(told)
    return projected(image, lambda index: voxels[index].astype("<i2").tobytes())[view]


def labels_projected(told: dict[str, Any], labels: Voxels, view: SightName) -> bytes:
    """The pixels of a view of labels [z, y, x] on the image's own axial grid."""
    affine = np.eye(4)
    affine[:3, :3] = np.diag(told["spacing_mm"])[:, ::-1]
    affine[:3, 3] = told["origin"]
    return labels_seen(Overlay(labels, affine), Description.model_validate(told), view)
