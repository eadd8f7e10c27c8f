"""The founding ceremony: proven requests, one build, everybody's signature (R-CHA5, R-CHA6)."""

import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medquorum.ledger import ceremony
from medquorum.ledger.ceremony import Candidate, CharterFile, CharterSignature, RequestSigners
from medquorum.ledger.charter import Charter
from medquorum.ledger.charter_members import certificate_key
from medquorum.ledger.charter_source import CharterSource, MemberSource
from medquorum.ledger.errors import CharterError, CodecError, LedgerError
from medquorum.ledger.founding import build_charter
from medquorum.ledger.keys import Purpose
from medquorum.ledger.member import Member, MemberProofs
from medquorum.ledger.signature import Signature
from medquorum.ledger.types import Role
from tests.ledger.charter_kit import (
    Cast,
    address_of_name,
    make_charter,
    make_member,
    prove,
    signer_of,
)

REQUESTS = Cast().members()


@pytest.fixture(scope="module")
def charter() -> Charter:
    return make_charter()


def source_of(charter: Charter) -> CharterSource:
    """The source, members in the order of their names rather than addresses."""
    members = sorted(charter.members, key=lambda member: member.name)
    return CharterSource(
        charter.name, charter.created_at_ms, charter.ordering, charter.policies,
        charter.absence, charter.maturity, charter.retention_days, charter.seal_difficulty_bits,
        tuple(MemberSource(each.name, each.role, each.endpoint) for each in members),
    )  # fmt: skip


@pytest.fixture(scope="module")
def source(charter: Charter) -> CharterSource:
    """What the founders of the kit's charter agreed on."""
    return source_of(charter)


def signature_of(charter: Charter, member: Member) -> CharterSignature:
    """A member's valid signature."""
    signer = signer_of(member.name, Purpose.CLINICAL)
    return ceremony.sign_charter(charter, member.address, signer)


@pytest.fixture(scope="module")
def complete(charter: Charter) -> CharterFile:
    signatures = [signature_of(charter, member) for member in charter.members]
    return ceremony.add_signatures(CharterFile(charter), signatures)


def candidate_of(member: Member) -> Candidate:
    """What the member said of itself."""
    return Candidate(member.name, member.role, member.endpoint, member.keys, member.tls_certificate)


@pytest.mark.parametrize("with_policy", [False, True])
def test_R_CHA5_a_request_proves_its_keys(with_policy: bool) -> None:
    member = make_member("Dr. Amara", Role.DOCTOR, with_policy=with_policy)
    signers = RequestSigners(
        signer_of("Dr. Amara", Purpose.CLINICAL),
        signer_of("Dr. Amara", Purpose.CONSENSUS),
        signer_of("Dr. Amara", Purpose.POLICY) if with_policy else None,
    )
    request = ceremony.make_request(candidate_of(member), signers)
    assert request == member
    assert ceremony.parse_request(ceremony.encode_request(request)) == request


def test_R_CHA5_a_request_is_not_made_with_another_key() -> None:
    member = make_member("Dr. Amara", Role.DOCTOR)
    signers = RequestSigners(
        signer_of("Dr. Amara", Purpose.CLINICAL), signer_of("Dr. Chen", Purpose.CONSENSUS)
    )
    with pytest.raises(CharterError, match=r"R-CHA5: Dr. Amara does not prove its consensus key"):
        ceremony.make_request(candidate_of(member), signers)


def test_R_CHA5_the_policy_signer_comes_with_the_policy_key() -> None:
    signer = signer_of("Dr. Amara", Purpose.CLINICAL)
    with pytest.raises(CharterError, match="R-CHA5: hand in a policy signer"):
        ceremony.make_request(
            candidate_of(make_member("Dr. Amara", Role.DOCTOR)),
            RequestSigners(signer, signer, signer),
        )


