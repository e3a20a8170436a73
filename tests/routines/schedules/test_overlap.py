"""What a tick does while what came of the one before is open, and which ticks happen after an outage."""

from datetime import timedelta

import pytest

from looping import step, template

DAY = 86400


@pytest.fixture
def busy(loop):
    """Sets a schedule whose first tick has made a mission, which is open."""

    def begin(**fields):
        loop.schedule(template=template(step("a")), **fields)
        loop.beat(600)

    return begin


def finish(loop):
    """Ends the only mission that is open."""
    (work,) = loop.claim(2)
    assert loop.complete(work) == "accepted"


def test_allowed_to_overlap_every_tick_happens(loop, busy):
    busy(overlap="allow")
    loop.beat(600, 600)
    assert [outcome for _, outcome in loop.ticks()] == ["fired"] * 3


def test_skipping_a_tick_does_nothing_while_the_mission_before_runs(loop, busy):
    busy(overlap="skip")
    loop.beat(600, 600)
    finish(loop)
    loop.beat(600)
    assert [outcome for _, outcome in loop.ticks()] == ["fired", "skipped", "skipped", "fired"]
    assert loop.value("select count(*) from ops_missions") == 2


def test_queued_ticks_happen_one_after_the_other(loop, busy):
    busy(overlap="queue")
    loop.beat(600, 600)
    assert [outcome for _, outcome in loop.ticks()] == ["fired", "queued", "queued"]
    assert loop.listed()["queued"] == 2
    finish(loop)
    assert loop.value("select _seconds_until_due()") == 0
    loop.beat(1)
    assert [outcome for _, outcome in loop.ticks()] == ["fired", "fired", "queued"]
    loop.beat(1, 1)
    assert [outcome for _, outcome in loop.ticks()] == ["fired", "fired", "queued"]
    finish(loop)
    loop.beat(1)
    assert [outcome for _, outcome in loop.ticks()] == ["fired"] * 3
    keys = [p["dedupe_key"][-9:-4] for p in loop.proposals()]
    assert keys == ["12:10", "12:20", "12:30"]
    assert loop.broken() == []


def test_a_queue_has_an_end(loop, busy):
    busy(overlap="queue", max_backlog=2)
    loop.beat(600, 600, 600)
    assert [outcome for _, outcome in loop.ticks()] == ["fired", "queued", "queued", "skipped"]
    assert "2 ticks wait already" in loop.listed()["last_reason"]


def test_a_proposal_that_waits_for_a_person_is_open(loop):
    loop.allow("nothing")
    loop.schedule(template=template(step("a")), overlap="skip")
    loop.beat(600, 600)
    assert [outcome for _, outcome in loop.ticks()] == ["fired", "skipped"]
    loop.approve(loop.proposals()[0]["id"])
    finish(loop)
    loop.beat(600)
    assert loop.ticks()[-1] == ("12:30", "fired")


def test_for_an_event_what_came_of_its_reactions_counts(loop):
    loop.react({"event_type": "tick"})
    loop.schedule(overlap="skip")
    loop.beat(600, 600)
    assert [outcome for _, outcome in loop.ticks()] == ["fired", "skipped"]
    finish(loop)
    loop.beat(600)
    assert loop.ticks()[-1] == ("12:30", "fired")


def test_an_event_that_nothing_reacts_to_is_over_when_it_was_looked_at(loop):
    loop.schedule(overlap="skip")
    loop.beat(600, 600)
    assert [outcome for _, outcome in loop.ticks()] == ["fired", "fired"]


def test_a_run_by_hand_does_not_wait_and_counts_as_the_tick_before(loop, busy):
    busy(overlap="skip")
    finish(loop)
    assert loop.row("select * from fn_run_schedule('s')")["outcome"] == "fired"
    loop.beat(600)
    assert loop.ticks()[-1] == ("12:20", "skipped")


def test_ticks_that_wait_end_with_the_schedule(loop, busy):
    busy(overlap="queue")
    loop.beat(600)
    loop.value("select fn_disable_schedule('s')")
    finish(loop)
    loop.beat(1)
    assert loop.ticks()[-1] == ("12:20", "skipped")
    assert loop.broken() == []


