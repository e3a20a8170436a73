"""Observers of each run of an executor and each delivery of a sink: metrics of a process, traces."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractContextManager, ExitStack
from contextvars import ContextVar
from typing import Any, Protocol

#: The header `traceparent` of what runs here, where traces are sent.
TRACEPARENT: ContextVar[str | None] = ContextVar("opsloop_traceparent", default=None)


def trace_headers() -> dict[str, str]:
    """The headers that carry the trace of what runs here to whom it calls; none where traces are not sent."""
    value = TRACEPARENT.get()
    return {} if value is None else {"traceparent": value}


class Watch(Protocol):
    """Sees what is run: `subject` is the Context of an executor or the Message of a sink."""

    async def prepare(self, subject: Any) -> None:
        """Get ready, before `watching`; only what runs on the event loop waits for it."""

    def watching(self, name: str, subject: Any) -> AbstractContextManager[None]:
        """Enclose one run of the executor or sink `name`; an exception passes through."""


def watched(name: str, handler: Callable[[Any], Any], watches: Iterable[Watch]) -> Callable[[Any], Any]:
    """A handler that does the same as `handler`, and is a coroutine where that is one, under the eyes of `watches`."""
    every = tuple(watches)

    def enclosing(subject: Any) -> ExitStack:
        stack = ExitStack()
        for watch in every:
            stack.enter_context(watch.watching(name, subject))
        return stack

    async def waited(stack: ExitStack, awaitable: Awaitable[Any]) -> Any:
        with stack:
            return await awaitable

    async def run_async(subject: Any) -> Any:
        for watch in every:
            await watch.prepare(subject)
        with enclosing(subject):
            return await handler(subject)

    def run(subject: Any) -> Any:
        with enclosing(subject) as stack:
            value = handler(subject)
            if type(value) is dict or not inspect.isawaitable(value):
                return value
            return waited(stack.pop_all(), value)

    call = getattr(handler, "__call__", None)  # noqa: B004 - an object may be called like a coroutine
    return run_async if inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(call) else run
