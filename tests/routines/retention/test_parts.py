"""What goes when, part by part, beside missions; what fails; what health says."""

import json
from uuid import uuid4

import pytest

from looping import step


def letters(loop):
    """Names of the dead letters there are."""
    return [r["dl_msg_id"] for r in loop.rows("select dl_msg_id from dead_letter_archive order by id")]


def test_dead_letters_go_by_their_own_days(loop, retention):
    retention.document(missions_days=90, dead_letters_days=200)
    loop.allow()
    mission = loop.mission(step("a"))
    loop.fail_for_good(mission)
    (letter,) = letters(loop)
    retention.days(91)
    assert retention.purge() == {"missions": 1}
    assert letters(loop) == [letter]
    # Its step is gone: the letter has the whole, and is not put back.
    loop.refused("083", "select * from fn_redrive_dead_letter(%s, 'ada')", letter)
    retention.days(110)
    assert retention.purge() == {"dead_letters": 1}


def test_a_message_that_gave_up_stays_as_long_as_its_letter(loop, retention):
    retention.document(outbox_days=10, dead_letters_days=50)
    loop.policy("outbox", max_tries=1)
    loop.value("select fn_publish_outbox('order', '1', 'order:made')")
    (claimed,) = loop.rows("select * from fn_claim_outbox_events('p', 10)")
    loop.value("select fn_complete_outbox_event(%s, 'p', false, 'no')", claimed["id"])
    assert len(letters(loop)) == 1
    retention.days(11)
    assert retention.purge() == {}
    retention.days(40)
    assert retention.purge() == {"dead_letters": 1}
    assert retention.purge() == {"outbox": 1}


def test_messages_that_wait_stay(loop, retention):
    retention.document(outbox_days=10)
    loop.value("select fn_publish_outbox('order', '1', 'order:made')")
    retention.days(100)
    assert retention.purge() == {}
    assert loop.broken() == []


def test_events_that_led_to_what_is_there_stay(loop, retention):
    retention.document(events_days=10)
    loop.allow()
    loop.react()
    led, idle = loop.emit(), loop.emit("nothing")
    loop.turn()
    retention.days(11)
    retention.purge()
    there = [e["id"] for e in loop.events()]
    assert led in there
    assert idle not in there
    assert loop.broken() == []


def test_events_that_wait_stay(loop, retention):
    retention.document(events_days=10)
    event = loop.emit()
    retention.days(11)
    assert retention.purge() == {}
    assert [e["id"] for e in loop.events()] == [event]


def test_an_event_that_came_for_a_purged_mission_goes_too(loop, retention):
    retention.document(missions_days=10)
    mission = retention.finished()
    retention.days(11)
    retention.purge()
    loop.do(
        "insert into ops_agent_events (type, mission_id, processed_at, created_at)"
        " values ('late', %s, _now(), _now())",
        mission,
    )
    assert retention.purge() == {}
    retention.days(11)
    assert retention.purge()["events"] == 1


def test_the_audit_log_goes_by_history_days_and_by_nothing_else(loop, retention):
    retention.document(history_days=30)
    made = loop.value("select count(*) from ops_audit_log")
    assert made >= 1
    retention.days(31)
    assert retention.purge()["audit"] == made
    assert loop.value("select count(*) from ops_audit_log") == 0


def test_policy_history_is_never_purged(loop, retention):
    for days in (10, 20, 30):
        retention.document(history_days=days)
    retention.days(400)
    retention.purge()
    assert loop.value("select count(*) from ops_policy_history where key = 'retention'") == 3
    assert loop.broken() == []


