"""The recipes of the tumour networks: how many steps on what, seen how, at which seed."""

from dataclasses import replace
from typing import Final

from medquorum.ai_entity.training.loop import Recipe
from medquorum.ai_entity.training.network import Inputs
from medquorum.ai_entity.training.patches import PLAIN, Drawing, Spread

SEED: Final = 4
SIDE: Final = 48
"""Voxels of 4 mm: windows of 19 cm."""
OVERLAP: Final = 0.25
MIRRORS: Final = ("", "x")
"""Passes whose mean is the network's word on a window."""
WHOLE_BODY_MIRRORS: Final = ("", "x", "y", "xy")
"""Of the network for whole bodies, which is asked alone and so costs less."""
FOLDS: Final = 5
TORSOS: Final = 56
BODIES: Final = 140
MORE_BODIES: Final = (300, 500)
"""By round of whole bodies from the third on: with those that are neither limb nor uniform."""
PRETRAIN_STEPS: Final = {Inputs.PETCT: 3_600, Inputs.CT: 900}
FOLD_STEPS: Final = {Inputs.PETCT: (1_700, 5_000), Inputs.CT: (1_700,)}
"""Per round; every further round restarts the learning rate from the averaged weights
(Loshchilov and Hutter, ICLR 2017) and disturbs its patches more."""
FOLD_SEEDS: Final = (2_000, 4_100)
FOLD_AVERAGES: Final = (0.997, 0.998)
WHOLE_BODY_STEPS: Final = {
    Inputs.PETCT: (2_000, 5_400, 8_000, 8_000, 12_000, 13_000, 8_000),
    Inputs.CT: (3_000,),
}
"""Per round. For PET and CT they continue what was pretrained, with further lesions in patches;
for CT alone they begin anew."""
WHOLE_BODY_AVERAGES: Final = {Inputs.PETCT: (0.995, 0.997, 0.998), Inputs.CT: (0.995,)}
"""The last also for every further round."""
FURTHER: Final = {Inputs.PETCT: 0.6, Inputs.CT: 0.0}
LARGER_MM: Final = (5.0, 36.0)
"""Radii of further lesions in the third round of whole bodies and after it."""
BODY_DRAWING: Final = Drawing(
    lesion_share=0.5, each_lesion_alike=True, hot_share=0.3, blur_share=0.2
)
BLURRED: Final = Drawing(blur_share=BODY_DRAWING.blur_share)
FARTHER: Final = Spread(turned_share=0.75, turn_degrees=25.0, scale=0.22, gain=0.22)
"""Of the further rounds of members."""
LAST_BODIES: Final = Spread(gain=0.2, blur_voxels=(0.3, 0.7))
VARIED_BODIES: Final = Spread(gain=0.2, blur_voxels=(0.3, 0.75), counting_noise=0.18)
"""From the fourth round on, with bodies of scanners that vary more and more patches where uptake is
usual."""
VARIED_HOT_SHARE: Final = 0.4
SMALL_MM: Final = (4.5, 18.0)
HARD_LOTS: Final = 3
HARD_SHARE: Final = 0.8
"""From the sixth round on: more and smaller further lesions, most where they are missed most."""
WHOLE_BODY_TEMPERATURE: Final = {Inputs.PETCT: 1.86}
"""Of least log loss on eight validation phantoms; the members' own is fitted on patients."""
LIMB_SHARE: Final = 0.2
"""Of the patches of PET/CT members, in limbs that were made up, a third of them healthy."""
LEARNING_RATE: Final = 2e-3


def pretraining(inputs: Inputs, steps: int, side: int = SIDE) -> Recipe:
    """On phantoms alone, before everything else."""
    drawing = BODY_DRAWING if inputs is Inputs.PETCT else PLAIN
    return Recipe(steps, 1_000, side, phantom_drawing=drawing, learning_rate=LEARNING_RATE)


def fold_recipe(inputs: Inputs, steps: int, place: tuple[int, int], side: int = SIDE) -> Recipe:
    """Of a member; ``place`` is its round and its number, each from 0."""
    turn, member = place
    known = min(turn, len(FOLD_SEEDS) - 1)
    seed = FOLD_SEEDS[known] + 2_000 * (turn - known) + member
    average = FOLD_AVERAGES[known]
    plain = Recipe(steps, seed, side, learning_rate=LEARNING_RATE, average=average)
    spread = FARTHER if turn else Spread()
    if inputs is Inputs.CT:
        drawing = replace(PLAIN, spread=spread)
        return replace(plain, drawing=drawing, phantom_drawing=drawing)
    return replace(
        plain,
        phantom_share=LIMB_SHARE,
        drawing=replace(BLURRED, spread=spread),
        phantom_drawing=replace(BODY_DRAWING, spread=spread),
    )


def whole_body_recipe(inputs: Inputs, steps: int, turn: int, side: int = SIDE) -> Recipe:
    """Of the network for whole bodies in its round ``turn``, from 0."""
    drawing = replace(BODY_DRAWING, pasted_share=FURTHER[inputs])
    if turn > 1:
        drawing = replace(drawing, pasted_radii_mm=LARGER_MM, blur_share=0.3, spread=LAST_BODIES)
    if turn > 2:
        drawing = replace(drawing, hot_share=VARIED_HOT_SHARE, spread=VARIED_BODIES)
    if turn > 4:
        drawing = replace(
            drawing,
            pasted_share=HARD_SHARE,
            pasted_radii_mm=SMALL_MM,
            pasted_hard_lots=HARD_LOTS,
        )
    averages = WHOLE_BODY_AVERAGES[inputs]
    return Recipe(
        steps,
        1_001 + turn,
        side,
        phantom_drawing=drawing,
        learning_rate=LEARNING_RATE,
        average=averages[min(turn, len(averages) - 1)],
    )
