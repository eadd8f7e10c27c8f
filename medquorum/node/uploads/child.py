"""The child process that looks into an upload, or makes an image part of it.

Runs as `python -m medquorum.node.uploads.child`: the request is JSON on standard input, the answer
one JSON map on standard output (see `told`). It reads files named by number in one folder, writes
the one file it is given, needs no network and starts no process.
"""

from __future__ import annotations

import json
import logging
import sys
import warnings
from pathlib import Path
from typing import Any

from medquorum.node.intake.faults import Fault, IntakeRefused
from medquorum.node.viewing.child import lower_limits


def answer_to(request: dict[str, Any]) -> dict[str, Any]:
    """The answer; of what is not foreseen only that it happened."""
    folder = Path(request["folder"])
    files = [(ordinal, folder / f"{ordinal:06d}") for ordinal in request["files"]]
    try:
        if request["wanted"] == "inspection":
            return _inspected(folder, files)
        return {"files": _packed(request, files)}
    except IntakeRefused as refused:
        return {"fault": refused.fault.value, "ordinal": refused.ordinal, "tag": refused.tag}
    except ModuleNotFoundError:
        return {"fault": Fault.NO_READER.value, "ordinal": None, "tag": None}
    except MemoryError:
        return {"fault": Fault.OUT_OF_MEMORY.value, "ordinal": None, "tag": None}
    except Exception:
        # Its words may quote the file; the parent tells that the check ended.
        return {"fault": Fault.DIED.value, "ordinal": None, "tag": None}


def _inspected(folder: Path, files: list[tuple[int, Path]]) -> dict[str, Any]:
    from medquorum.node.uploads.inspection import Inspector

    inspector = Inspector()
    for ordinal, path in files:
        inspector.look(ordinal, path)
    return inspector.result(folder)


def _packed(request: dict[str, Any], files: list[tuple[int, Path]]) -> int:
    from medquorum.node.uploads.deidentify import Pseudonym
    from medquorum.node.uploads.packing import pack_nifti, pack_picture, pack_series

    target, patient = Path(request["target"]), str(request["patient"])
    secret = bytes.fromhex(request["secret"])
    match request["wanted"]:
        case "series":
            pseudonym = Pseudonym(patient, secret) if request["cleaned"] else None
            return pack_series(files, target, pseudonym)
        case "CT" | "PT" as modality:
            return pack_nifti(*files[0], target, modality, patient)
        case "picture":
            return pack_picture(files[0][1], target, cleaned=request["cleaned"])
        case _:
            raise IntakeRefused(Fault.NOT_AN_IMAGE)


def main() -> None:
    """Serve one request."""
    request = json.loads(sys.stdin.buffer.read())
    lower_limits(request["limits"])
    logging.getLogger("pydicom").disabled = True
    logging.getLogger("nibabel").disabled = True
    warnings.simplefilter("ignore")
    sys.stdout.write(json.dumps(answer_to(request)))


if __name__ == "__main__":
    main()
