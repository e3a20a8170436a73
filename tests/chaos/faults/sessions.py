"""Faults of single sessions, and of what sessions are allowed."""

import contextlib
import time
from collections.abc import Iterator
from random import Random
from typing import Any

import psycopg

from chaos.kinds import Missed, Scene, fault

_THEIRS = "from pg_stat_activity where backend_type = 'client backend' and usename like 'chaos_%'"


@fault("sessions ended", "sessions", excuses=None, weight=3)
def sessions_ended(scene: Scene, draw: Random) -> dict[str, Any]:
    """pg_terminate_backend for some of the fleet's sessions, or for all of them."""
    share = draw.choice([0.2, 0.5, 1.0])
    with scene.server.connect() as conn:
        pids = [row[0] for row in conn.execute(f"select pid {_THEIRS} order by pid").fetchall()]
        chosen = [pid for pid in pids if draw.random() < share]
        conn.execute("select pg_terminate_backend(pid) from unnest(%s::int[]) pid", (chosen,))
    return {"sessions": len(chosen)}


@fault("statements cancelled", "sessions", excuses=None, weight=3)
def statements_cancelled(scene: Scene, draw: Random) -> dict[str, Any]:
    """pg_cancel_backend for whatever statement of the fleet runs, many times in some seconds."""
    # With a standby, a cancelled commit is acknowledged although the standby may not have it, as PostgreSQL says.
    if not scene.server.busy.acquire(timeout=3):
        raise Missed("the server is busy")
    met = 0
    try:
        ends = time.monotonic() + draw.uniform(0.5, 3)
        with scene.server.connect() as conn:
            while time.monotonic() < ends:
                found = conn.execute(
                    f"select count(pg_cancel_backend(pid)) {_THEIRS} and state = 'active'"
                ).fetchone()
                met += found[0] if found else 0
                time.sleep(0.02)
    finally:
        scene.server.busy.release()
    return {"statements": met}


@fault("leased transactions ended", "sessions", excuses=None)
def leased_transactions_ended(scene: Scene, draw: Random) -> dict[str, Any]:
    """pg_terminate_backend for sessions in which a handler has a transaction open, for some seconds."""
    met = 0
    ends = time.monotonic() + draw.uniform(0.5, 3)
    with scene.server.connect() as conn:
        while time.monotonic() < ends:
            found = conn.execute(
                f"select count(pg_terminate_backend(pid)) {_THEIRS} and application_name like 'opsloop step %'"
            ).fetchone()
            met += found[0] if found else 0
            time.sleep(0.05)
    return {"sessions": met}


@contextlib.contextmanager
def _setting(scene: Scene, name: str, value: str) -> Iterator[None]:
    """A setting of the server while the block runs, for sessions that are open, too."""
    with scene.server.busy:
        with scene.server.connect() as conn:
            conn.execute(f"alter system set {name} = '{value}'")
            conn.execute("select pg_reload_conf()")
        try:
            yield
        finally:
            scene.persist(
                lambda conn: [
                    conn.execute(text) for text in (f"alter system reset {name}", "select pg_reload_conf()")
                ]
            )


def _set_for(scene: Scene, name: str, value: str, seconds: float) -> dict[str, Any]:
    with _setting(scene, name, value):
        scene.wait(seconds)
    return {"setting": f"{name} = {value}", "seconds": round(seconds, 1)}


@fault("statement timeout", "sessions", excuses="all")
def statement_timeout(scene: Scene, draw: Random) -> dict[str, Any]:
    """A statement_timeout so short that many calls do not make it."""
    return _set_for(scene, "statement_timeout", draw.choice(["2ms", "10ms", "50ms"]), draw.uniform(1, 5))


@fault("lock timeout", "sessions", excuses=None)
def lock_timeout(scene: Scene, draw: Random) -> dict[str, Any]:
    """A lock_timeout of a millisecond."""
    return _set_for(scene, "lock_timeout", "1ms", draw.uniform(1, 5))


@fault("idle sessions ended", "sessions", excuses=None)
def idle_sessions_ended(scene: Scene, draw: Random) -> dict[str, Any]:
    """An idle_session_timeout of a few hundred milliseconds, as some providers have it."""
    return _set_for(scene, "idle_session_timeout", draw.choice(["100ms", "500ms"]), draw.uniform(2, 6))


@fault("idle transactions ended", "sessions", excuses=None)
def idle_transactions_ended(scene: Scene, draw: Random) -> dict[str, Any]:
    """An idle_in_transaction_session_timeout of a few milliseconds."""
    return _set_for(scene, "idle_in_transaction_session_timeout", "5ms", draw.uniform(2, 6))


@fault("read-only server", "sessions", excuses="all")
def read_only(scene: Scene, draw: Random) -> dict[str, Any]:
    """default_transaction_read_only, as after a failover that went half through."""
    return _set_for(scene, "default_transaction_read_only", "on", draw.uniform(1, 8))


@fault("connections exhausted", "sessions", excuses="all")
def connections_exhausted(scene: Scene, draw: Random) -> dict[str, Any]:
    """All connections of the server are taken, and half of the fleet's are ended and cannot come back."""
    taken: list[psycopg.Connection[Any]] = []
    dsn = scene.server.dsn().replace("user=postgres", "user=chaos_other")
    try:
        with scene.server.connect() as conn:
            for _ in range(2):
                with contextlib.suppress(psycopg.OperationalError):
                    while len(taken) < 100:
                        taken.append(psycopg.connect(dsn, autocommit=True))
                conn.execute(f"select pg_terminate_backend(pid) {_THEIRS} and pid % 2 = 0")
        seconds = draw.uniform(1, 8)
        scene.wait(seconds)
    finally:
        for one in taken:
            one.close()
    return {"connections": len(taken), "seconds": round(seconds, 1)}
