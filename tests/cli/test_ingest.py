"""`opsloop ingest` takes JSON lines; a bad one is named by its number and never emitted."""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from cli.commandline import Cli
from support import wait_until

Conn = psycopg.Connection[Any]


def types(conn: Conn) -> list[str]:
    """Types of the events that are in, in the order in which they will be looked at."""
    rows = conn.execute(
        "select e.type from ops_ready r join ops_agent_events e using (id) order by r.seq"
    ).fetchall()
    return [row[0] for row in rows]


def lines(*wanted: str) -> str:
    """JSON lines of events of these types."""
    return "".join(json.dumps({"type": name}) + "\n" for name in wanted)


def test_it_emits_every_line_in_order(shell: Cli, conn: Conn) -> None:
    names = [f"n:{number}" for number in range(1234)]
    done = shell("ingest", "--batch-size", "100", "--json", stdin=lines(*names))
    assert (done.code, done.json) == (0, {"emitted": 1234, "skipped": 0})
    assert types(conn) == names


def test_blank_lines_and_a_last_line_without_an_end_are_fine(shell: Cli, conn: Conn) -> None:
    assert shell("ingest", stdin='\n{"type": "a"}\r\n\n{"type": "b"}').code == 0
    assert types(conn) == ["a", "b"]


def test_no_input_is_no_events(shell: Cli) -> None:
    done = shell("ingest")
    assert (done.code, done.out) == (0, "0 events emitted\n")


@pytest.mark.parametrize(
    "bad",
    [
        '{"type": "b"',
        "7",
        "{}",
        '{"type": "b", "data": 7}',
        '{"type": "b", "colour": "red"}',
        '{"type": "b", "data": {"x": "\\u0000"}}',
    ],
)
@pytest.mark.parametrize("batch", ["1", "2", "500"])
def test_a_bad_line_stops_it_there(shell: Cli, conn: Conn, bad: str, batch: str) -> None:
    done = shell("ingest", "--batch-size", batch, "--json", stdin=f"{lines('a')}\n{bad}\n{lines('c')}")
    assert done.code == 1
    assert done.error["code"] == "OPS_019"
    assert done.error["message"].startswith("line 3: ")
    assert "tail -n +3" in done.error["hint"]
    assert types(conn) == ["a"]


def test_a_line_that_is_not_utf_8_is_bad(shell: Cli, conn: Conn) -> None:
    done = shell("ingest", stdin=b'{"type": "a"}\n{"type": "\xff"}\n')
    assert "line 2" in done.err
    assert types(conn) == ["a"]


def test_bad_lines_are_skipped_on_demand_and_reported(shell: Cli, conn: Conn) -> None:
    done = shell("ingest", "--skip-bad", "--json", stdin=f"{lines('a')}nonsense\n{lines('c')}{{}}\n")
    assert (done.code, done.json) == (4, {"emitted": 2, "skipped": 2})
    assert [line.split(":")[0] for line in done.err.splitlines()] == ["line 2 skipped", "line 4 skipped"]
    assert types(conn) == ["a", "c"]


def test_atomic_emits_all_or_none(shell: Cli, conn: Conn) -> None:
    text = lines(*("a",) * 10)
    assert shell("ingest", "--atomic", "--batch-size", "2", stdin=f"{text}nonsense\n").code == 1
    assert types(conn) == []
    assert shell("ingest", "--atomic", "--batch-size", "2", stdin=text).code == 0
    assert len(types(conn)) == 10


def test_lines_that_trickle_in_are_not_kept_waiting(
    dsn: str, conn: Conn, finish: Callable[..., None]
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "opsloop", "ingest", "--dsn", dsn],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    finish(process)
    assert process.stdin is not None
    process.stdin.write(b'{"type": "first"}\n{"type": "half')
    process.stdin.flush()
    wait_until(lambda: types(conn) == ["first"], "the first line is in while the second is half written")
    process.stdin.write(b' done"}\n'.replace(b" ", b"_"))
    process.stdin.close()
    process.stdin = None
    process.communicate(timeout=30)
    assert types(conn) == ["first", "half_done"]


@pytest.fixture
def finish(request: pytest.FixtureRequest) -> Callable[[subprocess.Popen[bytes]], None]:
    """Ends a process when the test does."""

    def later(process: subprocess.Popen[bytes]) -> None:
        request.addfinalizer(
            lambda: (process.kill(), process.wait(), process.stdout and process.stdout.close())
        )

    return later


def test_a_line_that_does_not_end_is_refused_as_soon_as_it_is_too_long(dsn: str, conn: Conn) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "opsloop", "ingest", "--dsn", dsn],
        input=b'{"type": "a"}\n' + b"x" * (100 << 20),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert b"line 2: it has more than 16777216 bytes" in done.stderr
    assert types(conn) == ["a"]
