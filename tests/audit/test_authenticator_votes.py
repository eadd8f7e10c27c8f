"""Votes by authenticators: both verifiers take the good ones and refuse every spoiled one."""

from dataclasses import replace

import pytest

from medquorum.ledger.canonical import encode
from medquorum.ledger.enrolment import AssertionFault, assertion_fault, encode_bundle
from medquorum.ledger.keys import CURVE_ORDER, Purpose
from medquorum.ledger.signature import Signature
from medquorum.ledger.types import Algorithm, BlockType, VoterRole
from medquorum.ledger.vote import Vote, cast
from tests.audit.both import XRAY_POLICY, decided
from tests.ledger.charter_kit import signer_of
from tests.support.authenticator import (
    BACKED_UP,
    BACKUPABLE,
    ENCLOSED,
    EXTENDED,
    OTHER_ORIGIN,
    PRESENT,
    USUAL,
    VERIFIED,
    Answer,
    answered,
    authenticator_vote,
    enrolled,
    enrolment_of,
)
from tests.support.chains import Chain
from tests.support.network import candidate, digest, make_network, propose, registration, witness

PLAIN = make_network(policies={BlockType.XRAY: XRAY_POLICY})
DOCTORS = PLAIN.doctors
NETWORK = enrolled(PLAIN, DOCTORS[0], DOCTORS[1])
"""Doctors 0 and 1 have authenticators, 2 and 3 none."""
LENIENT = enrolled(PLAIN, DOCTORS[0], DOCTORS[1], backup=True)


def begun(network: object = NETWORK) -> Chain:
    """Patient 1, attended by doctor 0."""
    chain = Chain(network)  # type: ignore[arg-type]
    chain.stage(registration(chain.network))
    chain.close()
    return chain


CHAIN, LENIENT_CHAIN = begun(), begun(LENIENT)


def holds(spoil: object = None, *, doctor: int = 1, chain: Chain = CHAIN) -> bool:
    """Both verifiers' judgement of an X-ray all approve, one of them by her authenticator.

    `spoil` is an Answer, or makes another vote of the good one.
    """
    proposal = propose(chain.network, chain.state, BlockType.XRAY)
    role = VoterRole.ATTENDING if doctor == 0 else VoterRole.PEER
    answer = spoil if isinstance(spoil, Answer) else USUAL
    cast_here = authenticator_vote(chain.network, proposal, DOCTORS[doctor], answer, role=role)
    if callable(spoil):
        cast_here = spoil(cast_here)
    good = candidate(chain.network, proposal, chain.state)
    others = [one for one in good.witness.votes if one.ballot.voter != cast_here.ballot.voter]
    return decided(chain, replace(good, witness=witness([cast_here, *others])))


GOOD = {
    "usual": USUAL,
    "a counter": Answer(counter=77),
    "no crossOrigin": Answer(rest=b"}"),
    "unknown keys": Answer(rest=b',"crossOrigin":false,"other_keys_can_be_added_here":"\xff"}'),
    "another page": Answer(origin=OTHER_ORIGIN),
    "extensions": Answer(flags=PRESENT | VERIFIED | EXTENDED, extension=b"\xa0"),
    "reserved flags": Answer(flags=PRESENT | VERIFIED | 0x22),
}


@pytest.mark.parametrize("answer", GOOD.values(), ids=GOOD.keys())
def test_an_authenticators_vote_counts(answer: Answer) -> None:
    """R-VOT2, R-VOT6: what is of no account is of none."""
    assert holds(answer)


def test_the_attending_consents_by_her_authenticator() -> None:
    """R-VER2: it is a human's vote."""
    assert holds(doctor=0)


