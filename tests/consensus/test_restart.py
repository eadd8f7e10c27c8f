"""What a replica knows again when it starts from what its store held."""

from medquorum.consensus.replica import Remembered, Replica
from medquorum.ledger.signature import verify
from medquorum.ledger.types import BlockType, Decision
from tests.support.chains import Chain
from tests.support.network import propose, registration, votes


def test_a_rejection_outlives_a_restart_though_its_place_is_taken(chain: Chain) -> None:
    """R-ORD5, R-SIM10: the votes are read before it is told whether the proposal can go."""
    network = chain.network
    grown = Chain(network)
    grown.stage(registration(network))
    grown.close()
    refused = propose(network, grown.state, BlockType.PRESCRIPTION)
    (no,) = votes(network, refused, grown.state, {network.doctors[0]: Decision.REJECT})
    grown.stage(propose(network, grown.view, BlockType.PET))
    grown.close()
    held = Remembered(grown.state, 0, 0, (), (refused,), (no,))
    replica = Replica(held, lambda _: None, verify, lambda _: None)
    assert replica.pool.decided(refused.id)
