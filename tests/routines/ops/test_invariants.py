"""fn_check_invariants finds what is broken, and nothing in a sound database."""

import re
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from looping import Loop, step, template
from opsloop import sqlfiles


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
    "1 a lease of an epoch that never was": f"{STEPS} lease_epoch = 7 where {RUNNING} and key = 'b'",
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
    "2 a waiting step that no person would see": "delete from ops_parked_steps",
    "2 a parked step that is not waiting": "insert into ops_parked_steps (step_id, waits_for)"
    " select id, 'person' from ops_mission_steps where mission_id = %(queued)s",
    "2 a parked step that is gone": "insert into ops_parked_steps (step_id, waits_for) select _uuid_v7(), 'person'",
    "2 a step of a pause that no resume would find": """
      update ops_mission_steps set status = 'waiting', wait_reason = 'paused: kind noop'
       where mission_id = %(queued)s""",
    "2 a timer that comes too late": "update ops_timers set due_at = due_at + interval '1 hour'",
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
    assert same(found, loop.rows("select * from fn_check_invariants(null, 1000)"))
    assert same(
        found, [b for part in PARTS for b in loop.rows("select * from fn_check_invariants(%s)", part)]
    )


PARTS = re.findall(
    r"when '(\w+)' then return query",
    next((sqlfiles.sql_root() / "code").rglob("fn_check_invariants.sql")).read_text(),
)


def same(one, other):
    return sorted(map(str, one)) == sorted(map(str, other))


# In parts


@pytest.fixture(scope="module")
def many(shared_dsn):
    """A session in whose transaction 300 missions lie, every third one running; rolled back later."""
    with psycopg.connect(shared_dsn, options="-c search_path=opsloop") as conn:
        loop = Loop(conn)
        loop.policy("proposal_caps", daily_limit=None)
        made = [{"template": template(step("a"), step("b"))} for _ in range(300)]
        loop.rows("select * from fn_create_proposals(%s)", Jsonb(made))
        loop.claim(100)
        for work in loop.claim(100):
            loop.complete(work)
        yield loop
        conn.rollback()


@pytest.fixture
def broken_here(many):
    """Breaks something about the n-th mission, counted from the oldest, and says what is found when asked how."""
    many.do("savepoint before")

    def found(nth, ask):
        many.do("rollback to savepoint before")
        many.do(
            "update ops_mission_steps set worker_id = null, status = 'running', lease_expires_at = null where id ="
            " (select s.id from ops_mission_steps s where s.key = 'b' order by s.id offset %s limit 1)",
            nth,
        )
        return len(many.rows(f"select * from fn_check_invariants({ask})"))

    yield found
    many.do("rollback to savepoint before")


def test_it_may_look_at_the_newest_rows_only(broken_here):
    assert broken_here(299, "'steps', 10")
    assert not broken_here(200, "'steps', 10")
    assert broken_here(200, "'steps', 300")


def test_a_walk_in_pieces_sees_every_row_once(many, broken_here):
    for nth in (0, 38, 50, 299):  # 38 is the first of the second piece
        broken_here(nth, "'steps'")
        after, hits, pieces = UUID(int=0), 0, 0
        while after:
            hits += bool(many.rows("select * from fn_check_invariants('steps', 77, %s)", after))
            after = many.value(
                "select (select id from ops_mission_steps where id > %s order by id offset 76 limit 1)", after
            )
            pieces += 1
        assert (hits, pieces) == (1, 8)


def test_caps_are_judged_only_where_a_piece_has_the_whole_window(many):
    many.do("savepoint windows")
    many.do("update ops_mission_proposals"
            " set created_at = created_at - interval '1 day', counted_at = counted_at - interval '1 day' where id in"
            " (select id from ops_mission_proposals order by id limit 150)")  # fmt: skip
    many.do("insert into ops_cap_counters (scope, window_start, used)"
            " select 'day', date_trunc('day', counted_at at time zone 'UTC') at time zone 'UTC', 150"
            " from ops_mission_proposals group by 2")  # fmt: skip
    sound = [
        many.rows("select * from fn_check_invariants('proposals', %s)", n)
        for n in (None, 300, 200, 150, 100, 1)
    ]
    assert sound == [[]] * 6
    many.do("update ops_cap_counters set used = 149")
    counted = [
        len(many.rows("select * from fn_check_invariants('proposals', %s)", n)) for n in (None, 200, 100)
    ]
    assert counted == [2, 1, 0]
    first = many.value("select id from ops_mission_proposals order by id offset 99 limit 1")
    assert many.rows("select * from fn_check_invariants('proposals', 100, %s)", first) == []
    many.do("rollback to savepoint windows")


