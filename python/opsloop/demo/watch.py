"""Reads from the loop's own tables what happened since the last look."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

Row = dict[str, Any]

_EVENTS = "select id, type, data from opsloop.ops_agent_events where type like 'pg:%' order by id"
_PROPOSALS = """
select p.id, p.title, p.status, p.risk_level, p.reason, p.created_at from opsloop.ops_mission_proposals p order by p.id
"""
_REPEATS = """
select r.id, r.pattern, r.reason, p.title, p.status
  from opsloop.ops_agent_reactions r
  join opsloop.ops_mission_proposals p on p.id = r.proposal_id
 where r.reason is not null and r.status = 'done' order by r.id
"""
_FAILED_REACTIONS = (
    "select id, pattern, reason from opsloop.ops_agent_reactions where status = 'failed' order by id"
)
_STEPS = """
select s.id, s.mission_id, m.title, s.key, s.kind, s.position, s.status, s.result,
       s.params ->> 'expect' as expect, coalesce(s.last_error, s.wait_reason) as why
  from opsloop.ops_mission_steps s
  join opsloop.ops_missions m on m.id = s.mission_id
 order by m.id, s.position
"""
_MISSIONS = """
select m.id, m.title, m.status, m.error, m.steps_total, m.steps_open,
       round(extract(epoch from m.completed_at - m.created_at), 2)::float as seconds
  from opsloop.ops_missions m order by m.id
"""


@dataclass
class ShopWatch:
    """Everything the loop has done so far, and the news since the last look."""

    conn: psycopg.Connection[Any]
    missions: list[Row] = field(default_factory=list)
    proposals: list[Row] = field(default_factory=list)
    steps: list[Row] = field(default_factory=list)
    _seen: set[tuple[str, UUID, str]] = field(default_factory=set)

    def look(self) -> list[tuple[str, Row]]:
        """Read it all again; returns the news as (kind, row): event, repeat, decision, step, mission or fault."""
        with self.conn.transaction():  # one snapshot, so that news comes in the order in which things happen
            self.conn.execute("set transaction isolation level repeatable read read only")
            events, repeats, faults = self._rows(_EVENTS), self._rows(_REPEATS), self._rows(_FAILED_REACTIONS)
            self.proposals, self.steps = self._rows(_PROPOSALS), self._rows(_STEPS)
            self.missions = self._rows(_MISSIONS)
        ends = ("succeeded", "failed", "cancelled", "waiting")
        return [
            *self._news("event", events),
            *self._news("repeat", repeats),
            *self._news("fault", faults),
            *self._news("decision", self.proposals),
            *self._news("step", [row for row in self.steps if row["status"] in ends]),
            *self._news("mission", [row for row in self.missions if row["status"] in ends]),
        ]

    def finished(self, title: str) -> int:
        """How many missions of that title have ended, well or not."""
        ended = ("succeeded", "failed", "cancelled")
        return sum(m["title"] == title and m["status"] in ended for m in self.missions)

    def _rows(self, query: str) -> list[Row]:
        with self.conn.cursor(row_factory=dict_row) as cursor:
            cursor.execute(query.encode())
            return cursor.fetchall()

    def _news(self, kind: str, rows: list[Row]) -> Iterator[tuple[str, Row]]:
        for row in rows:
            mark = (kind, row["id"], str(row.get("status")))
            if mark not in self._seen:
                self._seen.add(mark)
                yield kind, row
