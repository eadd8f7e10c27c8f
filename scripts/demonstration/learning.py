"""How the AI entity learns: validated consultations, a training set, a gate, the charter's word.

The steps after the consultations are the commands people would type. The tests play the same story.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from medquorum.ai_entity.learning.member_models import current_digests, own_folder
from medquorum.ledger.types import Decision, Role
from medquorum.node.views import ProposalView
from scripts.demonstration.cast import PATIENCE_S, Cast
from scripts.demonstration.commands import medquorum
from scripts.demonstration.films import DrawnFilm, draw_films, form_in_use
from scripts.demonstration.timeline import Timeline
from scripts.demonstration.ward_round import Consultation, WardRound

CONSULTATIONS: Final = 30
LATER_FILMS: Final = 3
"""Before the approval, after it, after the withdrawal."""

HOLD_OUT_FILMS: Final = 16
"""Phantoms of the gate: fewer than `ai train` takes by itself, to keep the story short."""


@dataclass(slots=True)
class Learned:
    """What came of the story, for whoever checks it."""

    consultations: list[Consultation] = field(default_factory=list)
    dataset: dict[str, Any] = field(default_factory=dict)
    card: dict[str, Any] = field(default_factory=dict)
    promotion: dict[str, Any] = field(default_factory=dict)
    before: str = ""
    """Model digest of a proposal before the charter's approval."""
    after: str = ""
    withdrawn: str = ""
    drift: dict[str, Any] = field(default_factory=dict)
    old: str = ""
    new: str = ""
    charter_versions: list[int] = field(default_factory=list)


