"""`--metrics`: a worker and a relay tell of themselves, and what watches a run changes nothing of it."""

import asyncio
import signal
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families as parse

from cli.starting import Up
from looping import Loop, step
from metrics.test_prometheus import GREET, POLICY, free_port
from opsloop.executors import Executor, Registry
from support import wait_until


def told(port: int) -> dict[tuple[str, ...], float]:
    """The samples at that port, by name and values of labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        text = answer.read().decode()
    return {(s.name, *s.labels.values()): s.value for f in parse(text) for s in f.samples}


def test_a_process_tells_what_it_claimed_ran_and_delivered(
    dsn: str, conn: psycopg.Connection[Any], tmp_path: Path
) -> None:
    (tmp_path / "greeting.py").write_text(GREET)
    (tmp_path / "policy.toml").write_text(POLICY)
    loop, port = Loop(conn), free_port()
    up = Up(dsn, tmp_path, "--app", "greeting", "--policy", "policy.toml", "--metrics", str(port))
    try:
        up.runs()
        for _ in range(3):
            loop.mission(step("a", kind="greet"))
        loop.mission(step("a", kind="greet", params={"rude": True}, max_retries=1))
        loop.rows("select fn_publish_outbox('order', 'o1', 'order:placed')")
        expected = {
            ("opsloop_worker_claimed_total",): 4,
            ("opsloop_worker_outcomes_total", "accepted"): 3,
            ("opsloop_worker_outcomes_total", "failed"): 1,
            ("opsloop_worker_step_seconds_count", "greet"): 4,
            ("opsloop_worker_running",): 0,
            ("opsloop_worker_slots",): 400,
            ("opsloop_worker_unreported",): 0,
            ("opsloop_worker_reconnects_total",): 0,
            ("opsloop_relay_claimed_total",): 1,
            ("opsloop_relay_outcomes_total", "delivered"): 1,
            ("opsloop_relay_delivery_seconds_count", "hole"): 1,
        }
        found: dict[tuple[str, ...], float] = {}

        def all_told() -> bool:
            found.update(told(port))
            return {name: found.get(name) for name in expected} == expected

        wait_until(all_told, f"it tells of all: {found}", seconds=60)
        assert found["process_cpu_seconds_total",] > 0
    finally:
        up.popen.send_signal(signal.SIGINT)
        with up.popen:
            assert up.end() == 0, up.said()


class Eyes:
    """A Watch that notes what it saw."""

    def __init__(self) -> None:
        self.saw: list[str] = []

    async def prepare(self, subject: Any) -> None:
        """Notes it."""
        self.saw.append("prepared")

    @contextmanager
    def watching(self, name: str, subject: Any) -> Iterator[None]:
        """Notes begin and end."""
        self.saw.append(f"{name} began")
        try:
            yield
        except BaseException as error:
            self.saw.append(type(error).__name__)
            raise
        self.saw.append("ended")


def seen(handler: Any, *, blocking: bool = False) -> tuple[Executor, Eyes]:
    """An executor under eyes."""
    registry, eyes = Registry(), Eyes()
    registry.add(Executor("x", handler, blocking=blocking, concurrency=3))
    registry.watch([eyes])
    found = registry.get("x")
    assert found is not None
    assert (found.blocking, found.concurrency) == (blocking, 3)
    return found, eyes


async def test_a_coroutine_stays_one_and_is_prepared_for() -> None:
    async def handler(ctx: Any) -> Any:
        await asyncio.sleep(0)
        return ctx

    found, eyes = seen(handler)
    assert found.is_async
    assert await found.handler(5) == 5
    assert eyes.saw == ["prepared", "x began", "ended"]


async def test_what_returns_at_once_returns_at_once_and_an_awaitable_is_seen_to_its_end() -> None:
    found, eyes = seen(lambda ctx: {"n": ctx})
    assert not found.is_async
    assert found.handler(5) == {"n": 5}
    assert eyes.saw == ["x began", "ended"]

    async def later() -> int:
        return 7

    found, eyes = seen(lambda ctx: later())
    waiting = found.handler(5)
    assert eyes.saw == ["x began"]
    assert await waiting == 7
    assert eyes.saw == ["x began", "ended"]


async def test_an_exception_and_a_cancellation_pass_through() -> None:
    def broken(ctx: Any) -> Any:
        raise LookupError(ctx)

    found, eyes = seen(broken, blocking=True)
    with pytest.raises(LookupError):
        await asyncio.to_thread(found.handler, 5)
    assert eyes.saw == ["x began", "LookupError"]

    async def long(ctx: Any) -> None:
        await asyncio.Event().wait()

    found, eyes = seen(long)
    task = asyncio.create_task(found.handler(5))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert eyes.saw == ["prepared", "x began", "CancelledError"]


def test_without_options_nothing_is_wrapped_and_no_thread_is_started() -> None:
    from opsloop.cli.observing import Observers

    def handler(ctx: Any) -> None:
        return None

    registry = Registry()
    registry.add(Executor("x", handler))
    threads = threading.active_count()
    observers = Observers(None, traces=False)
    observers.executors(registry)
    observers.begin()
    found = registry.get("x")
    assert found is not None
    assert found.handler is handler
    assert threading.active_count() == threads
