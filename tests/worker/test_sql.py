import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from opsloop.errors import ParamsRefused
from opsloop.executors import Context, Fatal, Retry, sql
from worker.working import Process, Work


@pytest.fixture
def run_sql(dsn: str) -> Callable[..., Any]:
    handler = sql.make(dsn).handler

    async def run(statement: str, args: Any = None, **more: Any) -> Any:
        params = {"statement": statement, **more} | ({} if args is None else {"args": args})
        return await handler(Context("0", params))

    return run


async def test_sql_returns_rows_as_json(run_sql: Callable[..., Any]) -> None:
    done = await run_sql(
        "select 1 as a, 'x' as b, null as c, 1.50::numeric as d, '{1,2}'::int[] as e, '{\"k\": 1}'::jsonb as f, "
        "'2026-01-02'::date as g, '\\x00ff'::bytea as h, '0/1'::pg_lsn as i"
    )

    row = json.loads(json.dumps(done["rows"][0], default=float))
    assert row == {
        "a": 1,
        "b": "x",
        "c": None,
        "d": 1.5,
        "e": [1, 2],
        "f": {"k": 1},
        "g": "2026-01-02",
        "h": "00ff",
        "i": "0/1",
    }
    assert (done["rowcount"], done["truncated"]) == (1, False)


async def test_sql_binds_arguments_by_place_and_by_name(run_sql: Callable[..., Any]) -> None:
    assert (await run_sql("select %s::int + %s::int as n", [1, 2]))["rows"] == [{"n": 3}]
    assert (await run_sql("select %(a)s::text as a", {"a": "'; drop"}))["rows"] == [{"a": "'; drop"}]
    assert (await run_sql("select '100%' as a"))["rows"] == [{"a": "100%"}]


async def test_sql_commits_what_it_changed(
    run_sql: Callable[..., Any], conn: psycopg.Connection[Any]
) -> None:
    assert (await run_sql("create table public.t (a int)"))["rows"] == []
    assert (await run_sql("insert into public.t select generate_series(1, 3)"))["rowcount"] == 3
    assert (await run_sql("vacuum public.t", autocommit=True))["rows"] == []
    assert conn.execute("select count(*) from public.t").fetchall() == [(3,)]


async def test_sql_keeps_a_thousand_rows_and_says_that_there_were_more(run_sql: Callable[..., Any]) -> None:
    done = await run_sql("select generate_series(1, 1001) as n")

    assert (len(done["rows"]), done["rowcount"], done["truncated"]) == (1000, 1001, True)


@pytest.mark.parametrize(
    ("statement", "more", "outcome", "said"),
    [
        ("select 1; select 2", {}, Fatal, "42601"),
        ("selec 1", {}, Fatal, "42601"),
        ("select 1/0", {}, Fatal, "22012"),
        ("select pg_sleep(20)", {"timeout_seconds": 0.05}, Retry, "57014"),
        ("select pg_terminate_backend(pg_backend_pid())", {}, Retry, "SQLSTATE (57P01|none)"),
        ("vacuum", {}, Fatal, "25001"),
    ],
)
async def test_sql_errors_are_final_unless_another_try_may_help(
    run_sql: Callable[..., Any], statement: str, more: dict[str, Any], outcome: type[Exception], said: str
) -> None:
    with pytest.raises(outcome, match=said):
        await run_sql(statement, **more)


async def test_sql_without_a_server_may_be_tried_again() -> None:
    with pytest.raises(Retry):
        await sql.make("host=/nowhere").handler(Context("0", {"statement": "select 1"}))


@pytest.mark.parametrize(
    "params",
    [{}, {"statement": ""}, {"statement": 1}, {"statement": "x", "args": "y"}, {"statement": "x", "timeout_seconds": 0},
     {"statement": "x", "autocommit": "yes"}, {"statement": "x", "dsn": "y"}],
)  # fmt: skip
async def test_sql_refuses_params_it_does_not_understand(params: dict[str, Any]) -> None:
    with pytest.raises(ParamsRefused, match="OPS_020: sql: "):
        await sql.make("host=/nowhere").handler(Context("0", params))


def test_a_worker_offers_sql_with_its_own_login_only(
    work: Work, start: Callable[..., Process], dsn: str
) -> None:
    step = work.step("sql", {"statement": "select 1 as one"})

    assert "OPS_005: 1 steps wait for the executor sql" in start("--once").end()[1]
    assert start("--once", OPS_SQL_DSN=dsn).end() == (0, "1 steps run: 1 accepted\n")
    assert work.of(step, "result -> 'rows'") == [{"one": 1}]
