"""Helpers for tests with more than one session: they wait for what the server reports, and never sleep blindly.

first.execute("begin"); first.execute("select * from fn_claim_steps(...)")
waiting = run(second, "select * from fn_claim_steps(...)")   # in a thread
wait_until_blocked(first, second)                            # the server says that it waits for a lock
first.execute("commit")
assert waiting.result() == []
"""

import os
import time
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import Any

import psycopg
import pytest

DEADLINE_SECONDS = 60
_POLL_SECONDS = 0.005


def require(tool: str, present: bool) -> None:
    """Skips the test when a tool is missing; fails it where OPSLOOP_REQUIRE lists the tool, as CI does."""
    if not present:
        reason = f"{tool} is not installed"
        if tool in os.environ.get("OPSLOOP_REQUIRE", "").split():
            pytest.fail(f"{reason}, and OPSLOOP_REQUIRE asks for it")
        pytest.skip(reason)


def wait_until(condition: Callable[[], object], what: str, seconds: float = DEADLINE_SECONDS) -> None:
    """Returns as soon as `condition()` is true; fails with `what` when it is not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(_POLL_SECONDS)


def pid_of(session: psycopg.Connection[Any] | int) -> int:
    """The server process of a session. (Also of one that is busy in another thread.)"""
    return session if isinstance(session, int) else session.info.backend_pid


def is_blocked(observer: psycopg.Connection[Any], session: psycopg.Connection[Any] | int) -> bool:
    """Whether that session waits for a lock at this moment."""
    row = observer.execute("select cardinality(pg_blocking_pids(%s)) > 0", (pid_of(session),)).fetchone()
    return bool(row and row[0])


def wait_until_blocked(
    observer: psycopg.Connection[Any],
    session: psycopg.Connection[Any] | int,
    seconds: float = DEADLINE_SECONDS,
) -> None:
    """Returns as soon as `session` waits for a lock that another one holds; `observer` may be in a transaction."""
    wait_until(lambda: is_blocked(observer, session), f"session {pid_of(session)} waits for a lock", seconds)


class Running:
    """A statement at work in a thread of its own; `result()` waits for its rows or raises what it raised."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self._future: Future[Any] = Future()

        def work() -> None:
            try:
                self._future.set_result(call())
            except BaseException as error:  # noqa: BLE001 - handed over to whoever asks for the result
                self._future.set_exception(error)

        Thread(target=work, daemon=True).start()

    def done(self) -> bool:
        """Whether it has ended, well or not."""
        return self._future.done()

    def result(self, seconds: float = DEADLINE_SECONDS) -> Any:
        """Its result; raises TimeoutError when there is none within `seconds`."""
        return self._future.result(seconds)


def start(call: Callable[[], Any]) -> Running:
    """Starts `call` in a thread."""
    return Running(call)


def run(session: psycopg.Connection[Any], query: str, params: Any = None) -> Running:
    """Starts a statement on `session` in a thread; its result is the rows, or None when it has none."""

    def call() -> Any:
        cursor = session.execute(query, params)
        return cursor.fetchall() if cursor.description else None

    return Running(call)


def at_once(calls: list[Callable[[], Any]], seconds: float = 60) -> list[Any]:
    """Runs all calls at the same time, each in a thread, and returns their results; raises the first failure."""
    return [running.result(seconds) for running in [Running(call) for call in calls]]
