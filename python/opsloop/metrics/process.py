"""Metrics of this process: slots, claims, outcomes and durations of its worker and relay, served to Prometheus.

Everything but the durations is read from worker and relay when Prometheus asks.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from prometheus_client import (
    GC_COLLECTOR,
    PLATFORM_COLLECTOR,
    PROCESS_COLLECTOR,
    CollectorRegistry,
    Histogram,
    start_http_server,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from opsloop.errors import InvalidArgument
from opsloop.process import logs
from opsloop.relay.loop import Relay
from opsloop.worker.loop import Worker

_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600, 3600)


class ProcessMetrics:
    """What one process tells; `serve` opens its port."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        for collector in (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR):
            self.registry.register(collector)

    def of(self, one: Worker | Relay) -> None:
        """Tell of a worker or a relay."""
        self.registry.register(_Program("worker" if isinstance(one, Worker) else "relay", one))

    def steps(self) -> Durations:
        """What times the runs of executors."""
        return Durations(
            Histogram(
                "opsloop_worker_step_seconds",
                "How long executors ran in this process, by executor.",
                ["executor"],
                buckets=_BOUNDS,
                registry=self.registry,
            )
        )

    def deliveries(self) -> Durations:
        """What times the deliveries of sinks."""
        return Durations(
            Histogram(
                "opsloop_relay_delivery_seconds",
                "How long deliveries of this process took, by sink.",
                ["sink"],
                buckets=_BOUNDS,
                registry=self.registry,
            )
        )

    def serve(self, host: str, port: int) -> int:
        """Answer GET requests there from now on, in a thread; returns the port. A port that is taken is OPS_018."""
        try:
            server, _ = start_http_server(port, addr=host, registry=self.registry)
        except OSError as error:
            raise InvalidArgument(
                f"--metrics {host}:{port}: {error}", hint="Give a port that is free: --metrics [HOST:]PORT."
            ) from error
        logs.get().info("metrics are served", host=host, port=server.server_port)
        return int(server.server_port)


class Durations:
    """A Watch that times runs."""

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram

    async def prepare(self, subject: Any) -> None:
        """Nothing to get ready."""

    @contextmanager
    def watching(self, name: str, subject: Any) -> Iterator[None]:
        """Time one run, however it ends."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self._histogram.labels(name).observe(time.perf_counter() - begun)


class _Program(Collector):
    """The numbers of a worker or a relay."""

    def __init__(self, name: str, program: Worker | Relay) -> None:
        self._name = name
        self._program = program

    def collect(self) -> Iterable[Metric]:
        """Read them."""
        one, prefix = self._program, f"opsloop_{self._name}"
        yield GaugeMetricFamily(f"{prefix}_slots", "What may run at a time.", one.slots)
        yield GaugeMetricFamily(f"{prefix}_running", "What runs now.", one.running)
        yield GaugeMetricFamily(
            f"{prefix}_unreported", "Ends that the database has not confirmed yet.", one.unreported
        )
        yield CounterMetricFamily(f"{prefix}_claimed", "What it was given.", one.claimed)
        yield CounterMetricFamily(
            f"{prefix}_reconnects", "Connections that were opened anew.", one.reconnects
        )
        yield _labelled(f"{prefix}_outcomes", "How what it ran ended.", "outcome", one.outcomes)
        yield _labelled(f"{prefix}_claims_refused", "Claims that the database refused.", "code", one.refusals)


def _labelled(name: str, about: str, label: str, counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(name, about, labels=[label])
    for value, number in dict(counts).items():
        family.add_metric([value], number)
    return family
