"""The TOML source: defaults, every fault at once with its path, the demonstration's file."""

from pathlib import Path

import pytest

from medquorum.ledger.charter import default_policies
from medquorum.ledger.charter_source import CharterSource, parse_charter_source
from medquorum.ledger.errors import CharterError
from medquorum.ledger.types import BlockType, Panel, QuorumMode, Role

MINIMAL = """
[network]
name = "Small"
created_at = 2026-01-01T01:00:00+01:00
[ordering]
mode = "majority"
[[member]]
name = "Dr. A"
role = "doctor"
endpoint = "a.example:7600"
"""


def faults_of(text: str) -> list[str]:
    """The faults a source is refused for, one a line."""
    with pytest.raises(CharterError) as refusal:
        parse_charter_source(text)
    return [line.strip() for line in str(refusal.value).splitlines()[1:]]


def test_what_is_left_out_has_a_default() -> None:
    source = parse_charter_source(MINIMAL)
    assert source.created_at_ms == 1_767_225_600_000
    assert source.ordering.mode is QuorumMode.MAJORITY
    assert source.policies == default_policies()
    assert (source.retention_days, source.seal_difficulty_bits) == (3_650, 0)


def test_R_CHA3_a_policy_table_changes_its_type_only() -> None:
    text = MINIMAL + '[policy.ct]\npanel = "care_team"\nauto_policies = ["b", "a"]\n'
    policies = parse_charter_source(text).policies
    assert policies[BlockType.CT].panel is Panel.CARE_TEAM
    assert policies[BlockType.CT].auto_policies == ("a", "b")
    assert not policies[BlockType.CT].strict
    assert policies[BlockType.PET] == default_policies()[BlockType.PET]


def test_all_faults_are_told_at_once_with_their_paths() -> None:
    text = """
    colour = "blue"
    [network]
    created_at = 2026-01-01
    seal_difficulty_bits = 40
    [ordering]
    mode = "plurality"
    retransmit_ms = true
    [policy.amendment]
    [policy.ct]
    strict = "no"
    auto_policies = [1]
    [absence]
    max_day = 3
    [[member]]
    name = ""
    role = "nurse"
    endpoint = "nowhere"
    [[member]]
    name = "Dr. A"
    role = "doctor"
    endpoint = "a.example:7600"
    [[member]]
    name = "Dr. A"
    role = "doctor"
    endpoint = "a.example:7600"
    keys = "here"
    """
    told = sorted(fault.split(": ")[0] for fault in faults_of(text))
    assert told == [
        "absence.max_day",
        "colour",
        "member[1]",
        "member[1].name",
        "member[1].role",
        "member[3].endpoint",
        "member[3].keys",
        "member[3].name",
        "network.created_at",
        "network.name",
        "network.seal_difficulty_bits",
        "ordering.mode",
        "ordering.retransmit_ms",
        "policy.amendment",
        "policy.ct.auto_policies",
        "policy.ct.strict",
    ]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("[ordering]", "[ordering]\nslot_timeout_ms = 30000"), "ordering: R-CHA2"),
        (('name = "Small"', 'name = "a\\u0007"'), "network: R-CHA4: name"),
        (('role = "doctor"', 'role = "hospital"'), "member: 0 doctors, must be 1 to 128"),
        (("[network]", "[policy]\nct = 1\n[network]"), "policy.ct: must be a table"),
        (("[[member]]", "[member]"), "member: must be 1 to 10000 tables [[member]]"),
        (("+01:00", ""), "network.created_at: must be a date and time with offset"),
    ],
)
def test_each_fault_is_named(change: tuple[str, str], fault: str) -> None:
    text = MINIMAL.replace(*change)
    assert text != MINIMAL
    assert any(told.startswith(fault) for told in faults_of(text))


def test_text_that_is_not_toml_is_refused() -> None:
    with pytest.raises(CharterError, match="is not TOML"):
        parse_charter_source("[network")


def test_a_source_without_end_is_refused() -> None:
    with pytest.raises(CharterError, match="longer than"):
        parse_charter_source("#" * 5_000_000)


def test_names_are_compared_in_one_normal_form() -> None:
    decomposed = parse_charter_source(MINIMAL.replace("Dr. A", "Dr. Ame\u0301lie"))
    assert decomposed.members[0].name == "Dr. Am\u00e9lie"


def test_the_demo_table_is_ignored_and_no_other() -> None:
    assert parse_charter_source(MINIMAL + "[demo]\nanything = 1\n") == parse_charter_source(MINIMAL)
    assert faults_of(MINIMAL + "[demonstration]\n") == [
        "demonstration: is unknown; correct or remove it"
    ]


@pytest.fixture
def demonstration(repository: Path) -> CharterSource:
    return parse_charter_source((repository / "network.toml").read_text(encoding="utf-8"))


def test_the_demonstration_network(demonstration: CharterSource) -> None:
    roles = [member.role for member in demonstration.members]
    assert {role: roles.count(role) for role in Role} == {
        Role.AI_ENTITY: 1,
        Role.DOCTOR: 4,
        Role.HOSPITAL: 1,
        Role.LABORATORY: 1,
        Role.RADIOLOGIST: 1,
    }
    ports = [int(member.endpoint.removeprefix("127.0.0.1:")) for member in demonstration.members]
    assert ports == list(range(7600, 7608))
    ordering = demonstration.ordering
    assert ordering.mode is QuorumMode.BYZANTINE
    assert (ordering.slot_timeout_ms, ordering.slot_timeout_max_ms) == (300, 20_000)
    assert (ordering.idle_status_ms, ordering.retransmit_ms) == (10_000, 2_500)
