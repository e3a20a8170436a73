"""What a test can do with a loop, and what it is told."""

import asyncio
import traceback
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from opsloop import Context, Fatal, Retry, executor
from opsloop.errors import ExecutorNotFound, NotFound
from opsloop.testing import NotIdle

GREET = {"key": "hello", "kind": "greet", "params": {"name": "Ann"}}


@executor("greet", idempotent=True)
def greet(ctx: Context) -> dict[str, str]:
    """Says hello, and that it did."""
    ctx.emit("greeted", {"name": ctx.params["name"]})
    ctx.publish("person", ctx.params["name"], "greeted", {"how": "kindly"})
    ctx.usage(words=2)
    return {"text": f"Hello, {ctx.params['name']}!"}


# Running


def test_everything_runs_until_nothing_is_left(loop):
    loop.register(greet)
    loop.allow("greet")
    loop.react("arrived", {**GREET, "params": {"name": "{{event.data.name}}"}})
    loop.emit("arrived", {"name": "Bob"})
    ran = loop.run_until_idle()
    assert [(a.key, a.number, a.status, a.params, a.result, a.usage) for a in ran] == [
        ("hello", 1, "succeeded", {"name": "Bob"}, {"text": "Hello, Bob!"}, {"words": 2})
    ]
    assert [e.data for e in loop.events("greet*")] == [{"name": "Bob"}]
    assert [(m.aggregate_id, m.payload) for m in loop.outbox()] == [("Bob", {"how": "kindly"})]
    assert loop.outbox("greet") == []
    assert loop.run_until_idle() == []
    assert loop.attempts == ran


def test_waits_missions_and_lists_run_until_nothing_is_left_and_times_come_with_the_clock(loop):
    loop.allow("noop")
    mission = loop.mission(
        {"key": "list", "kind": "noop", "for_each": [1, 2], "params": {"n": "{{item}}"}},
        {
            "key": "child",
            "kind": "mission",
            "params": {"title": "child", "steps": [{"key": "x", "kind": "noop"}]},
        },
        {"key": "again", "kind": "noop", "for_each": []},
        {"key": "nap", "kind": "wait", "params": {"seconds": 3600}},
        {"key": "paid", "kind": "wait", "params": {"event": "paid"}},
        {"key": "late", "kind": "noop", "run_after": 60},
    )
    ran = loop.run_until_idle()
    assert [a.key for a in ran if a.executor == "noop"] == ["list[0]", "list[1]", "list", "x", "again"]
    assert loop.steps(mission)["nap"].status == "waiting"
    loop.clock.advance(hours=1)
    loop.run_until_idle()
    assert loop.steps(mission)["paid"].status == "waiting"
    loop.emit("paid", {"amount": 5})
    loop.run_until_idle()
    assert loop.result(mission, "paid") == {"amount": 5}
    loop.clock.advance(minutes=1)
    loop.run_until_idle()
    loop.assert_succeeded(mission)


async def test_it_runs_on_the_event_loop_of_an_async_test(loop):
    opened = asyncio.Event()

    async def wait(ctx: Context) -> str:
        await opened.wait()
        return "opened"

    loop.fake("noop", wait)
    mission = loop.mission({"kind": "noop"})
    asyncio.get_running_loop().call_soon(opened.set)
    await loop.run_until_idle_async()
    assert loop.result(mission) == "opened"


async def test_it_runs_beside_the_event_loop_of_an_async_test(loop):
    mission = loop.mission({"kind": "noop"})
    loop.run_until_idle()
    loop.assert_succeeded(mission)


def test_an_attempt_shows_params_as_they_were_filled(loop):
    loop.fake("noop", lambda ctx: {"n": 7} if ctx.key == "a" else ctx.params)
    mission = loop.mission(
        {"key": "a", "kind": "noop"}, {"key": "b", "kind": "noop", "params": {"n": "{{steps.a.result.n}}"}}
    )
    assert [a.params for a in loop.run_until_idle()] == [{}, {"n": 7}]
    assert loop.result(mission) == {"n": 7}
    assert loop.result(mission, "a") == {"n": 7}
    assert loop.steps(mission)["b"].status == "succeeded"


