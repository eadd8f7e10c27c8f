"""Flower's side of a hospital: the courier between the coordinator and the hospital's gate.

It holds no image and cannot train: it lays the weights before the trainer's gate and carries its
answer back. ``only_agreed`` is a Flower mod around it: whatever comes in or goes out is checked
against the agreement, and anything foreign is answered by an error instead. The node's
configuration names ``agreement`` and ``gate``.
"""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

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
from flwr.clientapp import ClientApp

from medquorum.ai_entity.federated.agreement import Agreement
from medquorum.ai_entity.federated.exchange import (
    ExchangeRefused,
    Refusal,
    Weights,
    check_numbers,
    check_update,
    check_weights,
    evaluation_numbers,
    training_numbers,
)
from medquorum.ai_entity.federated.frames import Frame, Kind, read_frame, send_frame

TRAINING_SECONDS: Final = 1_800.0
"""One round at one hospital, at most."""
REFUSED_CODE: Final = 4_900
ASKED: Final = frozenset({"arrays", "config"})
INSTRUCTIONS: Final = frozenset({"agreement", "server-round"})


def read_arrays(agreement: Agreement, record: Any) -> Weights:
    """The weights of a record of arrays. Raises ExchangeRefused."""
    if not isinstance(record, ArrayRecord):
        raise ExchangeRefused(Refusal.FOREIGN_RECORD, "no record of arrays where weights belong")
    wanted = {weight.name: weight.shape for weight in agreement.weights}
    if set(record) != set(wanted):
        raise ExchangeRefused(Refusal.WRONG_NAMES, "other arrays than the network has")
    for name, array in record.items():
        if array.dtype != "float32" or tuple(array.shape) != wanted[name]:
            raise ExchangeRefused(Refusal.WRONG_SHAPE, f"{name} is {array.dtype} {array.shape}")
        if len(array.data) > 4 * int(np.prod(wanted[name], dtype=np.int64)) + 512:
            raise ExchangeRefused(Refusal.WRONG_SHAPE, f"{name} brings more bytes than numbers")
    return check_weights(agreement, {name: array.numpy() for name, array in record.items()})


def arrays_of(weights: Weights) -> ArrayRecord:
    """A record of arrays."""
    return ArrayRecord({name: Array(array) for name, array in weights.items()})


def check_asked(agreement: Agreement, message: Message) -> Weights:
    """The weights of an incoming message. Raises ExchangeRefused for anything else in it."""
    content = message.content
    if set(content) != ASKED or not isinstance(content["config"], ConfigRecord):
        raise ExchangeRefused(Refusal.FOREIGN_RECORD, "a message holds weights and instructions")
    config = content["config"]
    if set(config) != INSTRUCTIONS or not isinstance(config["server-round"], int):
        raise ExchangeRefused(Refusal.FOREIGN_RECORD, "instructions are agreement and round")
    if config["agreement"] != agreement.digest:
        raise ExchangeRefused(Refusal.WRONG_AGREEMENT, "this hospital agreed to another")
    return read_arrays(agreement, content["arrays"])


def check_reply(agreement: Agreement, content: RecordDict, before: Weights) -> None:
    """Whether a reply may leave the hospital, or be counted. Raises ExchangeRefused."""
    trained = "arrays" in content
    if set(content) != ({"arrays", "metrics"} if trained else {"metrics"}):
        raise ExchangeRefused(Refusal.FOREIGN_RECORD, "a reply holds weights and numbers")
    if not isinstance(content["metrics"], MetricRecord):
        raise ExchangeRefused(Refusal.FOREIGN_RECORD, "no numbers where numbers belong")
    allowed = training_numbers(agreement) if trained else evaluation_numbers(agreement)
    told = check_numbers(allowed, dict(content["metrics"]))
    if trained:
        patients = agreement.hospitals[int(told["hospital"]) - 1].patients
        if told["num-examples"] != patients:
            raise ExchangeRefused(
                Refusal.NUMBER_OUT_OF_RANGE, f"the agreement counts {patients} patients"
            )
        check_update(agreement, before, read_arrays(agreement, content["arrays"]))


def only_agreed(
    message: Message, context: Context, call_next: Callable[[Message, Context], Message]
) -> Message:
    """The mod: nothing foreign comes in or goes out."""
    agreement = Agreement.read(Path(str(context.node_config["agreement"])))
    try:
        before = check_asked(agreement, message)
        reply = call_next(message, context)
        if reply.has_content():
            check_reply(agreement, reply.content, before)
    except ExchangeRefused as refused:
        return Message(Error(REFUSED_CODE, str(refused)[:300]), reply_to=message)
    return reply


def ask_gate(context: Context, kind: Kind, message: Message) -> Frame:
    """Lay a message's weights before the gate. Raises ExchangeRefused with the gate's own words."""
    agreement = Agreement.read(Path(str(context.node_config["agreement"])))
    weights = check_asked(agreement, message)
    told = {
        "agreement": agreement.digest,
        "round": int(message.content["config"]["server-round"]),
    }
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(TRAINING_SECONDS)
        connection.connect(str(context.node_config["gate"]))
        send_frame(agreement, connection, Frame(kind, told, weights))
        answer = read_frame(agreement, connection)
    if answer.kind is Kind.REFUSED:
        reason = str(answer.told.get("refusal"))
        known = Refusal(reason) if reason in set(Refusal) else Refusal.MALFORMED
        raise ExchangeRefused(known, "said the hospital's gate")
    return answer


def train(message: Message, context: Context) -> Message:
    """One round at this hospital."""
    answer = ask_gate(context, Kind.TRAIN, message)
    content = RecordDict(
        {"arrays": arrays_of(answer.weights or {}), "metrics": MetricRecord(answer.told)}
    )
    return Message(content=content, reply_to=message)


def evaluate(message: Message, context: Context) -> Message:
    """What the network of all is worth here."""
    answer = ask_gate(context, Kind.EVALUATE, message)
    return Message(content=RecordDict({"metrics": MetricRecord(answer.told)}), reply_to=message)


app = ClientApp(mods=[only_agreed])
app.train()(train)
app.evaluate()(evaluate)
