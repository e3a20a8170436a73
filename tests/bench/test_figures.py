"""Figures over rounds, and the judgement on them."""

import json

import pytest

from harness.figures import Entrant, Record, Results, percentile, ratio_by_round, summarise
from harness.judge import Outcome, judge, missed, render
from harness.rounds import rotated
from harness.table import number
from harness.table import render as tables
from harness.targets import TARGETS, Target
from workloads import ALL

OURS, THEIRS = Entrant("opsloop"), Entrant("peer")


def results(ours: list[float], theirs: list[float], workload: str = "drain") -> Results:
    """Figures of two entrants, round by round."""
    return Results(
        Record(workload, entrant.system, entrant.variant, n, "rate", value, "jobs/s")
        for entrant, values in ((OURS, ours), (THEIRS, theirs))
        for n, value in enumerate(values, 1)
    )


def test_median_lowest_and_highest_over_the_rounds() -> None:
    found = results([5, 1, 3], []).summary("drain", "rate", OURS)
    assert found is not None
    assert (found.median, found.low, found.high, found.rounds, found.unit) == (3, 1, 5, 3, "jobs/s")
    assert summarise([], "jobs/s") is None


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50), (0.95, 95), (0.99, 99), (1.0, 100), (0.001, 1)])
def test_a_percentile_is_the_nearest_rank(share: float, expected: float) -> None:
    assert percentile(list(range(100, 0, -1)), share) == expected


def test_there_is_no_percentile_of_nothing() -> None:
    with pytest.raises(ValueError, match="0 values"):
        percentile([], 0.5)


def test_a_ratio_is_taken_within_each_round_that_both_have() -> None:
    assert ratio_by_round({1: 10, 2: 30, 3: 7}, {1: 5, 2: 10, 4: 1}) == [2, 3]


def test_each_round_begins_with_another_entrant() -> None:
    three = [Entrant(name) for name in "abc"]
    assert ["".join(e.system for e in rotated(three, n)) for n in (1, 2, 3, 4)] == [
        "abc",
        "bca",
        "cab",
        "abc",
    ]


def test_a_ratio_is_judged_by_the_median_of_the_rounds_not_by_the_ratio_of_the_medians() -> None:
    target = Target("ours / theirs", "drain", 1.0, 2.5, OURS, THEIRS)
    # Each round by itself: 0.5, 3, 2. Ratio of the medians: 20 / 20 = 1.
    (verdict,) = judge(results([10, 30, 20], [20, 10, 10]), [target])
    assert (verdict.value, verdict.outcome, verdict.aimed) == (2, Outcome.MET, "not yet")
    assert (verdict.distance(1.0), verdict.distance(2.5)) == ("+100%", "-20%")


def test_a_missed_must_is_said_with_its_distance_and_fails_the_run() -> None:
    found = results([8], [10])
    verdicts = judge(found, [Target("ours / theirs", "drain", 1.0, None, OURS, THEIRS)])
    assert missed(found, verdicts)
    assert "MISSED" in render(verdicts)
    assert "-20%" in render(verdicts)


def test_where_less_is_better_the_bound_must_not_be_exceeded() -> None:
    target = Target("ours / theirs", "drain", 1.0, 0.5, OURS, THEIRS, at_most=True)
    (verdict,) = judge(results([8], [10]), [target])
    assert (verdict.outcome, verdict.aimed, verdict.distance(1.0)) == (Outcome.MET, "not yet", "+20%")


def test_an_aim_alone_is_never_missed() -> None:
    found = results([8], [10])
    verdicts = judge(found, [Target("ours / theirs", "drain", None, 1.0, OURS, THEIRS)])
    assert not missed(found, verdicts)


def test_without_the_other_systems_figure_nothing_is_judged() -> None:
    found = results([8], [])
    (verdict,) = verdicts = judge(found, [Target("ours / theirs", "drain", 1.0, None, OURS, THEIRS)])
    assert (verdict.outcome, verdict.reason) == (Outcome.UNKNOWN, "no figure of peer")
    assert not missed(found, verdicts)


def test_what_opsloop_could_not_do_fails_the_run() -> None:
    assert missed(Results([Record("drain", "opsloop", "", 1, error="lost 3 steps")]), [])
    assert not missed(Results([Record("drain", "peer", "", 1, error="not installed")]), [])


def test_the_table_names_who_failed_and_who_cannot() -> None:
    found = results([200], [100])
    found.records += [
        Record("drain", "third", "", 1, error="ended with 1"),
        Record("drain", "third", "", 2, error="ended with 1"),
        Record("drain", "fourth", "", 1, unsupported="it has no bulk call"),
    ]
    text = tables(found)
    assert text.count("- third: FAILED: ended with 1") == 1
    assert "- fourth: has no such thing: it has no bulk call" in text
    assert "| peer    |          100 |    100 |     100 |      1 |        0.50 |" in text


def test_a_record_is_one_line_without_what_there_is_not() -> None:
    line = Record("drain", "peer", "", 1, error="two\nlines").line()
    assert "\n" not in line
    assert json.loads(line) == {
        "workload": "drain",
        "system": "peer",
        "variant": "",
        "round": 1,
        "error": "two\nlines",
    }


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.123456, "0.123"), (12.34, "12.3"), (123.4, "123"), (98765.4, "98,765")]
)
def test_numbers_have_the_digits_that_mean_something(value: float, text: str) -> None:
    assert number(value) == text


def test_every_target_names_a_workload_and_entrants_that_there_are() -> None:
    entrants = {workload.name: set(workload.entrants()) for workload in ALL}
    for target in TARGETS:
        assert target.of in entrants[target.workload], target
        assert target.to is None or target.to in entrants[target.workload], target
        assert target.must is not None or target.aim is not None, target
