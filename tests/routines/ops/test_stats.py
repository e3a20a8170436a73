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


@pytest.fixture
def ended(loop: Loop) -> Loop:
    """Attempts that ended 1, 2, 4 … 2,048 minutes ago; the oldest lie first in the table, as they came."""
    loop.stop_clock("2031-01-01 20:00:00+00")
    loop.do(
        "insert into ops_action_runs (id, run_id, step_id, executor, attempt, status, started_at, completed_at) "
        "select gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'noop', 1, 'succeeded', e.at, e.at "
        "from (select _now() - make_interval(mins => (2 ^ n)::integer) as at "
        "        from generate_series(11, 0, -1) n) e"
    )
    return loop


def reach(loop: Loop, most: int, since: str = "30 days") -> Row:
    return loop.row(
        "select v.at, (select count(*) from ops_action_runs r where r.completed_at >= v.at) as found, "
        "exists (select from ops_action_runs r where r.completed_at = _now() - interval '1 minute' "
        "        and r.completed_at >= v.at) as has_newest "
        "from (select _attempts_from(_now() - %s::interval, %s) as at) v",
        since,
        most,
    )


@pytest.mark.parametrize("most", [1, 2, 5, 11])
def test_of_too_many_attempts_the_newest_are_read(ended: Loop, most: int) -> None:
    found = reach(ended, most)
    assert found["has_newest"]
    assert 0.9 * most <= found["found"] <= most


def test_attempts_that_fit_are_all_read(ended: Loop) -> None:
    assert reach(ended, 12)["at"] == ended.value("select _now() - interval '30 days'")
    assert reach(ended, 5, "20 minutes")["at"] == ended.value("select _now() - interval '20 minutes'")


def test_a_burst_of_long_ago_does_not_hide_what_came_later(ended: Loop) -> None:
    ended.do(
        "insert into ops_action_runs (id, run_id, step_id, executor, attempt, status, started_at, completed_at) "
        "select gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'noop', 1, 'failed', e.at, e.at "
        "from (select _now() - interval '20 days' as at from generate_series(1, 100)) e"
    )
    assert reach(ended, 50)["found"] == 12
    assert reach(ended, 1000)["found"] == 112


def test_a_notice_says_from_when_on_attempts_were_read(ended: Loop) -> None:
    # The bound of a million, made five.
    ended.do("alter function _attempts_from(timestamptz, integer) rename to _attempts_from_any")
    ended.do(
        "create function _attempts_from(p_since timestamptz, p_most integer) returns timestamptz language sql "
        "set search_path from current as 'select _attempts_from_any(p_since, 5)'"
    )
    told: list[str | None] = []
    ended.conn.add_notice_handler(lambda notice: told.append(notice.message_primary))
    assert stats(ended, "30 days", "executor")["noop"]["succeeded"] == 5
    (said,) = told
    assert said is not None
    assert said.startswith("more than 1000000 attempts ended since 2030-12-02")
    assert "that ended since 2031-01-01 19:" in said
    told.clear()
    assert stats(ended, "10 minutes", "executor")["noop"]["succeeded"] == 4
    assert told == []
