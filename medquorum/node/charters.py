"""Every charter of the network so far, as this node's store holds them (R-CHA1, R-GOV8).

Rooms of the node ask here for the charter in force instead of keeping one: it changes while they
run. Older versions still tell who a former member was, with which key an old wrap was signed, and
who was to read what was sealed at some time.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from medquorum.ledger.charter import Charter, Member
from medquorum.ledger.keys import Address, PublicKey


class Charters:
    """The charters by version; the last is in force here."""

    def __init__(self, versions: Sequence[Charter], since_ms: Sequence[int] = ()) -> None:
        """`since_ms` holds, from version 1 on, the time of the batch that made each version."""
        self._versions = list(versions)
        self._since_ms = [0, *since_ms]
        if len(self._versions) != len(self._since_ms):
            raise ValueError("R-GOV8: every version but the founding one began with a batch")

    @property
    def current(self) -> Charter:
        """The charter in force."""
        return self._versions[-1]

    @property
    def founding(self) -> Charter:
        """The charter that names the network."""
        return self._versions[0]

    @property
    def versions(self) -> tuple[Charter, ...]:
        """All of them; the place is the version."""
        return tuple(self._versions)

    def adopt(self, charter: Charter, since_ms: int) -> None:
        """Put the next version in force, made by a final batch of that time."""
        self._versions.append(charter)
        self._since_ms.append(since_ms)

    def at(self, time_ms: int) -> Charter:
        """The charter that was in force at a time; the founding one before there was any."""
        return self._versions[max(1, bisect_right(self._since_ms, time_ms)) - 1]

    def member(self, address: Address) -> Member | None:
        """A member as the newest version that names it does: former members keep their names."""
        for charter in reversed(self._versions):
            member = charter.member(address)
            if member is not None:
                return member
        return None

    def clinical_keys(self, address: Address) -> tuple[PublicKey, ...]:
        """Every clinical key a member has had, the newest first."""
        named = (charter.member(address) for charter in reversed(self._versions))
        return tuple(dict.fromkeys(one.keys.clinical for one in named if one is not None))
