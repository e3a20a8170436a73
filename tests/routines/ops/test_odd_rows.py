"""A value that no routine writes, in any column of a table: every phase of the heartbeat goes on, and so do claims."""

import psycopg
import pytest

from looping import Loop, step, template
from tracked import directive

#: By type; what a column refuses by itself is no row.
ODD = {
    "timestamp with time zone": ["infinity", "-infinity", "294276-12-31 23:59:59", None],
    "jsonb": ["[1]", '{"depth": "x", "priority": 1e400}', None],
    "integer": ["2147483647", None],
    "smallint": ["-32768"],
    "bigint": ["9223372036854775807", "-1", None],
    "text": ["", "\x01{{%s", None],
    "uuid": ["ffffffff-ffff-ffff-ffff-ffffffffffff", None],
    "uuid[]": ["{NULL}", "{}"],
    "bigint[]": ["{NULL}", "{-1,9223372036854775807}"],
    "text[]": ["{NULL}", "{}"],
    "regclass": ["0"],
}


@pytest.fixture
def busy(loop: Loop) -> Loop:
    """A loop with a few rows in every table that a phase reads, each waiting for something."""
    loop.allow("noop")
    loop.policy("proposal_caps", daily_limit=100)
    loop.react({}, {"cooldown_minutes": 5})
    loop.register("w1")
    missions = [loop.mission(step("a", params={"n": n}), step("b")) for n in range(6)]
    works = loop.claim(4)
    loop.fail(works[0], after=60)
    for _ in range(3):
        loop.emit()
    loop.rows("select * from fn_evaluate_triggers(2)")
    loop.do("select fn_publish_outbox('t', n::text, 'e') from generate_series(1, 5) n")
    loop.rows("select * from fn_claim_outbox_events('p1', 2)")
    loop.do("select fn_acquire_lock('l' || n, 'me', 1) from generate_series(1, 3) n")
    loop.do(
        "insert into ops_idempotency_keys (key, taken_at, taken_in, expires_at)"
        " select 'k' || n, now(), pg_current_xact_id(), now() from generate_series(1, 3) n"
    )
    loop.do("select fn_pause('mission', %s, 'ann', 'x')", str(missions[5]))
    for _ in range(2):
        loop.rows("select * from fn_create_proposal(%s)", template(step("a"), risk_level="high"))
    loop.do("update ops_mission_proposals set counted_at = null where status = 'pending'")
    directive(loop)
    loop.do("insert into leo_sub_agents (code, phases) values ('A', '{EXEC}')")
    loop.value("select fn_orchestrate_sub_agents('d1', 'EXEC')")
    loop.advance(300)
    return loop


TABLES = [
    "distributed_locks", "ops_agent_events", "ops_agent_reactions", "ops_cap_counters", "ops_control", "ops_counts",
    "ops_idempotency_keys", "ops_lanes", "ops_mission_proposals", "ops_mission_steps", "ops_missions",
    "ops_parked_steps", "ops_pattern_cooldowns", "ops_pauses", "ops_ready", "ops_sweep", "ops_timers", "ops_workers",
    "outbox", "outbox_heads", "outbox_timers", "sub_agent_runs",
]  # fmt: skip


#: Every public routine that reads, and needs no argument.
READERS = r"""
  select format('select count(r) from %I() r', proname) as call from pg_proc
   where pronamespace = 'opsloop'::regnamespace and proname like 'fn\_%' and provolatile <> 'v'
     and pronargs = pronargdefaults and proname <> 'fn_dry_run_policy'
   union all
  select format('select count(r) from fn_explain_step(%L) r', id) from ops_mission_steps
   union all
  select format('select count(r) from fn_explain_mission(%L) r', id) from ops_missions"""

_LEASES = """(
  select jsonb_agg(jsonb_build_object('step_id', id, 'lease_token', lease_token, {})) from ops_mission_steps
   where status = 'running' and worker_id = 'w1')"""
_PLAIN = _LEASES.format("'progress', null")
_DONE = _LEASES.format("'result', null")
_FAILED = _LEASES.format("'error', 'x', 'retryable', true")
_CLAIMED = "(select {} from outbox_heads h cross join unnest(h.claimed) c (id) where h.processor_id = 'p1')"
_IDS = _CLAIMED.format("array_agg(c.id)")
_SAID = _CLAIMED.format("jsonb_agg(jsonb_build_object('event_id', c.id, 'outcome', '{}'))")
#: The reports of those that had something leased before.
REPORTS = [
    f"select * from fn_extend_leases('w1', {_PLAIN})",
    f"select * from fn_complete_steps({_DONE})",
    f"select * from fn_fail_steps({_FAILED})",
    f"select * from fn_extend_outbox_claims('p1', {_IDS})",
    f"select * from fn_complete_outbox_events('p1', {_SAID.format('delivered')})",
    f"select * from fn_complete_outbox_events('p1', {_SAID.format('retry')})",
    "select * from fn_recover_expired_leases()",
    "select * from fn_recover_stale_steps(1)",
    "select fn_fall_asleep('w1')",
    "select fn_extend_lock('l1', 'me', 5)",
]


@pytest.mark.parametrize("table", TABLES)
def test_a_moment_that_no_routine_writes_in_all_rows_stops_no_reader_and_no_report(busy, table):
    times = busy.rows(
        "select attname as name from pg_attribute where attrelid = %s::regclass and attnum > 0"
        " and not attisdropped and atttypid = 'timestamptz'::regtype",
        table,
    )
    readers = [row["call"] for row in busy.conn.execute(READERS)]
    for column, moment in [(c["name"], m) for c in times for m in ODD["timestamp with time zone"] if m]:
        busy.do("savepoint before")
        try:
            changed = busy.do(f"update {table} set {column} = %s::timestamptz", moment)
        except psycopg.Error:
            changed = 0
        for call in [*REPORTS, *(readers if moment == "infinity" else [])] if changed else []:
            busy.do("savepoint call")
            try:
                # No row travels: the driver's datetime does not hold these moments.
                busy.do(f"do $do$ begin perform {call.removeprefix('select ')}; end $do$")
            except psycopg.Error as error:
                pytest.fail(f"{table}.{column} = {moment}: {call}: {error}")
            busy.do("rollback to call")
        busy.do("rollback to before")


@pytest.mark.parametrize("table", TABLES)
def test_a_value_that_no_routine_writes_stops_no_phase_and_no_claim(busy, table):
    columns = busy.rows(
        "select attname as name, format_type(atttypid, null) as kind from pg_attribute"
        " where attrelid = %s::regclass and attnum > 0 and not attisdropped and attgenerated = ''",
        table,
    )
    tried = 0
    for column in columns:
        for value in ODD.get(column["kind"], []):
            busy.do("savepoint before")
            try:
                tried += busy.do(
                    f"update {table} set {column['name']} = %s::{column['kind']}"
                    f" where ctid = (select ctid from {table} order by ctid limit 1)",
                    value,
                )
            except psycopg.Error:
                pass
            else:
                result = busy.heartbeat(100, 100)
                assert result["ok"], (column["name"], value, result)
                busy.rows("select * from fn_claim_steps('w9', 100)")
                busy.rows("select * from fn_claim_outbox_events('p9', 100)")
                assert busy.rows("select count(*) from fn_check_health()")
            busy.do("rollback to before")
    assert tried
