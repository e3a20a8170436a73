"""The loop as a test sees it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from typing import Any, LiteralString, Self
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from opsloop.client import Client
from opsloop.config import DEFAULT_SCHEMA
from opsloop.database import Database, connect
from opsloop.errors import ExecutorNotFound, NotFound
from opsloop.executors import Context, Registry
from opsloop.executors import sql as sql_executor
from opsloop.results import ListedStep, Proposal
from opsloop.testing.clock import Clock
from opsloop.testing.effects import Attempt, Event, OutboxMessage, Recorder, Seen
from opsloop.worker import Mode, Options, Worker
from opsloop.worker.capacity import Capacity
from opsloop.worker.runner import Runner

Step = Mapping[str, Any]
"""A step of a template, or a whole template."""


class NotIdle(AssertionError):  # noqa: N818 - what a test sees, like pytest's own
    """The loop did not come to rest; the message says what keeps it going."""


class Loop:
    """A loop in a database of this test's own.

    Attributes:
        dsn: connection string of the database; its login may do everything there.
        schema: where opsloop is installed.
        conn: a psycopg connection in autocommit mode; names without a schema are opsloop's, or public's.
        client: a `Client` on that connection.
        clock: the loop's clock, to be set forward.

    """

    def __init__(self, conn: psycopg.Connection[Any], dsn: str, executors: Registry) -> None:
        self.conn = conn
        self.dsn = dsn
        self.schema = DEFAULT_SCHEMA
        self.client = Client(conn, self.schema)
        self.clock = Clock(conn, self.schema)
        self._executors = Registry()
        self._executors.add(list(executors))
        self._executors.add(sql_executor.make(dsn))  # never the login that the environment names
        self._recorder = Recorder()

    @classmethod
    @contextmanager
    def open(cls, dsn: str, executors: Registry) -> Iterator[Self]:
        """Connect to a database in which opsloop is deployed, for as long as the block runs."""
        with connect(dsn) as conn:
            conn.execute(sql.SQL("set search_path = {}, public").format(sql.Identifier(DEFAULT_SCHEMA)))
            yield cls(conn, dsn, executors)

    # What it may do

    def register(self, *sources: object) -> None:
        """Offer executors, besides the built-in ones and those of the setting `opsloop_app`.

        Each is a function marked with `@executor`, a module of such, or a list. Raises TypeError for anything else.
        """
        for source in sources:
            self._executors.add(source)

    def fake(self, name: str, answer: Any = None) -> list[Context]:
        """Replace an executor, or a preset, by one that only answers, and return the list of its calls.

        `answer`: the result of every call; or a function of the call's `Context`, `async` or not, that gives it; or
        an exception to raise, such as `Retry("busy")`. What policy does not let run is not called either.
        """
        return self._recorder.fake(name, answer)

    def policy(self, key: str, **fields: Any) -> int:
        """Change some fields of a policy document, the others staying; returns its new version.

        Raises PolicyNotFound (OPS_002), InvalidPolicy (OPS_017).
        """
        return self.client.set_policy(key, {**self.client.get_policy(key), **fields})

    def allow(self, *kinds: str, max_risk: str | None = None) -> None:
        """Let policy approve by itself steps of these kinds, besides those it does already; without any, all.

        Kind and executor both have to be allowed, where they differ. `max_risk`: low, medium or high (default: as it
        is, low at first); `command` is high, and needs an entry in `command_allow` of `worker_policy` as well.
        """
        allowed = self.client.get_policy("auto_approve").get("allowed_step_kinds", [])
        fields: dict[str, Any] = {"allowed_step_kinds": sorted({*allowed, *kinds}) if kinds else ["*"]}
        if max_risk is not None:
            fields["max_risk_level"] = max_risk
        self.policy("auto_approve", enabled=True, **fields)

    def react(self, event_type: str, *steps: Step, **fields: Any) -> None:
        """Add a pattern to the reaction matrix: an event of this type proposes these steps, or that template.

        `fields`: the pattern's other fields, such as `cooldown_minutes` (default `name`: the event's type).
        """
        patterns = self.client.get_policy("reaction_matrix")["patterns"]
        pattern = {"name": event_type, "event_type": event_type, "template": _template(steps), **fields}
        self.policy("reaction_matrix", patterns=[*patterns, pattern])

    # What goes in

    def emit(self, type: str, data: Mapping[str, Any] | None = None, dedupe_key: str | None = None) -> UUID:  # noqa: A002
        """Emit an event from outside; returns its id. The next `run_until_idle` looks at it."""
        return self.client.emit_event(type, data, dedupe_key=dedupe_key)

    def propose(
        self, *steps: Step, source: str | None = None, dedupe_key: str | None = None, **fields: Any
    ) -> Proposal:
        """Propose these steps, or a whole template; policy decides.

        `fields`: the template's other fields, such as `risk_level` (default `title`: "a test").
        Raises InvalidTemplate (OPS_004).
        """
        return self.client.create_proposal(_template(steps, **fields), source=source, dedupe_key=dedupe_key)

    def mission(self, *steps: Step, source: str | None = None, **fields: Any) -> UUID:
        """Propose, and approve as a person what policy does not approve by itself; returns the mission's id."""
        made = self.propose(*steps, source=source, **fields)
        if made.mission_id is None:
            made = self.client.approve_proposal(made.proposal_id, actor="a test")
        assert made.mission_id is not None, made
        return made.mission_id

    # Turning it

    def run_until_idle(self, max_turns: int = 200) -> list[Attempt]:
        """Turn the heartbeat and run steps, by a real worker in this process, until nothing is left to do now.

        Returns the attempts that ended. What waits for a time, such as a retry, for a person or for a pause stays
        as it is: set the clock forward, decide, and run again. `max_turns` limits the heartbeats and the claims that
        brought steps. Raises NotIdle beyond it, and ExecutorNotFound (OPS_005) when steps are left whose executor
        nobody offers.

        In an `async` test it holds up the test's event loop; `run_until_idle_async` does not.
        """
        __tracebackhide__ = True
        turning = self.run_until_idle_async(max_turns)
        if not _is_in_event_loop():
            return asyncio.run(turning)
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, turning).result()

    async def run_until_idle_async(self, max_turns: int = 200) -> list[Attempt]:
        """As `run_until_idle`, on the event loop that runs."""
        __tracebackhide__ = True
        before, began = len(self.attempts), self.clock.now()
        database = Database(self.dsn, self.schema, clock=f"{self.schema}._now()")
        worker = _Worker(database, self._recorder.registry(self._executors), max_turns)
        try:
            await worker.run()
            missing = await worker.missing_executors()
        finally:
            await worker.close()
        ran = self.attempts[before:]
        if worker.tired:
            raise NotIdle(self._restless(max_turns, began, ran))
        if missing:
            names = ", ".join(f"{name} ({waiting} waiting)" for name, waiting in missing)
            raise ExecutorNotFound(
                f"steps wait for executors that nobody offers: {names}",
                detail={"offered": sorted(one.name for one in self._executors)},
                hint="loop.register(function) or the setting opsloop_app offers them; loop.fake(name) replaces them.",
            )
        return ran

    def _restless(self, turns: int, since: datetime, ran: list[Attempt]) -> str:
        missions = "select title as what from ops_missions where created_at >= %(since)s"
        events = (
            "select type as what from ops_events where created_at >= %(since)s and mission_id is not null"
        )
        steps = Counter(f"{attempt.kind} (executor {attempt.executor})" for attempt in ran)
        lines = [f"the loop does not come to rest within {turns} turns. What it did:"]
        for name, counted in (
            ("missions", Counter(row["what"] for row in self._rows(missions, since=since))),
            ("attempts", steps),
            ("events of missions", Counter(row["what"] for row in self._rows(events, since=since))),
        ):
            lines += [f"  {number} {name}: {what}" for what, number in counted.most_common(5)]
        return "\n".join(lines)

    # What came of it

    @property
    def attempts(self) -> list[Attempt]:
        """Every attempt that ended, oldest first."""
        query = """
          select r.step_id, s.mission_id, s.key, s.kind, r.executor, r.attempt as number, r.status, s.params,
                 case when r.status = 'succeeded' then s.result end as result, r.error,
                 coalesce(r.meta -> 'usage', '{}') as usage, r.started_at, r.completed_at
            from ops_action_runs r join ops_mission_steps s on s.id = r.step_id
           order by r.id"""
        return [Attempt(**self._with_what_was_seen(row)) for row in self._rows(query)]

    def _with_what_was_seen(self, row: dict[str, Any]) -> dict[str, Any]:
        seen = self._recorder.seen.get((str(row["step_id"]), row["number"]), Seen(row["params"]))
        exception = seen.exception
        if exception is not None and seen.where is not None:
            exception = exception.with_traceback(seen.where)
        return {**row, "params": seen.params, "exception": exception}

    def events(self, type: str = "*") -> list[Event]:  # noqa: A002
        """The events, oldest first, but for the loop's own heartbeats. `*` in `type` stands for anything."""
        query = """
          select id, type, data, mission_id, dedupe_key, created_at from ops_events
           where type not like 'heartbeat:%%' and type like %(type)s order by created_at, id"""
        return [Event(**row) for row in self._rows(query, type=_like(type))]

    def outbox(self, event_type: str = "*") -> list[OutboxMessage]:
        """The messages in the outbox, oldest first. `*` in `event_type` stands for anything."""
        query = """
          select id, aggregate_type, aggregate_id, event_type, payload, dedupe_key, created_at from outbox
           where event_type like %(type)s order by id"""
        return [OutboxMessage(**row) for row in self._rows(query, type=_like(event_type))]

    def steps(self, mission: UUID | Proposal) -> dict[str, ListedStep]:
        """The steps of a mission, or of the one that a proposal became, by their keys."""
        return {step.key or "": step for step in self.client.list_steps(self._id(mission), limit=1000)}

    def result(self, mission: UUID | Proposal, key: str | None = None) -> Any:
        """The result of a step of a mission (default: of the last one); None while there is none.

        Raises KeyError when there is no such step.
        """
        query = "select key, result from ops_mission_steps where mission_id = %(id)s order by position"
        results = {row["key"]: row["result"] for row in self._rows(query, id=self._id(mission))}
        return results[key if key is not None else list(results)[-1]]

    def assert_succeeded(self, mission: UUID | Proposal) -> None:
        """Fail unless the mission has succeeded, saying of each step why not, and with what its executor raised."""
        __tracebackhide__ = True
        its = self._mission_of(mission)
        if its is None:
            assert isinstance(mission, Proposal)
            why = self.client.explain_proposal(mission.proposal_id)
            status, subject = "no mission", f"proposal {mission.proposal_id}"
        else:
            found = self.client.list_missions(mission_id=its)
            if [one.status for one in found] == ["succeeded"]:
                return
            why = self.client.explain_mission(its)  # raises when there is no such mission
            status, subject = found[0].status, f"mission {its} {found[0].title!r}"
        lines = [f"{subject} is {status}, not succeeded:"]
        # Between two runs there is no worker, which is no reason.
        for one in [one for one in why if one.reason != "no_worker"] or why:
            lines.append(f"  {one.key or '-'}: {one.status}: {one.reason}: {one.detail}")
            if one.frees:
                lines.append(f"      {one.frees}")
        failed = [a for a in self.attempts if a.mission_id == its and a.status != "succeeded"]
        lines += [f"  {a.key}: attempt {a.number} with {a.params} {a.status}: {a.error}" for a in failed]
        raise AssertionError("\n".join(lines)) from (failed[-1].exception if failed else None)

    def _id(self, mission: UUID | Proposal) -> UUID:
        """The id of the mission meant. Raises NotFound (OPS_012) for a proposal that is none."""
        found = self._mission_of(mission)
        if found is None:
            raise NotFound(f"the proposal is no mission: {mission}")
        return found

    def _mission_of(self, mission: UUID | Proposal) -> UUID | None:
        if isinstance(mission, UUID):
            return mission
        # It may have been approved since it was proposed.
        query = "select id from ops_missions where proposal_id = %(id)s"
        return next((row["id"] for row in self._rows(query, id=mission.proposal_id)), None)

    def _rows(self, query: LiteralString, **params: Any) -> list[dict[str, Any]]:
        with self.conn.cursor(row_factory=dict_row) as cur:
            return cur.execute(query, params).fetchall()


def _template(steps: tuple[Step, ...], **fields: Any) -> dict[str, Any]:
    if len(steps) == 1 and "steps" in steps[0]:
        return {**steps[0], **fields}
    return {"title": "a test", "steps": list(steps), **fields}


def _is_in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _like(pattern: str) -> str:
    for special in ("\\", "%", "_"):
        pattern = pattern.replace(special, f"\\{special}")
    return pattern.replace("*", "%")


class _Worker(Worker):
    """A worker that drains the loop, and gives up after so many turns."""

    def __init__(self, database: Database, registry: Registry, max_turns: int) -> None:
        super().__init__(database, registry, Options(mode=Mode.DRAIN))
        self._left = max_turns
        self.tired = False
        """True when it gave up."""

    async def _claim(self, runner: Runner, capacity: Capacity) -> int:
        brought = await super()._claim(runner, capacity)
        self._count(brought)
        return brought

    async def _stir(self, runner: Runner, capacity: Capacity) -> bool:
        self._count(1)
        return not self.tired and await super()._stir(runner, capacity)

    def _count(self, done: int) -> None:
        self._left -= bool(done)
        if self._left < 0:
            self.tired = True
            self.stop()
