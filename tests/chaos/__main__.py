"""`make chaos`: a fleet at work, faults drawn from a seed, a witness, a verdict. docs/reliability.md has the method.

What must hold at the end stands in `chaos.verdict`. The exit code is 0 only when there is no finding.
"""

import argparse
import contextlib
import json
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from threading import Event, Thread
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

import chaos.faults  # noqa: F401 - registers the kinds
from chaos import plan, report
from chaos.clock import Clock, library
from chaos.fleet import Fleet
from chaos.kinds import KINDS, Kind, Missed, Scene
from chaos.person import Person
from chaos.proxy import Proxy
from chaos.server import DATABASE, Server
from chaos.verdict import Facts, judge
from chaos.witness import Reader, Witness
from harness.receiver import Receiver, receiver
from opsloop import migrate

EXECUTORS = ["noop", "touch", "once", "flaky", "thread", "leased"]
#: Open steps above which producers wait.
_BACKLOG = 1_000
#: Seconds after which a server that was only asked for a number gets no time from the machine.
_SLOW = 0.5
#: Seconds that everything may take to end when all is calm: a machine may be slow.
_CALM = 240.0
_OPEN = "select count(*) from ops_mission_steps where status in ('queued', 'running', 'blocked', 'waiting')"
_LEFT = """
  select (select count(*) from ops_missions where status in ('approved', 'running'))
       + (select count(*) from outbox where processed_at is null)
       + (select count(*) from ops_agent_reactions where status in ('queued', 'processing'))
       + (select count(*) from ops_mission_proposals where status in ('pending', 'voting'))"""
_LEASED = "select id, attempt from ops_mission_steps where status = 'running'"
_SETUP = """
  create role chaos_producer login; create role chaos_worker login; create role chaos_other login;
  grant opsloop_producer to chaos_producer; grant opsloop_worker to chaos_worker;
  create table public.chaos_rows (step_id uuid primary key, times integer not null);
  grant select, insert, update on public.chaos_rows to chaos_worker;
"""


@dataclass(frozen=True)
class Given:
    """What a run is started with."""

    seed: int
    minutes: float
    gap: float
    lease: int
    rate: float
    workers: int
    relays: int
    producers: int

    @property
    def again(self) -> str:
        """The arguments that draw the same faults."""
        return f"--seed {self.seed} --minutes {self.minutes:g} --gap {self.gap:g} --lease {self.lease}"


