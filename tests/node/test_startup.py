"""The start: the same ledger from the store, and one sentence for everything that can be wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from medquorum.consensus.events import ProposalArrived, VoteArrived
from medquorum.ledger.keys import Purpose
from medquorum.ledger.types import VoterRole
from medquorum.node import service, tls
from medquorum.node.charters import Charters
from medquorum.node.config import (
    UNLOCK_FILE_VARIABLE,
    NodeConfig,
    load_config,
    write_default_config,
)
from medquorum.node.keystore import KdfCost, write_keystore
from medquorum.node.membership import MemberStanding
from medquorum.node.private_files import write_private_file
from medquorum.node.startup import (
    StartError,
    claim_store,
    load_membership,
    orphaned_records,
)
from medquorum.node.store.engine import default_storage_url, open_store
from tests.ledger.charter_kit import address_of_name, leaf, make_charter, private_key
from tests.node.kit import Node, node_of, until
from tests.node.sealed_bodies import now_fields, sealed_registration
from tests.support.chains import grow
from tests.support.network import HOSPITAL, Network, make_network, registration, vote

LIGHT = KdfCost(memory_kib=19_456, iterations=2, lanes=1)
NETWORK = make_network()
DOCTOR = NETWORK.doctors[0]
PASSPHRASE = "correct horse battery"
NODE_PURPOSES = (Purpose.CONSENSUS, Purpose.ENCRYPTION, Purpose.TLS)


# --- who this node is -----------------------------------------------------------------------


@dataclass
class Home:
    """A node's folder with everything right, to be spoiled."""

    folder: Path

    @property
    def config(self) -> NodeConfig:
        return load_config(self.folder / "node.toml", {})

    def rewrite_keys(self, purposes: dict[Purpose, str]) -> None:
        """Another keystore: keys by purpose, each of some member."""
        (self.folder / "node-keystore.json").unlink()
        keys = {purpose.value: private_key(name, purpose) for purpose, name in purposes.items()}
        write_keystore(self.folder / "node-keystore.json", keys, PASSPHRASE, cost=LIGHT)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """The keystore's certificate is made to be the charter's: leaves differ from run to run."""

    monkeypatch.delenv(UNLOCK_FILE_VARIABLE, raising=False)
    monkeypatch.setattr(tls, "issue_leaf_certificate", lambda key, name: leaf(DOCTOR))
    write_default_config(tmp_path / "node.toml", moniker="a node")
    toml = tmp_path / "node.toml"
    toml.write_text(toml.read_text().replace("# passphrase_file =", "passphrase_file ="))
    write_private_file(tmp_path / "passphrase", PASSPHRASE.encode(), replace=False)
    (tmp_path / "charter.bin").write_bytes(NETWORK.charter_file())
    keys = {purpose.value: private_key(DOCTOR, purpose) for purpose in NODE_PURPOSES}
    write_keystore(tmp_path / "node-keystore.json", keys, PASSPHRASE, cost=LIGHT)
    return Home(tmp_path)


def test_a_home_without_keys_says_how_to_get_them(home: Home) -> None:
    (home.folder / "node-keystore.json").unlink()
    with pytest.raises(StartError, match="medquorum keys new --home") as refused:
        load_membership(home.config)
    assert "copy this member's keystore there" in str(refused.value)


def test_a_node_finds_itself_in_the_charter(home: Home) -> None:
    membership = load_membership(home.config)
    assert membership.own == address_of_name(DOCTOR)
    seat = membership.seat_of(NETWORK.charter)
    assert seat is not None
    assert seat.number == 0
    assert membership.standing(Charters([NETWORK.charter])) is MemberStanding.IN_FORCE
    assert membership.issuing_signer() is None, "her clinical key is not in the node"
    assert PASSPHRASE not in repr(membership)


def _no_charter(home: Home) -> None:
    (home.folder / "charter.bin").unlink()


def _torn_charter(home: Home) -> None:
    (home.folder / "charter.bin").write_bytes(NETWORK.charter_file()[:-1])


