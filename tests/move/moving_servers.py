"""Two servers, the command `opsloop move` between them, and how far a move is on either side."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from databases import server_home
from deployment.hosts import Host, hosts
from looping import Loop
from opsloop import migrate

OWN_SERVERS = pytest.mark.skipif("OPSLOOP_TEST_DSN" in os.environ, reason="starts servers of its own")
#: A machine under load takes its time; nothing waits for as long unless something is wrong.
PATIENCE = 60.0


class Side:
    """One of the two servers."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.dsn = host.dsn()
        #: As the command names it.
        self.name = f"{host.env['PGHOST']}:{host.env['PGPORT']}/ops"
        self._watch: psycopg.Connection[Any] | None = None
        self._opened: list[psycopg.Connection[Any]] = []

    def loop(self) -> Loop:
        """A session on the loop there, until `close`."""
        conn = psycopg.connect(self.dsn, autocommit=True, options="-c search_path=opsloop")
        self._opened.append(conn)
        return Loop(conn)

    def value(self, query: str, *params: Any) -> Any:
        """One value, over a session that stays open."""
        if self._watch is None or self._watch.closed:
            self._watch = psycopg.connect(self.dsn, autocommit=True)
            self._opened.append(self._watch)
        row = self._watch.execute(query, params).fetchone()
        return None if row is None else row[0]

    def phase(self) -> str | None:
        """How far a move is, as this side knows it; None without a loop, or a move."""
        try:
            if not self.has_loop():
                return None
            found: str | None = self.value("select opsloop.fn_show_move() ->> 'phase'")
        except (
            psycopg.errors.UndefinedTable,
            psycopg.errors.UndefinedFunction,
            psycopg.errors.InvalidSchemaName,
        ):
            return None
        return found

    def has_loop(self) -> bool:
        """Whether there is a loop, or the copy of one."""
        return self.value("select to_regclass('opsloop.ops_moves')") is not None

    def leave(self) -> None:
        """Drop what is left of a loop there."""
        with psycopg.connect(self.dsn, autocommit=True) as conn:
            conn.execute("drop schema if exists opsloop cascade")

    def close(self) -> None:
        """End all sessions."""
        while self._opened:
            self._opened.pop().close()


class Mover:
    """Runs the command between two sides."""

    def __init__(self, programs: Path, home: Path) -> None:
        self.env = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("PG", "OPS", "DATABASE_URL"))
            },
            "PATH": f"{programs}:{os.environ['PATH']}",
            "USER": "ada",
        }
        self.home = home

    def start(self, old: Side, new: Side, *options: str) -> subprocess.Popen[str]:
        """Start it; in a process group of its own, as a shell would."""
        return subprocess.Popen(
            [sys.executable, "-m", "opsloop", "move", "--from", old.dsn, "--to", new.dsn, *options],
            env=self.env,
            cwd=self.home,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, old: Side, new: Side, *options: str, code: int = 0) -> str:
        """Run it to its end; returns all that it printed."""
        process = self.start(old, new, *options)
        out, err = process.communicate(timeout=100)
        assert process.returncode == code, f"exit code {process.returncode}\n{out}{err}"
        return out + err

    def killed(self, old: Side, new: Side, side: Side, phases: set[str], *options: str) -> str | None:
        """Kill it, by SIGKILL, as soon as a side is in one of these phases; returns which, None when it ended first."""
        process = self.start(old, new, *options)
        ends = time.monotonic() + PATIENCE
        while process.poll() is None and time.monotonic() < ends:
            if (found := side.phase()) in phases:
                return self.kill(process, found)
        self.kill(process)
        return None

    @staticmethod
    def kill(process: subprocess.Popen[str], found: str | None = None) -> str | None:
        """End it without a word."""
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return found


@contextmanager
def two_sides(programs: Path) -> Iterator[tuple[Side, Side]]:
    """Two servers; a loop is installed on the first."""
    with server_home() as home, hosts(home, programs, 2) as made:
        for host in made:
            host.begin()
        migrate.migrate(made[0].dsn())
        migrate.seed(made[0].dsn())
        sides = Side(made[0]), Side(made[1])
        subprocess.run(
            [
                "bash",
                "-c",
                'pg_dumpall --roles-only --dbname="$OLD" | psql --quiet --no-psqlrc --dbname="$NEW"',
            ],
            env={
                **os.environ,
                "PATH": f"{programs}:{os.environ['PATH']}",
                "OLD": sides[0].dsn,
                "NEW": sides[1].dsn,
            },
            capture_output=True,
            check=True,
        )
        try:
            yield sides
        finally:
            for side in sides:
                side.close()
