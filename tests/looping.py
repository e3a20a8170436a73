"""The loop as tests speak of it: propose, claim, complete … on one session, and what the tables hold afterwards.

mission = loop.mission(step("a"), step("b"))      # proposed, approved, begun
(work,) = loop.claim()
assert loop.complete(work, {"n": 1}) == "accepted"
assert loop.steps(mission) == {"a": "succeeded", "b": "queued"}
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from support import wait_until

Row = dict[str, Any]

_CLOCK = """
  create or replace function _now() returns timestamptz language plpgsql volatile set search_path from current
  as $clock$ begin return {}; end; $clock$"""

#: Tables of the installers, policy, lanes, and what there is one row of.
_DEPLOYED = re.compile("_?(yoyo_)?opsloop_|ops_(policy|lanes|control|sweep|retention)")


def step(key: str | None = None, kind: str = "noop", **fields: Any) -> Row:
    """A step of a template; `after=["a"]` is depends_on, the other fields have the template's names."""
    if "after" in fields:
        fields["depends_on"] = fields.pop("after")
    return {**({"key": key} if key else {}), "kind": kind, **fields}


def template(*steps: Row, **fields: Any) -> Row:
    """A proposal template."""
    return {"title": "a test", "steps": list(steps) or [step("a")], **fields}


