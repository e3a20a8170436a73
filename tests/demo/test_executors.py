"""The executors of examples/postgres-care, each against a real database with hostile names in it."""

import psycopg
import pytest

from demo.caring import EAGER, INDEX, SCHEMA, TABLE, Care, idle_transaction
from opsloop import Fatal, Retry
from opsloop.errors import ParamsRefused
from postgres_care import analyze, drop_index, end_session, measure, sample, vacuum

NAMED = {"schema": SCHEMA, "table": TABLE}


def events(ctx, type_):
    return [event["data"] for event in ctx.report().get("events", []) if event["type"] == type_]


async def test_sampling_finds_every_kind_of_neglect(care: Care):
    with idle_transaction(care.dsn) as pid:
        ctx = care.context("pg_sample", **EAGER)
        result = await sample(ctx)

    (dead,) = events(ctx, "pg:dead_rows")
    assert (dead["schema"], dead["table"], dead["dead_rows"]) == (SCHEMA, TABLE, 6000)
    (stale,) = events(ctx, "pg:stale_statistics")
    assert (stale["schema"], stale["table"], stale["changed_rows"]) == (SCHEMA, TABLE, 9000)
    (unused,) = events(ctx, "pg:unused_index")
    assert (unused["schema"], unused["index"], unused["scans"]) == (SCHEMA, INDEX, 0)
    assert pid in [idle["pid"] for idle in events(ctx, "pg:idle_transaction")]
    assert sum(result["found"].values()) == len(result["ideas"]) == len(ctx.report()["events"])


async def test_sampling_leaves_out_the_loop_and_what_is_below_the_thresholds(care: Care):
    ctx = care.context("pg_sample", index_days=0, index_bytes=0)
    assert (await sample(ctx))["found"] == {
        "pg:dead_rows": 0, "pg:stale_statistics": 0, "pg:unused_index": 1, "pg:idle_transaction": 0,
    }  # fmt: skip


async def test_an_index_counts_as_unused_only_after_days_of_watching(care: Care):
    ctx = care.context("pg_sample", index_bytes=0)
    assert (await sample(ctx))["found"]["pg:unused_index"] == 0


async def test_an_index_that_guards_something_is_never_proposed(care: Care):
    care.conn.execute(
        "create table guarded (a integer primary key, b integer unique, c integer, exclude using btree (c with =))"
    )
    ctx = care.context("pg_sample", **EAGER)
    await sample(ctx)
    assert [found["index"] for found in events(ctx, "pg:unused_index")] == [INDEX]


@pytest.mark.parametrize(
    "params", [{"dead_rows": "1; drop table x"}, {"dead_rows": -1}, {"unknown": 1}, {"limit": True}]
)
async def test_sampling_refuses_what_is_not_a_threshold(care: Care, params):
    with pytest.raises(ParamsRefused, match=next(iter(params))):
        await sample(care.context("pg_sample", **params))


async def test_vacuum_removes_dead_rows_and_the_measurement_proves_it(trusted: Care):
    before = await measure(trusted.context("pg_measure", **NAMED))
    said = await vacuum(trusted.context("pg_vacuum", **NAMED))
    after = await measure(trusted.context("pg_measure", **NAMED, before=before, expect="dead_rows"))

    assert any(line.startswith("tuples: ") for line in said["says"])
    assert (before["dead_rows"], after["dead_rows"], after["fallen_by"]) == (6000, 0, 6000)
    assert after["before"]["dead_rows"] == 6000


async def test_analyze_refreshes_the_picture(trusted: Care):
    before = await measure(trusted.context("pg_measure", **NAMED))
    await analyze(trusted.context("pg_analyze", **NAMED))
    after = await measure(trusted.context("pg_measure", **NAMED, before=before, expect="changed_rows"))
    assert (before["changed_rows"], after["changed_rows"], after["planner_rows"]) == (9000, 0, 3000)


async def test_a_measurement_without_effect_fails_and_names_who_holds_the_rows(trusted: Care):
    with idle_transaction(trusted.dsn) as pid:
        trusted.conn.execute('delete from "sh""op"."st;ock""--" where id > 2000')
        trusted.conn.execute("select pg_stat_force_next_flush()")
        await vacuum(trusted.context("pg_vacuum", **NAMED))
        before = await measure(trusted.context("pg_measure", **NAMED))
        assert before["dead_rows"] == 1000
        assert before["horizon"]["name"] == f"pid {pid}"
        await vacuum(trusted.context("pg_vacuum", **NAMED))
        with pytest.raises(
            Fatal, match=f"dead_rows was 1000 and is 1000; session pid {pid}, forgotten, idle in transaction"
        ):
            await measure(trusted.context("pg_measure", **NAMED, before=before, expect="dead_rows"))


