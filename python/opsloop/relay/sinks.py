"""Where messages go: the sinks that a relay knows, and the ways of adding one's own.

1. by decorator, in a module named by `--app module` or `--app module:attribute`;
2. by an entry point of the group `opsloop.sinks`, which names the decorated function.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, TypeVar

from opsloop import jsonio, plugins
from opsloop.process.watching import Watch, watched

_MARK = "__opsloop_sink__"

#: `notify` is the database's: it is delivered by the very transaction that records it as delivered.
IN_DATABASE = "notify"


@dataclass(frozen=True, slots=True)
class Message:
    """One message on its way. It may come more than once, always with the same `idempotency_key` and `body`."""

    id: int
    """Its number: of two about one aggregate the higher one is the later."""
    aggregate_type: str
    aggregate_id: str
    event_type: str
    retry_count: int
    """Failed deliveries so far."""
    idempotency_key: str
    body: bytes
    """What to deliver: a JSON object with id, sequence, type, aggregate_type, aggregate_id, created_at, payload."""
    settings: Mapping[str, Any]
    """What the route in policy says; of a sink of one's own, what is under `settings`."""

    @property
    def payload(self) -> Any:
        """What was published."""
        return jsonio.loads(self.body)["payload"]


Handler = Callable[[Message], Awaitable[None] | None]
HandlerT = TypeVar("HandlerT", bound=Callable[[Any], Any])
Deliver = Callable[[Message], Awaitable[None]]


def sink(name: str) -> Callable[[HandlerT], HandlerT]:
    """Mark a function as the sink `name`: `def send(message)`, run in a thread, or `async def send(message)`.

    It returns once the message is safe with the receiver, and raises otherwise. Raises ValueError for a name that is
    empty or padded with blanks.
    """
    plugins.check_name(name, "a sink")

    def mark(handler: HandlerT) -> HandlerT:
        setattr(handler, _MARK, name)
        return handler

    return mark


class Sinks(plugins.Plugins):
    """Sinks by name; the one added last under a name wins."""

    group = "opsloop.sinks"
    mark = "@sink"

    def __init__(self) -> None:
        self._sinks: dict[str, Deliver] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._sinks)

    def get(self, name: str) -> Deliver | None:
        """The sink of that name, or None."""
        return self._sinks.get(name)

    def put(self, name: str, deliver: Deliver) -> None:
        """Add a sink."""
        self._sinks[name] = deliver

    def watch(self, watches: Sequence[Watch]) -> None:
        """Have every delivery of those that are there now seen by `watches`."""
        self._sinks = {name: watched(name, deliver, watches) for name, deliver in self._sinks.items()}

    def add(self, source: object) -> list[str]:
        """Add the marked function, or those of a module; returns the names. Raises TypeError when there is none."""
        found = list(vars(source).values()) if isinstance(source, ModuleType) else [source]
        names = []
        for handler in found:
            name = getattr(handler, _MARK, None)
            if isinstance(name, str) and callable(handler):
                self._sinks[name] = _asynchronous(handler)
                names.append(name)
        if not names:
            raise TypeError(f"{source!r} holds no sink: mark a function with @sink(name)")
        return names


def _asynchronous(handler: Callable[[Message], Any]) -> Deliver:
    if inspect.iscoroutinefunction(handler):
        return handler

    async def deliver(message: Message) -> None:
        await asyncio.to_thread(handler, message)

    return deliver
