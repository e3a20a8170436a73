"""Lists for people: workers, outbox, locks, directives, sub-agents, and what happened in each minute."""

from datetime import timedelta

import pytest

from looping import Loop, step


def test_workers_are_listed_with_what_they_have_those_that_live_first(loop: Loop):
    loop.register("gone")
    loop.register("stopped")
    loop.value("select fn_unregister_worker('stopped')")
    loop.advance(120)
    loop.register("alive", {"noop": {}, "sql": {}})
    loop.mission(step("a"))
    loop.claim(1, "alive")
    found = loop.rows("select * from fn_list_workers()")
    assert (found[0]["worker_id"], found[0]["status"]) == ("alive", "live")
    assert {one["worker_id"]: one["status"] for one in found} == {
        "alive": "live",
        "gone": "gone",
        "stopped": "stopped",
    }
    assert (found[0]["executors"], found[0]["running"]) == (["noop", "sql"], 1)
    assert len(loop.rows("select * from fn_list_workers(1)")) == 1


def test_a_worker_that_sleeps_is_not_gone(loop: Loop):
    loop.register()
    for _ in range(2):
        loop.value("select fn_fall_asleep('w1', 600)")
    loop.advance(120)
    assert loop.row("select * from fn_list_workers()")["status"] == "asleep"


def test_messages_are_listed_by_what_became_of_them(loop: Loop):
    for number in range(3):
        loop.value("select fn_publish_outbox('order', %s, 'order.paid', '{}')", str(number))
    waiting = loop.rows("select * from fn_list_outbox()")
    assert [one["aggregate_id"] for one in waiting] == ["0", "1", "2"]
    assert {one["held"] for one in waiting} == {"no route in the policy outbox for order.paid"}
    claimed = loop.rows("select * from fn_claim_outbox_events('relay', 2)")
    loop.value("select fn_complete_outbox_event(%s, 'relay', true)", claimed[0]["id"])
    loop.value("select fn_complete_outbox_event(%s, 'relay', false, 'no such host')", claimed[1]["id"])
    (delivered,) = loop.rows("select * from fn_list_outbox(50, 'delivered')")
    assert (delivered["event_id"], delivered["status"], delivered["processor_id"]) == (
        claimed[0]["id"],
        "delivered",
        "relay",
    )
    failed = loop.rows("select * from fn_list_outbox()")[0]
    assert (failed["last_error"], failed["retry_count"]) == ("no such host", 1)
    assert failed["retry_at"] is not None
    assert loop.rows("select * from fn_list_outbox(50, 'dead')") == []
    assert len(loop.rows("select * from fn_list_outbox(1)")) == 1


def test_locks_are_listed_and_one_whose_time_is_over_is_not_held(loop: Loop):
    loop.value("select fn_acquire_lock('backup', 'host-a', 60)")
    loop.value("select fn_acquire_lock('report', 'host-b', 600)")
    loop.do(
        "update distributed_locks set expires_at = now() - interval '1 second' where lock_name = 'backup'"
    )
    found = loop.rows("select lock_name, holder_id, is_held from fn_list_locks()")
    assert [tuple(one.values()) for one in found] == [("backup", "host-a", False), ("report", "host-b", True)]


def test_directives_are_listed_with_who_holds_them_and_their_last_handoff(loop: Loop):
    loop.do(
        "insert into strategic_directives (id, sd_key, title, sd_type, status, updated_at) values"
        " ('SD-1', 'KEY-1', 'Basket', 'feature', 'active', now()),"
        " ('SD-2', null, 'Done', null, 'completed', now() - interval '1 day')"
    )
    loop.value("select fn_claim_directive('SD-1', 'session-1')")
    first, second = loop.rows("select * from fn_list_directives()")
    assert (first["sd_id"], first["session_id"], first["handoff_status"]) == ("SD-1", "session-1", None)
    assert first["threshold"] == loop.value("select fn_gate_threshold('feature')")
    assert second["sd_id"] == "SD-2"
    assert [one["sd_id"] for one in loop.rows("select * from fn_list_directives(50, 'open')")] == ["SD-1"]
    assert [one["sd_id"] for one in loop.rows("select * from fn_list_directives(50, 'completed')")] == [
        "SD-2"
    ]


