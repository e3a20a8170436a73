"""What operators do: policy, pauses, the kill switch, heartbeats by hand."""

from collections.abc import Callable
from random import Random
from threading import Thread
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from chaos.kinds import Scene, fault


def _change(scene: Scene, key: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    def work(conn: psycopg.Connection[Any]) -> None:
        row = conn.execute("select fn_get_policy(%s)", (key,)).fetchone()
        assert row is not None
        conn.execute("select fn_set_policy(%s, %s, 'ada')", (key, Jsonb(change(row[0]))))

    scene.persist(work)


@fault("policy changed", "control", excuses=None, weight=3)
def policy_changed(scene: Scene, draw: Random) -> dict[str, Any]:
    """What may run without a person is less for a while, so that proposals and steps wait for one."""
    left_out = draw.choice(["touch", "once", "leased", "flaky"])

    def without(document: dict[str, Any]) -> dict[str, Any]:
        kinds = [kind for kind in document["allowed_step_kinds"] if kind != left_out]
        return {**document, "allowed_step_kinds": kinds}

    def again(document: dict[str, Any]) -> dict[str, Any]:
        return {**document, "allowed_step_kinds": sorted({*document["allowed_step_kinds"], left_out})}

    seconds = draw.uniform(0.5, 5)
    _change(scene, "auto_approve", without)
    try:
        scene.wait(seconds)
    finally:
        _change(scene, "auto_approve", again)
    return {"executor": left_out, "seconds": round(seconds, 1)}


@fault("executor blocked", "control", excuses=None)
def executor_blocked(scene: Scene, draw: Random) -> dict[str, Any]:
    """blocked_executors of worker_policy."""
    blocked = draw.choice(["touch", "once", "thread"])
    seconds = draw.uniform(0.5, 5)
    _change(scene, "worker_policy", lambda document: {**document, "blocked_executors": [blocked]})
    try:
        scene.wait(seconds)
    finally:
        _change(scene, "worker_policy", lambda document: {**document, "blocked_executors": []})
    return {"executor": blocked, "seconds": round(seconds, 1)}


@fault("paused", "control", excuses=None, weight=3)
def paused(scene: Scene, draw: Random) -> dict[str, Any]:
    """fn_pause of all, an executor, a kind or a source, and fn_resume."""
    scope, target = draw.choice(
        [("all", None), ("executor", "touch"), ("kind", "once"), ("source", "chaos"), ("executor", "leased")]
    )
    seconds = draw.uniform(0.5, 6)
    scene.persist(lambda conn: conn.execute("select fn_pause(%s, %s, 'ada', 'chaos')", (scope, target)))
    try:
        scene.wait(seconds)
    finally:
        scene.persist(lambda conn: conn.execute("select fn_resume(%s, %s, 'ada')", (scope, target)))
    return {"scope": scope, "target": target, "seconds": round(seconds, 1)}


@fault("kill switch", "control", excuses="all")
def kill_switch(scene: Scene, draw: Random) -> dict[str, Any]:
    """fn_kill_switch, and fn_resume('all')."""
    seconds = draw.uniform(0.2, 5)
    scene.persist(lambda conn: conn.execute("select fn_kill_switch('ada', 'chaos')"))
    try:
        scene.wait(seconds)
    finally:
        scene.persist(lambda conn: conn.execute("select fn_resume('all', null, 'ada')"))
    return {"seconds": round(seconds, 1)}


@fault("heartbeats at once", "control", excuses=None)
def heartbeats(scene: Scene, draw: Random) -> dict[str, Any]:
    """Eight sessions call fn_heartbeat, fn_recover_stale_steps and fn_check_health all at once, several times."""

    def beat() -> None:
        try:
            with scene.server.connect(seconds=2) as conn:
                conn.execute("set statement_timeout = '10s'")
                for _ in range(5):
                    conn.execute("select fn_heartbeat()")
                    conn.execute("select fn_recover_stale_steps(15)")
                    conn.execute("select * from fn_check_health()")
        except psycopg.Error:
            pass  # another fault has met it

    threads = [Thread(target=beat, daemon=True) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return {}
