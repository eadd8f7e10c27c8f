"""Members as people type them: by name, by the beginning of a name, or by address."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from medquorum.ledger.charter import Charter, Member
from medquorum.ledger.errors import KeyMaterialError
from medquorum.ledger.keys import Address, parse_address
from medquorum.ledger.limits import DAY_MS
from medquorum.ledger.types import Role
from medquorum.node.cli.outcome import CommandError, Exit
from medquorum.node.governance_words import Naming, naming_of


@dataclass(frozen=True, slots=True)
class Roster:
    """Every version of the charter; members are looked up in the one in force."""

    charters: Sequence[Charter]

    @property
    def charter(self) -> Charter:
        """The charter in force."""
        return self.charters[-1]

    @property
    def naming(self) -> Naming:
        """Names of members, former ones too."""
        return naming_of(self.charters)

    def member(self, text: str) -> Member:
        """The member meant; CommandError when it is none, or several."""
        if "1" in text and text.lower().startswith("mq"):
            return self._by_address(text)
        wanted = text.casefold().strip()
        members = self.charter.members
        exact = [member for member in members if member.name.casefold() == wanted]
        begins = [member for member in members if member.name.casefold().startswith(wanted)]
        words = [member for member in members if wanted in member.name.casefold().split()]
        for found in (exact, begins, words):
            if len(found) == 1:
                return found[0]
            if len(found) > 1:
                names = ", ".join(f"{member.name} {member.address_text}" for member in found)
                raise CommandError(Exit.USAGE, f"{text!r} may be {names}; give the address")
        raise CommandError(
            Exit.NOT_FOUND,
            f"nobody in the charter is called {text!r}; see: medquorum charter show",
        )

    def _by_address(self, text: str) -> Member:
        try:
            address, _ = parse_address(text)
        except KeyMaterialError as error:
            raise CommandError(Exit.USAGE, str(error)) from None
        member = self.charter.member(address)
        if member is None:
            raise CommandError(Exit.NOT_FOUND, f"{text} is no member; see: medquorum charter show")
        return member

    def doctor(self, text: str) -> Address:
        """An active doctor; CommandError for anybody else."""
        member = self.member(text)
        if member.role is not Role.DOCTOR or not self.charter.is_active(member.address):
            raise CommandError(Exit.USAGE, f"{member.name} is no active doctor; name one")
        return member.address

    def optional_doctor(self, text: str | None) -> Address | None:
        """The same where none need be named."""
        return None if text is None else self.doctor(text)


def instant_ms(text: str, now_ms: int) -> int:
    """A moment in ms: ISO 8601, UTC unless it says otherwise; `now`; `+14d` or `+36h` from now."""
    given = text.strip().lower()
    if given == "now":
        return now_ms
    units = {"d": DAY_MS, "h": DAY_MS // 24, "m": DAY_MS // 1_440, "s": 1_000}
    if given[:1] == "+" and given[-1:] in units and given[1:-1].isdigit() and len(given) < 12:
        return now_ms + int(given[1:-1]) * units[given[-1]]
    try:
        moment = datetime.datetime.fromisoformat(text.strip())
    except ValueError:
        raise CommandError(
            Exit.USAGE, f"{text!r} is no time; write 2026-03-01, 2026-03-01T08:00Z, now or +14d"
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return int(moment.timestamp() * 1_000)
