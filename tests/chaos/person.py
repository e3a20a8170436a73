"""The person of the run: looks at what waits for one, asks the witness, and decides."""

import time
from threading import Event, Thread
from typing import Any

import psycopg

from chaos.server import Server
from chaos.witness import Reader, Witness

_PAUSE = 0.5
_WAITING = """
  select s.id::text, s.executor from ops_parked_steps p join ops_mission_steps s on s.id = p.step_id
   where p.waits_for = 'person' and s.status = 'waiting' order by p.since limit 200"""
_RESOLVE = """
  select fn_resolve_step(%s, 'succeeded', 'ada', 'the witness saw it done', '{"attempt": 0, "n": 0}')"""
_RETRY = "select fn_retry_step(%s, 'ada')"
_PENDING = (
    "select id::text from ops_mission_proposals where status in ('pending', 'voting') order by id limit 200"
)


class Person:
    """Decides over held steps: what the witness saw done has succeeded, anything else is to run again."""

    def __init__(self, server: Server, witness: Witness, effects: Reader) -> None:
        self._server = server
        self._witness = witness
        self._effects = effects
        self._done: set[str] = set()
        self._over = Event()
        self.decisions = 0
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """No more decisions."""
        self._over.set()
        self._thread.join(30)

    def _run(self) -> None:
        conn: psycopg.Connection[Any] | None = None
        while not self._over.wait(_PAUSE):
            try:
                if conn is None or conn.closed:
                    conn = self._server.connect(seconds=1)
                    conn.execute("set lock_timeout = '2s'")
                    conn.execute("set statement_timeout = '10s'")
                self._look(conn)
            except psycopg.Error:
                # It is asked again in a moment. The session may be one of a server that is no longer the primary.
                if conn is not None:
                    conn.close()
                time.sleep(_PAUSE)

    def _look(self, conn: psycopg.Connection[Any]) -> None:
        steps = conn.execute(_WAITING).fetchall()
        self._done |= {line["step"] for line in self._effects.news() if line["what"] == "done"}
        for step, executor in steps:
            done = executor == "once" and step in self._done
            # Said before it is done: the answer may never come.
            self._witness.say("resolve" if done else "retry", step=step)
            self._try(conn, _RESOLVE if done else _RETRY, step)
        for (proposal,) in conn.execute(_PENDING).fetchall():
            self._try(conn, "select fn_approve_proposal(%s, 'ada', 'chaos')", proposal)

    def _try(self, conn: psycopg.Connection[Any], call: str, what: str) -> None:
        try:
            conn.execute(call, (what,))
        except psycopg.Error as error:
            if conn.closed:
                raise
            self._witness.say("refused", about=what, code=error.sqlstate, error=str(error)[:200])
        else:
            self.decisions += 1