BAD = {
    "another party": (Answer(party="example.org"), AssertionFault.PARTY),
    "nobody present": (Answer(flags=VERIFIED), AssertionFault.PRESENCE),
    "nobody verified": (Answer(flags=PRESENT), AssertionFault.VERIFICATION),
    "a key that can be backed up": (
        Answer(flags=PRESENT | VERIFIED | BACKUPABLE),
        AssertionFault.BACKUP,
    ),
    "a key that is backed up": (
        Answer(flags=PRESENT | VERIFIED | BACKED_UP),
        AssertionFault.BACKUP,
    ),
    "an enclosed key": (
        Answer(flags=PRESENT | VERIFIED | ENCLOSED, extension=bytes(40)),
        AssertionFault.STATEMENT,
    ),
    "trailing bytes": (Answer(extension=b"\xa0"), AssertionFault.STATEMENT),
    "extensions announced, none there": (
        Answer(flags=PRESENT | VERIFIED | EXTENDED),
        AssertionFault.STATEMENT,
    ),
    "a registration": (Answer(kind="webauthn.create"), AssertionFault.TYPE),
    "a space before": (Answer(opening=b" {"), AssertionFault.TYPE),
    "another key first": (Answer(opening=b'{"a":1,'), AssertionFault.TYPE),
    "cut short": (Answer(rest=b',"crossOrigin":false'), AssertionFault.TYPE),
    "another challenge": (Answer(challenge=digest("another vote")), AssertionFault.CHALLENGE),
    "a longer challenge": (Answer(challenge=digest("one") + b"\0"), AssertionFault.CHALLENGE),
    "another origin": (Answer(origin="https://evil.example.org"), AssertionFault.ORIGIN),
    "a port": (Answer(origin="https://node.example.org:8443"), AssertionFault.ORIGIN),
    "plain http": (Answer(origin="http://node.example.org"), AssertionFault.ORIGIN),
    "an origin that goes on": (Answer(rest=b'.evil.org"}'), AssertionFault.ORIGIN),
    "another page's frame": (Answer(rest=b',"crossOrigin":true}'), AssertionFault.FRAME),
    "two claims": (
        Answer(rest=b',"crossOrigin":false,"crossOrigin":true}'),
        AssertionFault.FRAME,
    ),
}


@pytest.mark.parametrize(("answer", "fault"), BAD.values(), ids=BAD.keys())
def test_a_spoiled_statement_is_refused(answer: Answer, fault: AssertionFault) -> None:
    """R-VOT6: every rule on its own; the signature itself is always right."""
    challenge = digest("challenge")
    assert assertion_fault(enrolment_of(DOCTORS[1]), challenge, answer.bundle(challenge)) is fault
    assert not holds(answer)


def test_backed_up_keys_vote_where_the_enrolment_allows_it() -> None:
    """R-CHA9, R-VOT6."""
    cloud = Answer(flags=PRESENT | VERIFIED | BACKUPABLE | BACKED_UP)
    assert holds(cloud, chain=LENIENT_CHAIN)
    assert not holds(Answer(flags=PRESENT | BACKED_UP), chain=LENIENT_CHAIN)


def _bundled(bundle: bytes) -> object:
    return lambda good: replace(good, bundle=bundle)


def _by_clinical_key(good: Vote) -> Vote:
    """The digest signed by the clinical key, said to be the authenticator's."""
    made = cast(good.ballot, NETWORK.id, signer_of(DOCTORS[1], Purpose.CLINICAL))
    return replace(good, signature=made.signature)


def _renamed(good: Vote) -> Vote:
    """The authenticator's signature under a ballot that says `es256`."""
    ballot = replace(good.ballot, algorithm=Algorithm.ES256)
    return answered(ballot, NETWORK.id, DOCTORS[1])


def _by_policy(good: Vote) -> Vote:
    """A policy does not touch an authenticator."""
    return answered(replace(good.ballot, mode="policy:quality"), NETWORK.id, DOCTORS[1])


def _of_another(good: Vote) -> Vote:
    return replace(good, signature=answered(good.ballot, NETWORK.id, DOCTORS[0]).signature)


def _high_s(good: Vote) -> Vote:
    s = CURVE_ORDER - int.from_bytes(good.signature[32:], "big")
    return replace(good, signature=Signature(good.signature[:32] + s.to_bytes(32, "big")))


SPOILED = {
    "no bundle": _bundled(b""),
    "not canonical": _bundled(b"\x80\x00"),
    "another map": _bundled(encode({"authenticator_data": USUAL.statement()})),
    "texts": _bundled(encode({"authenticator_data": "a", "client_data": "b"})),
    "a short statement": _bundled(encode_bundle(USUAL.statement()[:36], b"{}")),
    "nothing said": _bundled(encode_bundle(USUAL.statement(), b"")),
    "the clinical key": _by_clinical_key,
    "another algorithm": _renamed,
    "a policy": _by_policy,
    "another's authenticator": _of_another,
    "a high s": _high_s,
}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED.keys())
def test_a_spoiled_vote_is_refused(spoil: object) -> None:
    """R-VOT2, R-SIG2."""
    assert not holds(spoil)


def test_without_an_enrolment_there_is_no_such_vote() -> None:
    """R-VOT2: doctor 2 has none in this charter."""
    assert not holds(doctor=2)
    assert holds()
