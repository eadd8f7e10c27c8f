"""What the golden vectors hold: one of each record with its bytes, id and signature, as hex.

Run as a program it prints them as JSON, so that two interpreters can be compared.
"""

import json
from dataclasses import replace

from medquorum.ledger import canonical
from medquorum.ledger.envelope import make_wrap, patient_name_commitment
from medquorum.ledger.hashing import Kind, tagged
from medquorum.ledger.keys import address_text
from medquorum.ledger.member import request_digest
from medquorum.ledger.signature import signer
from medquorum.ledger.types import Algorithm, OrderingKind, PartName, Role
from tests.ledger import record_kit as kit
from tests.ledger.hpke_twin import RepeatingKeyWrapper
from tests.ledger.test_contents import CONTENTS
from tests.support.authenticator import answered, enrolment_of

Vectors = dict[str, dict[str, str]]


def record_vectors() -> Vectors:
    """Proposals, votes, blocks, certificates, batches, complaint and wrap."""
    proposals = {
        "models": kit.models_proposal(),
        "registration": kit.registration_proposal(),
        "report": kit.report_proposal(),
    }
    vectors: Vectors = {
        f"proposal {name}": {
            "bytes": made.encoded().hex(),
            "core": made.core_bytes.hex(),
            "id": made.id.hex(),
            "signature": made.signature.hex(),
        }
        for name, made in proposals.items()
    }
    vectors |= _member_vectors()
    vote, block, batch = kit.vote(), kit.block(), kit.batch()
    vectors["vote"] = {
        "bytes": vote.encoded().hex(),
        "id": vote.ballot.digest(kit.NETWORK).hex(),
        "signature": vote.signature.hex(),
    }
    vectors["block"] = {"bytes": block.encoded().hex(), "id": block.hash.hex()}
    vectors["witness"] = {"bytes": kit.witness().encoded().hex()}
    for kind in OrderingKind:
        ordering_vote = kit.ordering_vote(0, kind)
        vectors[f"ordering vote {kind.value}"] = {
            "bytes": ordering_vote.encoded().hex(),
            "digest": ordering_vote.statement.digest(kit.NETWORK).hex(),
            "signature": ordering_vote.signature.hex(),
        }
        vectors[f"certificate {kind.value}"] = {"bytes": kit.certificate(kind).encoded().hex()}
    vectors["batch"] = {
        "body": batch.body_encoded().hex(),
        "header": batch.header.encoded().hex(),
        "id": batch.hash.hex(),
    }
    complaint = kit.complaint()
    vectors["complaint"] = {
        "bytes": complaint.encoded().hex(),
        "digest": complaint.digest(kit.NETWORK).hex(),
        "signature": complaint.signature.hex(),
    }
    return vectors


def _member_vectors() -> Vectors:
    """Members with fields that only some have, and a vote by an authenticator."""
    vectors: Vectors = {}
    member = kit.machine()
    vectors["member with a model"] = {
        "bytes": canonical.encode(member.as_map()).hex(),
        "request": request_digest(member.statement()).hex(),
    }
    doctor = replace(
        member, role=Role.DOCTOR, models=(), webauthn=enrolment_of("doctor 0", backup=True)
    )
    vectors["member with an authenticator"] = {
        "bytes": canonical.encode(doctor.as_map()).hex(),
        "request": request_digest(doctor.statement()).hex(),
    }
    ballot = replace(kit.vote().ballot, algorithm=Algorithm.WEBAUTHN_ES256)
    touched = answered(ballot, kit.NETWORK, "doctor 0")
    vectors["vote by an authenticator"] = {
        "bytes": touched.encoded().hex(),
        "id": touched.ballot.digest(kit.NETWORK).hex(),
        "signature": touched.signature.hex(),
    }
    return vectors


def envelope_vectors() -> Vectors:
    """A sealed part, a wrap with a fixed ephemeral key, contents, and the commitment to a name."""
    part = kit.sealed(PartName.V_IND, b"signs")
    wrap = make_wrap(
        kit.NETWORK,
        kit.RECORD,
        grantor=kit.address("hospital"),
        sign=signer(kit.private_key("hospital clinical")),
        recipient_address=kit.address("doctor 1"),
        recipient_encryption_key=kit.key("doctor 1 encryption"),
        keys={name: kit.part_keys(name.value) for name in (PartName.V_IND, PartName.PAT_NAME)},
        key_wrapper=RepeatingKeyWrapper(kit.private_key("ephemeral")),
    )
    vectors: Vectors = {
        "sealed part": {
            "chunk": part.chunks[0].hex(),
            "commitment": part.descriptor.commitment.hex(),
            "key": kit.part_keys("V_IND").key.hex(),
            "plaintext": b"signs".hex(),
            "root": part.descriptor.root.hex(),
            "salt": kit.part_keys("V_IND").salt.hex(),
        },
        "wrap": {
            "bytes": wrap.encoded().hex(),
            "digest": wrap.digest(kit.NETWORK).hex(),
            "signature": wrap.signature.hex(),
        },
        "patient name": {
            "commitment": patient_name_commitment(
                kit.NETWORK, kit.digest("name salt"), "Zoë Example"
            ).hex()
        },
    }
    for name, (content, _) in CONTENTS.items():
        vectors[f"content {name}"] = {"bytes": content.encoded().hex()}
    return vectors


def primitive_vectors() -> Vectors:
    """Keys, addresses and a digest of each kind."""
    labels = ("hospital", "laboratory", "ai entity", "doctor 0", "doctor 1", "doctor 2", "patient")
    vectors: Vectors = {
        f"key of {label}": {
            "address": kit.address(label).hex(),
            "address_as_doctor": address_text(kit.address(label), "mqdoc"),
            "clinical": kit.key(f"{label} clinical").hex(),
            "consensus": kit.key(f"{label} consensus").hex(),
            "scalar_label": f"key {label} clinical",
        }
        for label in labels
    }
    for kind in Kind:
        vectors[f"digest of kind {kind.value}"] = {
            "digest": tagged(kind, kit.NETWORK, b"payload").hex(),
            "network": kit.NETWORK.hex(),
            "payload": b"payload".hex(),
        }
    return vectors


FILES = {
    "records.json": record_vectors,
    "envelopes.json": envelope_vectors,
    "primitives.json": primitive_vectors,
}


def text_of(vectors: Vectors) -> str:
    """The text of a vector file."""
    return json.dumps(vectors, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(json.dumps({name: text_of(make()) for name, make in FILES.items()}))