def test_transitions_that_count_for_a_directive_stay(loop, retention):
    retention.document(history_days=30)
    loop.do("insert into strategic_directives (id, current_phase) values ('SD-1', 'EXEC_IMPLEMENTATION')")
    kept, failed = uuid4(), uuid4()
    for row, status in ((kept, "completed"), (failed, "failed")):
        loop.do(
            "insert into sd_transition_audit (id, sd_id, transition_type, status, created_at, request_id)"
            " values (%s, 'SD-1', 'x', %s, _now(), %s)",
            row,
            status,
            str(row),
        )
    loop.do(
        "insert into sd_phase_handoffs (id, sd_id, handoff_type, from_phase, to_phase, status, created_at)"
        " values (gen_random_uuid(), 'SD-1', 'x', 'a', 'b', 'blocked', _now())"
    )
    retention.days(31)
    done = retention.purge()
    assert (done["transitions"], done["handoffs"]) == (1, 1)
    assert [r["id"] for r in loop.rows("select id from sd_transition_audit")] == [kept]
    loop.do("delete from strategic_directives")
    assert retention.purge()["transitions"] == 1


def test_replays_live_as_long_as_dedupe_keys(loop, retention):
    retention.document(history_days=30)
    loop.row("select * from fn_record_replay('m', p_idempotency_key => 'k')")
    retention.days(3000)
    retention.purge()
    assert loop.value("select count(*) from replay_log") == 1
    retention.document(history_days=30, dedupe_days=30)
    assert retention.purge()["replays"] == 1


def test_counters_of_caps_whose_proposals_are_gone_go_too(loop, retention):
    retention.document(missions_days=10)
    loop.policy("proposal_caps", daily_limit=5)
    retention.finished()
    loop.policy("retention", keep_failed_days=500)
    failed = loop.mission(step("a"))
    loop.fail_for_good(failed)
    retention.days(11)
    retention.purge()
    assert loop.broken() == []


def test_what_another_table_refers_to_is_passed_over_and_health_says_so(loop, retention):
    retention.document(missions_days=10)
    kept = retention.finished()
    loop.do("create table notes (mission uuid references ops_missions (id))")
    loop.do("insert into notes values (%s)", kept)
    others = [retention.finished() for _ in range(5)]
    retention.days(11)
    assert retention.purge() == {"missions": 5}
    assert [r["id"] for r in loop.rows("select id from ops_missions")] == [kept]
    assert loop.value("select count(*) from ops_mission_steps") == 1
    check = loop.row("select * from fn_check_health() where name = 'retention'")
    assert check["status"] == "warn"
    assert "notes" in check["value"]
    loop.do("drop table notes")
    retention.days(1)
    assert retention.purge() == {"missions": 1}
    assert loop.row("select status from fn_check_health() where name = 'retention'") == {"status": "ok"}
    assert others


def test_health_says_how_much_is_kept_for_ever(loop, retention):
    said = loop.row("select * from fn_check_health() where name = 'kept for ever'")
    assert said["status"] == "ok"
    assert " MB for ever" in said["value"]
    loop.do("update pg_class set reltuples = 7000 where oid = 'ops_missions'::regclass")
    assert "7000 missions" in loop.value("select value from fn_check_health() where name = 'kept for ever'")
    retention.document(missions_days=10)
    assert "missions" not in loop.value("select value from fn_check_health() where name = 'kept for ever'")


def test_the_heartbeat_does_it_when_there_is_a_document(loop, retention):
    retention.finished()
    retention.days(400)
    loop.turn()
    assert loop.value("select count(*) from ops_missions") == 1
    retention.document(missions_days=90)
    loop.advance(60)
    loop.turn()
    assert loop.value("select count(*) from ops_missions") == 0


def test_cooldowns_of_patterns_that_are_gone_are_tidied(loop, retention):
    loop.react({"name": "kept", "cooldown_minutes": 5}, {"name": "gone", "cooldown_minutes": 5})
    loop.emit()
    loop.turn()
    assert loop.value("select count(*) from ops_pattern_cooldowns") == 2
    loop.react({"name": "kept", "cooldown_minutes": 5})
    retention.days(2)
    loop.turn()
    assert [r["pattern"] for r in loop.rows("select pattern from ops_pattern_cooldowns")] == ["kept"]


def test_metrics_do_not_fall(loop, retention):
    retention.document(
        missions_days=10, events_days=10, outbox_days=10, dead_letters_days=10, history_days=10
    )
    loop.allow()
    mission = loop.mission(step("a"))
    loop.fail_for_good(mission)
    loop.value("select fn_acquire_lock('l', 'h', 10)")
    counters = "select name, value from fn_metrics() where kind = 'counter' order by name"
    before = loop.rows(counters)
    retention.days(11)
    retention.purge()
    assert all(a["value"] >= b["value"] for a, b in zip(loop.rows(counters), before, strict=True))


