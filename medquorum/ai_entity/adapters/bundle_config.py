"""Reading the configuration of a MONAI bundle without running anything of it.

In a bundle's JSON ``@name#part`` refers to another place, ``$...`` is Python code and ``_target_``
names a class. References to plain values are followed. Code is never evaluated and no class is
ever made: a place that would need either is refused with its address, and names of classes are only
compared with the short list of those whose meaning is known here. Syntax: MONAI's documentation of
its bundle configuration.
"""

from typing import Any, Final

from medquorum.ai_entity.adapters.foreign import unsupported
from medquorum.ai_entity.adapters.names import shown
from medquorum.ai_entity.errors import ModelError, Reason

MAX_REFERENCES: Final = 8
PREFIXES: Final = ("monai.transforms.", "monai.inferers.")
IGNORED: Final = frozenset({"_target_", "_desc_", "_disabled_"})
CONTROLS: Final = frozenset({"_requires_", "_mode_", "_imports_"})


class BundleConfig:
    """One JSON document with its references."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document

    def value(self, value: object, where: str) -> Any:
        """``value`` without references; refuses code. Raises ModelError."""
        for _ in range(MAX_REFERENCES):
            if isinstance(value, str) and value.startswith("$"):
                raise unsupported(f"{where} is Python code, which is never run; write the value")
            if not isinstance(value, str) or not value.startswith("@"):
                return self._inside(value, where)
            value = self._at(value[1:], where)
        raise ModelError(Reason.MALFORMED_MODEL, f"{where} refers in a circle")

    def _inside(self, value: object, where: str) -> Any:
        if isinstance(value, list):
            return [self.value(one, where) for one in value]
        return value

    def _at(self, address: str, where: str) -> object:
        place: Any = self._document
        for part in address.replace("::", "#").split("#"):
            if isinstance(place, dict) and part in place:
                place = place[part]
            elif isinstance(place, list) and part.isdigit() and int(part) < len(place):
                place = place[int(part)]
            else:
                raise ModelError(
                    Reason.MALFORMED_MODEL,
                    f"{where} refers to {shown(address)}, which is not there",
                )
        return place

    def section(self, name: str) -> dict[str, Any] | None:
        """A section by its name, or None. Raises ModelError."""
        if name not in self._document:
            return None
        found = self.value(self._document[name], name)
        if not isinstance(found, dict):
            raise ModelError(Reason.MALFORMED_MODEL, f"{name} is not an object")
        return found

    def transforms(self, name: str) -> list["Component"]:
        """The components of a section that is a Compose, or one transform alone."""
        section = self.section(name)
        if section is None:
            return []
        outer = self.component(section, name)
        if outer.target != "Compose":
            return [outer]
        listed = outer.argument("transforms")
        if not isinstance(listed, list):
            raise ModelError(Reason.MALFORMED_MODEL, f"{name}.transforms is not a list")
        found = []
        for index, one in enumerate(listed):
            where = f"{name}.transforms[{index}]"
            if not isinstance(one, dict):
                raise ModelError(Reason.MALFORMED_MODEL, f"{where} is not an object")
            if self.value(one.get("_disabled_", False), f"{where}._disabled_") is not True:
                found.append(self.component(one, where))
        return found

    def component(self, section: dict[str, Any], where: str) -> "Component":
        """One ``_target_`` with its arguments. Raises ModelError."""
        target = section.get("_target_")
        if not isinstance(target, str) or target.startswith("$"):
            raise unsupported(f"{where} names no class")
        for key in CONTROLS & set(section):
            raise unsupported(f"{where} has {key}, which would run code")
        short = target
        for prefix in PREFIXES:
            if target.startswith(prefix):
                short = target.rpartition(".")[2]
        return Component(self, short, section, where)


class Component:
    """A declared object that is never made: the short name of its class, and its arguments."""

    def __init__(
        self, config: BundleConfig, target: str, section: dict[str, Any], where: str
    ) -> None:
        self._config = config
        self._section = section
        self.target = target
        self.where = where

    def argument(self, name: str, otherwise: Any = None) -> Any:
        """An argument's plain value. Raises ModelError where it is code."""
        if name not in self._section:
            return otherwise
        return self._config.value(self._section[name], f"{self.where}.{name}")

    def number(self, name: str, otherwise: float | None = None) -> float:
        """An argument that is a number. Raises ModelError."""
        value = self.argument(name, otherwise)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ModelError(Reason.MALFORMED_MODEL, f"{self.where}.{name} is no number")
        return float(value)

    def images(self) -> tuple[str, ...]:
        """What the transform is applied to."""
        value = self.argument("keys")
        listed = value if isinstance(value, list) else [value]
        if not listed or not all(isinstance(one, str) for one in listed):
            raise ModelError(Reason.MALFORMED_MODEL, f"{self.where}.keys are no names")
        return tuple(listed)

    def only(self, *allowed: str) -> None:
        """Refuse arguments that would change the meaning. Raises ModelError."""
        for name in sorted(set(self._section) - IGNORED - {"keys"} - set(allowed)):
            if self.argument(name) not in (None, False):
                raise unsupported(
                    f"{self.where}: {self.target} with {shown(name)} is not known here"
                )
