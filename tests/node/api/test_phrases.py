"""Faults of requests in words for people, which repeat nothing that was sent."""

import json
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from medquorum.node.api.phrases import phrase_faults, unknown_field
from medquorum.node.api.schemas import AddressText, Hex32, Number
from tests.node.api.conftest import House
from tests.node.api.fake_desk import CANARY
from tests.node.api.test_submissions import CT, form


class Sample(BaseModel):
    """A field of every kind."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    n_bc: Number = 1
    hash: Hex32 = "00" * 32
    references: tuple[Hex32, ...] = ()
    few: Annotated[tuple[int, ...], Field(max_length=1)] = ()
    doctor: AddressText | None = None
    kind: Literal["ct", "pet"] = "ct"
    short: Annotated[str, Field(max_length=3)] = ""
    sure: bool = True


def said(**fields: object) -> str:
    with pytest.raises(ValidationError) as refused:
        Sample.model_validate(fields)
    return phrase_faults(refused.value, Sample.model_fields).removesuffix("; see /docs")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"references": ["x"]}, "references: entry 1 is not 64 hexadecimal digits in lower case"),
        ({"n_bc": "one"}, "n_bc is not a whole number"),
        ({"n_bc": 0}, "n_bc is less than 1"),
        ({"n_bc": 2**53 + 1}, "n_bc is more than 9007199254740992"),
        ({"hash": "AA" * 32}, "hash is not 64 hexadecimal digits in lower case"),
        ({"hash": 5}, "hash is not text"),
        ({"references": "x"}, "references is not a list"),
        ({"few": [1, 2]}, "few has more than 1 entries"),
        ({"doctor": "Dr. X"}, "doctor is not an address such as mqdoc1…"),
        ({"kind": CANARY}, "kind is not one of 'ct' or 'pet'"),
        ({"short": CANARY}, "short is longer than 3 characters"),
        ({"sure": CANARY}, "sure is neither true nor false"),
        ({"colour": 1}, "there is no field `colour`"),
        ({"col our": 1}, "a field is unknown"),
        ({"n_bc": 0, "hash": 5}, "n_bc is less than 1; hash is not text"),
    ],
)
def test_a_fault_is_told_in_words(fields: dict[str, object], words: str) -> None:
    assert said(**fields) == words


@pytest.mark.parametrize("name", ["", "a b", "x" * 41, "1", "é", "<b>"])
def test_a_name_that_could_be_none_is_not_repeated(name: str) -> None:
    assert unknown_field(name) == "a field is unknown"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ((("colour", "red"),), "there is no field `colour`"),
        ((("type", "pet"),), "the field type is there twice"),
        ((("references", '["12"]'),), "references: entry 1 is not 64 hexadecimal digits"),
        ((("registration", "{}"),), "public_key is missing"),
        ((("registration", CANARY),), "is not valid JSON"),
    ],
)
async def test_a_form_is_told_which_field_is_wrong(
    house: House, fields: tuple[tuple[str, str], ...], words: str
) -> None:
    status, body, _ = await house.ask("POST", "/v1/submissions", data=form(*CT, *fields))
    assert (status, words in json.loads(body)["detail"]) == (400, True), body
    assert CANARY not in body.decode()


async def test_a_parameter_is_told_in_words(house: House) -> None:
    _, body, _ = await house.ask("GET", "/v1/blocks/one")
    assert json.loads(body)["detail"] == "n_bc is not a whole number; see /docs"
