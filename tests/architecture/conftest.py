"""Tells, after a run, how many functions are longer than advised: allowed, but worth a look."""

import pytest

from tests.architecture.checkers import ADVISED_FUNCTION_LINES, function_lines, functions
from tests.architecture.repository import python_sources


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line: functions of more than 40 lines, of all functions."""
    lengths = [
        function_lines(function)
        for source in python_sources("medquorum", "scripts")
        for function, _ in functions(source.tree)
    ]
    long = sum(length > ADVISED_FUNCTION_LINES for length in lengths)
    terminalreporter.write_line(
        f"functions of more than {ADVISED_FUNCTION_LINES} lines: {long} of {len(lengths)}"
    )
