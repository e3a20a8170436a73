"""Sub-agents on a real worker: side by side, each with a context of its own, results stored as they come."""

import asyncio
from typing import Any

import pytest

from looping import Loop
from opsloop.errors import LeaseLost
from opsloop.executors import Context, executor
from tracked import directive
from worker.working import Work

LONGEST = 2.0


@pytest.fixture
def loop(work: Work, connect: Any) -> Loop:
    """A directive, and policy that lets sub-agents run by themselves."""
    work.allow("sub_agent", "own", "other")
    loop = Loop(connect())
    directive(loop)
    return loop


def agents(loop: Loop, executor: str, *params: dict[str, Any], timeout: int = 60) -> None:
    """Sub-agents A, B … of phase EXEC."""
    for code, given in zip("ABCDE", params, strict=False):
        loop.do(
            "insert into leo_sub_agents (code, phases, executor, params, timeout_seconds)"
            " values (%s, '{EXEC}', %s, %s, %s)",
            code, executor, given, timeout,
        )  # fmt: skip


def ask(loop: Loop) -> Any:
    return loop.value("select fn_orchestrate_sub_agents('d1', 'EXEC', 's')")


def summary(loop: Loop, made: Any) -> Any:
    return loop.value("select fn_sub_agent_summary(%s)", made["mission_id"])


async def test_five_take_as_long_as_the_longest(loop: Loop, drain: Any) -> None:
    @executor("own", concurrency=5)
    async def own(ctx: Context) -> Any:
        await asyncio.sleep(ctx.params["seconds"])
        return {"verdict": "PASS", "confidence": 90}

    agents(loop, "own", *({"seconds": LONGEST * share} for share in (1, 0.9, 0.8, 0.7, 0.6)))
    made = ask(loop)
    await drain(own)
    assert summary(loop, made)["verdict"] == "PASS"
    # Without the start of the worker.
    mission = loop.the_mission(made["mission_id"])
    assert (mission["completed_at"] - mission["started_at"]).total_seconds() <= 1.2 * LONGEST


async def test_no_more_run_at_once_than_policy_says(loop: Loop, work: Work, drain: Any) -> None:
    running = most = 0

    @executor("own", concurrency=5)
    async def own(ctx: Context) -> Any:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.1)
        running -= 1
        return {"verdict": "PASS"}

    work.set_policy("worker_policy", executors={"own": {"concurrency": 2}})
    agents(loop, "own", *({} for _ in range(5)))
    made = ask(loop)
    await drain(own)
    assert summary(loop, made)["verdict"] == "PASS"
    assert most == 2


async def test_one_that_changes_its_context_changes_nobody_elses(loop: Loop, drain: Any) -> None:
    seen: list[Any] = []

    @executor("own", concurrency=5)
    async def own(ctx: Context) -> Any:
        seen.append((dict(ctx.params["directive"]), list(ctx.params["files"])))
        ctx.params["directive"].clear()
        ctx.params["files"].append("mine")
        await asyncio.sleep(0)
        return {"verdict": "PASS", "confidence": 90}

    agents(loop, "own", *({"files": ["a"]} for _ in range(5)))
    made = ask(loop)
    await drain(own)
    assert len(seen) == 5
    assert all(one == seen[0] for one in seen)
    assert seen[0][0]["sd_id"] == "d1"
    params = loop.rows("select params from ops_mission_steps where mission_id = %s", made["mission_id"])
    assert all(p["params"]["files"] == ["a"] and p["params"]["directive"]["sd_id"] == "d1" for p in params)
    assert loop.rows('select params from leo_sub_agents where params <> \'{"files": ["a"]}\'') == []


async def test_one_that_hangs_is_ended_and_blocks_only_itself(loop: Loop, drain: Any) -> None:
    @executor("own")
    async def own(ctx: Context) -> Any:
        if ctx.params.get("hangs"):
            await asyncio.sleep(60)
        return {"verdict": "PASS", "confidence": 90}

    agents(loop, "own", {"hangs": True}, {}, timeout=1)
    loop.policy("worker_policy", max_retries=1)
    made = ask(loop)
    await drain(own)
    loop.turn()
    found = summary(loop, made)["agents"]
    assert (found["A"]["verdict"], found["B"]["verdict"]) == (None, "PASS")
    assert found["A"]["status"] == "failed"
    assert LeaseLost.code not in (found["A"]["reason"] or "")
    assert loop.value("select count(*) from sub_agent_execution_results") == 2
