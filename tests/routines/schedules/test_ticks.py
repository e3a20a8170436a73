"""Each tick of a schedule happens once, as an event or a proposal like any other."""

from datetime import timedelta

import pytest

from looping import step, template


def test_a_tick_is_an_event_whose_data_names_it(loop):
    made = loop.schedule(cron="0 * * * *", event_type="clock:hour", data={"a": 1})
    assert (made["changed"], f"{made['next_at']:%H:%M}") == (True, "13:00")
    loop.beat(3599)
    assert loop.events() == []
    loop.beat(1, 1, 1)
    (event,) = loop.events()
    assert (event["type"], event["dedupe_key"]) == ("clock:hour", "schedule:s:2026-06-01T13:00:00Z")
    assert event["data"] == {"a": 1, "source": "schedule:s", "schedule": "s", "tick": "2026-06-01T13:00:00Z"}
    assert loop.ticks() == [("13:00", "fired")]
    assert loop.broken() == []


def test_the_event_is_held_against_the_matrix_in_the_same_turn(loop):
    loop.react({"event_type": "tick", "source": "schedule:s"})
    loop.schedule()
    loop.beat(600)
    assert [r["status"] for r in loop.reactions()] == ["done"]


def test_a_tick_is_a_proposal_that_policy_judges(loop):
    loop.schedule(template=template(step("a")))
    loop.beat(600, 600)
    assert [(p["source"], p["status"], p["dedupe_key"]) for p in loop.proposals()] == [
        ("schedule:s", "auto_approved", "schedule:s:2026-06-01T12:10:00Z"),
        ("schedule:s", "auto_approved", "schedule:s:2026-06-01T12:20:00Z"),
    ]
    assert loop.value("select count(*) from ops_missions") == 2
    assert loop.broken() == []


def test_caps_count_ticks_by_their_source(loop):
    loop.policy("proposal_caps", per_source={"schedule:s": 1}, over_limit="reject")
    loop.schedule(template=template(step("a")))
    loop.beat(600, 600)
    assert [p["status"] for p in loop.proposals()] == ["auto_approved", "rejected"]
    assert loop.ticks() == [("12:10", "fired"), ("12:20", "rejected")]


def test_seconds_are_counted_from_the_start_or_from_1970(loop):
    loop.schedule("epoch", every_seconds=7200)
    loop.schedule("start", every_seconds=7200, starts_at="2026-06-01T12:30:00Z")
    ticks = {
        row["name"]: [f"{tick:%H:%M}" for tick in row["next_ticks"]]
        for row in loop.rows("select * from fn_list_schedules()")
    }
    assert ticks == {"epoch": ["14:00", "16:00", "18:00"], "start": ["12:30", "14:30", "16:30"]}


def test_there_are_no_ticks_before_the_start_and_from_the_end_on(loop):
    loop.schedule(starts_at="2026-06-01T12:20:00Z", ends_at="2026-06-01T12:40:00Z")
    loop.beat(*[300] * 12)
    assert loop.ticks() == [("12:20", "fired"), ("12:30", "fired")]
    assert loop.listed()["next_at"] is None
    assert loop.listed()["next_ticks"] == []


def test_start_and_end_without_a_zone_are_in_that_of_the_schedule(loop):
    loop.schedule(cron="* * * * *", timezone="Asia/Tokyo", starts_at="2026-06-02", ends_at="2026-06-02 00:02")
    assert [f"{tick:%H:%M}" for tick in loop.listed()["next_ticks"]] == ["15:00", "15:01"]


def test_setting_it_again_changes_nothing_and_loses_no_tick(loop):
    loop.schedule()
    loop.at(loop.now + timedelta(seconds=660))
    before = loop.contents()
    assert loop.schedule()["changed"] is False
    assert loop.contents() == before
    assert loop.schedule(overlap="skip")["changed"] is True
    loop.beat()
    assert loop.ticks() == [("12:10", "fired")]


def test_other_times_count_from_now_on(loop):
    loop.schedule()
    loop.at(loop.now + timedelta(seconds=660))
    loop.schedule(every_seconds=60)
    loop.beat(60)
    assert loop.ticks() == [("12:12", "fired")]


def test_disabled_it_does_not_tick_and_enabled_it_ticks_from_now_on(loop):
    loop.schedule()
    assert loop.value("select fn_disable_schedule('s')") is True
    assert loop.value("select fn_disable_schedule('s')") is False
    loop.beat(660)
    assert loop.value("select fn_enable_schedule('s')") is True
    assert loop.value("select fn_enable_schedule('s')") is False
    loop.beat(600)
    assert loop.ticks() == [("12:20", "fired")]
    assert loop.broken() == []


