"""A charter that exists is valid; every broken rule is refused by its name (R-CHA1 to R-CHA5)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from medquorum.ledger import canonical
from medquorum.ledger.charter import Charter, TypePolicy, default_policies, parse_charter
from medquorum.ledger.charter_rules import AbsenceRule, MaturityRule, OrderingPolicy
from medquorum.ledger.errors import CharterError, CodecError, LedgerError
from medquorum.ledger.hashing import Kind, tagged
from medquorum.ledger.limits import CHARTER
from medquorum.ledger.types import CLINICAL_TYPES, BlockType, Panel, QuorumMode, Role
from tests.ledger.charter_kit import Cast, address_of_name, make_charter, prove

Fields = dict[str, Any]


@pytest.fixture(scope="module")
def charter() -> Charter:
    return make_charter()


def changed(charter: Charter, change: Callable[[Fields], None]) -> bytes:
    """The charter's bytes after a change of its map."""
    fields = canonical.decode(charter.encoded(), CHARTER)
    change(fields)
    return canonical.encode(fields, CHARTER)


def test_R_CHA1_bytes_and_value_are_the_same(charter: Charter) -> None:
    parsed = parse_charter(charter.encoded())
    assert parsed == charter
    assert hash(parsed) == hash(charter)
    assert parsed.encoded() == charter.encoded()
    parsed.verify_proofs()


def test_R_HASH3_the_network_is_the_founding_charters_hash(charter: Charter) -> None:
    assert charter.network_id == tagged(Kind.CHARTER, b"", charter.encoded())
    later = replace(charter, version=1, founding=charter.network_id)
    assert later.network_id == charter.network_id
    with pytest.raises(CharterError, match="R-CHA1: later versions are never encoded"):
        later.encoded()
    for version, founding in ((1, None), (0, charter.network_id)):
        with pytest.raises(CharterError, match="R-CHA1: the founding charter's version is 0"):
            replace(charter, version=version, founding=founding)


def test_R_CHA8_doctors_are_numbered_by_address(charter: Charter) -> None:
    expected = sorted(address_of_name(name) for name in Cast().doctors)
    assert [doctor.address for doctor in charter.doctors] == expected
    assert [charter.doctor_number(address) for address in expected] == [0, 1, 2, 3]
    hospital = address_of_name("Hospital St. Mary")
    assert charter.doctor_number(hospital) is None
    assert charter.quorum == 3


def test_members_are_found_by_address(charter: Charter) -> None:
    for member in charter.members:
        assert charter.member(member.address) is member
    assert charter.member(address_of_name("Nobody")) is None


def test_the_electorate_holds_the_doctors_consensus_keys(charter: Charter) -> None:
    electorate = charter.electorate(epoch=2)
    assert electorate.keys == tuple(doctor.keys.consensus for doctor in charter.doctors)
    assert (electorate.network, electorate.epoch) == (charter.network_id, 2)
    assert electorate.quorum == charter.quorum


def test_R_CHA3_policies_and_their_defaults(charter: Charter) -> None:
    strict = {kind for kind in CLINICAL_TYPES if charter.policy(kind).strict}
    assert strict == {BlockType.MEDICAL_FORM, BlockType.REPORT, BlockType.PRESCRIPTION}  # R-BLK4
    attending = charter.policy(BlockType.ATTENDING)
    assert attending == TypePolicy(Panel.ALL_DOCTORS, strict=True)
    with pytest.raises(CharterError, match="R-BLK1: no policy decides on amendment"):
        charter.policy(BlockType.AMENDMENT)


@pytest.mark.parametrize(
    ("mode", "doctors", "warning"),
    [
        (QuorumMode.BYZANTINE, 1, "tolerates no fault"),
        (QuorumMode.BYZANTINE, 3, "tolerates no fault"),
        (QuorumMode.BYZANTINE, 4, None),
        (QuorumMode.MAJORITY, 3, "tolerates no lying node"),
        (QuorumMode.MAJORITY, 4, None),
    ],
)
def test_R_CHA8_weak_quorums_are_allowed_and_said(
    mode: QuorumMode, doctors: int, warning: str | None
) -> None:
    cast = Cast(doctors=tuple(f"Dr. {number}" for number in range(doctors)), others=())
    warnings = make_charter(cast, mode).warnings
    assert (warning in warnings[0]) if warning else warnings == ()


def put(path: str, value: object) -> Callable[[Fields], None]:
    """A change that sets one dotted field; a number is a place in a list."""

    def change(fields: Fields) -> None:
        *parents, last = path.split(".")
        target: Any = fields
        for step in parents:
            target = target[int(step)] if step.isdigit() else target[step]
        target[last] = value

    return change


