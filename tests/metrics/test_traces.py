"""One trace from an event to a webhook, received over OTLP, its spans nested as the work was."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from cli.starting import Up
from looping import Loop, Row, step
from opsloop.metrics.traces import span_of
from support import wait_until

TELL = """
from opsloop import executor
from opsloop.relay.sinks import sink

@sink("hole")
async def hole(message):
    pass

@executor("tell", idempotent=True)
def tell(ctx):
    ctx.publish("guest", "g1", "guest:greeted", {"hello": 1})

@executor("stumble", idempotent=True)
async def stumble(ctx):
    if ctx.attempt == 1:
        raise RuntimeError("stumbled")
"""
POLICY = """
[auto_approve]
allowed_step_kinds = ["*"]
max_risk_level = "high"

[worker_policy]
http_allow_private = true
backoff = {{ base_seconds = 0.1, max_seconds = 0.1 }}

[[reaction_matrix.patterns]]
name = "greet"
event_type = "guest:came"
template = {{ title = "Say hello", steps = [
  {{ key = "call", kind = "http", params = {{ url = "{url}/call" }} }},
  {{ key = "stumble", kind = "stumble" }},
  {{ key = "tell", kind = "tell" }},
] }}

[[reaction_matrix.patterns]]
name = "and again"
event_type = "mission:succeeded"
max_depth = 1
template = {{ title = "Tell of it", steps = [{{ kind = "tell" }}] }}

