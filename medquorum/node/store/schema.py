"""The tables of a node: thin rows around canonical bytes, no second model.

Times are microseconds since 1970 UTC (`*_us`). What is signed or hashed is kept as its canonical
bytes; the columns beside it exist for searching only.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
)

METADATA = MetaData()

IDENTITY = Table(
    "identity",
    METADATA,
    Column("network", LargeBinary(32), primary_key=True),
    Column("member", LargeBinary(32), nullable=False),
)
"""One row: whose database this is, written at the first start."""

JOURNAL = Table(
    "journal",
    METADATA,
    Column("sequence", Integer, primary_key=True, autoincrement=True),
    Column("epoch", BigInteger, nullable=False),
    Column("slot", BigInteger, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("record", LargeBinary, nullable=False),
    Index("journal_slot", "epoch", "slot"),
)
"""Own ordering votes, certificates and batch bodies, in the order written (R-SIM10)."""

BATCHES = Table(
    "batches",
    METADATA,
    Column("log_index", BigInteger, primary_key=True, autoincrement=False),
    Column("epoch", BigInteger, nullable=False),
    Column("slot", BigInteger, nullable=False),
    Column("hash", LargeBinary(32), nullable=False, unique=True),
    Column("first_nbc", BigInteger, nullable=False),
    Column("count", Integer, nullable=False),
    Column("time_ms", BigInteger, nullable=False),
    Column("header", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("certificate", LargeBinary),
    Column("tail", Integer, nullable=False),
    Column("finalised_at_us", BigInteger, nullable=False),
)
"""Final batches in order; the certificate where this node holds one of the batch itself, or of the
last batch of its tail. `tail` counts the rows of TAILS that close an epoch after it (R-GOV8)."""

TAILS = Table(
    "tails",
    METADATA,
    Column("log_index", BigInteger, primary_key=True, autoincrement=False),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("header", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
"""Empty batches between the end of an epoch and the certified one, no part of the ledger."""

BLOCKS = Table(
    "blocks",
    METADATA,
    Column("n_bc", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary(32), nullable=False, unique=True),
    Column("n_pb", BigInteger, nullable=False),
    Column("n_pa", BigInteger, nullable=False),
    Column("type", String(20), nullable=False),
    Column("outcome", String(10), nullable=False),
    Column("proposal", LargeBinary(32), nullable=False, unique=True),
    Column("log_index", BigInteger, nullable=False),
    Index("blocks_patient", "n_pb", "n_pa"),
)
"""Where each block stands; its bytes are in its batch's body."""

PROPOSALS = Table(
    "proposals",
    METADATA,
    Column("id", LargeBinary(32), primary_key=True),
    Column("type", String(20), nullable=False),
    Column("patient", BigInteger),
    Column("record", LargeBinary(32), nullable=False),
    Column("encoded", LargeBinary, nullable=False),
    Column("state", String(10), nullable=False),
    Column("reason", String(40)),
    Column("received_at_us", BigInteger, nullable=False),
    Index("proposals_state", "state", "received_at_us"),
    Index("proposals_record", "record"),
)
"""Proposals with what became of them. Nothing hinders a member from signing two that name one
record, so the column is not unique: the second is kept as well, and its body is never opened."""

VOTES = Table(
    "votes",
    METADATA,
    Column("proposal", LargeBinary(32), primary_key=True),
    Column("voter", LargeBinary(32), primary_key=True),
    Column("encoded", LargeBinary, nullable=False),
    Column("received_at_us", BigInteger, nullable=False),
)

WRAPS = Table(
    "wraps",
    METADATA,
    Column("record", LargeBinary(32), primary_key=True),
    Column("recipient", LargeBinary(32), primary_key=True),
    Column("encoded", LargeBinary, nullable=False),
)

BODIES = Table(
    "bodies",
    METADATA,
    Column("record", LargeBinary(32), primary_key=True),
    Column("proposal", LargeBinary(32), nullable=False),
    Column("state", String(10), nullable=False),
    Column("reason", String(40)),
    Column("changed_at_us", BigInteger, nullable=False),
)

EVIDENCE = Table(
    "evidence",
    METADATA,
    Column("sequence", Integer, primary_key=True, autoincrement=True),
    Column("kind", String(20), nullable=False),
    Column("culprit", LargeBinary(32), nullable=False),
    Column("first", LargeBinary, nullable=False),
    Column("second", LargeBinary, nullable=False),
    Column("found_at_us", BigInteger, nullable=False),
)

HALTS = Table(
    "halts",
    METADATA,
    Column("sequence", Integer, primary_key=True, autoincrement=True),
    Column("reason", String(20), nullable=False),
    Column("certificates", LargeBinary, nullable=False),
    Column("vote", LargeBinary),
    Column("found_at_us", BigInteger, nullable=False),
)
"""Why ordering stopped here, for everybody to read: the certificates on two branches, or the own
vote that the journal does not hold (R-SIM2, R-SIM10)."""

USERS = Table(
    "users",
    METADATA,
    Column("name", String(80), primary_key=True),
    Column("role", String(20), nullable=False),
    Column("password_phc", String(400)),
    Column("patient", String(120)),
    Column("active", Boolean, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
)

TOKENS = Table(
    "tokens",
    METADATA,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("user", String(80), nullable=False),
    Column("role", String(20), nullable=False),
    Column("kind", String(10), nullable=False),
    Column("label", String(200), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    Index("tokens_user", "user"),
)
"""Bearer tokens and sessions, by the SHA-256 of their secret."""

ANSWERS = Table(
    "answers",
    METADATA,
    Column("user", String(80), primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("request", LargeBinary(32), nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
)
"""Answers given under an idempotency key."""

ACCESSES = Table(
    "accesses",
    METADATA,
    Column("sequence", Integer, primary_key=True, autoincrement=True),
    Column("at_us", BigInteger, nullable=False),
    Column("organisation", LargeBinary(32), nullable=False),
    Column("user_name", String(80), nullable=False),
    Column("user_role", String(20), nullable=False),
    Column("patient", BigInteger),
    Column("record", LargeBinary(32), nullable=False),
    Column("part", String(16), nullable=False),
    Column("purpose", String(40), nullable=False),
    Column("origin", LargeBinary(32), nullable=False),
    Column("granted", Boolean, nullable=False),
    Index("accesses_patient", "patient"),
)
"""Who read which part of which record, when, for what, and whose it was."""

CONSENTS = Table(
    "consents",
    METADATA,
    Column("id", LargeBinary(32), primary_key=True),
    Column("patient", BigInteger, nullable=False),
    Column("encoded", LargeBinary, nullable=False),
    Column("brought_by", String(80), nullable=False),
    Column("received_at_us", BigInteger, nullable=False),
    Index("consents_patient", "patient"),
)
"""Statements of consent signed by patients (R-CST2), grants and revocations alike."""

SERIES = Table(
    "series",
    METADATA,
    Column("record", LargeBinary(32), primary_key=True),
    Column("origin", LargeBinary(32), nullable=False),
    Column("patient", BigInteger, nullable=False),
    Column("proposal", LargeBinary(32)),
    Column("begun_at_us", BigInteger, nullable=False),
    Index("series_origin", "origin"),
)
"""Series of uploads with the proposals made of them; no id of one that is being made."""
