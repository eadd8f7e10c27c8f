"""OpenAPI 3.1 from the operations themselves: the same models that check requests describe them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode

import medquorum
from medquorum.node.api.answers import adapter_of
from medquorum.node.api.gate import COOKIE
from medquorum.node.api.idempotency import HEADER
from medquorum.node.api.operation import Content, Operation
from medquorum.node.api.permissions import roles_with
from medquorum.node.api.problems import PROBLEM_TYPE, ProblemDocument

REFERENCE: Final = "#/components/schemas/{model}"
_PATH_NAME = re.compile(r"\{(\w+)\}")

Key = tuple[int, JsonSchemaMode]
Schemas = dict[Key, dict[str, Any]]


def _wanted(operations: Iterable[Operation]) -> list[tuple[int, JsonSchemaMode, TypeAdapter[Any]]]:
    """Every model with the direction in which it is used, each once."""
    models: dict[Key, TypeAdapter[Any]] = {
        (id(ProblemDocument), "serialization"): adapter_of(ProblemDocument)
    }
    for operation in operations:
        models[id(operation.parameters), "validation"] = adapter_of(operation.parameters)
        sides: Sequence[tuple[Content | None, JsonSchemaMode]] = (
            (operation.accepts, "validation"),
            (operation.answers, "serialization"),
        )
        for content, mode in sides:
            if content is not None and content.model is not None:
                models[id(content.model), mode] = adapter_of(content.model)
    return [(key, mode, adapter) for (key, mode), adapter in models.items()]


def describe(operations: Sequence[Operation]) -> dict[str, Any]:
    """The OpenAPI document of these operations."""
    schemas, shared = TypeAdapter.json_schemas(_wanted(operations), ref_template=REFERENCE)
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        entry = _operation(operation, schemas)
        paths.setdefault(operation.path, {})[operation.method.lower()] = entry
    definitions = shared.get("$defs", {})
    used = str(paths) + str(definitions)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Medquorum node",
            "version": medquorum.__version__,
            "summary": "What the page, the command line and other programs may ask of a node.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in dict.fromkeys(each.tag for each in operations)],
        "paths": paths,
        "components": {
            "schemas": {
                name: schema for name, schema in sorted(definitions.items()) if f"/{name}'" in used
            },
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
            },
        },
    }


def _operation(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.tag],
        "parameters": _parameters(operation, schemas),
        "responses": {
            str(operation.status): _response(operation, schemas),
            "default": {
                "description": "A problem: its rule says why, its detail what to do.",
                "content": {
                    PROBLEM_TYPE: {"schema": schemas[id(ProblemDocument), "serialization"]}
                },
            },
        },
    }
    if operation.description:
        entry["description"] = operation.description
    if operation.accepts is not None:
        entry["requestBody"] = {
            "required": True,
            "description": operation.accepts.note,
            "content": {operation.accepts.media: _media(operation.accepts, "validation", schemas)},
        }
    if operation.right is None:
        entry["security"] = []
    else:
        entry["security"] = [{"bearer": []}, {"session": []}]
        entry["x-roles"] = [role.value for role in roles_with(operation.right)]
    return entry


def _response(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    response: dict[str, Any] = {"description": operation.answers.note or operation.summary}
    if operation.status != 204:
        media = _media(operation.answers, "serialization", schemas)
        response["content"] = {operation.answers.media: media}
    return response


def _media(content: Content, mode: JsonSchemaMode, schemas: Schemas) -> dict[str, Any]:
    if content.model is None:
        return {"schema": {"type": "string", "contentMediaType": content.media}}
    return {"schema": schemas[id(content.model), mode]}


def _parameters(operation: Operation, schemas: Schemas) -> list[dict[str, Any]]:
    described = adapter_of(operation.parameters).json_schema(ref_template=REFERENCE)
    in_path = frozenset(_PATH_NAME.findall(operation.path))
    required = frozenset(described.get("required", ()))
    parameters: list[dict[str, Any]] = [
        {
            "name": name,
            "in": "path" if name in in_path else "query",
            "required": name in in_path or name in required,
            "schema": schema,
        }
        for name, schema in described.get("properties", {}).items()
    ]
    if operation.repeatable:
        parameters.append(
            {
                "name": HEADER,
                "in": "header",
                "required": False,
                "description": "A name for this write; sent again, it is done once.",
                "schema": {"type": "string", "maxLength": 128},
            }
        )
    return parameters
