"""`opsloop subagents`: asking for sub-agents, and what they found."""

import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from cli.commandline import Cli
from looping import Loop
from tracked import directive


@pytest.fixture
def loop(connect: Callable[..., psycopg.Connection[Any]]) -> Loop:
    loop = Loop(connect())
    directive(loop)
    loop.allow()
    loop.do(
        "insert into leo_sub_agents (code, phases, priority) values ('A', '{EXEC}', 90), ('B', '{EXEC}', 50)"
    )
    return loop


def end(loop: Loop, verdict: str = "PASS") -> None:
    for work in loop.claim(10):
        loop.complete(work, {"verdict": verdict, "confidence": 80})
    loop.turn()


def test_a_run_says_what_it_runs_and_the_summary_what_was_found(cli: Cli, loop: Loop) -> None:
    done = cli("subagents", "run", "EXEC", "SD-d1")
    assert (done.code, "auto_approved" in done.out, "runs    A, B" in done.out) == (0, True, True)
    run = cli("subagents", "run", "EXEC", "SD-d1", "--json").json["run_id"]
    assert run in done.out
    done = cli("subagents", "summary", run)
    assert (done.code, "BLOCKED, confidence 0, not complete" in done.out) == (1, True)
    end(loop)
    done = cli("subagents", "summary", run)
    assert (done.code, done.out.splitlines()[0]) == (0, "PASS, confidence 80")
    assert "A (critical): PASS, confidence 80" in done.out
    assert "as before" in cli("subagents", "run", "EXEC", "SD-d1").out
    assert "as before" not in cli("subagents", "run", "EXEC", "SD-d1", "--force").out


def test_results_that_stand_for_a_run_are_named(cli: Cli, loop: Loop) -> None:
    loop.value("select fn_store_sub_agent_result('d1', 'A', 'EXEC', p_verdict => 'PASS')")
    done = cli("subagents", "run", "EXEC", "SD-d1")
    assert ("runs    B" in done.out, "reused  A: each has" in done.out) == (True, True)


@pytest.mark.parametrize(("verdict", "code"), [("PASS", 0), ("FAIL", 1)])
def test_it_waits_for_what_they_find(cli: Cli, loop: Loop, verdict: str, code: int) -> None:
    def work() -> None:
        while not loop.value("select count(*) from sub_agent_runs"):
            pass
        end(loop, verdict)

    worker = threading.Thread(target=work)
    worker.start()
    done = cli("subagents", "run", "EXEC", "d1", "--wait", "60", "--json")
    worker.join()
    assert (done.code, done.json["summary"]["complete"]) == (code, True)


def test_the_wait_comes_to_an_end(cli: Cli, loop: Loop) -> None:
    done = cli("subagents", "run", "EXEC", "d1", "--wait", "0.3")
    assert (done.code, "not complete" in done.out) == (1, True)


def test_what_is_unknown_is_refused(cli: Cli, loop: Loop) -> None:
    assert cli("subagents", "run", "EXEC", "nowhere").code == 1
    assert cli("subagents", "summary", "00000000-0000-0000-0000-000000000000").code == 1
    assert "MISSION" in cli("subagents", "summary", "nowhere").err.splitlines()[0]
