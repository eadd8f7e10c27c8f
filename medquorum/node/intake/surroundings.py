"""What a child that parses strangers' files finds around itself."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ENVIRONMENT: Final = {
    "PYTHONPATH": str(Path(__file__).resolve().parents[3]),
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",
    "LC_ALL": "C.UTF-8",
}
"""All the child gets: no token, no proxy, no home."""
NUMERICAL_ENVIRONMENT: Final = {
    **ENVIRONMENT,
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}
"""The same for a child that computes: one thread, since several children share the processors."""
