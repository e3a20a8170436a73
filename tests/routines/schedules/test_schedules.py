"""Schedules: each tick happens once, as an event or a proposal like any other."""

import pytest

from looping import step, template

SET = "select * from fn_set_schedule(%s, %s, 'ada', 'because')"


@pytest.fixture
def loop(loop):
    """The loop at the noon of a day in summer; policy lets everything run."""
    loop.allow()
    loop.stop_clock("2026-06-01 12:00:00+00")
    return loop


def ticks(loop, name="s"):
    """What became of the ticks of a schedule, oldest first: hour and minute, and the outcome."""
    found = loop.rows("select tick, outcome from ops_schedule_ticks where schedule = %s order by tick", name)
    return [(f"{row['tick']:%H:%M}", row["outcome"]) for row in found]


def beat(loop, *seconds):
    """Heartbeats, each so many seconds after the one before."""
    for each in seconds:
        loop.advance(each)
        loop.stop_clock()
        assert loop.turn()["ok"]


def test_a_tick_is_an_event_whose_data_names_it(loop):
    made = loop.row(SET, "s", {"cron": "0 * * * *", "event_type": "clock:hour", "data": {"a": 1}})
    assert (made["changed"], f"{made['next_at']:%H:%M}") == (True, "13:00")
    beat(loop, 3599)
    assert loop.events() == []
    beat(loop, 1, 1, 1)
    (event,) = loop.events()
    assert (event["type"], event["dedupe_key"]) == ("clock:hour", "schedule:s:2026-06-01T13:00:00Z")
    assert event["data"] == {"a": 1, "source": "schedule:s", "schedule": "s", "tick": "2026-06-01T13:00:00Z"}
    assert ticks(loop) == [("13:00", "fired")]
    assert loop.broken() == []


def test_a_tick_is_a_proposal_that_policy_judges(loop):
    loop.row(SET, "s", {"every_seconds": 600, "template": template(step("a"))})
    beat(loop, 600, 600)
    assert [(p["source"], p["status"], p["dedupe_key"]) for p in loop.proposals()] == [
        ("schedule:s", "auto_approved", "schedule:s:2026-06-01T12:10:00Z"),
        ("schedule:s", "auto_approved", "schedule:s:2026-06-01T12:20:00Z"),
    ]
    assert loop.value("select count(*) from ops_missions") == 2
    assert loop.broken() == []
