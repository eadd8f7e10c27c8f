"""Where passphrases come from: a file named by option or environment, else a prompt.

Never an option's value or an environment variable's: both are shown to other users of the system.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from getpass import GetPassWarning
from pathlib import Path
from typing import Final

import typer

from medquorum.node.cli.outcome import CommandError, Exit
from medquorum.node.private_files import read_private_file

NODE_VARIABLE: Final = "MEDQUORUM_PASSPHRASE_FILE"
CLINICAL_VARIABLE: Final = "MEDQUORUM_CLINICAL_PASSPHRASE_FILE"
FILE_LIMIT_BYTES: Final = 4_096


@dataclass(frozen=True, slots=True)
class Passphrase:
    """A passphrase still to be read: of the node's keystore, or of a doctor's own."""

    label: str
    option: str
    variable: str
    file: Path | None

    def read(self, *, twice: bool = False) -> str:
        """The passphrase; asked for twice where it is new."""
        named = os.environ.get(self.variable)
        path = self.file or (Path(named) if named else None)
        if path is not None:
            return read_passphrase_file(path)
        try:
            with warnings.catch_warnings():
                # Without a terminal it would be typed, or piped in, for everybody to read.
                warnings.simplefilter("error", GetPassWarning)
                typed: str = typer.prompt(
                    f"Passphrase of the {self.label}",
                    hide_input=True,
                    confirmation_prompt=twice,
                    err=True,
                )
        except (typer.Abort, GetPassWarning):
            raise self._missing() from None
        return typed

    def _missing(self) -> CommandError:
        return CommandError(
            Exit.USAGE,
            f"no passphrase of the {self.label}; give {self.option} FILE or set {self.variable}",
        )


def node_passphrase(file: Path | None) -> Passphrase:
    """Of `node-keystore.json`."""
    return Passphrase("node's keystore", "--passphrase-file", NODE_VARIABLE, file)


def clinical_passphrase(file: Path | None) -> Passphrase:
    """Of a doctor's `clinical-keystore.json`."""
    return Passphrase(
        "doctor's clinical keystore", "--clinical-passphrase-file", CLINICAL_VARIABLE, file
    )


def page_passphrase(file: Path | None) -> Passphrase:
    """Of a page key file."""
    variable = "MEDQUORUM_PAGE_PASSPHRASE_FILE"
    return Passphrase("page key file", "--page-passphrase-file", variable, file)


def read_passphrase_file(path: Path) -> str:
    """The first line of an owner-only file; CommandError or PrivateFileError says what to do."""
    if not path.exists():
        raise CommandError(Exit.NOT_FOUND, f"there is no {path}; write the passphrase there")
    content = read_private_file(path, limit_bytes=FILE_LIMIT_BYTES)
    try:
        lines = content.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        raise CommandError(Exit.FAILED, f"{path} is not UTF-8 text; write it anew") from None
    if len(lines) != 1:
        raise CommandError(Exit.FAILED, f"{path} must hold exactly one line, the passphrase")
    return lines[0]
