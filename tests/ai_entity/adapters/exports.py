"""Exports as hospitals have them, with networks that truly find the hot lesion of a phantom."""

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WINDOW = (32, 40, 48)
PET_MEAN, PET_SPREAD = 2.0, 1.5
HOT_SUV = 4.0

PLANS: dict[str, Any] = {
    "dataset_name": "Dataset222_Limbs",
    "plans_name": "nnUNetPlans",
    "image_reader_writer": "SimpleITKIO",
    "transpose_forward": [0, 1, 2],
    "transpose_backward": [0, 1, 2],
    "configurations": {
        "base": {
            "spacing": [4.0, 3.0, 3.0],
            "patch_size": list(WINDOW),
            "normalization_schemes": ["CTNormalization", "CTNormalization"],
            "use_mask_for_norm": [False, False],
            "resampling_fn_data_kwargs": {"is_seg": False, "order": 3},
        },
        "3d_fullres": {"inherits_from": "base", "batch_size": 2},
        "2d": {"patch_size": [64, 64], "spacing": [3.0, 3.0]},
        "3d_cascade_fullres": {"inherits_from": "base", "previous_stage": "3d_lowres"},
    },
    "foreground_intensity_properties_per_channel": {
        "0": {"mean": 40.0, "std": 50.0, "percentile_00_5": -160.0, "percentile_99_5": 240.0},
        "1": {
            "mean": PET_MEAN,
            "std": PET_SPREAD,
            "percentile_00_5": 0.0,
            "percentile_99_5": 20.0,
        },
    },
}
DATASET: dict[str, Any] = {
    "channel_names": {"0": "CT", "1": "FDG_PET"},
    "labels": {"background": 0, "tumor": 1, "bone": 2},
    "numTraining": 17,
    "file_ending": ".nii.gz",
}


def changed(base: dict[str, Any], path: tuple[str, ...], value: object) -> dict[str, Any]:
    """A copy with one place set."""
    made = copy.deepcopy(base)
    place = made
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return made


def threshold_network(
    channels: int, hot: tuple[int, float, float], classes: int, window: tuple[int, int, int]
) -> bytes:
    """Logit of class 1 = gain x (channel - level); every other class 0. A 1 x 1 x 1 convolution."""
    channel, level, gain = hot
    weight = np.zeros((classes, channels, 1, 1, 1), np.float32)
    bias = np.zeros(classes, np.float32)
    lesion = 1 if classes > 1 else 0
    weight[lesion, channel], bias[lesion] = gain, -gain * level
    graph = helper.make_graph(
        [helper.make_node("Conv", ["image", "weight", "bias"], ["logits"])],
        "threshold",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", channels, *window])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", classes, *window])],
        [numpy_helper.from_array(weight, "weight"), numpy_helper.from_array(bias, "bias")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 10
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def nnunet_export(
    folder: Path,
    plans: dict[str, Any] = PLANS,
    dataset: dict[str, Any] = DATASET,
    model: bytes | None = None,
) -> Path:
    """A folder as nnU-Net's export leaves it; PET is channel 1 after CTNormalization."""
    folder.mkdir(parents=True)
    (folder / "plans.json").write_text(json.dumps(plans))
    (folder / "dataset.json").write_text(json.dumps(dataset))
    level = (HOT_SUV - PET_MEAN) / PET_SPREAD
    network = model or threshold_network(2, (1, level, 6.0), 3, WINDOW)
    (folder / "model.onnx").write_bytes(network)
    return folder


METADATA: dict[str, Any] = {
    "version": "0.3.1",
    "task": "Hot lesions of limbs",
    "data_source": "phantoms",
    "network_data_format": {
        "inputs": {
            "image": {
                "type": "image",
                "num_channels": 2,
                "spatial_shape": list(WINDOW),
                "dtype": "float32",
                "channel_def": {"0": "ct", "1": "pet"},
            }
        },
        "outputs": {
            "pred": {
                "type": "image",
                "format": "segmentation",
                "num_channels": 2,
                "channel_def": {"0": "background", "1": "lesion"},
            }
        },
    },
}
INFERENCE: dict[str, Any] = {
    "imports": ["$import glob", "$__import__('os').system('touch ran')"],
    "dataset_dir": "$os.getcwd()",
    "pixdim": [3.0, 3.0, 4.0],
    "sizes": {"roi": list(WINDOW)},
    "network_def": {"_target_": "$exec('raise SystemExit')"},
    "preprocessing": {
        "_target_": "Compose",
        "transforms": [
            {"_target_": "LoadImaged", "keys": ["ct", "pet"]},
            {"_target_": "EnsureChannelFirstd", "keys": ["ct", "pet"]},
            {"_target_": "monai.transforms.Orientationd", "keys": ["ct", "pet"], "axcodes": "RAS"},
            {
                "_target_": "Spacingd",
                "keys": ["ct", "pet"],
                "pixdim": "@pixdim",
                "mode": ["bilinear", "bilinear"],
            },
            {
                "_target_": "ScaleIntensityRanged",
                "keys": "ct",
                "a_min": -160,
                "a_max": 240,
                "b_min": 0.0,
                "b_max": 1.0,
                "clip": True,
            },
            {
                "_target_": "ScaleIntensityRanged",
                "keys": "pet",
                "a_min": 0,
                "a_max": 10,
                "b_min": 0.0,
                "b_max": 1.0,
            },
            {"_target_": "ConcatItemsd", "keys": ["ct", "pet"], "name": "image"},
            {"_target_": "EnsureTyped", "keys": "image"},
        ],
    },
    "inferer": {
        "_target_": "SlidingWindowInferer",
        "roi_size": "@sizes#roi",
        "sw_batch_size": 4,
        "overlap": 0.25,
    },
    "postprocessing": {
        "_target_": "Compose",
        "transforms": [
            {"_target_": "Activationsd", "keys": "pred", "softmax": True},
            {"_target_": "Invertd", "keys": "pred", "transform": "@preprocessing"},
            {"_target_": "AsDiscreted", "keys": "pred", "argmax": True},
            {"_target_": "SaveImaged", "keys": "pred", "output_dir": "$@dataset_dir + '/eval'"},
        ],
    },
    "run": ["$@evaluator.run()"],
}


def monai_bundle(
    folder: Path,
    inference: dict[str, Any] = INFERENCE,
    metadata: dict[str, Any] = METADATA,
    model: bytes | None = None,
) -> Path:
    """A bundle with its network as ONNX; PET / 10 is channel 1."""
    (folder / "configs").mkdir(parents=True)
    (folder / "models").mkdir()
    (folder / "configs/metadata.json").write_text(json.dumps(metadata))
    (folder / "configs/inference.json").write_text(json.dumps(inference))
    network = model or threshold_network(2, (1, HOT_SUV / 10.0, 60.0), 2, WINDOW)
    (folder / "models/model.onnx").write_bytes(network)
    return folder
