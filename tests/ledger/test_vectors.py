"""Golden bytes, ids and signatures: what another implementation must come to as well.

`pytest --rewrite-vectors` writes them anew after a deliberate change of the protocol.
"""

import json
import os
import subprocess
import sys
from functools import cache

import pytest

from medquorum.ledger import canonical, signature
from medquorum.ledger.batch import parse_batch
from medquorum.ledger.block import parse_block, parse_witness
from medquorum.ledger.certificate import parse_certificate, parse_ordering_vote
from medquorum.ledger.envelope import PartKeys, open_part, open_wrap, parse_complaint, parse_wrap
from medquorum.ledger.keys import PublicKey, address_of
from medquorum.ledger.member import parse_member
from medquorum.ledger.proposal import parse_proposal
from medquorum.ledger.signature import Signature
from medquorum.ledger.types import PartName
from medquorum.ledger.vote import parse_vote
from tests.conftest import REPOSITORY
from tests.ledger import golden
from tests.ledger import record_kit as kit

FOLDER = REPOSITORY / "tests" / "vectors"


@cache
def golden_file(name: str) -> golden.Vectors:
    """A vector file as it is committed."""
    vectors: golden.Vectors = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return vectors


@pytest.mark.parametrize("name", golden.FILES)
def test_code_comes_to_the_golden_bytes(name: str, request: pytest.FixtureRequest) -> None:
    """R-CAN2, R-HASH1, R-SIG3, R-PRO2, R-VOT1, R-ORD1, R-ORD7, R-ORD10: byte for byte."""
    made = golden.text_of(golden.FILES[name]())
    if request.config.getoption("--rewrite-vectors"):
        (FOLDER / name).write_text(made, encoding="utf-8")
    assert made == (FOLDER / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("seed", ["0", "4242"])
def test_bytes_do_not_depend_on_the_hash_seed(seed: str) -> None:
    """R-CAN2: no order of a set or dictionary reaches the bytes."""
    run = subprocess.run(
        [sys.executable, "-m", "tests.ledger.golden"],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    for name, made in json.loads(run.stdout).items():
        assert made == (FOLDER / name).read_text(encoding="utf-8"), name


def octets(file: str, record: str, field: str = "bytes") -> bytes:
    """One golden field."""
    return bytes.fromhex(golden_file(file)[record][field])


def test_golden_records_are_read_and_verified() -> None:
    """R-CAN4, R-SIG1: the files alone, without the code that made them."""
    issuers = {"registration": "hospital", "report": "ai entity", "models": "ai entity"}
    for name, issuer in issuers.items():
        proposal = parse_proposal(octets("records.json", f"proposal {name}"))
        assert proposal.id == octets("records.json", f"proposal {name}", "id")
        key = PublicKey(octets("primitives.json", f"key of {issuer}", "clinical"))
        assert signature.verify(key, proposal.id, proposal.signature)
        assert proposal.core.issuer == address_of(key)
    for record, parse in (
        ("vote", parse_vote),
        ("block", parse_block),
        ("witness", parse_witness),
        ("ordering vote notar", parse_ordering_vote),
        ("ordering vote skip", parse_ordering_vote),
        ("certificate final", parse_certificate),
        ("complaint", parse_complaint),
    ):
        encoded = octets("records.json", record)
        assert parse(encoded).encoded() == encoded, record
    member = parse_member(canonical.decode(octets("records.json", "member with a model")))
    assert canonical.encode(member.as_map()) == octets("records.json", "member with a model")
    batch = parse_batch(
        octets("records.json", "batch", "header"), octets("records.json", "batch", "body")
    )
    assert batch.hash == octets("records.json", "batch", "id")
    assert batch.roots_match()


@pytest.mark.parametrize("record", ["vote", "ordering vote notar", "complaint", "wrap"])
def test_golden_signatures_are_of_their_digests(record: str) -> None:
    """R-SIG1, R-SIG4: signed is the digest, by the key of the purpose."""
    signers = {
        "vote": ("doctor 0", "clinical"),
        "ordering vote notar": ("doctor 0", "consensus"),
        "complaint": ("laboratory", "consensus"),
        "wrap": ("hospital", "clinical"),
    }
    member, purpose = signers[record]
    file = "envelopes.json" if record == "wrap" else "records.json"
    digest = octets(file, record, "id" if record == "vote" else "digest")
    key = PublicKey(octets("primitives.json", f"key of {member}", purpose))
    assert signature.verify(key, digest, Signature(octets(file, record, "signature")))


def test_golden_envelopes_open() -> None:
    """R-BOD4, R-BOD6, R-BOD7: with the golden keys, and with those of the golden wrap."""
    sealed = {
        name: octets("envelopes.json", "sealed part", name)
        for name in ("chunk", "key", "salt", "plaintext", "root", "commitment")
    }
    wrap = parse_wrap(octets("envelopes.json", "wrap"))
    keys = open_wrap(kit.NETWORK, wrap, kit.private_key("doctor 1 encryption"))[PartName.V_IND]
    assert keys == PartKeys(sealed["key"], sealed["salt"])
    descriptor = kit.registration_core().parts[1]
    assert (descriptor.root, descriptor.commitment) == (sealed["root"], sealed["commitment"])
    opened = open_part(descriptor, kit.NETWORK, kit.RECORD, keys, [sealed["chunk"]])
    assert opened == sealed["plaintext"]
