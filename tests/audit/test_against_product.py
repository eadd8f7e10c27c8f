"""Two verifiers written apart from one another say the same of the same files (R-EXP1 to R-EXP3).

The product's and the independent one get exports and proofs the product made, as they are and
spoiled: verdict and height must agree, whoever is right.
"""

import io
from collections.abc import Iterator

import pytest

from medquorum.consensus.proofs import verify_proof
from medquorum.ledger.proof import parse_proof
from scripts.independent.canonical import Tampered as Refused
from scripts.independent.charter import read_charter
from scripts.independent.crypto import Signatures
from scripts.independent.export import ExportAudit, audit_export
from scripts.independent.names import address_text
from scripts.independent.proof import audit_proof
from tests.consensus.test_certification import (
    SPOILED,
    altered_export,
    begun,
    export_of,
    finalised_export,
    justifications,
    own_certificates,
    third_slot,
    with_changes,
    with_justification,
)
from tests.support.chains import Chain, export_bytes, grow, make_proof
from tests.support.network import START_MS, Network
from tests.support.tampering import Tampered, check, cuts, flips, rearranged, remembering

SIGNATURES = Signatures()
Verdict = tuple[bool, int]


def independently(export: bytes, network: Network) -> Verdict:
    """The independent verifier's verdict, and height of the fault or the tip."""
    audit = ExportAudit(read_charter(network.charter_file(), SIGNATURES), SIGNATURES)
    try:
        audit_export(io.BytesIO(export), audit)
    except Refused as refused:
        return False, refused.height
    return True, audit.chain.next_n_bc - 1


def by_product(export: bytes, network: Network) -> Verdict:
    """The product's."""
    found = check(export, network.charter)
    return found.valid, found.height


def agree(spoiled: Iterator[Tampered], network: Network) -> None:
    """Both say TAMPERED at the height the tampering has."""
    disagreements = []
    count = 0
    for one in spoiled:
        count += 1
        found = (by_product(one.export, network), independently(one.export, network))
        if found != ((False, one.height), (False, one.height)):
            disagreements.append(f"{one.how}, height {one.height}: {found}")
    assert count > 50
    assert disagreements == []


@pytest.mark.parametrize("doctors", [1, 2, 4])
def test_both_accept_what_was_agreed_on(doctors: int) -> None:
    """R-EXP2: charter file included."""
    chain = grow(doctors)
    assert by_product(export_bytes(chain), chain.network) == (True, 10)
    assert independently(export_bytes(chain), chain.network) == (True, 10)


def test_both_find_the_same_bit() -> None:
    """R-EXP2: about 150 places over the file."""
    agree(flips(grow(), stride=211), grow().network)


def test_both_find_the_same_frame() -> None:
    """R-EXP1: removed, doubled, exchanged."""
    agree(rearranged(grow()), grow().network)


def test_both_find_the_same_end() -> None:
    """R-EXP1: cut and lengthened."""
    agree(cuts(grow()), grow().network)


def certified_faults() -> Iterator[tuple[str, Chain, bytes]]:
    """Exports in which a quorum signed what breaks a rule."""
    chain = begun()
    for rule, changes in SPOILED:
        batch = third_slot(chain, with_changes(**changes))
        yield f"{rule} {changes}", chain, finalised_export(chain, batch)
    good = third_slot(chain)
    for how, own in own_certificates(good, chain).items():
        yield f"certificate: {how}", chain, export_of(chain, good, own)
    for how, shown in justifications(chain).items():
        batch = with_justification(good, shown)
        yield f"justification: {how}", chain, finalised_export(chain, batch)
    yield "not final", chain, export_of(chain, good, None)
    grown = grow()
    for changes in ({"time_ms": START_MS + 10**11}, {"count": 1}, {"count": 3}, {"count": 0}):
        yield f"altered {changes}", grown, altered_export(grown, 1, **changes)


def test_both_find_what_a_quorum_should_not_have_signed() -> None:
    """R-ORD7 to R-ORD17."""
    disagreements = []
    for how, chain, export in certified_faults():
        found = by_product(export, chain.network), independently(export, chain.network)
        if found[0] != found[1] or found[0][0]:
            disagreements.append(f"{how}: {found}")
    assert disagreements == []


def proved_independently(encoded: bytes) -> Verdict:
    """The independent verifier's verdict on a proof."""
    charter = read_charter(grow().network.charter_file(), SIGNATURES)
    try:
        return True, audit_proof(encoded, charter, SIGNATURES).block.header.n_bc
    except Refused as refused:
        return False, refused.height


@pytest.mark.parametrize("n_bc", range(1, 11))
def test_both_accept_every_proof_and_refuse_it_spoiled(n_bc: int) -> None:
    """R-EXP3: about 40 places of each."""
    encoded = make_proof(grow(), n_bc).encoded()
    charter = grow().network.charter
    assert verify_proof(parse_proof(encoded), charter, remembering).valid
    assert proved_independently(encoded) == (True, n_bc)
    for at in range(0, len(encoded), max(1, len(encoded) // 40)):
        spoiled = bytearray(encoded)
        spoiled[at] ^= 1 << at % 8
        assert not proved_independently(bytes(spoiled))[0], f"byte {at}"


def test_both_write_an_address_alike() -> None:
    """R-KEY3."""
    for member in grow().network.charter.members:
        assert address_text(member.address, member.role.value) == member.address_text
