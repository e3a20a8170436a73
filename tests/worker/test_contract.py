"""What an executor is promised."""

import asyncio
import time
from collections.abc import Callable
from threading import Event
from typing import Any

import psycopg
import pytest

from opsloop.errors import LeaseLost
from opsloop.executors import Context, Fatal, Retry, RetryAfter, Wait, executor
from support import wait_until
from worker.working import Process, Work


async def test_context_says_what_is_to_be_done(work: Work, drain: Any) -> None:
    seen: list[Context] = []

    @executor("own")
    async def own(ctx: Context) -> Any:
        seen.append(ctx)
        assert 55 < (ctx.remaining() or 0) <= 60
        return None

    step = work.step("own", {"a": [1, "x"]})
    await drain(own)

    ctx = seen[0]
    assert (ctx.step_id, ctx.params, ctx.attempt, ctx.kind, ctx.executor) == (
        step,
        {"a": [1, "x"]},
        1,
        "own",
        "own",
    )
    assert (ctx.inputs, ctx.last_progress, ctx.cancelled) == ({}, None, False)
    assert ctx.deadline == work.of(step, "deadline_at")
    assert step in ctx.idempotency_key


@pytest.mark.parametrize("way", ["coroutine", "thread", "at once"])
async def test_every_kind_of_handler_can_say_everything(work: Work, drain: Any, way: str) -> None:
    def say(ctx: Context) -> Any:
        ctx.emit("own:seen", {"n": 1}, dedupe_key="only")
        ctx.publish("order", "7", "order:paid", {"cents": 100})
        ctx.usage(tokens=10, cents=1.5)
        ctx.usage(tokens=5)
        return {"way": way}

    @executor("own")
    async def coroutine(ctx: Context) -> Any:
        return say(ctx)

    handlers = {
        "coroutine": coroutine,
        "thread": executor("own")(lambda ctx: say(ctx)),
        "at once": executor("own", blocking=False)(lambda ctx: say(ctx)),
    }
    step = work.step("own")
    await drain(handlers[way])

    assert work.of(step, "result") == {"way": way}
    assert work.conn.execute(
        "select data, dedupe_key from ops_agent_events where type = 'own:seen'"
    ).fetchall() == [({"n": 1}, "only")]
    assert work.conn.execute("select aggregate_id, payload from outbox").fetchall() == [("7", {"cents": 100})]
    usage = work.conn.execute(
        "select meta -> 'usage' from ops_action_runs where step_id = %s", (step,)
    ).fetchall()
    assert usage == [({"tokens": 15, "cents": 1.5},)]


async def test_what_a_failed_attempt_emitted_never_happened(work: Work, drain: Any) -> None:
    @executor("own")
    async def own(ctx: Context) -> Any:
        ctx.emit("own:seen")
        ctx.publish("order", "7", "order:paid")
        raise Fatal("no")

    step = work.step("own")
    await drain(own)

    assert work.of(step, "status") == "failed"
    assert work.conn.execute("select count(*) from ops_agent_events where type = 'own:seen'").fetchall() == [
        (0,)
    ]
    assert work.conn.execute("select count(*) from outbox").fetchall() == [(0,)]


async def test_progress_of_a_failed_attempt_is_given_to_the_next(work: Work, drain: Any) -> None:
    seen: list[Any] = []

    @executor("own")
    async def own(ctx: Context) -> Any:
        seen.append((ctx.attempt, ctx.last_progress))
        ctx.progress({"done": ctx.attempt})
        raise Retry("again")

    step = work.step("own", max_retries=3)
    while work.of(step, "status") != "failed":
        await drain(own)
        work.client.heartbeat()

    assert seen == [(1, None), (2, {"done": 1}), (3, {"done": 2})]


@pytest.mark.parametrize("blocking", [True, False], ids=["thread", "event loop"])
async def test_a_step_that_asks_to_wait_comes_back_with_its_progress_and_burns_no_retry(
    work: Work, drain: Any, blocking: bool
) -> None:
    seen: list[Any] = []

    def wait_once(ctx: Context) -> Any:
        seen.append((ctx.attempt, ctx.last_progress))
        if ctx.attempt == 1:
            ctx.progress({"done": 1})
            raise Wait(3600, "the report is not ready")
        return "done"

    async def wait_once_async(ctx: Context) -> Any:
        return wait_once(ctx)

    step = work.step("own", max_retries=1)
    own = executor("own")(wait_once if blocking else wait_once_async)
    await drain(own)

    assert (work.of(step, "status"), work.of(step, "failure_count")) == ("waiting", 0)
    assert work.of(step, "lease_token") is None
    until, since = work.conn.execute(
        "select until, since from ops_parked_steps where waits_for = 'time' and scope = 'worker'"
    ).fetchone() or (None, None)
    assert until is not None
    assert 3590 < (until - since).total_seconds() <= 3600
    assert work.client.explain_step(step)[0].reason == "time"

    # Its time comes.
    work.conn.execute("update ops_parked_steps set until = now()")
    work.conn.execute("update ops_timers set due_at = now()")
    work.client.heartbeat()
    await drain(own)
    assert seen == [(1, None), (2, {"done": 1})]
    assert (work.of(step, "status"), work.of(step, "result")) == ("succeeded", "done")
    runs = work.conn.execute("select status, error from ops_action_runs order by id").fetchall()
    assert runs == [("released", "the report is not ready"), ("succeeded", None)]
    assert work.client.check_invariants() == []


