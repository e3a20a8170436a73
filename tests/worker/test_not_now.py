"""A server that cannot just now decides over no work: reports come again, leases end by the worker's own clock."""

import asyncio
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from opsloop.database import Database
from opsloop.errors import DatabaseUnavailable, ReadOnlyDatabase
from opsloop.executors import Context, builtin, command, executor, sql
from opsloop.process import logs
from opsloop.process.link import Link
from opsloop.worker import Options, Worker
from proxies import Proxy
from support import wait_until
from worker.working import Process, Work

Start = Callable[..., Process]

REFUSALS = """
  create table refusals (status text, step_id uuid, state text);
  create function refuse() returns trigger language plpgsql as $$
  declare v_state text;
  begin
    select r.state into v_state from opsloop.refusals r
     where r.status = new.status and coalesce(r.step_id, new.id) = new.id limit 1;
    if found then
      raise exception using errcode = v_state, message = 'refused by the test';
    end if;
    return new;
  end $$;
  create trigger refuse before update on ops_mission_steps for each row execute function refuse()"""


@pytest.fixture
def refuse(work: Work) -> Callable[..., None]:
    """Has the server refuse, with a SQLSTATE, that steps get a status."""
    work.conn.execute(REFUSALS)

    def add(status: str, state: str, step: str | None = None) -> None:
        work.conn.execute("insert into refusals values (%s, %s, %s)", (status, step, state))

    return add


@pytest.mark.parametrize(
    "state", ["57014", "53100", "53200", "53300", "25006", "40001", "40P01", "55P03", "57P03"]
)
def test_a_result_that_the_server_cannot_take_now_is_brought_again(
    work: Work, refuse: Callable[..., None], start: Start, state: str
) -> None:
    steps = [work.step("noop") for _ in range(5)]
    refuse("succeeded", state)
    worker = start("--no-heartbeat")
    said = ("reports kept for later", "database call failed, trying again")
    wait_until(lambda: any(worker.logged(event) for event in said), "the server has refused it")

    work.conn.execute("delete from refusals")

    for step in steps:
        work.wait_for(step, "succeeded")
        assert work.runs(step) == ["succeeded"]
    worker.signal(signal.SIGTERM)
    assert worker.end()[0] == 0
    assert sum(line["event"] == "reports kept for later" for line in worker.lines()) <= 1


@pytest.mark.parametrize("status", ["succeeded", "failed"])
async def test_one_report_that_cannot_be_taken_costs_no_other_one(
    work: Work, refuse: Callable[..., None], drain: Callable[..., Any], status: str
) -> None:
    params = {} if status == "succeeded" else {"fail": "so"}
    steps = [work.step("noop", params, max_retries=1) for _ in range(9)]
    if status == "succeeded":
        refuse(status, "22P02", steps[4])

        await drain()

        assert [work.of(step, "status") for step in steps] == ["succeeded"] * 4 + ["failed"] + [
            "succeeded"
        ] * 4
    else:
        refuse(status, "22P02", steps[4])

        worker = await drain()

        assert [work.of(step, "status") for step in steps] == ["failed"] * 4 + ["running"] + ["failed"] * 4
        assert worker.outcomes["dropped"] == 1


def test_a_result_that_is_never_taken_is_named_in_the_log_and_in_the_exit_code(
    work: Work, refuse: Callable[..., None], start: Start
) -> None:
    work.set_policy("worker_policy", lease_minutes=0.02)
    step = work.step("noop", timeout_seconds=1)
    refuse("succeeded", "53100")
    refuse("queued", "53100")
    worker = start("--no-heartbeat")

    wait_until(lambda: worker.logged("a finished result dropped"), "it is given up")
    (line,) = [line for line in worker.lines() if line["event"] == "a finished result dropped"]
    worker.signal(signal.SIGTERM)

    assert line["step_id"] == step
    assert line["sqlstate"] == "53100"
    assert worker.end()[0] == 5
    metric = "select value from fn_metrics() where name = 'opsloop_results_dropped_total'"
    assert work.conn.execute(metric).fetchall() == [(1,)]


def test_the_lease_of_a_result_that_waits_is_kept(
    work: Work, refuse: Callable[..., None], start: Start
) -> None:
    work.set_policy("worker_policy", lease_minutes=0.02)
    step = work.step("noop")
    refuse("succeeded", "53100")
    start("--heartbeat-seconds", "0.1")
    work.wait_for(step, "running")
    moved = "lease_expires_at > reserved_at + interval '4 seconds'"
    wait_until(lambda: work.of(step, moved), "it was extended more than once, past its first time")

    work.conn.execute("delete from refusals")

    work.wait_for(step, "succeeded")
    assert work.runs(step) == ["succeeded"]


