"""The executor `agent`: asks the model that policy names, and treats what it says as data."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from agents.model import Model, serving
from looping import Loop, Row, step, template
from opsloop.errors import ParamsRefused
from opsloop.executors import Context, Fatal, Retry, RetryAfter, agent


@pytest.fixture
def model() -> Iterator[Model]:
    with serving() as one:
        yield one


def role(endpoint: Model, **fields: Any) -> dict[str, Any]:
    """The settings of a worker whose policy has one role."""
    return {"agent_roles": {"planner": {"base_url": endpoint.url, "model": "m-1", **fields}}}


async def ask(settings: dict[str, Any], **params: Any) -> tuple[Any, Context]:
    """One attempt without a database."""
    ctx = Context("0", {"role": "planner", **params}, settings=settings, idempotency_key="step:7", attempt=2)
    return await agent.run(ctx), ctx


# The question


async def test_the_model_of_the_role_is_asked_and_its_answer_is_the_result(model: Model) -> None:
    done, ctx = await ask(role(model, system="Be brief."), prompt="How are you?")
    assert done == {"role": "planner", "model": "scripted-1", "finish_reason": "stop", "text": "hello"}
    assert model.asked == [
        {
            "model": "m-1",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "How are you?"},
            ],
        }
    ]
    assert model.asked_with[0]["path"] == "/v1/chat/completions"
    assert model.asked_with[0]["idempotency-key"] == "step:7:2"
    assert ctx.report()["usage"] == {"tokens": 18, "prompt_tokens": 11, "completion_tokens": 7}


async def test_the_key_comes_from_the_environment_of_the_worker_by_its_name(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUR_KEY", "s3cret")
    await ask(role(model, api_key_env="OUR_KEY"), prompt="?")
    assert model.asked_with[0]["authorization"] == "Bearer s3cret"
    monkeypatch.delenv("OUR_KEY")
    with pytest.raises(Retry, match="no OUR_KEY"):
        await ask(role(model, api_key_env="OUR_KEY"), prompt="?")
    assert len(model.asked) == 1


async def test_a_key_that_the_endpoint_sends_back_is_not_shown(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUR_KEY", "s3cret")
    model.status, model.answers = 401, [b"bad key s3cret"]
    with pytest.raises(Fatal, match=r"bad key \*\*\*"):
        await ask(role(model, api_key_env="OUR_KEY"), prompt="?")


async def test_messages_and_limits_go_to_the_model_as_they_are(model: Model) -> None:
    said = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
    ]
    await ask(role(model, max_tokens=5, temperature=0), messages=said)
    assert model.asked == [{"model": "m-1", "messages": said, "max_tokens": 5, "temperature": 0}]


async def test_a_prompt_filled_with_a_document_is_sent_as_its_json(model: Model) -> None:
    await ask(role(model), prompt={"n": 1})
    assert model.asked[0]["messages"][-1]["content"] == '{"n":1}'


@pytest.mark.parametrize(
    "params",
    [
        {"role": "planner"},
        {"prompt": "a", "messages": []},
        {"prompt": "a", "response": "deed"},
        {"messages": [{"role": "system", "content": "obey"}]},
    ],
)
async def test_params_that_policy_would_not_take_are_refused(model: Model, params: Any) -> None:
    with pytest.raises(ParamsRefused):
        await ask(role(model), **params)
    assert model.asked == []


@pytest.mark.parametrize("fields", [{"base_url": None}, {"model": None}])
async def test_a_role_without_endpoint_or_model_cannot_be_asked(model: Model, fields: Any) -> None:
    with pytest.raises(Fatal, match="has no base_url or no model"):
        await ask(role(model, **fields), prompt="?")
    with pytest.raises(Fatal, match="has no role planner"):
        await ask({"agent_roles": {}}, prompt="?")


# The answer


@pytest.mark.parametrize(
    ("status", "headers", "raised"),
    [
        (503, {}, Retry),
        (429, {"Retry-After": "9"}, RetryAfter),
        (400, {}, Fatal),
        (302, {"Location": "/"}, Fatal),
    ],
)
async def test_what_an_endpoint_refuses_is_judged_as_http_is(
    model: Model, status: int, headers: dict[str, str], raised: type[Exception]
) -> None:
    model.status, model.headers = status, headers
    with pytest.raises(raised):
        await ask(role(model), prompt="?")
    assert len(model.asked) == 1


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"choices": []}', b'{"choices": [{"message": {"content": 5}}]}', b"x" * 2_000_000],
)
async def test_what_is_no_chat_completion_is_tried_again(model: Model, body: bytes) -> None:
    model.answers = [body]
    with pytest.raises(Retry):
        await ask(role(model), prompt="?")


async def test_usage_that_makes_no_sense_is_left_out(model: Model) -> None:
    model.answers = [b'{"choices": [{"message": {"content": "hi"}}], "usage": {"prompt_tokens": "many"}}']
    done, ctx = await ask(role(model), prompt="?")
    assert (done["text"], ctx.report()) == ("hi", {})


@pytest.mark.parametrize("text", ['{"a": 1}', '```json\n{"a": 1}\n```', '\n{"a": 1} '])
async def test_json_is_read_with_or_without_a_fence(model: Model, text: str) -> None:
    model.answers = [text]
    done, _ = await ask(role(model), prompt="?", response="json")
    assert done["json"] == {"a": 1}


async def test_an_answer_that_is_not_json_fails_the_attempt_and_the_next_one_says_why(model: Model) -> None:
    model.answers = ["Sure! {", '{"a": 1}']
    ctx = Context("0", {"role": "planner", "prompt": "?", "response": "json"}, settings=role(model))
    with pytest.raises(Retry, match="it is not JSON"):
        await agent.run(ctx)
    last = json.loads(ctx.take_progress() or b"")
    again = Context("0", {**ctx.params}, settings=role(model), last_progress=last)
    assert (await agent.run(again))["json"] == {"a": 1}
    answer, complaint = model.asked[1]["messages"][-2:]
    assert answer == {"role": "assistant", "content": "Sure! {"}
    assert complaint["role"] == "user"
    assert complaint["content"].startswith("That answer was refused: it is not JSON")


# Proposals, by real workers


@pytest.fixture
def working(loop: Loop, model: Model) -> Loop:
    """A loop whose policy lets the planner plan, and noop and true run, true only with somebody's approval."""
    loop.policy("auto_approve", allowed_step_kinds=["plan", "agent", "noop", "text"], max_risk_level="medium")
    loop.policy("worker_policy", command_allow=[["true"], ["touch", "*"]], backoff={"base_seconds": 0})
    loop.value("select fn_set_policy('agent_roles', %s)", {"roles": role(model)["agent_roles"]})
    return loop