@pytest.mark.parametrize("seconds", [-1, float("inf"), float("nan")])
def test_a_time_to_wait_is_a_number_of_seconds(seconds: float) -> None:
    with pytest.raises(ValueError, match="Wait needs"):
        Wait(seconds)


async def test_a_checkpoint_runs_once_over_all_attempts(work: Work, drain: Any) -> None:
    ran: list[str] = []

    @executor("own")
    def own(ctx: Context) -> Any:
        order = ctx.checkpoint("order", lambda: ran.append("order") or {"id": 17})
        other = ctx.checkpoint("other", lambda: ran.append("other"))
        if ctx.attempt < 3:
            raise Retry("again")
        return [order, other]

    step = work.step("own", max_retries=3)
    while work.of(step, "status") not in ("succeeded", "failed"):
        await drain(own)
        work.client.heartbeat()

    assert work.of(step, "result") == [{"id": 17}, None]
    assert ran == ["order", "other"]


async def test_a_checkpoint_of_a_coroutine_is_awaited(work: Work, drain: Any) -> None:
    ran: list[int] = []

    @executor("own")
    async def own(ctx: Context) -> Any:
        async def order() -> int:
            ran.append(ctx.attempt)
            return 17

        found = await ctx.checkpoint("order", order)
        if ctx.attempt == 1:
            raise Retry("again")
        return found

    step = work.step("own", max_retries=3)
    while work.of(step, "status") != "succeeded":
        await drain(own)
        work.client.heartbeat()
    assert (work.of(step, "result"), ran) == (17, [1])


async def test_a_checkpoint_that_fails_is_run_again(work: Work, drain: Any) -> None:
    ran: list[int] = []

    @executor("own")
    def own(ctx: Context) -> Any:
        def order() -> int:
            ran.append(ctx.attempt)
            if ctx.attempt == 1:
                raise ValueError("broken")
            return 17

        return ctx.checkpoint("order", order)

    step = work.step("own", max_retries=3)
    while work.of(step, "status") != "succeeded":
        await drain(own)
        work.client.heartbeat()
    assert (work.of(step, "result"), ran) == (17, [1, 2])


async def test_progress_reaches_the_database_while_the_attempt_runs(work: Work, drain: Any) -> None:
    @executor("own")
    async def own(ctx: Context) -> Any:
        ctx.progress(50)
        await asyncio.to_thread(
            wait_until, lambda: work.of(ctx.step_id, "progress") == 50, "progress is stored"
        )
        return "seen"

    step = work.step("own", timeout_seconds=10)
    await drain(own)

    assert work.of(step, "result") == "seen"


@pytest.mark.parametrize(
    ("raised", "status", "said"),
    [
        (Retry("busy"), "queued", "OPS_007: busy"),
        (RetryAfter(3600, "later"), "queued", "OPS_007: later"),
        (Fatal("never"), "failed", "OPS_007: never"),
        (ValueError("odd"), "queued", "OPS_007: ValueError: odd"),
        (SystemExit(3), "queued", "OPS_007: SystemExit: 3"),
    ],
)
@pytest.mark.parametrize("blocking", [True, False])
async def test_what_a_handler_raises_decides_what_becomes_of_the_step(
    work: Work, drain: Any, raised: BaseException, status: str, said: str, blocking: bool
) -> None:
    @executor("own", blocking=blocking)
    def own(ctx: Context) -> Any:
        raise raised

    work.set_policy("worker_policy", backoff={"base_seconds": 600})
    step = work.step("own")
    await drain(own)

    assert work.of(step, "status") == status
    assert work.of(step, "last_error") == said
    assert work.of(step, "last_error_code") == "OPS_007"
    assert work.of(step, "failure_count") == 1
    if isinstance(raised, RetryAfter):
        assert work.of(step, "extract(epoch from run_after - updated_at)::integer") == 3600


async def test_a_result_that_is_not_json_fails_the_step_for_good(work: Work, drain: Any) -> None:
    @executor("own")
    async def own(ctx: Context) -> Any:
        return object()

    steps = [work.step("own"), work.step("noop")]
    await drain(own)

    assert [work.of(step, "status") for step in steps] == ["failed", "succeeded"]
    assert "object is not a JSON value" in work.of(steps[0], "last_error")


