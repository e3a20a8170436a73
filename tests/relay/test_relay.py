"""The relay against a real database: what it delivers where, and how it ends."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from opsloop.database import Database
from opsloop.executors.outcomes import Fatal, Retry, RetryAfter
from opsloop.process.mode import Mode
from opsloop.relay import Message
from opsloop.relay import command as command_sink
from opsloop.relay.loop import Relay
from opsloop.relay.options import RelayOptions
from opsloop.relay.sinks import Sinks
from proxies import Proxy
from support import wait_until

OWN = {"event_type": "*", "sink": "own"}
Deliver = Callable[[Message], Awaitable[None]]


@pytest.fixture
def route(conn: psycopg.Connection[Any]) -> Callable[..., None]:
    """Sets the routes of the outbox, and what else its policy says."""

    def setting(*routes: dict[str, Any], **more: Any) -> None:
        document = {"routes": list(routes) or [OWN], **more}
        conn.execute("select fn_set_policy('outbox', %s)", (Jsonb(document),))

    setting()
    return setting


@pytest.fixture
def publish(conn: psycopg.Connection[Any], route: Callable[..., None]) -> Callable[..., list[int]]:
    """Publishes a message for each aggregate named."""

    def publishing(*aggregates: str, kind: str = "changed") -> list[int]:
        query = "select fn_publish_outbox('t', %s, %s, '{\"n\": 1}')"
        return [conn.execute(query, (a, kind)).fetchone()[0] for a in aggregates]  # type: ignore[index]

    return publishing


def waiting(conn: psycopg.Connection[Any]) -> list[int]:
    rows = conn.execute("select id from outbox where processed_at is null order by id").fetchall()
    return [row[0] for row in rows]


def relay(dsn: str, own: Deliver | None = None, **options: Any) -> Relay:
    sinks = Sinks()
    sinks.put("command", command_sink.deliver)
    if own is not None:
        sinks.put("own", own)
    return Relay(Database(dsn), sinks, RelayOptions(**{"mode": Mode.DRAIN, "poll": 0.05, **options}))


async def drain(dsn: str, own: Deliver | None = None, **options: Any) -> Relay:
    one = relay(dsn, own, **options)
    try:
        await one.run()
    finally:
        await one.close()
    return one


async def test_each_aggregate_gets_its_messages_in_order_one_at_a_time(
    dsn: str, conn: psycopg.Connection[Any], publish: Callable[..., list[int]]
) -> None:
    events = publish(*("abc" * 20))
    seen: dict[str, list[int]] = {}
    busy: set[str] = set()

    async def own(message: Message) -> None:
        assert message.aggregate_id not in busy
        busy.add(message.aggregate_id)
        await asyncio.sleep(0)
        busy.discard(message.aggregate_id)
        seen.setdefault(message.aggregate_id, []).append(message.id)

    one = await drain(dsn, own)
    assert dict(one.outcomes) == {"delivered": 60}
    assert seen == {"a": events[0::3], "b": events[1::3], "c": events[2::3]}
    assert waiting(conn) == []


@pytest.mark.parametrize(
    ("raised", "outcome", "error"),
    [
        (Retry("come later"), "retry", "come later"),
        (RetryAfter(0.0, "soon"), "delivered", "soon"),
        (Fatal("never"), "dead", "never"),
        (ValueError("a bug"), "retry", "ValueError: a bug"),
    ],
)
async def test_what_a_sink_raises_decides(
    dsn: str,
    conn: psycopg.Connection[Any],
    publish: Callable[..., list[int]],
    raised: Exception,
    outcome: str,
    error: str,
) -> None:
    first, second = publish("a", "a")
    failed: list[int] = []

    async def own(message: Message) -> None:
        if not failed:
            failed.append(message.id)
            raise raised

    one = await drain(dsn, own)
    assert failed == [first]
    assert one.outcomes[outcome] >= 1
    assert conn.execute("select last_error from outbox where id = %s", (first,)).fetchone() == (error,)
    assert waiting(conn) == ([first, second] if outcome == "retry" else [])


async def test_a_sink_that_the_relay_does_not_know_is_tried_again(
    dsn: str, conn: psycopg.Connection[Any], publish: Callable[..., list[int]]
) -> None:
    publish("a")
    await drain(dsn)
    assert conn.execute("select last_error from outbox").fetchone() == ("this relay has no sink 'own'",)


async def test_notify_reaches_who_listens_when_it_is_recorded(
    dsn: str,
    conn: psycopg.Connection[Any],
    route: Callable[..., None],
    publish: Callable[..., list[int]],
) -> None:
    route({"event_type": "*", "sink": "notify", "channel": "Chan nel"})
    conn.execute('listen "Chan nel"')
    events = publish("a", "a", "b")
    await drain(dsn)
    heard = [json.loads(n.payload) for n in conn.notifies(timeout=5, stop_after=3)]
    assert sorted(h["sequence"] for h in heard) == events
    assert waiting(conn) == []


async def test_a_command_reads_the_message_and_its_failure_is_tried_again(
    dsn: str,
    conn: psycopg.Connection[Any],
    route: Callable[..., None],
    publish: Callable[..., list[int]],
    tmp_path: Path,
) -> None:
    out = tmp_path / "out"
    told = 'echo "$OPS_EVENT_TYPE $OPS_IDEMPOTENCY_KEY"'
    script = f'cat > {out}; {told} >> {out}; test "$OPS_EVENT_TYPE" = good || exit 3'
    policy = conn.execute("select fn_get_policy('worker_policy')").fetchone()
    assert policy is not None
    policy[0]["presets"]["tell"] = {"argv": ["sh", "-c", script]}
    conn.execute("select fn_set_policy('worker_policy', %s)", (Jsonb(policy[0]),))
    route({"event_type": "*", "sink": "command", "preset": "tell"})
    publish("a", kind="good")
    await drain(dsn)
    body, _, said = out.read_text().rpartition("}")
    message = json.loads(body + "}")
    assert message["payload"] == {"n": 1}
    assert said.split() == ["good", message["id"]]
    publish("b", kind="bad")
    await drain(dsn)
    (error,) = conn.execute("select last_error from outbox where event_type = 'bad'").fetchone() or ("",)
    assert "exit code 3" in error


async def test_a_lease_is_extended_while_a_delivery_takes_its_time(
    dsn: str, conn: psycopg.Connection[Any], route: Callable[..., None], publish: Callable[..., list[int]]
) -> None:
    route(OWN, lease_seconds=1)
    (event,) = publish("a")
    expired = "select clock_timestamp() > %s + interval '1.5 s'"
    begun = conn.execute("select clock_timestamp()").fetchone()

    async def slow(message: Message) -> None:
        while not conn.execute(expired, begun).fetchone()[0]:  # type: ignore[index]
            assert conn.execute("select * from fn_claim_outbox_deliveries('other')").fetchall() == []
            await asyncio.sleep(0.05)

    one = await drain(dsn, slow)
    assert dict(one.outcomes) == {"delivered": 1}
    assert waiting(conn) == []
    assert event


async def test_after_a_lost_claim_nothing_more_of_it_is_sent(
    dsn: str, conn: psycopg.Connection[Any], route: Callable[..., None], publish: Callable[..., list[int]]
) -> None:
    route(OWN, lease_seconds=1)
    first, second = publish("a", "a")
    sent: list[int] = []

    async def own(message: Message) -> None:
        sent.append(message.id)
        if len(sent) == 1:
            # Somebody takes the aggregate away, and the relay hears of it when it next extends.
            conn.execute("update outbox_heads set processor_id = 'thief', lease_expires_at = 'infinity'")
            while one.on_the_way:  # noqa: ASYNC110 - the relay has no event for it
                await asyncio.sleep(0.02)

    one = relay(dsn, own, mode=Mode.ONCE)
    try:
        await one.run()
    finally:
        await one.close()
    assert sent == [first]
    assert waiting(conn) == [first, second]


async def test_it_goes_on_when_its_connections_are_cut(
    dsn: str, conn: psycopg.Connection[Any], publish: Callable[..., list[int]]
) -> None:
    events = publish(*"abcdefgh")
    cut = (
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'opsloop relay%'"
    )

    async def own(message: Message) -> None:
        if message.id == events[3]:
            conn.execute(cut)

    one = await drain(dsn, own, batch=2)
    assert one.outcomes["delivered"] == 8
    assert waiting(conn) == []


SHOUT = """
from pathlib import Path
from opsloop.relay import sink