def test_a_result_that_waits_for_a_locked_mission_keeps_no_other_one_back(
    work: Work, start: Start, connect: Callable[..., psycopg.Connection[Any]], tmp_path: Path
) -> None:
    gate = tmp_path / "open"
    steps = [work.step("own", {"until": str(gate)}) for _ in range(8)]
    start("--app", "handlers", "--no-heartbeat")
    for step in steps:
        work.wait_for(step, "running")
    holder = connect(autocommit=False)
    holder.execute("select from ops_missions where id = %s for update", (work.of(steps[0], "mission_id"),))
    gate.touch()

    for step in steps[1:]:
        work.wait_for(step, "succeeded")
    holder.rollback()
    work.wait_for(steps[0], "succeeded")
    assert work.runs(steps[0]) == ["succeeded"]


def test_a_refusal_of_an_idle_call_does_not_end_a_worker(work: Work, start: Start, tmp_path: Path) -> None:
    gate = tmp_path / "open"
    step = work.step("own", {"until": str(gate)})
    work.conn.execute(
        "create or replace function fn_declare_idle(p_worker_id text) returns text language plpgsql as "
        "$$ begin raise exception using errcode = '57014', message = 'cancelled by the test'; end $$"
    )
    worker = start("--app", "handlers")
    wait_until(lambda: worker.logged("idle call refused"), "it was refused")

    gate.touch()

    work.wait_for(step, "succeeded")
    work.wait_for(work.step("noop"), "succeeded")


def test_a_worker_that_must_end_gives_back_what_runs(work: Work, start: Start, tmp_path: Path) -> None:
    step = work.step("own", {"until": str(tmp_path / "never")})
    worker = start("--app", "handlers", "--grace", "0.2", "--poll-seconds", "0.1", "--no-listen")
    work.wait_for(step, "running")

    work.conn.execute("alter function fn_claim_steps rename to fn_claim_steps_of_before")

    assert worker.end()[0] == 1
    assert work.of(step, "(status, failure_count)") == ("queued", "0")
    assert work.runs(step) == ["released"]


def test_a_handler_is_stopped_when_its_lease_is_over_by_the_workers_own_clock(
    work: Work, start: Start, proxy: Proxy, tmp_path: Path
) -> None:
    work.set_policy("worker_policy", lease_minutes=2 / 60)
    started = tmp_path / "started"
    step = work.step("own", {"until": str(tmp_path / "never"), "started": str(started)})
    worker = start("--app", "handlers", "--no-heartbeat", "--grace", "0", DATABASE_URL=proxy.dsn)
    wait_until(started.exists, "the answer to the claim has come through")

    proxy.freeze()

    wait_until(lambda: worker.logged("lease over"), "it knows that its lease is over")
    wait_until(lambda: worker.logged("no answer, connecting anew"), "it does not wait for ever")
    assert work.of(step, "attempt") == 1, "nobody has taken it back: the worker has stopped by itself"
    proxy.thaw()
    wait_until(lambda: work.runs(step)[:1] == ["released"], "what became of it was told")
    assert work.of(step, "failure_count") == 0


async def test_the_servers_clock_may_be_set_back_and_nothing_runs_twice(work: Work, dsn: str) -> None:
    begun: list[str] = []
    gate = asyncio.Event()

    @executor("own")
    async def own(ctx: Context) -> None:
        begun.append(ctx.step_id)
        await gate.wait()

    registry = builtin(None)
    registry.add([own])
    worker = Worker(Database(dsn, clock="opsloop._now()"), registry, Options(heartbeat=0.1, poll=0.1))
    running = asyncio.create_task(worker.run())
    first = await asyncio.to_thread(work.step, "own", timeout_seconds=60)
    await asyncio.to_thread(wait_until, lambda: begun == [first], "it runs")

    set_clock(work.conn, "-2 minutes")
    second = await asyncio.to_thread(work.step, "own", timeout_seconds=60)

    await asyncio.to_thread(wait_until, lambda: len(begun) == 2, "the second one runs")
    extended = (
        "select count(*) from ops_mission_steps where lease_expires_at > reserved_at + interval '31 seconds'"
    )
    await asyncio.to_thread(
        wait_until, lambda: work.conn.execute(extended).fetchall() == [(1,)], "it is kept"
    )
    gate.set()
    await asyncio.to_thread(work.wait_for, second, "succeeded")
    worker.stop()
    await running
    await worker.close()
    assert begun == [first, second]
    assert work.runs(second) == ["succeeded"]


