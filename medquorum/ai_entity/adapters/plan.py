"""How an adopted model is fed and read, declared on its card and nowhere else.

``form`` of the card is ``nnunet`` or ``monai``; both carry the same plan: which image each channel
is, how its intensities are prepared, on which grid and in which axes, in which windows, and which
output channels are lesion. The plan is data: it names steps of a closed list, never code. Every
number is checked on the way in, because a card may have been written by hand.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

MAX_CHANNELS: Final = 8
MAX_CLASSES: Final = 128
MAX_STEPS: Final = 8
MIN_SIDE: Final = 8
MAX_SIDE: Final = 320
MAX_WINDOW_VOXELS: Final = 160**3
"""As for the project's own networks: some hundred planes of activations stay below 2 GB."""
SPACINGS_MM: Final = (0.3, 12.0)
MAX_OVERLAP: Final = 0.75
LARGEST: Final = 1e6
"""No intensity of CT or SUV, and no factor between them, is larger."""
MAX_NAME: Final = 200


class Source(StrEnum):
    """Which image a channel is."""

    CT = "ct"
    """Hounsfield units."""
    PET = "pet"
    """SUVbw."""


class StepKind(StrEnum):
    """What may be done to intensities."""

    CLIP = "clip"
    """To first .. second."""
    LINEAR = "linear"
    """Times first plus second."""
    STANDARDISE = "standardise"
    """Minus mean, over standard deviation of the image."""
    STANDARDISE_NONZERO = "standardise_nonzero"
    """The same by and of the voxels that are not zero."""
    RESCALE = "rescale"
    """Minimum and maximum of the image to first and second."""


class Activation(StrEnum):
    """What turns the outputs into probabilities."""

    SOFTMAX = "softmax"
    """Classes exclude each other."""
    SIGMOID = "sigmoid"
    """Regions that may overlap."""


class Blend(StrEnum):
    """How overlapping windows are weighted."""

    GAUSSIAN = "gaussian"
    CONSTANT = "constant"


@dataclass(frozen=True, slots=True)
class Step:
    """One step with its two numbers; 0 where a kind needs none."""

    kind: StepKind
    first: float = 0.0
    second: float = 0.0


@dataclass(frozen=True, slots=True)
class Channel:
    """One input channel."""

    name: str
    source: Source
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class AdaptedPlan:
    """Everything between images in patient coordinates and lesion probabilities."""

    channels: tuple[Channel, ...]
    axes: str
    """Three letters, one per array axis: where its index grows, of L R, P A, S I."""
    spacing_mm: tuple[float, float, float]
    """In the order of ``axes``."""
    interpolation: int
    """Order of the spline that brings images to the spacing: 0, 1 or 3."""
    intensity_first: bool
    """Steps before resampling (nnU-Net) or after (MONAI bundles, as a rule)."""
    window: tuple[int, int, int]
    overlap: float
    blend: Blend
    activation: Activation
    classes: tuple[str, ...]
    """Names of the output channels in order."""
    lesion: tuple[int, ...]
    """Output channels that are lesion."""

    def to_card(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


def plan_from_card(plan: Mapping[str, Any]) -> AdaptedPlan:
    """The plan of a card. Raises ValueError, KeyError or TypeError naming what is wrong."""
    made = AdaptedPlan(
        channels=tuple(_channel(one) for one in plan["channels"]),
        axes=str(plan["axes"]),
        spacing_mm=_three([float(one) for one in plan["spacing_mm"]]),
        interpolation=int(plan["interpolation"]),
        intensity_first=bool(plan["intensity_first"]),
        window=_three([int(one) for one in plan["window"]]),
        overlap=float(plan["overlap"]),
        blend=Blend(plan["blend"]),
        activation=Activation(plan["activation"]),
        classes=tuple(str(one) for one in plan["classes"]),
        lesion=tuple(int(one) for one in plan["lesion"]),
    )
    check_plan(made)
    return made


def check_plan(plan: AdaptedPlan) -> None:
    """Raises ValueError with a sentence when a plan cannot be run here."""
    _require(1 <= len(plan.channels) <= MAX_CHANNELS, f"a model has 1 to {MAX_CHANNELS} channels")
    _require(
        sorted("LPS".find(_positive(letter)) for letter in plan.axes) == [0, 1, 2],
        "axes are three letters, one each of L/R, P/A, S/I",
    )
    low, high = SPACINGS_MM
    _require(
        all(low <= one <= high for one in plan.spacing_mm),
        f"voxels of a plan are {low} to {high} mm wide",
    )
    _require(plan.interpolation in (0, 1, 3), "interpolation is of order 0, 1 or 3")
    volume = plan.window[0] * plan.window[1] * plan.window[2]
    _require(
        all(MIN_SIDE <= side <= MAX_SIDE for side in plan.window) and volume <= MAX_WINDOW_VOXELS,
        f"a window has sides of {MIN_SIDE} to {MAX_SIDE} and at most {MAX_WINDOW_VOXELS} voxels",
    )
    _require(0.0 <= plan.overlap <= MAX_OVERLAP, f"windows overlap by 0 to {MAX_OVERLAP}")
    _require(1 <= len(plan.classes) <= MAX_CLASSES, f"a model has 1 to {MAX_CLASSES} classes")
    _require(
        len(set(plan.lesion)) == len(plan.lesion) > 0
        and all(0 <= one < len(plan.classes) for one in plan.lesion),
        "the lesion channels are some of the output channels, each once",
    )
    _require(
        plan.activation is Activation.SIGMOID or len(plan.lesion) < len(plan.classes),
        "one class at least is no lesion",
    )
    names = [channel.name for channel in plan.channels] + list(plan.classes)
    _require(all(0 < len(name) <= MAX_NAME for name in names), "names are short and not empty")


def _channel(channel: Mapping[str, Any]) -> Channel:
    steps = tuple(
        Step(StepKind(one["kind"]), _number(one["first"]), _number(one["second"]))
        for one in channel["steps"]
    )
    _require(len(steps) <= MAX_STEPS, f"a channel has at most {MAX_STEPS} steps")
    return Channel(str(channel["name"]), Source(channel["source"]), steps)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("a step's number is a number")
    number = float(value)
    _require(-LARGEST <= number <= LARGEST, f"a step's number is within {LARGEST:.0f}")
    return number


def _three(values: list[Any]) -> tuple[Any, Any, Any]:
    _require(len(values) == 3, "a plan's sizes have three numbers")
    first, second, third = values
    return first, second, third


def _positive(letter: str) -> str:
    """L, P or S of the axis that a letter lies on; ``?`` for any other."""
    return {"L": "L", "R": "L", "P": "P", "A": "P", "S": "S", "I": "S"}.get(letter, "?")


def _require(holds: bool, sentence: str) -> None:
    if not holds:
        raise ValueError(sentence)
