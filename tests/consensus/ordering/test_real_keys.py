"""The same machine with the product's own signatures, and how often it verifies one."""

from collections import Counter

from cryptography.hazmat.primitives.asymmetric import ec

from medquorum.consensus.ordering.application import Seat
from medquorum.ledger.certificate import Electorate
from medquorum.ledger.keys import PublicKey, public_key
from medquorum.ledger.signature import Signature, signer, verify
from tests.consensus.ordering import toy
from tests.consensus.ordering.cluster import Cluster

COUNT = 4


def test_every_signature_is_verified_once_by_each_node() -> None:
    """R-SIG1, R-SIM1: one proposal, the others' notar and final votes; relays cost nothing."""
    privates = [ec.derive_private_key(number + 1, ec.SECP256R1()) for number in range(COUNT)]
    keys = tuple(public_key(private) for private in privates)
    cluster = Cluster(COUNT, wire=True)
    cluster.electorate = Electorate(toy.NETWORK, 0, keys, 3)
    for number, private in enumerate(privates):
        cluster.nodes[f"d{number}"].seat = Seat(number, signer(private))
    verified: Counter[tuple[PublicKey, bytes]] = Counter()

    def counting(key: PublicKey, digest: bytes, signature: Signature) -> bool:
        verified[key, digest] += 1
        return verify(key, digest, signature)

    cluster.verify = counting
    cluster.start()
    batches = 6
    for number in range(batches):
        cluster.submit(number)
        cluster.run(40)
    assert set(cluster.logs().values()) == {batches}
    assert max(verified.values()) == COUNT - 1
    assert sum(verified.values()) <= batches * (COUNT - 1) * (1 + 2 * COUNT)


def test_a_stranger_cannot_vote() -> None:
    """R-ORD10: three doctors' worth of votes under keys the charter does not name."""
    cluster = Cluster(COUNT)
    for number in (1, 2, 3):
        cluster.nodes[f"d{number}"].seat = Seat(number, toy.toy_signer(number + 90))
    cluster.start()
    cluster.submit(1)
    cluster.run(3_000)
    assert set(cluster.logs().values()) == {0}
