"""Checks and metrics of what goes wrong between workers, relays and the server: each fires, and each is quiet."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from looping import Loop, Row, step


def check(loop: Loop, name: str) -> Row:
    return loop.row("select status, value, hint from fn_check_health() where name = %s", name)


def metric(loop: Loop, name: str) -> Any:
    return loop.value("select value from fn_metrics() where name = %s", name)


@pytest.fixture
def apart(conn: psycopg.Connection[Any]) -> Loop:
    """The loop in a database of the test's own, which other sessions see."""
    return Loop(conn)


# Leases over but not taken back, with what holds them


@pytest.mark.parametrize(("table", "key"), [("ops_missions", "mission_id"), ("ops_mission_steps", "step_id")])
def test_a_lease_that_nobody_can_take_back_is_shown_with_the_session_to_end(
    apart: Loop, connect: Callable[..., psycopg.Connection[Any]], table: str, key: str
) -> None:
    mission = apart.mission(step("a"))
    work = apart.work(mission)
    holder = connect(application_name="a report", autocommit=False)
    holder.execute(f"select from {table} where id = %s for update", (work[key],))
    apart.advance(31)
    apart.turn()
    assert check(apart, "leases over")["status"] == "ok"

    apart.advance(61)
    apart.turn()

    found = check(apart, "leases over")
    remedy = f"select pg_terminate_backend({holder.info.backend_pid});"
    assert found["status"] == "warn"
    assert found["hint"]
    assert all(word in found["value"] for word in (str(work["step_id"]), "a report", remedy)), found
    assert metric(apart, "opsloop_leases_overdue_seconds") > 60
    apart.advance(240)
    assert check(apart, "leases over")["status"] == "fail"
    apart.rows(remedy.replace(");", ", 5000)"))
    apart.advance(2)
    apart.turn()
    assert check(apart, "leases over") == {"status": "ok", "value": "none", "hint": None}
    assert metric(apart, "opsloop_leases_overdue_seconds") == 0


def test_of_several_that_share_a_row_the_oldest_open_transaction_is_named(
    apart: Loop, connect: Callable[..., psycopg.Connection[Any]]
) -> None:
    mission = apart.mission(step("a"))
    apart.work(mission)
    first, second = (connect(autocommit=False) for _ in range(2))
    for holder in (first, second):
        holder.execute("select from ops_missions where id = %s for share", (mission,))
    apart.advance(100)
    apart.turn()
    assert f"pg_terminate_backend({first.info.backend_pid})" in check(apart, "leases over")["value"]
    first.rollback()
    assert f"pg_terminate_backend({second.info.backend_pid})" in check(apart, "leases over")["value"]


def test_a_prepared_transaction_comes_with_its_rollback(
    apart: Loop, connect: Callable[..., psycopg.Connection[Any]]
) -> None:
    mission = apart.mission(step("a"))
    apart.work(mission)
    preparing = connect()
    preparing.execute("begin")
    preparing.execute("select from ops_missions for update")
    preparing.execute("prepare transaction 'left behind'")
    try:
        apart.advance(100)
        apart.turn()
        assert "rollback prepared 'left behind';" in check(apart, "leases over")["value"]
    finally:
        preparing.execute("rollback prepared 'left behind'")
    apart.advance(2)
    apart.turn()
    assert check(apart, "leases over")["status"] == "ok"


def test_where_nothing_holds_it_the_statement_takes_it_back(loop: Loop) -> None:
    loop.work(loop.mission(step("a")))
    loop.advance(100)
    found = check(loop, "leases over")
    assert "select * from fn_recover_expired_leases();" in found["value"]
    loop.rows("select * from fn_recover_expired_leases()")
    assert check(loop, "leases over")["status"] == "ok"


# Lost, fenced and held


def test_lost_fenced_and_held_steps_are_counted(loop: Loop) -> None:
    for name in ("steps lost", "steps fenced", "steps held"):
        assert check(loop, name) == {"status": "ok", "value": "0", "hint": None}
    for _ in range(3):
        loop.mission(step("a", on_lease_lost="hold"))
        loop.mission(step("a"))
    late = loop.claim(6)
    loop.advance(31)
    loop.turn()
    for work in late:
        assert loop.complete(work) == "OPS_006"

    counted = ("opsloop_steps_lost_total", "opsloop_steps_fenced_total", "opsloop_steps_held")
    assert [metric(loop, name) for name in counted] == [6, 6, 3]
    for name, value in (("steps lost", "6"), ("steps fenced", "6"), ("steps held", "3")):
        found = check(loop, name)
        assert (found["status"], found["value"], bool(found["hint"])) == ("warn", value, True), name
    loop.advance(11)
    loop.turn()
    loop.advance(3600 + 1200)
    assert check(loop, "steps lost")["status"] == check(loop, "steps fenced")["status"] == "ok"
    assert metric(loop, "opsloop_steps_lost_total") == 6


