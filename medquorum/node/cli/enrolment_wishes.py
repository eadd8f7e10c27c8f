"""A doctor's authenticator in the charter: from the file the page wrote, or taken out (R-CHA9)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from medquorum.ledger.change import Change, RotateKey
from medquorum.ledger.enrolment import Enrolment, parse_enrolment
from medquorum.ledger.errors import LedgerError
from medquorum.node.cli.acts import Bench
from medquorum.node.cli.files import read_limited
from medquorum.node.cli.outcome import CommandError, Exit
from medquorum.node.cli.rotation import proved_again

FORMAT: Final = "medquorum/webauthn/1"
ENROLMENT_BYTES: Final = 8_192
_FIELDS: Final = {"backup", "format", "key", "origins", "rp_id"}


def read_enrolment(path: Path) -> Enrolment:
    """What the page wrote when the authenticator was enrolled; CommandError for another file."""
    content = read_limited(path, ENROLMENT_BYTES)
    try:
        fields = json.loads(content)
        if not isinstance(fields, dict) or set(fields) != _FIELDS or fields["format"] != FORMAT:
            raise ValueError
        fields["key"] = bytes.fromhex(fields["key"])
    except (ValueError, TypeError, RecursionError):
        raise CommandError(
            Exit.USAGE, f"{path} is no enrolment; make one in the page, under Account"
        ) from None
    del fields["format"]
    try:
        return parse_enrolment(fields)
    except LedgerError as error:
        raise CommandError(Exit.VERIFICATION, f"{path}: {error}") from None


def enrol(path: Path | None) -> Callable[[Bench], Change]:
    """The owner of --home votes with this authenticator too; with none, with it no more."""

    def make(bench: Bench) -> Change:
        enrolment = None if path is None else read_enrolment(path)
        before = bench.charter.member(bench.issuer)
        if before is None or bench.signing.owner() != bench.issuer:
            raise CommandError(
                Exit.USAGE,
                "a doctor enrols her own authenticator: give --home with her keys, and --node and "
                "--token-file of any node that is up",
            )
        wanted = replace(before, webauthn=enrolment)
        return RotateKey(proved_again(bench.signing.keys(), wanted))

    return make
