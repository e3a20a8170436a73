"""A loop moves between two servers again and again while producers, workers and a relay go on.

`make move-soak`: ten moves, five of them killed at a phase or at a random moment, and then either gone on with or taken
back. Afterwards: nothing acknowledged is lost, nothing ran on both sides at once, both sides are sound.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import psycopg

from databases import Databases
from move.moving_servers import PATIENCE, Mover, Side, two_sides
from opsloop import connect
from opsloop.errors import LoopMoved, LoopMoving, OpsError, SchemaMismatch
from support import wait_until

TESTS = Path(__file__).resolve().parents[1]
#: Where a command is killed: when a side, the old one or the new one, is in a phase; or at any moment.
MOMENTS = [
    ("old", "draining"),
    ("old", "closed"),
    ("new", "arrived"),
    ("old", "moved"),
    ("new", "open"),
    None,
    None,
]


class Unit(threading.Thread):
    """One service, as systemd runs it: what ends is started anew, with the DATABASE_URL that stands there by then."""

    def __init__(self, soak: Soak, name: str, *command: str) -> None:
        super().__init__(name=name)
        self.soak = soak
        self.command = command
        self.process: subprocess.Popen[bytes] | None = None
        self.ends = 0
        self.stopping = threading.Event()

    def run(self) -> None:
        """Until told to stop."""
        while not self.stopping.is_set():
            side = self.soak.current
            with (self.soak.home / f"{self.name}.log").open("ab") as log:
                self.process = subprocess.Popen(
                    [sys.executable, "-m", "opsloop", *self.command],
                    env={
                        **self.soak.mover.env,
                        "PYTHONPATH": str(TESTS),
                        "DATABASE_URL": side.dsn,
                        "MOVE_SIDE": side.name,
                        "MOVE_JOURNAL": str(self.soak.journal),
                    },
                    cwd=self.soak.home,
                    stdout=log,
                    stderr=log,
                )
            self.process.wait()
            self.ends += 1
            self.stopping.wait(0.3)

    def end(self) -> None:
        """Stop it in order."""
        self.stopping.set()
        if self.process is not None:
            self.process.terminate()
        self.join(PATIENCE)


class Producer(threading.Thread):
    """Emits, proposes and publishes, each under a key, wherever the loop is; notes what was acknowledged."""

    def __init__(self, soak: Soak, name: str, seed: int) -> None:
        super().__init__(name=name)
        self.soak = soak
        self.random = random.Random(seed)
        self.side = soak.current
        self.stopping = threading.Event()
        self.events: dict[str, str] = {}
        self.proposals: dict[str, str] = {}
        self.messages: set[str] = set()
        self.told: dict[str, int] = defaultdict(int)

    def run(self) -> None:
        """Until told to stop; a key that was not acknowledged is brought again."""
        number = 0
        while not self.stopping.is_set():
            try:
                with connect(self.side.dsn) as loop:
                    while not self.stopping.is_set():
                        self.bring(loop, f"{self.name}-{number}")
                        number += 1
                        self.stopping.wait(0.02)
            except LoopMoved as error:
                self.told["OPS_102"] += 1
                self.side = self.soak.by_name(error.detail["loop_is_at"])
            except LoopMoving:
                self.told["OPS_101"] += 1
                self.stopping.wait(0.1)
            except (OpsError, psycopg.Error) as error:
                if isinstance(error, SchemaMismatch):
                    self.soak.faults.append(f"{self.name} was sent to {self.side.name}, and told: {error}")
                self.told[type(error).__name__] += 1
                self.side = self.soak.current
                self.stopping.wait(0.1)

    def bring(self, loop: Any, key: str) -> None:
        """One of each."""
        seconds = self.random.choice([0, 0, 0, 0, 0.2, 1.0, 5.0])
        steps = [
            {
                "key": "a",
                "kind": self.random.choice(["again", "again", "once"]),
                "params": {"seconds": seconds},
            },
            {"key": "b", "kind": "noop", "depends_on": ["a"]},
        ]
        made = loop.create_proposal({"title": key, "steps": steps}, source="api", dedupe_key=key)
        self.proposals[key] = str(made.proposal_id)
        self.events[key] = str(loop.emit_event("soak", {"key": key}, dedupe_key=key))
        loop.publish_outbox("soak", key, "soak", {"key": key}, dedupe_key=key)
        self.messages.add(key)


class Soak:
    """The whole of it."""

    def __init__(self, sides: tuple[Side, Side], mover: Mover, home: Path, seed: int) -> None:
        self.sides = sides
        self.mover = mover
        self.home = home
        self.journal = home / "journal"
        self.random = random.Random(seed)
        self.current = sides[0]
        self.faults: list[str] = []
        self.longest = 4.0
        self.held: set[str] = set()
        self.units = [
            Unit(self, "worker-1", "worker", "--app", "move.effects", "--heartbeat-seconds", "0.5"),
            Unit(self, "worker-2", "worker", "--app", "move.effects", "--heartbeat-seconds", "0.5"),
            Unit(self, "relay", "relay"),
        ]
        self.producers = [Producer(self, f"p{n}", seed + n) for n in range(2)]

    def by_name(self, name: str) -> Side:
        """The side of that name."""
        return next(side for side in self.sides if side.name == name)

    def begin(self) -> None:
        """Set policy, and start everybody."""
        with connect(self.current.dsn) as loop:
            loop.set_policy("worker_policy", {**loop.get_policy("worker_policy"), "lease_minutes": 0.1})
            loop.set_policy("proposal_caps", {**loop.get_policy("proposal_caps"), "daily_limit": 1_000_000})
            approved = {"allowed_step_kinds": ["*"], "max_risk_level": "high", "risk_rules": []}
            loop.set_policy("auto_approve", {**loop.get_policy("auto_approve"), **approved})
            routes = [{"name": "all", "event_type": "*", "sink": "notify", "channel": "c"}]
            loop.set_policy("outbox", {"lease_seconds": 5, "routes": routes})
        for one in (*self.units, *self.producers):
            one.start()
        self.work_goes_on()

    def work_goes_on(self) -> None:
        """Wait until steps are completed anew where the loop is."""
        done = "select count(*) from opsloop.ops_action_runs where status = 'succeeded'"
        before = self.current.value(done)
        wait_until(
            lambda: self.current.value(done) > before + 20,
            f"work goes on at {self.current.name}",
            2 * PATIENCE,
        )

    def move(self, number: int, moment: tuple[str, str] | str | None, *, back: bool) -> str:
        """One move, killed at that moment, or not ("none"); and what it came to."""
        old, new = self.current, next(side for side in self.sides if side is not self.current)
        drain = self.random.choice(["0", "0.3", "5"])
        said = f"move {number}: drain {drain} s"
        if moment == "none":
            began = time.monotonic()
            self.mover.run(old, new, "--drain-timeout", drain)
            self.longest = time.monotonic() - began
        else:
            said += f", killed at {self.kill(old, new, moment, drain)}"
            self.at_most_one_is_open()
            said += ", taken back" if back else ", gone on with"
            process = self.mover.start(old, new, *(["--take-back"] if back else []))
            out, err = process.communicate(timeout=PATIENCE * 3)
            is_open = self.open_at(new)
            if process.returncode != 0 and not (back and is_open and "OPS_104" in err):
                self.faults.append(f"{said}: exit code {process.returncode}\n{out}{err}")
        self.at_most_one_is_open()
        for side in self.sides:
            if side.has_loop():
                broken = side.value("select array_agg(i::text) from opsloop.fn_check_invariants() i")
                self.faults += [f"{said}: {side.name}: {one}" for one in broken or []]
        if self.open_at(new):
            self.current = new
        self.work_goes_on()
        left = old if self.current is new else new
        wait_until(
            lambda: all(producer.side is self.current for producer in self.producers),
            f"nobody is at {left.name} any more",
            PATIENCE,
        )
        left.leave()
        return f"{said}: at {'the new' if self.current is new else 'the old'} server"

    def kill(self, old: Side, new: Side, moment: tuple[str, str] | None, drain: str) -> str:
        """Start the command and kill it."""
        if isinstance(moment, tuple):
            side = old if moment[0] == "old" else new
            found = self.mover.killed(old, new, side, {moment[1]}, "--drain-timeout", drain)
            return f"{moment[1]} of the {moment[0]} server" if found else "its end: that phase was not seen"
        process = self.mover.start(old, new, "--drain-timeout", drain)
        after = self.random.uniform(0.3, self.longest)
        try:
            process.wait(after)
        except subprocess.TimeoutExpired:
            self.mover.kill(process)
            return f"{after:.1f} s"
        process.communicate()
        return f"its end, before {after:.1f} s"

    def open_at(self, side: Side) -> bool:
        """Whether that side takes writes."""
        if not side.has_loop():
            return False
        try:
            with connect(side.dsn) as loop:
                loop.emit_event("probe")
        except (LoopMoving, LoopMoved):
            return False
        return True

    def at_most_one_is_open(self) -> None:
        """Neither, or one."""
        if all(self.open_at(side) for side in self.sides):
            self.faults.append("both sides are open")

    def end(self) -> None:
        """Let everything be done, and stop everybody."""
        for producer in self.producers:
            producer.stopping.set()
            producer.join(PATIENCE)
        side = self.current
        open_ones = """select (select count(*) from opsloop.ops_missions where status in ('approved', 'running'))
                            + (select count(*) from opsloop.ops_mission_proposals where status = 'pending')
                            + (select count(*) from opsloop.outbox where processed_at is null)"""

        def is_done() -> bool:
            with connect(side.dsn) as loop:
                for one in side.loop().rows(
                    "select step_id from ops_parked_steps where waits_for = 'person'"
                ):
                    loop.resolve_step(
                        one["step_id"], "succeeded", actor="soak", reason="it ran, or it need not"
                    )
                    self.held.add(str(one["step_id"]))
            side.close()
            return side.value(open_ones) == 0

        wait_until(is_done, "all is done", 3 * PATIENCE)
        for unit in self.units:
            unit.end()

    def judge(self) -> dict[str, int]:
        """Hold the database against what was acknowledged, and against the journal."""
        loop = self.current.loop()
        events = {row["k"]: str(row["id"]) for row in loop.rows(
            "select data ->> 'key' as k, id from ops_agent_events where type = 'soak'")}  # fmt: skip
        missions = {
            str(row["proposal_id"]): row["status"]
            for row in loop.rows("select proposal_id, status from ops_missions")
        }
        messages = [row["k"] for row in loop.rows("select payload ->> 'key' as k from outbox")]
        for producer in self.producers:
            lost = {key for key, event in producer.events.items() if events.get(key) != event}
            self.faults += [f"an acknowledged event is lost: {key}" for key in lost]
            self.faults += [
                f"the mission of an acknowledged proposal is {missions.get(proposal, 'lost')}: {key}"
                for key, proposal in producer.proposals.items()
                if missions.get(proposal) != "succeeded"
            ]
            self.faults += [
                f"an acknowledged message is lost: {key}" for key in producer.messages - set(messages)
            ]
        if len(set(messages)) != len(messages):
            self.faults.append("a message is there twice")
        twice = loop.rows(
            "select step_id from ops_action_runs where status = 'succeeded' group by 1 having count(*) > 1"
        )
        self.faults += [f"accepted twice: {row['step_id']}" for row in twice]
        self.faults += [f"not sound in the end: {row}" for row in loop.broken()]
        both = self.judge_journal({str(row["id"]) for row in loop.rows(
            "select id from ops_mission_steps where kind = 'once'")})  # fmt: skip
        return {
            "events": len(events),
            "missions": len(missions),
            "messages": len(messages),
            "on both sides": both,
        }

    def judge_journal(self, once: set[str]) -> int:
        """No two runs of a step at a time; none of what may run once only begins twice."""
        runs: dict[str, list[list[Any]]] = defaultdict(list)
        for text in self.journal.read_text().splitlines():
            line = json.loads(text)
            if line["what"] == "begins":
                runs[line["step"]].append([line["at"], None, line["side"], line["attempt"]])
            else:
                for run in runs[line["step"]]:
                    if run[2:] == [line["side"], line["attempt"]] and run[1] is None:
                        run[1] = line["at"]
        both = 0
        for step, each in runs.items():
            each.sort()
            if step in once and len(each) > 1:
                self.faults.append(f"step {step}, which may run once only, ran {len(each)} times: {each}")
            both += len({run[2] for run in each}) > 1
            for before, after in itertools.pairwise(each):
                if before[1] is None or before[1] > after[0]:
                    self.faults.append(f"step {step} ran twice at a time: {each}")
        return both


def main() -> int:
    """Runs it; 0 when nothing is wrong."""
    parser = argparse.ArgumentParser(prog="make move-soak", description=__doc__)
    parser.add_argument("--moves", type=int, default=10)
    parser.add_argument("--killed", type=int, default=5, help="how many of them are killed")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    draw = random.Random(given.seed)
    killed = set(draw.sample(range(given.moves), min(given.killed, given.moves)))
    moments = draw.sample(MOMENTS, len(MOMENTS))
    with (
        Databases.open() as databases,
        tempfile.TemporaryDirectory(prefix="opsloop-move-") as home,
        two_sides(databases.programs) as sides,
    ):
        soak = Soak(sides, Mover(databases.programs, Path(home)), Path(home), given.seed)
        try:
            soak.begin()
            done = 0
            for number in range(given.moves):
                moment: Any = "none"
                if number in killed:
                    moment = moments[done % len(moments)]
                    done += 1
                print(soak.move(number + 1, moment, back=done % 2 == 0), flush=True)
            soak.end()
            counts = soak.judge()
        finally:
            for one in (*soak.producers, *soak.units):
                one.stopping.set()
            for unit in soak.units:
                if unit.process is not None:
                    unit.process.kill()
            for one in (*soak.producers, *soak.units):
                if one.is_alive():
                    one.join(PATIENCE)
            if soak.faults or sys.exc_info()[0] is not None:
                for log in sorted(Path(home).glob("*.log")):
                    print(log.name, *log.read_text().splitlines()[-15:], sep="\n")
    told: dict[str, int] = defaultdict(int)
    for producer in soak.producers:
        for code, number in producer.told.items():
            told[code] += number
    print(", ".join(f"{number} {what}" for what, number in counts.items()))
    print("producers were told", ", ".join(f"{code} {number} times" for code, number in sorted(told.items())))
    print(
        "services ended and came back",
        sum(unit.ends for unit in soak.units),
        "times;",
        len(soak.held),
        "steps held",
    )
    for fault in soak.faults:
        print("FAULT", fault)
    print("sound" if not soak.faults else f"{len(soak.faults)} faults")
    return 1 if soak.faults else 0


if __name__ == "__main__":
    sys.exit(main())