# What workers and relays tell


@pytest.mark.parametrize(
    ("count", "name", "total", "number"),
    [
        ("dropped", "results dropped", "opsloop_results_dropped_total", 1),
        ("reconnects", "reconnects", "opsloop_reconnects_total", 50),
        ("claims_refused", "claims refused", "opsloop_claims_refused_total", 10),
    ],
)
def test_what_processes_count_is_summed_up_once(
    loop: Loop, count: str, name: str, total: str, number: int
) -> None:
    def tell(process: str, value: int) -> None:
        loop.rows("select fn_report_counts(%s, %s)", process, {count: value})

    tell("w1", number - 1)
    tell("w1", number - 1)  # said twice: the answer was lost
    assert (check(loop, name)["status"], metric(loop, total)) == ("ok", number - 1)
    tell("w1", 0)  # late
    tell("w1", number - 1)
    tell("w2", 1)
    assert metric(loop, total) == number
    loop.turn()
    found = check(loop, name)
    assert (found["status"], found["value"], bool(found["hint"])) == ("warn", str(number), True)
    loop.advance(4800)
    assert check(loop, name)["status"] == "ok"


@pytest.mark.parametrize("counts", [{"dropped": -1}, {"dropped": 1.5}, {"dropped": "1"}, {"eaten": 1}])
def test_counts_that_cannot_be_are_refused(loop: Loop, counts: Row) -> None:
    loop.refused("018", "select fn_report_counts('w1', %s)", counts)


def test_what_processes_told_is_forgotten_in_time(loop: Loop) -> None:
    loop.rows("select fn_report_counts('w1', %s)", {"dropped": 1})
    loop.rows("select _duty_base()")
    loop.advance(8 * 86400)
    loop.rows("select _count('opsloop_results_dropped_total')")
    loop.rows("select _duty_base()")
    assert loop.rows("select * from ops_process_counts") == []
    assert loop.value("select sum(n) from ops_count_times") == 1
    assert metric(loop, "opsloop_results_dropped_total") == 2


# Phases of the heartbeat


def test_phases_that_fail_now_and_then_are_named_though_never_three_turns_in_a_row_fail(loop: Loop) -> None:
    loop.turn()
    assert check(loop, "heartbeat phases") == {"status": "ok", "value": "0", "hint": None}
    source = loop.value("select pg_get_functiondef('_duty_proposals'::regproc)")
    for _ in range(5):
        loop.do(
            "create or replace function _duty_proposals(p_limit integer) returns void language plpgsql as"
            " $$ begin raise exception using errcode = '53200'; end $$"
        )
        assert not loop.heartbeat()["ok"]
        loop.conn.execute(source)
        loop.advance(11)
        loop.turn()
    found = check(loop, "heartbeat phases")
    assert (found["status"], found["value"]) == ("warn", "5: gates: 53200")
    assert check(loop, "heartbeat failures")["status"] == "ok"
    assert metric(loop, "opsloop_heartbeat_phases_failed_total") == 5


# The outbox


def test_a_message_that_waits_for_long_is_shown_with_its_age(loop: Loop) -> None:
    loop.policy("outbox", routes=[{"name": "all", "event_type": "*", "sink": "notify", "channel": "c"}])
    assert check(loop, "outbox age") == {"status": "ok", "value": "nothing waits", "hint": None}
    loop.rows("select fn_publish_outbox('order', '7', 'order:placed')")
    assert check(loop, "outbox age")["status"] == "ok"
    loop.advance(301)
    found = check(loop, "outbox age")
    assert (found["status"], found["value"]) == ("warn", "00:05:01, of order 7")
    loop.advance(3300)
    assert check(loop, "outbox age")["status"] == "fail"
    assert metric(loop, "opsloop_outbox_oldest_seconds") > 3600

    # Claimed, and to be tried again: it still waits.
    (claimed,) = loop.rows("select * from fn_claim_outbox_deliveries('r1')")
    assert check(loop, "outbox age")["status"] == "fail"
    loop.rows("select * from fn_complete_outbox_event(%s, 'r1', true)", claimed["id"])
    assert check(loop, "outbox age")["status"] == "ok"
    assert metric(loop, "opsloop_outbox_oldest_seconds") == 0