def _no_keystore(home: Home) -> None:
    (home.folder / "node-keystore.json").unlink()


def _no_passphrase_file(home: Home) -> None:
    (home.folder / "passphrase").unlink()


def _wrong_passphrase(home: Home) -> None:
    (home.folder / "passphrase").unlink()
    write_private_file(home.folder / "passphrase", b"wrong horse battery", replace=False)


def _open_passphrase(home: Home) -> None:
    (home.folder / "passphrase").chmod(0o644)


def _unnamed_passphrase(home: Home) -> None:
    toml = home.folder / "node.toml"
    toml.write_text(toml.read_text().replace("passphrase_file =", "# passphrase_file ="))


def _no_tls_key(home: Home) -> None:
    home.rewrite_keys({Purpose.CONSENSUS: DOCTOR, Purpose.ENCRYPTION: DOCTOR})


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (_no_charter, "copy the signed charter file there"),
        (_torn_charter, "is not a valid charter"),
        (_no_keystore, "node-keystore.json"),
        (_no_passphrase_file, "passphrase"),
        (_wrong_passphrase, "passphrase"),
        (_open_passphrase, "passphrase"),
        (_unnamed_passphrase, "set keys.passphrase_file in node.toml or MEDQUORUM"),
        (_no_tls_key, "the keystore has no tls key"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    home: Home, spoil: Callable[[Home], None], sentence: str
) -> None:
    spoil(home)
    with pytest.raises(StartError) as refused:
        load_membership(home.config)
    assert sentence in str(refused.value)
    assert PASSPHRASE not in str(refused.value)


@pytest.mark.parametrize("changed", [Purpose.ENCRYPTION, Purpose.CONSENSUS])
def test_changed_keys_leave_the_member_the_same(home: Home, changed: Purpose) -> None:
    """An amendment that this node has not seen may have changed them: it starts and follows."""
    home.rewrite_keys(dict.fromkeys(NODE_PURPOSES, DOCTOR) | {changed: "Dr. Number 0, new keys"})
    membership = load_membership(home.config)
    assert membership.own == address_of_name(DOCTOR)
    assert membership.standing(Charters([NETWORK.charter])) is MemberStanding.OTHER_KEYS
    seated = membership.seat_of(NETWORK.charter) is not None
    assert seated == (changed is not Purpose.CONSENSUS), "the consensus key makes the seat"


