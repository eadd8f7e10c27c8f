"""The page's addresses: its documents, its files, its version.

A document carries the page's own content security policy; its files carry the API's, which allows
nothing. The hash of all files stands at `/page/version`, so that an institution can compare what
its node serves with what a release says it should serve; `absent` lists what it lacks of that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from medquorum.node.api.answers import tagged_answer
from medquorum.node.api.problems import Problem
from medquorum.node.page.bundle import Bundle, licences_of, load_bundle

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; worker-src 'self'; frame-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; "
    "trusted-types medquorum"
)
"""No script but the node's own files, no string that becomes script."""
VOLUME_POLICY: Final = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self' data: blob:; worker-src 'self' blob:; "
    "form-action 'none'; frame-ancestors 'self'; base-uri 'none'"
)
"""The volume viewer compiles WebAssembly and styles its own elements: in its document alone."""
DOCUMENTS: Final = MappingProxyType(
    {
        "/": ("shell.html", POLICY),
        "/page/licences": ("licences.html", POLICY),
        "/page/volume": ("volume.html", VOLUME_POLICY),
    }
)
"""Address: template and policy."""

_PRELOADED: Final = re.compile(r"(?:keys/)?[a-z_]+\.js")
"""Modules that every page needs: fetched at once, not one import after another."""

_Serving = Callable[[web.Request], Awaitable[web.StreamResponse]]


def add_page(app: web.Application) -> None:
    """Serve the page, read when the first application of this process is made."""
    bundle, documents = _built()
    for path, text in documents.items():
        app.router.add_get(path, _document(text, DOCUMENTS[path][1]))
    app.router.add_get("/page/version", _version(bundle))
    app.router.add_get("/page/{name:.+}", _files(bundle))


@cache
def _built() -> tuple[Bundle, Mapping[str, bytes]]:
    """The installed page and its documents by address: neither changes while a process runs."""
    bundle = load_bundle()
    environment = Environment(
        loader=PackageLoader("medquorum.node.page"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filled = {
        "bundle": bundle,
        "styles": sorted(name for name in bundle.files if name.endswith(".css")),
        "licences": licences_of(bundle),
        "preloaded": sorted(name for name in bundle.files if _PRELOADED.fullmatch(name)),
    }
    known = frozenset(environment.list_templates())
    return bundle, {
        path: environment.get_template(template).render(filled).encode()
        for path, (template, _) in DOCUMENTS.items()
        if template in known
    }


def _document(body: bytes, policy: str) -> _Serving:
    async def serve(request: web.Request) -> web.StreamResponse:
        response = _in_utf8(tagged_answer(request, body, "text/html"))
        response.headers["Content-Security-Policy"] = policy
        return response

    return serve


def _version(bundle: Bundle) -> _Serving:
    said = {"bundle": bundle.sha256, "files": dict(bundle.hashes), "absent": bundle.absent}
    body = json.dumps(said, indent=1).encode()

    async def serve(request: web.Request) -> web.StreamResponse:
        return tagged_answer(request, body, "application/json")

    return serve


def _files(bundle: Bundle) -> _Serving:
    async def serve(request: web.Request) -> web.StreamResponse:
        found = bundle.files.get(request.match_info["name"])
        if found is None:
            raise Problem(404, "no_such_resource", "no such file of the page; load it again at /")
        return _in_utf8(tagged_answer(request, found.body, found.media))

    return serve


def _in_utf8(response: web.Response) -> web.Response:
    if response.status == 200 and response.content_type.startswith("text/"):
        response.charset = "utf-8"
    return response
