"""Blocks as they stand in a file: header, core, signature (R-ORD1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .acts import GovernanceCore
from .canonical import NUMBER_MAX, RECORD, Fields, decode
from .crypto import tagged
from .proposals import Core, read_core

HEADER_FIELDS: Final = ("hpatient", "hprevious", "n_bc", "n_pa", "n_pb", "outcome", "proposal")


@dataclass(frozen=True, slots=True)
class Header:
    """A block header (R-ORD1) with its hash."""

    hpatient: bytes
    hprevious: bytes
    n_bc: int
    n_pa: int
    n_pb: int
    outcome: str
    proposal: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Block:
    """A block as it stands in a file."""

    core: Core | GovernanceCore
    encoded_core: bytes
    header: Header
    signature: bytes


def read_header(encoded: bytes, network: bytes) -> Header:
    """Return the block header held by canonical bytes."""
    fields = Fields(decode(encoded, RECORD), "the block header", HEADER_FIELDS)
    return Header(
        hpatient=fields.binary("hpatient", 32),
        hprevious=fields.binary("hprevious", 32),
        n_bc=fields.integer("n_bc", 1, NUMBER_MAX),
        n_pa=fields.integer("n_pa", high=NUMBER_MAX),
        n_pb=fields.integer("n_pb", high=NUMBER_MAX),
        outcome=fields.choice("outcome", ("accepted", "rejected")),
        proposal=fields.binary("proposal", 32),
        hash=tagged("block", network, encoded),
    )


def read_block(encoded: bytes, network: bytes) -> Block:
    """Return the block held by canonical bytes."""
    fields = Fields(decode(encoded, RECORD), "the block", ("core", "header", "signature"))
    encoded_core = fields.binary("core")
    return Block(
        core=read_core(encoded_core),
        encoded_core=encoded_core,
        header=read_header(fields.binary("header"), network),
        signature=fields.binary("signature", 64),
    )
