"""Votes make a verdict as R-VER1 to R-VER5 say, against a twin that tries every future."""

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medquorum.consensus.validation import Panelists, panelists, tally
from medquorum.ledger.batch import Absence
from medquorum.ledger.charter_rules import TypePolicy
from medquorum.ledger.keys import Address
from medquorum.ledger.signature import Signature
from medquorum.ledger.types import (
    BlockType,
    Decision,
    Panel,
    ProposalId,
    Role,
    Standing,
    VoterRole,
)
from medquorum.ledger.vote import HUMAN, Ballot, Vote
from tests.support.chains import Chain
from tests.support.network import (
    AI_ENTITY,
    HOSPITAL,
    START_MS,
    address,
    make_network,
    propose,
    registration,
)

PROPOSAL = ProposalId(bytes(32))
OUTSIDER = Address(b"\xff" * 32)


def doctor(number: int) -> Address:
    """The address of one of a panel's doctors."""
    return Address(bytes([number]) * 32)


def say(
    voter: Address,
    decision: Decision = Decision.APPROVE,
    role: VoterRole = VoterRole.PEER,
    mode: str = HUMAN,
) -> Vote:
    """A vote whose signature nobody looks at here."""
    return Vote(Ballot(PROPOSAL, voter, decision, role, mode=mode), Signature(bytes(64)))


def panel_of(size: int, delegate: Address | None = None) -> Panelists:
    """Doctors 0..size-1; the first attends."""
    doctors = frozenset(doctor(number) for number in range(size))
    delegates = frozenset() if delegate is None else frozenset({delegate})
    return Panelists(doctors, doctor(0), delegates, frozenset({"quality"}))


def approved(votes: list[Vote], panel: Panelists) -> bool:
    """R-VER2, word by word."""
    approvals = [one for one in votes if one.ballot.decision is Decision.APPROVE]
    responsible = {(one, VoterRole.DELEGATE) for one in panel.delegates}
    responsible.add((panel.attending, VoterRole.ATTENDING))
    return len(approvals) > len(panel.doctors) / 2 and any(
        (one.ballot.voter, one.ballot.role) in responsible and one.ballot.mode == HUMAN
        for one in approvals
    )


def naive_standing(votes: list[Vote], panel: Panelists) -> Standing:
    """R-VER3 by trying every way in which the missing doctors could still vote."""
    counted = [
        one
        for one in votes
        if one.ballot.voter in panel.doctors and one.ballot.mode in (HUMAN, "policy:quality")
    ]
    if approved(counted, panel):
        return Standing.APPROVED
    missing = sorted(panel.doctors - {one.ballot.voter for one in counted})
    roles = dict.fromkeys(panel.delegates, VoterRole.DELEGATE)
    roles |= {panel.attending: VoterRole.ATTENDING}
    for decisions in product((Decision.APPROVE, Decision.REJECT), repeat=len(missing)):
        future = [
            say(voter, decision, roles.get(voter, VoterRole.PEER))
            for voter, decision in zip(missing, decisions, strict=True)
        ]
        if approved([*counted, *future], panel):
            return Standing.PENDING
    return Standing.REJECTED


@st.composite
def elections(draw: st.DrawFn) -> tuple[list[Vote], Panelists]:
    """Panels of 1 to 9, votes in any order, outsiders, delegates and policies among them."""
    size = draw(st.integers(1, 9))
    delegate = draw(st.sampled_from([None, *(doctor(n) for n in range(1, size)), OUTSIDER]))
    voters = draw(st.lists(st.sampled_from([*range(size), 255]), unique=True, max_size=size + 1))
    modes = st.sampled_from([HUMAN, HUMAN, HUMAN, "policy:quality", "policy:other"])
    decisions = st.sampled_from([Decision.APPROVE, Decision.APPROVE, *Decision])
    votes = []
    for number in voters:
        own = VoterRole.ATTENDING if number == 0 else VoterRole.PEER
        own = VoterRole.DELEGATE if doctor(number) == delegate else own
        role = draw(st.sampled_from([own, own, own, *VoterRole]))
        votes.append(say(doctor(number), draw(decisions), role, draw(modes)))
    return votes, panel_of(size, delegate)


