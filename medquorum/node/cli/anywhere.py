"""A group that takes several of its commands in one go, and its own options anywhere.

`group a 1 b 2 --yes` means `group --yes`, then `a 1` and `b 2`: of several commands none is the
last. Each command answers a value; what becomes of them all is `finish`'s affair.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from typer.core import TyperGroup


class AnywhereGroup(TyperGroup):
    """Splits the command line at the names of its commands."""

    finish: Callable[[list[Any], Any], None]
    """Told the values of the commands in order, and what the group's callback left in `obj`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Keep the group's own options, and set each command's words aside."""
        own, commands = self._split(args)
        ctx.meta[__name__] = commands
        return super().parse_args(ctx, own)

    def _split(self, args: list[str]) -> tuple[list[str], list[list[str]]]:
        flags = {name: bool(param.is_flag) for param in self._options() for name in param.opts}
        names = self.commands.keys()
        own: list[str] = []
        commands: list[list[str]] = []
        remaining = list(args)
        while remaining:
            word = remaining.pop(0)
            option, assigned, _ = word.partition("=")
            if option in flags:
                own.append(word)
                if not flags[option] and not assigned and remaining:
                    own.append(remaining.pop(0))
            elif word in names:
                commands.append([word])
            elif commands:
                commands[-1].append(word)
            elif word.startswith("-"):
                own.append(word)
            else:
                commands.append([word])
        return own, commands

    def _options(self) -> list[Any]:
        return [param for param in self.params if getattr(param, "is_flag", None) is not None]

    def invoke(self, ctx: Any) -> None:
        """Run the group's callback, then every command, then `finish`."""
        super().invoke(ctx)
        with ctx:
            values = [self._one(ctx, words) for words in ctx.meta[__name__]]
            type(self).finish(values, ctx.obj)

    def _one(self, ctx: Any, words: list[str]) -> Any:
        name, command, args = self.resolve_command(ctx, words)
        if command is None:
            raise ctx.fail(f"no such command: {words[0]}")
        with command.make_context(name, args, parent=ctx) as within:
            return command.invoke(within)
