"""An nnU-Net (v2) export: a folder with ``plans.json``, ``dataset.json`` and ``model.onnx``.

The two JSON files are those that nnU-Net writes beside its checkpoints (also ``nnUNetPlans.json``);
the graph is one fold's network without deep supervision, exported to ONNX. What the plan declares
is carried out in nnU-Net's order: axes by ``transpose_forward``, normalisation, resampling to
``spacing``, windows of ``patch_size`` that overlap by half under a Gaussian weight. Sources: the
documentation of nnU-Net on dataset format, plans and normalisation; Isensee et al., Nature Methods
2021, doi 10.1038/s41592-020-01008-z.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from medquorum.ai_entity.adapters.foreign import (
    Understood,
    Wishes,
    checked,
    field,
    numbers,
    read_json,
    said,
    unsupported,
)
from medquorum.ai_entity.adapters.names import BACKGROUND, lesion_channels, shown, source_of
from medquorum.ai_entity.adapters.plan import (
    Activation,
    AdaptedPlan,
    Blend,
    Channel,
    Step,
    StepKind,
)
from medquorum.ai_entity.errors import ModelError, Reason

FORM: Final = "nnunet"
PLANS: Final = ("plans.json", "nnUNetPlans.json")
DATASET: Final = "dataset.json"
MODEL: Final = "model.onnx"
STEP_SHARE: Final = 0.5
"""nnU-Net's tile_step_size."""
LEAST_SPREAD: Final = 1e-8
MAX_INHERITANCE: Final = 4
ARRAY_AXES: Final = {"LPS": "SPL", "RAS": "SAR"}
"""How images lay on disk -> array axes z, y, x of nnU-Net's readers."""
READER_AXES: Final = {"SimpleITKIO": "LPS", "NibabelIOWithReorient": "RAS"}
REMARKS: Final = (
    "one network instead of an ensemble of folds",
    "no mirrored passes",
    "window by window the log-odds of lesion are averaged, not every class's logit",
    "measured on this entity's 4 mm grid, like every model here",
)


def understand_nnunet(folder: Path, wishes: Wishes) -> Understood:
    """What an export declares. Raises ModelError naming what is missing or not carried out."""
    plans_file = next(
        (folder / one for one in PLANS if (folder / one).is_file()), folder / PLANS[0]
    )
    plans, dataset = read_json(plans_file), read_json(folder / DATASET)
    configuration = _configuration(plans, wishes.configuration)
    classes, activation = _classes(dataset)
    forward = [int(one) for one in numbers(plans.get("transpose_forward"), 3, "transpose_forward")]
    if sorted(forward) != [0, 1, 2]:
        raise ModelError(Reason.MALFORMED_MODEL, "transpose_forward is no order of three axes")
    stored = _array_axes(plans, dataset, wishes)
    a, b, c = numbers(configuration.get("spacing"), 3, "spacing")
    window = [int(one) for one in numbers(configuration.get("patch_size"), 3, "patch_size")]
    plan = AdaptedPlan(
        channels=_channels(plans, dataset, configuration),
        axes="".join(stored[axis] for axis in forward),
        spacing_mm=(a, b, c),
        interpolation=_interpolation(configuration),
        intensity_first=True,
        window=(window[0], window[1], window[2]),
        overlap=STEP_SHARE,
        blend=Blend.GAUSSIAN,
        activation=activation,
        classes=classes,
        lesion=lesion_channels(classes, wishes.lesion),
    )
    return Understood(
        form=FORM,
        name=said(plans.get("dataset_name")) or "nnU-Net export",
        version=said(plans.get("plans_name")) or "unknown",
        plan=checked(plan),
        model_file=folder / MODEL,
        sources=(plans_file, folder / DATASET),
        training=f"{said(dataset.get('numTraining')) or 'an unknown number of'} cases of "
        f"{said(plans.get('dataset_name')) or 'an unnamed set'}, as its files say",
        remarks=REMARKS,
    )


def _configuration(plans: dict[str, Any], name: str) -> dict[str, Any]:
    """The named configuration with what it inherits."""
    known = field(plans, "configurations", dict, "the plans")
    chain: list[dict[str, Any]] = []
    asked: str | None = name
    while asked is not None:
        if asked not in known or len(chain) > MAX_INHERITANCE:
            names = ", ".join(shown(one) for one in sorted(known)[:8])
            raise unsupported(f"the plans have no configuration {shown(asked)}; they have {names}")
        chain.append(field(known, asked, dict, "configurations"))
        asked = chain[-1].get("inherits_from")
    merged: dict[str, Any] = {}
    for one in reversed(chain):
        merged |= one
    if merged.get("previous_stage") not in (None, ""):
        raise unsupported("a cascade needs the earlier stage's result; adopt 3d_fullres instead")
    patch = merged.get("patch_size")
    if isinstance(patch, list) and len(patch) == 2:
        raise unsupported("a 2d configuration is not run here; adopt a 3d one")
    return merged


