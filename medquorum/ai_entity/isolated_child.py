"""The other side of ``isolated_worker``: lower the limits, import, wait, call, write the answer.

Runs as ``python -m medquorum.ai_entity.isolated_child SETTING`` with the request as one line on
standard input, which then stays open: its end means that the parent is gone, and the process stops.
Its own errors go back by class and reason; anything unforeseen by the name of its type only,
because its words may quote the file. Standard output and error lead nowhere.
"""

import importlib
import inspect
import json
import os
import resource
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

REQUEST_BYTES: Final = 16 * 1024 * 1024
"""A request names files; only a training set's list is long."""

PARENT_GONE: Final = 70
CPU_GRACE_SECONDS: Final = 2
"""Between the signal that says out of time and the kill: tells the parent which limit it was."""


def lower_limits(limits: dict[str, int], answer_bytes: int) -> None:
    """Set this process's limits; never raises them above what it already has."""
    wanted = {
        resource.RLIMIT_AS: (limits["memory_bytes"], 0),
        resource.RLIMIT_CPU: (limits["cpu_seconds"], CPU_GRACE_SECONDS),
        resource.RLIMIT_NOFILE: (limits["open_files"], 0),
        resource.RLIMIT_FSIZE: (answer_bytes, 0),
        resource.RLIMIT_CORE: (0, 0),
    }
    for kind, (value, grace) in wanted.items():
        _, hard = resource.getrlimit(kind)
        most = value + grace if hard == resource.RLIM_INFINITY else min(value + grace, hard)
        resource.setrlimit(kind, (min(value, most), most))


def read_request() -> dict[str, Any]:
    """One line of JSON from standard input; ends the process when the parent closes it."""
    octets = b""
    while not octets.endswith(b"\n"):
        piece = os.read(0, 65_536)
        octets += piece
        if not piece or len(octets) > REQUEST_BYTES:
            os._exit(PARENT_GONE)
    request: dict[str, Any] = json.loads(octets)
    return request


def _follow_parent() -> None:
    """Stop with the parent. A thread, because the work may stay in native code for minutes."""

    def wait() -> None:
        while os.read(0, 1):
            pass
        os._exit(PARENT_GONE)

    threading.Thread(target=wait, daemon=True).start()


def main() -> None:
    """Serve one request."""
    setting = json.loads(sys.argv[1])
    from medquorum.ai_entity.limits import CHILD_ANSWER_BYTES

    lower_limits(setting["limits"], CHILD_ANSWER_BYTES)
    from medquorum.ai_entity.isolated_answer import write_answer

    for module in setting["preload"]:
        with suppress(ImportError):
            importlib.import_module(module)
    request = read_request()
    _follow_parent()
    write_answer(Path(request["answer"]), _call(request, setting["progress"]))


def _call(request: dict[str, Any], progress: int) -> Any:
    from medquorum.ai_entity.errors import AnalysisError, IsolationError, Reason
    from medquorum.ai_entity.isolated_answer import Answer
    from medquorum.ai_entity.isolated_watch import ProgressWriter

    arguments = dict(request["arguments"])
    try:
        function = _resolve(request["function"])
        told = ProgressWriter(progress)
        if "progress" in inspect.signature(function).parameters:
            arguments["progress"] = told
        answer = function(**arguments)
        told(1.0)
    except AnalysisError as error:
        return _failure(error)
    except MemoryError:
        return _failure(
            IsolationError(
                Reason.OUT_OF_MEMORY,
                "the analysis needs more memory than its limit; send a smaller part of the body, "
                "or use another model if a small image ends like this too",
            )
        )
    except Exception as error:
        return _failure(IsolationError(Reason.UNEXPECTED, f"{type(error).__name__} in analysis"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Answer({"result": dict(answer.plain), "peak_memory_bytes": peak}, answer.arrays)


def _resolve(function: str) -> Callable[..., Any]:
    from medquorum.ai_entity.isolated_worker import ALLOWED_PREFIX

    module, _, name = function.partition(":")
    if not module.startswith(ALLOWED_PREFIX):
        raise ValueError(f"only functions of {ALLOWED_PREFIX} can be isolated")
    found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return found


def _failure(error: Any) -> Any:
    from medquorum.ai_entity.isolated_answer import Answer

    told = {
        "kind": type(error).__name__,
        "reason": error.reason.value,
        "message": error.message,
    }
    return Answer({"failure": told}, {})


if __name__ == "__main__":
    main()