def reverse_members(fields: Fields) -> None:
    fields["members"].reverse()


def repeat_member(fields: Fields) -> None:
    fields["members"].insert(1, fields["members"][0])


def drop_doctors(fields: Fields) -> None:
    fields["members"] = [each for each in fields["members"] if each["role"] != "doctor"]


def share_key(fields: Fields) -> None:
    fields["members"][1]["keys"]["encryption"] = fields["members"][0]["keys"]["encryption"]


def one_key_two_purposes(fields: Fields) -> None:
    keys = fields["members"][0]["keys"]
    keys["consensus"] = keys["clinical"]


def other_address(fields: Fields) -> None:
    fields["members"][0]["address"] = bytes(32)


def policy_key_without_proof(fields: Fields) -> None:
    fields["members"][0]["keys"]["policy"] = fields["members"][1]["keys"]["encryption"]


def drop_policy(fields: Fields) -> None:
    del fields["policies"]["ct"]


def reserved_policy(fields: Fields) -> None:
    fields["policies"]["amendment"] = fields["policies"]["ct"]


REFUSALS = [
    (put("format", "medquorum/charter/2"), "R-CHA1: format"),
    (put("name", "two\nlines"), "R-CHA4: charter.name"),
    (put("name", ""), "R-CAN5: charter.name"),
    (put("version", -1), "R-CAN5: charter.version"),
    (put("version", 1), "R-CHA1: the founding charter's version"),
    (put("seal_difficulty_bits", 33), "R-CAN5: charter.seal_difficulty_bits"),
    (put("retention_days", True), "R-CAN5: charter.retention_days"),
    (put("note", "hello"), "R-CAN5: charter has not exactly"),
    (put("ordering.mode", "plurality"), "R-CAN5: charter.ordering.mode"),
    (put("ordering.batch_blocks", 257), "R-CAN5: charter.ordering.batch_blocks"),
    (put("ordering.slot_timeout_max_ms", 1), "R-CHA2: ordering.slot_timeout_max_ms"),
    (put("absence.max_days", "30"), "R-CAN5: charter.absence.max_days"),
    (put("maturity.threshold_ppm", 1_000_001), "R-CAN5: charter.maturity.threshold_ppm"),
    (put("policies.ct.panel", "nobody"), "R-CAN5: charter.policies entry.panel"),
    (put("policies.ct.auto_policies", ["b", "a"]), "R-CHA3: auto_policies ascend"),
    (put("policies.ct.auto_policies", ["A b"]), "R-CHA3: an auto policy id"),
    (put("policies.ct.auto_policies", [7]), "R-CHA3: an auto policy id is text"),
    (drop_policy, "R-CAN5: charter.policies has not exactly"),
    (reserved_policy, "R-CAN5: charter.policies has not exactly"),
    (reverse_members, "R-CHA4: members ascend"),
    (repeat_member, "R-CHA4: members ascend"),
    (drop_doctors, "R-CHA4: a charter has at least one doctor"),
    (put("members", []), "R-CHA4: a charter has 1 to"),
    (share_key, "R-KEY4: the encryption key of"),
    (one_key_two_purposes, "R-KEY4: the consensus key of"),
    (other_address, "R-KEY2: the address"),
    (policy_key_without_proof, "R-CHA5: the policy proof is none exactly"),
    (put("members.0.keys.consensus", b"\x04" + bytes(32)), "R-KEY1: not a 33-byte"),
    (put("members.0.role", "nurse"), "R-CAN5: member.role"),
    (put("members.0.name", "a\x7fb"), "R-CHA4: member.name"),
    (put("members.0.tls_certificate", b""), "R-CHA4: tls_certificate"),
    (put("members.0.proofs.clinical", bytes(63)), "R-CAN5: member.proofs.clinical"),
]


@pytest.mark.parametrize(("change", "reason"), REFUSALS, ids=[reason for _, reason in REFUSALS])
def test_each_broken_rule_is_named(
    charter: Charter, change: Callable[[Fields], None], reason: str
) -> None:
    with pytest.raises(LedgerError) as refusal:
        parse_charter(changed(charter, change))
    assert str(refusal.value).startswith(reason)
    assert isinstance(refusal.value, CodecError if reason.startswith("R-CAN") else CharterError)


