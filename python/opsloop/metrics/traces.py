"""Traces over OTLP: one from the event to its effects, nested as the work was.

Nothing carries a trace through the loop. Its id is that of the traceparent in the event's data, or the event's own id,
and the ids of spans follow from the rows (`_trace_of`, `_span_id`), so whoever sends one computes the same. A worker
sends a span for each attempt that it ran, and those of the steps, missions, proposals and events that ended with it; a
relay one for each delivery. Where spans go, and how, the environment says (OTEL_EXPORTER_OTLP_ENDPOINT and the rest).
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from opentelemetry import context as otel_context
from opentelemetry import trace as otel
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

import opsloop
from opsloop import database as databases
from opsloop.client import AsyncClient
from opsloop.database import Database
from opsloop.errors import OpsError, translate
from opsloop.process import logs
from opsloop.process.watching import TRACEPARENT
from opsloop.results import Span, TraceContext

#: Between two looks at what has ended, seconds.
_PAUSE = 1.0
#: How long a run waits for its trace before it runs without one, seconds.
_PATIENCE = 2.0
#: How long after an attempt the end of its step is looked for, seconds.
_LOOKED_FOR = 60.0
#: Steps asked for at once, attempts and spans that are remembered.
_BATCH, _MOST = 500, 20_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class _Run:
    """An attempt or a delivery that has ended here."""

    subject: str
    span_id: str
    name: str
    began: int
    ended: int
    error: str | None
    attributes: dict[str, Any]
    client: bool = False


class Tracer:
    """Sends the spans of this process. `steps` and `deliveries` are what watches executors and sinks."""

    def __init__(self) -> None:
        name = {} if os.environ.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: "opsloop"}
        self._resource = Resource.create({**name, "service.version": opsloop.__version__})
        self._scope = InstrumentationScope("opsloop", opsloop.__version__)
        self._processor = BatchSpanProcessor(OTLPSpanExporter())
        self._log = logs.get()
        self._database: Database | None = None
        self._conn: psycopg.AsyncConnection[Any] | None = None
        self._lock = asyncio.Lock()
        self._contexts: OrderedDict[str, TraceContext] = OrderedDict()
        self._runs: deque[_Run] = deque(maxlen=_MOST)
        self._steps: dict[str, float] = {}
        self._sent: OrderedDict[str, None] = OrderedDict()

    def steps(self) -> StepWatch:
        """What watches executors."""
        return StepWatch(self)

    def deliveries(self) -> DeliveryWatch:
        """What watches sinks."""
        return DeliveryWatch(self)

    @asynccontextmanager
    async def sending(self, database: Database) -> Any:
        """Send for the time of an `async with` block, and what is left at its end."""
        self._database = database
        sender = asyncio.create_task(self._send_on())
        try:
            yield
        finally:
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)
            with suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE):
                    await self._send()
            if self._conn is not None:
                await self._conn.close()
            await asyncio.to_thread(self._processor.shutdown)

    async def context(self, steps: Sequence[str], messages: Sequence[int] = ()) -> None:
        """Learn the traces of these, unless they are known. A database that is away is not waited for long."""
        steps = [step for step in steps if step not in self._contexts]
        messages = [message for message in messages if str(message) not in self._contexts]
        if steps or messages:
            with suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE):
                    self._learn(await self._ask("trace_context", steps, messages))

    def known(self, subject: str) -> TraceContext | None:
        """The trace of a step or a message, as far as it is known."""
        return self._contexts.get(subject)

    def ended(self, run: _Run, step: str | None = None) -> None:
        """Note the end of a run; from any thread."""
        self._runs.append(run)
        if step is not None:
            self._steps[step] = time.monotonic()

    def _learn(self, found: Sequence[TraceContext]) -> None:
        for one in found:
            self._contexts[one.id] = one
        while len(self._contexts) > _MOST:
            self._contexts.popitem(last=False)

    async def _send_on(self) -> None:
        while True:
            await asyncio.sleep(_PAUSE)
            await self._send()

    async def _send(self) -> None:
        """Send the runs that have ended, and what has ended with them in the database."""
        runs = [self._runs.popleft() for _ in range(len(self._runs))]
        for start in range(0, len(runs), _BATCH):
            part = runs[start : start + _BATCH]
            await self.context([run.subject for run in part if not run.client])
            for run in part:
                self._send_run(run)
        steps = list(self._steps)
        for start in range(0, len(steps), _BATCH):
            for span in await self._ask("list_spans", steps[start : start + _BATCH]):
                self._send_span(span)
                if "opsloop.step_id" in span.attributes:
                    self._steps.pop(span.attributes["opsloop.step_id"], None)
        over = time.monotonic() - _LOOKED_FOR
        for step in [step for step, since in self._steps.items() if since < over]:
            del self._steps[step]

    async def _ask(self, method: str, *args: Any) -> Any:
        """Ask the database; nothing comes of it while that is away."""
        async with self._lock:
            try:
                if self._conn is None or self._conn.closed:
                    assert self._database is not None
                    with translate():
                        self._conn = await databases.connect_async(self._database.dsn, name="opsloop traces")
                return await getattr(AsyncClient(self._conn, self._database.schema), method)(*args)  # type: ignore[union-attr]
            except (OpsError, psycopg.Error, OSError) as error:
                self._log.warning("traces not looked up", error=type(error).__name__)
                return []

    def _send_run(self, run: _Run) -> None:
        context = self._contexts.get(run.subject)
        if context is not None and context.sampled:
            kind = otel.SpanKind.PRODUCER if run.client else otel.SpanKind.INTERNAL
            self._end(
                context.trace_id, run.span_id, context.parent_id, run.name, run.began, run.ended, run.error,
                run.attributes, kind,
            )  # fmt: skip

    def _send_span(self, span: Span) -> None:
        if not span.sampled or span.span_id in self._sent:
            return
        self._sent[span.span_id] = None
        while len(self._sent) > _MOST:
            self._sent.popitem(last=False)
        self._end(
            span.trace_id, span.span_id, span.parent_id, span.name, _nanoseconds(span.started_at),
            _nanoseconds(span.ended_at), span.error, span.attributes, otel.SpanKind.INTERNAL,
        )  # fmt: skip

    def _end(
        self, trace_id: str, span_id: str, parent_id: str | None, name: str, began: int, ended: int,
        error: str | None, attributes: Mapping[str, Any], kind: otel.SpanKind,
    ) -> None:  # fmt: skip
        status = otel.Status(otel.StatusCode.OK if error is None else otel.StatusCode.ERROR, error)
        self._processor.on_end(
            ReadableSpan(
                name,
                context=_span_context(trace_id, span_id),
                parent=None if parent_id is None else _span_context(trace_id, parent_id),
                resource=self._resource,
                attributes=attributes,
                kind=kind,
                status=status,
                start_time=began,
                end_time=ended,
                instrumentation_scope=self._scope,
            )
        )


class StepWatch:
    """Sees attempts. Of what runs on the event loop, the trace is current while it runs."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    async def prepare(self, subject: Any) -> None:
        """Learn the trace of the step."""
        await self._tracer.context([subject.step_id])

    @contextmanager
    def watching(self, name: str, subject: Any) -> Iterator[None]:
        """See one attempt."""
        span_id = span_of("attempt", f"{subject.step_id}:{subject.attempt}")
        run = _Run(
            subject.step_id, span_id, f"{name} attempt {subject.attempt}", time.time_ns(), 0, None,
            {
                "opsloop.mission_id": subject.mission_id, "opsloop.executor": name,
                "opsloop.attempt": subject.attempt,
            },
        )  # fmt: skip
        try:
            with _current(self._tracer.known(subject.step_id), span_id), _ending(run):
                yield
            subject.trace_outbox()
        finally:
            self._tracer.ended(run, subject.step_id)


