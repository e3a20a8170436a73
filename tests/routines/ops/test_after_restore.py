"""The last step of a restore: nothing of the time before counts, and everything that is ready is found again."""

from looping import step, template
from support import wait_until

RESTORE = "select fn_after_restore('ada')"


def test_leases_are_revoked_and_steps_run_again_or_are_held(loop):
    safe, unsafe = loop.mission(step("a")), loop.mission(step("b", on_lease_lost="hold"))
    works = loop.claim(5)
    restored = loop.value(RESTORE)
    assert (restored["revoked"], restored["held"], restored["remaining"]) == (2, 1, 0)
    assert restored["may_run_again"] == {
        "were_running": [str(loop.step(safe)["id"])],
        "by_executor": {"noop": 1},
    }
    assert {loop.complete(w) for w in works} == {"OPS_006"}
    assert loop.steps(safe) == {"a": "queued"}
    assert loop.steps(unsafe) == {"b": "waiting"}
    assert loop.step(safe)["failure_count"] == 0
    assert "a restore" in loop.runs(loop.step(safe)["id"])[0]["error"]
    assert loop.complete(loop.work(safe)) == "accepted"
    assert loop.broken() == []


def test_fencing_tokens_rise_past_those_of_a_lost_time_line(loop):
    loop.value("select fn_acquire_lock('leader', 'me', 60)")
    lost = (
        loop.value("select fn_lock_token('leader', 'me')") + 100 * 10**12
    )  # a hundred kills after the backup
    assert loop.value(RESTORE)["epoch"] > 100
    assert loop.value("select fn_lock_token('leader', 'me')") is None
    tokens = []
    for _ in range(2):
        loop.value("select fn_acquire_lock('leader', 'you', 60)")
        tokens.append(loop.value("select fn_lock_token('leader', 'you')"))
        loop.value(RESTORE)
    assert lost < tokens[0] < tokens[1]
    assert loop.broken() == []


def test_queue_marks_and_sequences_are_made_anew(loop):
    loop.allow()
    loop.react({"event_type": "signal", "template": template(step("a"))})
    waiting = loop.mission(step("x"), step("y"))
    retry = loop.mission(step("r"))
    loop.fail(next(w for w in loop.claim(5) if w["mission_id"] == retry))
    loop.emit()
    loop.emit("noise")
    loop.rows("select fn_evaluate_triggers(1)")
    message = loop.value("select fn_publish_outbox('order', 'a', 'told')")
    loop.rows("select * from fn_claim_outbox_events('p', 10)")
    loop.do("truncate ops_ready, ops_timers, ops_lanes, outbox_heads, outbox_timers, ops_sweep, ops_control")
    for sequence in (
        "ops_ready_seq",
        "ops_lane_seq",
        "ops_timer_seq",
        "outbox_id_seq",
        "ops_audit_log_id_seq",
    ):
        loop.value(f"select setval('{sequence}', 10)")
    restored = loop.value(RESTORE)
    assert restored["queued"] == {"steps": 2, "events": 1, "reactions": 1, "messages": 1}
    assert loop.broken() == []
    assert loop.value("select fn_publish_outbox('order', 'b', 'told')") > message
    loop.advance(3600)
    for _ in range(3):
        assert loop.turn()["ok"]
    for _ in range(3):
        for work in loop.claim(10):
            assert loop.complete(work) == "accepted"
    assert {loop.status(waiting), loop.status(retry)} == {"succeeded"}
    assert {m["status"] for m in loop.rows("select status from ops_missions")} == {"succeeded"}
    assert len(loop.rows("select * from fn_claim_outbox_events('p', 10)")) == 2
    assert loop.broken() == []


def test_a_second_call_changes_nothing_but_the_epoch(loop):
    loop.mission(step("a"), step("b"))
    loop.emit()
    first = loop.value(RESTORE)
    second = loop.value(RESTORE)
    assert second["epoch"] == first["epoch"] + 1
    assert second["revoked"] == 0
    assert second["queued"] == first["queued"]
    assert loop.value("select count(*) from ops_ready") == 2
    assert loop.broken() == []


def test_it_is_refused_while_a_worker_lives(loop):
    loop.register("w1")
    refused = loop.refused("060", RESTORE)
    assert "w1" in (refused.message_primary or "")
    loop.advance(61)
    loop.value(RESTORE)
    assert loop.value("select count(*) from ops_workers where stopped_at is null") == 0


def test_it_is_audited(loop):
    loop.value(RESTORE)
    row = loop.row("select * from ops_audit_log order by id desc limit 1")
    assert (row["action"], row["actor"]) == ("restore", "ada")


def test_it_is_refused_while_a_session_writes(dsn, connect):
    writer, other = connect(), connect()
    with writer.transaction():
        writer.execute("select fn_emit_event('signal')")
        with other.cursor() as cursor:
            try:
                cursor.execute(RESTORE)
            except Exception as error:  # noqa: BLE001 - looked at below
                refused = error
    assert getattr(refused, "sqlstate", None) == "OP060"
    assert str(writer.info.backend_pid) in refused.diag.message_detail  # type: ignore[attr-defined]
    wait_until(lambda: other.execute(RESTORE).fetchone(), "the writer has ended")


def test_more_missions_than_one_part_of_the_scan_has(loop):
    loop.do(
        """with proposal as (
             insert into ops_mission_proposals (id, source, title, status, template, slots, template_digest)
             select gen_random_uuid(), 'manual', 'old', 'pending', '{}', '[]', '' from generate_series(1, 20001)
             returning id)
           insert into ops_missions (id, proposal_id, title, status, approved_risk, auto_approved, steps_total,
                                     steps_open)
           select gen_random_uuid(), p.id, 'old', 'cancelled', 1, false, 1, 0 from proposal p"""
    )
    lost = loop.mission(step("a"))
    loop.do("update ops_missions set steps_open = 7 where id = %s", lost)
    loop.do("set statement_timeout = '60s'")
    loop.value(RESTORE)
    # The last one is in the second part.
    assert loop.value("select steps_open from ops_missions where id = %s", lost) == 1
