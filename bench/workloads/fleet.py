"""A fleet of two nodes on this machine: what the front costs a call, what two nodes give, and connections."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from harness import engine, stage
from harness import fleet as crew
from harness.figures import Entrant, Figure
from harness.workload import Bench, Turn, Workload
from opsloop import Client

if TYPE_CHECKING:
    from opsloop.embedded import Server

#: PL/Proxy is in Debian's package; so is PgBouncer, of which a pool of twenty stands before the front.
VERSION = 15
_PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
_POOL = 20
_CALLS = {
    "emit": lambda conn, key: conn.execute("select fn_emit_event('bench', '{}', %s)", (key,)),
    "propose": lambda conn, key: conn.execute(
        "select * from fn_create_proposal(%s, 'bench', %s)", (json.dumps(engine.NOOP), key)
    ),
}
#: Another commit has no turn: it may have no fleet.
_VARIANTS = (
    *(f"{call} {way}" for call in _CALLS for way in ("direct", "front")),
    *("one node", "two nodes", "producers"),
)
_SESSIONS = """
  select count(*) from pg_stat_activity
   where backend_type = 'client backend' and datname = current_database() and pid <> pg_backend_pid()"""


class Fleet(Workload):
    """Three servers with fsync: two nodes, and a front between them and the producers."""

    name = "fleet"
    measures = (
        "milliseconds of a call directly and over the front; steps/s of two nodes; connections to a node"
    )
    rounds = (3, 1)
    controls = frozenset(_VARIANTS)

    def entrants(self, quick: bool = False) -> Sequence[Entrant]:
        """Each call both ways, the drains, and the producers."""
        return [Entrant("opsloop", variant) for variant in _VARIANTS]

    @contextmanager
    def prepared(self, bench: Bench) -> Iterator[Turn]:
        """The servers; the rest of a turn is drained within it."""
        # Only here: the host of another commit opens no server, and may have no fleet.
        from opsloop import embedded, fleet, migrate
        from opsloop.fleet import Fleet as Front

        with ExitStack() as stack:
            front, *nodes = [
                stack.enter_context(embedded.server(version=VERSION, settings=stage.SETTINGS))
                for _ in range(3)
            ]
            fleet.install(front.dsn())
            for number, node in enumerate(nodes, 1):
                migrate.migrate(node.dsn())
                migrate.seed(node.dsn())
                with engine.connect(node.dsn()) as conn:
                    client = Client(conn)
                    caps = {**client.get_policy("proposal_caps"), "daily_limit": None, "hourly_limit": None}
                    client.set_policy("proposal_caps", caps)
                fleet.number(node.dsn(), node.dsn(), number)
                with Front.open(front.dsn()) as made:
                    made.add(number, f"host={node.host} port={node.port} dbname=postgres")
            with Front.open(front.dsn()) as made:
                made.sync()

            def turn(entrant: Entrant) -> list[Figure]:
                dsns = [node.dsn() for node in nodes]
                call, _, way = entrant.variant.partition(" ")
                if call in _CALLS:
                    dsn = front.dsn() if way == "front" else dsns[0]
                    return [_call(dsn, _CALLS[call], bench.size(2_000, 200))]
                if entrant.variant == "producers":
                    return [_producers(front, dsns, bench.size(200, 20))]
                return [_drain(dsns[: 1 if call == "one" else 2], bench.size(20_000, 1_000))]

            yield turn


def _call(dsn: str, call: Callable[[psycopg.Connection[Any], str], object], number: int) -> Figure:
    """The median of calls in a row, each a transaction with a key of its own; the first ten connect and plan."""
    times = []
    with engine.connect(dsn) as conn:
        for n in range(number + 10):
            key = f"{time.time_ns()}-{n}"
            began = time.perf_counter()
            call(conn, key)
            times.append(1000 * (time.perf_counter() - began))
    return Figure("p50", statistics.median(times[10:]), "ms", {"n": number})


def _drain(dsns: list[str], missions: int) -> Figure:
    """As many missions on the nodes together; two workers in all."""
    share = missions // len(dsns)
    before = []
    for dsn in dsns:
        crew.drain(dsn, 1)
        engine.propose(dsn, [engine.NOOP] * share, sessions=1)
        engine.settle(dsn)
        with engine.connect(dsn) as conn:
            before.append(conn.execute("select clock_timestamp()").fetchone())
    began = time.perf_counter()
    threads = [threading.Thread(target=crew.drain, args=(dsn, 2 // len(dsns))) for dsn in dsns]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spent = [
        engine.seconds_of_work(dsn, share, share, since[0] if since else None)
        for dsn, since in zip(dsns, before, strict=True)
    ]
    return Figure(
        "rate",
        share * len(dsns) / max(spent),
        "steps/s",
        {"with starts": round(time.perf_counter() - began, 1)},
    )


def _producers(front: Server, nodes: list[str], number: int) -> Figure:
    """Producers at a PgBouncer before the front, which emit all the while: the most connections that a node had."""
    over = threading.Event()
    done: list[int] = []
    most = 0
    with _pooled(front) as dsn:

        def produce(mine: int) -> None:
            with psycopg.connect(dsn, autocommit=True, prepare_threshold=None) as conn:
                n = 0
                while not over.is_set():
                    conn.execute(
                        "select opsloop.fn_emit_event('bench', '{}', %s)", (f"{mine}-{time.time_ns()}",)
                    )
                    n += 1
                done.append(n)

        threads = [threading.Thread(target=produce, args=(mine,)) for mine in range(number)]
        for thread in threads:
            thread.start()
        try:
            with engine.connect(nodes[0]) as conn:
                ends = time.monotonic() + 5
                while time.monotonic() < ends:
                    most = max(most, engine.number(conn, _SESSIONS))
                    time.sleep(0.1)
        finally:
            over.set()
            for thread in threads:
                thread.join()
    if len(done) != number:
        raise AssertionError(f"{number - len(done)} producers failed")
    return Figure(
        "connections", most, "to a node", {"producers": number, "emitted": sum(done), "pool": _POOL}
    )


@contextmanager
def _pooled(server: Server) -> Iterator[str]:
    """A PgBouncer in transaction mode before a server, with one pool."""
    if _PGBOUNCER is None:
        raise AssertionError("pgbouncer is not installed")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        home.chmod(0o755)
        (home / "users").write_text('"postgres" ""\n')
        (home / "pgbouncer.ini").write_text(
            f"[databases]\nfront = host={server.host} port={server.port} dbname=postgres user=postgres\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = trust\n"
            f"auth_file = {home}/users\npool_mode = transaction\ndefault_pool_size = {_POOL}\nmax_client_conn = 500\n"
        )
        as_whom = ["-u", Path(server.host).owner()] if os.geteuid() == 0 else []
        pooler = subprocess.Popen(
            [_PGBOUNCER, *as_whom, str(home / "pgbouncer.ini")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            crew.until("the pooler answers", lambda: _answers(port))
            yield f"host=127.0.0.1 port={port} dbname=front user=postgres"
        finally:
            pooler.send_signal(signal.SIGTERM)
            pooler.wait(10)


def _answers(port: int) -> bool:
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0
