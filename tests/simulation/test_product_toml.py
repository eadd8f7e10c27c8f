"""Scenario files: what they may say, and how a mistake is named."""

from pathlib import Path

import pytest

from medquorum.ledger.types import Panel, QuorumMode
from medquorum.simulation.catalogue import built_in, built_in_names, find_study, find_variant
from medquorum.simulation.scenario import EVERY_FAULT, FaultKind, ScenarioError
from medquorum.simulation.toml import LARGEST_FILE, parse_study, read_study

SHOWS = 'shows = "a test"\n'


def parsed(text: str):  # type: ignore[no-untyped-def]
    return parse_study(SHOWS + text, "mine", "mine.toml")


def only(text: str):  # type: ignore[no-untyped-def]
    (variant,) = parsed(text).variants
    return variant.scenario


def test_every_field_and_unit_reaches_the_scenario() -> None:
    scenario = only(
        """
        doctors = 5
        mode = "majority"
        panel = "care_team"
        faults = ["crash", "loss"]
        duration_min = 2
        healing_h = 1
        beyond_liveness = true
        [workload]
        vote_delay_s = 1.5
        blocks_per_minute = 7
        [latency]
        regions = ["north", "south"]
        median_ms = [[1, 20], [20, 1.5]]
        [timing]
        slot_timeout_s = 2
        """
    )
    assert scenario.name == "mine"
    assert (scenario.doctors, scenario.mode) == (5, QuorumMode.MAJORITY)
    assert scenario.panel is Panel.CARE_TEAM
    assert scenario.faults == {FaultKind.CRASH, FaultKind.LOSS}
    assert (scenario.duration_ms, scenario.healing_ms) == (120_000, 3_600_000)
    assert scenario.beyond_liveness
    assert (scenario.workload.vote_delay_ms, scenario.workload.blocks_per_minute) == (1_500, 7)
    assert scenario.latency.regions == ("north", "south")
    assert scenario.latency.median_ms == ((1.0, 20.0), (20.0, 1.5))
    assert scenario.timing.slot_timeout_ms == 2_000


def test_the_word_all_stands_for_every_fault() -> None:
    assert only('faults = "all"').faults == EVERY_FAULT
    assert only("faults = []").faults == frozenset()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("doctor = 4", ("doctor: unknown key", "did you mean doctors?", "followers")),
        ("xyzzy = 4", ("xyzzy: unknown key. Allowed here: beyond_liveness",)),
        ("[weather]\nloss = 0.5", ("weather.loss: unknown key", "loss_rate")),
        ("doctors = 0", ("doctors is 0; it lies between 1 and 128",)),
        ("doctors = 4.5", ("doctors: must be a whole number",)),
        ("doctors = true", ("doctors: must be a whole number",)),
        ('doctors = "4"', ("doctors: must be a whole number",)),
        ("duration_s = 0.0001", ("duration_s: must be a whole number of milliseconds",)),
        ("duration_s = inf", ("duration_s: must be a whole number",)),
        ("fault_probability = nan", ("fault_probability: must be a number",)),
        ("fault_probability = 1.5", ("fault_probability is 1.5", "0 and 1")),
        ("[weather]\nloss_rate = 2", ("weather.loss_rate is 2",)),
        ("duration_s = 1\nduration_ms = 1", ("duration_ms is given twice",)),
        ('mode = "unanimous"', ("mode: 'unanimous' is unknown", "majority, byzantine")),
        ('faults = ["crahs"]', ("faults[1]: 'crahs' is unknown; did you mean crash?",)),
        ('faults = "some"', ('faults: must be a list of at most 64 values, or the word "all"',)),
        ("weather = 3", ("weather: must be a table",)),
        ("follower_gossip = 1", ("follower_gossip: must be true or false",)),
        ("[latency]\nmedian_ms = [[1, 2]]", ("latency.median_ms has one row",)),
        ('name = "other"', ("name: the file's own name",)),
        ("[timing]\nslot_timeout_ms = 0", ("slot_timeout_ms", "1")),
        ("doctors = ", ("is not TOML",)),
        ("[vary]\ndoctors = 4", ("vary.doctors: must be a list",)),
        ("[vary]\ndoctors = [4, 4]", ("vary.doctors: each value once",)),
        ("[vary]\nbeds = [4]", ("beds: unknown key",)),
        ("[vary]\nworkload = [{}]", ("vary.workload: vary a field of the table",)),
        ('[vary]\n"a.b.c" = [4]', ("vary.a.b.c: a key is a field",)),
        (f"[vary]\nduration_ms = {list(range(101))}", ("vary: makes 101 scenarios; at most 100",)),
    ],
)
def test_a_mistake_is_named_with_what_is_allowed(text: str, words: tuple[str, ...]) -> None:
    with pytest.raises(ScenarioError) as refused:
        parsed(text)
    for word in words:
        assert word in str(refused.value)


