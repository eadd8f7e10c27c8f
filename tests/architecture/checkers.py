"""The style rules a program can check, as functions from source text to findings.

Each takes a module's syntax tree (or text) and answers a list of sentences, empty when the rule is
kept. `test_checkers.py` shows each one failing on a bad source; the other modules of this folder
apply them to the repository.
"""

import ast
import re
from collections import deque
from collections.abc import Collection, Iterator, Mapping
from typing import Final

MAX_FILE_LINES: Final = 300
MAX_FUNCTION_LINES: Final = 70
ADVISED_FUNCTION_LINES: Final = 40
MAX_POSITIONAL_PARAMETERS: Final = 5
MAX_COLUMNS: Final = 100

# The rooms of the package and what each may import besides itself: imports run downward only.
ALLOWED_ROOMS: Final[Mapping[str, frozenset[str]]] = {
    "": frozenset({"node"}),  # `python -m medquorum` is the command line
    "ledger": frozenset(),
    "consensus": frozenset({"ledger"}),
    "ai_entity": frozenset({"ledger"}),
    "node": frozenset({"ledger", "consensus"}),
    "simulation": frozenset({"ledger", "consensus"}),
}
PURE_ROOMS: Final = frozenset({"ledger", "consensus"})

# Clocks, randomness, system, network, threads, logs, stores: a pure room is handed what it needs.
IMPURE_MODULES: Final = frozenset(
    {
        "aiohttp",
        "asyncio",
        "concurrent",
        "http",
        "logging",
        "multiprocessing",
        "os",
        "pathlib",
        "random",
        "secrets",
        "select",
        "selectors",
        "shutil",
        "signal",
        "socket",
        "sqlalchemy",
        "sqlite3",
        "ssl",
        "structlog",
        "subprocess",
        "sys",
        "tempfile",
        "threading",
        "time",
        "urllib",
        "uuid",
    }
)
IMPURE_BUILTINS: Final = frozenset({"eval", "exec", "input", "open", "print", "__import__"})
# Attributes that read a clock or draw randomness through an otherwise harmless module.
IMPURE_ATTRIBUTES: Final = frozenset(
    {"now", "utcnow", "today", "generate_key", "generate_private_key", "urandom"}
)

# No name may be one of these, and no word of a name may be one of the second set.
BANNED_NAMES: Final = frozenset({"data", "item", "items", "manager", "helper", "utils"})
BANNED_WORDS: Final = frozenset({"manager", "helper", "helpers", "util", "utils"})

Function = ast.FunctionDef | ast.AsyncFunctionDef
_BLOCKS: Final = ("body", "handlers", "orelse", "finalbody", "cases")
"""The fields of a syntax tree that hold statements."""


