"""The page as bytes: every file it consists of, its hash, and one hash over all of them.

The files are read once, when the application is made: an address is looked up among the names that
were found, so no path of a request ever reaches the file system. The works of others are copied in
when the package is built and may be missing; their hashes are written down beside the page
(`vendored.json`) and count in either case, so that one page has one hash. A copy with other bytes
is not served.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Final

MEDIA_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        ".css": "text/css",
        ".html": "text/html",
        ".js": "text/javascript",
        ".json": "application/json",
        ".mjs": "text/javascript",
        ".png": "image/png",
        ".svg": "image/svg+xml",
        ".wasm": "application/wasm",
        ".woff2": "font/woff2",
    }
)
"""Endings that are served; a file with another is no part of the page."""
TEXTS_PATH: Final = "texts/en.json"
LICENCES_PATH: Final = "vendor/licences.json"
VENDOR: Final = "vendor/"
"""Where the works of others are served from."""
_ROOM: Final = files("medquorum.node.page")


class PageError(ValueError):
    """A page that cannot be served as it is built; raised at start only."""


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file of the page."""

    body: bytes
    media: str

    @property
    def sha256(self) -> str:
        """Hex hash of its bytes."""
        return hashlib.sha256(self.body).hexdigest()


@dataclass(frozen=True, slots=True)
class Bundle:
    """Every file below `/page/` by its path, and the hash over all."""

    files: Mapping[str, PageFile]
    hashes: Mapping[str, str]
    """Hex hash of every file of the page, those included that this installation lacks."""
    sha256: str

    @property
    def absent(self) -> tuple[str, ...]:
        """Files of the page that this installation lacks."""
        return tuple(name for name in self.hashes if name not in self.files)


def _below(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _below(entry, f"{prefix}{entry.name}/")
        else:
            yield prefix + entry.name, entry


def read_texts(language: str = "en") -> dict[str, str]:
    """The one catalogue of a language, from the files of all rooms.

    PageError where a key does not begin with its file's name or stands in two files.
    """
    catalogue: dict[str, str] = {}
    for name, entry in sorted(_below(_ROOM / "texts" / language)):
        room = name.removesuffix(".json")
        for key, text in json.loads(entry.read_text(encoding="utf-8")).items():
            if not key.startswith(f"{room}.") or key in catalogue or not isinstance(text, str):
                raise PageError(f"{name}: the key {key} is not a text of the room {room} alone")
            catalogue[key] = text
    return catalogue


def vendored_hashes() -> dict[str, str]:
    """Path and hex hash of each work of others, as the locked packages hold it."""
    written = json.loads((_ROOM / "vendored.json").read_text(encoding="utf-8"))
    return {VENDOR + name: str(digest) for name, digest in written.items()}


def load_bundle(room: Traversable = _ROOM / "static") -> Bundle:
    """Read every file of the page in `room`; of the works of others those whose bytes are known."""
    found: dict[str, PageFile] = {}
    for name, entry in sorted(_below(room)):
        media = MEDIA_TYPES.get(name[name.rfind(".") :])
        if media is not None:
            found[name] = PageFile(entry.read_bytes(), media)
    texts = json.dumps(read_texts(), ensure_ascii=False, sort_keys=True).encode()
    found[TEXTS_PATH] = PageFile(texts, "application/json")
    vendored = vendored_hashes()
    for name in [name for name in found if name.startswith(VENDOR)]:
        if found[name].sha256 != vendored.get(name):
            del found[name]
    own = {name: each.sha256 for name, each in found.items()}
    hashes = dict(sorted({**own, **vendored}.items()))
    return Bundle(MappingProxyType(found), MappingProxyType(hashes), _hash_over(hashes))


def licences_of(bundle: Bundle) -> list[dict[str, str]]:
    """Name, version, licence and text of the works of others in the page; empty without them."""
    found = bundle.files.get(LICENCES_PATH)
    return [] if found is None else list(json.loads(found.body))


def _hash_over(hashes: Mapping[str, str]) -> str:
    """SHA-256 over `name LF sha256 LF` of every file, by name: what `sha256sum` can recompute."""
    lines = "".join(f"{name}\n{hashes[name]}\n" for name in sorted(hashes))
    return hashlib.sha256(lines.encode()).hexdigest()
