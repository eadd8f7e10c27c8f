"""The split into folds: by patient, seeded, written to a file before anything is trained.

A case is a patient; the archive holds one crop per patient. Each patient is held out by exactly
one member, which neither trains on it nor has any number chosen on it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np


@dataclass(frozen=True, slots=True)
class Folds:
    """Which member holds out which patients."""

    seed: int
    held_out: tuple[tuple[str, ...], ...]
    """By member, names in order."""
    cases: Mapping[str, str]
    """Name to SHA-256 of the case's arrays."""

    @classmethod
    def split(cls, cases: Mapping[str, str], count: int, seed: int) -> Self:
        """Deal the patients to ``count`` folds. Raises ValueError for fewer patients than folds.

        Patients with the same arrays under two names count as one, and are held out together.
        """
        by_digest: dict[str, list[str]] = {}
        for name in sorted(cases):
            by_digest.setdefault(cases[name], []).append(name)
        groups = sorted(by_digest.values())
        if not 2 <= count <= len(groups):
            raise ValueError(f"{len(groups)} patients cannot be dealt to {count} folds")
        order = np.random.default_rng((seed, 5)).permutation(len(groups))
        held = tuple(
            tuple(sorted(name for index in order[fold::count] for name in groups[index]))
            for fold in range(count)
        )
        return cls(seed, held, dict(cases))

    def trained_on(self, member: int) -> tuple[str, ...]:
        """The patients that this member learns from."""
        held = set(self.held_out[member])
        return tuple(name for name in sorted(self.cases) if name not in held)

    def member_for(self, digest: str) -> int | None:
        """The member that has not seen the case with these arrays; None for an unknown case."""
        names = {name for name, known in self.cases.items() if known == digest}
        found = (m for m, held in enumerate(self.held_out) if names & set(held))
        return next(found, None)

    def document(self) -> dict[str, Any]:
        """JSON values."""
        folds = [
            {"member": member, "held_out": list(held)} for member, held in enumerate(self.held_out)
        ]
        return {"seed": self.seed, "folds": folds, "cases": dict(sorted(self.cases.items()))}

    def write(self, path: Path) -> None:
        """As JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.document(), indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> Self:
        """From JSON. Raises ValueError when a patient is in no fold or in two."""
        document = json.loads(path.read_text())
        members = sorted(document["folds"], key=lambda fold: int(fold["member"]))
        held = tuple(tuple(str(name) for name in fold["held_out"]) for fold in members)
        if sorted(name for fold in held for name in fold) != sorted(document["cases"]):
            raise ValueError("the folds file must hold out every patient exactly once")
        return cls(int(document["seed"]), held, dict(document["cases"]))