@pytest.mark.parametrize("spoil", ["a keystore of a stranger", "the charter of another network"])
def test_a_charter_that_does_not_name_the_member_yet_is_started_on(
    home: Home, spoil: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if spoil == "a keystore of a stranger":
        monkeypatch.setattr(tls, "issue_leaf_certificate", lambda key, name: leaf("nobody"))
        home.rewrite_keys(dict.fromkeys(NODE_PURPOSES, "nobody"))
    else:
        other = Network(make_charter(), ())
        (home.folder / "charter.bin").write_bytes(other.charter_file())
    membership = load_membership(home.config)
    charters = Charters([membership.founding])
    assert membership.standing(charters) is MemberStanding.NOT_YET
    assert membership.seat_of(membership.founding) is None
    assert membership.issuing_signer() is None


def test_policies_vote_with_the_policy_key_only(home: Home) -> None:
    toml = home.folder / "node.toml"
    toml.write_text(toml.read_text() + '[auto_votes]\npolicies = ["plausible-test-result"]\n')
    with pytest.raises(StartError, match="policy key, which this keystore does not have"):
        load_membership(home.config)
    home.rewrite_keys(dict.fromkeys((*NODE_PURPOSES, Purpose.POLICY), DOCTOR))
    hand = load_membership(home.config).policy_hand()
    member = NETWORK.charter.member(address_of_name(DOCTOR))
    assert hand is not None
    assert member is not None
    assert (hand.address, hand.key) == (member.address, member.keys.policy)


# --- what the store remembers ---------------------------------------------------------------


def standing(node: Node) -> object:
    state, pool = node.state, node.driver.replica.pool
    votes = {entry.proposal.id: dict(entry.votes) for entry in pool}
    patients = [state.patient(number) for number in range(1, state.patients + 1)]
    ordering = node.driver.replica.ordering
    return (
        state.n_bc,
        state.tip,
        state.time_ms,
        patients,
        votes,
        ordering.final_slot,
        node.driver.log_length,
        [state.height_of(proposal) for proposal in votes],
    )


async def test_a_grown_chain_is_the_same_after_the_start(tmp_path: Path) -> None:
    chain = grow()
    async with node_of(chain.network, DOCTOR, tmp_path, chain) as node:
        assert (node.state.n_bc, node.state.tip) == (chain.state.n_bc, chain.state.tip)
        assert node.state.patient(1) == chain.state.patient(1)
        assert node.driver.replica.ordering.final_slot == chain.slot
        assert node.driver.durable is node.state


async def test_a_node_stopped_amid_everything_stands_where_it_stood(tmp_path: Path) -> None:
    network = make_network(1)
    doctor = network.doctors[0]
    async with node_of(network, doctor, tmp_path) as node:
        done, waiting = (registration(network, name, **now_fields()) for name in ("a", "b"))
        for proposal in (done, waiting):
            await node.driver.ask(ProposalArrived(proposal, address_of_name(HOSPITAL)))
        cast = vote(network, done, doctor, role=VoterRole.ATTENDING)
        await node.driver.ask(VoteArrived(cast, None))
        await until(lambda: node.driver.durable.n_bc == 1)
        before = standing(node)
    async with node_of(network, doctor, tmp_path, run=False) as again:
        assert standing(again) == before
        again.running = asyncio.create_task(again.driver.run())
        last = vote(network, waiting, doctor, role=VoterRole.ATTENDING)
        await again.driver.ask(VoteArrived(last, None))
        await until(lambda: again.driver.durable.n_bc == 2)


async def _claim(home: Path, network: Network, name: str) -> None:
    store = open_store(home, default_storage_url(home))
    try:
        await store.writer.submit(
            lambda connection: claim_store(connection, network.charter, address_of_name(name))
        )
    finally:
        await store.close()


async def test_a_home_stays_its_members(tmp_path: Path) -> None:
    await _claim(tmp_path, NETWORK, DOCTOR)
    for _ in range(2):
        with pytest.raises(StartError, match=r"another member .* put the right keystore back"):
            await _claim(tmp_path, NETWORK, HOSPITAL)
    await _claim(tmp_path, NETWORK, DOCTOR)


async def test_the_database_of_another_network_is_refused(tmp_path: Path) -> None:
    other = make_network(5)
    await _claim(tmp_path, NETWORK, DOCTOR)
    with pytest.raises(StartError, match=r"another network; give .* a home of its own"):
        await _claim(tmp_path, other, DOCTOR)


async def test_the_service_claims_the_store_before_it_reads_it(home: Home) -> None:
    await _claim(home.folder, NETWORK, HOSPITAL)
    store = open_store(home.folder, default_storage_url(home.folder))
    with pytest.raises(StartError, match="another member"):
        await service._serve(home.config, load_membership(home.config), store)


async def test_a_body_whose_proposal_never_became_durable_is_an_orphan(tmp_path: Path) -> None:
    async with node_of(NETWORK, HOSPITAL, tmp_path) as node:
        kept, lost = sealed_registration(NETWORK), sealed_registration(NETWORK, "patient 2")
        for sealed in (kept, lost):
            await node.put(sealed)
            await node.bodies.adopt(sealed.proposal, sealed.wraps)
        await node.driver.ask(ProposalArrived(kept.proposal, None))
        assert await node.store.read(orphaned_records) == [lost.record]
        await node.bodies.forget(lost.record)
        assert await node.store.read(orphaned_records) == []
        assert node.opened(kept)
