"""The table of steps is an ordinary table: the statements of the operations runbook, as printed."""

import pytest

from looping import step


def failed(loop, *steps):
    mission = loop.mission(*(steps or (step("a"), step("b"))))
    loop.fail_for_good(mission)
    return mission


def test_a_failed_step_set_to_queued_by_hand_is_adopted_by_the_next_heartbeat(loop):
    mission = failed(loop)
    target = loop.step(mission)["id"]
    loop.queue_by_hand(target)
    assert loop.claim(5) == []
    assert [b["detail"] for b in loop.broken()] != []
    assert loop.turn()["staleResult"] == {"recovered": 1}
    assert loop.status(mission) == "running"
    assert loop.steps(mission) == {"a": "queued", "b": "blocked"}
    assert loop.broken() == []
    loop.complete(loop.work(mission, "a"))
    loop.complete(loop.work(mission, "b"))
    assert loop.status(mission) == "succeeded"
    assert loop.broken() == []


def test_adopted_once_it_is_not_adopted_again(loop):
    mission = failed(loop)
    loop.queue_by_hand(loop.step(mission)["id"])
    assert [loop.turn()["staleResult"]["recovered"] for _ in range(3)] == [1, 0, 0]
    assert len(loop.claim(10)) == 1


@pytest.mark.parametrize("how", ["failed", "cancelled", "cancelled in its backoff", "succeeded", "parked"])
def test_whatever_had_become_of_it_its_mission_comes_back_to_life(loop, how):
    mission = loop.mission(step("a"))
    if how == "failed":
        loop.fail_for_good(mission)
    elif how == "cancelled":
        loop.cancel(mission)
    elif how == "cancelled in its backoff":
        loop.fail(loop.work(mission))
        loop.cancel(mission)
    elif how == "succeeded":
        loop.complete(loop.work(mission))
    else:
        loop.policy("auto_approve", enabled=False)
        assert loop.claim() == []
        loop.policy("auto_approve", enabled=True)
    loop.queue_by_hand(loop.step(mission)["id"])
    assert loop.turn()["staleResult"] == {"recovered": 1}
    assert loop.status(mission) in ("approved", "running")
    assert loop.complete(loop.work(mission)) == "accepted"
    assert loop.status(mission) == "succeeded"
    assert loop.broken() == []


def test_all_failed_steps_of_a_mission_at_once(loop):
    mission = loop.mission(step("a", after=[]), step("b", after=[]), step("c", after=["a", "b"]))
    for work in loop.claim(5):
        loop.fail(work, retryable=False)
    loop.do("UPDATE ops_mission_steps SET status = 'queued', failure_count = 0 WHERE status in ('failed', 'cancelled')"
            " and key <> 'c'")  # fmt: skip
    loop.turn()
    assert loop.steps(mission) == {"a": "queued", "b": "queued", "c": "blocked"}
    assert loop.status(mission) == "running"
    assert loop.broken() == []


def test_a_running_step_set_to_queued_is_taken_from_its_worker(loop):
    mission = loop.mission(step("a"))
    work = loop.work(mission)
    loop.queue_by_hand(work["step_id"])
    loop.turn()
    assert loop.complete(work) == "OPS_006"
    assert loop.work(mission)["attempt"] == 2


def test_a_parked_step_set_to_queued_by_hand_is_judged_again(loop):
    mission = loop.mission(step("a"))
    loop.policy("auto_approve", enabled=False)
    assert loop.claim() == []
    loop.queue_by_hand(loop.step(mission)["id"])
    loop.turn()
    assert loop.claim() == []
    assert loop.steps(mission) == {"a": "waiting"}