@pytest.mark.parametrize("run", [analyze, vacuum])
async def test_a_login_without_rights_fails_instead_of_reporting_success(care: Care, run):
    with pytest.raises(Fatal, match="permission denied"):
        await run(care.context("x", **NAMED))
    assert care.value("select sum(vacuum_count + analyze_count) from pg_stat_user_tables") == 0


@pytest.mark.parametrize("run", [analyze, vacuum, measure])
@pytest.mark.parametrize(
    ("schema", "table", "why"),
    [
        (SCHEMA, "no such table", "there is no table"),
        (SCHEMA, INDEX, "there is no table"),
        (SCHEMA, TABLE + '"; drop schema opsloop cascade; --', "there is no table"),
        ("pg_catalog", "pg_class", "not a user's schema"),
        ("opsloop", "ops_policy", "not a user's schema"),
    ],
)
async def test_names_that_are_not_a_users_table_are_refused(trusted: Care, run, schema, table, why):
    with pytest.raises(Fatal, match=why):
        await run(trusted.context("x", schema=schema, table=table))


@pytest.mark.parametrize("params", [{}, {"schema": "a"}, {"schema": "a", "table": 1}, {**NAMED, "more": 1}])
async def test_params_are_checked_before_anything_is_done(care: Care, params):
    with pytest.raises(ParamsRefused):
        await vacuum(care.context("pg_vacuum", **params))


async def proposed_index(care: Care):
    ctx = care.context("pg_sample", **EAGER)
    await sample(ctx)
    (found,) = events(ctx, "pg:unused_index")
    return {name: found[name] for name in ("schema", "index", "definition")}


async def test_an_unused_index_is_dropped_and_can_be_brought_back(trusted: Care):
    params = await proposed_index(trusted)
    result = await drop_index(trusted.context("pg_drop_index", **params))
    assert result["dropped"]
    assert not trusted.value("select exists (select from pg_class where relname = %s)", INDEX)

    assert not (await drop_index(trusted.context("pg_drop_index", **params)))["dropped"]

    trusted.conn.execute(result["undo"])
    assert trusted.value("select exists (select from pg_class where relname = %s)", INDEX)


async def test_an_index_is_not_dropped_when_it_changed_or_was_used_since(trusted: Care):
    params = await proposed_index(trusted)
    with pytest.raises(Fatal, match="not the index that was proposed"):
        await drop_index(trusted.context("pg_drop_index", **{**params, "definition": "create index …"}))

    with psycopg.connect(trusted.dsn, autocommit=True) as reader:
        reader.execute("set enable_seqscan = off")
        reader.execute('select count(*) from "sh""op"."st;ock""--" where changed_at = now()')
        reader.execute("select pg_stat_force_next_flush()")
    with pytest.raises(Fatal, match="it was used 1 times"):
        await drop_index(trusted.context("pg_drop_index", **params))
    assert trusted.value("select exists (select from pg_class where relname = %s)", INDEX)


async def idle(care: Care, pid: int):
    ctx = care.context("pg_sample", **EAGER)
    await sample(ctx)
    (found,) = [one for one in events(ctx, "pg:idle_transaction") if one["pid"] == pid]
    return {name: found[name] for name in ("pid", "backend_start", "xact_start")}


async def test_an_idle_transaction_is_ended(trusted: Care):
    with idle_transaction(trusted.dsn) as pid:
        params = await idle(trusted, pid)
        assert await end_session(trusted.context("pg_end_session", **params)) == {"ended": True}
        assert not trusted.value("select exists (select from pg_stat_activity where pid = %s)", pid)


async def test_another_transaction_of_the_same_session_is_left_alone(trusted: Care):
    with psycopg.connect(trusted.dsn) as conn:
        conn.execute("select 1")
        params = await idle(trusted, conn.info.backend_pid)
        conn.commit()
        conn.execute("select 1")
        result = await end_session(trusted.context("pg_end_session", **params))
        assert not result["ended"]
        conn.execute("select 'still here'")


async def test_without_a_login_of_its_own_it_reads_and_changes_nothing(
    care: Care, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("OPS_CARE_DSN")
    for run in (analyze, vacuum):
        with pytest.raises(Fatal, match="OPS_CARE_DSN is not set"):
            await run(care.context("x", **NAMED))


async def test_a_server_that_is_away_is_worth_another_try(care: Care, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPS_CARE_DSN", "host=/nowhere dbname=none")
    with pytest.raises(Retry):
        await sample(care.context("pg_sample"))
