"""The errors of the ledger, in one place.

    LedgerError
    ├── CodecError         bytes that are not canonical, break a limit or do not fit their schema
    ├── KeyMaterialError   a public key, address or private key that cannot be used
    ├── SignatureError     a signature that is malformed or does not verify
    ├── EnvelopeError      a sealed body, wrap or commitment that does not open or match
    ├── CharterError       a charter, request or ceremony file that breaks a rule of R-CHA
    └── ChainError         a block, batch or proof that does not follow from the chain before it

Each message names the rule of PROTOCOL.md and what to do; none carries patient content.
"""

from __future__ import annotations


class LedgerError(Exception):
    """Base of every error the ledger raises."""


class CodecError(LedgerError):
    """Bytes or values that are not canonical or do not fit their schema (R-CAN)."""


class KeyMaterialError(LedgerError):
    """A key or address that is malformed or of the wrong kind (R-KEY)."""


class SignatureError(LedgerError):
    """A signature that is malformed or does not verify (R-SIG)."""


class EnvelopeError(LedgerError):
    """A sealed chunk, wrap or commitment that does not open or match (R-BOD)."""


class CharterError(LedgerError):
    """A charter or ceremony file that breaks a rule (R-CHA)."""


class ChainError(LedgerError):
    """A block, batch, export or proof that does not follow from what precedes it (R-ORD, R-EXP)."""
