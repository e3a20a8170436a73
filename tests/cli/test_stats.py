"""`opsloop stats`: what ran, in the terminal."""

from typing import Any

import psycopg
import pytest

from cli.commandline import Cli
from looping import Loop, step


@pytest.fixture
def loop(conn: psycopg.Connection[Any]) -> Loop:
    return Loop(conn)


def test_it_shows_what_ran(cli: Cli, loop: Loop) -> None:
    assert cli("stats").out == "nothing ran in that time\n"
    loop.register()
    loop.complete(loop.work(loop.mission(step("a"))))
    loop.fail_for_good(loop.mission(step("a")))
    (line,) = [words for words in map(str.split, cli("stats").out.splitlines()) if words[:1] == ["noop"]]
    assert line[1:5] == ["2", "1", "1", "0"]
    (found,) = cli("stats", "--since", "90m", "--by", "worker", "--json").json
    assert (found["name"], found["succeeded"], found["failed"]) == ("w1", 1, 1)


@pytest.mark.parametrize("line", ["--since soon", "--since 0h", "--by colour", "--since 400d"])
def test_what_cannot_be_is_ops_018(cli: Cli, line: str) -> None:
    done = cli("stats", *line.split(), "--json")
    assert (done.code, done.error["code"]) == (2, "OPS_018")


def test_it_says_where_it_does_not_reach_as_far_back_as_asked(cli: Cli, loop: Loop) -> None:
    # As if more than a million had ended before the last minute.
    loop.do(
        "create or replace function _attempts_from(p_since timestamptz, p_most integer) returns timestamptz"
        " language plpgsql set search_path from current"
        " as $$ begin return _now() - interval '1 minute'; end; $$"
    )
    done = cli("stats", "--since", "2h", "--json")
    assert (done.code, done.json) == (0, [])
    assert "more than 1000000 attempts ended since" in done.err