def test_an_executor_that_nobody_offers_is_named(loop):
    mission = loop.mission(GREET)
    with pytest.raises(ExecutorNotFound, match=r"greet \(1 waiting\)"):
        loop.run_until_idle()
    loop.register(greet)
    loop.run_until_idle()
    loop.assert_succeeded(mission)


def test_a_loop_that_feeds_itself_is_stopped_and_described(loop):
    loop.fake("greet", lambda ctx: ctx.emit("ping"))
    loop.allow("greet")
    loop.react("ping", {"title": "again and again", "steps": [GREET]}, max_depth=1000)
    loop.emit("ping")
    with pytest.raises(NotIdle) as caught:
        loop.run_until_idle(max_turns=12)
    assert "within 12 turns" in str(caught.value)
    for told in ("missions: again and again", "attempts: greet (executor greet)", "events of missions: ping"):
        assert told in str(caught.value)


def test_a_mission_that_proposes_itself_is_stopped(loop):
    loop.fake("noop", lambda ctx: loop.propose({"kind": "noop"}).status)
    loop.mission({"kind": "noop"})
    with pytest.raises(NotIdle, match="attempts: noop"):
        loop.run_until_idle(max_turns=10)


# The clock


def test_a_retry_is_due_when_the_clock_is_set_forward(loop):
    loop.fake("noop", Retry("busy"))
    mission = loop.mission({"kind": "noop"})
    assert [a.number for a in loop.run_until_idle()] == [1]
    assert loop.run_until_idle() == []
    loop.clock.advance(minutes=5)
    assert [a.number for a in loop.run_until_idle()] == [2]
    loop.clock.advance(minutes=5)
    loop.run_until_idle()
    assert loop.steps(mission)["step_1"].status == "failed"


def test_a_lease_runs_out_when_the_clock_is_set_forward(loop):
    mission = loop.mission({"kind": "noop"})
    loop.client.register_worker("vanished", executors={"noop": {"idempotent": True}})
    loop.client.claim_steps("vanished", 1, 30)
    assert loop.run_until_idle() == []
    loop.clock.advance(seconds=31)
    loop.run_until_idle()
    loop.clock.advance(minutes=1)  # the backoff
    loop.run_until_idle()
    loop.assert_succeeded(mission)
    assert [a.status for a in loop.attempts] == ["lost", "succeeded"]


def test_a_deadline_follows_the_clock(loop):
    loop.clock.advance(hours=1)
    loop.fake("noop", lambda ctx: asyncio.sleep(60))
    loop.mission({"kind": "noop", "timeout_seconds": 1})
    (attempt,) = loop.run_until_idle()
    assert "deadline" in attempt.error
    assert attempt.completed_at - attempt.started_at < timedelta(seconds=20)


def test_caps_begin_anew_at_midnight_utc(loop):
    loop.clock.advance_to(datetime(2099, 5, 31, 23, 30, tzinfo=UTC))
    loop.policy("proposal_caps", daily_limit=1)
    assert loop.propose({"kind": "noop"}).status == "auto_approved"
    assert "OPS_003" in loop.propose({"kind": "noop"}).reason
    loop.clock.advance_to(datetime(2099, 6, 1, tzinfo=UTC))
    assert loop.propose({"kind": "noop"}).status == "auto_approved"


def test_a_cooldown_ends_when_the_clock_is_set_forward(loop):
    loop.react("ping", {"kind": "noop"}, cooldown_minutes=10)
    for advance, missions in ((0, 1), (5, 1), (6, 2)):
        loop.clock.advance(minutes=advance)
        loop.emit("ping")
        loop.run_until_idle()
        assert len(loop.client.list_missions()) == missions


def test_the_clock_goes_forward_only(loop):
    with pytest.raises(ValueError, match="forward"):
        loop.clock.advance(seconds=-1)
    with pytest.raises(ValueError, match="forward"):
        loop.clock.advance_to(datetime(2020, 1, 1, tzinfo=UTC))
    with pytest.raises(ValueError, match="time zone"):
        loop.clock.advance_to(datetime(2099, 1, 1))  # noqa: DTZ001


# Executors in the place of others


