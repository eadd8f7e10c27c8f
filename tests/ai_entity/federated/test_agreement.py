"""The agreement: one file, one digest, no unusable terms."""

from pathlib import Path

import pytest

from medquorum.ai_entity.federated.agreement import (
    Agreement,
    AgreementError,
    Hospital,
    WeightShape,
    training_set_digest,
)
from tests.ai_entity.federated.agreements import small_agreement


def test_everybody_reads_the_same_agreement_with_the_same_digest(tmp_path: Path) -> None:
    agreement = small_agreement()
    agreement.write(tmp_path / "agreement.json")
    read = Agreement.read(tmp_path / "agreement.json")
    assert read == agreement
    assert read.digest == agreement.digest
    assert agreement.numbers == 8


@pytest.mark.parametrize(
    "term",
    [
        {"rounds": 3},
        {"update_limit": 2.5},
        {"hospitals": (Hospital("hospital-1", 4, "f" * 64),)},
        {"weights": (WeightShape("down.weight", (3, 2)), WeightShape("down.bias", (2,)))},
    ],
)
def test_every_term_is_in_the_digest(term: dict[str, object]) -> None:
    assert small_agreement(**term).digest != small_agreement().digest


@pytest.mark.parametrize(
    ("term", "rule"),
    [
        ({"rounds": 0}, "rounds"),
        ({"steps": 0}, "steps"),
        ({"side": 20}, "in eights"),
        ({"hospitals": ()}, "hospitals"),
        ({"hospitals": (Hospital("a", 0, "0" * 64),)}, "with patients"),
        ({"hospitals": (Hospital("a/b", 1, "0" * 64),)}, "name"),
        ({"hospitals": (Hospital("a", 1, "0" * 63),)}, "SHA-256"),
        ({"hospitals": (Hospital("a", 1, "0" * 64),) * 2}, "each hospital once"),
        ({"weights": (WeightShape("w", (2,)),) * 2}, "array of weights once"),
        ({"weights": (WeightShape("w", (0,)),)}, "sides above 0"),
        ({"weights": (WeightShape("w", (10_000, 10_000)),)}, "at most 50000000 weights"),
        ({"weights": (WeightShape("../w", (2,)),)}, "names of letters"),
        ({"update_limit": 0.0}, "limits above 0"),
    ],
)
def test_unusable_terms_are_refused(term: dict[str, object], rule: str) -> None:
    with pytest.raises(AgreementError, match=rule):
        small_agreement(**term)


@pytest.mark.parametrize("octets", [b"{}", b"[]", b"not json", b'{"rounds": 1}'])
def test_a_file_that_is_no_agreement_is_refused(octets: bytes, tmp_path: Path) -> None:
    (tmp_path / "agreement.json").write_bytes(octets)
    with pytest.raises(AgreementError, match="no agreement"):
        Agreement.read(tmp_path / "agreement.json")


def test_a_training_set_has_one_digest_in_whatever_order_its_cases_come() -> None:
    assert training_set_digest(["aa", "bb"]) == training_set_digest(["bb", "aa"])
    assert training_set_digest(["aa", "bb"]) != training_set_digest(["aa"])
