"""Who a node speaks for when it issues something (R-KEY4)."""

from __future__ import annotations

from dataclasses import dataclass, field

from medquorum.ledger.keys import Address
from medquorum.ledger.signature import Signer


@dataclass(frozen=True, slots=True)
class Issuer:
    """This node's own member as an issuer; `sign` is None where a person holds the key."""

    address: Address
    sign: Signer | None = field(repr=False)