@given(elections())
def test_standing_is_that_of_every_possible_future(
    election: tuple[list[Vote], Panelists],
) -> None:
    """R-VER2, R-VER3: rejected exactly as soon as approval can no longer happen."""
    votes, panel = election
    for so_far in range(len(votes) + 1):
        assert tally(votes[:so_far], panel).standing is naive_standing(votes[:so_far], panel)


@pytest.mark.parametrize("size", range(1, 10))
def test_half_of_the_panel_is_not_a_majority(size: int) -> None:
    """R-VER2: approved with the first vote beyond half of the panel, the attending's among them."""
    panel = panel_of(size)
    for approvals in range(1, size + 1):
        votes = [say(doctor(0), role=VoterRole.ATTENDING)]
        votes += [say(doctor(number)) for number in range(1, approvals)]
        wanted = Standing.APPROVED if approvals > size / 2 else Standing.PENDING
        assert tally(votes, panel).standing is wanted


@pytest.mark.parametrize("decision", Decision)
def test_a_panel_of_nobody_decides_nothing(decision: Decision) -> None:
    """R-VER3: whoever is said to attend."""
    nobody = replace(panel_of(1), doctors=frozenset())
    for panel in (nobody, replace(nobody, attending=None)):
        for said in ([], [say(doctor(0), decision, VoterRole.ATTENDING)]):
            assert tally(said, panel).standing is Standing.PENDING


@given(elections())
def test_a_verdict_never_changes_by_another_vote(election: tuple[list[Vote], Panelists]) -> None:
    """R-VER2, R-VER3: what is decided stays decided while panel and attending stay."""
    votes, panel = election
    standings = [tally(votes[:n], panel).standing for n in range(len(votes) + 1)]
    decided = [one for one in standings if one is not Standing.PENDING]
    assert len(set(decided)) <= 1
    assert standings[len(standings) - len(decided) :] == decided


@pytest.mark.parametrize(("size", "against"), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (9, 5)])
def test_rejected_by_the_last_of_just_enough_rejections(size: int, against: int) -> None:
    """R-VER3: N minus rejections at most N/2, not one vote earlier; peers only."""
    peers = [say(doctor(n), Decision.REJECT) for n in range(1, size)]
    panel = panel_of(size)
    for so_far in range(len(peers) + 1):
        expected = Standing.REJECTED if so_far >= against else Standing.PENDING
        assert tally(peers[:so_far], panel).standing is expected


@pytest.mark.parametrize("decision", [Decision.REJECT, Decision.ABSTAIN])
def test_the_attending_alone_can_reject(decision: Decision) -> None:
    """R-VER3: the attending voted otherwise than to approve."""
    said = say(doctor(0), decision, VoterRole.ATTENDING)
    assert tally([said], panel_of(9)).standing is Standing.REJECTED


@pytest.mark.parametrize(
    "said",
    [
        say(doctor(0), role=VoterRole.PEER),
        say(doctor(0), role=VoterRole.DELEGATE),
        say(doctor(0), role=VoterRole.ATTENDING, mode="policy:quality"),
    ],
)
def test_the_attending_approves_as_attending_and_human_or_not_at_all(said: Vote) -> None:
    """R-VER3, R-VER4: as peer, as delegate or by policy is otherwise than to approve."""
    others = [say(doctor(n)) for n in range(1, 5)]
    assert tally([said, *others], panel_of(5)).standing is Standing.REJECTED


def test_another_doctor_as_attending_counts_as_a_peer() -> None:
    """R-VOT4: the chain decides who attends; the majority alone approves nothing."""
    votes = [say(doctor(n), role=VoterRole.ATTENDING) for n in range(1, 5)]
    counted = tally(votes, panel_of(5))
    assert (counted.standing, counted.approvals) == (Standing.PENDING, 4)
    assert counted.missing == {doctor(0)}