def test_messages_without_a_route_that_can_be_used_are_shown_with_the_reason(loop: Loop) -> None:
    assert check(loop, "outbox routes") == {"status": "ok", "value": "none", "hint": None}
    for n in range(2):
        loop.rows("select fn_publish_outbox('order', %s, 'order:placed')", str(n))
    found = check(loop, "outbox routes")
    assert (found["status"], found["value"]) == ("warn", "2 × no route in the policy outbox for order:placed")
    assert metric(loop, "opsloop_outbox_undeliverable") == 2
    loop.policy("outbox", routes=[{"name": "other", "event_type": "b:*", "sink": "notify", "channel": "c"}])
    loop.rows("select * from fn_claim_outbox_deliveries('r1')")  # leaves them alone for a while
    assert check(loop, "outbox routes")["status"] == "warn"
    loop.policy("outbox", routes=[{"name": "all", "event_type": "*", "sink": "notify", "channel": "c"}])
    assert check(loop, "outbox routes")["status"] == "ok"


# Locks


def test_a_lock_that_is_over_and_cannot_be_taken_is_shown_with_the_session_to_end(
    apart: Loop, connect: Callable[..., psycopg.Connection[Any]]
) -> None:
    apart.value("select fn_acquire_lock('report', 'me', 30)")
    apart.advance(3600)
    assert check(apart, "locks over") == {"status": "ok", "value": "none", "hint": None}
    apart.turn()
    apart.value("select fn_acquire_lock('report', 'me', 30)")
    holder = connect(application_name="a report", autocommit=False)
    holder.execute("select from distributed_locks where lock_name = 'report' for update")
    assert check(apart, "locks over")["status"] == "ok"
    apart.advance(91)
    apart.turn()
    found = check(apart, "locks over")
    remedy = f"select pg_terminate_backend({holder.info.backend_pid});"
    assert found["status"] == "warn"
    assert all(word in found["value"] for word in ("report of me", "a report", remedy)), found
    apart.advance(600)
    assert check(apart, "locks over")["status"] == "fail"
    assert metric(apart, "opsloop_locks_overdue_seconds") > 600
    apart.rows(remedy.replace(");", ", 5000)"))
    assert check(apart, "locks over")["status"] == "ok"


# Waits


def test_a_wait_that_is_over_is_shown_with_what_keeps_its_step(
    apart: Loop, connect: Callable[..., psycopg.Connection[Any]]
) -> None:
    waits = apart.mission(step("a", "wait", params={"seconds": 60}))
    tried = apart.mission(step("a"))
    apart.fail(apart.work(tried), after=60)
    apart.turn()
    assert check(apart, "waits over") == {"status": "ok", "value": "none", "hint": None}
    apart.advance(59)
    assert metric(apart, "opsloop_waits_overdue_seconds") == 0
    apart.advance(100)
    found = check(apart, "waits over")
    assert (found["status"], found["value"][:7]) == ("warn", "2 over,")
    apart.turn()
    assert check(apart, "waits over")["status"] == "ok"
    assert apart.status(waits) == "succeeded"

    held = apart.mission(step("a", "wait", params={"seconds": 60}))
    holder = connect(application_name="a report", autocommit=False)
    holder.execute("select from ops_missions where id = %s for update", (held,))
    apart.advance(700)
    apart.turn()
    found = check(apart, "waits over")
    remedy = f"select pg_terminate_backend({holder.info.backend_pid});"
    assert found["status"] == "fail"
    assert all(word in found["value"] for word in (str(apart.step(held)["id"]), "a report", remedy)), found
    assert metric(apart, "opsloop_waits_overdue_seconds") > 600
    apart.rows(remedy.replace(");", ", 5000)"))
    apart.turn()
    assert apart.status(held) == "succeeded"


def test_an_event_that_waits_to_be_given_is_shown(apart: Loop) -> None:
    apart.mission(step("a", "wait", params={"event": "paid"}))
    apart.emit("paid")
    apart.value("select count(*) from fn_evaluate_triggers(10)")
    apart.advance(90)
    assert "an event not given for 00:01:" in check(apart, "waits over")["value"]
    apart.turn()
    assert check(apart, "waits over")["value"] == "none"
