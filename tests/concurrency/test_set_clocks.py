"""The server's clock is set, either way: a dead worker's lease is taken back in time, a live one's is kept."""

from datetime import timedelta

import pytest

from looping import Loop, step


@pytest.mark.parametrize("by", [-120, -86400 * 30, -7, 120])
def test_a_dead_workers_lease_is_taken_back_within_a_lease(loop: Loop, by: float) -> None:
    loop.stop_clock()
    mission = loop.mission(step("a"))
    loop.work(mission)
    loop.turn()
    loop.stop_clock(loop.value("select _now()") + timedelta(seconds=by))
    loop.turn()
    for _ in range(8):
        loop.stop_clock(loop.value("select _now()") + timedelta(seconds=5))
        loop.turn()
    assert loop.steps(mission) == {"a": "queued"}


@pytest.mark.parametrize("by", [-120, -86400 * 30])
def test_a_live_workers_lease_is_kept_and_its_deadline_stays_what_it_was(loop: Loop, by: float) -> None:
    start = loop.stop_clock()
    mission = loop.mission(step("a", timeout_seconds=100))
    work = loop.work(mission)
    loop.stop_clock(start + timedelta(seconds=by))
    loop.turn()
    for n in range(1, 6):
        loop.stop_clock(start + timedelta(seconds=by + n * 10))
        assert loop.extend(work)[0]["ok"]
        loop.turn()
    left = loop.step(mission)["deadline_at"] - loop.value("select _now()")
    assert left == timedelta(seconds=50)
    assert loop.complete(work) == "accepted"


def test_a_retry_does_not_wait_for_longer_than_it_was_to(loop: Loop) -> None:
    start = loop.stop_clock()
    mission = loop.mission(step("a"))
    loop.fail(loop.work(mission), after=20)
    loop.stop_clock(start - timedelta(hours=1))
    loop.turn()
    assert loop.claim(1) == []
    loop.stop_clock(start - timedelta(hours=1) + timedelta(seconds=21))
    loop.turn()
    assert len(loop.claim(1)) == 1


def test_the_duties_of_heartbeats_and_the_locks_of_others_go_on(loop: Loop) -> None:
    start = loop.stop_clock()
    loop.turn()
    assert loop.value("select fn_acquire_lock('report', 'vanished', 30)")
    loop.stop_clock(start - timedelta(hours=1))
    loop.turn()
    loop.rows("select _count('m10_locks_failed_total')")
    assert not loop.value("select fn_acquire_lock('report', 'me', 30)"), "its holder may live"
    loop.stop_clock(start - timedelta(hours=1) + timedelta(seconds=35))
    loop.turn()
    assert loop.rows("select * from ops_counts") == [], "the duties were done"
    assert loop.value("select fn_acquire_lock('report', 'me', 30)")


def test_large_tables_are_swept_on_after_the_clock_was_set_back(loop: Loop) -> None:
    start = loop.stop_clock()
    loop.turn()
    loop.do("update ops_sweep set seen = 20000, position = gen_random_uuid()")
    loop.stop_clock(start - timedelta(hours=1))
    loop.turn()
    assert loop.value("select count(*) from ops_sweep where swept_at > _now()") == 0