def test_a_column_of_ones_own_is_no_obstacle(loop):
    loop.do("ALTER TABLE ops_mission_steps ADD COLUMN metadata JSONB DEFAULT '{}'")
    mission = loop.mission(step("a"), step("b"))
    loop.complete(loop.work(mission, "a"))
    loop.fail_for_good(mission, "b")
    loop.queue_by_hand(loop.step(mission, "b")["id"])
    loop.turn()
    loop.complete(loop.work(mission, "b"))
    assert loop.status(mission) == "succeeded"


def test_it_can_be_copied_into_a_table_made_like_it_and_old_rows_deleted(loop):
    mission = loop.mission(step("a"), step("b"))
    loop.complete(loop.work(mission, "a"))
    loop.do("CREATE TABLE ops_mission_steps_archive (LIKE ops_mission_steps INCLUDING ALL)")
    where = "WHERE status IN ('succeeded', 'failed') AND created_at < now() + interval '1 day'"
    loop.do(f"INSERT INTO ops_mission_steps_archive SELECT * FROM ops_mission_steps {where}")
    assert loop.do(f"DELETE FROM ops_mission_steps {where}") == 1
    loop.turn()
    loop.complete(loop.work(mission, "b"))
    assert loop.status(mission) == "succeeded"
    assert loop.broken() == []
    assert loop.value("select count(*) from ops_mission_steps_archive") == 1


def test_it_can_be_truncated_and_filled_again_from_a_backup(loop):
    running = loop.mission(step("a", timeout_seconds=86400), step("b"))
    work = loop.work(running, "a")
    queued, broken = loop.mission(step("a"), step("b")), loop.mission(step("a"))
    loop.do("CREATE TABLE ops_mission_steps_backup AS SELECT * FROM ops_mission_steps")
    loop.do("TRUNCATE ops_mission_steps")
    assert loop.turn()["ok"]
    assert len(loop.claim(1)) == 0  # what is taken out of the queue meanwhile is found again below
    loop.do("INSERT INTO ops_mission_steps SELECT * FROM ops_mission_steps_backup")
    loop.turn()
    assert loop.broken() == []
    assert loop.complete(work) == "accepted"
    for _ in range(3):
        for left in loop.claim(10):
            assert loop.complete(left) == "accepted"
    assert {loop.status(m) for m in (running, queued, broken)} == {"succeeded"}
    assert loop.broken() == []


def test_nothing_refers_to_it_and_none_of_its_columns_is_generated_or_called_metadata(loop):
    assert (
        loop.value("select count(*) from pg_constraint where confrelid = 'ops_mission_steps'::regclass") == 0
    )
    columns = loop.rows(
        "select attname, attgenerated::text, attidentity::text from pg_attribute"
        " where attrelid = 'ops_mission_steps'::regclass and attnum > 0"
    )
    assert all(c["attgenerated"] == "" and c["attidentity"] == "" for c in columns)
    assert "metadata" not in {c["attname"] for c in columns}
    assert loop.value("select relkind::text from pg_class where oid = 'ops_mission_steps'::regclass") == "r"


def test_steps_set_to_queued_together_still_wait_for_each_other(loop):
    mission = loop.mission(step("a"), step("b"), step("c"))
    loop.cancel(mission)
    loop.do("UPDATE ops_mission_steps SET status = 'queued' WHERE status = 'cancelled'")
    assert loop.turn()["staleResult"] == {"recovered": 3}
    assert loop.steps(mission) == {"a": "queued", "b": "blocked", "c": "blocked"}
    assert loop.broken() == []


def test_a_sibling_that_waited_for_its_retry_when_the_mission_failed_is_adopted_too(loop):
    mission = loop.mission(step("a", after=[]), step("b", after=[]))
    works = {w["key"]: w for w in loop.claim(2)}
    loop.fail(works["a"])
    loop.fail(works["b"], retryable=False)
    assert loop.steps(mission) == {"a": "cancelled", "b": "failed"}
    for work in works.values():
        loop.queue_by_hand(work["step_id"])
    assert loop.turn()["staleResult"] == {"recovered": 2}
    assert loop.status(mission) == "running"
    assert len(loop.claim(5)) == 2
    assert loop.broken() == []


