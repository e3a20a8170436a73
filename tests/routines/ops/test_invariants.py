"""fn_check_invariants finds what is broken, and nothing in a sound database."""

import pytest

from looping import step


@pytest.fixture
def life(loop):
    """A database in which a good deal has happened: the mission of each state."""
    loop.allow("noop")
    loop.react({"name": "p", "event_type": "signal"})
    loop.emit()
    loop.turn()
    made = {}
    for work in loop.claim(5):
        loop.complete(work)
    made["failed"] = loop.mission(step("a"), step("b"))
    loop.fail_for_good(made["failed"])
    made["cancelled"] = loop.mission(step("a"))
    loop.cancel(made["cancelled"])
    made["retrying"] = loop.mission(step("a"))
    loop.fail(loop.work(made["retrying"]))
    made["held"] = loop.mission(step("a", on_lease_lost="hold"), step("b"))
    loop.work(made["held"])
    loop.advance(3600)
    loop.turn()
    loop.complete(next(w for w in loop.claim(5) if w["mission_id"] == made["retrying"]))
    made["succeeded"] = loop.mission(step("a"), step("b"))
    loop.complete(loop.work(made["succeeded"], "a"))
    loop.complete(loop.work(made["succeeded"], "b"))
    made["running"] = loop.mission(step("a", after=[]), step("b", after=[]), step("c", after=["a", "b"]))
    loop.complete(loop.claim(1)[0])
    loop.work(made["running"], "b")
    made["backoff"] = loop.mission(step("a"))
    loop.fail(loop.work(made["backoff"]))
    made["queued"] = loop.mission(step("a"))
    loop.propose(step("a", "http", params={"url": "https://x/"}))
    loop.emit()
    return made


def test_a_sound_database_breaks_nothing(loop, life):
    assert loop.broken() == []
    states = {loop.status(m) for m in life.values()}
    assert states == {"approved", "running", "succeeded", "failed", "cancelled"}


def test_it_only_reads(loop, life):
    before = loop.contents()
    loop.broken()
    assert loop.contents() == before


STEPS = "update ops_mission_steps set"
RUNNING = "mission_id = %(running)s"

BREAKAGES = {
    "1 a running step without a token": f"{STEPS} lease_token = null where {RUNNING} and key = 'b'",
    "1 one token twice": f"""
      update ops_mission_steps set status = 'running', worker_id = 'w', lease_expires_at = now(),
             lease_token = (select lease_token from ops_mission_steps where {RUNNING} and key = 'b')
       where mission_id = %(queued)s""",
    "1 a result accepted twice": """
      insert into ops_action_runs (id, run_id, step_id, executor, attempt, status, completed_at)
      select gen_random_uuid(), gen_random_uuid(), step_id, executor, attempt, status, completed_at
        from ops_action_runs where status = 'succeeded' limit 1""",
    "1 an attempt that ended still runs": f"""
      insert into ops_action_runs (id, run_id, step_id, executor, attempt, status, completed_at)
      select gen_random_uuid(), lease_token, id, executor, attempt, 'lost', now()
        from ops_mission_steps where {RUNNING} and key = 'b'""",
    "2 a queued step nobody can see": "delete from ops_ready where lane >= 10",
    "2 a queued step in another's place": """
      update ops_mission_steps set ready_seq = ready_seq + 1000000 where mission_id = %(queued)s""",
    "2 a lane of another executor": "update ops_mission_steps set executor = 'sql' where mission_id = %(queued)s",
    "2 a retry nobody wakes": "delete from ops_timers",
    "2 a lease without an end": f"{STEPS} lease_expires_at = null where {RUNNING} and key = 'b'",
    "2 a blocked step that waits for nothing": f"{STEPS} depends_on = '{{}}' where {RUNNING} and key = 'c'",
    "2 a wrong count of what it waits for": f"{STEPS} waiting_on = 2 where {RUNNING} and key = 'c'",
    "2 a waiting step without a reason": "update ops_mission_steps set wait_reason = null where mission_id = %(held)s",
    "2 a live step in a dead mission": "update ops_missions set status = 'failed' where id = %(queued)s",
    "2 a queued step below the mark of its lane": "with l as (update ops_lanes set mark_table = 'ops_ready'::regclass,"
    " mark_server_start = pg_postmaster_start_time() returning mark) select setval(mark, 1000000) from l",
    "2 an event nobody will look at": "delete from ops_ready where lane = 1",
    "2 a reaction nobody will look at": "update ops_agent_reactions set status = 'queued'",
    "3 a wrong count of open steps": "update ops_missions set steps_open = 7 where id = %(succeeded)s",
    "3 a wrong count of failed steps": "update ops_missions set steps_failed = 0 where id = %(failed)s",
    "3 a success that was none": "update ops_missions set status = 'succeeded' where id = %(failed)s",
    "3 a failure that was none": "update ops_missions set status = 'failed' where id = %(succeeded)s",
    "3 an end without a time": "update ops_missions set completed_at = null where id = %(succeeded)s",
    "3 begun but not running": "update ops_missions set status = 'approved' where id = %(running)s",
    "3 a step whose mission is gone": "delete from ops_missions where id = %(queued)s",
    "4 begun before its dependency": "update ops_action_runs set completed_at = completed_at + interval '1 day'",
    "5 a mission without a proposal": "update ops_missions set proposal_id = null where id = %(queued)s",
    "5 a mission whose proposal is gone": "delete from ops_mission_proposals where status = 'auto_approved'",
    "5 a template changed after approval": 'update ops_mission_proposals set template = template || \'{"title": "x"}\'',
    "5 an approval taken back": "update ops_mission_proposals set status = 'rejected' where status = 'auto_approved'",
    "5 approved by nobody": "update ops_mission_proposals set status = 'approved' where status = 'auto_approved'",
    "5 a policy version that never was": "update ops_mission_proposals set policy_snapshot = '{\"auto_approve\": 99}'",
    "5 a counter that is off": "update ops_cap_counters set used = used - 1",
    "5 a cap exceeded": """
      update ops_policy_history set value = '{"daily_limit": 1}' where key = 'proposal_caps'""",
    "6 a reaction without its proposal": "update ops_agent_reactions set proposal_id = null",
    "11 a hole in the history": """
      delete from ops_policy_history where key = 'auto_approve' and version = 1""",
    "11 a version in force that is not in the history": """
      delete from ops_policy_history where key = 'auto_approve' and version = 2""",
}


@pytest.mark.parametrize("breakage", BREAKAGES.items(), ids=lambda b: b[0])
def test_it_finds(loop, life, breakage):
    name, statement = breakage
    loop.do("set local session_replication_role = replica")  # what triggers and keys would prevent
    loop.conn.execute(statement, life)
    found = loop.broken()
    assert name.split()[0] in {b["invariant"].split()[0] for b in found}, found
    assert all(b["subject"] and b["detail"] for b in found)
