"""Continue the shipped tumour network on more cases: corrections that doctors confirmed.

The weights come out of the ONNX file itself. Every member takes the same number of steps on the
same cases with its own draws; the result is a file of the same form, to be judged before anybody
uses it. Members then have seen all given cases: none of them is held out any more.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from medquorum.ai_entity.training.export import export_ensemble, read_ensemble
from medquorum.ai_entity.training.loop import train_steps
from medquorum.ai_entity.training.network import TumourNetwork
from medquorum.ai_entity.training.training_case import TrainingCase, grid_case
from medquorum.ai_entity.tumour.grid import Volume

GridTriple = tuple[Volume, Volume | None, npt.NDArray[np.bool_]]
"""HU, SUVbw or None, lesion mask: arrays [z,y,x] of one shape on the 4 mm grid."""


def fine_tune(
    model: Path, cases: Sequence[GridTriple | TrainingCase], steps: int, seed: int, out: Path
) -> Path:
    """Train every network of ``model`` (ONNX) for ``steps`` steps; ``out``, written as ONNX.

    A case is a ``GridTriple`` or a ``TrainingCase``; phantoms among the latter keep the organs
    alive. The same arguments give the same bytes on the same machine. Raises ValueError for a file
    that is no tumour network of this project, for no cases, and where a PET is needed and absent.
    """
    ensemble = read_ensemble(model)
    members = [one for one in ensemble.modules() if isinstance(one, TumourNetwork)]
    prepared = [
        case if isinstance(case, TrainingCase) else _prepared(index, case)
        for index, case in enumerate(cases)
    ]
    if members[0].inputs.channels == 2 and any(
        not isinstance(case, TrainingCase) and case[1] is None for case in cases
    ):
        raise ValueError("a network for PET and CT is trained on cases with a PET only")
    torch.set_num_threads(1)
    for index, member in enumerate(members):
        train_steps(member, prepared, steps, seed + index)
    export_ensemble(ensemble, out)
    return out


def _prepared(index: int, case: GridTriple) -> TrainingCase:
    hu, suv, lesion = case
    if lesion.shape != hu.shape or (suv is not None and suv.shape != hu.shape):
        raise ValueError("the arrays of a case must have one shape on the 4 mm grid")
    return grid_case(f"case {index}", hu.astype(np.float32), suv, lesion)
