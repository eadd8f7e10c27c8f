"""Networks that were really trained and exported, by torch alone and by MONAI, adopted and run.

They learn one phantom's lesion within seconds; what is shown is the way from a training to findings
(padding, windows, instance norms, transposed convolutions, torch's own ONNX), not their worth.
"""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from medquorum.ai_entity.adapters.adopt import adopt
from medquorum.ai_entity.adapters.foreign import Wishes
from medquorum.ai_entity.registry import Registry
from medquorum.ai_entity.tumour.grid import GridImages
from medquorum.ai_entity.tumour.inference import predict
from medquorum.ai_entity.tumour.pipeline import read_images
from tests.ai_entity.adapters.exports import (
    DATASET,
    INFERENCE,
    PLANS,
    WINDOW,
    changed,
    monai_bundle,
    nnunet_export,
)
from tests.ai_entity.conftest import PairOnDisk

pytestmark = pytest.mark.train

HOT_SUV = 4.0
STEPS = 60
PATCH = (16, 24, 24)
"""Voxels of a training patch; the export is run on whole windows."""
LEAST_DICE = 0.8


@pytest.fixture(scope="module")
def images(pair_on_disk: PairOnDisk) -> GridImages:
    return read_images(pair_on_disk.ct, pair_on_disk.pet, keep_ct=True)


def lesion_of(images: GridImages) -> np.ndarray:
    assert images.suv is not None
    return np.asarray((images.suv >= HOT_SUV) & (images.hu > -400.0))


def block(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(inputs, outputs, 3, stride=stride, padding=1),
        nn.InstanceNorm3d(outputs, affine=True),
        nn.LeakyReLU(0.01),
    )


class NetworkOfNnUnetsKind(nn.Module):  # type: ignore[misc]
    """Two levels as nnU-Net plans them: strided convolution down, transposed one up, one skip."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.down = block(2, 8, 1), block(8, 16, 2)
        self.up, self.last = nn.ConvTranspose3d(16, 8, 2, stride=2), block(16, 8, 1)
        self.head = nn.Conv3d(8, 3, 1)

    def forward(self, image: torch.Tensor) -> Any:
        skip = self.first(image)
        joined = torch.cat([skip, self.up(self.down(skip))], dim=1)
        return self.head(self.last(joined))


def trained(network: nn.Module, inputs: np.ndarray, lesion: np.ndarray) -> bytes:
    """ONNX of ``network`` after STEPS windows of one image; opset 17, batch size open."""
    torch.set_num_threads(1)
    optimiser = torch.optim.Adam(network.parameters(), lr=0.02)
    weight = torch.ones(network(torch.zeros(1, 2, *WINDOW)).shape[1])
    weight[1] = 5.0
    rng = np.random.default_rng(0)
    room = np.asarray(lesion.shape) - PATCH
    hot = np.argwhere(lesion)
    for step in range(STEPS):
        start = rng.integers(0, room + 1)
        if step % 2:  # half of them where there is something to learn
            start = np.clip(rng.choice(hot) - rng.integers(PATCH), 0, room)
        box = tuple(map(slice, start, start + PATCH))
        image = torch.from_numpy(np.ascontiguousarray(inputs[(slice(None), *box)]))[None]
        truth = torch.from_numpy(lesion[box].astype(np.int64))[None]
        loss = torch.nn.functional.cross_entropy(network(image), truth, weight=weight)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    target = io.BytesIO()
    torch.onnx.export(
        network.eval(),
        (torch.zeros(1, 2, *WINDOW),),
        target,
        input_names=["image"],
        output_names=["logits"],
        dynamic_axes={"image": {0: "n"}, "logits": {0: "n"}},
        opset_version=17,
        dynamo=False,
    )
    return target.getvalue()


def dice_of_adopted(folder: Path, out: Path, images: GridImages) -> float:
    made = adopt(folder, "petct", out, Wishes())
    found = predict(Registry(out).load(bytes.fromhex(made.digest)), images).probability >= 0.5
    truth = lesion_of(images)
    return float(2.0 * (found & truth).sum() / (found.sum() + truth.sum()))


def test_a_network_of_nnunets_kind_exported_by_torch(images: GridImages, tmp_path: Path) -> None:
    torch.manual_seed(1)
    assert images.suv is not None
    inputs = np.stack(
        [(np.clip(images.hu, -160.0, 240.0) - 40.0) / 50.0, (images.suv.clip(0.0, 20.0) - 2) / 1.5]
    ).astype(np.float32)
    model = trained(NetworkOfNnUnetsKind(), inputs, lesion_of(images))
    plans = changed(PLANS, ("configurations", "base", "spacing"), [4.0, 4.0, 4.0])
    folder = nnunet_export(tmp_path / "export", plans, DATASET, model)
    assert dice_of_adopted(folder, tmp_path / "models", images) >= LEAST_DICE


def test_a_unet_of_monai_exported_by_torch(images: GridImages, tmp_path: Path) -> None:
    from monai.networks.nets import UNet

    torch.manual_seed(1)
    assert images.suv is not None
    inputs = np.stack(
        [(np.clip(images.hu, -160.0, 240.0) + 160.0) / 400.0, images.suv / 10.0]
    ).astype(np.float32)
    turned = inputs.transpose(0, 3, 2, 1)[:, ::-1, ::-1]
    lesion = lesion_of(images).transpose(2, 1, 0)[::-1, ::-1]
    network = UNet(
        spatial_dims=3, in_channels=2, out_channels=2, channels=(8, 16, 16), strides=(2, 2)
    )
    model = trained(network, turned, lesion)
    bundle = monai_bundle(
        tmp_path / "bundle", changed(INFERENCE, ("pixdim",), [4.0, 4.0, 4.0]), model=model
    )
    assert dice_of_adopted(bundle, tmp_path / "models", images) >= LEAST_DICE
