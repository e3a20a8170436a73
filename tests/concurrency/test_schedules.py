"""Heartbeats at once and schedules: each tick happens once, and nobody is waited for."""

from datetime import timedelta

import pytest

from looping import step, template
from support import at_once, run

NOON = "2026-06-01 12:00:00+00"


def schedule(loop, name="s", **fields):
    document = {"every_seconds": 60, "event_type": "tick", **fields}
    if "template" in fields:
        del document["event_type"]
    loop.row("select * from fn_set_schedule(%s, %s)", name, document)


@pytest.fixture
def noon(loop):
    loop.allow()
    loop.stop_clock(NOON)
    return loop


@pytest.mark.parametrize("what", ["event", "template"])
def test_twenty_at_once_take_every_tick_once(noon, session, what):
    loop = noon
    made = {"template": template(step("a"))} if what == "template" else {}
    for name in ("a", "b", "c"):
        schedule(loop, name, catch_up="all", **made)
    loop.stop_clock("2026-06-01 12:14:30+00")
    beating = [session() for _ in range(20)]
    results = at_once([one.heartbeat for one in beating])
    results += [loop.heartbeat() for _ in range(2)]
    assert all(result["ok"] for result in results), results
    table = "ops_mission_proposals" if what == "template" else "ops_agent_events"
    keys = [
        row["dedupe_key"]
        for row in loop.rows(f"select dedupe_key from {table} where dedupe_key like 'schedule:%%'")
    ]
    assert sorted(keys) == sorted(
        f"schedule:{name}:2026-06-01T12:{minute:02}:00Z" for name in "abc" for minute in range(1, 15)
    )
    assert loop.value("select count(*) from ops_schedule_ticks where outcome = 'fired'") == 42
    assert loop.broken() == []


def test_heartbeats_that_come_all_the_time_take_every_tick_once(noon, session):
    loop = noon
    schedule(loop, overlap="queue", template=template(step("a")))
    beating = [session() for _ in range(4)]
    moment = loop.value("select _now()")
    for _ in range(12):
        moment += timedelta(seconds=30)
        loop.stop_clock(moment)
        assert all(result["ok"] for result in at_once([one.heartbeat for one in beating]))
        for work in loop.claim(5):
            loop.complete(work)
    for _ in range(6):
        loop.turn()
        for work in loop.claim(5):
            loop.complete(work)
    assert [row["outcome"] for row in loop.rows("select outcome from ops_schedule_ticks")] == ["fired"] * 6
    assert loop.value("select count(*) from ops_missions where status = 'succeeded'") == 6
    assert loop.broken() == []


def test_one_that_another_transaction_has_locked_is_left_to_it_and_the_others_tick(noon, session):
    loop = noon
    schedule(loop, "held")
    schedule(loop, "free")
    loop.stop_clock("2026-06-01 12:01:00+00")
    other = session()
    other.do("begin")
    other.do("select from ops_schedules where name = 'held' for update")
    loop.turn()
    assert [row["schedule"] for row in loop.rows("select schedule from ops_schedule_ticks")] == ["free"]
    diag = loop.refused("031", "select fn_set_schedule('held', %s)", {"every_seconds": 5, "event_type": "x"})
    assert "schedule held" in diag.message_primary
    loop.refused("031", "select fn_pause('schedule', 'held')")
    other.do("commit")
    loop.turn()
    assert loop.value("select count(*) from ops_schedule_ticks") == 2


def test_a_tick_of_a_transaction_that_is_rolled_back_happens_in_the_next_turn(noon, session):
    loop = noon
    schedule(loop)
    loop.stop_clock("2026-06-01 12:01:00+00")
    other = session()
    other.do("begin")
    other.turn()
    assert other.value("select count(*) from ops_schedule_ticks") == 1
    other.do("rollback")
    loop.turn()
    assert [e["data"]["tick"] for e in loop.events()] == ["2026-06-01T12:01:00Z"]


def test_once_a_pause_is_committed_no_tick_happens(noon, session):
    loop = noon
    schedule(loop)
    loop.stop_clock("2026-06-01 12:01:00+00")
    other = session()
    other.do("begin")
    other.turn()
    pausing = run(loop.conn, "select fn_pause('schedule', 's')")
    other.sees_blocked(loop)
    other.do("commit")
    assert pausing.result()
    assert len(loop.events()) == 1
    loop.stop_clock("2026-06-01 12:02:00+00")
    other.turn()
    assert len(loop.events()) == 1


def test_two_who_set_the_same_schedule_for_the_first_time_wait_for_each_other(noon, session):
    loop = noon
    other = session()
    other.do("begin")
    schedule(other)
    setting = run(
        loop.conn,
        'select changed from fn_set_schedule(\'s\', \'{"every_seconds": 60, "event_type": "tick"}\')',
    )
    other.sees_blocked(loop)
    other.do("commit")
    assert setting.result() == [{"changed": False}]


def test_a_schedule_that_cannot_tick_now_is_no_fault_of_its_own(noon, session):
    """A cap counter that is held: the proposal waits for its gate, the tick has happened."""
    loop = noon
    loop.policy("proposal_caps", daily_limit=10)
    schedule(loop, template=template(step("a")))
    loop.propose(step("a"))
    other = session()
    other.do("begin")
    other.do("select from ops_cap_counters for update")
    loop.stop_clock("2026-06-01 12:01:00+00")
    assert loop.heartbeat()["ok"]
    assert [row["outcome"] for row in loop.rows("select outcome from ops_schedule_ticks")] == ["fired"]
    other.do("commit")
    loop.turn()
    assert {p["status"] for p in loop.proposals()} == {"auto_approved"}
