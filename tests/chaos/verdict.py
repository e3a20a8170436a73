"""What the run has shown: the witness and the database, one held against the other."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.rows import dict_row

from chaos.clock import Clock
from chaos.fleet import Fleet
from chaos.kinds import KINDS

#: What there must be nothing of, and what that is.
VERDICTS = {
    "lost": "acknowledged to a producer, and never ended or never delivered",
    "accepted twice": "a proposal that became two, a step with two accepted results, a result that no attempt had",
    "failed": "succeeded outside, or met nothing but faults of ours, and failed for good",
    "run again": "a step that is held when its worker vanished, begun again although no person said so",
    "dependencies": "a step that began before those it depends on were done",
    "order": "a message delivered before one of its aggregate that was committed before it was published",
    "vanished": "a lease taken from a worker that lived and could reach the database",
    "recovery": "steps leased before the end of the last fault that nothing became of within lease + 5 seconds",
    "invariants": "what fn_check_invariants names",
    "unended": "work that was still there when all was calm for minutes",
}
#: Seconds beside the lease within which everything is taken up again after the last fault.
RECOVERY = 5.0

Row = dict[str, Any]


@dataclass
class Facts:
    """All that is known at the end."""

    lease: float
    recovery: float = 0.0
    drained: float | None = 0.0
    """Seconds until nothing was left; None when something was."""
    faults: list[Row] = field(default_factory=list)
    stalls: list[Row] = field(default_factory=list)
    """When a worker got no time from the machine."""
    slow: list[tuple[float, float]] = field(default_factory=list)
    """When the server got none: it took long to answer the shortest of all questions."""
    producers: list[Row] = field(default_factory=list)
    effects: list[Row] = field(default_factory=list)
    persons: list[Row] = field(default_factory=list)
    hooks: Row = field(default_factory=dict)
    """What the receiver has seen."""
    proposals: list[Row] = field(default_factory=list)
    steps: list[Row] = field(default_factory=list)
    runs: list[Row] = field(default_factory=list)
    outbox: list[Row] = field(default_factory=list)
    invariants: list[Row] = field(default_factory=list)

    def read(self, conn: psycopg.Connection[Any]) -> None:
        """What the database says."""

        def rows(query: str) -> list[Row]:
            return conn.cursor(row_factory=dict_row).execute(query).fetchall()

        self.proposals = rows(
            """select p.dedupe_key as key, p.id::text, p.status, m.status as mission
                 from ops_mission_proposals p left join ops_missions m on m.proposal_id = p.id"""
        )
        self.steps = rows(
            """select s.id::text, s.key, s.executor, s.status, s.attempt, s.failure_count, s.last_error, s.result,
                      s.depends_on::text[] as depends_on, m.status as mission
                 from ops_mission_steps s join ops_missions m on m.id = s.mission_id"""
        )
        self.runs = rows(
            """select step_id::text as step, run_id::text as run, attempt, status, worker_id as worker, executor,
                      extract(epoch from completed_at)::float as ended, error, error_code as code
                 from ops_action_runs"""
        )
        self.outbox = rows(
            "select id, aggregate_type as type, aggregate_id as aggregate, processed_at, dead, last_error from outbox"
        )
        self.invariants = rows("select * from fn_check_invariants()")


@dataclass(frozen=True)
class Finding:
    """One thing that must not be."""

    verdict: str
    what: str
    about: Row

    def line(self) -> Row:
        return {"verdict": self.verdict, "found": self.what, **self.about}


def judge(facts: Facts, clock: Clock, fleet: Fleet) -> list[Finding]:
    """Everything that must not be."""
    return [
        *_proposals(facts),
        *_steps(facts),
        *_held(facts),
        *_dependencies(facts),
        *_messages(facts),
        *_vanished(facts, clock, fleet),
        *_afterwards(facts, clock),
    ]


def _proposals(facts: Facts) -> Iterator[Finding]:
    by_key = defaultdict(list)
    for row in facts.proposals:
        by_key[row["key"]].append(row)
    for line in facts.producers:
        if line["what"] != "proposed":
            continue
        made = by_key[line["key"]]
        about = {"key": line["key"], "acknowledged": line["answer"], "found": made}
        if line["answer"] not in [row["id"] for row in made]:
            yield Finding("lost", "a proposal that was acknowledged is not there", about)
        elif len(made) > 1:
            yield Finding("accepted twice", "one key, several proposals", about)
        elif made[0]["mission"] not in ("succeeded", "failed", "cancelled"):
            yield Finding("lost", "a proposal that was acknowledged never ended", about)


def _steps(facts: Facts) -> Iterator[Finding]:
    done = defaultdict(set)
    for line in facts.effects:
        if line["what"] == "done":
            done[line["step"]].add(line["attempt"])
    accepted = Counter(row["run"] for row in facts.runs if row["status"] == "succeeded")
    by_step = Counter(row["step"] for row in facts.runs if row["status"] == "succeeded")
    accepted_attempt = {row["step"]: row["attempt"] for row in facts.runs if row["status"] == "succeeded"}
    resolved = {line["step"] for line in facts.persons if line["what"] == "resolve"}
    for run, times in accepted.items():
        if times > 1:
            yield Finding("accepted twice", "an attempt with several results", {"run": run})
    for step in facts.steps:
        about = {**step, "done": sorted(done[step["id"]])}
        if by_step[step["id"]] > 1:
            yield Finding("accepted twice", "a step with several accepted results", about)
        if step["status"] in ("failed", "cancelled", "skipped"):
            yield Finding("failed", "done outside, failed inside" if done[step["id"]] else "failed", about)
        if step["status"] == "succeeded" and step["executor"] != "noop":
            attempt = (step["result"] or {}).get("attempt")
            if attempt and attempt != accepted_attempt.get(step["id"], 0):
                yield Finding("accepted twice", "a result of another attempt than the one accepted", about)
            if attempt not in done[step["id"]] and not (attempt == 0 and step["id"] in resolved):
                yield Finding("accepted twice", "a result of an attempt that was never done", about)


def _held(facts: Facts) -> Iterator[Finding]:
    begun = Counter(
        line["step"] for line in facts.effects if line["what"] == "begun" and line["executor"] == "once"
    )
    allowed = Counter(line["step"] for line in facts.persons if line["what"] == "retry")
    for step, times in begun.items():
        if times > 1 + allowed[step]:
            yield Finding(
                "run again", "begun too often", {"step": step, "begun": times, "told": allowed[step]}
            )


def _dependencies(facts: Facts) -> Iterator[Finding]:
    first: dict[tuple[str, str], float] = {}
    for line in facts.effects:
        key = line["step"], line["what"]
        first[key] = min(line["at"], first.get(key, line["at"]))
    for step in facts.steps:
        begun = first.get((step["id"], "begun"))
        if begun is None:
            continue
        for needed in step["depends_on"]:
            done = first.get((needed, "done"))
            if done is None or done > begun:
                yield Finding("dependencies", "began too early", {"step": step["id"], "before": needed})


def _messages(facts: Facts) -> Iterator[Finding]:
    seen = {int(number): times for number, times in facts.hooks["accepted"]}
    kept = {row["id"]: row for row in facts.outbox}
    said = {line["answer"]: line for line in facts.producers if line["what"] == "published"}
    for number in said:
        if number not in seen or number not in kept:
            yield Finding("lost", "a message that was acknowledged was not delivered", {"message": number})
    for number, row in kept.items():
        if row["dead"] or (row["processed_at"] is not None and number not in seen):
            yield Finding("lost", "a message that counts as delivered was not", row)
    for number in facts.hooks["other_keys"]:
        yield Finding("accepted twice", "a message with another idempotency key", {"message": number})
    for aggregate, numbers in facts.hooks["order"].items():
        if all(number in said for number in numbers):
            yield from _disorder(aggregate, [said[number] for number in numbers])
        elif aggregate.count("-") == 4 and numbers != sorted(numbers):
            # The steps of a chain publish about their mission, each after the one before it has ended.
            yield Finding("order", "messages of a mission", {"mission": aggregate, "delivered": numbers})


def _disorder(aggregate: str, delivered: Sequence[Row]) -> Iterator[Finding]:
    """In the order of delivery nothing may come after what was published only when it had been acknowledged."""
    latest = None
    for line in delivered:
        if latest is not None and line["at"] < latest["start"]:
            about = {"aggregate": aggregate, "late": line["answer"], "early": latest["answer"]}
            yield Finding("order", "delivered after one that was published later", about)
        if latest is None or line["start"] > latest["start"]:
            latest = line


def _vanished(facts: Facts, clock: Clock, fleet: Fleet) -> Iterator[Finding]:
    ends = {pid: ended for member in fleet.members for pid, ended in member.lives}
    longest = 2 * facts.lease + 5
    stalls = [(line["pid"], line["since"], line["at"]) for line in facts.stalls]
    stalls += [(None, began, ended) for began, ended in facts.slow]
    for row in facts.runs:
        # Taken by the database, or given up by a worker that could not extend it.
        given_up = row["status"] == "released" and row["code"] == "OPS_006"
        if row["worker"] is None or not (row["status"] == "lost" or given_up):
            continue
        pid = int(row["worker"].split(":")[1])
        moments = clock.moments(row["ended"])
        # A moment that the clock has shown twice is judged only if nothing excuses it either time.
        if not moments or any(
            ends.get(pid, moment + 1) < moment
            or _stalled(stalls, pid, moment - facts.lease, moment)
            or _excused(facts.faults, pid, moment - longest, moment + 2)
            for moment in moments
        ):
            continue
        near = [
            f["kind"] for f in facts.faults if f["began"] < moments[0] and f["ended"] > moments[0] - longest
        ]
        yield Finding("vanished", "a lease was taken from a live worker", {**row, "near": near})


def _stalled(stalls: Iterable[tuple[int | None, float, float]], pid: int, begins: float, ends: float) -> bool:
    """Whether the machine was too slow for this worker to be judged by the time that it took."""
    return any(who in (None, pid) and began < ends and ended > begins for who, began, ended in stalls)


def _excused(faults: Iterable[Row], pid: int, begins: float, ends: float) -> bool:
    for one in faults:
        if one["began"] > ends or one["ended"] < begins:
            continue
        excuse = KINDS[one["kind"]].excuses
        met = excuse == "process" and one["met"].get("pid") == pid
        if excuse == "all" or met:
            return True
    return False


def _afterwards(facts: Facts, clock: Clock) -> Iterator[Finding]:
    if facts.recovery > facts.lease + RECOVERY:
        yield Finding("recovery", "took too long", {"seconds": facts.recovery, "lease": facts.lease})
    if facts.drained is None:
        left = Counter(step["status"] for step in facts.steps)
        waiting = [row for row in facts.outbox if row["processed_at"] is None]
        about = {"steps": dict(left), "messages": len(waiting), "first": waiting[:3]}
        yield Finding("unended", "something was left", about)
    for row in facts.invariants:
        # It is told by what the server's clock showed. After one that was set back the witness alone can say.
        if row["invariant"].startswith("4 ") and clock.set_back:
            continue
        yield Finding("invariants", "broken", row)