@sink("shout")
def shout(message):
    Path(message.settings["file"]).write_text(f"{message.payload['n']} {message.event_type}")
"""
SLOW = """
import pathlib, time
from opsloop.relay import sink

@sink("slow")
def slow(message):
    pathlib.Path("begun").touch()
    while not pathlib.Path("go").exists():
        time.sleep(0.02)
"""


@pytest.fixture
def start(dsn: str, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts `python -m opsloop.relay` with these arguments."""
    started: list[subprocess.Popen[str]] = []

    def starting(*arguments: str, **env: str) -> subprocess.Popen[str]:
        started.append(
            subprocess.Popen(
                [sys.executable, "-m", "opsloop.relay", *arguments],
                env={**os.environ, "DATABASE_URL": dsn, **env},
                cwd=tmp_path,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return started[-1]

    yield starting
    for one in started:
        one.kill()
        one.communicate()


def test_the_command_drains_with_a_sink_of_ones_own_and_says_what_it_did(
    start: Callable[..., subprocess.Popen[str]],
    route: Callable[..., None],
    publish: Callable[..., list[int]],
    tmp_path: Path,
) -> None:
    route({"event_type": "*", "sink": "shout", "settings": {"file": str(tmp_path / "said")}})
    publish("a")
    (tmp_path / "shouting.py").write_text(SHOUT)
    out, err = start("--drain", "--app", "shouting:shout").communicate(timeout=30)
    assert out == "1 messages claimed: 1 delivered\n", err
    assert (tmp_path / "said").read_text() == "1 changed"
    assert [json.loads(line)["event"] for line in err.splitlines()] == ["relay started", "relay ended"]
    assert json.loads(start("--once", "--json").communicate(timeout=30)[0]) == {"claimed": 0, "outcomes": {}}


def test_told_to_end_it_finishes_what_is_on_its_way_and_gives_the_rest_back(
    start: Callable[..., subprocess.Popen[str]],
    conn: psycopg.Connection[Any],
    route: Callable[..., None],
    publish: Callable[..., list[int]],
    tmp_path: Path,
) -> None:
    (tmp_path / "slowly.py").write_text(SLOW)
    route({"event_type": "*", "sink": "slow"})
    events = publish("a", "a", "a")
    one = start("--app", "slowly")
    wait_until((tmp_path / "begun").exists, "the first delivery has begun")
    one.send_signal(signal.SIGTERM)
    (tmp_path / "go").touch()
    assert one.wait(20) == 0
    assert waiting(conn) == events[1:]
    rows = conn.execute("select id from fn_claim_outbox_deliveries('next')").fetchall()
    assert [row[0] for row in rows] == events[1:]


@pytest.mark.parametrize(
    ("arguments", "env", "code", "said"),
    [
        (("--once", "--drain"), {}, 2, "OPS_018"),
        (("--app", "nowhere"), {}, 2, "nowhere"),
        (("--schema", "elsewhere", "--once"), {}, 1, "OPS_021"),
        (("--once",), {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/x"}, 3, "OPS_001"),
    ],
)
def test_what_cannot_work_ends_with_a_code_and_a_sentence(
    start: Callable[..., subprocess.Popen[str]],
    arguments: tuple[str, ...],
    env: dict[str, str],
    code: int,
    said: str,
) -> None:
    one = start(*arguments, **env)
    _, err = one.communicate(timeout=30)
    assert (one.returncode, said in err) == (code, True), err


async def test_what_a_relay_has_counted_is_in_the_metrics(
    dsn: str, conn: psycopg.Connection[Any], publish: Callable[..., list[int]]
) -> None:
    publish("a")

    async def cut(_message: Message) -> None:
        sessions = "from pg_stat_activity where application_name like 'opsloop relay%'"
        await asyncio.to_thread(conn.execute, f"select pg_terminate_backend(pid, 3000) {sessions}")

    await drain(dsn, cut)

    metric = "select value from fn_metrics() where name = 'opsloop_reconnects_total'"
    assert conn.execute(metric).fetchall()[0][0] >= 1


@pytest.mark.parametrize("later", [0, 2.5])
async def test_messages_of_a_claim_whose_answer_was_lost_are_claimed_again_at_once(
    conn: psycopg.Connection[Any], publish: Callable[..., list[int]], proxy: Proxy, later: float
) -> None:
    events = publish("a", "a", "b")
    seen: list[int] = []

    async def own(message: Message) -> None:
        seen.append(message.id)

    proxy.lose(b"outbox:")
    one = relay(proxy.dsn, own, mode=Mode.FOREVER)
    running = asyncio.create_task(one.run())
    try:
        await asyncio.to_thread(
            wait_until, lambda: not waiting(conn), "all is delivered, before a lease is over"
        )
        # A claim of its own that is on its way for longer than the pause between two looks.
        proxy.delay(b"outbox:", later)
        events += publish("a", "c")
        await asyncio.to_thread(wait_until, lambda: not waiting(conn), "all is delivered")
    finally:
        one.stop()
        await running
        await one.close()

    assert proxy.lost == 1
    assert sorted(seen) == sorted(events)
    assert seen.index(events[0]) < seen.index(events[1]) < seen.index(events[3])
    assert conn.execute("select max(retry_count) from outbox").fetchone() == (0,)
