"""Where a training set comes from: exports with their charters, and nodes that open the bodies.

Everything is matched by network id, so the order on the command line does not matter. A node
without an export of its network is asked for one: it is verified like any other.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from medquorum.ai_entity.learning.dataset import Source
from medquorum.ai_entity.learning.labels import LabelRefused
from medquorum.ai_entity.learning.lessons import Excluded
from medquorum.ai_entity.learning.verified_ledger import (
    LedgerRefused,
    VerifiedLedger,
    Verifier,
    chain_verify,
    exported_network,
    network_of,
    open_ledger,
)
from medquorum.ai_entity.node_api import NodeApi, NodeRefused

NOT_FOUND = 404
RESEARCH = "research"
WITHOUT_CONSENT = "no_consent"
"""The node's word for a reading that the patient has not allowed."""


@dataclass(frozen=True, slots=True)
class NodeBodies:
    """Bodies as the AI entity's node opens them."""

    api: NodeApi

    async def part(self, record: str, part: str, target: Path) -> bool:
        """Write a part; False where the node does not hold or may not open it.

        Raises LabelRefused where the patient has not consented, NodeRefused, NodeAway.
        """
        try:
            await self.api.download(record, part, target, RESEARCH)
        except NodeRefused as refused:
            if refused.rule == WITHOUT_CONSENT:
                raise LabelRefused(Excluded.NO_CONSENT) from refused
            if refused.status != NOT_FOUND:
                raise
            return False
        return True


@dataclass(frozen=True, slots=True)
class Asked:
    """What was named on the command line."""

    exports: Sequence[Path]
    charters: Sequence[Path]
    nodes: Sequence[str]
    tokens: Sequence[Path]


def charters_by_network(charters: Sequence[Path]) -> dict[bytes, Path]:
    """Founding charters by the network they found. Raises LedgerRefused."""
    return {network_of(path): path for path in charters}


async def gather_sources(
    asked: Asked, stack: AsyncExitStack, verifier: Verifier = chain_verify
) -> list[Source]:
    """Every ledger verified and joined with its node; LedgerRefused says what is missing."""
    charters = charters_by_network(asked.charters)
    nodes = await _nodes(asked, stack)
    exports = {exported_network(path): path for path in asked.exports}
    with _folder() as folder:
        for network, api in nodes.items():
            if network not in exports:
                exports[network] = folder / f"{network.hex()[:16]}.export"
                await api.export(exports[network])
        ledgers = [
            _ledger(network, export, charters, verifier)
            for network, export in sorted(exports.items())
        ]
    return [Source(one, NodeBodies(_node_of(one, nodes))) for one in ledgers]


@contextmanager
def _folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="medquorum-exports-") as folder:
        yield Path(folder)


async def _nodes(asked: Asked, stack: AsyncExitStack) -> dict[bytes, NodeApi]:
    if len(asked.nodes) != len(asked.tokens):
        raise LedgerRefused("name one --token-file for each --node, in the same order")
    found: dict[bytes, NodeApi] = {}
    for url, token in zip(asked.nodes, asked.tokens, strict=True):
        api = await stack.enter_async_context(NodeApi(url, read_token(token)))
        found[bytes.fromhex(str((await api.json("/v1/status"))["network"]))] = api
    return found


def read_token(path: Path) -> str:
    """The token in a file. Raises LedgerRefused."""
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        raise LedgerRefused(f"no token at {path}; make one with: medquorum token new") from None


def _ledger(
    network: bytes, export: Path, charters: Mapping[bytes, Path], verifier: Verifier
) -> VerifiedLedger:
    charter = charters.get(network)
    if charter is None:
        raise LedgerRefused(
            f"no charter of the network {network.hex()[:16]}… was given; add --charter FILE"
        )
    return open_ledger(export, charter, verifier)


def _node_of(ledger: VerifiedLedger, nodes: Mapping[bytes, NodeApi]) -> NodeApi:
    node = nodes.get(ledger.network)
    if node is None:
        raise LedgerRefused(
            f"no node of the network {ledger.network.hex()[:16]}… was given to open its bodies; "
            "add --node URL --token-file FILE"
        )
    return node
