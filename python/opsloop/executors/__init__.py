"""Executors: the code that runs steps.

An executor is `def run(ctx)` or `async def run(ctx)` that returns a JSON value, marked by
`@executor("name")`; `ctx` is a `Context`. It raises `Retry`, `RetryAfter(seconds)` or `Fatal` when the
attempt did not succeed, and `Wait(seconds)` when there is nothing to do for so long. `builtin` gives the ones that come
with opsloop.
"""

from __future__ import annotations

from opsloop.executors.context import Context
from opsloop.executors.outcomes import Fatal, Retry, RetryAfter, Wait
from opsloop.executors.registry import Executor, Registry, executor

__all__ = ["Context", "Executor", "Fatal", "Registry", "Retry", "RetryAfter", "Wait", "builtin", "executor"]


def builtin(sql_dsn: str | None) -> Registry:
    """The built-in executors: noop, http, command, radar, agent, and sql when `sql_dsn` names its login."""
    from opsloop.executors import agent, command, http, noop, radar, sql

    registry = Registry()
    registry.add([noop.run, http.run, command.run, radar.run, agent.run])
    if sql_dsn:
        registry.add(sql.make(sql_dsn))
    return registry