# Archives


def test_rows_are_moved_to_archives_when_the_document_says_so(loop, retention):
    retention.document(missions_days=10, archive=True)
    loop.do("create table ops_mission_steps_archive (like ops_mission_steps including all)")
    mission = retention.finished(step("a"), step("b"), key="k")
    was = loop.row("select * from ops_missions where id = %s", mission)
    steps = loop.rows("select * from ops_mission_steps order by id")
    retention.days(11)
    assert retention.purge() == {"missions": 1}
    assert loop.row("select * from ops_missions_archive") == was
    assert loop.rows("select * from ops_mission_steps_archive order by id") == steps
    assert loop.value("select count(*) from ops_mission_proposals_archive") == 1
    assert loop.value("select count(*) from ops_action_runs_archive") == 2
    diag = loop.refused("083", "select * from fn_trail(%s)", mission)
    assert json.loads(diag.message_detail)["how"] == "archive"


def test_a_row_that_the_archive_has_already_is_deleted_only(loop, retention):
    retention.document(missions_days=10, archive=True)
    loop.do("create table ops_mission_steps_archive (like ops_mission_steps including all)")
    retention.finished()
    loop.do("insert into ops_mission_steps_archive select * from ops_mission_steps")
    retention.days(11)
    assert retention.purge() == {"missions": 1}
    assert loop.value("select count(*) from ops_mission_steps_archive") == 1


def test_a_dedupe_key_that_is_free_again_is_archived_twice(loop, retention):
    retention.document(missions_days=10, archive=True, dedupe_days=1)
    for _ in range(2):
        retention.finished(key="k")
        retention.days(12)
        retention.purge()
        retention.days(2)
    assert loop.value("select count(*) from ops_mission_proposals_archive where dedupe_key = 'k'") == 2


def test_an_archive_that_lacks_a_column_is_refused_with_the_statement_that_adds_it(loop, retention):
    retention.document(missions_days=10, archive=True)
    loop.do("create table ops_mission_steps_archive (like ops_mission_steps including all)")
    loop.do("alter table ops_mission_steps_archive drop column wait_reason")
    retention.finished()
    retention.days(11)
    retention.purge()
    check = loop.row("select * from fn_check_health() where name = 'retention'")
    assert "OPS_084" in check["value"]
    assert loop.value("select count(*) from ops_missions") == 1
    loop.do("alter table opsloop.ops_mission_steps_archive add column wait_reason text")
    retention.days(1)
    assert retention.purge() == {"missions": 1}


# By hand


PURGE = "select * from fn_purge(%s, _now() - interval '10 days', %s)"


def test_what_would_go_is_counted_and_stays(loop, retention):
    retention.finished()
    retention.days(11)
    before = loop.contents()
    (done,) = loop.rows(PURGE, "missions", "count")
    assert (done["of_table"], json.loads(done["gone"])["purged"]) == (None, 1)
    assert loop.contents() == before


def test_exported_rows_are_returned_whole(loop, retention):
    mission = retention.finished(step("a"), step("b"))
    steps = loop.rows("select to_jsonb(s) as row from ops_mission_steps s order by id")
    retention.days(11)
    rows = loop.rows(PURGE, "missions", "export")
    assert json.loads(rows[-1]["gone"])["purged"] == 1
    by_table = {}
    for row in rows[:-1]:
        by_table.setdefault(row["of_table"], []).append(json.loads(row["gone"]))
    assert sorted(by_table["ops_mission_steps"], key=lambda s: s["id"]) == [s["row"] for s in steps]
    assert [m["id"] for m in by_table["ops_missions"]] == [str(mission)]
    assert len(by_table["ops_action_runs"]) == 2
    assert loop.broken() == []


