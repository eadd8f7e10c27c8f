"""The OpenAPI document and the page: complete, resolvable, without script or foreign request."""

import json
import re

from medquorum.node.api.application import OPERATIONS
from medquorum.node.api.openapi import describe
from medquorum.node.api.reference import render_page
from tests.node.api.conftest import House


def references(value: object) -> list[str]:
    if isinstance(value, dict):
        found = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return [*found, *(each for entry in value.values() for each in references(entry))]
    if isinstance(value, list):
        return [each for entry in value for each in references(entry)]
    return []


def test_every_operation_is_described_once() -> None:
    document = describe(OPERATIONS)
    described = [
        (method.upper(), path) for path, entry in document["paths"].items() for method in entry
    ]
    assert sorted(described) == sorted((op.method, op.path) for op in OPERATIONS)
    names = [op.name for op in OPERATIONS]
    assert len(set(names)) == len(names)
    assert document["openapi"].startswith("3.1")


def test_every_reference_resolves() -> None:
    document = describe(OPERATIONS)
    schemas = document["components"]["schemas"]
    for reference in references(document):
        prefix, _, name = reference.rpartition("/")
        assert prefix == "#/components/schemas"
        assert name in schemas


def test_every_path_parameter_is_declared_and_every_operation_says_how_it_fails() -> None:
    document = describe(OPERATIONS)
    for path, methods in document["paths"].items():
        wanted = set(re.findall(r"\{(\w+)\}", path))
        for entry in methods.values():
            declared = {each["name"] for each in entry["parameters"] if each["in"] == "path"}
            assert declared == wanted, path
            assert "application/problem+json" in entry["responses"]["default"]["content"]
            assert entry["summary"]


def test_writes_that_can_be_repeated_say_so() -> None:
    repeatable = {operation.name for operation in OPERATIONS if operation.repeatable}
    assert repeatable == {
        "submit",
        "submit_batch",
        "propose_sealed",
        "cast_vote",
        "carry_act",
        "issue_act",
        "bring_consent",
    }


def test_the_page_lists_every_operation_and_schema() -> None:
    document = describe(OPERATIONS)
    page = render_page(document)
    for operation in OPERATIONS:
        assert f'id="{operation.name}"' in page
    for name in document["components"]["schemas"]:
        assert f'id="schema-{name}"' in page


def test_the_page_asks_for_nothing_but_its_style_sheet() -> None:
    page = render_page(describe(OPERATIONS))
    assert re.findall(r'\b(?:src|href)="([^#"]*)"', page) == [
        "/docs/reference.css",
        "/openapi.json",
    ]
    assert not re.search(r"<script|<style|\son\w+=|\sstyle=|https?://", page)


def test_the_page_escapes_what_it_shows() -> None:
    document = describe(OPERATIONS)
    document["info"]["title"] = "<script>alert(1)</script>"
    assert "<script>" not in render_page(document)


async def test_both_are_served_under_a_strict_policy(house: House) -> None:
    for path, media in (
        ("/docs", "text/html"),
        ("/docs/reference.css", "text/css"),
        ("/openapi.json", "application/json"),
    ):
        status, body, response = await house.ask("GET", path, None)
        assert (status, response.content_type) == (200, media)
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert body
    _, body, _ = await house.ask("GET", "/openapi.json", None)
    assert json.loads(body)["info"]["title"] == "Medquorum node"