class Loop:
    """One session on a deployed database."""

    def __init__(self, conn: psycopg.Connection[Any]) -> None:
        self.conn = conn
        conn.row_factory = dict_row

    # Reading

    def rows(self, query: str, *params: Any) -> list[Row]:
        """The rows of a query; dicts given as parameters become jsonb."""
        return self.conn.execute(query, [Jsonb(p) if isinstance(p, dict) else p for p in params]).fetchall()

    def row(self, query: str, *params: Any) -> Row:
        """The only row of a query."""
        (only,) = self.rows(query, *params)
        return only

    def value(self, query: str, *params: Any) -> Any:
        """The only value of the only row."""
        (only,) = self.row(query, *params).values()
        return only

    def do(self, statement: str, *params: Any) -> int:
        """Runs a statement; returns how many rows it changed."""
        return self.conn.execute(statement, [Jsonb(p) if isinstance(p, dict) else p for p in params]).rowcount

    def contents(self, *but: str) -> dict[str, str]:
        """A digest of what every table holds, but for those named: what to compare when nothing may change."""
        each = sql.SQL(" union all ").join(
            sql.SQL(
                "select {} as name, md5(coalesce(string_agg(t::text, ',' order by t::text), '')) as digest from {} t"
            ).format(name, sql.Identifier(name))
            for name in self._tables()
            if name not in but
        )
        return {r["name"]: r["digest"] for r in self.conn.execute(each).fetchall()}

    def empty(self) -> None:
        """Empties every table, but for those that hold rows since the loop was deployed."""
        each = sql.SQL(" union all ").join(
            sql.SQL("select {} as name where exists (select from {})").format(name, sql.Identifier(name))
            for name in self._tables()
            if not _DEPLOYED.match(name)
        )
        if filled := [sql.Identifier(r["name"]) for r in self.conn.execute(each).fetchall()]:
            self.conn.execute(sql.SQL("truncate {} cascade").format(sql.SQL(", ").join(filled)))

    def _tables(self) -> list[str]:
        query = "select relname from pg_class where relkind = 'r' and relnamespace = 'opsloop'::regnamespace"
        return [r["relname"] for r in self.rows(query)]

    # Time

    def advance(self, seconds: float) -> None:
        """Moves the one clock of the loop forward."""
        moment = self.value("select _now() - clock_timestamp()") + timedelta(seconds=seconds)
        self.conn.execute(
            sql.SQL(_CLOCK).format(
                sql.SQL("clock_timestamp() + interval {}").format(str(moment.total_seconds()) + " s")
            )
        )

    def stop_clock(self, at: datetime | str | None = None) -> datetime:
        """Stops the one clock of the loop, now or at a moment."""
        moment = self.value("select coalesce(%s::timestamptz, _now())", at)
        self.conn.execute(sql.SQL(_CLOCK).format(sql.SQL("timestamptz {}").format(moment.isoformat())))
        assert isinstance(moment, datetime)
        return moment

    def run_clock(self) -> None:
        """Gives the loop its own clock back."""
        self.conn.execute(sql.SQL(_CLOCK).format(sql.SQL("clock_timestamp()")))

    # Policy

    def policy(self, key: str, **changes: Any) -> int:
        """Changes some top-level fields of a policy document; returns its new version."""
        document = {**self.value("select fn_get_policy(%s)", key), **changes}
        version = self.value("select fn_set_policy(%s, %s)", key, document)
        assert isinstance(version, int)
        return version

    def allow(self, *kinds: str, **changes: Any) -> None:
        """Lets policy approve these kinds (and executors) by itself; without any, everything."""
        self.policy("auto_approve", allowed_step_kinds=list(kinds) or ["*"], **changes)

    def react(self, *patterns: Row) -> None:
        """Sets the reaction matrix; a pattern without name, event_type or template gets one."""
        given = [
            {"name": f"pattern {n}", "event_type": "signal", "template": template(), **p}
            for n, p in enumerate(patterns or ({},), 1)
        ]
        self.policy("reaction_matrix", patterns=given)

    # The loop

    def emit(
        self,
        kind: str = "signal",
        data: Row | None = None,
        key: str | None = None,
        mission: UUID | None = None,
    ) -> UUID:
        """Emits an event."""
        event = self.value("select fn_emit_event(%s, %s, %s, %s)", kind, data or {}, key, mission)
        assert isinstance(event, UUID)
        return event

    def heartbeat(self, *args: int | None) -> Row:
        """One turn of the loop."""
        marks = ", ".join(["%s"] * len(args))
        result = self.value(f"select fn_heartbeat({marks})", *args)
        assert isinstance(result, dict)
        return result

    def turn(self) -> Row:
        """A heartbeat that must go well."""
        result = self.heartbeat()
        assert result["ok"], result
        return result

    def events(self, like: str = "%") -> list[Row]:
        """The events there are, oldest first, but for the heartbeat's own."""
        return self.rows(
            "select * from ops_events where type like %s and type not like 'heartbeat:%%' order by created_at, id",
            like,
        )

    def reactions(self) -> list[Row]:
        """The reactions there are, oldest first."""
        return self.rows("select * from ops_agent_reactions order by id")

    def proposals(self) -> list[Row]:
        """The proposals there are, oldest first."""
        return self.rows("select * from ops_mission_proposals order by id")

    # Proposals and missions

    def propose(self, *steps: Row, source: str = "manual", key: str | None = None, **fields: Any) -> Row:
        """Proposes a template."""
        return self.row(
            "select * from fn_create_proposal(%s, %s, %s)", template(*steps, **fields), source, key
        )

    def approve(self, proposal: UUID, actor: str = "ada", reason: str | None = None) -> Row:
        """Approves a proposal."""
        return self.row("select * from fn_approve_proposal(%s, %s, %s)", proposal, actor, reason)

    def mission(self, *steps: Row, **fields: Any) -> UUID:
        """A mission: proposed and, unless policy approves it, approved by a person."""
        made = self.propose(*steps, **fields)
        if made["status"] == "pending":
            made = self.approve(made["proposal_id"])
        mission = made["mission_id"]
        assert isinstance(mission, UUID), made
        return mission

    def cancel(self, mission: UUID, reason: str | None = None) -> str:
        """Cancels a mission."""
        return str(self.value("select fn_cancel_mission(%s, 'ada', %s)", mission, reason))

    def retry(self, step_id: UUID) -> str:
        """Runs a step again."""
        return str(self.value("select fn_retry_step(%s, 'ada')", step_id))

    def the_mission(self, mission: UUID) -> Row:
        """The row of a mission."""
        return self.row("select * from ops_missions where id = %s", mission)

    def status(self, mission: UUID) -> str:
        """The status of a mission."""
        return str(self.the_mission(mission)["status"])

    def step(self, mission: UUID, key: str = "a") -> Row:
        """The row of a step."""
        return self.row("select * from ops_mission_steps where mission_id = %s and key = %s", mission, key)

    def steps(self, mission: UUID) -> dict[str, str]:
        """The status of each step."""
        return {
            r["key"]: r["status"]
            for r in self.rows(
                "select key, status from ops_mission_steps where mission_id = %s order by position", mission
            )
        }

    def runs(self, step_id: UUID) -> list[Row]:
        """The attempts at a step, oldest first."""
        return self.rows("select * from ops_action_runs where step_id = %s order by id", step_id)

    # Work

    def register(self, worker: str = "w1", executors: Row | None = None, settings: Row | None = None) -> Row:
        """Announces a worker."""
        result = self.value(
            "select fn_register_worker(%s, 'here', 1, '0', %s, %s)",
            worker,
            executors or {"noop": {}},
            settings or {},
        )
        assert isinstance(result, dict)
        return result

    def claim(
        self, limit: int = 1, worker: str = "w1", lease: int | None = None, executors: list[str] | None = None
    ) -> list[Row]:
        """Claims steps."""
        return self.rows("select * from fn_claim_steps(%s, %s, %s, %s)", worker, limit, lease, executors)

    def work(self, mission: UUID, key: str = "a", worker: str = "w1") -> Row:
        """Claims the only step that is ready, which must be this one."""
        (claimed,) = self.claim(2, worker)
        assert (claimed["mission_id"], claimed["key"]) == (mission, key)
        return claimed

    def complete(
        self,
        work: Row,
        result: Any = None,
        events: list[Row] | None = None,
        outbox: list[Row] | None = None,
        usage: Row | None = None,
    ) -> str:
        """Reports a result."""
        return str(
            self.value(
                "select fn_complete_step(%s, %s, %s, %s, %s, %s)",
                work["step_id"],
                work["lease_token"],
                Jsonb(result),
                Jsonb(events or []),
                Jsonb(outbox or []),
                usage,
            )
        )

    def fail(
        self,
        work: Row,
        error: str = "broken",
        retryable: bool = True,
        after: float | None = None,
        code: str | None = None,
    ) -> str:
        """Reports a failure; one with a code as a worker does, by a batch."""
        if code is not None:
            report = {
                "step_id": str(work["step_id"]),
                "lease_token": str(work["lease_token"]),
                "error": error,
                "code": code,
                "retryable": retryable,
                "retry_after_seconds": after,
            }
            return str(self.value("select outcome from fn_fail_steps(%s)", Jsonb([report])))
        return str(
            self.value(
                "select fn_fail_step(%s, %s, %s, %s, %s::numeric)",
                work["step_id"],
                work["lease_token"],
                error,
                retryable,
                after,
            )
        )

    def extend(
        self, *work: Row, lease: int | None = None, worker: str = "w1", progress: Any = None
    ) -> list[Row]:
        """Extends leases; with `progress`, all report it."""
        leases = [
            {
                "step_id": str(w["step_id"]),
                "lease_token": str(w["lease_token"]),
                **({} if progress is None else {"progress": progress}),
            }
            for w in work
        ]
        return self.rows("select * from fn_extend_leases(%s, %s, %s)", worker, Jsonb(leases), lease)

    def release(
        self, *work: Row, reason: str | None = None, worker: str = "w1", started: bool = False
    ) -> list[str]:
        """Gives steps back."""
        leases = [
            {"step_id": str(w["step_id"]), "lease_token": str(w["lease_token"]), "started": started}
            for w in work
        ]
        return [
            r["outcome"]
            for r in self.rows("select * from fn_release_steps(%s, %s, %s)", worker, Jsonb(leases), reason)
        ]

    def fail_for_good(
        self, mission: UUID, key: str = "a", error: str = "broken", code: str | None = None
    ) -> None:
        """Claims the only ready step, which must be this one, and fails it for good."""
        assert self.fail(self.work(mission, key), error, retryable=False, code=code) == "failed"

    def queue_by_hand(self, step_id: UUID) -> None:
        """The manual retry of the operations runbook, as printed there."""
        self.do(
            """
            UPDATE ops_mission_steps
            SET
              status = 'queued',
              reserved_at = NULL,
              lease_expires_at = NULL,
              failure_count = 0,
              last_error = NULL
            WHERE id = %s;""",
            step_id,
        )

    def broken(self) -> list[Row]:
        """What fn_check_invariants finds."""
        return self.rows("select * from fn_check_invariants()")

    # Other sessions

    def sees_blocked(self, other: "Loop") -> None:
        """Returns as soon as the other session waits for a lock."""
        pid = other.conn.info.backend_pid
        wait_until(
            lambda: self.value("select cardinality(pg_blocking_pids(%s)) > 0", pid), f"session {pid} waits"
        )

    # Refusals

    def refused(self, code: str, query: str, *params: Any) -> psycopg.errors.Diagnostic:
        """The statement must be refused with this OPS code, say what to do, and leave no trace."""
        before = self.contents()
        with pytest.raises(psycopg.Error) as raised, self.savepoint():
            self.rows(query, *params)
        diag = raised.value.diag
        assert raised.value.sqlstate == f"OP{code}", raised.value
        assert (diag.message_primary or "").startswith(f"OPS_{code}: ")
        assert diag.message_hint
        assert self.contents() == before
        return diag

    def faults(self, code: str, query: str, *params: Any) -> list[str]:
        """As refused; returns the list of faults in the detail."""
        found = json.loads(self.refused(code, query, *params).message_detail or "null")
        assert isinstance(found, list)
        return found

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """What happens inside is undone alone when it fails."""
        with self.conn.transaction():
            yield
