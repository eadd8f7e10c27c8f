"""Every version of the charter, believed for its proof and not because a node says so (R-EXP3).

Whoever signs rests on the founding charter file alone: the proof of the last amendment's block
holds those of all before it. A node can only withhold the newest versions, not invent one.
"""

from __future__ import annotations

from collections.abc import Iterable

from medquorum.consensus.proofs import verify_proof
from medquorum.ledger.amendment import apply
from medquorum.ledger.charter import Charter
from medquorum.ledger.errors import LedgerError
from medquorum.ledger.governance import Amendment
from medquorum.ledger.proof import Inclusion, parse_proof
from medquorum.node.client import NodeClient


class CharterUnproven(Exception):
    """A node's story of the charter does not hold; the message says what to do."""


async def proven_charters(client: NodeClient, founding: Charter) -> tuple[Charter, ...]:
    """Every version up to the one this node has in force; CharterUnproven when it does not hold."""
    if (await client.charter()).version == 0:
        return (founding,)
    amendment = (await client.charter_history())[-1].n_bc
    if amendment is None:
        raise CharterUnproven("the node names no block for its charter; ask another node")
    try:
        proof = parse_proof(await client.proof(amendment))
    except LedgerError as error:
        raise CharterUnproven(f"the charter's proof is malformed: {error}; ask another") from None
    outcome = verify_proof(proof, founding)
    if not outcome.valid:
        raise CharterUnproven(
            f"the charter's proof does not hold ({outcome.reason}); give the founding charter "
            "file of this network with --charter, or ask another node"
        )
    return _amended(founding, (*proof.epochs, proof))


def _amended(founding: Charter, amendments: Iterable[Inclusion]) -> tuple[Charter, ...]:
    charters = [founding]
    for inclusion in amendments:
        core = inclusion.block.proposal.core
        if not isinstance(core.act, Amendment):
            raise CharterUnproven("the node proves something else than an amendment; ask another")
        after = apply(charters[-1], core.act, core.issuer)
        if not isinstance(after, Charter):
            raise CharterUnproven("an amendment does not apply; ask another node")
        charters.append(after)
    return tuple(charters)
