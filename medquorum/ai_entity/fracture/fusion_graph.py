"""The fusion of rule and network as an ONNX file that names both by digest.

``evidence`` [n, 2] are the rule's and the network's logits, ``probability`` [n, 1] is

    unseen + (1 - unseen) * sigmoid(weighted sum + intercept)

where ``unseen`` is what stays when neither sees anything: of films that look whole to both, that
share was broken. No film is therefore called whole with certainty. RULE and NETWORK stand in the
file's metadata, so that the fusion's own SHA-256 names everything that ran: a proposal that carries
it, and a charter that approves it, mean exactly these three files.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from medquorum.ai_entity.calibration import sigmoid
from medquorum.ai_entity.errors import ModelError, Reason
from medquorum.ai_entity.fracture.fused import LOGIT_LIMIT, NETWORK, RULE
from medquorum.ai_entity.fracture.resnet_graph import sealed_model
from medquorum.ai_entity.fracture.retrain import RetrainedHead

WEIGHTS: Final = "weights"
INTERCEPT: Final = "intercept"
UNSEEN: Final = "unseen"


@dataclass(frozen=True, slots=True)
class Fusion:
    """What a fusion file holds."""

    rule_weight: float
    network_weight: float
    intercept: float
    rule: bytes
    """SHA-256 of the rule's file."""
    network: bytes
    unseen: float = 0.0
    """Share of broken films among those that look whole, 0..0.5."""

    def probability(self, evidence: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
        """Fused probabilities [n] of evidence [n, 2]."""
        kept = np.clip(np.asarray(evidence, dtype=np.float64), -LOGIT_LIMIT, LOGIT_LIMIT)
        weights = np.asarray((self.rule_weight, self.network_weight))
        seen = sigmoid(kept @ weights + self.intercept)
        return np.asarray(self.unseen + (1.0 - self.unseen) * seen)


def build_fusion(fusion: Fusion) -> bytes:
    """The file; same numbers, same bytes."""
    weights = np.asarray([[fusion.rule_weight], [fusion.network_weight]], dtype=np.float32)
    limits = [
        numpy_helper.from_array(np.asarray(edge, dtype=np.float32), name)
        for name, edge in (("low", -LOGIT_LIMIT), ("high", LOGIT_LIMIT))
    ]
    stored = [
        numpy_helper.from_array(weights, WEIGHTS),
        numpy_helper.from_array(np.asarray([fusion.intercept], dtype=np.float32), INTERCEPT),
        numpy_helper.from_array(np.asarray([fusion.unseen], dtype=np.float32), UNSEEN),
        numpy_helper.from_array(np.asarray([1.0 - fusion.unseen], dtype=np.float32), "seen_share"),
    ]
    nodes = [
        helper.make_node("Clip", ["evidence", "low", "high"], ["kept"]),
        helper.make_node("MatMul", ["kept", WEIGHTS], ["product"]),
        helper.make_node("Add", ["product", INTERCEPT], ["fused"]),
        helper.make_node("Sigmoid", ["fused"], ["seen"]),
        helper.make_node("Mul", ["seen", "seen_share"], ["scaled"]),
        helper.make_node("Add", ["scaled", UNSEEN], ["probability"]),
    ]
    graph = helper.make_graph(
        nodes,
        "medquorum_fracture_fusion",
        [helper.make_tensor_value_info("evidence", TensorProto.FLOAT, ["n", 2])],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["n", 1])],
        limits + stored,
    )
    return sealed_model(graph, {RULE: fusion.rule.hex(), NETWORK: fusion.network.hex()})


def read_fusion(path: Path) -> Fusion:
    """The numbers of a fusion file. Raises ModelError."""
    try:
        model = onnx.load_model_from_string(path.read_bytes())
        stored = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
        facts = {one.key: one.value for one in model.metadata_props}
        rule, network = (float(weight) for weight in stored[WEIGHTS][:, 0])
        intercept, unseen = float(stored[INTERCEPT][0]), float(stored[UNSEEN][0])
        digests = bytes.fromhex(facts[RULE]), bytes.fromhex(facts[NETWORK])
    except Exception as error:
        raise ModelError(Reason.MALFORMED_MODEL, f"{path.name} is no fusion of models") from error
    return Fusion(rule, network, intercept, *digests, unseen)


def refit_fusion(fusion: Path, head: RetrainedHead, out: Path) -> Path:
    """Write ``out``/<name>.onnx and .json: ``fusion`` with the refitted network in its place.

    The network's weight is divided by the head's temperature. Register both files; the fusion's
    digest is the one to evaluate, announce and approve.
    """
    before = read_fusion(fusion)
    after = Fusion(
        before.rule_weight,
        before.network_weight / head.temperature,
        before.intercept,
        before.rule,
        head.digest,
        before.unseen,
    )
    content = build_fusion(after)
    out.mkdir(parents=True, exist_ok=True)
    path = out / fusion.name
    path.write_bytes(content)
    card = json.loads(fusion.with_suffix(".json").read_bytes())
    network_card = json.loads(head.card.read_bytes())
    digest = hashlib.sha256(content).hexdigest()
    card |= {
        "sha256": digest,
        "training_sha256": network_card["training_sha256"],
        "version": f"{card['version'].partition('+')[0]}+{digest[:8]}",
        "parts": {"rule": after.rule.hex(), "network": after.network.hex()},
        "refitted_from_sha256": hashlib.sha256(fusion.read_bytes()).hexdigest(),
    }
    path.with_suffix(".json").write_text(json.dumps(card, indent=1, sort_keys=True) + "\n")
    return path