class Run:
    """One run, in a directory of its own."""

    def __init__(self, given: Given, home: Path, out: Path, hooks: Receiver) -> None:
        self._given = given
        self._home = home
        self._hooks = hooks
        self._out = out
        self._log = Witness(out, "run")
        self._gate = home / "produce"
        self._place = home / "witness"
        self._place.mkdir()
        self._clock = Clock(home / "clock")
        self.server = Server(home, self._clock)
        self._proxy: Proxy
        self._facts = Facts(lease=given.lease)
        self._over = Event()
        self._threads: list[Thread] = []

    def go(self, planned: list[plan.Planned]) -> tuple[Facts, list[Any], float, Counter[str]]:
        """Everything, from the empty database to the verdict."""
        given = self._given
        self._log.say("run", **vars(given))
        for one in planned:
            self._log.say("planned", number=one.number, planned=one.at, kind=one.kind, seed=one.seed)
        self._prepare()
        self._proxy = Proxy(self.server.socket())
        sizes = {"worker": given.workers, "relay": given.relays, "producer": given.producers}
        fleet = Fleet(self._home, self._proxy.port, given.seed, given.rate, self._gate, sizes)
        scene = Scene(
            self._home,
            given.lease,
            fleet,
            self._proxy,
            self.server,
            self._clock,
            self._hooks.process.pid,
            self._over,
        )
        person = Person(self.server, Witness(self._place, "person-1"), Reader(self._place, "effects"))
        Thread(target=self._watch_backlog, daemon=True).start()
        try:
            seconds = self._fire(scene, fleet, planned)
            self._calm(fleet)
        finally:
            person.close()
            fleet.stop(["producer", "worker", "relay"])
        fleet.tend()
        exits = Counter(
            {f"{m.role} {code}": n for m in fleet.members for code, n in m.exits.items() if code is not None}
        )
        self._read()
        findings = judge(self._facts, self._clock, fleet)
        if findings:
            (self._out / "facts.json").write_text(json.dumps(vars(self._facts), default=str))
        for finding in findings:
            self._log.say("finding", **finding.line())
        return self._facts, findings, seconds, exits

    def close(self) -> None:
        """Nothing of it is left running."""
        self._over.set()
        self.server.close()

    def _prepare(self) -> None:
        with self.server.connect(dbname="postgres") as conn:
            conn.execute(f"create database {DATABASE}")
        migrate.migrate(self.server.dsn())
        migrate.seed(self.server.dsn())
        route = {
            "event_type": "*",
            "sink": "http",
            "url": self._hooks.url,
            "secret_env": "OPSLOOP_CHAOS_KEY",
            "timeout_seconds": 3,
            "max_tries": 100,
        }
        policies: dict[str, dict[str, Any]] = {
            "auto_approve": {"allowed_step_kinds": EXECUTORS, "max_risk_level": "high", "risk_rules": []},
            "proposal_caps": {"daily_limit": 100_000_000},
            "worker_policy": {
                "lease_minutes": self._given.lease / 60,
                "backoff": {"base_seconds": 0.5, "factor": 1, "max_seconds": 1},
            },
            "outbox": {"routes": [route], "allow_private": True, "lease_seconds": self._given.lease},
        }
        with self.server.connect() as conn:
            conn.execute(_SETUP)
            for key, fields in policies.items():
                row = conn.execute("select value from ops_policy where key = %s", (key,)).fetchone()
                document = Jsonb({**(row[0] if row else {}), **fields})
                conn.execute("select fn_set_policy(%s, %s)", (key, document))

    def _watch_backlog(self) -> None:
        """Producers wait while there is much to do."""
        while not self._over.is_set():
            began = time.monotonic()
            with contextlib.suppress(psycopg.Error), self.server.connect(seconds=1) as conn:
                conn.execute("select 1")
                if time.monotonic() > began + _SLOW:
                    self._facts.slow.append((began, time.monotonic()))
                row = conn.execute(_OPEN).fetchone()
                if row is not None and not self._over.is_set():
                    if row[0] < _BACKLOG:
                        self._gate.touch()
                    else:
                        self._gate.unlink(missing_ok=True)
            self._over.wait(0.5)

    def _fire(self, scene: Scene, fleet: Fleet, planned: list[plan.Planned]) -> float:
        begins = time.monotonic()
        ends = begins + self._given.minutes * 60
        waiting = list(planned)
        said = 0.0
        while (now := time.monotonic()) < ends:
            fleet.tend()
            self.server.tend()
            while waiting and now >= begins + waiting[0].at:
                one = waiting.pop(0)
                thread = Thread(target=self._do, args=(scene, one), daemon=True)
                thread.start()
                self._threads.append(thread)
            if now > said + 15:
                said = now
                done = sum(fault["outcome"] == "done" for fault in self._facts.faults)
                sys.stderr.write(f"{now - begins:6.0f} s  {done} faults\n")
            time.sleep(0.1)
        self._over.set()
        while any(thread.is_alive() for thread in self._threads):
            fleet.tend()
            self.server.tend()
            time.sleep(0.05)
        self._gate.unlink(missing_ok=True)
        return time.monotonic() - begins

    def _do(self, scene: Scene, one: plan.Planned) -> None:
        began = time.monotonic()
        met: dict[str, Any] = {}
        try:
            met = KINDS[one.kind].act(scene, Random(one.seed))
            outcome = "done"
        except (Missed, psycopg.Error, ProcessLookupError) as error:
            outcome, met = "missed", {"why": f"{type(error).__name__}: {error}"[:300]}
        except Exception as error:  # noqa: BLE001 - whatever it is belongs into the log of the run
            outcome, met = "failed", {"why": f"{type(error).__name__}: {error}"[:1000]}
        fault = {"number": one.number, "kind": one.kind, "began": began, "ended": time.monotonic()}
        self._facts.faults.append({**fault, "outcome": outcome, "met": met})
        self._log.say("fault", **fault, planned=one.at, seed=one.seed, outcome=outcome, met=met)

    def _calm(self, fleet: Fleet) -> None:
        """No more faults: how long until all that was there is taken up again, and until nothing is left."""
        last = time.monotonic()
        debt = self._clock.debt()
        fleet.go_on()
        before: dict[Any, tuple[Any, ...]] | None = None
        taken: float | None = None
        while time.monotonic() < last + _CALM + debt:
            fleet.tend()
            self.server.tend()
            with contextlib.suppress(psycopg.Error), self.server.connect(seconds=2) as conn:
                rows = {row[0]: row[1:] for row in conn.execute(_LEASED).fetchall()}
                if before is None:
                    before = rows
                if taken is None and not any(rows.get(step) == was for step, was in before.items()):
                    taken = time.monotonic()
                if taken is not None and conn.execute(_LEFT).fetchone() == (0,):
                    break
            time.sleep(0.1)
        else:
            self._facts.drained = None
        if self._facts.drained is not None:
            self._facts.drained = time.monotonic() - last
        self._facts.recovery = max(0.0, (taken or time.monotonic()) - last - debt)

    def _read(self) -> None:
        facts = self._facts
        facts.producers = list(Reader(self._place, "producer").news())
        effects = list(Reader(self._place, "effects").news())
        facts.stalls = [line for line in effects if line["what"] == "stalled"]
        facts.effects = [line for line in effects if line["what"] != "stalled"]
        facts.persons = list(Reader(self._place, "person").news())
        facts.hooks = self._hooks.figures()
        with self.server.connect() as conn:
            facts.read(conn)


