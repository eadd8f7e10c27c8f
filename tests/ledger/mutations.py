"""Every way to change one thing in a value: for tests that say what a change must not survive."""

from collections.abc import Iterator
from typing import Any

SIBLINGS = (
    "reject",
    "delegate",
    "policy:images",
    "webauthn-es256",
    "final",
    "notar",
    "rejected",
    "pet",
    "PRESC",
    "chunk",
    "fracture",
    "human",
    "treatment",
    "low",
)
"""Words of the closed sets: a field may turn into its sibling."""
OTHER_VALUES: tuple[object, ...] = (
    *SIBLINGS,
    None,
    True,
    -1,
    2**64 - 1,
    "",
    "x",
    "x" * 4_000,
    b"",
    bytes(32),
    bytes(33),
    bytes(64),
    [],
    [0],
    {},
    {"x": 1},
)


def _near(value: Any) -> Iterator[object]:
    """Values of the same type, one step away."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value + 1, value - 1)
    elif isinstance(value, str):
        yield from (value + "x", value[:-1])
    elif isinstance(value, bytes) and value:
        yield from (value[:-1] + bytes([value[-1] ^ 1]), value[:-1], value + b"\x00")


def mutations(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """`(where, changed)`: each field and entry replaced, removed, added, at every depth."""
    if isinstance(value, dict):
        yield f"{path}+extra", {**value, "extra": None}
        for name in value:
            yield f"{path}-{name}", {key: value[key] for key in value if key != name}
            for where, changed in mutations(value[name], f"{path}.{name}"):
                yield where, {**value, name: changed}
    if isinstance(value, list) and value:
        yield f"{path}[:-1]", value[:-1]
        yield f"{path}[+]", [*value, value[-1]]
        for index, entry in enumerate(value):
            for where, changed in mutations(entry, f"{path}[{index}]"):
                yield where, [*value[:index], changed, *value[index + 1 :]]
    for changed in (*OTHER_VALUES, *_near(value)):
        if type(changed) is not type(value) or changed != value:
            yield f"{path}={str(changed)[:12]}", changed
