"""Claims and completions cost the same beside large tables: judged by what they read, not by how long it took."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from looping import Loop, step, template

ROWS = 50_000
BATCH = 50
BIG = (
    "ops_mission_steps",
    "ops_missions",
    "ops_agent_events",
    "ops_action_runs",
    "ops_ready",
    "ops_mission_proposals",
)


@pytest.fixture(scope="module")
def big(module_dsn: str) -> Iterator[psycopg.Connection[Any]]:
    """A session in whose transaction 50,000 finished and 50,000 waiting steps lie in the tables; rolled back later."""
    with psycopg.connect(module_dsn, options="-c search_path=opsloop") as conn:
        loop = Loop(conn)
        loop.policy("proposal_caps", daily_limit=None)
        loop.propose(step("a"))
        loop.do(f"""
          with m as (
            insert into ops_missions (id, proposal_id, status, steps_total, steps_open, completed_at)
            select gen_random_uuid(), null, 'succeeded', 1, 0, now() from generate_series(1, {ROWS})
            returning id)
          insert into ops_mission_steps (mission_id, key, kind, executor, status, attempt, lease_token)
          select id, 'a', 'noop', 'noop', 'succeeded', 1, gen_random_uuid() from m""")
        loop.do(f"""
          with m as (
            insert into ops_missions (id, proposal_id, status, steps_total, steps_open)
            select gen_random_uuid(), null, 'approved', 1, 1 from generate_series(1, {ROWS})
            returning id), s as (
            insert into ops_mission_steps (mission_id, key, kind, executor, lane, ready_seq, judged_generation)
            select m.id, 'a', 'noop', 'noop', l.lane, nextval('ops_ready_seq'), _policy_generation()
              from m cross join ops_lanes l where l.executor = 'noop' and l.priority = 0
            returning lane, ready_seq, id)
          insert into ops_ready (lane, seq, id) select * from s""")
        loop.do("insert into ops_agent_events (id, type, processed_at)"
                f" select gen_random_uuid(), 'noise', now() from generate_series(1, {ROWS})")  # fmt: skip
        loop.do("insert into ops_action_runs (id, run_id, step_id, executor, attempt, status, completed_at)"
                " select gen_random_uuid(), lease_token, id, 'noop', 1, 'succeeded', now()"
                " from ops_mission_steps where status = 'succeeded'")  # fmt: skip
        loop.do(
            "insert into ops_mission_proposals (id, source, status, template, template_digest, counted_at)"
            " select gen_random_uuid(), 'manual', 'auto_approved', '{\"steps\": []}', '', now()"
            f" from generate_series(1, {ROWS})"
        )
        for table in BIG:
            loop.do(f"analyze {table}")
        yield conn
        conn.rollback()


@pytest.fixture
def loop(big: psycopg.Connection[Any]) -> Iterator[Loop]:
    """The loop beside them."""
    loop = Loop(big)
    loop.do("savepoint before")
    yield loop
    loop.do("rollback to savepoint before")


def whole_reads(loop: Loop) -> dict[str, int]:
    """How many times this transaction has read each of the big tables from end to end."""
    return {
        r["relname"]: r["seq_scan"]
        for r in loop.rows(
            "select relname, seq_scan from pg_stat_xact_user_tables where relname = any (%s)", list(BIG)
        )
    }


def buffers(loop: Loop, query: str, *params: Any) -> int:
    """How many pages a query touches, all the functions it calls included."""
    plan = loop.value("explain (analyze, buffers, format json) " + query, *params)[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def claim(loop: Loop) -> list[dict[str, Any]]:
    return loop.claim(BATCH)


def complete(loop: Loop) -> None:
    batch = [{"step_id": str(w["step_id"]), "lease_token": str(w["lease_token"])} for w in loop.claim(BATCH)]
    loop.rows("select * from fn_complete_steps(%s)", Jsonb(batch))


def fail(loop: Loop) -> None:
    for work in loop.claim(5):
        loop.fail(work)


CALLS: dict[str, Callable[[Loop], object]] = {
    "claim": claim,
    "complete": complete,
    "fail": fail,
    "extend": lambda loop: loop.extend(*loop.claim(BATCH)),
    "release": lambda loop: loop.release(*loop.claim(BATCH)),
    "propose": lambda loop: loop.propose(step("a"), step("b")),
    "emit": lambda loop: loop.emit(key="k"),
    "trigger": lambda loop: (loop.emit(), loop.row("select * from fn_evaluate_triggers()")),
    "recover": lambda loop: (
        loop.claim(5),
        loop.advance(3600),
        loop.row("select * from fn_recover_expired_leases()"),
        loop.run_clock(),
    ),
    "cancel": lambda loop: loop.cancel(loop.claim(1)[0]["mission_id"]),
}


@pytest.mark.parametrize("call", CALLS)
def test_no_call_reads_a_big_table_from_end_to_end(loop, call):
    before = whole_reads(loop)
    CALLS[call](loop)
    after = whole_reads(loop)
    assert {t: after[t] - before.get(t, 0) for t in after if after[t] != before.get(t, 0)} == {}


def test_a_claim_touches_a_bounded_number_of_pages_per_step(loop):
    loop.claim(BATCH)
    pages = buffers(loop, "select * from fn_claim_steps('w1', %s)", BATCH)
    assert pages < 60 * BATCH + 1000, pages


def test_a_completion_touches_a_bounded_number_of_pages_per_step(loop):
    complete(loop)
    batch = [{"step_id": str(w["step_id"]), "lease_token": str(w["lease_token"])} for w in loop.claim(BATCH)]
    pages = buffers(loop, "select * from fn_complete_steps(%s)", Jsonb(batch))
    assert pages < 80 * BATCH + 1000, pages


def test_a_claim_of_an_executor_with_nothing_ready_costs_next_to_nothing(loop):
    assert buffers(loop, "select * from fn_claim_steps('w1', 100, null, '{sql}')") < 300


def test_the_template_of_a_thousand_steps_is_not_read_a_thousand_times(loop):
    wide = template(*(step(f"s{n}", after=[]) for n in range(1000)))
    pages = buffers(loop, "select * from fn_create_proposal(%s)", wide)
    assert pages < 60 * 1000, pages


def reports(work: list[dict[str, Any]], **fields: Any) -> Jsonb:
    return Jsonb(
        [{"step_id": str(w["step_id"]), "lease_token": str(w["lease_token"]), **fields} for w in work]
    )


def expired(loop: Loop) -> None:
    loop.claim(BATCH)
    loop.advance(3600)


def failed(loop: Loop) -> Any:
    (work,) = loop.claim(1)
    loop.fail(work, retryable=False)
    return work["step_id"]


def wide_mission(loop: Loop) -> Any:
    """One with a few more steps than a batch, claimed first; one of its last two waits for them all."""
    first = [step(f"s{n}") for n in range(BATCH + 10)]
    return loop.mission(
        *first, step("y", after=["s0"]), step("z", after=[s["key"] for s in first]), priority=9
    )


# What is called, how what it gets is made ready, and the pages it may touch: two or three times what it does touch.
STALE: dict[str, tuple[str, Callable[[Loop], Any], int]] = {
    "claim": (f"select * from fn_claim_steps('w1', {BATCH})", lambda loop: None, 6_000),
    "complete": (
        "select * from fn_complete_steps(%s)",
        lambda loop: reports(claim(loop), result={"n": 1}),
        6_000,
    ),
    "fail": ("select * from fn_fail_steps(%s)", lambda loop: reports(claim(loop)), 8_000),
    "fail for good": (
        "select * from fn_fail_steps(%s)",
        lambda loop: reports(claim(loop), retryable=False),
        30_000,
    ),
    "extend": ("select * from fn_extend_leases('w1', %s)", lambda loop: reports(claim(loop)), 3_000),
    "release": ("select * from fn_release_steps('w1', %s)", lambda loop: reports(claim(loop)), 10_000),
    "recover": ("select * from fn_recover_expired_leases()", expired, 20_000),
    "cancel": ("select fn_cancel_mission(%s)", lambda loop: loop.claim(1)[0]["mission_id"], 1_000),
    "claim under new policy": (
        f"select * from fn_claim_steps('w1', {BATCH})",
        lambda loop: loop.policy("worker_policy", max_retries=5),
        8_000,
    ),
    "complete with events": (
        "select * from fn_complete_steps(%s)",
        lambda loop: reports(claim(loop), events=[{"type": "x", "dedupe_key": "k"}]),
        8_000,
    ),
    "complete what others wait for": (
        "select * from fn_complete_steps(%s)",
        lambda loop: (wide_mission(loop), reports(claim(loop)))[1],
        6_000,
    ),
    "cancel many steps": ("select fn_cancel_mission(%s)", wide_mission, 1_500),
    "retry": ("select fn_retry_step(%s)", failed, 2_000),
    "trigger": ("select * from fn_evaluate_triggers()", lambda loop: loop.emit(), 1_000),
}


@pytest.mark.parametrize("stale", ["ops_mission_steps", "ops_missions", "ops_agent_events", "all"])
@pytest.mark.parametrize("call", STALE)
def test_no_call_walks_a_table_that_was_empty_when_its_statistics_were_taken(loop, call, stale):
    # As analyze leaves it where it found dead rows only: to the planner the table has one row, however large it grows.
    loop.do(
        "update pg_class set reltuples = 0, relpages = 10 where oid = any (%s::text[]::regclass[])",
        list(BIG) if stale == "all" else [stale],
    )
    loop.do("discard plans")
    query, given, most = STALE[call]
    argument = given(loop)
    pages = buffers(loop, query, *([argument] if "%s" in query else []))
    assert pages < most, pages