@pytest.mark.parametrize("params", ["[" * 1_500 + "]" * 1_500, "1" + "0" * 5_000], ids=["deep", "large"])
async def test_params_that_cannot_be_read_fail_their_step_and_no_other(
    work: Work, drain: Any, params: str
) -> None:
    odd, fine = work.step("noop"), work.step("noop")
    work.conn.execute(
        "update ops_mission_steps set params = jsonb_build_object('n', %s::text::jsonb) where id = %s",
        (params, odd),
    )

    await drain()

    assert (work.of(odd, "status"), work.of(fine, "status")) == ("failed", "succeeded")
    assert "cannot be read" in work.of(odd, "last_error")


@pytest.mark.parametrize("blocking", [False, True])
async def test_a_result_that_holds_itself_or_is_too_large_fails_the_step_for_good(
    work: Work, drain: Any, *, blocking: bool
) -> None:
    ring: list[Any] = []
    ring.append(ring)

    @executor("own", blocking=blocking)
    def own(ctx: Context) -> Any:
        return ring if ctx.params["ring"] else 10**5_000

    steps = [work.step("own", {"ring": ring}) for ring in (True, False)]

    await drain(own)

    assert [work.of(step, "status") for step in steps] == ["failed", "failed"]


async def test_a_report_that_the_database_refuses_does_not_sink_the_others(work: Work, drain: Any) -> None:
    @executor("own", blocking=False)
    def own(ctx: Context) -> Any:
        ctx.emit("" if ctx.params.get("bad") else "own:seen")
        return None

    bad = work.step("own", {"bad": True})
    good = [work.step("own") for _ in range(20)]
    await drain(own)

    assert work.of(bad, "status") == "failed"
    assert work.of(bad, "last_error").startswith("OPS_019")
    assert work.of(bad, "last_error_code") == "OPS_019"
    assert {work.of(step, "status") for step in good} == {"succeeded"}


async def test_text_that_jsonb_cannot_hold_is_made_to_fit(work: Work, drain: Any) -> None:
    @executor("own")
    async def own(ctx: Context) -> Any:
        return {"nul": "a\0b", "half": "\ud800", "nan": float("nan"), "big": 10**30, 7: "seven"}

    step = work.step("own")
    await drain(own)

    fits = {"nul": "a\ufffdb", "half": "\ufffd", "nan": None, "big": 10**30, "7": "seven"}
    assert work.of(step, "result") == fits


async def test_an_attempt_is_stopped_at_its_deadline(work: Work, drain: Any) -> None:
    ended: list[float] = []

    @executor("own")
    async def own(ctx: Context) -> Any:
        began = time.monotonic()
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(time.monotonic() - began)
            assert ctx.cancelled

    step = work.step("own", timeout_seconds=1, max_retries=1)
    await drain(own)

    assert work.of(step, "(status, failure_count)") == ("failed", "1")
    assert work.of(step, "last_error") == "OPS_007: stopped: its deadline passed"
    assert 0.8 < ended[0] < 2


async def test_a_handler_that_does_not_stop_is_reported_without_waiting_for_it(
    work: Work, drain: Any, dsn: str
) -> None:
    release = Event()

    @executor("own", concurrency=1)
    def own(ctx: Context) -> Any:
        release.wait(20)
        return "late"

    step = work.step("own", timeout_seconds=1, max_retries=1)
    running = asyncio.create_task(drain(own))
    await asyncio.to_thread(work.wait_for, step, "failed")
    # Its thread still runs, and so takes up the only place that the executor has.
    other, free = work.step("own"), work.step("noop")
    await asyncio.to_thread(work.wait_for, free, "succeeded")
    assert work.of(other, "status") == "queued"
    release.set()
    await running

    assert work.of(step, "(status, failure_count)") == ("failed", "1")
    assert work.of(other, "(status, result)") == ("succeeded", '"late"')


async def test_a_long_step_keeps_its_lease(work: Work, drain: Any) -> None:
    work.set_policy("worker_policy", lease_minutes=0.02)

    @executor("own")
    async def own(ctx: Context) -> Any:
        first = work.of(step, "lease_expires_at")
        while work.of(step, "clock_timestamp()") <= first:  # noqa: ASYNC110 - only time brings it
            await asyncio.sleep(0.05)
        return work.client.recover_expired_leases().requeued_steps

    step = work.step("own")
    await drain(own)

    assert work.of(step, "(status, attempt, result)") == ("succeeded", "1", "0")


