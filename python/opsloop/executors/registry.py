"""The executors that a worker offers, and the three ways of adding one's own.

1. by decorator, in a module named by `--app module` or `--app module:attribute`;
2. by an entry point of the group `opsloop.executors`, which names the decorated function;
3. in code, by `Registry.add`, which is what the other two come down to.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any, TypeVar

from opsloop import plugins
from opsloop.process.watching import Watch, watched

_MARK = "__opsloop_executor__"

Handler = Callable[[Any], Any]
HandlerT = TypeVar("HandlerT", bound=Handler)


@dataclass(frozen=True, slots=True)
class Executor:
    """A named way of running steps.

    `handler` is `def run(ctx)` or `async def run(ctx)`. A plain function runs in a thread, because
    it may block, unless `blocking` is False; then it runs on the event loop itself and must return
    within microseconds, or return an awaitable for what takes longer. `idempotent` says that
    running a step twice does the same as running it once: such a step is simply run again after
    its worker vanished. `concurrency` is the most steps of this executor that one worker runs at a
    time, None for no limit but the worker's own.
    """

    name: str
    handler: Handler
    idempotent: bool = False
    blocking: bool = True
    concurrency: int | None = None
    is_async: bool = field(init=False)
    """True when calling the handler gives a coroutine."""

    def __post_init__(self) -> None:
        call = getattr(self.handler, "__call__", None)  # noqa: B004 - an object may be called like a coroutine
        is_async = inspect.iscoroutinefunction(self.handler) or inspect.iscoroutinefunction(call)
        object.__setattr__(self, "is_async", is_async)


def executor(
    name: str,
    *,
    idempotent: bool = False,
    blocking: bool = True,
    concurrency: int | None = None,
) -> Callable[[HandlerT], HandlerT]:
    """Mark a function as the executor `name`; the function itself stays as it is.

    The arguments are those of `Executor`. Raises ValueError for a name that is empty or padded with
    blanks and for a concurrency below 1.
    """
    plugins.check_name(name, "an executor")
    if concurrency is not None and concurrency < 1:
        raise ValueError(f"executor {name!r}: concurrency must be at least 1, got {concurrency}")

    def mark(handler: HandlerT) -> HandlerT:
        made = Executor(name, handler, idempotent=idempotent, blocking=blocking, concurrency=concurrency)
        setattr(handler, _MARK, made)
        return handler

    return mark


class Registry(plugins.Plugins):
    """A set of executors by name; the one added last under a name wins."""

    group = "opsloop.executors"
    mark = "@executor"

    def __init__(self) -> None:
        self._executors: dict[str, Executor] = {}

    def __iter__(self) -> Iterator[Executor]:
        return iter(self._executors.values())

    def __len__(self) -> int:
        return len(self._executors)

    def __contains__(self, name: object) -> bool:
        return name in self._executors

    def get(self, name: str) -> Executor | None:
        """The executor of that name, or None."""
        return self._executors.get(name)

    def add(self, source: object) -> list[str]:
        """Add what `source` holds and return the names added.

        `source` is an `Executor`, a decorated function, a module (every decorated function in it),
        or a list or tuple of these. Raises TypeError when nothing in it is an executor.
        """
        found = list(_executors_in(source))
        if not found:
            raise TypeError(f"{source!r} holds no executor: decorate a function with @executor(name)")
        for one in found:
            self._executors[one.name] = one
        return [one.name for one in found]

    def keep(self, names: set[str]) -> None:
        """Drop every executor whose name is not among `names`; raises KeyError for an unknown name."""
        unknown = sorted(names - self._executors.keys())
        if unknown:
            raise KeyError(", ".join(unknown))
        self._executors = {name: one for name, one in self._executors.items() if name in names}

    def watch(self, watches: Sequence[Watch]) -> None:
        """Have every run of those that are there now seen by `watches`."""
        self._executors = {
            name: replace(one, handler=watched(name, one.handler, watches))
            for name, one in self._executors.items()
        }


def _executors_in(source: object) -> Iterator[Executor]:
    if isinstance(source, Executor):
        yield source
    elif isinstance(source, list | tuple):
        for item in source:
            yield from _executors_in(item)
    elif isinstance(source, ModuleType):
        for item in vars(source).values():
            if isinstance(getattr(item, _MARK, None), Executor):
                yield getattr(item, _MARK)
    elif isinstance(getattr(source, _MARK, None), Executor):
        yield getattr(source, _MARK)