def test_a_fake_answers_and_its_calls_are_recorded(loop):
    calls = loop.fake("http", {"status": 200})
    mission = loop.mission({"kind": "http", "params": {"url": "https://example.org/", "method": "GET"}})
    loop.run_until_idle()
    assert loop.result(mission) == {"status": 200}
    assert [call.params["url"] for call in calls] == ["https://example.org/"]
    assert calls[0].idempotency_key.startswith("step:")


def test_a_fake_raises(loop):
    loop.register(greet)
    loop.fake("greet", Fatal("no such person"))
    mission = loop.mission(GREET)
    (attempt,) = loop.run_until_idle()
    assert (attempt.status, type(attempt.exception)) == ("failed", Fatal)
    assert "no such person" in loop.steps(mission)["hello"].last_error


def test_a_fake_may_be_a_coroutine_function(loop):
    async def answer(ctx: Context) -> int:
        await asyncio.sleep(0)
        return ctx.attempt

    loop.fake("noop", answer)
    mission = loop.mission({"kind": "noop"})
    loop.run_until_idle()
    assert loop.result(mission) == 1


def test_a_preset_is_replaced_without_replacing_what_it_runs_with(loop):
    calls = loop.fake("openclaw", {"plan": []})
    mission = loop.mission({"kind": "openclaw", "params": {"prompt": "think"}})
    loop.run_until_idle()
    assert loop.result(mission) == {"plan": []}
    assert calls[0].params["argv"][-1] == "--message=think"


def test_what_policy_does_not_let_run_reaches_no_fake_either(loop):
    calls = loop.fake("command")
    loop.allow("command", max_risk="high")
    loop.propose({"kind": "command", "params": {"argv": ["rm", "-rf", "/"]}})
    loop.run_until_idle()
    assert calls == []


def test_sql_runs_on_the_database_of_the_test_whatever_the_environment_says(loop, monkeypatch):
    monkeypatch.setenv("OPS_SQL_DSN", "host=production")
    mission = loop.mission({"kind": "sql", "params": {"statement": "select current_database() as name"}})
    loop.run_until_idle()
    name = loop.conn.info.dbname
    assert loop.result(mission)["rows"] == [{"name": name}]


# Policy


def test_policy_lets_run_what_it_is_told_to(loop):
    loop.register(greet)
    assert loop.propose(GREET).status == "pending"
    loop.allow("greet")
    assert loop.propose(GREET).status == "auto_approved"
    assert loop.propose({"kind": "noop"}).status == "auto_approved"
    assert loop.propose({"kind": "radar", "executor": "noop"}, risk_level="high").status == "pending"
    loop.allow(max_risk="high")
    assert loop.propose({"steps": [{"kind": "anything"}], "title": "t", "risk_level": "high"}).mission_id


# What a failing test is told


def test_a_mission_that_has_not_succeeded_is_explained(loop):
    loop.register(greet)
    mission = loop.mission({**GREET, "params": {}}, {"key": "after", "kind": "noop"}, title="Be polite")
    loop.run_until_idle()
    with pytest.raises(AssertionError) as caught:
        loop.assert_succeeded(mission)
    told = str(caught.value)
    assert "'Be polite' is running, not succeeded" in told
    assert "hello: queued: retry_timer" in told
    assert "after: blocked: dependency" in told
    assert "hello: attempt 1 with {} failed: OPS_007: KeyError: 'name'" in told
    assert "select opsloop.fn_retry_step(" in told
    assert "no_worker" not in told
    raised = caught.value.__cause__
    assert [frame.name for frame in traceback.extract_tb(raised.__traceback__)] == ["greet"]


def test_a_proposal_that_nobody_approved_is_explained(loop):
    made = loop.propose(GREET)
    with pytest.raises(AssertionError, match="no mission, not succeeded:\n  -: pending: approval"):
        loop.assert_succeeded(made)
    with pytest.raises(NotFound):
        loop.result(made)
    loop.register(greet)
    loop.client.approve_proposal(made.proposal_id)
    loop.run_until_idle()
    loop.assert_succeeded(made)


def test_a_mission_that_nobody_knows_is_ops_012(loop):
    with pytest.raises(NotFound):
        loop.assert_succeeded(uuid4())
