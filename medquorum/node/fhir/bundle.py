"""The bundle as text, entry by entry, so that a long record is never held whole."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

from medquorum.node.fhir.forms import Resource, instant


async def bundle_text(entries: AsyncIterator[Resource], now_ms: int) -> AsyncIterator[bytes]:
    """A Bundle of type `collection` in pieces; the entries as they come."""
    head = {"resourceType": "Bundle", "type": "collection", "timestamp": instant(now_ms)}
    opened = json.dumps(head, ensure_ascii=False)[:-1]
    first = True
    async for entry in entries:
        joint = f'{opened}, "entry": [\n' if first else ",\n"
        first = False
        yield (joint + json.dumps(entry, ensure_ascii=False)).encode()
    yield (f"{opened}}}" if first else "\n]}").encode()