def runs(loop, step_id):
    return [(r["attempt"], r["status"], r["worker_id"]) for r in loop.runs(step_id)]


def test_every_run_is_on_record_under_its_own_attempt(loop):
    mission = loop.mission(step("a"))
    first = loop.work(mission, worker="w1")
    loop.queue_by_hand(first["step_id"])
    loop.turn()
    second = loop.work(mission, worker="w2")
    assert loop.complete(first) == "OPS_006"
    assert runs(loop, first["step_id"]) == [(1, "lost", "w1"), (1, "fenced", None)]
    assert loop.complete(second) == "accepted"
    assert runs(loop, first["step_id"])[2:] == [(2, "succeeded", "w2")]
    assert loop.broken() == []


def test_a_late_report_before_the_adoption_is_filed_under_the_first_attempt_too(loop):
    mission = loop.mission(step("a"))
    first = loop.work(mission)
    loop.queue_by_hand(first["step_id"])
    assert loop.complete(first) == "OPS_006"
    loop.turn()
    assert loop.complete(loop.work(mission)) == "accepted"
    assert [r[:2] for r in runs(loop, first["step_id"])] == [(1, "fenced"), (1, "lost"), (2, "succeeded")]
    assert loop.broken() == []


@pytest.mark.parametrize("status", ["succeeded", "failed"])
def test_the_attempt_of_a_running_step_that_was_ended_by_hand_is_on_record(loop, status):
    mission = loop.mission(step("a"))
    work = loop.work(mission)
    loop.do("update ops_mission_steps set status = %s where id = %s", status, work["step_id"])
    loop.turn()
    assert loop.status(mission) == status
    assert loop.complete(work) == "OPS_006" or status == "succeeded"
    assert runs(loop, work["step_id"])[0] == (1, "lost", "w1")
    assert loop.broken() == []


def test_a_step_reset_and_retried_before_the_sweep_keeps_its_first_attempt_too(loop):
    mission = loop.mission(step("a"))
    work = loop.work(mission)
    loop.do("update ops_mission_steps set status = 'failed' where id = %s", work["step_id"])
    loop.retry(work["step_id"])
    assert runs(loop, work["step_id"]) == [(1, "lost", "w1")]
    assert loop.work(mission)["attempt"] == 2


RUNNING_BY_HAND = {
    "with nothing": "",
    "with the end of a lease": ", lease_expires_at = now() - interval '1 hour'",
    "with a lease without end": ", lease_expires_at = 'infinity'",
    "with a token and no worker": ", lease_token = gen_random_uuid(), lease_expires_at = now() - interval '1 hour'",
    "with a worker and no token": ", worker_id = 'me', lease_expires_at = now() - interval '1 hour'",
    "with all": ", lease_token = gen_random_uuid(), worker_id = 'me', reserved_at = now(), lease_epoch = 0, attempt = 1"
    ", lease_expires_at = now() - interval '1 hour', deadline_at = now() - interval '1 hour'",
}


@pytest.mark.parametrize("how", RUNNING_BY_HAND)
@pytest.mark.parametrize("before", ["never tried", "tried", "failed for good"])
def test_a_step_set_to_running_by_hand_is_recovered_like_a_lost_lease(loop, how, before):
    mission = loop.mission(step("a"))
    if before == "tried":
        loop.fail(loop.work(mission))
    elif before == "failed for good":
        loop.fail_for_good(mission)
    target = loop.step(mission)["id"]
    loop.do(f"update ops_mission_steps set status = 'running', run_after = null{RUNNING_BY_HAND[how]} where id = %s",
            target)  # fmt: skip
    other = loop.mission(step("b"))
    lost = loop.work(other, "b")
    loop.advance(3600)
    turns = [loop.turn() for _ in range(3)]
    assert all(t["ok"] for t in turns)
    assert loop.steps(other) == {"b": "queued"}
    assert loop.complete(lost) == "OPS_006"
    assert loop.steps(mission) == {"a": "queued"}
    assert [loop.complete(work) for work in loop.claim(5)] == ["accepted", "accepted"]
    assert (loop.status(mission), loop.status(other)) == ("succeeded", "succeeded")
    assert len({r["attempt"] for r in loop.runs(target)}) == len(loop.runs(target))
    assert loop.broken() == []


