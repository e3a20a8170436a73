"""Thousands of failed steps are retried by one filter, while workers run and others cancel some of them."""

import json
import os
from collections import Counter
from collections.abc import Callable
from functools import partial
from random import Random
from threading import Event, Thread
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from looping import Loop, step, template
from opsloop import Client
from opsloop.cli import bulk
from opsloop.results import Acted
from support import at_once, wait_until

_STEPS = int(os.environ.get("OPSLOOP_MANY_STEPS", "10000"))


def fail_many(loop: Loop, count: int) -> None:
    """Missions of one step each, all of which failed in the same way."""
    loop.allow()
    loop.policy("proposal_caps", daily_limit=None, hourly_limit=None)
    loop.register("w0")
    for start in range(0, count, 1000):
        made = [
            {"template": template(step("a", max_retries=1), title=f"m{n}")}
            for n in range(start, start + 1000)
        ]
        loop.rows("select * from fn_create_proposals(%s)", Jsonb(made))
        work = loop.claim(1000, worker="w0")
        failures = [
            {
                "step_id": str(w["step_id"]),
                "lease_token": str(w["lease_token"]),
                "error": f"no room, try {n}",
                "code": "OPS_007",
                "retryable": False,
            }
            for n, w in enumerate(work)
        ]
        loop.rows("select * from fn_fail_steps(%s)", Jsonb(failures))


def caller(
    session: psycopg.Connection[Any], actor: str
) -> Callable[[dict[str, Any], int, bool], list[Acted]]:
    """How the command line of a person calls."""

    def call(wanted: dict[str, Any], most: int, dry: bool) -> list[Acted]:
        return Client(session).retry_steps(wanted, most, dry_run=dry, actor=actor)

    return call


@pytest.mark.timeout(600)
def test_each_is_retried_once_and_each_refusal_is_named(
    conn: psycopg.Connection[Any], connect: Callable[..., psycopg.Connection[Any]]
) -> None:
    loop = Loop(conn)
    fail_many(loop, _STEPS)
    assert loop.value("select count(*) from ops_mission_steps where status = 'failed'") == _STEPS
    over = Event()
    longest = {"wait": 0.0}
    faults: list[BaseException] = []

    def until_over(turn: Callable[[psycopg.Connection[Any]], None]) -> Callable[[], None]:
        def live() -> None:
            try:
                with connect() as session:
                    session.row_factory = dict_row
                    while not over.is_set():
                        turn(session)
            except BaseException as error:  # noqa: BLE001 - told by the test
                faults.append(error)

        return live

    def work(session: psycopg.Connection[Any]) -> None:
        claimed = session.execute("select * from fn_claim_steps('w0', 50)").fetchall()
        done = [
            {"step_id": str(w["step_id"]), "lease_token": str(w["lease_token"]), "result": 1} for w in claimed
        ]
        session.execute("select * from fn_complete_steps(%s)", (json.dumps(done),))

    chance = Random(1)

    def cancel(session: psycopg.Connection[Any]) -> None:
        open_ = session.execute("select * from fn_list_missions(200, 'running')").fetchall()
        for one in chance.sample(open_, min(5, len(open_))):
            try:
                session.execute("select fn_cancel_mission(%s, 'eve')", (one["mission_id"],))
            except psycopg.DatabaseError as error:
                if error.sqlstate != "OP014":  # it has ended meanwhile
                    raise

    def watch(session: psycopg.Connection[Any]) -> None:
        waits = "select max(clock_timestamp() - waitstart) as wait from pg_locks where not granted"
        for row in session.execute(waits):
            longest["wait"] = max(longest["wait"], row["wait"].total_seconds() if row["wait"] else 0.0)
        over.wait(0.005)

    threads = [Thread(target=until_over(turn)) for turn in (work, work, cancel, cancel, watch)]
    for thread in threads:
        thread.start()
    try:
        # Two persons ask for the same at the same time.
        with connect() as session, connect() as other:
            calls = [caller(session, "ada"), caller(other, "bob")]
            found = [list(bulk.found_by(call, {"error": "no room*"}, _STEPS)) for call in calls]
            acts = [
                partial(bulk.carry_out, call, all_, "retry", quiet=True)
                for call, all_ in zip(calls, found, strict=True)
            ]
            tallies = at_once(acts, seconds=300)
        wait_until(
            lambda: (
                not loop.value("select count(*) from ops_mission_steps where status in ('queued', 'running')")
            ),
            "all have ended",
            seconds=60,
        )
    finally:
        over.set()
        for thread in threads:
            thread.join(30)
    assert faults == []
    done, refused = sum(one.done for one in tallies), [r for one in tallies for r in one.refused]
    assert [len({one.id for one in all_}) for all_ in found] == [_STEPS, _STEPS]
    assert [one.done + len(one.refused) for one in tallies] == [_STEPS, _STEPS]
    # Each was retried by one of them, and refused to the other, also where a third person cancelled it in between.
    assert (done, len(refused)) == (_STEPS, _STEPS)
    assert {one.code for one in refused} <= {"OPS_014", "OPS_031"}
    assert all(one.reason for one in refused)
    retried = loop.rows(
        "select subject_id, count(*) as n from ops_audit_log where action = 'retry' group by 1"
    )
    assert Counter(r["n"] for r in retried) == {1: _STEPS}
    assert (
        loop.value("select max(n) from (select count(*) as n from ops_action_runs group by step_id) r") <= 2
    )
    ended = {
        r["status"]: r["n"] for r in loop.rows("select status, count(*) as n from ops_missions group by 1")
    }
    assert ended.keys() <= {"succeeded", "cancelled"}
    assert ended["cancelled"] > 0
    assert loop.broken() == []
    print(
        f"{_STEPS} steps: {done} retried, {len(refused)} refused, {ended};",
        f"longest wait for a lock {longest['wait'] * 1000:.0f} ms",
    )
    # A call holds missions for 50 ms; what is beyond belongs to a machine that has other things to do.
    assert longest["wait"] < (0.1 if "OPSLOOP_TIMED" in os.environ else 1)
