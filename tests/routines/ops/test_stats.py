"""fn_stats: what ran, from the attempts."""

from decimal import Decimal

import pytest

from looping import Loop, Row, step


def stats(loop: Loop, since: str = "1 hour", by: str = "kind") -> dict[str, Row]:
    return {r["name"]: r for r in loop.rows("select * from fn_stats(%s::interval, %s)", since, by)}


@pytest.fixture
def busy(loop: Loop) -> Loop:
    """Three successes of 1, 2 and 3 seconds, a failure, one that runs, and one of long ago."""
    loop.register(executors={"noop": {}, "radar": {}})
    loop.allow()
    start = loop.stop_clock("2031-01-01 12:00:00+00")
    loop.complete(loop.work(loop.mission(step("a"))))
    loop.stop_clock("2031-01-01 20:00:00+00")
    for seconds in (1, 2, 3):
        loop.stop_clock(f"2031-01-01 20:00:0{seconds}+00")
        work = loop.work(loop.mission(step("a"), source="robot"))
        loop.stop_clock(f"2031-01-01 20:00:0{2 * seconds}+00")
        loop.complete(work)
    loop.fail(
        loop.work(loop.mission(step("a", kind="radar", params={"title": "x"})), "a"), "no", retryable=False
    )
    loop.work(loop.mission(step("a")))
    assert start.year == 2031
    return loop


def test_attempts_are_counted_and_their_times_told(busy: Loop) -> None:
    found = stats(busy)
    noop = found["noop"]
    assert (noop["started"], noop["succeeded"], noop["failed"], noop["running"]) == (4, 3, 0, 1)
    assert (noop["p50_seconds"], noop["p95_seconds"]) == (Decimal("2.000"), Decimal("2.900"))
    assert (found["radar"]["failed"], found["radar"]["started"]) == (1, 1)


def test_most_failures_stand_first(busy: Loop) -> None:
    assert next(iter(stats(busy))) == "radar"


@pytest.mark.parametrize(
    ("by", "names"), [("executor", {"noop", "radar"}), ("worker", {"w1"}), ("source", {"robot", "manual"})]
)
def test_by_what_they_are_counted(busy: Loop, by: str, names: set[str]) -> None:
    assert stats(busy, by=by).keys() == names


def test_how_far_back(busy: Loop) -> None:
    assert stats(busy, "1 day")["noop"]["succeeded"] == 4
    assert stats(busy, "1 second").get("noop", {}).get("succeeded", 0) <= 1


@pytest.mark.parametrize(
    ("since", "by"), [("0", "kind"), ("-1 hour", "kind"), ("2 years", "kind"), ("1 hour", "colour")]
)
def test_what_cannot_be_is_refused(loop: Loop, since: str, by: str) -> None:
    loop.refused("018", "select * from fn_stats(%s::interval, %s)", since, by)


def test_nulls_are_refused(loop: Loop) -> None:
    loop.refused("018", "select * from fn_stats(null)")
    loop.refused("018", "select * from fn_stats(p_by => null)")