def bad_policy_proof() -> Member:
    member = make_member("Dr. Amara", Role.DOCTOR, with_policy=True)
    proofs = member.proofs
    return replace(member, proofs=MemberProofs(proofs.clinical, proofs.consensus, proofs.clinical))


def renamed() -> Member:
    return replace(make_member("Dr. Amara", Role.DOCTOR), name="Dr. Amaro")


def tls_key_is_encryption_key() -> Member:
    member = make_member("Dr. Amara", Role.DOCTOR)
    other = make_member("Dr. Chen", Role.DOCTOR)
    leaf_key = certificate_key(other)
    return prove(
        replace(
            member,
            keys=replace(member.keys, encryption=leaf_key),
            tls_certificate=other.tls_certificate,
        )
    )


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (bad_policy_proof, "R-CHA5: Dr. Amara does not prove its policy key"),
        (renamed, "R-CHA5: Dr. Amaro does not prove its clinical key"),
        (tls_key_is_encryption_key, "R-KEY4: Dr. Amara uses one key for two purposes"),
    ],
)
def test_R_CHA5_a_bad_request_is_refused(make: Callable[[], Member], reason: str) -> None:
    with pytest.raises(CharterError, match=reason):
        ceremony.parse_request(ceremony.encode_request(make()))


@given(shuffle=st.randoms(use_true_random=False))
def test_R_CHA1_the_build_does_not_depend_on_the_order(shuffle: random.Random) -> None:
    expected = make_charter()
    agreed = source_of(expected)
    requests = list(REQUESTS)
    shuffle.shuffle(requests)
    assert build_charter(agreed, requests).encoded() == expected.encoded()


def test_the_same_request_twice_is_one(source: CharterSource, charter: Charter) -> None:
    assert build_charter(source, [*REQUESTS, REQUESTS[3]]) == charter


def test_every_misfit_is_told_at_once(source: CharterSource) -> None:
    absent, moved, *others = REQUESTS
    moved = prove(replace(moved, endpoint="elsewhere.example:1"))
    stranger = make_member("Dr. Nobody", Role.DOCTOR)
    twin = prove(replace(others[0], tls_certificate=stranger.tls_certificate))
    with pytest.raises(CharterError) as refusal:
        build_charter(source, [moved, twin, stranger, *others])
    told = str(refusal.value)
    assert f"{absent.name} ({absent.role.value}): no request" in told
    assert f"{moved.name} ({moved.role.value}): the source says {REQUESTS[1].endpoint}" in told
    assert f"{others[0].name} ({others[0].role.value}): 2 different requests" in told
    assert "Dr. Nobody (doctor): a request of nobody in the source" in told


def test_R_CHA5_the_build_verifies_proofs(source: CharterSource) -> None:
    forged = replace(REQUESTS[0], proofs=REQUESTS[1].proofs)
    with pytest.raises(CharterError, match="R-CHA5"):
        build_charter(source, [forged, *REQUESTS[1:]])


def test_R_CHA6_a_complete_file_opens(complete: CharterFile, charter: Charter) -> None:
    assert complete.complete
    assert ceremony.verify_charter_file(complete) == ()
    assert ceremony.parse_charter_file(complete.encoded()) == complete
    assert ceremony.open_charter(complete.encoded()) == charter


def test_R_SIG4_the_network_id_does_not_cover_signatures(complete: CharterFile) -> None:
    unsigned = ceremony.parse_charter_file(CharterFile(complete.charter).encoded())
    assert unsigned.charter.network_id == complete.charter.network_id


def test_R_CHA6_signing_needs_the_members_own_clinical_key(charter: Charter) -> None:
    amara = address_of_name("Dr. Amara")
    for signer in (
        signer_of("Dr. Chen", Purpose.CLINICAL),
        signer_of("Dr. Amara", Purpose.CONSENSUS),
    ):
        with pytest.raises(
            CharterError, match=r"R-CHA6: that is not the clinical key of Dr. Amara"
        ):
            ceremony.sign_charter(charter, amara, signer)
    with pytest.raises(CharterError, match="R-CHA6: these keys are of no member"):
        ceremony.sign_charter(
            charter, address_of_name("Nobody"), signer_of("Nobody", Purpose.CLINICAL)
        )