def test_deleted_it_is_gone_and_what_came_of_it_stays(loop):
    loop.schedule()
    loop.beat(600)
    loop.value("select fn_delete_schedule('s', 'ada', 'enough')")
    loop.beat(600)
    assert loop.rows("select * from fn_list_schedules()") == loop.ticks() == []
    assert len(loop.events()) == 1
    loop.refused("025", "select fn_delete_schedule('s')")
    # The same tick of a schedule of the same name is the same tick.
    loop.at("2026-06-01 12:05:00+00")
    loop.schedule()
    loop.beat(300)
    assert len(loop.events()) == 1


def test_whoever_does_something_is_on_record(loop):
    loop.schedule()
    for call in ("disable", "enable", "run", "delete"):
        loop.rows(f"select fn_{call}_schedule('s', 'ada', 'why not')")
    found = loop.rows(
        "select action, actor, subject_id from ops_audit_log where subject_type = 'schedule' order by id"
    )
    assert [(row["action"], row["actor"], row["subject_id"]) for row in found] == [
        (f"{call}_schedule", "ada", "s") for call in ("set", "disable", "enable", "run", "delete")
    ]


def test_a_clock_that_jumps_back_lets_no_tick_happen_twice(loop):
    loop.schedule("cron", cron="*/10 * * * *")
    loop.schedule("seconds")
    loop.beat(600, 600, -1200, 600, 600, 300)
    assert len(loop.events()) == 4
    # Also where a schedule is set anew meanwhile.
    loop.beat(-1500)
    loop.schedule("cron", cron="*/5 * * * *")
    loop.beat(300, 300, 300, 300)
    ticks = [e["data"]["tick"][11:16] for e in loop.events() if e["data"]["schedule"] == "cron"]
    assert sorted(ticks) == ["12:05", "12:10", "12:15", "12:20"]
    assert loop.broken() == []


def test_a_clock_that_was_ahead_leaves_a_schedule_silent_and_health_says_so(loop):
    loop.schedule()
    loop.beat(86400, -86400)
    found = loop.health()
    assert (found["status"], "the clock was set back" in found["value"]) == ("warn", True)
    loop.value("select fn_disable_schedule('s')")
    loop.value("select fn_enable_schedule('s')")
    assert loop.health()["status"] == "ok"
    loop.beat(600)
    assert ("12:10", "fired") in loop.ticks()


def test_paused_it_does_not_tick_and_resumed_it_catches_up(loop):
    loop.schedule(catch_up="all")
    done = loop.value("select fn_pause('schedule', 's', 'ada', 'noise')")
    assert (done["changed"], done["ready"], done["could_still_commit"]) == (True, 0, [])
    assert loop.listed()["paused"] is True
    loop.beat(600, 600)
    assert loop.ticks() == []
    assert loop.value("select _seconds_until_due()") is None
    loop.value("select fn_resume('schedule', 's')")
    loop.beat(1)
    assert loop.ticks() == [("12:10", "fired"), ("12:20", "fired")]


def test_a_pause_covers_no_steps(loop):
    loop.schedule(template=template(step("a")))
    loop.beat(600)
    loop.value("select fn_pause('schedule', 's')")
    assert len(loop.claim()) == 1


def test_what_does_not_exist_cannot_be_paused(loop):
    loop.refused("025", "select fn_pause('schedule', 'other')")
    loop.refused("018", "select fn_pause('schedule')")


def test_a_worker_that_sleeps_is_told_when_the_next_tick_is_due(loop):
    loop.schedule(cron="0 13 * * *")
    assert loop.value("select _seconds_until_due()") == 3600


def test_a_turn_takes_a_hundred_ticks_at_most(loop):
    for number in range(150):
        loop.schedule(f"s{number}", cron="0 13 * * *")
    loop.beat(3600)
    assert len(loop.events()) == 100
    loop.beat(1)
    assert len(loop.events()) == 150
    assert loop.broken() == []


def test_a_thousand_ticks_are_kept(loop):
    loop.schedule(every_seconds=1)
    loop.beat(*[99] * 12)
    loop.do("delete from ops_agent_events")
    assert loop.value("select count(*) from ops_schedule_ticks") == 1000