def _array_axes(plans: dict[str, Any], dataset: dict[str, Any], wishes: Wishes) -> str:
    """Directions of nnU-Net's array axes z, y, x."""
    reader = dataset.get("overwrite_image_reader_writer") or plans.get("image_reader_writer")
    stored = wishes.stored_as or READER_AXES.get(str(reader))
    if stored not in ARRAY_AXES:
        raise unsupported(
            f"reader {shown(reader)} keeps images as they lie on disk; say how with "
            "--stored-as LPS or --stored-as RAS"
        )
    return ARRAY_AXES[stored]


def _channels(
    plans: dict[str, Any], dataset: dict[str, Any], configuration: dict[str, Any]
) -> tuple[Channel, ...]:
    names = field(dataset, "channel_names", dict, DATASET)
    schemes = field(configuration, "normalization_schemes", list, "the configuration")
    masked = configuration.get("use_mask_for_norm", [])
    if len(schemes) != len(names) or sorted(names) != sorted(str(n) for n in range(len(names))):
        raise ModelError(
            Reason.MALFORMED_MODEL, "channel_names and normalization_schemes do not fit each other"
        )
    if any(bool(one) for one in masked if one is not None):
        raise unsupported("use_mask_for_norm is true: normalising inside a mask is not done here")
    properties = plans.get("foreground_intensity_properties_per_channel", {})
    return tuple(
        Channel(
            said(names[str(index)]) or f"channel {index}",
            source_of(str(names[str(index)])),
            _steps(str(scheme), properties, index),
        )
        for index, scheme in enumerate(schemes)
    )


def _steps(scheme: str, properties: object, index: int) -> tuple[Step, ...]:
    if scheme == "CTNormalization":
        known = properties.get(str(index)) if isinstance(properties, Mapping) else None
        return _ct_steps(known, index)
    fixed = {
        "ZScoreNormalization": (Step(StepKind.STANDARDISE),),
        "NoNormalization": (),
        "RescaleTo01Normalization": (Step(StepKind.RESCALE, 0.0, 1.0),),
    }
    if scheme not in fixed:
        raise unsupported(f"normalisation {shown(scheme)} is not known here")
    return fixed[scheme]


def _ct_steps(known: object, index: int) -> tuple[Step, ...]:
    """Clip to the foreground's 0.5 and 99.5 percentiles, minus its mean, over its deviation."""
    where = f"foreground_intensity_properties_per_channel of channel {index}"
    if not isinstance(known, dict):
        raise ModelError(Reason.MALFORMED_MODEL, f"the plans lack {where}")
    wanted = [known.get(key) for key in ("percentile_00_5", "percentile_99_5", "mean", "std")]
    low, high, mean, spread = numbers(wanted, 4, where)
    scale = 1.0 / max(spread, LEAST_SPREAD)
    if low > high or scale > 1e4:
        raise ModelError(Reason.MALFORMED_MODEL, f"{where} are no intensities of an image")
    return (Step(StepKind.CLIP, low, high), Step(StepKind.LINEAR, scale, -mean * scale))


def _classes(dataset: dict[str, Any]) -> tuple[tuple[str, ...], Activation]:
    """Names of the output channels: classes in order of their number, or regions."""
    labels = field(dataset, "labels", dict, DATASET)
    kept = {str(name): value for name, value in labels.items() if name != "ignore"}
    if any(isinstance(value, list) for value in kept.values()):
        regions = tuple(name for name, value in kept.items() if value not in (0, [0]))
        return regions, Activation.SIGMOID
    order = sorted(kept, key=lambda name: _label(kept[name]))
    if [kept[name] for name in order] != list(range(len(order))) or len(order) < 2:
        raise ModelError(
            Reason.MALFORMED_MODEL, f"the labels of {DATASET} are not 0, 1, 2 ... with names"
        )
    if order[0].lower() not in BACKGROUND:
        raise unsupported(f"label 0 is {shown(order[0])} where the background is expected")
    return tuple(order), Activation.SOFTMAX


def _label(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ModelError(Reason.MALFORMED_MODEL, f"a label of {DATASET} is no number")
    return value


def _interpolation(configuration: dict[str, Any]) -> int:
    arguments = configuration.get("resampling_fn_data_kwargs")
    order = arguments.get("order", 3) if isinstance(arguments, dict) else 3
    return order if order in (0, 1, 3) else 3