class DeliveryWatch:
    """Sees deliveries."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    async def prepare(self, subject: Any) -> None:
        """Learn the trace of the message."""
        await self._tracer.context([], [subject.id])

    @contextmanager
    def watching(self, name: str, subject: Any) -> Iterator[None]:
        """See one delivery."""
        key = str(subject.id)
        run = _Run(
            key, span_of("delivery", f"{key}:{subject.retry_count}"), f"{name} {subject.event_type}",
            time.time_ns(), 0, None,
            {
                "messaging.message.id": subject.idempotency_key, "opsloop.sink": name,
                "opsloop.aggregate": f"{subject.aggregate_type} {subject.aggregate_id}",
            },
            client=True,
        )  # fmt: skip
        try:
            with _current(self._tracer.known(key), run.span_id), _ending(run):
                yield
        finally:
            self._tracer.ended(run)


def span_of(what: str, name: str) -> str:
    """The id of a span, as the routine _span_id makes it."""
    return hashlib.sha256(f"{what}:{name}".encode()).hexdigest()[:16]


@contextmanager
def _ending(run: _Run) -> Iterator[None]:
    """Note when it ends, and with which error."""
    try:
        yield
    except BaseException as error:
        run.error = f"{type(error).__name__}: {error}"[:1000]
        raise
    finally:
        run.ended = time.time_ns()


@contextmanager
def _current(context: TraceContext | None, span_id: str) -> Iterator[None]:
    """Make a span current, for headers of ours and for what else is instrumented; nothing where it is not known."""
    if context is None:
        yield
        return
    flags = "01" if context.sampled else "00"
    header = TRACEPARENT.set(f"00-{context.trace_id}-{span_id}-{flags}")
    span = otel.NonRecordingSpan(_span_context(context.trace_id, span_id, sampled=context.sampled))
    token = otel_context.attach(otel.set_span_in_context(span))
    try:
        yield
    finally:
        otel_context.detach(token)
        TRACEPARENT.reset(header)


def _span_context(trace_id: str, span_id: str, *, sampled: bool = True) -> otel.SpanContext:
    flags = otel.TraceFlags(otel.TraceFlags.SAMPLED if sampled else otel.TraceFlags.DEFAULT)
    return otel.SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=flags)


def _nanoseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000
