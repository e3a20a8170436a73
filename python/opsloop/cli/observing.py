"""What a process lets others see of itself: `--metrics` and `--traces` of worker, up and relay."""

from __future__ import annotations

from collections.abc import Coroutine
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opsloop.cli.program import place
from opsloop.database import Database
from opsloop.errors import InvalidArgument
from opsloop.executors import Registry
from opsloop.process.watching import Watch
from opsloop.relay.loop import Relay
from opsloop.relay.sinks import Sinks
from opsloop.worker.loop import Worker

if TYPE_CHECKING:
    from opsloop.metrics.process import ProcessMetrics
    from opsloop.metrics.traces import Tracer

MetricsPort = Annotated[
    str | None,
    typer.Option(
        "--metrics",
        metavar="[HOST:]PORT",
        help="Serve this process's own metrics to Prometheus; on the loopback interface unless HOST says otherwise.",
    ),
]

Traces = Annotated[
    bool,
    typer.Option(
        "--traces", help="Send traces over OTLP, to where OTEL_EXPORTER_OTLP_ENDPOINT says (docs/metrics.md)."
    ),
]


class Observers:
    """The observers of this process: none, unless options ask for them."""

    def __init__(self, metrics: str | None, *, traces: bool) -> None:
        """Raise InvalidArgument (OPS_018) for a place that cannot be, or an extra that is not installed."""
        self._metrics: ProcessMetrics | None = None
        if metrics is not None:
            self._place = place(metrics, "--metrics", 9100)
            self._metrics = _module("opsloop.metrics.process", "--metrics", "metrics").ProcessMetrics()
        self._tracer: Tracer | None = None
        if traces:
            self._tracer = _module("opsloop.metrics.traces", "--traces", "otel").Tracer()

    def executors(self, registry: Registry) -> None:
        """Watch what these executors do."""
        watches: list[Watch] = [one.steps() for one in (self._tracer, self._metrics) if one is not None]
        if watches:
            registry.watch(watches)

    def sinks(self, sinks: Sinks) -> None:
        """Watch what these sinks do."""
        watches: list[Watch] = [one.deliveries() for one in (self._tracer, self._metrics) if one is not None]
        if watches:
            sinks.watch(watches)

    def program(self, one: Worker | Relay) -> None:
        """Tell of a worker or a relay."""
        if self._metrics is not None:
            self._metrics.of(one)

    def begin(self) -> None:
        """Open the port. Raises InvalidArgument (OPS_018) when it is taken."""
        if self._metrics is not None:
            self._metrics.serve(*self._place)

    async def during(self, database: Database, life: Coroutine[Any, Any, int]) -> int:
        """Run a program to its end, while its traces are sent; returns its exit code."""
        if self._tracer is None:
            return await life
        async with self._tracer.sending(database):
            return await life


def _module(name: str, option: str, extra: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise InvalidArgument(
            f"{option} needs a package that is not installed: {error.name}",
            hint=f"pip install 'opsloop[{extra}]'",
        ) from error
