"""The state after a chain: numbers, heads, patients, and futures that do not disturb it."""

from hypothesis import given
from hypothesis import strategies as st

from medquorum.ledger.batch import registry_hash
from medquorum.ledger.chain import ChainBuilder, ChainState, genesis
from medquorum.ledger.chain_index import MemoryIndex
from medquorum.ledger.hashing import ZERO
from medquorum.ledger.keys import Purpose, public_key
from medquorum.ledger.types import BlockHash, BlockType, Outcome
from tests.ledger.charter_kit import private_key
from tests.support.chains import Chain, grow
from tests.support.network import START_MS, address, make_network, propose, registration


def test_the_empty_ledger() -> None:
    """R-ORD2, R-ORD9: number 0, the network id as hash of the block before the first."""
    network = make_network()
    state = genesis(network.charter)
    assert (state.n_bc, state.patients, state.time_ms) == (0, 0, 0)
    assert state.tip == BlockHash(network.id)
    assert state.patient(1) is None
    assert state.registry_hash() == registry_hash(network.id, ())


def test_numbers_and_links_follow_without_gaps() -> None:
    """R-ORD2, R-ORD3, R-ORD5: recounted from nothing but the blocks."""
    chain = grow()
    heads: dict[int, tuple[int, BlockHash]] = {}
    previous = BlockHash(chain.network.id)
    for number, block in enumerate(chain.blocks, 1):
        header = block.header
        assert (header.n_bc, header.hprevious) == (number, previous)
        previous = block.hash
        if header.outcome is Outcome.REJECTED:
            place = (header.n_pb, header.n_pa, header.hpatient)
            assert place == (block.proposal.core.patient, 0, ZERO)
            continue
        is_new = block.proposal.core.registration is not None
        assert header.n_pb == (len(heads) + 1 if is_new else block.proposal.core.patient)
        length, head = heads.get(header.n_pb, (0, BlockHash(ZERO)))
        assert (header.n_pa, header.hpatient) == (length + 1, head)
        heads[header.n_pb] = (header.n_pa, block.hash)
    assert chain.state.patients == len(heads) == 2
    for patient, (length, head) in heads.items():
        known = chain.state.patient(patient)
        assert known is not None
        assert (known.number, known.length, known.head) == (patient, length, head)


def test_everything_is_found_by_its_name() -> None:
    """R-ORD3, R-ORD4: patients by number and key, accepted blocks, all proposals."""
    chain = grow()
    state = chain.state
    for block in chain.blocks:
        accepted = block.header.outcome is Outcome.ACCEPTED
        assert state.height_of(block.proposal.id) == block.header.n_bc
        assert state.patient_of_block(block.hash) == (block.header.n_pb if accepted else None)
        expected = block.proposal.core.type if accepted else None
        assert state.type_of_block(block.hash) == expected
    for number, name in ((1, "patient 1"), (2, "patient 2")):
        key = public_key(private_key(name, Purpose.CLINICAL))
        assert state.number_of(key) == number
        known = state.patient(number)
        assert known is not None
        assert known.key == key
        encryption = public_key(private_key(name, Purpose.ENCRYPTION))
        assert known.encryption_key == encryption
    assert state.number_of(public_key(private_key("nobody", Purpose.CLINICAL))) is None
    assert state.height_of(registration(chain.network, "nobody").id) is None


def test_a_form_names_the_attending_and_other_blocks_do_not() -> None:
    """R-PRO6, R-VOT4: from the block on; before it, the one it replaces."""
    chain = Chain(make_network())
    network = chain.network
    first, second, third = network.doctors[:3]
    form = registration(network, doctor=first)
    assert chain.view.attending_for(form.core) == address(first)
    chain.stage(form)
    report = propose(network, chain.view, BlockType.REPORT, doctor=address(third))
    chain.stage(report)
    revised = propose(network, chain.view, BlockType.MEDICAL_FORM, doctor=address(second))
    assert chain.view.attending_for(revised.core) == address(first)
    chain.stage(revised)
    known = chain.view.patient(1)
    assert known is not None
    assert known.attending == chain.view.attending_for(report.core) == address(second)
    named = {form.core.issuer, address(first), address(second), address(third)}
    assert known.care_team == named
    unknown = propose(network, chain.view, BlockType.CT, 9)
    assert chain.view.attending_for(unknown.core) is None


def test_a_rejected_block_changes_no_patient() -> None:
    """R-ORD5: it consumes N BC only; a rejected registration registers nobody."""
    chain = Chain(make_network())
    chain.stage(registration(chain.network))
    before = chain.view.patient(1)
    rejected = propose(chain.network, chain.view, BlockType.MEDICAL_FORM)
    chain.stage(rejected, outcome=Outcome.REJECTED)
    other = registration(chain.network, "patient 2")
    block = chain.stage(other, outcome=Outcome.REJECTED)
    assert chain.view.patient(1) == before
    assert block.header.n_pb == 0
    assert chain.view.number_of(other.core.patient_key) is None
    chain.close()
    assert (chain.state.n_bc, chain.state.patients) == (3, 1)


def test_futures_do_not_disturb_the_state_below() -> None:
    """R-ORD17: two continuations of one state know nothing of one another."""
    chain = Chain(make_network())
    chain.stage(registration(chain.network))
    chain.close()
    below = chain.state
    builders = []
    for name in ("patient 2", "patient 3"):
        builder = ChainBuilder(below)
        form = registration(chain.network, name)
        builder.append(builder.place(form, Outcome.ACCEPTED))
        builders.append((builder.state(START_MS + 1), form.core.patient_key))
    (left, left_key), (right, right_key) = builders
    assert (left.number_of(left_key), left.number_of(right_key)) == (2, None)
    assert (right.number_of(left_key), right.number_of(right_key)) == (None, 2)
    assert below.patient(2) is None
    assert (below.n_bc, below.patients) == (1, 1)


@given(st.lists(st.integers(0, 7), max_size=5))
def test_absorbing_changes_no_answer(absorbed: list[int]) -> None:
    """R-ORD17: whenever layers move down into the index, every state above answers the same."""
    chain = grow()
    index = MemoryIndex()
    states: list[ChainState] = [genesis(chain.network.charter, index)]
    for batch, _ in chain.entries:
        states.append(states[-1].extend(batch))
    for place in sorted(absorbed):
        states[place].absorb()
    final = states[-1]
    assert (final.n_bc, final.tip, final.time_ms) == (
        chain.state.n_bc,
        chain.state.tip,
        chain.state.time_ms,
    )
    for number in (1, 2, 3):
        assert final.patient(number) == chain.state.patient(number)
    for block in chain.blocks:
        assert final.height_of(block.proposal.id) == chain.state.height_of(block.proposal.id)
        assert final.patient_of_block(block.hash) == chain.state.patient_of_block(block.hash)
        assert final.type_of_block(block.hash) == chain.state.type_of_block(block.hash)
    final.absorb()
    assert final.below is None
    assert index.patient(1) == chain.state.patient(1)
