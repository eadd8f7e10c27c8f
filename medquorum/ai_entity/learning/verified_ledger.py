"""A ledger is verified first and read afterwards: nothing is learnt from an unverified byte.

The export is copied to a private file, that copy is judged by the product's own verifier with the
founding charter (R-EXP2: charter history, signatures, votes, verdicts, certificates), and the same
copy is then walked, so that the file cannot change between the two. The verifier is the command
``medquorum chain verify``: this room may not import the one that judges.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from medquorum.ledger.block import Block
from medquorum.ledger.ceremony import open_charter
from medquorum.ledger.chain import ChainBuilder, ChainState, genesis
from medquorum.ledger.charter import Charter
from medquorum.ledger.errors import LedgerError
from medquorum.ledger.export import BatchFrame, BlockFrame, ExportHead, parse_frame, split_frames
from medquorum.ledger.types import Decision, Role
from medquorum.ledger.vote import HUMAN

MAX_CHARTER_BYTES: Final = 67_108_864
MAX_EXPORT_BYTES: Final = 8 * 1024**3
"""Some ten million blocks: bodies are not in an export."""

VERIFIER_SECONDS: Final = 3_600
PIECE_BYTES: Final = 1_048_576
MAX_SENTENCE: Final = 300

Verifier = Callable[[Path, Path], "Judgement"]
"""An export and a charter file to what the verifier says."""


class LedgerRefused(Exception):
    """This ledger is not learnt from; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the verifier found."""

    valid: bool
    height: int
    reason: str


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One final block with what judging it needed."""

    block: Block
    issuer_role: Role | None
    """In the charter in force at the block."""
    approvals: int
    """Doctors who approved in person; automatic votes are not counted."""
    time_ms: int
    """Of its batch."""


@dataclass(frozen=True, slots=True)
class VerifiedLedger:
    """The blocks of one network in order, and the charter in force after them."""

    network: bytes
    charter: Charter
    tip: bytes
    entries: tuple[LedgerEntry, ...]


def chain_verify(export: Path, charter: Path) -> Judgement:
    """Run ``medquorum chain verify``. Raises LedgerRefused when it gives no judgement."""
    command = [sys.executable, "-m", "medquorum", "chain", "verify", str(export)]
    finished = subprocess.run(  # noqa: S603 - our own command, no shell
        [*command, "--charter", str(charter), "--json"],
        capture_output=True,
        timeout=VERIFIER_SECONDS,
        check=False,
    )
    try:
        said = json.loads(finished.stdout)
        return Judgement(bool(said["valid"]), int(said["height"]), str(said["reason"]))
    except (ValueError, KeyError, TypeError):
        words = finished.stderr.decode(errors="replace").strip()[:MAX_SENTENCE]
        raise LedgerRefused(f"{export.name} could not be verified: {words}") from None


def open_ledger(export: Path, charter: Path, verifier: Verifier = chain_verify) -> VerifiedLedger:
    """The verified blocks of ``export``. Raises LedgerRefused: tampered, foreign or unreadable."""
    founding = _charter(charter)
    with tempfile.TemporaryDirectory(prefix="medquorum-ledger-") as folder:
        copy = Path(folder) / "chain.export"
        try:
            if export.stat().st_size > MAX_EXPORT_BYTES:
                raise LedgerRefused(f"{export.name} is larger than {MAX_EXPORT_BYTES} bytes")
            shutil.copyfile(export, copy)
        except OSError:
            raise LedgerRefused(f"{export.name} cannot be read; name an export") from None
        judged = verifier(copy, charter)
        if not judged.valid:
            raise LedgerRefused(
                f"{export.name} is TAMPERED at height {judged.height}: {judged.reason}; "
                "nothing is learnt from it, export the chain again"
            )
        return _walk(copy, founding)


def _charter(path: Path) -> Charter:
    try:
        if path.stat().st_size > MAX_CHARTER_BYTES:
            raise LedgerRefused(f"{path.name} is larger than any charter")
        return open_charter(path.read_bytes())
    except OSError:
        raise LedgerRefused(f"{path.name} cannot be read; name the founding charter") from None
    except LedgerError as error:
        raise LedgerRefused(f"{path.name}: {error}") from None


def network_of(charter: Path) -> bytes:
    """The network that a signed charter file founds. Raises LedgerRefused."""
    return bytes(_charter(charter).network_id)


def exported_network(export: Path) -> bytes:
    """Whose chain an export says it is; nothing else of it is believed. Raises LedgerRefused."""
    try:
        head = parse_frame(next(split_frames(_pieces(export))))
    except (OSError, LedgerError, StopIteration):
        raise LedgerRefused(f"{export.name} is no export of a chain") from None
    if not isinstance(head, ExportHead):
        raise LedgerRefused(f"{export.name} does not begin as an export does")
    return bytes(head.network)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece


def _walk(export: Path, founding: Charter) -> VerifiedLedger:
    """Follow the verified frames; the charter changes with every epoch (R-GOV8)."""
    walk = _Walk(genesis(founding))
    for encoded in split_frames(_pieces(export)):
        frame = parse_frame(encoded)
        if isinstance(frame, BatchFrame):
            walk.begin(frame)
        elif isinstance(frame, BlockFrame):
            walk.take(frame)
    state = walk.state
    return VerifiedLedger(
        bytes(founding.network_id), state.charter, bytes(state.tip), tuple(walk.entries)
    )


class _Walk:
    """Blocks to entries, with the chain's state for roles and charters."""

    def __init__(self, state: ChainState) -> None:
        self.state = state
        self.entries: list[LedgerEntry] = []
        self._builder = ChainBuilder(state)
        self._time_ms = 0
        self._missing = 0

    def begin(self, frame: BatchFrame) -> None:
        self._builder = ChainBuilder(self.state)
        self._time_ms, self._missing = frame.header.time_ms, frame.header.count
        self._close_when_complete()

    def take(self, frame: BlockFrame) -> None:
        issuer = self.state.charter.member(frame.block.proposal.core.issuer)
        approvals = sum(
            vote.ballot.decision is Decision.APPROVE and vote.ballot.mode == HUMAN
            for vote in frame.witness.votes
        )
        role = None if issuer is None else issuer.role
        self.entries.append(LedgerEntry(frame.block, role, approvals, self._time_ms))
        self._builder.append(frame.block)
        self._missing -= 1
        self._close_when_complete()

    def _close_when_complete(self) -> None:
        if self._missing > 0:
            return
        self.state = self._builder.state(self._time_ms)
        self.state.absorb()
        if self.state.amended is not None:
            self.state = self.state.next_epoch()
