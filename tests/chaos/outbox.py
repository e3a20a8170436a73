"""The outbox under fire: relays are killed, PostgreSQL is restarted, and the receiver fails and dawdles.

`make chaos-outbox` runs it in full, `tests/chaos/test_outbox.py` in small. What must hold at the end: every message was
accepted at least once, those of one aggregate first in their order, every time with the same idempotency key; nothing
is lost, nothing waits, nothing is dead, and the invariants hold.
"""

import argparse
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import psycopg

from harness.receiver import Receiver, receiver
from opsloop import embedded, migrate
from opsloop.cli import run
from opsloop.client import Client

ROOT = Path(__file__).resolve().parents[2]
PUBLISH = """
  select count(fn_publish_outbox('account', (n %% %s)::text, 'changed', jsonb_build_object('n', n)))
    from generate_series(%s::int, %s::int) n"""

HOLDERS = "select distinct processor_id from outbox_heads where processor_id is not null"


@dataclass(frozen=True)
class Plan:
    """How much of everything."""

    messages: int = 100_000
    aggregates: int = 1_000
    relays: int = 8
    kill_every: float | None = 1.0
    kills: int | None = None
    """None: as long as anything waits."""
    restarts: int = 2
    fail: float = 0.2
    hard: float = 0.3
    late: float = 0.1
    late_seconds: float = 1.5
    timeout: float = 1.0
    lease: int = 3
    seconds: float = 900
    seed: int = 1


@dataclass
class Figures:
    """What happened."""

    messages: int = 0
    seconds: float = 0
    requests: int = 0
    failed: int = 0
    late: int = 0
    deliveries: int = 0
    duplicates: int = 0
    kills: int = 0
    restarts: int = 0
    retries: int = 0

    def __str__(self) -> str:
        return "\n".join(
            [
                f"messages             {self.messages:>9,}  each accepted at least once, per aggregate first in order",
                f"accepted deliveries  {self.deliveries:>9,}  of {self.requests:,} requests",
                f"duplicates           {self.duplicates:>9,}  all with the idempotency key of the first",
                f"failed requests      {self.failed:>9,}  {self.failed / max(self.requests, 1):.1%}",
                f"late answers         {self.late:>9,}  {self.late / max(self.requests, 1):.1%}",
                f"retries recorded     {self.retries:>9,}",
                f"relays killed        {self.kills:>9,}",
                f"PostgreSQL restarts  {self.restarts:>9,}",
                f"seconds              {self.seconds:>9.1f}  {self.messages / self.seconds:,.0f} messages/s",
            ]
        )


def _relay(dsn: str, log: str) -> None:
    """What a relay process is: `opsloop relay`, in a process that has imported it already."""
    with Path(log).open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.environ.update(DATABASE_URL=dsn, OPS_CHAOS_KEY="whsec_c2VjcmV0")
    # A relay that dies keeps others from what it had until its lease has run out: let it not have everything.
    sys.exit(run(["relay", "--log-level", "error", "--poll-seconds", "0.1", "--batch", "50"]))


class Fleet:
    """Relay processes; one that is killed has a successor at once.

    They are forked from a process that has nothing but the imports done, or a machine with few cores would be busy with
    the starts.
    """

    def __init__(self, dsn: str, log: Path, number: int) -> None:
        self._arguments = (dsn, str(log))
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["opsloop.cli"])
        self._running = [self._start() for _ in range(number)]

    def _start(self) -> BaseProcess:
        process = self._context.Process(target=_relay, args=self._arguments, daemon=True)
        process.start()
        return process

    def kill_one(self, chance: random.Random, holders: list[str]) -> bool:
        """End one of those that have messages without a word, if any has."""
        pids = {int(holder.split(":")[1]) for holder in holders}
        places = [place for place, one in enumerate(self._running) if one.pid in pids]
        if not places:
            return False
        place = chance.choice(places)
        self._running[place].kill()
        self._running[place].join()
        self._running[place] = self._start()
        return True

    def tend(self) -> None:
        """Start those anew that have ended by themselves, as systemd would: the database was away when they began."""
        self._running = [self._start() if one.exitcode is not None else one for one in self._running]

    def end(self) -> list[int | None]:
        """Ask all to end in order; their exit codes."""
        for one in self._running:
            one.terminate()
        for one in self._running:
            one.join(30)
        return [one.exitcode for one in self._running]

    def destroy(self) -> None:
        """End what is left of them."""
        for one in self._running:
            one.kill()
            one.join()


def chaos(
    dsn: str, plan: Plan, log: Path, restart: Callable[[str], None], say: Callable[[str], None]
) -> Figures:
    """Publish, deliver under fire, verify. Raises AssertionError for what does not hold."""
    chance = random.Random(plan.seed)
    bad = [
        f"--fail={plan.fail}",
        f"--hard={plan.hard}",
        f"--late={plan.late}",
        f"--late-seconds={plan.late_seconds}",
        f"--seed={plan.seed}",
        "--keep",
    ]
    with receiver(*bad) as hooks:
        _prepare(dsn, plan, hooks)
        fleet = Fleet(dsn, log, plan.relays)
        figures = Figures(messages=plan.messages)
        started = time.monotonic()
        try:
            _fire(dsn, plan, figures, fleet, restart, chance, say)
            figures.seconds = time.monotonic() - started
            assert fleet.end() == [0] * plan.relays, log.read_text()[-2000:]
        finally:
            fleet.destroy()
        _verify(dsn, plan, figures, hooks.figures())
    return figures