@pytest.mark.parametrize("arguments", ["'stepz'", "null, 0", "'steps', -1"])
def test_a_part_or_a_limit_that_cannot_be_is_ops_018(loop, arguments):
    loop.refused("018", f"select * from fn_check_invariants({arguments})")


ROWS = 50_000


@pytest.fixture(scope="module")
def big(module_dsn):
    """A session in whose transaction 50,000 ended missions lie in all tables; rolled back later."""
    with psycopg.connect(module_dsn, options="-c search_path=opsloop") as conn:
        loop = Loop(conn)
        loop.do(f"""
          with e as (insert into ops_agent_events (id, type, processed_at)
                     select _uuid_v7(), 'x', now() from generate_series(1, {ROWS}) returning id),
               p as (insert into ops_mission_proposals (id, event_id, source, template, template_digest,
                                                        approved_digest, status, approved_at, counted_at,
                                                        policy_snapshot)
                     select _uuid_v7(), e.id, 'x', '{{}}', '', _digest('[{{}}, []]'), 'auto_approved', now(), now(),
                            '{{"auto_approve": 1, "proposal_caps": 1, "worker_policy": 1}}' from e
                     returning id, event_id),
               r as (insert into ops_agent_reactions (id, event_id, pattern, status, proposal_id)
                     select _uuid_v7(), p.event_id, 'x', 'done', p.id from p),
               m as (insert into ops_missions (id, proposal_id, status, steps_total, auto_approved, completed_at)
                     select _uuid_v7(), p.id, 'succeeded', 2, true, now() from p returning id),
               a as (insert into ops_mission_steps (id, mission_id, kind, executor, status, attempt)
                     select _uuid_v7(), m.id, 'noop', 'noop', 'succeeded', 1 from m returning id, mission_id),
               b as (insert into ops_mission_steps (id, mission_id, depends_on, kind, executor, status, attempt,
                                                    reserved_at)
                     select _uuid_v7(), a.mission_id, array[a.id], 'noop', 'noop', 'succeeded', 1,
                            now() + interval '1 s' from a
                     returning id)
          insert into ops_action_runs (id, run_id, step_id, executor, attempt, status, started_at, completed_at)
          select _uuid_v7(), _uuid_v7(), x.id, 'noop', 1, 'succeeded', x.at, x.at
            from (select id, now() as at from a union all select id, now() + interval '1 s' from b) x""")
        for table in BIG:
            loop.do(f"analyze {table}")
        yield loop
        conn.rollback()


BIG = (
    "ops_agent_events", "ops_agent_reactions", "ops_mission_proposals", "ops_missions", "ops_mission_steps",
    "ops_action_runs",
)  # fmt: skip


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("after", ["newest", "in the middle"])
def test_a_piece_costs_the_same_however_large_the_tables_are(big, part, after):
    middle = (
        big.value("select id from ops_missions order by id offset 25000 limit 1")
        if after != "newest"
        else None
    )
    # Once before: the first call in a session plans the queries of the routines, and plans read pages of the catalogue.
    big.rows("select * from fn_check_invariants(%s, 100, %s)", part, middle)
    query = "explain (analyze, buffers, format json) select * from fn_check_invariants(%s, 100, %s)"
    before = whole_reads(big)
    plan = big.value(query, part, middle)[0]["Plan"]
    assert plan["Actual Rows"] == 0
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 6_000, plan
    assert whole_reads(big) == before


def whole_reads(loop):
    """How many times this transaction has read each large table from end to end."""
    return loop.rows(
        "select relname, seq_scan from pg_stat_xact_user_tables where relname = any (%s) order by 1",
        list(BIG),
    )


def test_it_lists_every_check_of_the_areas():
    code = sqlfiles.sql_root() / "code"
    listed = re.findall(r"from (_broken_\w+)\(", (code / "ops/fn_check_invariants.sql").read_text())
    assert sorted(listed) == sorted(file.stem for file in code.glob("*/_broken_*.sql"))
