"""Directives that move from phase to phase: in the server, beside three separate statements by hand."""

from __future__ import annotations

import json
import statistics
import threading
import time
from collections.abc import Sequence

from harness import engine
from harness.figures import Entrant, Figure
from harness.workload import Bench, Fresh

#: Sessions that move different directives at once: some wait for the disk while others work.
_SESSIONS = 8
_STORIES = 20
_GATES = 26
_TIMED = 200

#: One transition of directive `d<n>` with its stories and its requirement, by opsloop and by three statements.
_WAYS = {
    "transition": "perform fn_atomic_transition('exec_to_plan', 'd' || n, 'p' || n, 'bench', 'r' || n);",
    "by hand": """
      update user_stories set implementation_status = 'validated',
             status = case status when 'in_progress' then 'completed' else status end
       where sd_id = 'd' || n and status in ('in_progress', 'draft', 'ready');
      update product_requirements set status = 'verification', phase = 'verification' where id = 'p' || n;
      update strategic_directives set current_phase = 'EXEC_COMPLETE', status = 'active',
             transition_version = transition_version + 1 where id = 'd' || n;""",
}
#: Calls that change nothing, each timed alone.
_CALLS = {
    "26 gates": "perform fn_evaluate_gates('d1', %s)",
    "idempotent hit": "perform fn_atomic_transition('exec_to_plan', 'd1', 'p1', 'bench', 'r1')",
}


class Transitions(Fresh):
    """Time of one call in the server, and calls per second over different directives."""

    name = "transitions"
    measures = f"transitions with {_STORIES} stories per second and their time in the server; gates; hits"
    rounds = (3, 1)

    def entrants(self, quick: bool = False) -> Sequence[Entrant]:
        """Transitions, the same by hand, and what changes nothing."""
        return [Entrant("opsloop", variant) for variant in (*_WAYS, *_CALLS)]

    def turn(self, bench: Bench, entrant: Entrant) -> list[Figure]:
        """Move all directives, or time one call again and again."""
        way = entrant.variant
        moved = bench.size(8_000, 1_600) if way in _WAYS else 1
        with bench.stage.database("transitions", engine.TEMPLATE) as dsn:
            _fill(dsn, _TIMED + moved)
            if way in _CALLS:
                return [_p50(_times(dsn, _CALLS[way] % _gates() if way == "26 gates" else _CALLS[way]))]
            times = _times(dsn, _WAYS[way].rstrip(";"))
            seconds = _move(dsn, _WAYS[way], _TIMED + 1, moved)
            _verify(dsn, _TIMED + moved)
        return [_p50(times), Figure("rate", moved / seconds, "transitions/s", {"sessions": _SESSIONS})]


def _p50(times: list[float]) -> Figure:
    return Figure("p50", statistics.median(times), "ms", {"n": len(times)})


def _gates() -> str:
    """Results of gates as a literal."""
    gates = {
        f"GATE_{n}": {"passed": True, "score": 90 + n % 10, "maxScore": 100, "issues": [], "warnings": []}
        for n in range(_GATES)
    }
    return f"'{json.dumps(gates)}'"


def _fill(dsn: str, directives: int) -> None:
    with engine.connect(dsn) as conn:
        conn.execute(
            "insert into strategic_directives (id, sd_type, status, current_phase) "
            "select 'd' || n, 'feature', 'active', 'EXEC_IMPLEMENTATION' from generate_series(1, %s) n",
            (directives,),
        )
        conn.execute(
            "insert into product_requirements (id, sd_id) select 'p' || n, 'd' || n from generate_series(1, %s) n",
            (directives,),
        )
        conn.execute(
            "insert into user_stories (id, sd_id, status) select 'd' || n || '-' || k, 'd' || n, 'in_progress' "
            "from generate_series(1, %s) n, generate_series(1, %s) k",
            (directives, _STORIES),
        )
        conn.execute("select fn_atomic_transition('exec_to_plan', 'd1', 'p1', 'bench', 'r1')")
        conn.execute("update strategic_directives set current_phase = 'EXEC_IMPLEMENTATION' where id = 'd1'")
        engine.settle(dsn)


def _times(dsn: str, call: str) -> list[float]:
    """Milliseconds in the server, of one call for each of the first directives; the first reads the functions."""
    with engine.connect(dsn) as conn:
        conn.execute("create temporary table timed (ms double precision)")
        conn.execute(
            f"do $$ declare began timestamptz; begin for n in 1..{_TIMED} loop began := clock_timestamp(); {call}; "
            "insert into timed values (extract(epoch from clock_timestamp() - began) * 1000); commit; "
            "end loop; end $$"
        )
        return [ms for (ms,) in conn.execute("select ms from timed offset 10").fetchall()]


def _move(dsn: str, call: str, first: int, number: int) -> float:
    """Seconds that sessions take for a share each, a transaction for each directive."""
    share = number // _SESSIONS
    together = threading.Barrier(_SESSIONS)
    spans: list[tuple[float, float]] = []

    def session(mine: int) -> None:
        with engine.connect(dsn) as conn:
            together.wait()
            began = time.perf_counter()
            conn.execute(
                f"do $$ begin for n in {mine}..{mine + share - 1} loop {call} commit; end loop; end $$"
            )
            spans.append((began, time.perf_counter()))

    threads = [threading.Thread(target=session, args=(first + k * share,)) for k in range(_SESSIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(spans) != _SESSIONS:
        raise AssertionError("a session failed")
    return max(ended for _, ended in spans) - min(began for began, _ in spans)


def _verify(dsn: str, directives: int) -> None:
    with engine.connect(dsn) as conn:
        left = engine.number(
            conn,
            "select count(*) from strategic_directives d join user_stories s on s.sd_id = d.id"
            " where d.id <> 'd1' and (d.current_phase, s.status) <> ('EXEC_COMPLETE', 'completed')",
        )
    if left:
        raise AssertionError(f"{left} stories of {directives} directives are not completed")
