"""Submissions under way: kept from before they are proposed until the node has answered.

The node may have taken what it was sent although its answer was lost. The same command given again
finds here what it sent: an institution the key under which its node keeps the answer, a doctor the
proposal she sealed and signed. So the node knows it again, and no second block comes of it.
Neither plaintext nor a content key that anybody but its recipient could open is kept.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from medquorum.ledger.errors import CodecError
from medquorum.ledger.proposal import parse_proposal
from medquorum.ledger.wrap import parse_wrap
from medquorum.node.api.limits import ANSWER_KEPT_MS
from medquorum.node.cli.connection import CONFIG
from medquorum.node.cli.member_home import CLINICAL_KEYSTORE
from medquorum.node.cli.outcome import CommandError, Exit
from medquorum.node.client import ApiProblem
from medquorum.node.clinical import SealedOrder
from medquorum.node.private_files import (
    PrivateFileError,
    read_private_file,
    sync_folder,
    write_private_file,
)

FOLDER: Final = "outbox"
SLIP_BYTES: Final = 4 * 1024**2
"""A proposal and a wrap for each of its recipients, in base64."""
KEPT_S: Final = 30 * 86_400
"""Longest time a slip lies here: longer than any proposal of the command lives."""
KEY_KNOWN_MS: Final = ANSWER_KEPT_MS - 3_600_000
"""How long a node surely knows an institution's key again."""
AT_THE_DOOR: Final = frozenset({401, 403, 429})
"""Statuses of a request that got no further than the node's door."""
PASSING: Final = AT_THE_DOOR | {408, 425}
"""Statuses of a request that did not get as far as the submission, or not to its end."""
UNDER_WAY: Final = frozenset({"idempotency_in_flight", "idempotency_mismatch", "duplicate"})
"""Rules that say the node has the first sending, or is still working on it."""
_KEY: Final = re.compile(r"[0-9a-f]{32}")
_LATEST_MS: Final = 253_402_300_799_999
"""The end of the year 9999: later nothing can be shown as a date."""


def is_final(problem: ApiProblem, *, first: bool = False) -> bool:
    """Whether a refusal says that nothing of the submission is, or will be, in the node.

    Of a `first` sending also a refusal at the door says so; of a later one nothing.
    """
    if first and problem.status in AT_THE_DOOR:
        return True
    passing = problem.status >= 500 or problem.status in PASSING
    return not passing and problem.rule not in UNDER_WAY


def outbox_of(home: Path) -> Path:
    """Where a home keeps its slips; without one it is the user's own state folder (XDG)."""
    if (home / CONFIG).exists() or (home / CLINICAL_KEYSTORE).exists():
        return home / FOLDER
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(state) / "medquorum" / FOLDER


def fingerprint(what: Mapping[str, Any], files: Mapping[str, Path]) -> str:
    """SHA-256 in hex over everything that makes one submission another: fields and contents."""
    digests = {}
    for part, path in files.items():
        with path.open("rb") as file:
            digests[part] = hashlib.file_digest(file, "sha256").hexdigest()
    told = json.dumps({"fields": what, "files": digests}, sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Underway:
    """What was sent, and may have been taken."""

    begun_at_ms: int
    key: str = field(repr=False)
    """The idempotency key of an institution's submission."""
    sealed: SealedOrder | None = None
    """What a doctor signed; None at an institution."""

    def is_known_at(self, now_ms: int) -> bool:
        """Whether the node still knows the key; of a time to come, by another clock, nothing is."""
        return abs(now_ms - self.begun_at_ms) < KEY_KNOWN_MS

    def encoded(self) -> bytes:
        """As JSON; octets in base64."""
        told: dict[str, Any] = {"begun_at_ms": self.begun_at_ms, "key": self.key}
        if self.sealed is not None:
            told["proposal"] = base64.b64encode(self.sealed.proposal.encoded()).decode()
            wraps = (wrap.encoded() for wrap in self.sealed.wraps)
            told["wraps"] = [base64.b64encode(wrap).decode() for wrap in wraps]
        return json.dumps(told).encode()


def fresh_underway(sealed: SealedOrder | None = None) -> Underway:
    """What is about to be sent for the first time."""
    return Underway(time.time_ns() // 1_000_000, secrets.token_hex(16), sealed)


def _parse_underway(encoded: bytes) -> Underway:
    told = json.loads(encoded)
    begun_at_ms, key = told["begun_at_ms"], told["key"]
    if type(begun_at_ms) is not int or not 0 <= begun_at_ms <= _LATEST_MS:
        raise ValueError("no time")
    if not _KEY.fullmatch(key):
        raise ValueError("no key")
    sealed = None
    if "proposal" in told:
        wraps = tuple(parse_wrap(base64.b64decode(wrap)) for wrap in told["wraps"])
        sealed = SealedOrder(parse_proposal(base64.b64decode(told["proposal"])), wraps)
    return Underway(begun_at_ms, key, sealed)


@dataclass(frozen=True, slots=True)
class Slip:
    """The file of one submission under way. Methods raise CommandError, PrivateFileError."""

    path: Path

    def kept(self) -> Underway | None:
        """What was sent before, if no answer has come."""
        if not self.path.exists():
            return None
        try:
            return _parse_underway(read_private_file(self.path, limit_bytes=SLIP_BYTES))
        except (ValueError, KeyError, TypeError, RecursionError, CodecError):
            raise CommandError(
                Exit.FAILED, f"{self.path} is damaged: see whether it was proposed, and remove it"
            ) from None

    def keep(self, underway: Underway) -> Underway:
        """Make it durable before it is sent."""
        folder = self.path.parent
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _sweep(folder)
        except OSError as error:
            raise CommandError(
                Exit.FAILED,
                f"{folder}: {error.strerror}; what is sent is kept there until it is answered: "
                "give --home, or name a folder of your own in XDG_STATE_HOME. Nothing was sent",
            ) from None
        try:
            write_private_file(self.path, underway.encoded(), replace=False)
        except PrivateFileError:
            if not self.path.exists():
                raise
            raise CommandError(
                Exit.FAILED, "the same is being submitted right now; wait for that, and look"
            ) from None
        return underway

    def done(self) -> None:
        """The node has answered: nothing is under way any more."""
        if self.path.exists():
            self.path.unlink(missing_ok=True)
            sync_folder(self.path.parent)


def _sweep(folder: Path) -> None:
    """Remove slips that nobody came back for, and what a killed command left half written."""
    for path in folder.glob("*.json*"):
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > KEPT_S:
                path.unlink()