def set_clock(conn: psycopg.Connection[Any], by: str) -> None:
    """Set the clock that the loop reads."""
    conn.execute(
        "create or replace function _now() returns timestamptz language plpgsql set search_path from current as "
        f"$$ begin return clock_timestamp() + interval '{by}'; end $$"
    )


async def test_an_outage_of_the_loops_own_database_burns_no_try(
    work: Work, drain: Callable[..., Any]
) -> None:
    @executor("own")
    async def own(ctx: Context) -> None:
        if ctx.attempt == 1:
            raise DatabaseUnavailable("away")
        if ctx.attempt == 2:
            async with ctx.transaction() as conn:
                await conn.execute("select pg_terminate_backend(pg_backend_pid())")

    step = work.step("own", max_retries=1)

    await drain(own)

    assert work.of(step, "(status, failure_count)") == ("succeeded", "0")
    assert work.runs(step) == ["released", "released", "succeeded"]


async def test_a_leased_transaction_says_whose_it_is_and_ends_when_its_host_has_vanished(
    work: Work, drain: Callable[..., Any]
) -> None:
    seen: list[Any] = []

    @executor("own")
    async def own(ctx: Context) -> None:
        async with ctx.transaction() as conn:
            query = "select current_setting('application_name'), current_setting('idle_in_transaction_session_timeout')"
            seen.extend(await (await conn.execute(query)).fetchone() or ())

    step = work.step("own", timeout_seconds=40)

    await drain(own)

    assert seen[0] == f"opsloop step {step}"
    assert (
        30_000
        < int(seen[1].removesuffix("ms").removesuffix("s")) * (1 if "ms" in seen[1] else 1000)
        <= 40_000
    )


async def test_a_read_only_server_is_left(dsn: str, conn: psycopg.Connection[Any]) -> None:
    link = Link(Database(dsn), "claims", logs.get())
    database = conninfo_to_dict(dsn)["dbname"]
    conn.execute(f"alter database {database} set default_transaction_read_only = on")
    await link.open()
    conn.execute(f"alter database {database} reset default_transaction_read_only")

    with pytest.raises(ReadOnlyDatabase):
        await link.call("heartbeat")
    assert await link.call("heartbeat")
    await link.close()


@pytest.mark.parametrize("full", [True, False])
def test_a_log_that_cannot_be_written_ends_no_worker(work: Work, dsn: str, full: bool) -> None:
    step = work.step("noop")
    reader, writer = os.pipe()
    os.close(reader)
    with Path("/dev/full").open("w") if full else os.fdopen(writer, "w") as log:
        done = subprocess.run(
            [sys.executable, "-m", "opsloop.worker", "--drain", "--log-level", "debug"],
            env={**os.environ, "DATABASE_URL": dsn},
            stderr=log,
            stdout=log,
            timeout=60,
            check=False,
        )

    assert done.returncode == 0
    assert work.of(step, "status") == "succeeded"


async def test_a_program_whose_child_keeps_its_output_open_has_ended() -> None:
    child = "import os, time; os.fork() or (os.setsid(), time.sleep(30)); print('done', flush=True)"
    context = Context("0", {"argv": [sys.executable, "-c", child]})

    async with asyncio.timeout(10):
        done = await command.run(context)

    assert (done["exit_code"], done["stdout"]) == (0, "done\n")


async def test_a_committed_statement_succeeds_whatever_it_returns(
    dsn: str, conn: psycopg.Connection[Any]
) -> None:
    conn.execute("create table public.t (a timestamptz, b date, c interval)")
    statement = (
        "insert into public.t values ('infinity', '-infinity', '1 day') returning a, b, c, time '24:00' as d"
    )

    done = await sql.make(dsn).handler(Context("0", {"statement": statement, "autocommit": True}))

    assert (done["rows"][0]["a"], done["rows"][0]["b"], done["rows"][0]["d"]) == (
        "infinity",
        "-infinity",
        "24:00:00",
    )
    assert conn.execute("select count(*) from public.t").fetchall() == [(1,)]


async def test_rows_beyond_the_limit_are_not_kept_while_they_are_read(
    dsn: str, conn: psycopg.Connection[Any]
) -> None:
    conn.execute("create table public.t (n int)")
    statement = (
        "insert into public.t select generate_series(1, 20000) returning n, repeat('x', 10000) as wide"
    )
    before = memory()

    done = await sql.make(dsn).handler(Context("0", {"statement": statement}))

    assert memory() - before < 50_000_000
    assert (done["rowcount"], done["truncated"]) == (20_000, True)
    assert conn.execute("select count(*) from public.t").fetchall() == [(20_000,)]


def memory() -> int:
    """The most that this process ever had, bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
