"""Transcripts for people: nothing is lost, what is alike is told once."""

from medquorum.simulation.transcript import TOGETHER_MS, condensed


def told(*lines: str) -> list[str]:
    return list(condensed(lines))


def test_what_several_do_alike_is_one_line() -> None:
    assert told(
        "       7 ms  d0 holds final batch of slot 1 with 1 block",
        "       8 ms  fault: crash at 8 ms",
        "      12 ms  d2' holds final batch of slot 1 with 1 block",
        "      15 ms  f0 holds final batch of slot 2 with 1 block",
    ) == [
        "       7 ms  d0 d2': holds final batch of slot 1 with 1 block, last 5 ms later",
        "       8 ms  fault: crash at 8 ms",
        "      15 ms  f0 holds final batch of slot 2 with 1 block",
    ]


def test_many_are_counted_instead_of_named() -> None:
    assert told(*(f"       7 ms  d{place} starts with 0 batches" for place in range(5))) == [
        "       7 ms  5 nodes, d0 first: starts with 0 batches"
    ]


def test_the_same_again_or_much_later_is_a_line_of_its_own() -> None:
    twice = ("       7 ms  d0 crashes", "       9 ms  d0 crashes")
    assert told(*twice) == list(twice)
    apart = ("       7 ms  d0 crashes", f"{8 + TOGETHER_MS:>8} ms  d1 crashes")
    assert told(*apart) == list(apart)