[outbox]
allow_private = true
routes = [{{ event_type = "*", sink = "http", url = "{url}/hook" }}]
"""


class Receiver:
    """An OTLP receiver, and a site that notes which traceparent came with which path."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.called: list[tuple[str, str | None]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"] or 0))
                if self.path == "/v1/traces":
                    request = ExportTraceServiceRequest.FromString(body)
                    for resource in request.resource_spans:
                        for scope in resource.scope_spans:
                            receiver.spans += scope.spans
                    self.answer(b"")
                else:
                    self.do_GET()

            def do_GET(self) -> None:
                receiver.called.append((self.path, self.headers.get("traceparent")))
                self.answer(b"{}")

            def answer(self, body: bytes) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def named(self, name: str) -> list[Any]:
        """The spans of a name."""
        return [span for span in self.spans if span.name == name]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that runs."""
    one = Receiver()
    thread = threading.Thread(target=one.server.serve_forever)
    thread.start()
    yield one
    one.server.shutdown()
    one.server.server_close()
    thread.join()


@contextmanager
def looping(dsn: str, home: Path, receiver: Receiver, *options: str) -> Iterator[Up]:
    """An `opsloop up` with that receiver, ended in order."""
    (home / "telling.py").write_text(TELL)
    (home / "policy.toml").write_text(POLICY.format(url=receiver.url))
    up = Up(
        dsn, home, "--app", "telling", "--policy", "policy.toml", *options,
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url, OTEL_BSP_SCHEDULE_DELAY="200",
    )  # fmt: skip
    try:
        yield up.runs()
    finally:
        up.popen.send_signal(signal.SIGINT)
        with up.popen:
            assert up.end() == 0, up.said()


def emit(conn: psycopg.Connection[Any], **data: str) -> str:
    """An event; its id."""
    return str(Loop(conn).emit("guest:came", data))


@pytest.mark.parametrize("given", [None, "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"])
def test_one_trace_leads_from_the_event_to_the_webhook(
    dsn: str, conn: psycopg.Connection[Any], receiver: Receiver, tmp_path: Path, given: str | None
) -> None:
    with looping(dsn, tmp_path, receiver, "--traces"):
        event = emit(conn, **({"traceparent": given} if given else {}))
        wait_until(
            lambda: (
                len(receiver.named("http guest:greeted")) == 2
                and len(receiver.named("mission Tell of it")) == 1
            ),
            f"all spans have come: {sorted(s.name for s in receiver.spans)}",
            seconds=60,
        )
    assert {s.trace_id.hex() for s in receiver.spans} == {given[3:35] if given else event.replace("-", "")}
    tree = nested(receiver.spans)
    assert tree == {
        "event guest:came": {
            "proposal Say hello": {
                "mission Say hello": {
                    "step call": {"http attempt 1": {}},
                    "step stumble": {"stumble attempt 1": {}, "stumble attempt 2": {}},
                    "step tell": {"tell attempt 1": {}, "http guest:greeted": {}},
                    "event mission:succeeded": {
                        "proposal Tell of it": {
                            "mission Tell of it": {
                                "step step_1": {"tell attempt 1": {}, "http guest:greeted": {}},
                            },
                        },
                    },
                },
            },
        },
    }
    (root,) = receiver.named("event guest:came")
    assert root.parent_span_id.hex() == (given[36:52] if given else "")
    times(receiver)
    headers(receiver)


def times(receiver: Receiver) -> None:
    """What is within another in the work is within it in time."""
    by_id = {s.span_id: s for s in receiver.spans}
    slack = 50_000_000  # clocks of worker and database are read one after the other
    for span in receiver.spans:
        assert span.start_time_unix_nano <= span.end_time_unix_nano, span.name
        parent = by_id.get(span.parent_span_id)
        if (
            parent is None
            or span.name.startswith(("event", "http guest"))
            or parent.name.startswith(("event", "prop"))
        ):
            continue
        assert parent.start_time_unix_nano <= span.start_time_unix_nano + slack, (parent.name, span.name)
        assert span.end_time_unix_nano <= parent.end_time_unix_nano + slack, (parent.name, span.name)
    failed = {s.name for s in receiver.spans if s.status.code == 2}
    assert failed == {"stumble attempt 1"}


def headers(receiver: Receiver) -> None:
    """Request and webhooks carry the span that sent them."""
    trace = receiver.spans[0].trace_id.hex()
    spans = {s.span_id.hex(): s.name for s in receiver.spans}
    sent = sorted((path, (header or "").split("-")) for path, header in receiver.called)
    assert [(path, parts[1], spans.get(parts[2]), parts[3]) for path, parts in sent] == [
        ("/call", trace, "http attempt 1", "01"),
        ("/hook", trace, "http guest:greeted", "01"),
        ("/hook", trace, "http guest:greeted", "01"),
    ]


def nested(spans: list[Any]) -> Row:
    """Names of spans within those of their parents."""
    ids = {s.span_id for s in spans}

    def within(parent: bytes | None) -> Row:
        return {
            s.name: within(s.span_id)
            for s in spans
            if (s.parent_span_id == parent if parent is not None else s.parent_span_id not in ids)
        }

    return within(None)


def test_what_the_sender_does_not_sample_is_not_sent_but_carried(
    dsn: str, conn: psycopg.Connection[Any], receiver: Receiver, tmp_path: Path
) -> None:
    trace = "ab" * 16
    with looping(dsn, tmp_path, receiver, "--traces"):
        emit(conn, traceparent=f"00-{trace}-{'cd' * 8}-00")
        wait_until(lambda: len(receiver.called) == 3, "the webhooks have come", seconds=60)
    assert receiver.spans == []
    assert {(header or "")[:35] + (header or "")[-3:] for _, header in receiver.called} == {f"00-{trace}-00"}


def test_without_the_option_nothing_is_carried_kept_or_sent(
    dsn: str, conn: psycopg.Connection[Any], receiver: Receiver, tmp_path: Path
) -> None:
    with looping(dsn, tmp_path, receiver):
        emit(conn)
        wait_until(lambda: len(receiver.called) == 3, "the webhooks have come", seconds=60)
    assert receiver.spans == []
    assert {header for _, header in receiver.called} == {None}
    assert Loop(conn).value("select count(*) from outbox where step_id is not null") == 0


@pytest.mark.parametrize("traceparent", [
    "", "no", "00-" + "0" * 32 + "-" + "cd" * 8 + "-01", "00-" + "ab" * 16 + "-" + "0" * 16 + "-01",
    "01-" + "ab" * 16 + "-" + "cd" * 8 + "-01", "00-" + "AB" * 16 + "-" + "cd" * 8 + "-01",
])  # fmt: skip
def test_a_traceparent_that_cannot_be_is_no_trace(conn: psycopg.Connection[Any], traceparent: str) -> None:
    loop = Loop(conn)
    loop.allow()
    loop.react({"template": {"title": "t", "steps": [step("a")]}})
    event = loop.emit(data={"traceparent": traceparent})
    loop.turn()
    (work,) = loop.claim()
    row = loop.row("select * from fn_trace_context(array[%s::uuid])", work["step_id"])
    assert (row["trace_id"], row["sampled"]) == (event.hex, True)
    assert row["parent_id"] == span_of("step", str(work["step_id"]))


def test_a_mission_without_an_event_is_a_trace_of_its_proposal(conn: psycopg.Connection[Any]) -> None:
    loop = Loop(conn)
    mission = loop.mission(step("a"))
    work = loop.work(mission)
    (row,) = loop.rows("select * from fn_trace_context(array[%s::uuid, gen_random_uuid()])", work["step_id"])
    assert row["trace_id"] == loop.the_mission(mission)["proposal_id"].hex
    assert loop.rows("select * from fn_list_spans(array[%s::uuid])", work["step_id"]) == []
    loop.complete(work)
    spans = loop.rows("select * from fn_list_spans(array[%s::uuid])", work["step_id"])
    assert [s["name"] for s in spans] == ["step a", "mission a test", "proposal a test"]
    assert spans[-1]["parent_id"] is None


def test_a_message_that_no_traced_step_published_is_a_trace_by_itself(conn: psycopg.Connection[Any]) -> None:
    loop = Loop(conn)
    message = loop.value("select fn_publish_outbox('order', 'o', 'placed')")
    row = loop.row("select * from fn_trace_context('{}', array[%s::bigint])", message)
    assert row["trace_id"] == loop.value("select message_id from outbox").hex
    assert row["parent_id"] is None
