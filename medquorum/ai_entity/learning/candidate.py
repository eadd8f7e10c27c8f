"""A candidate's folder: model, card, the list of what it was trained on, and its gate.

``training.json`` is the list that reports and charter name by SHA-256: the training set's digest,
the model it continues and that model's own list. The card says in words what the model was trained
and judged on, phantoms and the ledger's patients apart.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from medquorum.ai_entity.learning.gate import GateResult
from medquorum.ai_entity.learning.lessons import StudyKind
from medquorum.ai_entity.learning.member_models import CARD_FILE, MODEL_FILE, TRAINING_FILE
from medquorum.ai_entity.learning.training_set import Split, TrainingSet, canonical_json

LIST_FORMAT: Final = "medquorum/training-list/1"


@dataclass(frozen=True, slots=True)
class Lineage:
    """What a candidate comes from."""

    kind: StudyKind
    parent: str
    """SHA-256 of the model it continues, hex."""
    parent_training: str
    """SHA-256 of that model's own list."""
    method: str
    used: int
    """Training samples of the set that could be used."""


def training_list(source: TrainingSet, lineage: Lineage) -> bytes:
    """The content of ``training.json``."""
    return canonical_json(
        {
            "format": LIST_FORMAT,
            "kind": lineage.kind.value,
            "training_set": source.digest.hex(),
            "samples_used": lineage.used,
            "samples": [one.identity for one in source.of(lineage.kind, Split.TRAINING)],
            "continues_model": lineage.parent,
            "continues_training": lineage.parent_training,
            "method": lineage.method,
        }
    )


def finished_card(
    card: Mapping[str, Any], source: TrainingSet, lineage: Lineage, gate: GateResult
) -> dict[str, Any]:
    """The parent's card with what is new; figures measured on the parent are kept as such."""
    listed = training_list(source, lineage)
    own = {name: value for name, value in card.items() if name not in ("gate", "trained_on")}
    return {
        **own,
        "kind": lineage.kind.value,
        "training_sha256": hashlib.sha256(listed).hexdigest(),
        "training_set_sha256": source.digest.hex(),
        "continues_sha256": lineage.parent,
        "trained_on": trained_on(source, lineage),
        "gate": gate.document(),
        "not_for_clinical_use": True,
    }


def trained_on(source: TrainingSet, lineage: Lineage) -> str:
    """One paragraph for the doctor."""
    samples = source.of(lineage.kind, Split.TRAINING)
    held = source.of(lineage.kind, Split.HOLD_OUT)
    human = sum(one.facts["author"] == "human" for one in samples)
    patients = len({str(one.facts["patient"]) for one in samples})
    networks = len(source.manifest["networks"])
    return (
        f"Continues the model {lineage.parent[:16]} (its own training list: "
        f"{lineage.parent_training[:16]}) by {lineage.method} on {lineage.used} of "
        f"{len(samples)} validated studies of {patients} patients from {networks} verified "
        f"ledger(s): {human} with a doctor's own report, {len(samples) - human} with a machine's "
        f"report that the doctors approved. {len(held)} studies of other patients were held out. "
        f"Training set {source.digest.hex()[:16]}. Figures above the gate were measured on the "
        "model it continues."
    )


def write_candidate(
    folder: Path,
    model: bytes,
    card: Mapping[str, Any],
    listed: bytes,
    parts: Mapping[str, bytes],
) -> None:
    """Write the files of a candidate."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MODEL_FILE).write_bytes(model)
    (folder / TRAINING_FILE).write_bytes(listed)
    for name, content in parts.items():
        (folder / name).write_bytes(content)
    text = json.dumps(card, indent=1, sort_keys=True) + "\n"
    (folder / CARD_FILE).write_text(text, encoding="utf-8")


def card_text(card: Mapping[str, Any]) -> str:
    """A card for people."""
    lines = [
        f"{card['name']} {card['version']}  ({card['kind']})",
        f"model          {card['sha256']}",
        f"training list  {card['training_sha256']}",
        "",
        str(card.get("trained_on") or card.get("architecture") or ""),
        *_gate_lines(card.get("gate")),
        "",
        *(f"- {limit}" for limit in card["limits"]),
    ]
    return "\n".join(lines)


def _gate_lines(gate: Mapping[str, Any] | None) -> list[str]:
    if gate is None:
        return ["", "No gate: this model is not a retrained one."]
    verdict = "PASSED" if gate["passed"] else "NOT PASSED"
    lines = ["", f"Gate {verdict}: {gate['reason']}", f"  score: {gate['score']}"]
    names = (
        ("all", "all"),
        ("phantoms", "phantoms (synthetic)"),
        ("ledger_patients", "patients of the ledger, held out"),
    )
    for name, said in names:
        part = gate[name]
        if part is None:
            lines.append(f"  {said}: none")
            continue
        lines.append(
            f"  {said}: {part['cases']} cases of {part['patients']}; in use "
            f"{part['current_ppm'] / 1e6:.4f}, candidate {part['candidate_ppm'] / 1e6:.4f}, "
            f"difference {part['difference_ppm'] / 1e6:+.4f} "
            f"(lower bound {part['lower_bound_ppm'] / 1e6:+.4f}, margin "
            f"{gate['margin_ppm'] / 1e6:.3f})"
        )
    return lines