def test_a_purge_by_hand_is_on_record(loop, retention):
    retention.finished()
    retention.days(11)
    loop.rows(PURGE, "missions", "delete")
    (found,) = loop.rows("select * from fn_list_purges()")
    assert (found["part"], found["how"], found["purged"]) == ("missions", "delete", 1)


def test_failed_missions_stay_as_long_as_the_document_says_by_hand_too(loop, retention):
    retention.document(keep_failed_days=365)
    loop.allow()
    loop.fail_for_good(loop.mission(step("a")))
    retention.days(11)
    (done,) = loop.rows(PURGE, "missions", "delete")
    assert json.loads(done["gone"])["purged"] == 0


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("p_part", ("nothing", "2020-01-01", "delete")),
        ("p_part", (None, "2020-01-01", "delete")),
        ("p_before", ("missions", "infinity", "delete")),
        ("p_before", ("missions", "-infinity", "delete")),
        ("p_before", ("missions", None, "delete")),
        ("p_how", ("missions", "2020-01-01", "burn")),
        ("p_how", ("missions", "2020-01-01", None)),
        ("p_after", ("missions", "2020-01-01", "delete", "12")),
        ("p_after", ("outbox", "2020-01-01", "delete", "00000000-0000-0000-0000-000000000000")),
        ("p_after", ("outbox", "2020-01-01", "delete", "x'; drop")),
        ("p_batch", ("outbox", "2020-01-01", "export", None, "")),
        ("p_limit", ("outbox", "2020-01-01", "delete", None, None, 0)),
        ("p_limit", ("outbox", "2020-01-01", "delete", None, None, None)),
    ],
)
def test_an_argument_that_cannot_be_is_refused_by_its_name(loop, name, args):
    refusal = loop.refused("018", f"select * from fn_purge({', '.join(['%s'] * len(args))})", *args)
    assert refusal.message_primary.startswith(f"OPS_018: {name} must ")


def test_what_ended_less_than_a_day_ago_is_not_purged_by_hand(loop):
    loop.refused("018", "select * from fn_purge('missions', _now() - interval '23 hours')")


# Results that an open mission needs


def test_a_step_whose_result_was_deleted_waits_and_goes_on_when_it_is_back(loop):
    loop.allow()
    mission = loop.mission(
        step("a"), step("b", after=["a"]), step("c", after=["b"], params={"n": "{{steps.a.result.n}}"})
    )
    loop.complete(loop.work(mission, "a"), {"n": 7})
    loop.do("create table kept as select * from ops_mission_steps where key = 'a'")
    loop.do("delete from ops_mission_steps where key = 'a'")
    loop.complete(loop.work(mission, "b"))
    assert loop.claim() == []
    row = loop.step(mission, "c")
    assert (row["status"], row["last_error_code"]) == ("waiting", None)
    assert loop.value("select code from ops_parked_steps") == "OPS_082"
    assert loop.status(mission) == "running"
    why = loop.rows("select * from fn_explain_step(%s)", row["id"])
    assert [(w["reason"], w["code"], "step a" in w["detail"]) for w in why][:1] == [("hold", "OPS_082", True)]
    loop.refused("082", "select fn_retry_step(%s)", row["id"])
    check = loop.row("select * from fn_check_health() where name = 'retention'")
    assert (check["status"], check["value"]) == ("warn", "1 steps need results that are gone")
    loop.do("insert into ops_mission_steps select * from kept")
    assert loop.retry(row["id"]) == "queued"
    (work,) = loop.claim()
    assert work["params"] == {"n": 7}


def test_a_placeholder_that_the_result_does_not_have_still_fails(loop):
    loop.allow()
    mission = loop.mission(step("a"), step("b", after=["a"], params={"n": "{{steps.a.result.m}}"}))
    loop.complete(loop.work(mission, "a"), {"n": 7})
    assert loop.claim() == []
    assert loop.step(mission, "b")["status"] == "failed"


def test_a_schema_fault_is_told(loop):
    diag = loop.refused("017", "select fn_set_policy('retention', %s)", {"missions_days": 0, "weeks": 3})
    assert "missions_days" in diag.message_detail
    assert "weeks" in diag.message_detail
