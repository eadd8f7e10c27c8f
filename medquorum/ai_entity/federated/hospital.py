"""The process at a hospital that opens its images: trains when asked at its gate, tells no more.

``python -m medquorum.ai_entity.federated.hospital FOLDER INDEX GATE`` where FOLDER holds
``agreement.json`` and ``images/``, INDEX counts the agreement's hospitals from 1, and GATE is the
socket to make. With ``alone`` for GATE it trains as long without the others, for comparison, and
writes ``alone.npz`` and ``alone.json`` into FOLDER, which nobody fetches in earnest.

Before it reads anything it gives up every other folder and TCP. Each round is answered once, rounds
run upward, and the number of evaluations is bounded: every answer tells a little about patients.
"""

import json
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from medquorum.ai_entity.federated.agreement import Agreement
from medquorum.ai_entity.federated.confinement import (
    Allowed,
    confine,
    device_files,
    end_with_parent,
    interpreter_folders,
)
from medquorum.ai_entity.federated.exchange import (
    ExchangeRefused,
    Refusal,
    Weights,
    check_numbers,
    evaluation_numbers,
    training_numbers,
)
from medquorum.ai_entity.federated.frames import Frame, Kind, read_frame, send_frame

if TYPE_CHECKING:
    from medquorum.ai_entity.federated.trainer import Trainer

AGREEMENT_FILE: Final = "agreement.json"
IMAGES_FOLDER: Final = "images"
MAX_EVALUATIONS: Final = 2
"""Per training: the network of all at the end, and once more if the answer was lost."""
IDLE_SECONDS: Final = 30.0
"""A connection that says nothing for so long is closed; training time does not count."""


class Gatekeeper:
    """What the gate answers, and how often."""

    def __init__(self, agreement: Agreement, index: int, trainer: "Trainer") -> None:
        self._agreement = agreement
        self._index = index
        self._trainer = trainer
        self._last_round = 0
        self._evaluations = 0

    def answer(self, asked: Frame) -> Frame:
        """The answer to an instruction; a refusal is one too."""
        try:
            if asked.weights is None or asked.kind not in (Kind.TRAIN, Kind.EVALUATE):
                raise ExchangeRefused(Refusal.MALFORMED, "the gate trains or evaluates")
            if asked.told.get("agreement") != self._agreement.digest:
                raise ExchangeRefused(Refusal.WRONG_AGREEMENT, "this hospital agreed to another")
            if asked.kind is Kind.TRAIN:
                return self._train(asked.told.get("round"), asked.weights)
            return self._evaluate(asked.weights)
        except ExchangeRefused as refused:
            return refusal_frame(refused)

    def _train(self, asked_round: object, weights: Weights) -> Frame:
        if not isinstance(asked_round, int) or not 1 <= asked_round <= self._agreement.rounds:
            raise ExchangeRefused(
                Refusal.ROUND_OUT_OF_RANGE, f"rounds run from 1 to {self._agreement.rounds}"
            )
        if asked_round <= self._last_round:
            raise ExchangeRefused(Refusal.ROUND_REPEATED, "this round was answered")
        self._last_round = asked_round
        before = self._trainer.dice(weights)
        trained = self._trainer.train(weights, asked_round)
        told = {
            "hospital": self._index + 1,
            "num-examples": self._agreement.hospitals[self._index].patients,
            "loss": round(trained.loss, 4),
            "dice-before": round(before, 4),
        }
        check_numbers(training_numbers(self._agreement), told)
        return Frame(Kind.TRAINED, told, trained.weights)

    def _evaluate(self, weights: Weights) -> Frame:
        if self._evaluations >= MAX_EVALUATIONS:
            raise ExchangeRefused(Refusal.ROUND_REPEATED, "the network of all was evaluated")
        self._evaluations += 1
        told = {
            "hospital": self._index + 1,
            "num-examples": self._trainer.held_out_patients,
            "dice": round(self._trainer.dice(weights), 4),
        }
        check_numbers(evaluation_numbers(self._agreement), told)
        return Frame(Kind.EVALUATED, told)


def refusal_frame(refused: ExchangeRefused) -> Frame:
    """A refusal to send back."""
    return Frame(Kind.REFUSED, {"refusal": refused.refusal.value, "sentence": str(refused)[:300]})


def serve(gate: Path, agreement: Agreement, keeper: Gatekeeper) -> None:
    """Answer one connection after the other until the process is ended."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(gate))
        gate.chmod(0o600)
        listener.listen(1)
        while True:
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(IDLE_SECONDS)
                _serve_one(agreement, keeper, connection)


def _serve_one(agreement: Agreement, keeper: Gatekeeper, connection: socket.socket) -> None:
    try:
        answer = keeper.answer(read_frame(agreement, connection))
    except ExchangeRefused as refused:
        answer = refusal_frame(refused)
    except TimeoutError:
        return
    try:
        send_frame(agreement, connection, answer)
    except OSError:
        print("the courier left before its answer", flush=True)
    print(f"answered {answer.kind} {json.dumps(answer.told)}", flush=True)


def train_alone(folder: Path, trainer: "Trainer", first: Weights) -> None:
    """As many steps as with the others, on this hospital's patients only."""
    import numpy as np

    weights = first
    for round_number in range(1, trainer.agreement.rounds + 1):
        weights = trainer.train(weights, round_number).weights
    np.savez(folder / "alone.npz", **weights)  # type: ignore[arg-type] # names of arrays
    (folder / "alone.json").write_text(json.dumps({"dice": trainer.dice(weights)}))


def main(tell: Callable[[str], None] = print) -> None:
    """Confine, read, serve."""
    folder, index, gate = Path(sys.argv[1]).resolve(), int(sys.argv[2]) - 1, sys.argv[3]
    end_with_parent()
    os.environ["TMPDIR"] = str(folder)
    write = [folder, *device_files()]
    if gate != "alone":
        write.append(Path(gate).resolve().parent)
    held = confine(Allowed(interpreter_folders(), write, tcp=False))
    tell(f"confined: {held}")
    import torch

    from medquorum.ai_entity.federated.trainer import Trainer, network_of, read_images, weights_of

    torch.set_num_threads(1)
    agreement = Agreement.read(folder / AGREEMENT_FILE)
    trainer = Trainer(agreement, index, read_images(folder / IMAGES_FOLDER))
    if gate == "alone":
        train_alone(folder, trainer, weights_of(network_of(agreement)))
        return
    serve(Path(gate), agreement, Gatekeeper(agreement, index, trainer))


if __name__ == "__main__":
    main()
