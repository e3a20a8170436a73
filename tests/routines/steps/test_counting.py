"""Attempts are counted after they end: each once, whatever commits late, is purged or restored, however clocks go."""

import pytest

from looping import Loop, step


@pytest.fixture
def loop(conn):
    """A loop whose calls commit one by one: an open transaction counts nothing of its own."""
    return Loop(conn)


def fold(loop, times=2):
    """What heartbeats do: the first notes a moment, the next counts up to it."""
    for _ in range(times):
        loop.rows("select _fold_attempts()")


def counts(loop):
    rows = loop.rows("select kind, executor, outcome, n from ops_attempt_counts where n > 0")
    return {(r["kind"], r["executor"], r["outcome"]): r["n"] for r in rows}


def total(loop):
    return sum(counts(loop).values())


def done(loop, times=1):
    for _ in range(times):
        mission = loop.mission(step("a"))
        assert loop.complete(loop.work(mission)) == "accepted"


def test_each_attempt_is_counted_by_kind_executor_and_outcome(loop):
    done(loop, 3)
    mission = loop.mission(step("a", kind="greet", executor="noop"))
    loop.fail(loop.work(mission), after=0)
    loop.turn()
    loop.fail_for_good(mission)
    loop.release(loop.work(loop.mission(step("a"))))
    fold(loop)
    assert counts(loop) == {
        ("noop", "noop", "succeeded"): 3,
        ("greet", "noop", "failed"): 2,
        ("noop", "noop", "released"): 1,
    }
    fold(loop, 3)
    assert (
        total(loop) == 6 == loop.value("select value from fn_metrics() where name = 'opsloop_attempts_total'")
    )


def test_heartbeats_count(loop):
    done(loop)
    for _ in range(2):
        loop.turn()
        loop.advance(11)
    assert total(loop) == 1


def test_what_commits_late_is_counted_once_when_it_is_there(loop, connect):
    work = loop.work(loop.mission(step("a")))
    late = type(loop)(connect(autocommit=False))
    assert late.complete(work) == "accepted"
    done(loop, 2)
    for _ in range(3):
        loop.advance(20)
        fold(loop)
    done(loop)
    assert total(loop) == 0
    late.conn.commit()
    fold(loop)
    assert total(loop) == 4
    fold(loop, 4)
    assert total(loop) == 4


def test_what_is_written_after_a_short_wait_is_counted_though_later_ones_were(loop, connect):
    work = loop.work(loop.mission(step("a")))
    fold(loop)
    late = type(loop)(connect(autocommit=False))
    late.rows("select 'a snapshot, and no transaction id yet'")
    loop.stop_clock()
    loop.advance(30)
    fold(loop, 3)
    done(loop)
    fold(loop, 3)
    loop.advance(-30)
    late.complete(work)
    late.conn.commit()
    loop.advance(30)
    fold(loop, 2)
    assert total(loop) == 2


@pytest.mark.parametrize("back", [5, 3600, 864000])
def test_a_clock_that_is_set_back_and_forth_loses_and_doubles_none(loop, back):
    done(loop, 2)
    fold(loop, 3)
    loop.advance(-back)
    done(loop, 3)
    fold(loop, 3)
    assert total(loop) == 5
    done(loop)
    loop.advance(back + 10)
    done(loop)
    fold(loop, 3)
    assert total(loop) == 7
    loop.advance(10)
    done(loop)
    fold(loop, 3)
    assert total(loop) == 8


def test_what_is_purged_before_it_was_counted_is_counted_by_the_purge(loop):
    done(loop, 2)
    fold(loop)
    done(loop, 3)
    loop.advance(11 * 86400)
    loop.rows("select * from fn_purge('missions', _now() - interval '10 days', 'delete')")
    assert loop.rows("select * from ops_action_runs") == []
    assert total(loop) == 5
    fold(loop, 3)
    assert total(loop) == 5


def test_a_restore_doubles_none_and_loses_none(loop):
    done(loop, 2)
    fold(loop)
    done(loop)
    # What a restore does: every row is written by a new transaction, and numbers of transactions begin anew.
    loop.do("update ops_action_runs set meta = meta")
    loop.do("update ops_attempt_fold set counted_below = '4294967295', noted_next = '4294967295'")
    loop.value("select fn_after_restore()")
    fold(loop, 3)
    assert total(loop) == 3
    done(loop)
    fold(loop)
    assert total(loop) == 4


def test_a_restore_that_nobody_ended_stops_no_count_for_good(loop):
    done(loop)
    fold(loop)
    loop.do("update ops_action_runs set meta = meta")
    loop.do("update ops_attempt_fold set counted_below = '4294967295', noted_next = '4294967295'")
    done(loop)
    fold(loop, 4)
    assert total(loop) == 2


def test_two_heartbeats_at_once_count_nothing_twice(loop, connect):
    done(loop)
    fold(loop, 1)
    other = type(loop)(connect(autocommit=False))
    fold(other, 1)
    fold(loop, 2)
    other.conn.commit()
    fold(loop, 2)
    assert total(loop) == 1


def test_a_long_absence_is_counted_in_bounded_parts(loop):
    loop.do(
        "insert into ops_action_runs (id, run_id, step_id, executor, attempt, status, started_at, completed_at)"
        " select _uuid_v7(), gen_random_uuid(), gen_random_uuid(), 'noop', 1, 'succeeded', now(),"
        " now() - n * interval '1 ms' from generate_series(1, 250000) n"
    )
    loop.do("update ops_attempt_fold set counted_until = now() - interval '10 minutes'")
    seen = []
    for _ in range(20):
        fold(loop, 1)
        seen.append(total(loop))
    assert seen[-1] == 250_000
    assert max(b - a for a, b in zip([0, *seen], seen, strict=False)) <= 200_000
    assert counts(loop) == {("(other)", "noop", "succeeded"): 250_000}


def test_names_that_programs_make_up_do_not_make_series_without_end(loop):
    kinds = [f"kind {n}" for n in range(300)]
    add = "select _add_attempts(%s, array_fill('x'::text, array[300]), array_fill('failed'::text, array[300]), %s)"
    for _ in range(2):
        loop.rows(add, kinds, [1] * 300)
    found = counts(loop)
    assert len(found) == 201
    assert found["(other)", "(other)", "failed"] == 200
    assert {n for key, n in found.items() if key[0] != "(other)"} == {2}


def test_a_duration_belongs_to_the_bucket_whose_bound_it_does_not_exceed(loop):
    loop.rows(
        "select _add_attempts(array_fill('k'::text, array[5]), array_fill('x'::text, array[5]),"
        " array_fill('succeeded'::text, array[5]), array[0, 0.005, 0.005001, 3600, 3600.000001])"
    )
    loop.rows("select _add_attempts(array['k'], array['x'], array['succeeded'], array[null::numeric])")
    row = loop.row("select n, seconds, buckets from ops_attempt_counts")
    assert (row["n"], row["buckets"][0], row["buckets"][1], row["buckets"][-2], row["buckets"][-1]) == (
        6,
        2,
        1,
        1,
        1,
    )
    assert sum(row["buckets"]) == 5
    assert str(row["seconds"]) == "7200.010002"


def test_nothing_more_is_written_when_a_step_ends_than_before(loop):
    """The promise of the hot path: a claim and a completion write these tables and no other."""
    mission = loop.mission(step("a"))
    before = loop.contents()
    loop.complete(loop.work(mission))
    changed = {name for name, digest in loop.contents().items() if before.get(name) != digest}
    assert changed == {"ops_action_runs", "ops_mission_steps", "ops_missions", "ops_ready", "ops_timers"}
