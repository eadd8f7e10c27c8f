"""Flower's side of the coordinator: federated averaging over what passes the agreement.

``FedAvg`` (McMahan 2017) weights each hospital by its patients, as counted in the agreement. A
reply that breaks the agreement is left out of the average and listed with its reason; a round with
no good reply ends the run. Every hospital evaluates once, at the end. The run configuration
names ``agreement``, ``first-weights`` (.npz) and ``folder`` for the results.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Context, Message, MetricRecord
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg

from medquorum.ai_entity.federated.agreement import Agreement
from medquorum.ai_entity.federated.client_app import arrays_of, check_reply, read_arrays
from medquorum.ai_entity.federated.exchange import (
    ExchangeRefused,
    Refusal,
    Weights,
    check_weights,
)

WEIGHTS_FILE: Final = "federated.npz"
HISTORY_FILE: Final = "history.json"
ROUND_SECONDS: Final = 1_800.0


class AgreedAveraging(FedAvg):
    """FedAvg that counts only what was agreed."""

    def __init__(self, agreement: Agreement) -> None:
        count = len(agreement.hospitals)
        super().__init__(min_train_nodes=count, min_evaluate_nodes=count, min_available_nodes=count)
        self.agreement = agreement
        self.history: list[dict[str, Any]] = []
        self._before: Weights = {}
        self._node_of: dict[int, int] = {}

    def begin_round(self, arrays: ArrayRecord) -> None:
        """Replies are measured from here."""
        self._before = read_arrays(self.agreement, arrays)

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """As FedAvg."""
        self.begin_round(arrays)
        return list(super().configure_train(server_round, arrays, config, grid))

    def configure_evaluate(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Only after the last round: the rounds before it report on the network as received."""
        if server_round < self.agreement.rounds:
            return []
        return list(super().configure_evaluate(server_round, arrays, config, grid))

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """The weighted mean of the good replies. Raises RuntimeError when there is none."""
        good = self._counted(server_round, replies)
        if not good:
            raise RuntimeError(f"round {server_round}: no hospital sent what was agreed")
        arrays, metrics = super().aggregate_train(server_round, good)
        return arrays, metrics

    def aggregate_evaluate(
        self, server_round: int, replies: Iterable[Message]
    ) -> MetricRecord | None:
        """The weighted mean of what the hospitals found."""
        good = self._counted(server_round, replies)
        return super().aggregate_evaluate(server_round, good) if good else None

    def _counted(self, server_round: int, replies: Iterable[Message]) -> list[Message]:
        good: list[Message] = []
        heard: set[int] = set()
        for reply in replies:
            line: dict[str, Any] = {"round": server_round}
            try:
                if reply.has_error():
                    line["refused"] = str(reply.error.reason)[:300]
                    continue
                check_reply(self.agreement, reply.content, self._before)
                line |= dict(reply.content["metrics"])
                self._check_sender(reply, int(line["hospital"]), heard)
                good.append(reply)
            except ExchangeRefused as refused:
                line["refused"] = str(refused)[:300]
            finally:
                self.history.append(line)
        return good

    def _check_sender(self, reply: Message, hospital: int, heard: set[int]) -> None:
        node = reply.metadata.src_node_id
        if hospital in heard or self._node_of.setdefault(hospital, node) != node:
            raise ExchangeRefused(Refusal.WRONG_HOSPITAL, f"hospital {hospital} spoke before")
        heard.add(hospital)


def main(grid: Grid, context: Context) -> None:
    """Run the agreed rounds and write the network of all and the history."""
    agreement = Agreement.read(Path(str(context.run_config["agreement"])))
    folder = Path(str(context.run_config["folder"]))
    with np.load(str(context.run_config["first-weights"]), allow_pickle=False) as stored:
        first = check_weights(agreement, {name: stored[name] for name in stored.files})
    strategy = AgreedAveraging(agreement)
    instruction = {"agreement": agreement.digest}
    result = strategy.start(
        grid,
        arrays_of(first),
        num_rounds=agreement.rounds,
        timeout=ROUND_SECONDS,
        train_config=ConfigRecord(dict(instruction)),
        evaluate_config=ConfigRecord(dict(instruction)),
    )
    weights = read_arrays(agreement, result.arrays)
    np.savez(folder / WEIGHTS_FILE, **weights)  # type: ignore[arg-type] # names of arrays
    fresh = folder / f"{HISTORY_FILE}.new"
    fresh.write_text(json.dumps(strategy.history, indent=1) + "\n", encoding="utf-8")
    fresh.replace(folder / HISTORY_FILE)


app = ServerApp()
app.main()(main)
