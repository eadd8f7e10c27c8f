"""R-EXP4: a doctor's receipt of a vote, judged by the product and by the independent verifier."""

import hashlib
from pathlib import Path
from typing import Any

import msgpack
import pytest
from typer.testing import CliRunner

from medquorum.consensus.receipts import check_receipt
from medquorum.ledger.charter import parse_charter
from medquorum.ledger.receipt import parse_receipt
from medquorum.node.cli.chain_commands import app
from scripts.independent.canonical import Tampered
from scripts.independent.main import main
from scripts.independent.receipt import Received, audit_receipt

from .judging import CHARTER, SIGNATURES
from .primitives import charter_file, charter_map, enc, tagged
from .story import consultation

LEDGER = consultation()
PRODUCT = parse_charter(enc(LEDGER.charter))
REPORT = 5
SALT = hashlib.sha256(b"salt").digest()
REMARK = {"salt": SALT, "text": "the node at the hilum is a vessel"}


def block_of(n_bc: int) -> Any:
    return msgpack.unpackb(LEDGER.proof(n_bc)["block"])


def receipt(n_bc: int = REPORT, doctor: str = "doctor-1", /, **changes: Any) -> dict[str, Any]:
    """A receipt of a vote on the proposal of a block."""
    block = block_of(n_bc)
    proposal = {"core": block["core"], "signature": block["signature"]}
    identity = tagged("proposal", LEDGER.network, proposal["core"])
    vote = LEDGER.vote(identity, doctor, **changes.pop("ballot", {}))
    return {
        "accepted_at_us": 1_800_000_000_000_000,
        "comment": None,
        "format": "medquorum/receipt/1",
        "network": LEDGER.network,
        "proposal": enc(proposal),
        "vote": vote,
        **changes,
    }


def both(content: bytes, proof: bytes | None = None) -> tuple[bool, int | None, bool | None]:
    """(genuine, block, counted) of the product; the independent verifier must say the same."""
    found = check_receipt(content, PRODUCT, proof)
    try:
        twin = audit_receipt(content, CHARTER, SIGNATURES, proof)
    except Tampered as tampered:
        assert not found.valid, f"only the audit refuses it: {tampered}"
        assert tampered.rule.startswith("R-")
        return False, None, None
    assert isinstance(twin, Received)
    assert (found.valid, found.n_bc, found.counted) == (True, twin.height, twin.counted), found
    return found.valid, found.n_bc, found.counted


def test_a_receipt_is_genuine_with_the_charter_alone() -> None:
    content = enc(receipt())
    assert both(content) == (True, None, None)
    assert parse_receipt(content).encoded() == content


def test_a_remark_is_bound_by_its_salted_hash() -> None:
    digest = hashlib.sha256(SALT + REMARK["text"].encode()).digest()
    ballot = {"comment": digest, "decision": "reject", "grade": 4}
    assert both(enc(receipt(ballot=ballot, comment=REMARK)))[0]
    assert not both(enc(receipt(ballot=ballot)))[0]
    assert not both(enc(receipt(comment=REMARK)))[0]
    other = {**REMARK, "text": "the node at the hilum is a node"}
    assert not both(enc(receipt(ballot=ballot, comment=other)))[0]


def test_with_a_proof_it_says_whether_the_verdict_rests_on_this_vote() -> None:
    proof = enc(LEDGER.proof(REPORT))
    votes = msgpack.unpackb(LEDGER.proof(REPORT)["witness"])["votes"]
    assert both(enc(receipt(vote=votes[0])), proof) == (True, REPORT, True)
    late = {"decision": "abstain"}
    assert both(enc(receipt(ballot=late)), proof) == (True, REPORT, False)
    assert not both(enc(receipt()), enc(LEDGER.proof(1)))[0]
    assert not both(enc(receipt()), proof[:-1])[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "medquorum/receipt/2"},
        {"network": bytes(32)},
        {"accepted_at_us": -1},
        {"comment": {"salt": SALT, "text": ""}},
        {"more": 1},
        {"ballot": {"signer": "doctor-2/clinical"}},
        {"ballot": {"proposal": bytes(32)}},
        {"ballot": {"malleate": True}},
        {"vote": b"\x80"},
        {"proposal": b"\x80"},
    ],
)
def test_what_is_wrong_with_a_receipt_is_found_by_both(changes: dict[str, Any]) -> None:
    assert both(enc(receipt(**changes))) == (False, None, None)


def test_somebody_who_is_no_doctor_has_no_receipt() -> None:
    assert not both(enc(receipt(REPORT, "hospital")))[0]


def test_every_altered_byte_is_found() -> None:
    """But those of the node's time, which nobody signed."""
    content = enc(receipt())
    time = content.index(b"accepted_at_us") + len(b"accepted_at_us")
    for position in range(0, len(content), 23):
        altered = bytearray(content)
        altered[position] ^= 1 << position % 8
        if not time <= position < time + 9:
            assert both(bytes(altered)) == (False, None, None), position


def test_both_commands_take_a_receipt(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, content in {
        "receipt": enc(receipt()),
        "proof": enc(LEDGER.proof(REPORT)),
        "damaged": enc(receipt(network=bytes(32))),
        "charter": charter_file(charter_map()),
    }.items():
        (tmp_path / name).write_bytes(content)
    charter = ("--charter", str(tmp_path / "charter"))
    proof = ("--proof", str(tmp_path / "proof"))
    assert main(["--receipt", str(tmp_path / "receipt"), *proof, *charter]) == 0
    assert "  decision: approve" in capsys.readouterr().out.splitlines()
    assert main(["--receipt", str(tmp_path / "damaged"), *charter]) == 5
    runner = CliRunner()
    said = runner.invoke(app, ["receipt", str(tmp_path / "receipt"), *proof, *charter])
    assert (said.exit_code, said.output.split()[0]) == (0, "GENUINE,")
    refused = runner.invoke(app, ["receipt", str(tmp_path / "damaged"), *charter])
    assert refused.exit_code == 5
    assert refused.output.startswith("NOT GENUINE: R-EXP4")