def test_R_CHA6_a_missing_signature_is_named(complete: CharterFile) -> None:
    absent = complete.charter.members[2]
    gathered = tuple(each for each in complete.signatures if each.address != absent.address)
    incomplete = CharterFile(complete.charter, gathered)
    assert not incomplete.complete
    (fault,) = ceremony.verify_charter_file(incomplete)
    assert (fault.member, fault.problem) == (absent, ceremony.Problem.MISSING)
    with pytest.raises(CharterError, match=f"(?s)R-CHA6.*{absent.name}.*signature missing"):
        ceremony.open_charter(incomplete.encoded())


def swap_signatures(complete: CharterFile) -> CharterFile:
    """The first member's signature replaced by the second's."""
    first, second, *others = complete.signatures
    return CharterFile(
        complete.charter, (replace(first, signature=second.signature), second, *others)
    )


def test_R_CHA6_an_invalid_signature_is_named_and_can_be_mended(complete: CharterFile) -> None:
    invalid = swap_signatures(complete)
    (fault,) = ceremony.verify_charter_file(invalid)
    assert (fault.member, fault.problem) == (
        complete.charter.members[0],
        ceremony.Problem.INVALID,
    )
    with pytest.raises(CharterError, match=r"(?s)R-CHA6.*signature invalid"):
        ceremony.open_charter(invalid.encoded())
    assert ceremony.add_signatures(invalid, complete.signatures[:1]) == complete


def test_R_CHA6_signatures_of_others_are_not_added(complete: CharterFile) -> None:
    charter = complete.charter
    nobody = CharterSignature(address_of_name("Nobody"), complete.signatures[0].signature)
    with pytest.raises(CharterError, match="R-CHA6: a signature of somebody who is not a member"):
        ceremony.add_signatures(CharterFile(charter), [nobody])
    later = replace(charter, created_at_ms=charter.created_at_ms + 1)
    of_another = signature_of(later, later.members[0])
    with pytest.raises(CharterError, match=r"R-CHA6: the signature of .* is not of this charter"):
        ceremony.add_signatures(CharterFile(charter), [of_another])


def test_R_CHA6_signatures_ascend_and_are_members(complete: CharterFile) -> None:
    with pytest.raises(CharterError, match="R-CHA6: signatures ascend"):
        CharterFile(complete.charter, tuple(reversed(complete.signatures)))
    with pytest.raises(CharterError, match="R-CHA6: signatures ascend"):
        CharterFile(complete.charter, complete.signatures[:1] * 2)
    stranger = CharterSignature(address_of_name("Nobody"), Signature(bytes(64)))
    with pytest.raises(CharterError, match="R-CHA6: a signature of somebody"):
        CharterFile(complete.charter, (stranger,))


def test_a_signature_file_is_read_strictly(complete: CharterFile) -> None:
    entry = complete.signatures[0]
    assert ceremony.parse_signature(entry.encoded()) == entry
    with pytest.raises(CodecError):
        ceremony.parse_signature(entry.encoded() + b"\x00")


def test_R_CHA6_no_byte_of_the_file_is_free(complete: CharterFile) -> None:
    encoded = complete.encoded()
    places = random.Random(7).sample(range(len(encoded)), 150)
    for place in [0, len(encoded) - 1, *places]:
        for flip in (0x01, 0x80):
            broken = bytearray(encoded)
            broken[place] ^= flip
            with pytest.raises(LedgerError):
                ceremony.open_charter(bytes(broken))
    for cut in (0, 1, len(encoded) // 2, len(encoded) - 1):
        with pytest.raises(LedgerError):
            ceremony.open_charter(encoded[:cut])
