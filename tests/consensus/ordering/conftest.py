"""`--rewrite-transcripts`: write the cluster stories anew instead of comparing them."""

from collections.abc import Callable
from pathlib import Path

import pytest

TRANSCRIPTS = Path(__file__).resolve().parents[2] / "transcripts"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Known when this folder is given on the command line."""
    parser.addoption(
        "--rewrite-transcripts",
        action="store_true",
        default=False,
        help="write tests/transcripts anew; review the difference before committing it",
    )


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a story with its file, line by line."""

    def compare(name: str, text: str) -> None:
        path = TRANSCRIPTS / f"{name}.txt"
        if request.config.getoption("rewrite_transcripts", default=False):
            path.write_text(text, encoding="utf-8")
        expected = path.read_text(encoding="utf-8") if path.exists() else ""
        assert text.splitlines() == expected.splitlines()

    return compare
