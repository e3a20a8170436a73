"""fn_health is the overview of the operations runbook at a bounded price; fn_check_health says what is not well."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from docs.documents import blocks
from looping import Loop, Row, step

(OVERVIEW,) = (b.text for b in blocks("docs/runbooks.md") if "event_stats AS" in b.text)


def health(loop: Loop) -> Row:
    return loop.row("select * from fn_health()")


def check(loop: Loop, name: str) -> Row:
    return loop.row("select * from fn_check_health() where name = %s", name)


@pytest.fixture
def busy(loop: Loop) -> Loop:
    """A bit of everything that the overview counts, each in another number."""
    loop.policy("proposal_caps", daily_limit=None)
    loop.react({"name": "p", "event_type": "signal"})
    for _ in range(3):
        loop.emit()
    loop.row("select * from fn_evaluate_triggers()")
    for _ in range(4):
        loop.emit("noise")
    for n in range(16):
        loop.mission(step("a"), priority=20 - n)
    for work in loop.claim(2):
        loop.fail(work, retryable=False)
    for work in loop.claim(3):
        loop.fail(work, after=600)
    loop.claim(5)
    for _ in range(6):
        loop.propose(step("a"), risk_level="high")
    return loop


def test_it_is_the_overview_of_the_runbook_under_the_same_names(busy):
    overview = busy.row(OVERVIEW)
    assert all(overview[name] for name in overview if name != "processing_reactions")
    assert list(health(busy))[: len(overview)] == list(overview)
    assert {name: health(busy)[name] for name in overview} == overview
    busy.do("update ops_agent_reactions set status = 'processing'")
    assert health(busy)["processing_reactions"] == busy.row(OVERVIEW)["processing_reactions"] == 3


def test_it_counts_whoever_waits_for_a_person(busy):
    proposal = busy.proposals()[-1]["id"]
    busy.row("select * from fn_cast_vote(%s, 'reviewer', 'approve')", proposal)
    held = busy.mission(step("held", on_lease_lost="hold"), priority=100)
    assert [w["mission_id"] for w in busy.claim(1)] == [held]
    busy.advance(3600)
    busy.turn()
    row = health(busy)
    assert (row["pending_proposals"], row["waiting_proposals"], row["waiting_steps"]) == (5, 6, 1)


def test_it_counts_the_workers_that_live(loop):
    loop.register("gone")
    loop.row("select fn_unregister_worker('gone')")
    loop.register("vanished")
    loop.advance(61)
    loop.register("there")
    assert health(loop)["live_workers"] == 1


def test_it_knows_the_last_good_heartbeat_and_the_oldest_ready_step(loop):
    assert (health(loop)["last_heartbeat_at"], health(loop)["oldest_ready_at"]) == (None, None)
    moment = loop.stop_clock()
    loop.turn()
    loop.mission(step("a"))
    loop.advance(60)
    loop.mission(step("a"), priority=9)
    assert (health(loop)["last_heartbeat_at"], health(loop)["oldest_ready_at"]) == (moment, moment)


def test_an_empty_loop_has_nothing_to_count(loop):
    row = health(loop)
    assert {value for name, value in row.items() if name not in ("xmin_holder", "xmin_held_since")} == {
        0,
        None,
    }


# Who keeps vacuum from its work


def test_it_names_the_session_whose_snapshot_is_the_oldest(conn, connect):
    loop = Loop(conn)
    holder = connect(application_name="a report", autocommit=False)
    holder.execute("set transaction isolation level repeatable read")
    holder.execute("select 'what it reads'")
    loop.emit()
    later = connect(autocommit=False)
    later.execute("set transaction isolation level repeatable read")
    later.execute("select 'what another reads'")
    row = health(loop)
    assert (
        f"session {holder.info.backend_pid} of postgres (a report), idle in transaction" in row["xmin_holder"]
    )
    assert "what it reads" in row["xmin_holder"]
    assert row["xmin_held_since"] is not None
    assert check(loop, "oldest snapshot")["status"] == "ok"
    loop.advance(301)
    assert check(loop, "oldest snapshot")["status"] == "warn"
    loop.advance(3300)
    found = check(loop, "oldest snapshot")
    assert found["status"] == "fail"
    assert "a report" in found["value"]
    holder.rollback()
    assert "what another reads" in health(loop)["xmin_holder"]
    later.rollback()
    assert health(loop)["xmin_holder"] is None


def test_it_names_a_prepared_transaction(conn, connect):
    preparing = connect()
    preparing.execute("begin")
    preparing.execute("update ops_sweep set position = position")
    preparing.execute("prepare transaction 'left behind'")
    try:
        assert health(Loop(conn))["xmin_holder"] == "prepared transaction left behind of postgres"
    finally:
        preparing.execute("rollback prepared 'left behind'")


# The checks


def test_a_loop_that_is_well_passes_every_check(loop):
    loop.register()
    mission = loop.mission(step("a"))
    loop.complete(loop.work(mission))
    loop.turn()
    found = loop.rows("select * from fn_check_health() where status <> 'ok'")
    assert found == []
    assert all(
        r["hint"] is None and r["value"] and r["threshold"]
        for r in loop.rows("select * from fn_check_health()")
    )


def queued(loop: Loop, count: int) -> None:
    for _ in range(count):
        loop.mission(step("a"))


def failures(loop: Loop, count: int) -> None:
    loop.do(
        "insert into ops_agent_events (id, type, processed_at, created_at)"
        f" select _uuid_v7(), 'heartbeat:failure', now(), _now() + n * interval '1 ms'"
        f" from generate_series(1, {count}) n"
    )


def letters(loop: Loop, count: int) -> None:
    loop.do(
        "insert into dead_letter_archive (dl_msg_id, original_msg_id, payload)"
        f" select n::text, n::text, '{{}}' from generate_series(1, {count}) n"
    )


def ended(loop: Loop, failed: int, count: int) -> None:
    loop.do(
        "insert into ops_missions (id, status, completed_at)"
        f" select _uuid_v7(), case when n <= {failed} then 'failed' else 'succeeded' end, now()"
        f" from generate_series(1, {count}) n"
    )


def slow(loop: Loop, seconds: int) -> None:
    loop.do(
        "with e as (insert into ops_agent_events (id, type, processed_at, created_at)"
        f" values (_uuid_v7(), 'x', now(), now() - interval '{seconds} s') returning id)"
        " insert into ops_mission_proposals (id, source, template, template_digest, status, event_id)"
        " select _uuid_v7(), 'trigger', '{}', '', 'rejected', id from e"
    )


def counted(loop: Loop, name: str, times: int) -> None:
    loop.rows("select _count(%s, %s)", name, times)


def messages(loop: Loop, count: int) -> None:
    loop.do(
        "insert into outbox (aggregate_type, aggregate_id, event_type)"
        f" select 'a', n::text, 'x' from generate_series(1, {count}) n"
    )


def took(loop: Loop, seconds: int) -> None:
    loop.do(
        "insert into ops_action_runs (id, run_id, step_id, executor, attempt, status, started_at, completed_at)"
        " select _uuid_v7(), gen_random_uuid(), _uuid_v7(), e.name, 1, 'succeeded',"
        " _now() - e.seconds * interval '1 s', _now()"
        f" from (values ('slow', {seconds}), ('quick', 1)) e (name, seconds)"
    )


def pause(loop: Loop) -> None:
    loop.do("insert into ops_pauses (scope, target, paused_by) values ('kind', 'deploy', 'ada')")


SICK: dict[str, tuple[Callable[[Loop], Any], str, str, str]] = {
    "no heartbeat for a while": (lambda o: (o.turn(), o.advance(901)), "heartbeat", "warn", "00:15:01 ago"),
    "no heartbeat for long": (lambda o: (o.turn(), o.advance(1501)), "heartbeat", "fail", "00:25:01 ago"),
    "three failures in a row": (lambda o: (o.turn(), failures(o, 3)), "heartbeat failures", "warn", "3"),
    "five failures in a row": (lambda o: failures(o, 6), "heartbeat failures", "fail", "5"),
    "failures before a success": (lambda o: (failures(o, 5), o.advance(60), o.turn()), "heartbeat failures", "ok", "0"),
    "no worker and nothing to do": (lambda o: None, "workers", "warn", "none was ever seen"),
    "no worker and something to do": (lambda o: queued(o, 1), "workers", "fail", "0 live"),
    "a worker that came by cron": (
        lambda o: (queued(o, 1), o.register(), o.row("select fn_unregister_worker('w1')")), "workers", "ok", "0 live",
    ),
    "a worker that came by cron long ago": (
        lambda o: (queued(o, 1), o.register(), o.advance(601)),
        "workers", "fail", "0 live, the last one seen 00:10:01 ago",
    ),
    "an executor that nobody offers": (
        lambda o: (queued(o, 2), o.register(executors={"sql": {}})), "missing executors", "warn", "noop (2 steps)",
    ),
    "an executor that nobody offers for long": (
        lambda o: (queued(o, 2), o.advance(1801)), "missing executors", "fail", "noop (2 steps)",
    ),
    "a step that nobody claims": (lambda o: (queued(o, 1), o.advance(601)), "oldest ready step", "warn", "00:10:01"),
    "a step that nobody claims for long": (lambda o: (queued(o, 1), o.advance(1801)), "oldest ready step", "fail", ""),
    "a hundred events": (lambda o: [o.emit() for _ in range(100)], "queued events", "warn", "100"),
    "a thousand events": (
        lambda o: o.rows(
            "select fn_emit_events((select jsonb_agg(jsonb_build_object('type', 'x')) from generate_series(1, 1000)))"
        ),
        "queued events", "fail", "1000",
    ),
    "fifty steps": (lambda o: queued(o, 50), "queued steps", "warn", "50"),
    "five hundred steps": (
        lambda o: o.mission(*(step(f"s{n}", after=[]) for n in range(500))), "queued steps", "fail", "500",
    ),
    "events that led to a proposal late": (lambda o: slow(o, 301), "proposal latency", "warn", "301 s"),
    "events that led to a proposal very late": (lambda o: slow(o, 601), "proposal latency", "fail", "601 s"),
    "proposals without end": (
        lambda o: (o.policy("proposal_caps", daily_limit=None), [o.propose(step("a")) for _ in range(100)]),
        "proposals", "warn", "100",
    ),
    "one mission of twenty failed": (lambda o: ended(o, 1, 20), "missions failed", "warn", "5.0 % of 20"),
    "one mission of five failed": (lambda o: ended(o, 4, 20), "missions failed", "fail", "20.0 % of 20"),
    "one of the first few missions failed": (lambda o: ended(o, 1, 2), "missions failed", "ok", "50.0 % of 2"),
    "five dead letters": (lambda o: letters(o, 5), "dead letters", "warn", "5"),
    "twenty dead letters": (lambda o: letters(o, 20), "dead letters", "fail", "20"),
    "dead letters of yesterday": (lambda o: (letters(o, 20), o.advance(86400)), "dead letters", "ok", "0"),
    "a proposal that waits": (
        lambda o: (o.propose(step("a"), risk_level="high"), o.advance(3601)),
        "waiting for a person", "warn", "1 proposals, 0 steps, the oldest 01:00:01",
    ),
    "a proposal that waits since yesterday": (
        lambda o: (o.propose(step("a"), risk_level="high"), o.advance(86401)),
        "waiting for a person", "fail", "1 proposals",
    ),
    "something paused": (pause, "pauses", "warn", "kind deploy by ada"),
    "locks that many want": (lambda o: counted(o, "m10_locks_failed_total", 250), "locks refused", "warn", ""),
    "locks that some want": (lambda o: counted(o, "m10_locks_failed_total", 95), "locks refused", "ok", ""),
    "locks that many wanted": (
        lambda o: (counted(o, "m10_locks_failed_total", 250), o.rows("select _duty_base()"), o.advance(1201)),
        "locks refused", "ok", "0.0",
    ),
    "replays without end": (
        lambda o: counted(o, "m10_replay_duplicates_total", 120), "replays repeated", "warn", "",
    ),
    "deliveries that fail": (lambda o: counted(o, "m10_outbox_retry_total", 500), "outbox retries", "warn", ""),
    "transitions that fail": (
        lambda o: counted(o, "opsloop_transitions_failed_total", 30), "transitions failing", "warn", "",
    ),
    "requests without end": (
        lambda o: counted(o, "opsloop_transition_idempotent_hits_total", 500), "transitions repeating", "warn", "",
    ),
    "a hundred messages": (lambda o: messages(o, 100), "outbox pending", "warn", "100"),
    "a few messages": (lambda o: messages(o, 99), "outbox pending", "ok", "99"),
    "ten dead letters in a day": (
        lambda o: (letters(o, 10), o.advance(7200)), "dead letters of a day", "warn", "10",
    ),
    "steps that take long": (lambda o: took(o, 601), "step duration", "warn", "601.000 s of executor slow"),
    "steps that take a while": (lambda o: took(o, 599), "step duration", "ok", "599.000 s of executor slow"),
}  # fmt: skip


@pytest.mark.parametrize("sick", SICK.values(), ids=SICK)
def test_it_says(loop, sick):
    happen, name, status, value = sick
    loop.stop_clock()
    happen(loop)
    found = check(loop, name)
    assert (found["status"], value in found["value"]) == (status, True), found
    assert bool(found["hint"]) == (status != "ok")


def test_every_check_that_is_defined_is_made_and_no_other(loop):
    defined = loop.rows(
        "select check_name as name, terms as threshold from _measures() where warn is not null"
    )
    assert loop.rows("select name, threshold from fn_check_health()") == defined
    gauges = {
        r["name"] for r in loop.rows("select name from _measures() where kind = 'gauge' and labels is null")
    }
    made = [r["name"] for r in loop.rows("select name from _health()")]
    assert sorted(made) == sorted(gauges | {"opsloop_heartbeat_phases_failed_total"})


SECONDS = {"s": 1, "min": 60, "h": 3600, "%": 1, "MB": 1 << 20, "": 1}


def test_the_thresholds_in_words_are_the_thresholds_in_numbers(loop):
    for check in loop.rows("select * from _measures() where warn is not null and unit <> 'level'"):
        said = {
            word: int(number) * SECONDS[unit]
            for word, number, unit in re.findall(
                r"(warn|fail) (?:after )?(\d+) ?(min|h|s|%|MB|)", check["terms"]
            )
        }
        given = {word: check[word] for word in ("warn", "fail") if check[word] is not None}
        assert said == given or (check["check_name"], said, given) == ("pauses", {}, {"warn": 1})


# What it costs


ROWS = 60_000


@pytest.fixture(scope="module")
def big(module_dsn: str) -> Iterator[psycopg.Connection[Any]]:
    """A session in whose transaction 60,000 rows of each kind lie in the tables; rolled back later."""
    with psycopg.connect(module_dsn, options="-c search_path=opsloop") as conn:
        loop = Loop(conn)
        loop.mission(step("a"))
        for statement in (
            "insert into ops_missions (id, status, completed_at) select _uuid_v7(), 'failed', now() from n",
            "insert into ops_mission_steps (id, mission_id, kind, executor, status)"
            " select _uuid_v7(), _uuid_v7(), 'noop', 'noop', 'failed' from n",
            "insert into ops_agent_events (id, type, processed_at) select _uuid_v7(), 'x', now() from n",
            "insert into ops_agent_reactions (id, event_id, pattern, status)"
            " select _uuid_v7(), _uuid_v7(), 'x', 'done' from n",
            "insert into ops_mission_proposals (id, source, template, template_digest, status)"
            " select _uuid_v7(), 'x', '{}', '', 'pending' from n",
            "insert into dead_letter_archive (dl_msg_id, original_msg_id, payload) select n::text, 'x', '{}' from n",
            "insert into ops_ready (lane, id) select l.lane, _uuid_v7() from n, ops_lanes l",
            "insert into ops_parked_steps (step_id, waits_for) select _uuid_v7(), 'person' from n",
            "insert into ops_timers (due_at, step_ids) select now(), array[_uuid_v7()] from n",
        ):
            loop.do(f"with n as materialized (select n from generate_series(1, {ROWS}) n) {statement}")
        for table in (
            "ops_missions",
            "ops_mission_steps",
            "ops_agent_events",
            "ops_mission_proposals",
            "ops_ready",
        ):
            loop.do(f"analyze {table}")
        yield conn
        conn.rollback()


@pytest.mark.parametrize("function", ["fn_health", "fn_check_health"])
def test_it_reads_a_bounded_number_of_pages_whatever_the_tables_hold(big, function):
    loop = Loop(big)
    before = whole_reads(loop)
    plan = loop.value(f"explain (analyze, buffers, format json) select * from {function}()")[0]["Plan"]
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 100_000, plan
    assert whole_reads(loop) == before


def whole_reads(loop: Loop) -> dict[str, int]:
    """How many times this transaction has read each large table from end to end."""
    return {
        r["relname"]: r["seq_scan"]
        for r in loop.rows("select relname, seq_scan from pg_stat_xact_user_tables where n_tup_ins > 10000")
    }


def test_counts_end_at_ten_thousand(big):
    row = health(Loop(big))
    assert {row[name] for name in (
        "unprocessed_events", "recent_events", "pending_proposals", "recent_proposals", "failed_missions",
        "queued_steps", "failed_steps", "waiting_proposals", "waiting_steps",
    )} == {10_000}  # fmt: skip
