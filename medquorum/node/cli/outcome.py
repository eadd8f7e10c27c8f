"""Exit codes and how a command ends: one sentence on stderr that says what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

import typer

from medquorum.ledger.errors import LedgerError
from medquorum.node.keystore import KeystoreError
from medquorum.node.private_files import PrivateFileError
from medquorum.node.tls import TlsIdentityError


class Exit(IntEnum):
    """What a program that calls the command can tell apart."""

    OK = 0
    FAILED = 1
    USAGE = 2
    """Options that do not go together (typer uses the same number)."""
    NOT_READY = 3
    """The node is not started, not reachable or not ready yet: try again later."""
    NOT_FOUND = 4
    VERIFICATION = 5
    """Bytes, signatures or rules do not hold: trust nothing of the file."""


class CommandError(Exception):
    """A command cannot go on; the text says what to do."""

    def __init__(self, code: Exit, advice: str) -> None:
        super().__init__(advice)
        self.code = code


@contextmanager
def one_sentence() -> Iterator[None]:
    """Turn the errors a command may meet into a sentence and an exit code."""
    try:
        yield
    except CommandError as error:
        _end(error.code, str(error))
    except LedgerError as error:
        _end(Exit.VERIFICATION, str(error))
    except (KeystoreError, PrivateFileError, TlsIdentityError) as error:
        _end(Exit.FAILED, str(error))
    except FileNotFoundError as error:
        _end(Exit.NOT_FOUND, f"there is no {error.filename}; check the path")
    except OSError as error:
        _end(Exit.FAILED, f"{error.filename or 'the system'}: {error.strerror}")


def _end(code: Exit, advice: str) -> None:
    typer.echo(f"error: {advice}", err=True)
    raise typer.Exit(int(code))
