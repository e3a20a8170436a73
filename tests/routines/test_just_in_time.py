"""No routine waits for LLVM: a scan that is kept off by its price makes every plan beside it look worth compiling.

Seen on a server that has LLVM, such as Debian's, with `jit` at its default: auto_explain tells of every statement that
runs within a call, and whether it was compiled. No clock is asked.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from looping import Loop, step
from support import require

AUTO_EXPLAIN = {
    "log_analyze": "on",
    "log_format": "json",
    "log_level": "notice",
    "log_min_duration": "0",
    "log_nested_statements": "on",
    "log_timing": "off",
}


@pytest.fixture
def told(loop: Loop) -> Iterator[list[dict[str, Any]]]:
    """What auto_explain has told of this session's statements so far."""
    plans: list[dict[str, Any]] = []

    def hear(notice: psycopg.errors.Diagnostic) -> None:
        words = notice.message_primary or ""
        if words.startswith("duration: "):
            plans.append(json.loads(words.partition("plan:\n")[2]))

    require("jit", loop.value("select pg_jit_available()"))
    loop.do("load 'auto_explain'")
    for name, value in AUTO_EXPLAIN.items():
        loop.do(f"set local auto_explain.{name} = {value}")
    loop.conn.add_notice_handler(hear)
    yield plans
    loop.conn.remove_notice_handler(hear)


CALLS: dict[str, Callable[[Loop, Any], object]] = {
    "trail": lambda loop, mission: loop.rows("select * from fn_trail(%s)", mission),
    "explain mission": lambda loop, mission: loop.rows("select * from fn_explain_mission(%s)", mission),
    "explain step": lambda loop, mission: loop.rows(
        "select * from fn_explain_step(%s)", loop.step(mission)["id"]
    ),
    "explain proposal": lambda loop, mission: loop.rows(
        "select * from fn_explain_proposal(%s)", loop.the_mission(mission)["proposal_id"]
    ),
    "inbox": lambda loop, _: loop.rows("select * from fn_inbox()"),
    "missions": lambda loop, _: loop.rows("select * from fn_list_missions()"),
    "steps": lambda loop, mission: loop.rows("select * from fn_list_steps(%s)", mission),
    "metrics": lambda loop, _: loop.rows("select * from fn_metrics()"),
    "health": lambda loop, _: loop.rows("select * from fn_check_health()"),
    "claim": lambda loop, _: loop.claim(),
    "complete": lambda loop, mission: loop.complete(loop.work(mission)),
    "fail": lambda loop, mission: loop.fail(loop.work(mission)),
    "cancel": lambda loop, mission: loop.cancel(mission),
    "heartbeat": lambda loop, _: loop.turn(),
    "pause": lambda loop, mission: loop.rows("select fn_pause('mission', %s, 'hot', 'ada')", str(mission)),
    "kill": lambda loop, _: loop.rows("select fn_kill_switch('ada', 'hot')"),
}


@pytest.mark.parametrize("call", CALLS)
def test_nothing_is_compiled_within(loop, told, call):
    mission = loop.mission(step("a"), step("b"))
    told.clear()
    CALLS[call](loop, mission)
    assert told, "auto_explain tells of what runs"
    assert [plan["Query Text"] for plan in told if "JIT" in plan] == []