async def test_a_cancelled_mission_stops_what_runs(work: Work, drain: Any) -> None:
    @executor("own")
    async def own(ctx: Context) -> Any:
        work.client.cancel_mission(ctx.mission_id, actor="test")
        await asyncio.sleep(60)

    work.set_policy("worker_policy", lease_minutes=0.02)
    step = work.step("own")
    await drain(own)

    assert work.of(step, "status") == "cancelled"
    assert work.runs(step) == ["cancelled"]


async def test_a_transaction_commits_while_the_lease_is_held(work: Work, drain: Any) -> None:
    work.conn.execute("create table public.paid (step text)")

    @executor("own")
    async def coroutine(ctx: Context) -> Any:
        async with ctx.transaction() as conn:
            await conn.execute("insert into public.paid values (%s)", (ctx.step_id,))

    @executor("other")
    def thread(ctx: Context) -> Any:
        with ctx.transaction() as conn:
            conn.execute("insert into public.paid values (%s)", (ctx.step_id,))
        with pytest.raises(psycopg.errors.DivisionByZero), ctx.transaction() as conn:
            conn.execute("with paid as (insert into public.paid values ('rolled back')) select 1/0")

    steps = {work.step("own"), work.step("other")}
    await drain(coroutine, thread)

    assert {row[0] for row in work.conn.execute("select step from public.paid").fetchall()} == steps


async def test_a_transaction_of_a_fenced_worker_is_refused_and_its_late_report_changes_nothing(
    work: Work, drain: Any
) -> None:
    refused: list[str] = []

    @executor("own", idempotent=True)
    async def own(ctx: Context) -> Any:
        if ctx.attempt > 1:
            return "second"
        # Somebody thinks that the worker is dead.
        update = "update ops_mission_steps set lease_expires_at = now() - interval '1 hour' where id = %s"
        work.conn.execute(update, (ctx.step_id,))
        work.conn.execute("update ops_timers set due_at = now() - interval '1 hour'")
        assert work.client.recover_expired_leases().requeued_steps == 1
        try:
            async with ctx.transaction() as conn:
                await conn.execute("create table public.written_by_a_zombie ()")
        except LeaseLost as error:
            refused.append(error.code)
        return "first"

    step = work.step("own")
    worker = await drain(own)
    work.client.heartbeat()
    await drain(own)

    assert refused == ["OPS_006"]
    assert worker.outcomes["OPS_006"] == 1
    assert work.of(step, "(status, result)") == ("succeeded", '"second"')
    assert sorted(work.runs(step)) == ["fenced", "lost", "succeeded"]


def test_limits_of_an_executor_hold(work: Work, start: Callable[..., Process], tmp_path: Any) -> None:
    gate = tmp_path / "open"
    for _ in range(10):
        work.step("own", {"until": str(gate)})
    for _ in range(10):
        work.step("noop")
    start("--app", "handlers", "--executor-concurrency", "own=3")

    wait_until(lambda: work.statuses() == {"succeeded": 10, "running": 3, "queued": 7}, "three run, not more")
    gate.touch()
    wait_until(lambda: work.statuses() == {"succeeded": 20}, "all are done")


async def test_limits_of_policy_hold(work: Work, drain: Any) -> None:
    work.set_policy("worker_policy", executors={"own": {"concurrency": 2}})
    now = most = 0

    @executor("own", concurrency=50)
    async def own(ctx: Context) -> Any:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.005)
        now -= 1

    for _ in range(20):
        work.step("own")
    await drain(own)

    assert most == 2
    assert work.statuses() == {"succeeded": 20}


async def test_a_step_that_finds_no_handler_is_given_back_without_a_retry_burnt(
    work: Work, drain: Any
) -> None:
    # A preset runs by `command`; this worker offers the preset's name, but not that.
    work.set_policy(
        "worker_policy",
        command_allow=[["openclaw", "..."]],
        presets={"openclaw": {"argv": ["openclaw", "{{params.prompt}}"]}},
    )

    @executor("openclaw")
    async def stand_in(ctx: Context) -> Any:
        return None

    step = work.step("openclaw", {"prompt": "hi"})
    await drain(stand_in, only={"openclaw"})

    assert work.runs(step) == ["released"]
    errors = "select error from ops_action_runs where step_id = %s"
    assert work.conn.execute(errors, (step,)).fetchall()[0][0].startswith("OPS_005: ")
    assert work.of(step, "failure_count") == 0


def test_a_borrowed_connection_is_not_needed_for_a_context_of_ones_own() -> None:
    ctx = Context("0", {"x": 1})

    assert (ctx.params, ctx.inputs, ctx.remaining()) == ({"x": 1}, {}, None)
    with pytest.raises(RuntimeError):
        ctx.transaction()
    with pytest.raises(TypeError):
        ctx.progress(object())
    with pytest.raises(TypeError):
        ctx.usage(tokens="many")  # type: ignore[arg-type]