def test_paused_ticks_that_wait_go_on_waiting(loop, busy):
    busy(overlap="queue")
    loop.beat(600)
    loop.value("select fn_pause('schedule', 's')")
    finish(loop)
    loop.beat(1)
    assert loop.ticks()[-1] == ("12:20", "queued")
    assert loop.value("select _seconds_until_due()") > 0
    loop.value("select fn_resume('schedule', 's')")
    loop.beat(1)
    assert loop.ticks()[-1] == ("12:20", "fired")


@pytest.mark.parametrize(
    ("catch_up", "happened"),
    [("none", []), ("last", ["12:00"]), ("all", [f"{h % 24:02}:00" for h in range(13, 37)])],
)
@pytest.mark.parametrize("times", [{"cron": "0 * * * *"}, {"every_seconds": 3600}])
def test_after_a_day_without_heartbeats(loop, times, catch_up, happened):
    loop.schedule(**times, catch_up=catch_up)
    loop.beat(1800)
    loop.beat(DAY)
    assert [e["data"]["tick"][11:16] for e in loop.events()] == happened
    missed = [tick for tick, outcome in loop.ticks() if outcome == "missed"]
    assert missed == ([] if catch_up == "all" else ["13:00"])
    loop.beat(1800)
    assert len(loop.events()) == len(happened) + 1
    assert loop.broken() == []


@pytest.mark.parametrize("catch_up", ["none", "last"])
def test_after_an_outage_one_tick_of_many_happens_when_it_is_not_late(loop, catch_up):
    loop.schedule(every_seconds=60, catch_up=catch_up)
    loop.beat(DAY + 30)
    assert [e["data"]["tick"] for e in loop.events()] == ["2026-06-02T12:00:00Z"]


def test_all_is_not_more_than_the_backlog_and_the_last_ones(loop):
    loop.schedule(every_seconds=60, catch_up="all", max_backlog=3)
    loop.beat(DAY)
    assert loop.ticks()[1:] == [("11:58", "fired"), ("11:59", "fired"), ("12:00", "fired")]
    assert loop.ticks()[0] == ("12:01", "missed")


def test_all_goes_on_in_the_next_turn(loop):
    loop.schedule(every_seconds=60, catch_up="all", max_backlog=250)
    loop.beat(DAY)
    assert len(loop.events()) == 100
    loop.beat(1, 1, 1)
    assert len({e["dedupe_key"] for e in loop.events()}) == 250
    assert [outcome for _, outcome in loop.ticks()].count("missed") == 1


@pytest.mark.parametrize("catch_up", ["none", "last", "all"])
def test_with_a_heartbeat_in_each_quarter_of_an_hour_no_tick_is_missed(loop, catch_up):
    loop.schedule(every_seconds=60, catch_up=catch_up)
    loop.beat(*[890] * 4)
    assert [outcome for _, outcome in loop.ticks()] == ["fired"] * 59


def test_what_catches_up_does_not_overlap_where_it_must_not(loop):
    loop.schedule(every_seconds=3600, template=template(step("a")), catch_up="all", overlap="queue")
    loop.beat(4 * 3600)
    assert [outcome for _, outcome in loop.ticks()] == ["fired", "queued", "queued", "queued"]


def test_what_an_outage_costs_does_not_follow_from_its_length(loop):
    loop.schedule("minutes", cron="* * 1 1 *", catch_up="all", max_backlog=20)
    loop.schedule("seconds", every_seconds=1, catch_up="last")
    loop.at(loop.now + timedelta(days=3650))
    calls = "select coalesce(pg_stat_get_xact_function_calls('_next_tick'::regproc), 0)"
    loop.do("set local track_functions = 'pl'")
    before = loop.value(calls)  # the server has not taken up those of earlier tests yet
    loop.turn()
    # Ten years have 14,400 such minutes.
    assert loop.value(calls) - before < 1500
    assert [e["data"]["schedule"] for e in loop.events()].count("minutes") == 20
    assert [e["data"]["schedule"] for e in loop.events()].count("seconds") == 1
