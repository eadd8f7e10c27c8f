"""Charter changes while everything goes on: amendments that any doctor may put to the vote.

Rules change, institutions are suspended and come back, and so do doctors as long as the others
withstand what this run's story does to them (R-GOV5 to R-GOV8).
"""

from __future__ import annotations

import hashlib
import random

from medquorum.ledger.change import Change, Reinstate, SetAbsenceRule, Suspend
from medquorum.ledger.charter import Charter
from medquorum.ledger.charter_rules import AbsenceRule
from medquorum.ledger.governance import Amendment
from medquorum.ledger.keys import Address
from medquorum.ledger.proposal import GovernanceIssue, Proposal, governance_core, issue
from medquorum.ledger.quorum import tolerance
from medquorum.ledger.types import RecordId, Role
from medquorum.simulation.crypto import Cryptography


class Chancery:
    """Writes amendments that apply to the charter they are based on."""

    def __init__(self, cryptography: Cryptography, weak: frozenset[Address], lost: int) -> None:
        self._cryptography = cryptography
        self._weak = weak
        """Doctors who lie, are doubled or are away in this story."""
        self._impaired = lost
        """How many of them may contradict themselves."""
        self._written = 0

    def amendment(
        self, charter: Charter, issuer: Address, now_ms: int, dice: random.Random
    ) -> Proposal:
        """An amendment by a doctor, from what the charter in force says."""
        self._written += 1
        changes = (self._change(charter, dice),)
        member = charter.member(issuer)
        if member is None:
            raise LookupError("a simulated issuer is a member of the charter")
        asked = GovernanceIssue(
            network=charter.network_id,
            issuer=issuer,
            record=RecordId(hashlib.sha256(b"amendment %d" % self._written).digest()),
            issued_at_ms=now_ms,
            expires_at_ms=now_ms + 86_400_000,
        )
        core = governance_core(Amendment(charter.version, changes), asked)
        return issue(core, self._cryptography.signer(member.keys.clinical))

    def _change(self, charter: Charter, dice: random.Random) -> Change:
        match dice.randrange(3):
            case 0 if charter.suspended:
                return Reinstate(dice.choice(sorted(charter.suspended)))
            case 1:
                others = [
                    member.address
                    for member in charter.members
                    if member.role is not Role.DOCTOR and member.address not in charter.suspended
                ]
                if len(others) > 1:
                    return Suspend(dice.choice(others))
            case 2:
                suspended = self._suspension(charter, dice)
                if suspended is not None:
                    return suspended
            case _:
                pass
        before = charter.absence
        return SetAbsenceRule(AbsenceRule(before.max_days + 1, before.silence_hours))

    def _suspension(self, charter: Charter, dice: random.Random) -> Suspend | None:
        """A doctor without whom the rest still withstand this run's faults."""
        doctors = [doctor.address for doctor in charter.doctors]
        if len(doctors) < 2:
            return None
        left = tolerance(charter.ordering.mode, len(doctors) - 1)
        member = dice.choice(doctors)
        weak = len(self._weak & set(doctors) - {member})
        if weak > left.absences_for_liveness or self._impaired > left.liars_for_safety:
            return None
        return Suspend(member, dice.choice([one for one in doctors if one != member]))