def work_off(dsn: str, **environ: str) -> str:
    """A real worker works off what there is; returns its log."""
    done = subprocess.run(
        [sys.executable, "-m", "opsloop", "worker", "--drain"],
        env={**os.environ, "DATABASE_URL": dsn, **environ},
        capture_output=True,
        check=True,
        timeout=60,
    )
    return done.stderr.decode()


def plan(**params: Any) -> Row:
    """A step in which the planner proposes."""
    return step(
        "plan",
        "plan",
        executor="agent",
        params={"role": "planner", "prompt": "?", "response": "proposal", **params},
    )


def made_by(loop: Loop) -> list[tuple[str, str]]:
    """Title and status of what agents proposed."""
    return [(p["title"], p["status"]) for p in loop.proposals() if p["source"] == "agent:planner"]


def test_a_plan_becomes_proposals_that_policy_judges_one_by_one(
    working: Loop, model: Model, dsn: str
) -> None:
    risky = template(step("b", "command", params={"argv": ["true"]}), title="risky")
    model.answers = [{"proposals": [template(title="harmless"), risky]}]
    mission = working.mission(plan())
    work_off(dsn)
    assert working.status(mission) == "succeeded"
    assert made_by(working) == [("harmless", "auto_approved"), ("risky", "pending")]
    result = working.step(mission, "plan")["result"]
    assert [p["status"] for p in result["proposals"]] == ["auto_approved", "pending"]
    assert working.runs(working.step(mission, "plan")["id"])[0]["meta"]["usage"]["tokens"] == 18
    assert working.broken() == []


def test_a_single_template_is_a_plan_of_one(working: Loop, model: Model, dsn: str) -> None:
    model.answers = [template(title="alone")]
    working.mission(plan())
    work_off(dsn)
    assert made_by(working) == [("alone", "auto_approved")]


def test_a_bad_plan_is_refused_with_its_faults_and_a_better_one_counts(
    working: Loop, model: Model, dsn: str
) -> None:
    model.answers = [{"proposals": [{"title": "x", "steps": [{"kind": "no op"}]}]}, template(title="better")]
    mission = working.mission(plan())
    work_off(dsn)
    assert made_by(working) == [("better", "auto_approved")]
    assert [r["status"] for r in working.runs(working.step(mission, "plan")["id"])] == ["failed", "succeeded"]
    assert "proposals[0].steps[0].kind: must be a name" in model.asked[1]["messages"][-1]["content"]


def test_a_model_that_never_makes_sense_fails_the_step_after_three_attempts(
    working: Loop, model: Model, dsn: str
) -> None:
    model.answers = ["I would rather not."]
    mission = working.mission(plan())
    work_off(dsn)
    row = working.step(mission, "plan")
    assert (row["status"], row["failure_count"], len(model.asked)) == ("failed", 3, 3)
    assert "the answer of planner does not fit: it is not JSON" in row["last_error"]
    assert made_by(working) == []


def test_what_a_model_says_is_never_filled_in(working: Loop, model: Model, dsn: str) -> None:
    model.answers = ["{{steps.secret.result.token}} {{event.data.x}}"]
    mission = working.mission(
        step("secret"),
        step("say", "text", executor="agent", params={"role": "planner", "prompt": "?"}),
        step("use", params={"heard": "{{steps.say.result.text}}"}),
    )
    work_off(dsn)
    assert working.steps(mission) == {"secret": "succeeded", "say": "succeeded", "use": "succeeded"}
    assert working.step(mission, "use")["result"] == {"heard": model.answers[0]}


def test_a_plan_with_placeholders_is_no_plan(working: Loop, model: Model, dsn: str) -> None:
    model.answers = [template(step("a", params={"x": "{{event.data.x}}"}), title="smuggled")]
    working.mission(plan())
    work_off(dsn)
    assert made_by(working) == []
    assert "{{ may not occur" in model.asked[1]["messages"][-1]["content"]


def test_a_vanished_worker_leaves_the_step_of_an_agent_to_a_person(
    working: Loop, model: Model, dsn: str
) -> None:
    working.register("w1", {"agent": {"idempotent": False}})
    mission = working.mission(plan())
    working.claim(1, executors=["agent"])
    working.advance(3600)
    working.turn()
    row = working.step(mission, "plan")
    assert row["status"] == "waiting"
    assert "outcome unknown" in row["wait_reason"]


def test_an_attempt_of_an_agent_may_take_ten_minutes(working: Loop, model: Model) -> None:
    working.mission(plan())
    (work,) = working.claim(1, executors=["agent"])
    seconds = working.value("select extract(epoch from %s - _now())::integer", work["deadline_at"])
    assert 590 <= seconds <= 600
