"""`/openapi.json` and `/docs`: the reference of every operation, on one page without a script."""

from __future__ import annotations

import asyncio
import json
from functools import cache
from importlib.resources import files
from typing import Any, Final

from aiohttp import web
from jinja2 import Environment, FunctionLoader, select_autoescape

from medquorum.node.api.openapi import describe
from medquorum.node.api.operation import Operation

POLICY: Final = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_PAGES = files("medquorum.node.api") / "pages"


def _read(name: str) -> str:
    return (_PAGES / name).read_text(encoding="utf-8")


def schema_name(schema: dict[str, Any]) -> str:
    """A schema's type in a few words: the name it refers to, or its JSON type."""
    match schema:
        case {"$ref": str(reference)}:
            return reference.rsplit("/", 1)[-1]
        case {"anyOf": list(alternatives)}:
            return " or ".join(schema_name(each) for each in alternatives)
        case {"const": constant}:
            return json.dumps(constant)
        case {"enum": list(values)}:
            return " | ".join(str(value) for value in values)
        case {"type": "array", "items": dict(entry)}:
            return f"list of {schema_name(entry)}"
        case {"type": str(kind)}:
            return str(schema.get("title", kind)) if kind == "object" else kind
        case _:
            return "any"


def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_read),
        autoescape=select_autoescape(default=True, default_for_string=True),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["schema_name"] = schema_name
    return environment


def render_page(document: dict[str, Any]) -> str:
    """The reference page of an OpenAPI document."""
    grouped: dict[str, list[dict[str, Any]]] = {tag["name"]: [] for tag in document["tags"]}
    for path, methods in document["paths"].items():
        for method, entry in methods.items():
            row = {"method": method.upper(), "path": path, **entry}
            grouped[entry["tags"][0]].append(row)
    template = _environment().get_template("reference.html")
    return template.render(document=document, groups=grouped)


ADDRESSES: Final = ("/openapi.json", "/docs", "/docs/reference.css")


@cache
def _bodies(operations: tuple[Operation, ...]) -> dict[str, tuple[bytes, str]]:
    """Body and media type of the document, the page and its style sheet, by address.

    Made once for all listeners of a process, when somebody asks: nodes start without.
    """
    document = describe(operations)
    made = (
        (json.dumps(document, indent=1), "application/json"),
        (render_page(document), "text/html"),
        (_read("reference.css"), "text/css"),
    )
    return {
        address: (text.encode(), media)
        for address, (text, media) in zip(ADDRESSES, made, strict=True)
    }


def add_reference(app: web.Application, operations: tuple[Operation, ...]) -> None:
    """Serve the document, the page and its style sheet."""
    for address in ADDRESSES:
        app.router.add_get(address, _serve(address, operations))


def _serve(address: str, operations: tuple[Operation, ...]) -> Any:
    async def serve(_request: web.Request) -> web.Response:
        body, media = (await asyncio.to_thread(_bodies, operations))[address]
        return web.Response(
            body=body,
            content_type=media,
            charset="utf-8",
            headers={"Content-Security-Policy": POLICY, "Cache-Control": "private, max-age=300"},
        )

    return serve