def _prepare(dsn: str, plan: Plan, hooks: Receiver) -> None:
    with psycopg.connect(dsn, autocommit=True, options="-c search_path=opsloop") as conn:
        route = {
            "event_type": "changed",
            "sink": "http",
            "url": hooks.url,
            "secret_env": "OPS_CHAOS_KEY",
            "timeout_seconds": plan.timeout,
            "max_tries": 100,
        }
        Client(conn).set_policy(
            "outbox", {"routes": [route], "allow_private": True, "lease_seconds": plan.lease}
        )
        # Half before the relays begin, half while they are at it.
        conn.execute(PUBLISH, (plan.aggregates, 1, plan.messages // 2))


def _fire(
    dsn: str,
    plan: Plan,
    figures: Figures,
    fleet: Fleet,
    restart: Callable[[str], None],
    chance: random.Random,
    say: Callable[[str], None],
) -> None:
    published, waiting, step = plan.messages // 2, plan.messages, max(plan.messages // 20, 1)
    begun = time.monotonic()
    next_kill = begun + (plan.kill_every or plan.seconds)
    while waiting:
        now = time.monotonic()
        assert now < begun + plan.seconds, f"{waiting} messages still wait after {plan.seconds:g} s"
        # Restarts at even distances on the way, the first in an orderly manner, the next by crash.
        done = 1 - waiting / plan.messages
        if figures.restarts < plan.restarts and done > (figures.restarts + 1) / (plan.restarts + 2):
            restart("immediate" if figures.restarts % 2 else "fast")
            figures.restarts += 1
        try:
            with psycopg.connect(dsn, autocommit=True, options="-c search_path=opsloop") as conn:
                if published < plan.messages:
                    upto = min(published + step, plan.messages)
                    conn.execute(PUBLISH, (plan.aggregates, published + 1, upto))
                    published = upto
                row = conn.execute("select count(*) from outbox where processed_at is null").fetchone()
                holders = [row[0] for row in conn.execute(HOLDERS).fetchall()]
        except psycopg.OperationalError:
            continue  # it restarts
        fleet.tend()
        assert row is not None
        waiting = row[0] + plan.messages - published
        wanted = plan.kills is None or figures.kills < plan.kills
        if wanted and now >= next_kill and fleet.kill_one(chance, holders):
            figures.kills += 1
            next_kill = now + (plan.kill_every or plan.seconds)
        say(f"{now - begun:6.1f} s  {waiting:>7,} wait  {figures.kills} killed  {figures.restarts} restarts")
        time.sleep(0.1)


def _verify(dsn: str, plan: Plan, figures: Figures, seen: dict[str, Any]) -> None:
    with psycopg.connect(dsn, autocommit=True, options="-c search_path=opsloop") as conn:
        ids = {row[0] for row in conn.execute("select id from outbox").fetchall()}
        dead = conn.execute("select count(*) from dead_letter_archive").fetchone()
        waiting = conn.execute("select count(*) from outbox where processed_at is null").fetchone()
        heads = conn.execute("select count(*) from outbox_heads").fetchone()
        retries = conn.execute("select sum(jsonb_array_length(error_history)) from outbox").fetchone()
        broken = conn.execute("select * from fn_check_invariants()").fetchall()
    accepted = {int(number): times for number, times in seen["accepted"]}
    assert len(ids) == plan.messages, f"{len(ids)} messages of {plan.messages} are in the outbox"
    assert accepted.keys() == ids, f"lost: {sorted(ids - accepted.keys())[:10]}"
    disordered = {a: o for a, o in seen["order"].items() if o != sorted(o)}
    assert not disordered, f"out of order: {list(disordered.items())[:1]}"
    assert seen["other_keys"] == [], f"came with different keys: {seen['other_keys'][:10]}"
    assert (dead, waiting, heads) == ((0,), (0,), (0,))
    assert broken == []
    figures.requests, figures.failed, figures.late = seen["requests"], seen["failed"], seen["late"]
    figures.deliveries = sum(accepted.values())
    figures.duplicates = figures.deliveries - len(accepted)
    figures.retries = int(retries[0]) if retries else 0


def main() -> None:
    """Run it in full on a server of its own, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, kind in Plan.__annotations__.items():
        if name not in ("kills", "kill_every"):
            parser.add_argument(f"--{name.replace('_', '-')}", type=kind, default=getattr(Plan, name))
    plan = Plan(**vars(parser.parse_args()))
    # Told to end, it ends what it has started, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="opsloop-chaos-") as name:
        home = Path(name)
        home.chmod(0o711)
        with embedded.server(home / "server", settings={"max_connections": "100"}) as server:

            def restart(mode: str) -> None:
                data = home / "server/pgdata"
                owner = data.stat()
                command = [
                    server.programs / "pg_ctl",
                    "restart",
                    f"--mode={mode}",
                    "--wait",
                    "-D",
                    data,
                    "-l",
                    os.devnull,
                ]
                as_owner = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
                subprocess.run(
                    command,
                    cwd="/",
                    env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    check=True,
                    **(as_owner if os.geteuid() == 0 else {}),  # type: ignore[arg-type]
                )

            migrate.migrate(server.dsn(), "opsloop")
            migrate.seed(server.dsn(), "opsloop")
            last = [0.0]

            def say(line: str) -> None:
                if time.monotonic() - last[0] > 5:
                    last[0] = time.monotonic()
                    sys.stderr.write(line + "\n")

            figures = chaos(server.dsn(), plan, home / "relays.log", restart, say)
    sys.stdout.write(f"{figures}\n")


if __name__ == "__main__":
    main()
