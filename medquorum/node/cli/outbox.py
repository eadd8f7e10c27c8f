"""Submissions under way: kept from before they are proposed until the node has answered.

The node may have taken what it was sent although its answer was lost. The same command given again
finds here what it sent: an institution the key under which its node keeps the answer, a doctor the
proposal she sealed and signed. So the node knows it again, and no second block comes of it. No
plaintext and no content key is kept, only for whom they were wrapped.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
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
PASSING: Final = frozenset({401, 403, 408, 425, 429})
"""Statuses of a request that did not get as far as the submission."""
UNDER_WAY: Final = frozenset({"idempotency_in_flight", "duplicate"})
"""Rules that say the first sending is still being worked on."""


def is_final(problem: ApiProblem) -> bool:
    """Whether a refusal says that nothing of the submission is, or will be, in the node."""
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
        """Whether the node still knows the key."""
        return now_ms - self.begun_at_ms < KEY_KNOWN_MS

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
    sealed = None
    if "proposal" in told:
        wraps = tuple(parse_wrap(base64.b64decode(wrap)) for wrap in told["wraps"])
        sealed = SealedOrder(parse_proposal(base64.b64decode(told["proposal"])), wraps)
    return Underway(int(told["begun_at_ms"]), str(told["key"]), sealed)


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
        except (ValueError, KeyError, TypeError, AttributeError, CodecError):
            raise CommandError(
                Exit.FAILED, f"{self.path} is damaged: see whether it was proposed, and remove it"
            ) from None

    def keep(self, underway: Underway) -> Underway:
        """Make it durable before it is sent."""
        folder = self.path.parent
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sweep(folder)
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
            self.path.unlink()
            sync_folder(self.path.parent)


def _sweep(folder: Path) -> None:
    """Remove slips that nobody came back for."""
    for path in folder.glob("*.json"):
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > KEPT_S:
                path.unlink()