def imported_modules(tree: ast.Module, package: str) -> Iterator[tuple[int, str]]:
    """Every module the source imports, absolute and dotted, with its line.

    `from a import b` yields both `a` and `a.b`, since `b` may be a module. `package` is the dotted
    package the source stands in, against which relative imports are resolved.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")
                kept = parents[: len(parents) - node.level + 1]
                base = ".".join([*kept, *([node.module] if node.module else [])])
            yield node.lineno, base
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}"


def banned_imports(tree: ast.Module, package: str, banned: Collection[str]) -> list[str]:
    """Imports whose top-level module is in `banned`."""
    lines = {
        (line, module.split(".")[0])
        for line, module in imported_modules(tree, package)
        if module.split(".")[0] in banned
    }
    return [f"line {line}: imports {module}" for line, module in sorted(lines)]


def impurities(tree: ast.Module, package: str) -> list[str]:
    """Effects reached from a pure module: imports, clocks, randomness, files, console."""
    findings = banned_imports(tree, package, IMPURE_MODULES)
    for node in ast.walk(tree):
        if isinstance(node, (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)):
            findings.append(f"line {node.lineno}: is asynchronous")
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id in IMPURE_BUILTINS:
            findings.append(f"line {node.lineno}: calls {node.func.id}()")
        if isinstance(node.func, ast.Attribute) and node.func.attr in IMPURE_ATTRIBUTES:
            findings.append(f"line {node.lineno}: calls .{node.func.attr}()")
    return findings


def smuggled_product(tree: ast.Module) -> list[str]:
    """Ways to reach the product without an import statement: importlib, runpy, `python -m`."""
    findings = []
    for node in ast.walk(tree):
        name = getattr(node, "id", None) or getattr(node, "attr", None)
        if name in {"import_module", "run_module", "run_path", "__import__"}:
            findings.append(f"line {getattr(node, 'lineno', 0)}: uses {name}")
        if isinstance(node, (ast.List, ast.Tuple)):
            words = [part.value for part in node.elts if isinstance(part, ast.Constant)]
            if "-m" in words and any(str(word).startswith("medquorum") for word in words):
                findings.append(f"line {node.lineno}: starts the product with -m")
    return findings


def upward_imports(tree: ast.Module, package: str, room: str) -> list[str]:
    """Imports of a room that this room may not know, or of the composition roots in scripts/."""
    findings = set()
    for line, module in imported_modules(tree, package):
        parts = module.split(".")
        if parts[0] == "scripts":
            findings.add(f"line {line}: imports scripts")
        known = {room, *ALLOWED_ROOMS.get(room, frozenset())}
        if parts[0] == "medquorum" and len(parts) > 1:
            target = parts[1]
            if target in ALLOWED_ROOMS and target not in known:
                findings.add(f"line {line}: {room or 'the package root'} imports {target}")
    return sorted(findings)


def _directly_below(node: ast.AST) -> list[ast.AST]:
    return [child for block in _BLOCKS for child in getattr(node, block, ())]


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """The module and every statement in it: classes and functions stand nowhere else."""
    waiting: deque[ast.AST] = deque([tree])
    while waiting:
        node = waiting.popleft()
        yield node
        waiting.extend(_directly_below(node))


def functions(tree: ast.Module) -> Iterator[tuple[Function, bool]]:
    """Every function with whether its first parameter is bound (a method that is not static)."""
    for node in _statements(tree):
        in_class = isinstance(node, ast.ClassDef)
        for child in _directly_below(node):
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                static = any(
                    isinstance(mark, ast.Name) and mark.id == "staticmethod"
                    for mark in child.decorator_list
                )
                yield child, in_class and not static


def function_lines(function: Function) -> int:
    """Lines from `def` to the last statement, docstring included, decorators not."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def long_functions(tree: ast.Module, limit: int) -> list[str]:
    """Functions of more than `limit` lines."""
    return [
        f"line {function.lineno}: {function.name} has {function_lines(function)} lines (> {limit})"
        for function, _ in functions(tree)
        if function_lines(function) > limit
    ]


def wide_signatures(tree: ast.Module) -> list[str]:
    """Functions that can be given more than five arguments by position (self aside)."""
    findings = []
    for function, bound in functions(tree):
        count = len(function.args.posonlyargs) + len(function.args.args) - bound
        if count > MAX_POSITIONAL_PARAMETERS:
            findings.append(
                f"line {function.lineno}: {function.name} takes {count} parameters by position "
                f"(> {MAX_POSITIONAL_PARAMETERS}); find the noun, or make them keyword-only"
            )
    return findings


def long_text(source: str) -> list[str]:
    """A file of too many lines, and lines of too many columns."""
    lines = source.splitlines()
    findings = [
        f"line {number}: {len(line)} columns (> {MAX_COLUMNS})"
        for number, line in enumerate(lines, 1)
        if len(line) > MAX_COLUMNS
    ]
    if len(lines) > MAX_FILE_LINES:
        findings.append(f"{len(lines)} lines (> {MAX_FILE_LINES})")
    return findings


def name_is_banned(name: str) -> bool:
    """Whether a name says nothing: `data`, `BodyManager`, `_utils`, ..."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)
    return name.strip("_").lower() in BANNED_NAMES or any(
        word.lower() in BANNED_WORDS for word in words
    )


def _bound_names(statement: ast.stmt) -> Iterator[str]:
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    for target in targets:
        yield from (node.id for node in ast.walk(target) if isinstance(node, ast.Name))


def banned_names(tree: ast.Module, module: str) -> list[str]:
    """Modules, classes, functions and module-level names that say nothing.

    A mapping's own `items` method is the language's word and stays.
    """
    findings = [f"module {module}"] if name_is_banned(module) else []
    for node in _statements(tree):
        if isinstance(node, ast.ClassDef) and name_is_banned(node.name):
            findings.append(f"line {node.lineno}: class {node.name}")
    for function, bound in functions(tree):
        if name_is_banned(function.name) and not (bound and function.name == "items"):
            findings.append(f"line {function.lineno}: function {function.name}")
    for statement in tree.body:
        findings.extend(
            f"line {statement.lineno}: name {name}"
            for name in _bound_names(statement)
            if name_is_banned(name)
        )
    return findings