@pytest.mark.parametrize(
    "endpoint",
    ["", "host", "host:", ":7600", "host:0", "host:65536", "host:0760", "host:7600x", "ho st:1",
     "::1:7600", "[::1:7600", "[]:7600", "[a]b]:7600", "user@host:1", "host/path:1", "host:٣"],
)  # fmt: skip
def test_R_CHA4_endpoints_are_host_and_port(charter: Charter, endpoint: str) -> None:
    with pytest.raises(LedgerError, match=r"R-CHA4: an endpoint|R-CAN5: member.endpoint"):
        parse_charter(changed(charter, put("members.0.endpoint", endpoint)))


@pytest.mark.parametrize(
    "endpoint", ["node.example.org:7600", "127.0.0.1:1", "[2001:db8::1]:65535"]
)
def test_R_CHA4_good_endpoints(charter: Charter, endpoint: str) -> None:
    parsed = parse_charter(changed(charter, put("members.0.endpoint", endpoint)))
    assert parsed.members[0].endpoint == endpoint


def test_R_CHA4_at_most_128_doctors() -> None:
    names = tuple(f"Dr. {number}" for number in range(129))
    assert len(make_charter(Cast(names[:128], others=())).doctors) == 128
    with pytest.raises(CharterError, match="R-CHA4: 129 doctors, at most 128"):
        make_charter(Cast(names, others=()))


@pytest.mark.parametrize("field", ["clinical", "consensus"])
def test_R_CHA5_a_proof_by_another_key_is_refused(charter: Charter, field: str) -> None:
    other = canonical.decode(charter.encoded(), CHARTER)["members"][1]["proofs"][field]
    forged = parse_charter(changed(charter, put(f"members.0.proofs.{field}", other)))
    with pytest.raises(CharterError, match=f"R-CHA5: .* does not prove its {field} key"):
        forged.verify_proofs()


def test_R_CHA5_proofs_cover_what_the_member_says(charter: Charter) -> None:
    moved = parse_charter(changed(charter, put("members.0.endpoint", "elsewhere.example:7600")))
    with pytest.raises(CharterError, match="R-CHA5"):
        moved.verify_proofs()


def test_R_KEY4_the_tls_key_serves_nobody_else(charter: Charter) -> None:
    first, second, *others = charter.members
    borrower = prove(replace(first, tls_certificate=second.tls_certificate))
    with pytest.raises(CharterError, match=f"R-KEY4: the TLS key of {second.name}"):
        replace(charter, members=(borrower, second, *others)).verify_proofs()


def test_R_CHA4_a_certificate_that_is_none_is_refused(charter: Charter) -> None:
    broken = parse_charter(changed(charter, put("members.0.tls_certificate", b"leaf")))
    with pytest.raises(CharterError, match="R-CHA4: the TLS certificate of"):
        broken.verify_proofs()


def test_R_CHA4_a_certificate_of_an_unknown_version_is_refused(charter: Charter) -> None:
    leaf = charter.members[0].tls_certificate
    unknown = leaf.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x07", 1)
    assert unknown != leaf
    broken = parse_charter(changed(charter, put("members.0.tls_certificate", unknown)))
    with pytest.raises(CharterError, match="R-CHA4: the TLS certificate of"):
        broken.verify_proofs()


def test_the_constructors_check_as_the_parser_does(charter: Charter) -> None:
    with pytest.raises(CharterError, match="R-CHA1: seal_difficulty_bits"):
        replace(charter, seal_difficulty_bits=-1)
    with pytest.raises(CharterError, match=r"R-CHA2: ordering.retransmit_ms"):
        OrderingPolicy(QuorumMode.MAJORITY, retransmit_ms=0)
    with pytest.raises(CharterError, match=r"R-CHA2: absence.silence_hours"):
        AbsenceRule(silence_hours=-1)
    with pytest.raises(CharterError, match=r"R-CHA2: maturity.window"):
        MaturityRule(window=0)
    with pytest.raises(CharterError, match="R-CHA3: at most 16"):
        TypePolicy(Panel.CARE_TEAM, True, tuple(f"p{number:02}" for number in range(17)))
    with pytest.raises(CharterError, match="R-CHA3: policies name each"):
        replace(charter, policies={BlockType.CT: default_policies()[BlockType.CT]})


def test_roles_decide_nothing_but_who_is_a_doctor(charter: Charter) -> None:
    roles = [member.role for member in charter.members]
    assert roles.count(Role.DOCTOR) == 4
    assert {member.address_text.split("1")[0] for member in charter.members} == {
        "mqhosp", "mqlab", "mqrad", "mqdoc", "mqai",
    }  # fmt: skip
