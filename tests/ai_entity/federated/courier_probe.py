"""Runs in Flower's environment: what the mod and the coordinator make of foreign messages.

Prints one JSON object: per case the refusal, or "passed".
"""

import json
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from flwr.app import (
    Array,
    ArrayRecord,
    ConfigRecord,
    Context,
    Error,
    Message,
    MetricRecord,
    RecordDict,
)
from flwr.supercore.task_identity import TaskIdentity

from medquorum.ai_entity.federated import client_app
from medquorum.ai_entity.federated.agreement import Agreement
from medquorum.ai_entity.federated.exchange import Weights
from medquorum.ai_entity.federated.frames import Frame, Kind, read_frame, send_frame
from medquorum.ai_entity.federated.server_app import AgreedAveraging

AGREEMENT_FILE = Path(sys.argv[1])
AGREEMENT = Agreement.read(AGREEMENT_FILE)
GATE = AGREEMENT_FILE.parent / "gate"


def weights(fill: float = 0.5) -> Weights:
    """The agreed arrays with one value."""
    return {w.name: np.full(w.shape, fill, dtype=np.float32) for w in AGREEMENT.weights}


def asked(**changes: Any) -> Message:
    """An instruction to train, with changes."""
    content = {
        "arrays": client_app.arrays_of(weights()),
        "config": ConfigRecord({"agreement": AGREEMENT.digest, "server-round": 1}),
    }
    return Message(content=RecordDict({**content, **changes}), dst_node_id=1, message_type="train")


def replied(**changes: Any) -> RecordDict:
    """What a hospital answers, with changes."""
    told = {"hospital": 1, "num-examples": 4, "loss": 0.5, "dice-before": 0.1}
    content = {"arrays": client_app.arrays_of(weights(0.6)), "metrics": MetricRecord(told)}
    return RecordDict({**content, **changes})


def context() -> Context:
    """A node's."""
    configuration = {"agreement": str(AGREEMENT_FILE), "gate": str(GATE)}
    return Context(
        run_id=1, node_id=1, node_config=configuration, state=RecordDict(), run_config={}
    )


def through_mod(message: Message, content: RecordDict) -> str:
    """What leaves the node when the app answers ``content``."""

    def app(message: Message, _: Context) -> Message:
        return Message(content=content, reply_to=message)

    reply = client_app.only_agreed(message, context(), app)
    return verdict(reply)


def verdict(reply: Message) -> str:
    """The refusal's word, or "passed"."""
    return str(reply.error.reason).split(":")[0] if reply.has_error() else "passed"


def numbers(**changes: Any) -> MetricRecord:
    """A reply's numbers with changes."""
    told = {"hospital": 1, "num-examples": 4, "loss": 0.5, "dice-before": 0.1}
    return MetricRecord({**told, **changes})


def arrays(changes: dict[str, Any]) -> ArrayRecord:
    """A reply's arrays with changes."""
    return ArrayRecord({name: Array(part) for name, part in {**weights(0.6), **changes}.items()})


def smuggling() -> ArrayRecord:
    """An array that claims a small shape and carries more bytes."""
    record = arrays({})
    name = AGREEMENT.weights[0].name
    honest = record[name]
    record[name] = Array(
        dtype=honest.dtype,
        shape=tuple(honest.shape),
        stype=honest.stype,
        data=honest.data + bytes(5_000),
    )
    return record


def mod_cases() -> dict[str, str]:
    """Both ways through the mod."""
    image = np.zeros((24, 24, 24), dtype=np.float32)
    one = AGREEMENT.weights[0].name
    digest = AGREEMENT.digest
    incoming = {
        "in: agreed": asked(),
        "in: another agreement": asked(
            config=ConfigRecord({"agreement": "0" * 64, "server-round": 1})
        ),
        "in: a wish beside it": asked(
            config=ConfigRecord({"agreement": digest, "server-round": 1, "send": "images"})
        ),
        "in: another record": asked(more=MetricRecord({"x": 1})),
        "in: other arrays": asked(arrays=ArrayRecord([image])),
        "in: NaN": asked(arrays=arrays({one: weights(np.nan)[one]})),
    }
    outgoing = {
        "out: agreed": replied(),
        "out: an image": replied(arrays=arrays({"image": image})),
        "out: an image for a weight": replied(arrays=arrays({one: image})),
        "out: bytes behind an array": replied(arrays=smuggling()),
        "out: a record of text": replied(notes=ConfigRecord({"patient": "Jane Doe"})),
        "out: text for numbers": replied(metrics=ConfigRecord({"patient": "Jane Doe"})),
        "out: one number more": replied(metrics=numbers(age=54)),
        "out: a list": replied(metrics=numbers(loss=[0.1] * 1_000)),
        "out: NaN": replied(arrays=arrays({one: weights(np.nan)[one]})),
        "out: a huge step": replied(arrays=client_app.arrays_of(weights(9.0))),
        "out: more patients": replied(metrics=numbers(**{"num-examples": 5})),
    }
    told = {name: through_mod(message, replied()) for name, message in incoming.items()}
    return told | {name: through_mod(asked(), content) for name, content in outgoing.items()}


def at_gate(answer: Frame, call: Callable[[], Message]) -> str:
    """What the courier makes of a trainer that answers so."""
    GATE.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(GATE))
        listener.listen(1)

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                read_frame(AGREEMENT, connection)
                send_frame(AGREEMENT, connection, answer)

        trainer = threading.Thread(target=serve)
        trainer.start()
        reply = call()
        trainer.join(10)
    return verdict(reply)


def gate_cases() -> dict[str, str]:
    """The whole way: message, mod, gate, answer."""

    def call() -> Message:
        return client_app.only_agreed(asked(), context(), client_app.train)

    told = {"hospital": 1, "num-examples": 4, "loss": 0.5, "dice-before": 0.1}
    trained = Frame(Kind.TRAINED, told, weights(0.6))
    far = Frame(Kind.TRAINED, told, weights(9.0))
    refused = Frame(Kind.REFUSED, {"refusal": "round_repeated", "sentence": "answered"})
    return {
        "gate: trained": at_gate(trained, call),
        "gate: refused": at_gate(refused, call),
        "gate: a trainer gone astray": at_gate(far, call),
    }


def coordinator_cases() -> dict[str, Any]:
    """Which replies the coordinator counts, and the mean it makes of them."""
    strategy = AgreedAveraging(AGREEMENT)
    strategy.begin_round(client_app.arrays_of(weights()))

    def reply(node: int, content: RecordDict | Error) -> Message:
        message = Message(content=asked().content, dst_node_id=node, message_type="train")
        return Message(content, reply_to=message)

    second = numbers(hospital=2, **{"num-examples": 6})
    replies = [
        reply(11, replied()),
        reply(12, replied(arrays=client_app.arrays_of(weights(0.9)), metrics=second)),
        reply(13, replied()),
        reply(14, replied(arrays=client_app.arrays_of(weights(8.0)))),
        reply(15, Error(client_app.REFUSED_CODE, "round_repeated: said the hospital's gate")),
    ]
    mean, _ = strategy.aggregate_train(1, replies)
    assert mean is not None
    refusals = [str(line.get("refused", "passed")).split(":")[0] for line in strategy.history]
    value = float(next(iter(mean.values())).numpy().reshape(-1)[0])
    return {"coordinator: replies": refusals, "coordinator: mean": round(value, 4)}


if __name__ == "__main__":
    TaskIdentity.task_id = TaskIdentity.run_id = TaskIdentity.node_id = 1
    print(json.dumps(mod_cases() | gate_cases() | coordinator_cases()))
