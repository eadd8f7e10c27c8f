"""What the service has seen of the ledger: images, what belongs to them, what is reported already.

Everything here is read from final blocks, so it is the same after every restart.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from medquorum.ai_entity.approval import Approval
from medquorum.ai_entity.explain.history import ReportHistory
from medquorum.ai_entity.findings import Findings

PART: Final = {"ct": "IMG_CT", "pet": "IMM_PET", "xray": "IMG_XRAY"}
"""Block type of an image -> the part of its body that holds it."""

Block = dict[str, Any]


@dataclass(slots=True)
class Study:
    """One image to report on, with what belongs to it."""

    image: Block
    ct: Block | None = None
    """The CT a PET is read with."""
    findings: Findings | None = None
    proposals: int = 0
    """How often it was proposed, or refused, since the start."""
    failures: int = 0
    """How often its analysis ended without findings."""
    not_before_s: float = 0.0
    """Loop time before which it is not analysed again."""
    given_up: bool = False
    """Nothing will be proposed of it: its images cannot be read, or its model is not approved."""

    @property
    def references(self) -> tuple[str, ...]:
        """The image blocks the report rests on, oldest first."""
        ct = () if self.ct is None else (str(self.ct["hash"]),)
        return (*ct, str(self.image["hash"]))

    def forget(self) -> None:
        """Begin anew, as when another model is to be used."""
        self.findings, self.proposals, self.failures, self.not_before_s = None, 0, 0, 0.0
        self.given_up = False


@dataclass(slots=True)
class Following:
    """The ledger as far as it was read."""

    own: str = ""
    """The AI entity's address."""
    approval: Approval = Approval()  # noqa: RUF009  (frozen)
    """The models the charter lists for it."""
    height: int = 0
    decided: set[tuple[str, ...]] = field(default_factory=set)
    """Inputs of own reports that are in the chain, accepted or rejected."""
    newest_ct: dict[int, Block] = field(default_factory=dict)
    history: ReportHistory = field(default_factory=ReportHistory)
    studies: dict[str, Study] = field(default_factory=dict)
    """By hash of the image block."""
    read_with: dict[str, Study] = field(default_factory=dict)
    """Hash of a CT block -> the newest PET that is read with it."""

    def take(self, block: Block) -> None:
        """One final block, in the order of the chain."""
        self.height = int(block["n_bc"])
        self.history.take(block, self.own)
        if block["ai"] and block["issuer"] == self.own:
            self.decided.add(tuple(block["references"]))
        if block["outcome"] == "accepted" and str(block["type"]) in PART:
            self._take_image(block)

    def _take_image(self, block: Block) -> None:
        kind, patient = str(block["type"]), int(block["n_pb"])
        ct = self.newest_ct.get(patient) if kind == "pet" else None
        if kind == "ct":
            self.newest_ct[patient] = block
        study = self.studies.setdefault(str(block["hash"]), Study(block, ct))
        if ct is not None:
            self.read_with[str(ct["hash"])] = study

    def larger(self, study: Study) -> Study | None:
        """The newest study that rests on this one's images and on more."""
        return self.read_with.get(str(study.image["hash"]))

    def in_turn(self) -> list[Study]:
        """In the order of the chain, but those with a larger one after all others."""
        return sorted(self.studies.values(), key=lambda study: self.larger(study) is not None)
