"""What a loop under test did: attempts, events and messages; and executors that are watched or replaced."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from types import TracebackType
from typing import Any
from uuid import UUID

from opsloop.executors import Context, Executor, Registry


@dataclass(frozen=True, slots=True)
class Attempt:
    """One ended attempt at a step."""

    step_id: UUID
    mission_id: UUID
    key: str
    kind: str
    executor: str
    number: int
    """1 for the first try."""
    status: str
    """succeeded, failed, lost (lease ran out), released (given back), cancelled or fenced (reported too late)."""
    params: Any
    """What the executor got, every placeholder filled."""
    result: Any
    """What it returned; None unless it succeeded."""
    error: str | None
    usage: dict[str, float]
    """What it reported by `ctx.usage`."""
    exception: BaseException | None
    """What it raised, with its traceback."""
    started_at: datetime
    completed_at: datetime


@dataclass(frozen=True, slots=True)
class Event:
    """An event, but for the loop's own heartbeats."""

    id: UUID
    type: str
    data: dict[str, Any]
    mission_id: UUID | None
    """The mission that made it; None for one from outside."""
    dedupe_key: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """A message in the outbox."""

    id: int
    aggregate_type: str
    aggregate_id: str
    event_type: str
    payload: dict[str, Any]
    dedupe_key: str | None
    created_at: datetime


@dataclass(slots=True)
class Seen:
    """What went into an executor, and came out of it."""

    params: Any
    result: Any = None
    exception: BaseException | None = None
    where: TracebackType | None = None


class Recorder:
    """Watches executors, and replaces some."""

    def __init__(self) -> None:
        self.seen: dict[tuple[str, int], Seen] = {}
        """By step and number of the attempt."""
        self._fakes: dict[str, tuple[Any, list[Context]]] = {}

    def fake(self, name: str, answer: Any) -> list[Context]:
        """From now on the executor, or the preset, `name` only answers; the list gets what it is called with."""
        calls: list[Context] = []
        self._fakes[name] = (answer, calls)
        return calls

    def registry(self, real: Registry) -> Registry:
        """`real`, watched, and with the fakes in their places."""
        watched = Registry()
        watched.add([self._watched(one) for one in real])
        for name in self._fakes:
            there = real.get(name)
            if there is None or not there.is_async:
                watched.add(
                    Executor(name, self._faked(name), idempotent=there is not None and there.idempotent)
                )
        return watched

    def _watched(self, one: Executor) -> Executor:
        handler = one.handler

        async def run_async(ctx: Context) -> Any:
            # A preset runs by the executor that it is a setting for.
            for name in (ctx.executor, one.name):
                if name in self._fakes:
                    return await self._faked(name)(ctx)
            with self._watch(ctx) as seen:
                seen.result = await handler(ctx)
                return seen.result

        def run(ctx: Context) -> Any:
            with self._watch(ctx) as seen:
                seen.result = handler(ctx)
            if inspect.isawaitable(seen.result):  # of a handler that does not block
                return awaited(seen, seen.result)
            return seen.result

        async def awaited(seen: Seen, result: Any) -> Any:
            seen.result = await result
            return seen.result

        return replace(one, handler=run_async if one.is_async else run)

    def _faked(self, name: str) -> Callable[[Context], Any]:
        async def run(ctx: Context) -> Any:
            answer, calls = self._fakes[name]
            calls.append(ctx)
            with self._watch(ctx) as seen:
                if isinstance(answer, BaseException) or (
                    isinstance(answer, type) and issubclass(answer, BaseException)
                ):
                    raise answer
                seen.result = answer(ctx) if callable(answer) else copy.deepcopy(answer)
                if inspect.isawaitable(seen.result):
                    seen.result = await seen.result
                return seen.result

        return run

    @contextmanager
    def _watch(self, ctx: Context) -> Iterator[Seen]:
        seen = self.seen[ctx.step_id, ctx.attempt] = Seen(copy.deepcopy(ctx.params))
        try:
            yield seen
        except BaseException as error:
            # Of its traceback, that part which is the executor's own: it grows further on its way through the worker.
            where = error.__traceback__
            for _ in range(2):  # this function, and the one that calls the executor
                where = where.tb_next if where is not None else None
            seen.exception, seen.where = error, where
            raise
