"""The other side of ``isolated``: read a request, lower the limits, call, write the answer.

Runs as ``python -m medquorum.ai_entity.isolated_child`` with the request on standard input. Its own
errors go back by class and reason; anything unforeseen by the name of its type only, because its
words may quote the file. Standard output and error lead nowhere.
"""

import importlib
import json
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from medquorum.ai_entity.errors import AnalysisError, IsolationError, Reason
from medquorum.ai_entity.isolated import ALLOWED_PREFIX, Answer, lower_limits, write_answer


def _resolve(function: str) -> Callable[..., Answer]:
    module, _, name = function.partition(":")
    if not module.startswith(ALLOWED_PREFIX):
        raise ValueError(f"only functions of {ALLOWED_PREFIX} can be isolated")
    found: Callable[..., Answer] = getattr(importlib.import_module(module), name)
    return found


def _failure(error: AnalysisError) -> Answer:
    told = {
        "kind": type(error).__name__,
        "reason": error.reason.value,
        "message": error.message,
    }
    return Answer({"failure": told}, {})


def _call(request: dict[str, Any]) -> Answer:
    try:
        answer = _resolve(request["function"])(**request["arguments"])
    except AnalysisError as error:
        return _failure(error)
    except MemoryError:
        return _failure(
            IsolationError(Reason.OUT_OF_MEMORY, "the analysis needs more memory than its limit")
        )
    except Exception as error:
        return _failure(IsolationError(Reason.UNEXPECTED, f"{type(error).__name__} in analysis"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Answer({"result": dict(answer.plain), "peak_memory_bytes": peak}, answer.arrays)


def main() -> None:
    """Serve one request."""
    request = json.loads(sys.stdin.buffer.read())
    lower_limits(request["memory_bytes"], request["cpu_seconds"], request["open_files"])
    write_answer(Path(request["answer"]), _call(request))


if __name__ == "__main__":
    main()
