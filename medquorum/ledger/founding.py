"""The founding charter, built of the agreed source and the members' requests (R-CHA5).

The build is deterministic: whoever repeats it gets the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable

from medquorum.ledger.charter import Charter
from medquorum.ledger.charter_source import CharterSource, MemberSource
from medquorum.ledger.errors import CharterError
from medquorum.ledger.member import Member
from medquorum.ledger.types import Role


def build_charter(source: CharterSource, requests: Iterable[Member]) -> Charter:
    """The founding charter; the order of the requests does not matter.

    CharterError lists every member without a request, every request nobody agreed on, and every
    request that says something else than the source.
    """
    offered: dict[tuple[str, Role], set[Member]] = {}
    for request in requests:
        offered.setdefault((request.name, request.role), set()).add(request)
    faults = []
    members: list[Member] = []
    for expected in source.members:
        found = offered.pop((expected.name, expected.role), set())
        fault = _mismatch(expected, found)
        if fault:
            faults.append(fault)
        members.extend(found)
    for name, role in sorted(offered):
        faults.append(f"{name} ({role.value}): a request of nobody in the source; remove it")
    if faults:
        raise CharterError("the requests do not fit the source:\n  " + "\n  ".join(faults))
    charter = Charter(
        name=source.name,
        created_at_ms=source.created_at_ms,
        ordering=source.ordering,
        members=tuple(sorted(members, key=lambda member: member.address)),
        policies=source.policies,
        absence=source.absence,
        maturity=source.maturity,
        retention_days=source.retention_days,
        seal_difficulty_bits=source.seal_difficulty_bits,
    )
    charter.verify_proofs()
    return charter


def _mismatch(expected: MemberSource, found: set[Member]) -> str | None:
    who = f"{expected.name} ({expected.role.value})"
    if not found:
        return f"{who}: no request; ask for it"
    if len(found) > 1:
        return f"{who}: {len(found)} different requests; keep the one that is meant"
    (request,) = found
    if request.endpoint != expected.endpoint:
        return (
            f"{who}: the source says {expected.endpoint}, the request {request.endpoint}; "
            "agree on one"
        )
    return None
