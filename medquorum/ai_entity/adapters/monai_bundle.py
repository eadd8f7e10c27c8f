"""A MONAI bundle exported to ONNX: ``configs/metadata.json``, ``configs/inference.json`` and
``models/model.onnx``.

Metadata says which channels go in and come out; the sections ``preprocessing``, ``inferer`` and
``postprocessing`` of the inference configuration say how. They are read as declarations
(``bundle_config``): nothing is imported, evaluated or made. Transforms whose meaning is known are
carried out, those that only load or shape tensors are passed over, every other is refused by name.
"""

from pathlib import Path
from typing import Any, Final

from medquorum.ai_entity.adapters.bundle_config import BundleConfig, Component
from medquorum.ai_entity.adapters.bundle_steps import Preparation, read_preparation
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
from medquorum.ai_entity.adapters.names import lesion_channels, shown, source_of
from medquorum.ai_entity.adapters.plan import Activation, AdaptedPlan, Blend, Channel
from medquorum.ai_entity.errors import ModelError, Reason

FORM: Final = "monai"
METADATA: Final = "configs/metadata.json"
INFERENCE: Final = "configs/inference.json"
MODEL: Final = "models/model.onnx"
PASSED_OVER: Final = frozenset(
    {"Invertd", "SaveImaged", "AsDiscreted", "EnsureTyped", "ToTensord", "CastToTyped"}
)
"""After the network: back to the images, threshold and files are this entity's own business."""
REMARKS: Final = (
    "window by window the log-odds of lesion are averaged, not every class's output",
    "lesion where its probability is one half or more, whichever class is highest",
    "measured on this entity's 4 mm grid, like every model here",
)


def understand_monai(folder: Path, wishes: Wishes) -> Understood:
    """What a bundle declares. Raises ModelError naming what is missing or not carried out."""
    metadata = read_json(folder / METADATA)
    config = BundleConfig(read_json(folder / INFERENCE))
    formats = field(metadata, "network_data_format", dict, METADATA)
    preparation = read_preparation(config.transforms("preprocessing"))
    classes = _classes(_only(formats, "outputs"))
    window, overlap, blend = _inferer(config)
    a, b, c = preparation.spacing_mm
    plan = AdaptedPlan(
        channels=_channels(_only(formats, "inputs"), preparation),
        axes=preparation.axes,
        spacing_mm=(a, b, c),
        interpolation=preparation.interpolation,
        intensity_first=preparation.intensity_first,
        window=window,
        overlap=overlap,
        blend=blend,
        activation=_activation(config.transforms("postprocessing")),
        classes=classes,
        lesion=lesion_channels(classes, wishes.lesion),
    )
    return Understood(
        form=FORM,
        name=said(metadata.get("name")) or said(metadata.get("task")) or "MONAI bundle",
        version=said(metadata.get("version")) or "unknown",
        plan=checked(plan),
        model_file=folder / MODEL,
        sources=(folder / METADATA, folder / INFERENCE),
        training=f"{said(metadata.get('data_source')) or 'an unnamed source'}, as its files say",
        remarks=REMARKS,
    )


def _only(formats: dict[str, Any], direction: str) -> dict[str, Any]:
    """The one input or output of the network."""
    ports = field(formats, direction, dict, "network_data_format")
    if len(ports) != 1:
        raise unsupported(f"a network with {len(ports)} {direction} is not run here")
    port: dict[str, Any] = field(ports, next(iter(ports)), dict, direction)
    return port


def _names(port: dict[str, Any], where: str) -> tuple[str, ...]:
    """Names of the channels in order."""
    names = field(port, "channel_def", dict, where)
    order = [str(index) for index in range(len(names))]
    if sorted(names) != sorted(order) or port.get("num_channels", len(names)) != len(names):
        raise ModelError(Reason.MALFORMED_MODEL, f"channel_def of {where} does not number them")
    return tuple(said(names[index]) or f"channel {index}" for index in order)


def _classes(port: dict[str, Any]) -> tuple[str, ...]:
    return _names(port, "outputs")


def _channels(port: dict[str, Any], preparation: Preparation) -> tuple[Channel, ...]:
    """The network's channels: one dictionary key each, or all from one key."""
    names = _names(port, "inputs")
    keys = preparation.keys if len(preparation.keys) > 1 else preparation.keys * len(names)
    if len(keys) != len(names):
        raise unsupported(f"{len(names)} channels from {len(keys)} images are not understood")
    hints = f"{said(port.get('modality'))} {said(port.get('format'))}"
    if len(names) > 1 and len(preparation.keys) == 1 and preparation.joint:
        raise unsupported("a normalisation over all channels together is not done here")
    return tuple(
        Channel(
            name,
            source_of(name, f"{key} {hints if len(names) == 1 else ''}"),
            preparation.steps[key],
        )
        for name, key in zip(names, keys, strict=True)
    )


def _inferer(config: BundleConfig) -> tuple[tuple[int, int, int], float, Blend]:
    section = config.section("inferer")
    if section is None:
        raise unsupported("the bundle has no inferer; a SlidingWindowInferer is run here")
    inferer = config.component(section, "inferer")
    if inferer.target != "SlidingWindowInferer":
        raise unsupported(f"inferer {shown(inferer.target)}; a SlidingWindowInferer is run here")
    sizes = numbers(inferer.argument("roi_size"), 3, "inferer.roi_size")
    a, b, c = (int(one) for one in sizes)
    mode = inferer.argument("mode", "constant")
    if mode not in ("constant", "gaussian"):
        raise unsupported(f"inferer mode {shown(mode)}")
    return (a, b, c), inferer.number("overlap", 0.25), Blend(mode)


def _activation(transforms: list[Component]) -> Activation:
    """What stands after the network; softmax where only the highest class is taken."""
    found: Activation | None = None
    for transform in transforms:
        if transform.target == "Activationsd":
            transform.only("softmax", "sigmoid")
            softmax = transform.argument("softmax", False) is True
            if softmax == (transform.argument("sigmoid", False) is True):
                raise unsupported(f"{transform.where} is neither softmax nor sigmoid")
            found = Activation.SOFTMAX if softmax else Activation.SIGMOID
        elif transform.target == "AsDiscreted" and transform.argument("argmax", False) is True:
            found = found or Activation.SOFTMAX
        elif transform.target not in PASSED_OVER:
            raise unsupported(f"{transform.where}: {shown(transform.target)} is not known here")
    if found is None:
        raise unsupported("postprocessing has neither Activationsd nor argmax: what is an output?")
    return found