def available(small_disk: bool) -> tuple[list[Kind], list[str]]:
    """The kinds that this machine can do, and the names of the others."""
    has = {"clock": library() is not None, "disk": small_disk}
    able = [kind for kind in KINDS.values() if kind.needs is None or has[kind.needs]]
    return able, [kind.name for kind in KINDS.values() if kind not in able]


@contextlib.contextmanager
def directory() -> Iterator[Path]:
    """A directory that the server's own user can enter, gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="opsloop-chaos-"))
    home.chmod(0o711)
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


def main() -> int:
    """One run."""
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument(
        "--gap", type=float, default=2.8, help="seconds from one fault to the next, on average"
    )
    parser.add_argument("--lease", type=int, default=10, help="seconds of a lease")
    parser.add_argument("--rate", type=float, default=32, help="missions a second")
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--relays", type=int, default=2)
    parser.add_argument("--producers", type=int, default=4)
    parser.add_argument(
        "--only", default="", help="kinds of fault, with commas between; without it all of them"
    )
    parser.add_argument("--replay", type=Path, help="the log of a run (run.jsonl): its faults once more")
    parser.add_argument("--out", type=Path, help="where the log, the witness and the logs of the fleet go")
    parser.add_argument("--write-docs", action="store_true", help="write docs/reliability.md")
    said = vars(parser.parse_args())
    only, replayed, out, write = (said.pop(name) for name in ("only", "replay", "out", "write_docs"))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    out = out or Path(tempfile.mkdtemp(prefix="opsloop-chaos-log-"))
    out.mkdir(parents=True, exist_ok=True)
    if replayed is not None:
        settings, planned = plan.replay(replayed)
        given = Given(**{name: settings[name] for name in Given.__annotations__})
    else:
        given = Given(**said)
    with (
        directory() as home,
        receiver(
            "--fail=0.03", "--hard=0.05", "--late=0.03", "--late-seconds=1", f"--seed={given.seed}", "--keep"
        ) as hooks,
    ):
        run = Run(given, home, out, hooks)
        try:
            able, unable = available(run.server.small_disk)
            if unable:
                sys.stderr.write(f"left out, as this machine cannot do it: {', '.join(unable)}\n")
            if replayed is None:
                named = [kind for kind in able if not only or kind.name in only.split(",")]
                planned = plan.draw(given.seed, given.minutes * 60 - given.lease, given.gap, named)
            sys.stderr.write(f"seed {given.seed}, {len(planned)} faults; the log is {out}/run.jsonl\n")
            facts, findings, seconds, exits = run.go(planned)
        finally:
            run.close()
            for path in [*home.glob("*.log"), *home.glob("witness/*.jsonl")]:
                shutil.copy(path, out / path.name)
    sys.stdout.write(f"{report.text(facts, findings, seconds, exits)}\n\n")
    broken = [fault for fault in facts.faults if fault["outcome"] == "failed"]
    for fault in broken:
        sys.stdout.write(f"a fault could not be done: {fault['kind']}: {fault['met']['why']}\n")
    for finding in findings[:20]:
        sys.stdout.write(f"{finding.verdict}: {finding.what}: {finding.about}\n")
    sys.stdout.write(f"{len(findings)} findings; {out}/run.jsonl has all of them, and each fault\n")
    sys.stdout.write(f"again: make chaos ARGS='{given.again}'\n")
    if write:
        fleet = f"{given.workers} workers, {given.relays} relays and {given.producers} producers"
        report.PAGE.write_text(report.page(facts, findings, seconds, exits, again=given.again, fleet=fleet))
    return 1 if findings or broken else 0


if __name__ == "__main__":
    sys.exit(main())
