"""The transforms of a bundle's ``preprocessing`` as steps of a plan."""

from dataclasses import dataclass, field
from typing import Any, Final

from medquorum.ai_entity.adapters.bundle_config import Component
from medquorum.ai_entity.adapters.foreign import numbers, unsupported
from medquorum.ai_entity.adapters.names import shown
from medquorum.ai_entity.adapters.plan import Step, StepKind
from medquorum.ai_entity.errors import ModelError, Reason

PASSED_OVER: Final = frozenset(
    {
        *("LoadImaged", "EnsureChannelFirstd", "AddChanneld", "AsChannelFirstd", "EnsureTyped"),
        *("ToTensord", "CastToTyped", "ToDeviced", "SpatialPadd", "DivisiblePadd", "Identityd"),
    }
)
"""They load, shape or pad; images come loaded here, and windows pad themselves."""
MODES: Final = {"nearest": 0, "bilinear": 1, "trilinear": 1, 0: 0, 1: 1, 3: 3}
STATISTICS: Final = ("NormalizeIntensityd", "ScaleIntensityd")
LEAST_RANGE: Final = 1e-6


@dataclass(slots=True)
class Preparation:
    """What stands before the network."""

    axes: str = ""
    spacing_mm: tuple[float, ...] = ()
    interpolation: int = 1
    intensity_first: bool = False
    joint: bool = False
    """A statistic was taken over all channels of an image together."""
    cropped: bool = False
    """The body was cut out: no matter here, where windows without tissue are left out."""
    keys: tuple[str, ...] = ()
    """Names of the images that become the network's input, in the order of its channels."""
    steps: dict[str, tuple[Step, ...]] = field(default_factory=dict)


def read_preparation(transforms: list[Component]) -> Preparation:
    """The transforms in their order. Raises ModelError naming what is not known."""
    made = Preparation()
    for transform in transforms:
        target = transform.target
        if target in INTENSITIES:
            _add(made, transform)
        elif target in GEOMETRY:
            GEOMETRY[target](made, transform)
        elif target not in PASSED_OVER:
            raise unsupported(f"{transform.where}: {shown(target)} is not known here")
    if not made.axes or not made.spacing_mm:
        missing = "Orientationd" if not made.axes else "Spacingd"
        raise unsupported(f"preprocessing has no {missing}: the model's grid would be a guess")
    made.keys = made.keys or tuple(sorted(made.steps))[:1]
    for key in made.keys:
        made.steps.setdefault(key, ())
    if not made.keys:
        raise unsupported("preprocessing does not say which image goes into the network")
    return made


def _orient(made: Preparation, transform: Component) -> None:
    transform.only("axcodes", "labels")
    axes = transform.argument("axcodes")
    if not isinstance(axes, str) or len(axes) != 3:
        raise ModelError(Reason.MALFORMED_MODEL, f"{transform.where}.axcodes are no three letters")
    made.axes = axes
    _know(made, transform)


def _space(made: Preparation, transform: Component) -> None:
    transform.only("pixdim", "mode", "padding_mode", "align_corners")
    pixdim = transform.argument("pixdim")
    made.spacing_mm = tuple(numbers(pixdim, 3, f"{transform.where}.pixdim"))
    mode: Any = transform.argument("mode", "bilinear")
    mode = mode[0] if isinstance(mode, list) and mode else mode
    if mode not in MODES:
        raise unsupported(f"{transform.where}: interpolation {shown(mode)}")
    made.interpolation = MODES[mode]
    made.intensity_first = any(made.steps.values())
    _know(made, transform)


def _concatenate(made: Preparation, transform: Component) -> None:
    made.keys = transform.images()


def _crop(made: Preparation, _: Component) -> None:
    made.cropped = True


def _know(made: Preparation, transform: Component) -> None:
    for key in transform.images():
        made.steps.setdefault(key, ())


def _add(made: Preparation, transform: Component) -> None:
    if made.intensity_first and made.spacing_mm:
        raise unsupported(f"{transform.where}: intensities before and after Spacingd")
    if made.cropped and transform.target in STATISTICS:
        raise unsupported(f"{transform.where}: statistics of a cropped image are not taken here")
    if made.keys and set(transform.images()) - set(made.keys):
        raise unsupported(f"{transform.where} works on the joined channels; put it before")
    for key in transform.images():
        made.steps[key] = (*made.steps.get(key, ()), *INTENSITIES[transform.target](transform))
    if transform.target in STATISTICS:
        made.joint |= transform.argument("channel_wise", False) is not True


def _range(transform: Component) -> tuple[Step, ...]:
    """(x - a_min) / (a_max - a_min) to b_min .. b_max, clipped where asked."""
    transform.only("a_min", "a_max", "b_min", "b_max", "clip")
    low, high = transform.number("a_min"), transform.number("a_max")
    to_low, to_high = transform.number("b_min", 0.0), transform.number("b_max", 1.0)
    if high - low < LEAST_RANGE:
        raise ModelError(Reason.MALFORMED_MODEL, f"{transform.where}: a_max is not above a_min")
    scale = (to_high - to_low) / (high - low)
    steps = (Step(StepKind.LINEAR, scale, to_low - low * scale),)
    if transform.argument("clip", False) is not True:
        return steps
    return (*steps, Step(StepKind.CLIP, min(to_low, to_high), max(to_low, to_high)))


def _normalise(transform: Component) -> tuple[Step, ...]:
    transform.only("subtrahend", "divisor", "nonzero", "channel_wise")
    nonzero = transform.argument("nonzero", False) is True
    fixed = [transform.argument(name) for name in ("subtrahend", "divisor")]
    if fixed == [None, None]:
        return (Step(StepKind.STANDARDISE_NONZERO if nonzero else StepKind.STANDARDISE),)
    if None in fixed or nonzero:
        raise unsupported(f"{transform.where}: give subtrahend and divisor without nonzero")
    subtrahend, divisor = transform.number("subtrahend"), transform.number("divisor")
    if abs(divisor) < LEAST_RANGE:
        raise ModelError(Reason.MALFORMED_MODEL, f"{transform.where}.divisor is zero")
    return (Step(StepKind.LINEAR, 1.0 / divisor, -subtrahend / divisor),)


def _scale(transform: Component) -> tuple[Step, ...]:
    transform.only("minv", "maxv", "channel_wise")
    low, high = transform.number("minv", 0.0), transform.number("maxv", 1.0)
    return (Step(StepKind.RESCALE, low, high),)


def _threshold(transform: Component) -> tuple[Step, ...]:
    """Only the two uses that are a clip: everything beyond the threshold becomes it."""
    transform.only("threshold", "above", "cval")
    threshold, value = transform.number("threshold"), transform.number("cval", 0.0)
    if threshold != value:
        raise unsupported(f"{transform.where}: a threshold with another cval is not known here")
    if transform.argument("above", True) is True:
        return (Step(StepKind.CLIP, threshold, 1e6),)
    return (Step(StepKind.CLIP, -1e6, threshold),)


INTENSITIES: Final = {
    "ScaleIntensityRanged": _range,
    "NormalizeIntensityd": _normalise,
    "ScaleIntensityd": _scale,
    "ThresholdIntensityd": _threshold,
}
GEOMETRY: Final = {
    "Orientationd": _orient,
    "Spacingd": _space,
    "ConcatItemsd": _concatenate,
    "CropForegroundd": _crop,
}
