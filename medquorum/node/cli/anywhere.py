"""A group whose own options may stand anywhere, also behind the commands it is given."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup


class AnywhereGroup(TyperGroup):
    """`group a 1 b 2 --yes` means `group --yes a 1 b 2`: with several commands there is no last."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Move the group's options in front of its commands."""
        flags = {name: bool(param.is_flag) for param in self._own() for name in param.opts}
        own: list[str] = []
        rest: list[str] = []
        remaining = list(args)
        while remaining:
            word = remaining.pop(0)
            name, assigned, _ = word.partition("=")
            if name not in flags or word == "--":
                rest.append(word)
                continue
            own.append(word)
            if not flags[name] and not assigned and remaining:
                own.append(remaining.pop(0))
        return super().parse_args(ctx, [*own, *rest])

    def _own(self) -> list[Any]:
        return [param for param in self.params if getattr(param, "is_flag", None) is not None]