class LearningStory:
    """Plays the story on a running network whose AI service is not started yet."""

    def __init__(
        self, cast: Cast, timeline: Timeline, folder: Path, count: int = CONSULTATIONS
    ) -> None:
        self.cast = cast
        self.line = timeline
        self.folder = folder
        self.count = count
        self.models = own_folder(folder / "models")
        self.round = WardRound(cast)
        self.told = Learned(old=current_digests(self.models)["fracture"])

    @property
    def _entity(self) -> Path:
        return self.cast.of(Role.AI_ENTITY).member.home

    @property
    def _node(self) -> tuple[str, ...]:
        return ("--node", self.cast.of(Role.AI_ENTITY).member.url)

    async def play(self) -> Learned:
        """Every step in turn."""
        form = form_in_use(self.models)
        films = draw_films(self.folder / "films", self.count + LATER_FILMS, form)
        later = iter(films[self.count :])
        self.cast.network.start_ai(self.models)
        await self._consult(films[: self.count])
        await self._train()
        await self._promote()
        self.told.before = await self._next_digest("before the doctors decide", next(later))
        await self._decide_charter(self.told.promotion["proposal"], "the doctors approve the model")
        self.told.after = await self._next_digest("after their approval", next(later))
        await self._withdraw()
        self.told.withdrawn = await self._next_digest("after the withdrawal", next(later))
        await self._drift()
        return self.told

    async def _consult(self, films: list[DrawnFilm]) -> None:
        self.line.heading(f"{self.count} consultations: X-ray, machine's report, doctors' word")
        with self.line.working("patients, films, reports and votes"):
            self.told.consultations = await self.round.play(films)
        words = Counter(
            "approved" if one.accepted else f"{one.said}, rejected and corrected"
            for one in self.told.consultations
        )
        for said, number in sorted(words.items()):
            self.line.note(f"{number:>3} reports of the machine: {said}")

    async def _train(self) -> None:
        self.line.heading("From the verified ledger to a candidate")
        told, out = self.told, self.folder
        told.dataset = await medquorum(
            *("ai", "dataset", "--out", str(out / "set"), "--json", *self._node),
            *("--token-file", str(self.cast.of(Role.AI_ENTITY).member.user_token)),
            *("--charter", str(self.cast.network.charter_path)),
        )
        self.line.note(
            f"export of {told.dataset['blocks']} blocks verified with the charter; training set "
            f"{told.dataset['digest'][:16]}…"
        )
        for name, number in told.dataset["samples"].items():
            self.line.detail(f"{number:>3} {name}")
        told.card = await medquorum(
            *("ai", "train", "--dataset", str(out / "set"), "--kind", "fracture", "--json"),
            *("--models", str(self.models), "--out", str(out / "candidate")),
            *("--hold-out", str(HOLD_OUT_FILMS)),
        )
        told.new = told.card["sha256"]
        gate = told.card["gate"]
        colour, word = ("green", "passed") if gate["passed"] else ("red", "not passed")
        self.line.note(
            f"head refitted: model {told.new[:16]}…  gate [{colour}]{word}[/]: score "
            f"{gate['all']['current_ppm'] / 1e6:.3f} → {gate['all']['candidate_ppm'] / 1e6:.3f} "
            f"on {gate['all']['cases']} held-out films"
        )
        self.line.detail(told.card["trained_on"])

    async def _promote(self) -> None:
        self.line.heading("The candidate is announced, and waits for the charter")
        self.told.promotion = await medquorum(
            *("ai", "promote", str(self.folder / "candidate"), "--json", *self._node),
            *("--token-file", str(self._entity / "operator.token")),
            *("--models", str(self.models)),
        )
        self.line.note(
            f"the AI entity asks for {len(self.told.promotion['models'])} models by digest: the "
            "ones in use and the candidate"
        )

    async def _next_digest(self, when: str, film: DrawnFilm) -> str:
        """A new patient's film; the digest of the model that reports on it."""
        attending = self.cast.doctors[0]
        form = await self.round.register(attending)
        patient = (await self.round.decide(form, attending, Decision.APPROVE)).n_pb
        one = Consultation(film, attending, patient)
        proposal = await self.round.submit(one)
        image = await self.round.decide(proposal, attending, Decision.APPROVE)
        (view,) = await self.round.reports([image])
        digest = _digest(view)
        self.line.note(f"{when} the next proposal carries model {digest[:16]}…")
        return digest

    async def _decide_charter(self, proposal: str, words: str) -> None:
        for doctor in self.cast.doctors:
            await self.cast.vote(doctor, proposal, Decision.APPROVE)
        block = await self.cast.until_final(proposal)
        version = await self._next_version()
        self.line.note(f"{words}: block {block.n_bc}, the charter has version {version}")

    async def _next_version(self) -> int:
        """Wait until the AI entity's node is in the next epoch."""
        client = self.cast.of(Role.AI_ENTITY).client
        seen = self.told.charter_versions
        async with asyncio.timeout(PATIENCE_S):
            while True:
                version = (await client.status()).charter_version
                if version > (seen or [0])[-1]:
                    seen.append(version)
                    return version
                await asyncio.sleep(0.05)

    async def _withdraw(self) -> None:
        asked = await medquorum(
            *("ai", "withdraw", self.told.new, "--json", *self._node),
            *("--token-file", str(self._entity / "operator.token")),
        )
        await self._decide_charter(asked["proposal"], "the doctors withdraw it again")

    async def _drift(self) -> None:
        self.line.heading("What the ledger says of the models through time")
        export, charter = self.folder / "learning.export", self.cast.network.charter_path
        await self.cast.of(Role.DOCTOR).client.export_to(export)
        words = ("ai", "drift", "--ledger", str(export), "--charter", str(charter))
        window = ("--window", "10", "--picture", str(self.folder / "drift.svg"))
        self.told.drift = await medquorum(*words, *window, "--json")
        for model in self.told.drift["models"]:
            for one in model["windows"]:
                low, high = one["wilson_ppm"]
                self.line.detail(
                    f"model {model['model_digest'][:12]}…  reports {one['first_report']:>3} to "
                    f"{one['first_report'] + one['reports'] - 1:>3}: {one['accepted']} approved "
                    f"(95 %: {low / 1e4:.0f} to {high / 1e4:.0f} %), no conclusion "
                    f"{one['abstained_ppm'] / 1e4:.0f} %, PSI {one['psi']:.2f}"
                )
        self.line.note(f"drawn as {self.folder / 'drift.svg'}")


def _digest(view: ProposalView) -> str:
    return str((view.ai or {}).get("model_digest", ""))
