"""Changes of the charter as people wish for them: names still to be looked up, files to be read."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from medquorum.ledger.ceremony import parse_request
from medquorum.ledger.change import (
    Admit,
    Change,
    Reinstate,
    Revoke,
    RotateKey,
    SetAbsenceRule,
    SetMode,
    SetPolicy,
    Suspend,
)
from medquorum.ledger.charter import AbsenceRule, TypePolicy
from medquorum.ledger.errors import LedgerError
from medquorum.ledger.governance import Amendment
from medquorum.ledger.limits import RECORD
from medquorum.ledger.types import BlockType, Panel, QuorumMode
from medquorum.node.api.governance_forms import clinical_type
from medquorum.node.cli.acts import Bench
from medquorum.node.cli.files import read_limited
from medquorum.node.cli.model_wishes import (
    approve_model,
    digest_named,
    model_from,
    withdraw_model,
)
from medquorum.node.cli.outcome import CommandError, Exit
from medquorum.node.cli.rotation import rotated_member

FILE_BYTES = 262_144
Wished = Callable[[Bench], Change]
Named = TypeVar("Named", bound=StrEnum)


def admit(request: Path) -> Wished:
    """A new member, by its request file."""

    def make(bench: Bench) -> Change:
        try:
            return Admit(parse_request(read_limited(request, RECORD.total)))
        except LedgerError as error:
            raise CommandError(Exit.VERIFICATION, f"{request}: {error}") from None

    return make


def revoke(member: str, successor: str | None) -> Wished:
    """A member leaves for ever."""
    return lambda bench: Revoke(
        bench.roster.member(member).address, bench.roster.optional_doctor(successor)
    )


def suspend(member: str, stand_in: str | None) -> Wished:
    """A member does nothing for now."""
    return lambda bench: Suspend(
        bench.roster.member(member).address, bench.roster.optional_doctor(stand_in)
    )


def reinstate(member: str) -> Wished:
    """A suspended member acts again."""
    return lambda bench: Reinstate(bench.roster.member(member).address)


def rotate_key(purposes: Sequence[str], endpoint: str | None) -> Wished:
    """New keys for the owner of --home."""

    def make(bench: Bench) -> Change:
        before = bench.charter.member(bench.issuer)
        if before is None or bench.signing.owner() != bench.issuer:
            raise CommandError(
                Exit.USAGE,
                "a member exchanges its own keys: give --home with them, and --node and "
                "--token-file of any node that is up",
            )
        return RotateKey(rotated_member(bench.signing.keys(), before, purposes, endpoint))

    return make


def set_mode(mode: QuorumMode) -> Wished:
    """Another quorum rule."""
    return lambda bench: SetMode(mode)


def set_policy(block_type: BlockType, policy: Mapping[str, Any]) -> Wished:
    """Another policy of a type; what is not named stays as it is."""

    def make(bench: Bench) -> Change:
        before = bench.charter.policy(clinical_type(block_type))
        known = {"panel": before.panel, "strict": before.strict, "auto": before.auto_policies}
        given = {name: value for name, value in policy.items() if value is not None}
        merged = {**known, **given}
        auto = tuple(sorted(merged["auto"]))
        return SetPolicy(block_type, TypePolicy(merged["panel"], merged["strict"], auto))

    return make


def set_absence_rule(max_days: int | None, silence_hours: int | None) -> Wished:
    """Other limits of absences; what is not named stays as it is."""

    def make(bench: Bench) -> Change:
        rule = bench.charter.absence
        return SetAbsenceRule(
            AbsenceRule(
                rule.max_days if max_days is None else max_days,
                rule.silence_hours if silence_hours is None else silence_hours,
            )
        )

    return make


def amendment(wishes: Sequence[Wished]) -> Callable[[Bench], Any]:
    """All of them in one amendment of the charter in force, in order."""

    async def make(bench: Bench) -> Amendment:
        return Amendment(bench.charter.version, tuple(wished(bench) for wished in wishes))

    return make


# --- the same from a file -------------------------------------------------------------------


def read_wishes(path: Path) -> list[Wished]:
    """The changes of a TOML or JSON file: a list `change` of tables, each with its `kind`."""
    octets = read_limited(path, FILE_BYTES)
    try:
        text = octets.decode("utf-8")
        content = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (ValueError, RecursionError):
        raise CommandError(Exit.USAGE, f"{path} is neither TOML nor (.json) JSON") from None
    listed = content.get("change") if isinstance(content, dict) else None
    if not isinstance(listed, list) or set(content) != {"change"} or not listed:
        raise CommandError(Exit.USAGE, f"{path}: give a list of tables [[change]], nothing else")
    return [_Table(path, number, each).wished() for number, each in enumerate(listed, 1)]


class _Table:
    """One [[change]]: every key is asked for once, and none may be left over."""

    def __init__(self, path: Path, number: int, content: object) -> None:
        self._path = path
        self._where = f"{path}: change {number}"
        if not isinstance(content, dict):
            raise CommandError(Exit.USAGE, f"{self._where} is not a table")
        self._fields = dict(content)

    def _fail(self, problem: str) -> CommandError:
        return CommandError(Exit.USAGE, f"{self._where}: {problem}")

    def _take(self, name: str, kind: type, *, needed: bool = False) -> Any:
        value = self._fields.pop(name, None)
        if value is None and not needed:
            return None
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self._fail(f"{name} is missing or no {kind.__name__}")
        return value

    def _closed(self, name: str, names: type[Named], *, needed: bool = False) -> Named | None:
        value = self._take(name, str, needed=needed)
        try:
            return None if value is None else names(value)
        except ValueError:
            raise self._fail(f"{name} is one of {', '.join(names)}") from None

    def wished(self) -> Wished:
        """The change it stands for."""
        made = self._make(self._take("kind", str, needed=True))
        if self._fields:
            raise self._fail(f"unknown key {sorted(self._fields)[0]!r}")
        return made

    def _make(self, kind: str) -> Wished:
        match kind:
            case "admit":
                return admit(self._path.parent / self._take("request", str, needed=True))
            case "revoke":
                return revoke(self._member(), self._take("successor", str))
            case "suspend":
                return suspend(self._member(), self._take("stand_in", str))
            case "reinstate":
                return reinstate(self._member())
            case "rotate_key":
                purposes = self._take("purposes", list, needed=True)
                return rotate_key([str(each) for each in purposes], self._take("endpoint", str))
            case "set_mode" | "set_policy" | "set_absence_rule":
                return self._setting(kind)
            case "approve_model":
                model = model_from(self._take("model", dict, needed=True), self._where)
                return approve_model(self._member(), model)
            case "withdraw_model":
                return withdraw_model(
                    self._member(), digest_named(self._take("digest", str, needed=True))
                )
            case _:
                raise self._fail(f"{kind!r} is no kind of change of R-GOV6")

    def _member(self) -> str:
        name: str = self._take("member", str, needed=True)
        return name

    def _setting(self, kind: str) -> Wished:
        if kind == "set_absence_rule":
            return set_absence_rule(self._take("max_days", int), self._take("silence_hours", int))
        if kind == "set_mode":
            mode = self._closed("mode", QuorumMode, needed=True)
            return set_mode(mode or QuorumMode.BYZANTINE)
        block_type = self._closed("type", BlockType, needed=True) or BlockType.CT
        policy = {
            "panel": self._closed("panel", Panel),
            "strict": self._take("strict", bool),
            "auto": self._take("auto_policies", list),
        }
        return set_policy(block_type, policy)
