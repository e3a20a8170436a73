"""Faults of the server as a whole."""

import os
import signal
import subprocess
import time
from random import Random
from typing import Any

import psycopg

from chaos.kinds import Missed, Scene, fault


def _restarted(scene: Scene, draw: Random, how: signal.Signals) -> dict[str, Any]:
    with scene.server.busy:
        away = draw.choice([0.0, 1.0, 3.0, scene.lease * 1.2])
        scene.server.end(how)
        scene.wait(away)
        scene.server.start()
    return {"away": round(away, 1)}


@fault("server killed", "server", excuses="all", weight=3)
def server_killed(scene: Scene, draw: Random) -> dict[str, Any]:
    """SIGKILL of the postmaster; it is started at once, or after leases have run out."""
    return _restarted(scene, draw, signal.SIGKILL)


@fault("server restarted, immediate", "server", excuses="all")
def server_immediate(scene: Scene, draw: Random) -> dict[str, Any]:
    """An immediate shutdown, and recovery."""
    return _restarted(scene, draw, signal.SIGQUIT)


@fault("server restarted, fast", "server", excuses="all")
def server_fast(scene: Scene, draw: Random) -> dict[str, Any]:
    """A fast shutdown, as an upgrade of the minor version does it."""
    return _restarted(scene, draw, signal.SIGINT)


@fault("server process killed", "server", excuses="all")
def backend_killed(scene: Scene, draw: Random) -> dict[str, Any]:
    """SIGKILL of one backend: the server ends all others and recovers."""
    with scene.server.busy:
        with scene.server.connect() as conn:
            query = "select pid from pg_stat_activity where usename like 'chaos_%' order by pid"
            pids = [row[0] for row in conn.execute(query).fetchall()]
        if not pids:
            raise Missed("no session is there")
        os.kill(draw.choice(pids), signal.SIGKILL)
        time.sleep(0.2)
        scene.server.start()
    return {}


@fault("server stopped", "server", excuses="all")
def server_stopped(scene: Scene, draw: Random) -> dict[str, Any]:
    """SIGSTOP of all its processes, as when a virtual machine is moved."""
    with scene.server.busy:
        seconds = draw.uniform(0.1, 1.3) * scene.lease
        scene.server.signal_all(signal.SIGSTOP)
        try:
            scene.wait(seconds)
        finally:
            scene.server.signal_all(signal.SIGCONT)
    return {"seconds": round(seconds, 1)}


@fault("disk full", "server", excuses="all", needs="disk")
def disk_full(scene: Scene, draw: Random) -> dict[str, Any]:
    """The disk of the server fills up, down to some pages or to nothing; a server that gives up is started anew."""
    if not scene.server.small_disk:
        raise Missed("it has no small disk")
    with scene.server.busy:
        seconds = draw.uniform(1, 6)
        with scene.server.full_disk(draw.choice([0, 64 << 10, 1 << 20])):
            scene.wait(seconds)
        time.sleep(0.2)
        scene.server.start()
    return {"seconds": round(seconds, 1)}


@fault("server's files limited", "server", excuses="all")
def files_limited(scene: Scene, draw: Random) -> dict[str, Any]:
    """RLIMIT_FSIZE of the server's processes: files get no larger, the WAL included."""
    with scene.server.busy:
        met = scene.server.limit_files(
            scene.server.processes()[1:], draw.choice([1 << 20, 4 << 20, 12 << 20])
        )
        scene.wait(draw.uniform(1, 4))
        # Those that are forked from now on have no limit; whoever has one goes.
        scene.server.end(signal.SIGQUIT)
        scene.server.start()
    return {"processes": met}


@fault("standby promoted", "server", excuses="all", weight=1)
def standby_promoted(scene: Scene, draw: Random) -> dict[str, Any]:
    """The primary is killed and its standby takes its place; at times clients are led to the standby too early."""
    with scene.server.busy:
        try:
            other = scene.server.make_standby()
        except (RuntimeError, psycopg.Error, OSError) as error:
            scene.persist(lambda conn: conn.execute("alter system reset synchronous_standby_names"))
            scene.persist(lambda conn: conn.execute("select pg_reload_conf()"))
            raise Missed(str(error)) from error
        scene.wait(draw.uniform(1, 3))
        early = draw.random() < 0.5
        if early:
            scene.proxy.target = scene.server.socket(other)
            scene.proxy.cut()
            scene.wait(draw.uniform(0.5, 3))
        scene.server.promote(other)
        scene.proxy.target = scene.server.socket()
        scene.proxy.cut()
    return {"early": early}


@fault("dump and restore", "server", excuses="all", weight=1)
def dump_and_restore(scene: Scene, draw: Random) -> dict[str, Any]:
    """pg_dump, the schema dropped, pg_restore, fn_after_restore, as docs/recovery.md has it."""
    began = time.monotonic()
    with scene.server.busy:
        try:
            scene.proxy.refuse()
            scene.proxy.cut()
            # Some workers and relays get their answers while they end, others are cut off.
            if draw.random() < 0.5:
                scene.proxy.normal(draw)
            scene.fleet.stop(["worker", "relay"], 8)
            scene.proxy.refuse()
            scene.proxy.cut()
            with scene.server.connect() as conn:
                conn.execute(
                    "select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename like 'chaos_%'"
                )
            _dump_and_restore(scene)
            scene.persist(_after_restore)
        finally:
            scene.proxy.normal(draw)
            scene.fleet.go_on()
    return {"seconds": round(time.monotonic() - began, 1)}


def _dump_and_restore(scene: Scene) -> None:
    # In one transaction: other faults, and the person, go on, and must not write to what is only half there.
    file = scene.home / "opsloop.dump"
    dsn = scene.server.dsn()
    for command in (
        [
            "pg_dump",
            "--format=custom",
            "--compress=0",
            "--schema=opsloop",
            f"--file={file}",
            f"--dbname={dsn}",
        ],
        ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", "drop schema opsloop cascade", dsn],
        ["pg_restore", "--single-transaction", f"--dbname={dsn}", str(file)],
    ):
        done = subprocess.run(
            [str(scene.server.programs / command[0]), *command[1:]],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PGOPTIONS": "-c client_min_messages=warning"},
        )
        if done.returncode != 0:
            raise RuntimeError(f"{command[0]}: {done.stderr[-800:]}")
    file.unlink()


def _after_restore(conn: psycopg.Connection[Any]) -> None:
    # Refused (OPS_060) while the restored list of workers has some that were there a moment ago.
    conn.execute("select fn_after_restore('ada')")
