"""What the command line shows of 5,000 missions in odd states, on a screen of 80 × 24 and on one of 200 columns."""

import time
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from cli.commandline import Cli
from cli.screen import Screen
from looping import Loop, step, template

COMMANDS = {
    "ps": ["ps"],
    "inbox": ["inbox", "--list", "--limit", "18"],
    "show": ["show", "MISSION", "--no-trail"],
    "health": ["health"],
    "stats": ["stats"],
    "dead list": ["dead", "list", "--limit", "18"],
    "dead list --by reason": ["dead", "list", "--by", "reason"],
}
TITLE = "Größe 二行: a title longer than any column of a table has room for, number"


def odd_states(loop: Loop, each: int) -> None:
    """Ten times `each` missions: held, failed, paused, without worker, at work, done, cancelled, and what waits."""
    loop.policy("proposal_caps", daily_limit=None, hourly_limit=None)
    loop.allow()
    loop.register()

    def make(which: str, *steps: Any, **fields: Any) -> None:
        rows = [
            {"template": template(*steps, title=f"{which} {TITLE} {n}", **fields), "source": "robot"}
            for n in range(each)
        ]
        for start in range(0, each, 500):
            loop.rows("select * from fn_create_proposals(%s)", Jsonb(rows[start : start + 500]))

    def claim() -> Jsonb:
        work = loop.claim(each)
        assert len(work) == each
        return Jsonb(
            [
                {
                    "step_id": str(w["step_id"]), "lease_token": str(w["lease_token"]), "retryable": False,
                    "error": f"connection to 10.0.0.{n % 250}:5432 refused after {n} tries\nand a second line",
                    "result": {"n": n},
                }
                for n, w in enumerate(work)
            ]
        )  # fmt: skip

    make("failed", step("a"), step("b"))
    loop.rows("select * from fn_fail_steps(%s)", claim())
    make("done", step("a"))
    loop.rows(
        "select * from fn_complete_steps((select jsonb_agg(c - array['retryable', 'error'])"
        " from jsonb_array_elements(%s) c))",
        claim(),
    )
    make("held", step("a", on_lease_lost="hold"))
    claim()
    loop.do(
        "update ops_mission_steps set lease_expires_at = now() - interval '1 hour' where status = 'running'"
    )
    loop.do("update ops_timers set due_at = now() - interval '1 hour'")
    while loop.value("select exists (select from ops_mission_steps where status = 'running')"):
        loop.turn()
    make("runs", step("a"))
    claim()
    make("cancelled", step("a"))
    while loop.rows("select * from fn_cancel_missions(%s, 1000, false)", {"title": "cancelled*"}):
        pass
    make("waits", step("a", after=[]), step("b", after=["a"]))
    make("nobody", step("a", kind="http", params={"url": "https://example.org"}))
    make("paused", step("a", kind="radar", params={"title": "x"}))
    loop.value("select fn_pause('executor', 'radar', 'bob', 'why not')")
    make("asks", step("a"), risk_level="high")
    make("approves", step("a", kind="approval"))


@pytest.fixture
def odd(conn: psycopg.Connection[Any]) -> Loop:
    loop = Loop(conn)
    odd_states(loop, 500)
    return loop


@pytest.mark.timeout(400)
def test_nothing_is_wrapped_and_what_is_wrong_stands_first(odd: Loop, dsn: str, shell: Cli) -> None:
    mission = odd.row("select id from ops_missions where title like 'held%%' limit 1")["id"]
    slowest: dict[str, float] = {}
    for name, words in COMMANDS.items():
        arguments = [str(mission)[-8:] if word == "MISSION" else word for word in words]
        for columns in (80, 200):
            begin = time.monotonic()
            with Screen(*arguments, columns=columns, lines=200, DATABASE_URL=dsn, LINES="24") as screen:
                screen.end()
            slowest[name] = max(slowest.get(name, 0), time.monotonic() - begin)
            lines = screen.shown.rstrip().splitlines()
            print(f"--- {name}, {columns} columns", *lines[:24], sep="\n")
            assert lines, name
            if name in ("ps", "inbox", "dead list", "stats"):
                assert len(lines) <= 24, (name, columns)
            if name == "ps":
                assert lines[0].startswith("paused: 1")
                assert lines[1].startswith("stuck missions: ")
                assert "stuck: 1 " in next(line for line in lines if "Größe" in line)
            if name == "health":
                assert lines[2].startswith(("fail", "warn"))
    print({name: f"{seconds:.2f} s" for name, seconds in slowest.items()})
    for words in (["ps"], ["health"], ["dead", "list"]):
        done = shell(*words, LANG="C", LC_ALL="C", NO_COLOR="1", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
        assert "\x1b" not in done.out
        assert done.out.isascii()
