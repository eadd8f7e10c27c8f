"""The command `scripts/audit`: check an export, a proof or a receipt with nothing but the charter.

Exit codes: 0 valid, 2 wrong usage, 4 a file cannot be read, 5 tampered.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from .canonical import CHARTER, Fault, Tampered
from .chain import Enacted
from .charter import Charter, read_charter
from .crypto import Signatures, fingerprint
from .export import ExportAudit, audit_export
from .history import Told, acts, lines, versions
from .proof import audit_proof
from .receipt import audit_receipt

PROGRESS_SECONDS: Final = 0.5
# The charter's own limit, and room for what the file wraps around it: one signature a member.
CHARTER_FILE_MAX: Final = CHARTER.total
# One byte more than a frame, so that a longer proof shows as longer.
PROOF_FILE_MAX: Final = 1_048_577
# Likewise for a receipt, which is a record.
RECEIPT_FILE_MAX: Final = 262_145


class Exit(IntEnum):
    """Exit codes, as `medquorum` uses them."""

    VALID = 0
    USAGE = 2
    NOT_FOUND = 4
    TAMPERED = 5


@dataclass(frozen=True, slots=True)
class Checked:
    """What a valid file holds: a line for each field, and what governance did in it."""

    summary: dict[str, str | int | float]
    enacted: Sequence[Enacted]


class WrongUsage(Exception):
    """The command line asks for what the files cannot give."""


@dataclass(slots=True)
class Progress:
    """A line on a terminal, rewritten at most twice a second."""

    shown: bool = field(default_factory=lambda: sys.stderr.isatty())
    last_shown: float = field(default_factory=time.monotonic)
    has_line: bool = False

    def __call__(self, audit: ExportAudit) -> None:
        """Show how far the check is."""
        now = time.monotonic()
        if not self.shown or now - self.last_shown < PROGRESS_SECONDS:
            return
        self.last_shown = now
        self.has_line = True
        announced = audit.announcement.tip_n_bc if audit.announcement else 0
        done = audit.chain.next_n_bc - 1
        sys.stderr.write(f"\rchecked {done} of {announced} blocks, {audit.batches} batches ")
        sys.stderr.flush()

    def close(self) -> None:
        """Leave the terminal on a new line."""
        if self.has_line:
            sys.stderr.write("\n")


def read_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the parsed command line; leaves with status 2 where it is wrong."""
    parser = argparse.ArgumentParser(
        prog="audit",
        description="Check an exported chain, or a proof of one block, with the charter alone.",
        epilog="Exit codes: 0 valid, 2 wrong usage, 4 a file cannot be read, 5 tampered.",
    )
    parser.add_argument("export", nargs="?", metavar="FILE", help="the exported chain")
    parser.add_argument("--proof", metavar="FILE", help="check a proof of one block instead")
    parser.add_argument(
        "--receipt",
        metavar="FILE",
        help="check a doctor's receipt of a vote, with --proof or without",
    )
    parser.add_argument("--charter", required=True, metavar="FILE", help="the signed charter")
    parser.add_argument("--height", type=int, metavar="N", help="stop once block N is proved final")
    parser.add_argument(
        "--charter-history",
        action="store_true",
        help="show every version of the charter and every act of governance, with its block",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parsed = parser.parse_args(arguments)
    other = parsed.proof or parsed.receipt
    if (parsed.export is None) == (other is None):
        parser.error("name one export, or a proof with --proof, or a receipt with --receipt")
    if parsed.height is not None and (parsed.height < 1 or other is not None):
        parser.error("--height is a block number from 1 on, of an export")
    return parsed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parsed = read_arguments(arguments)
    started = time.monotonic()
    signatures = Signatures()
    progress = Progress()
    try:
        charter = _load_charter(parsed.charter, signatures)
        if parsed.receipt is not None:
            checked = _check_receipt(parsed, charter, signatures)
        elif parsed.proof is not None:
            checked = _check_proof(parsed.proof, charter, signatures)
        else:
            checked = _check_export(parsed, charter, signatures, progress)
    except Tampered as tampered:
        progress.close()
        _print_tampered(tampered, as_json=parsed.json)
        return Exit.TAMPERED
    except WrongUsage as usage:
        progress.close()
        print(f"audit: {usage}", file=sys.stderr)
        return Exit.USAGE
    except OSError as error:
        progress.close()
        name = error.filename if isinstance(error.filename, str) else "a file"
        print(f"audit: {name}: {error.strerror or 'cannot be read'}", file=sys.stderr)
        return Exit.NOT_FOUND
    progress.close()
    checked.summary["signatures"] = signatures.verified
    checked.summary["seconds"] = round(time.monotonic() - started, 3)
    checked.summary["network"] = charter.network.hex()
    checked.summary["charter_fingerprint"] = fingerprint(charter.network)
    _print_valid(checked, charter, as_json=parsed.json, whole=parsed.charter_history)
    return Exit.VALID


def _load_charter(path: str, signatures: Signatures) -> Charter:
    with open(path, "rb") as charter_file:
        encoded = charter_file.read(CHARTER_FILE_MAX + 1)
    try:
        return read_charter(encoded, signatures)
    except Fault as fault:
        raise Tampered(0, Fault(fault.rule, f"charter: {fault.reason}")) from None


def _check_export(
    parsed: argparse.Namespace, charter: Charter, signatures: Signatures, progress: Progress
) -> Checked:
    audit = ExportAudit(charter, signatures, parsed.height)
    with open(parsed.export, "rb") as export:
        is_whole = audit_export(export, audit, progress)
    if parsed.height is not None and is_whole and not audit.has_wanted():
        raise WrongUsage(f"the export ends with block {audit.chain.next_n_bc - 1}, name one of it")
    summary: dict[str, str | int | float] = {
        "blocks": audit.chain.next_n_bc - 1,
        "batches": audit.batches,
    }
    if audit.wanted_block is not None:
        summary["checked_up_to"] = "end" if is_whole else parsed.height
        summary["block_hash"] = audit.wanted_block.header.hash.hex()
        summary["outcome"] = audit.wanted_block.header.outcome
    final = [one for one in audit.chain.enacted if one.header.n_bc <= audit.final_n_bc]
    return Checked(summary, final)


def _check_proof(path: str, charter: Charter, signatures: Signatures) -> Checked:
    with open(path, "rb") as proof_file:
        proven = audit_proof(proof_file.read(PROOF_FILE_MAX), charter, signatures)
    header = proven.block.header
    summary: dict[str, str | int | float] = {
        "blocks": 1,
        "batches": proven.batches,
        "height": header.n_bc,
        "block_hash": header.hash.hex(),
        "outcome": header.outcome,
    }
    return Checked(summary, proven.enacted)


def _check_receipt(parsed: argparse.Namespace, charter: Charter, signatures: Signatures) -> Checked:
    with open(parsed.receipt, "rb") as receipt_file:
        encoded = receipt_file.read(RECEIPT_FILE_MAX)
    proof = None
    if parsed.proof is not None:
        with open(parsed.proof, "rb") as proof_file:
            proof = proof_file.read(PROOF_FILE_MAX)
    shown = audit_receipt(encoded, charter, signatures, proof)
    summary: dict[str, str | int | float] = {
        "vote": shown.vote.digest.hex(),
        "proposal": shown.vote.proposal.hex(),
        "decision": shown.vote.decision,
    }
    if shown.height is not None:
        summary["height"] = shown.height
        summary["counted"] = "yes" if shown.counted else "no, the verdict rests on others"
    return Checked(summary, ())


def _print_valid(checked: Checked, charter: Charter, *, as_json: bool, whole: bool) -> None:
    history = versions(charter, checked.enacted)
    checked.summary["charter_version"] = len(history) - 1
    if as_json:
        told: dict[str, list[Told]] = {"charter_history": history}
        if whole:
            told["governance"] = acts(checked.enacted)
        print(json.dumps({"verdict": "VALID", **checked.summary, **told}))
        return
    print("VALID")
    for name, value in checked.summary.items():
        print(f"  {name.replace('_', ' ')}: {value}")
    if whole:
        print("charter history")
        print("\n".join(lines(history)))
        if governance := acts(checked.enacted):
            print("other acts of governance")
            print("\n".join(lines(governance)))
        return
    for version in history[1:]:
        changes = version["changes"] if isinstance(version["changes"], list) else []
        kinds = ", ".join(str(one["change"]) for one in changes if isinstance(one, dict))
        print(f"  charter version {version['version']} at block {version['n_bc']}: {kinds}")


def _print_tampered(tampered: Tampered, *, as_json: bool) -> None:
    if as_json:
        found = {"height": tampered.height, "reason": tampered.reason, "rule": tampered.rule}
        print(json.dumps({"verdict": "TAMPERED", **found}))
        return
    print(f"TAMPERED at height {tampered.height}: {tampered.reason} ({tampered.rule})")