def test_sub_agents_are_listed_with_the_last_that_each_found(loop: Loop):
    loop.do("insert into leo_sub_agents (code, priority) values ('LOW', 10), ('HIGH', 90)")
    loop.do(
        "insert into sub_agent_execution_results (id, sd_id, sub_agent_code, verdict, confidence) values"
        " ('00000000-0000-7000-8000-000000000001', 'SD-1', 'HIGH', 'FAIL', 80),"
        " ('00000000-0000-7000-8000-000000000002', 'SD-1', 'HIGH', 'PASS', 90)"
    )
    found = loop.rows("select code, verdict from fn_list_sub_agents()")
    assert [tuple(one.values()) for one in found] == [("HIGH", "PASS"), ("LOW", None)]
    found = loop.rows("select verdict from fn_list_sub_agents('SD-1')")
    assert sorted(one["verdict"] for one in found) == ["FAIL", "PASS"]
    assert loop.rows("select * from fn_list_sub_agents('SD-2')") == []
    loop.do("insert into strategic_directives (id, sd_key, title) values ('SD-1', 'LOGIN-1', 'Log in')")
    assert loop.rows("select verdict from fn_list_sub_agents('LOGIN-1')") == found


def test_what_happened_is_counted_by_the_minute(loop: Loop):
    now = loop.stop_clock("2026-11-30 12:00:30+00")
    loop.allow("*")
    loop.register()
    loop.emit("signal")
    loop.complete(loop.work(loop.mission(step("a"))))
    loop.fail_for_good(loop.mission(step("a")))
    # The clock of the loop stands still, that of ids and of most rows' times does not.
    for table, column in (("ops_agent_events", "created_at"), ("ops_action_runs", "completed_at")):
        loop.do(f"update {table} set {column} = %s", now)
    loop.do(
        "update ops_mission_proposals set created_at = %s, approved_at = %s, updated_at = %s", now, now, now
    )
    found = loop.rows("select * from fn_rates(3)")
    assert [one["minute"] for one in found] == [
        now.replace(second=0) - timedelta(minutes=n) for n in (2, 1, 0)
    ]
    last = found[-1]
    assert (last["decisions"], last["succeeded"], last["failed"]) == (2, 1, 1)
    assert last["events"] >= 1
    assert [(one["decisions"], one["succeeded"]) for one in found[:2]] == [(0, 0), (0, 0)]


def test_minutes_are_counted_as_far_back_as_attempts_are_read(loop: Loop):
    loop.stop_clock("2026-11-30 12:00:30+00")
    loop.do(
        "insert into ops_action_runs (id, run_id, step_id, executor, attempt, status, started_at, completed_at) "
        "select gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'noop', 1, 'succeeded', e.at, e.at "
        "from (select _now() - make_interval(secs => n) as at from generate_series(1500, 1, -1) n"
        "       cross join generate_series(1, 25)) e"
    )
    found = [one["succeeded"] for one in loop.rows("select * from fn_rates(20)")]
    assert found == [None] * 14 + [1500] * 5 + [750]


def test_of_many_running_steps_those_that_began_first_are_listed(loop: Loop):
    loop.allow("*")
    loop.register()
    for _ in range(12):
        loop.mission(step("a"))
    begun = [loop.claim()[0]["step_id"] for _ in range(12)]
    assert [one["step_id"] for one in loop.rows("select * from fn_list_running(4)")] == begun[:4]


def test_the_latest_timers_are_looked_at_first(loop: Loop):
    loop.allow("*")
    loop.register()
    for _ in range(10):
        loop.mission(step("a"))
    assert len(loop.claim(10)) == 10
    # Of steps that have ended long since.
    loop.do(
        "insert into ops_timers (due_at, step_ids) "
        "select _now() - interval '1 hour', array(select gen_random_uuid() from generate_series(1, 150000))"
    )
    assert len(loop.rows("select * from fn_list_running(50)")) == 10
    assert loop.value("select running_steps from fn_health()") == 10


@pytest.mark.parametrize(
    "call",
    [
        "fn_list_workers(0)", "fn_list_outbox(1001)", "fn_list_outbox(1, 'gone')", "fn_list_locks(null)",
        "fn_list_directives(0)", "fn_list_sub_agents(null, 0)", "fn_rates(0)", "fn_rates(null)", "fn_rates(1441)",
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(loop: Loop, call: str):
    loop.refused("018", f"select * from {call}")