@pytest.mark.parametrize("shows", ["", "shows = 3", 'shows = ""', f'shows = "{"x" * 201}"'])
def test_a_file_says_what_it_shows(shows: str) -> None:
    with pytest.raises(ScenarioError, match="shows: must say"):
        parse_study(shows, "mine", "mine.toml")


def test_a_study_is_every_combination_in_the_files_order() -> None:
    study = parsed('[vary]\npanel = ["all_doctors", "care_team"]\n"workload.vote_delay_s" = [1, 2]')
    assert [variant.label for variant in study.variants] == [
        "panel=all_doctors workload.vote_delay_s=1",
        "panel=all_doctors workload.vote_delay_s=2",
        "panel=care_team workload.vote_delay_s=1",
        "panel=care_team workload.vote_delay_s=2",
    ]
    assert study.variants[3].scenario.workload.vote_delay_ms == 2_000
    assert study.variants[3].scenario.panel is Panel.CARE_TEAM


def test_a_varied_field_keeps_the_rest_of_its_table() -> None:
    study = parsed('[workload]\nconsultations = 9\n[vary]\n"workload.vote_delay_s" = [1]')
    assert study.variants[0].scenario.workload.consultations == 9


def test_a_variant_is_chosen_by_its_label() -> None:
    study = parsed("[vary]\ndoctors = [4, 7]")
    assert find_variant(study, "").scenario.doctors == 4
    assert find_variant(study, "doctors=7").scenario.doctors == 7
    with pytest.raises(ScenarioError, match="it has 'doctors=4', 'doctors=7'"):
        find_variant(study, "doctors=9")
    with pytest.raises(ScenarioError, match="leave --variant out"):
        find_variant(built_in("one-ward"), "doctors=9")


def test_files_are_found_by_path_and_limited(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(SHOWS + "doctors = 4", encoding="utf-8")
    study = find_study(str(mine))
    assert (study.name, study.source) == ("mine", str(mine))
    mine.write_bytes(b"\xff\xfe")
    with pytest.raises(ScenarioError, match="is not UTF-8"):
        read_study(mine)
    mine.write_text(SHOWS + "#" * LARGEST_FILE, encoding="utf-8")
    with pytest.raises(ScenarioError, match="more than 65536 bytes"):
        read_study(mine)
    with pytest.raises(ScenarioError, match=r"cannot read .*absent\.toml: No such file"):
        find_study(str(tmp_path / "absent.toml"))
    with pytest.raises(ScenarioError, match="small letters"):
        find_study(str(tmp_path / "Mine.toml"))


def test_an_unknown_name_gets_a_near_one() -> None:
    with pytest.raises(ScenarioError, match="did you mean one-ward"):
        find_study("one-wrad")
    with pytest.raises(ScenarioError, match="choose one of: city-hospitals"):
        find_study("qqqq")


@pytest.mark.parametrize("name", built_in_names())
def test_every_scenario_that_ships_can_be_read_and_says_why_it_is_there(name: str) -> None:
    study = built_in(name)
    assert study.variants
    source = (
        Path(read_study.__code__.co_filename).parent / "scenarios" / f"{name}.toml"
    ).read_text(encoding="utf-8")
    assert source.startswith("# "), "a header for people comes first"


def test_what_the_issue_of_scale_asks_for_ships() -> None:
    assert len(built_in_names()) >= 10
    largest = built_in("thousand-nodes").variants[0].scenario
    assert (largest.doctors, largest.doctors + largest.followers) == (100, 1_000)
    assert built_in("four-doctors-liar").variants[0].scenario.impaired == 1
