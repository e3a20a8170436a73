"""`propose --wait` and `approve --wait` follow a proposal to its end, and tell it by their exit code."""

import json
from collections.abc import Callable
from threading import Event, Thread
from typing import Any

import psycopg
import pytest

from cli.commandline import Cli
from looping import Loop, step, template

HELLO = json.dumps(template(step("a")))
ASKS = json.dumps(template(step("a"), risk_level="high"))


@pytest.fixture
def loop(conn: psycopg.Connection[Any]) -> Loop:
    return Loop(conn)


@pytest.fixture
def worker(loop: Loop, connect: Callable[..., psycopg.Connection[Any]]) -> Any:
    """Runs what it is told to do with each step that comes, in a thread, until the end of the test."""
    over = Event()
    threads = []

    def start(act: Callable[[Loop, Any], object]) -> None:
        def live() -> None:
            own = Loop(connect())
            own.register()
            while not over.is_set():
                for work in own.claim(10):
                    act(own, work)
                over.wait(0.05)

        threads.append(Thread(target=live))
        threads[-1].start()

    loop.register()
    yield start
    over.set()
    for thread in threads:
        thread.join(20)


def test_it_prints_the_result_of_what_succeeded(cli: Cli, worker: Any) -> None:
    worker(lambda own, work: own.complete(work, {"rows": 7}))
    done = cli("propose", HELLO, "--wait")
    assert (done.code, done.out.splitlines()[0]) == (0, 'a: succeeded {"rows": 7}')
    shown = cli("propose", HELLO, "--wait", "--json").json
    assert (shown["mission"]["status"], shown["results"][0]["result"]) == ("succeeded", {"rows": 7})


def test_what_failed_is_exit_code_1_with_its_error(cli: Cli, worker: Any) -> None:
    worker(lambda own, work: own.fail(work, "no disk", retryable=False))
    done = cli("propose", HELLO, "--wait")
    assert (done.code, "failed: step a: no disk" in done.out or "no disk" in done.out) == (1, True)


def test_approving_follows_the_mission(cli: Cli, loop: Loop, worker: Any) -> None:
    worker(lambda own, work: own.complete(work, "done"))
    asked = loop.propose(step("a"), risk_level="high")["proposal_id"]
    done = cli("approve", str(asked), "--wait")
    assert (done.code, 'a: succeeded "done"' in done.out) == (0, True)


def test_what_is_not_over_in_time_is_exit_code_1_and_says_why(cli: Cli, loop: Loop) -> None:
    done = cli("propose", HELLO, "--wait", "--timeout", "0.1")
    assert done.code == 1
    assert "stuck: 1 no worker" in done.err
    assert cli("propose", ASKS, "--wait", "--timeout", "0.1").code == 1


def test_an_executor_that_nobody_offers_is_named_at_once(cli: Cli, loop: Loop) -> None:
    assert "OPS_005: no live worker offers noop" in cli("propose", HELLO).err
    loop.register()
    assert cli("propose", HELLO).err == ""
    both = json.dumps(template(step("a"), step("b", kind="nopo")))
    assert "OPS_005: no live worker offers nopo;" in cli("propose", both).err
