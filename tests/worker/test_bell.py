"""When an idle worker looks at the queue."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import psycopg

from opsloop.database import Database
from opsloop.executors import builtin
from opsloop.process.link import Link
from opsloop.worker import Options, Worker
from opsloop.worker.bell import Bell
from support import wait_until
from worker.working import Work


class Claims:
    """In place of the connection that claims: listens, and answers what it was told to."""

    listening = True

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def value(self, function: str, args: Mapping[str, Any]) -> Any:
        """The next answer."""
        self.asked.append(function)
        return self.answers.pop(0)


def bell(claims: Claims) -> Bell:
    """A bell that by itself would have one wait for a minute."""
    return Bell(claims, "w", 60.0)  # type: ignore[arg-type]


async def test_idleness_is_declared_until_there_is_a_ticket_and_looked_at_once_more() -> None:
    claims = Claims(None, "7", True)

    await bell(claims).wait()

    assert claims.asked == ["declare_idle", "declare_idle", "idle_settled"]


async def test_once_settled_only_the_bell_wakes() -> None:
    one = bell(Claims(None, "7", True))
    await one.wait()

    waiting = asyncio.create_task(one.wait())
    one.reported()
    await asyncio.sleep(0)
    assert not waiting.done()
    one.ring()
    await waiting


async def test_before_that_what_this_worker_reported_wakes_too() -> None:
    one = bell(Claims("7", False))
    await one.wait()

    one.reported()
    await one.wait()


async def test_while_transactions_run_that_may_not_know_it_keeps_looking() -> None:
    claims = Claims("7", False, False, True)
    one = bell(claims)

    for _ in range(3):
        await one.wait()

    assert claims.asked == ["declare_idle", "idle_settled", "idle_settled", "idle_settled"]


async def test_a_step_for_an_idle_worker_costs_few_calls(
    work: Work, dsn: str, conn: psycopg.Connection[Any], monkeypatch: Any
) -> None:
    asked: list[str] = []
    call = Link._repeated

    async def noted(self: Link, function: str, *args: Any) -> Any:
        if function != "extend_leases":  # the sign of life, every few seconds
            asked.append(function)
        return await call(self, function, *args)

    monkeypatch.setattr(Link, "_repeated", noted)
    worker = Worker(Database(dsn), builtin(None), Options(heartbeat=None, poll=60.0))
    running = asyncio.create_task(worker.run())
    try:
        await until(lambda: is_quiet(asked))
        del asked[:]

        step = work.step("noop")
        await until(lambda: work.of(step, "status") == "succeeded")
        await until(lambda: is_quiet(asked))
    finally:
        worker.stop()
        await running
        await worker.close()

    # The claim that brings it, one that says that there is no more, one when it was reported, one each time that it
    # was asked whether all transactions of before have ended: one single claim for all executors at every look.
    assert asked[0] == "claim_steps"
    assert asked.count("claim_steps") <= 3 + asked.count("idle_settled")
    assert asked.count("declare_idle") == 2
    assert asked.count("complete_steps") == 1


def is_quiet(asked: list[str]) -> bool:
    """Whether the worker knows that it will be notified, and has looked once more since: twice after a report."""
    return "idle_settled" in asked and asked[-1] == "claim_steps"


async def until(condition: Callable[[], object]) -> None:
    """Returns when it is true, the worker in this process going on meanwhile."""
    await asyncio.to_thread(wait_until, condition, "it is so")