def test_siblings_of_a_step_set_to_succeeded_by_hand_are_unblocked(loop):
    mission = loop.mission(step("a"), step("b"), step("c"))
    loop.do("update ops_mission_steps set status = 'succeeded' where key = 'a'")
    loop.turn()
    assert loop.steps(mission) == {"a": "succeeded", "b": "queued", "c": "blocked"}
    assert (loop.the_mission(mission)["status"], loop.the_mission(mission)["steps_open"]) == ("running", 2)
    assert loop.broken() == []
    loop.complete(loop.work(mission, "b"))
    loop.complete(loop.work(mission, "c"))
    assert loop.status(mission) == "succeeded"
    assert loop.broken() == []


def test_siblings_of_a_deleted_step_are_unblocked_and_counters_recounted(loop):
    mission = loop.mission(step("a"), step("b"), step("c", after=["a"]))
    loop.do("delete from ops_mission_steps where key = 'a'")
    loop.turn()
    assert loop.steps(mission) == {"b": "queued", "c": "queued"}
    assert loop.the_mission(mission)["steps_open"] == 2
    assert loop.broken() == []


@pytest.mark.parametrize("last", ["succeeded", "deleted"])
def test_a_mission_whose_last_open_step_was_ended_by_hand_ends(loop, last):
    mission = loop.mission(step("a"), step("b"))
    loop.complete(loop.work(mission, "a"))
    if last == "deleted":
        loop.do("delete from ops_mission_steps where key = 'b'")
    else:
        loop.do("update ops_mission_steps set status = 'succeeded' where key = 'b'")
    loop.turn()
    assert loop.status(mission) == "succeeded"
    assert loop.events("mission:succeeded")
    assert loop.broken() == []


def strays(loop):
    return loop.row("select * from fn_check_health() where name = 'strays'")


def test_health_names_missions_without_steps_and_the_statement_that_ends_them(loop):
    mission = loop.mission(step("a"))
    loop.turn()
    assert strays(loop)["status"] == "ok"
    loop.do("truncate ops_mission_steps")
    loop.turn()
    found = strays(loop)
    assert found["status"] == "warn"
    assert f"select fn_cancel_mission('{mission}');" in found["value"]
    loop.rows(loop.value("select remedy from ops_strays"))
    loop.turn()
    assert strays(loop)["status"] == "ok"
    assert loop.broken() == []


def test_health_names_steps_without_missions_and_the_statement_that_ends_them(loop):
    loop.mission(step("a"), step("b"))
    loop.do("truncate ops_missions")
    loop.turn()
    found = strays(loop)
    assert found["status"] == "warn"
    assert "2 × step without mission" in found["value"]
    for stray in loop.rows("select remedy from ops_strays"):
        assert loop.do(stray["remedy"]) == 1
    loop.turn()
    assert strays(loop)["status"] == "ok"
    assert loop.claim() == []


def test_health_names_a_mission_whose_steps_wait_for_one_that_was_cancelled_by_hand(loop):
    mission = loop.mission(step("a"), step("b"))
    loop.do("update ops_mission_steps set status = 'cancelled' where key = 'a'")
    loop.turn()
    loop.turn()
    assert "stuck mission" in strays(loop)["value"]
    loop.rows(loop.value("select remedy from ops_strays"))
    assert loop.status(mission) == "cancelled"
    loop.turn()
    assert strays(loop)["status"] == "ok"
    assert loop.broken() == []