def test_an_absent_attending_is_stood_in_for() -> None:
    """R-VER2, R-VER3: either may approve; only both together can refuse."""
    panel = panel_of(3, delegate=doctor(1))
    refused = say(doctor(0), Decision.ABSTAIN, VoterRole.ATTENDING)
    stood_in = say(doctor(1), role=VoterRole.DELEGATE)
    peer = say(doctor(2))
    assert tally([refused], panel).standing is Standing.PENDING
    assert tally([refused, stood_in, peer], panel).standing is Standing.APPROVED
    as_peer = say(doctor(1), role=VoterRole.PEER)
    assert tally([refused, as_peer], panel).standing is Standing.REJECTED


def test_a_policy_counts_only_where_it_is_named() -> None:
    """R-VER4: an unnamed policy's vote is as if it had not been cast."""
    attending = say(doctor(0), role=VoterRole.ATTENDING)
    named, other = (say(doctor(1), mode=f"policy:{name}") for name in ("quality", "other"))
    assert tally([attending, named], panel_of(3)).standing is Standing.APPROVED
    assert tally([attending, other], panel_of(3)).standing is Standing.PENDING


def test_votes_of_others_do_not_count() -> None:
    """R-VER1, R-VER5: only panel members' votes; an AI entity is never on a panel."""
    chain = registered()
    ct = propose(chain.network, chain.view, BlockType.CT)
    panel = panelists(ct, chain.view, START_MS)
    assert address(AI_ENTITY) not in panel.doctors
    votes = [say(address(name), Decision.REJECT) for name in (AI_ENTITY, HOSPITAL)]
    assert tally(votes, panel).standing is Standing.PENDING


def registered() -> Chain:
    """Patient 1 attended by doctor 0 of 4; test results are the care team's to decide."""
    care = TypePolicy(Panel.CARE_TEAM, strict=False)
    kinds = (BlockType.TEST_RESULT, BlockType.MEDICAL_FORM)
    chain = Chain(make_network(policies=dict.fromkeys(kinds, care)))
    chain.stage(registration(chain.network))
    chain.close()
    return chain


def test_the_care_team_grows_with_the_patients_blocks() -> None:
    """R-VER1: the attending and every doctor who issued or is named in an accepted block."""
    chain = registered()
    network = chain.network
    doctors = [address(name) for name in network.doctors]
    result = propose(network, chain.view, BlockType.TEST_RESULT)
    assert panelists(result, chain.view, START_MS).doctors == {doctors[0]}
    report = propose(
        network, chain.view, BlockType.REPORT, issuer=network.doctors[1], doctor=doctors[2]
    )
    chain.stage(report)
    assert panelists(result, chain.view, START_MS).doctors == set(doctors[:3])
    everybody = panelists(report, chain.view, START_MS).doctors
    assert everybody == {
        member.address for member in network.charter.members if member.role is Role.DOCTOR
    }


def test_a_new_patients_care_team_is_the_attending() -> None:
    """R-VER1: a patient without blocks has none but the doctor the form names (R-VOT4)."""
    chain = registered()
    network = chain.network
    form = registration(network, "patient 2", issuer=network.doctors[3], doctor=network.doctors[1])
    panel = panelists(form, chain.view, START_MS)
    assert panel.doctors == {address(network.doctors[1])}
    assert panel.attending == address(network.doctors[1])


def test_nobody_is_refused_for_a_patient_not_yet_known() -> None:
    """R-VER3: the attending can still approve once the registration is in the chain."""
    chain = registered()
    for kind in (BlockType.CT, BlockType.TEST_RESULT):
        unknown = propose(chain.network, chain.view, kind, 7)
        panel = panelists(unknown, chain.view, START_MS)
        assert panel.attending is None
        assert tally([], panel).standing is Standing.PENDING


def test_a_delegate_stands_in_during_the_absence_only() -> None:
    """R-VER2, R-ORD15: by batch time, both ends included."""
    chain = registered()
    first, second = (address(name) for name in chain.network.doctors[:2])
    absence = Absence(first, second, START_MS, START_MS + 10)
    view = replace(chain.view, absences=(absence,))
    ct = propose(chain.network, chain.view, BlockType.CT)
    for after_ms, standing_in in ((-1, set()), (0, {second}), (10, {second}), (11, set())):
        assert panelists(ct, view, START_MS + after_ms).delegates == standing_in