@pytest.mark.parametrize("field", ["event_type", "template"])
def test_one_that_cannot_be_emitted_or_proposed_holds_up_no_other(loop, field):
    large = {
        "event_type": {"data": {"text": "x" * 3000}},
        "template": {"template": template(step("a"), rationale="x" * 3000)},
    }
    loop.schedule("bad", **large[field])
    loop.schedule("good")
    limits = "select fn_set_policy('size_limits', %s)"
    loop.value(limits, {"template_bytes": 2000, "event_bytes": 2000})
    loop.beat(600)
    assert loop.ticks("bad") == [("12:10", "refused")]
    assert loop.ticks("good") == [("12:10", "fired")]
    listed = loop.listed("bad")
    assert (listed["last_outcome"], listed["last_code"], listed["failures"]) == ("refused", "OPS_045", 1)
    found = loop.health()
    assert (found["status"], "bad (1 in a row: OPS_045" in found["value"]) == ("warn", True)
    loop.beat(600, 600)
    assert loop.health()["status"] == "fail"
    loop.value(limits, {})
    loop.beat(600)
    assert loop.health()["status"] == "ok"


def test_health_says_that_policy_rejects_what_a_schedule_proposes(loop):
    loop.schedule(template=template(step("a", "command", params={"argv": ["rm", "-rf", "/"]})))
    loop.beat(600)
    assert loop.ticks() == [("12:10", "rejected")]
    found = loop.health()
    assert (found["status"], "OPS_003" in found["value"]) == ("warn", True)


def test_health_says_that_ticks_are_late(loop):
    loop.schedule()
    loop.at(loop.now + timedelta(seconds=600 + 901))
    found = loop.health()
    assert (found["status"], "due since" in found["value"]) == ("warn", True)


def test_a_time_zone_that_the_server_has_lost_is_reported_and_holds_up_no_other(loop):
    loop.schedule("lost", cron="0 * * * *", timezone="Asia/Tokyo")
    loop.schedule("good")
    loop.do("update ops_schedules set timezone = 'Asia/Atlantis' where name = 'lost'")
    loop.beat(3600)
    assert loop.ticks("good")[-1] == ("13:00", "fired")
    assert "Asia/Atlantis" in loop.health()["value"]
    loop.beat(1)
    assert loop.listed("good")["last_outcome"] == "fired"


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("source", "schedule:s"),
        ("key", "schedule:s:2026-06-01T12:10:00Z"),
        ("event", "schedule:s:2026-06-01T12:10:00Z"),
    ],
)
def test_nobody_else_can_take_the_place_of_a_tick(loop, kind, name):
    if kind == "event":
        loop.refused("019", "select fn_emit_event('tick', '{}', %s)", name)
    else:
        source, key = (name, None) if kind == "source" else ("manual", name)
        loop.refused("018", "select fn_create_proposal(%s, %s, %s)", template(step("a")), source, key)


def test_a_trail_begins_with_the_schedule(loop):
    loop.schedule(template=template(step("a")))
    loop.beat(600)
    mission = loop.value("select id from ops_missions")
    first, second, *_ = loop.rows("select * from fn_trail(%s)", mission)
    assert (first["what"], first["subject"], first["detail"]) == (
        "schedule",
        "s",
        "tick 2026-06-01T12:10:00Z; due",
    )
    login = loop.value("select session_user")
    assert (first["who"], second["what"]) == (f"ada (login {login})", "proposal")


def test_a_trail_of_an_event_begins_with_the_schedule(loop):
    loop.react({"event_type": "tick"})
    loop.schedule()
    loop.beat(600)
    mission = loop.value("select id from ops_missions")
    assert [row["what"] for row in loop.rows("select * from fn_trail(%s)", mission)][:3] == [
        "schedule",
        "event",
        "reaction",
    ]


def test_the_inbox_says_which_schedule_asks(loop):
    loop.allow("nothing")
    loop.react({"event_type": "tick"})
    loop.schedule()
    loop.schedule("t", template=template(step("a")))
    loop.beat(600)
    found = loop.rows("select caused_by from fn_inbox() order by caused_by #>> '{schedule,name}'")
    assert [row["caused_by"]["schedule"] for row in found] == [
        {"name": "s", "tick": "2026-06-01T12:10:00Z"},
        {"name": "t", "tick": "2026-06-01T12:10:00Z"},
    ]


def test_what_is_out_of_step_is_found(loop):
    loop.schedule(template=template(step("a")))
    loop.beat(600)
    for change in (
        "update ops_schedules set next_at = null",
        "update ops_schedules set enabled = false",
        "update ops_schedule_ticks set proposal_id = null",
        "update ops_schedule_ticks set schedule = 'gone', outcome = 'queued'",
    ):
        with loop.conn.transaction(force_rollback=True):
            loop.do(change)
            assert [row["invariant"][:2] for row in loop.broken()] == ["16"], change
