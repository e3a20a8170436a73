"""What the tests in this folder share: dumps of a schema, and psql and sqitch as a DBA runs them."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from opsloop import sqlfiles
from support import require

#: The runners' own tables; everything else must be the same whoever deployed.
RUNNERS_TABLES = "*.*yoyo_opsloop_*"


def dump(programs: Path, dsn: str, schema: str = "opsloop") -> str:
    """`pg_dump --schema-only` of one schema, without the runners' own tables and what differs at every run."""
    pattern = '"' + schema.replace('"', '""') + '"'
    done = subprocess.run(
        [
            programs / "pg_dump",
            "--schema-only",
            f"--schema={pattern}",
            f"--exclude-table={RUNNERS_TABLES}",
            dsn,
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    return "".join(
        line for line in done.stdout.splitlines(True) if not line.startswith(("\\restrict", "\\unrestrict"))
    )


def psql(
    programs: Path, dsn: str, *arguments: str, text: str | None = None
) -> subprocess.CompletedProcess[str]:
    """psql as sqitch runs it: no psqlrc, and the first error ends it."""
    return subprocess.run(
        [programs / "psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", *arguments, dsn],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )


def renumber(conn: psycopg.Connection[Any], number: int) -> None:
    """Lets the schema opsloop say that it is of this compatibility number."""
    conn.execute(
        "create or replace function opsloop.fn_compatibility() returns integer language sql immutable"
        f" set search_path from current as 'select {number}'"
    )


class Sqitch:
    """sqitch on sql/sqitch, against one database."""

    def __init__(self, programs: Path, dsn: str, home: Path) -> None:
        given = conninfo_to_dict(dsn)
        host = str(given["host"]).replace("/", "%2F")
        secret = f":{given['password']}" if "password" in given else ""
        self.target = f"db:pg://{given['user']}{secret}@{host}:{given['port']}/{given['dbname']}"
        self.client = programs / "psql"
        self.home = home

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs `sqitch <arguments>`; the caller looks at the exit code."""
        command, *rest = arguments
        return subprocess.run(
            ["sqitch", command, "--target", self.target, "--db-client", str(self.client), *rest],
            cwd=sqlfiles.sql_root() / "sqitch",
            env={
                **{k: v for k, v in os.environ.items() if not k.startswith("PG")},
                "HOME": str(self.home),
                "SQITCH_FULLNAME": "A Tester",
                "SQITCH_EMAIL": "tester@example.org",
            },
            capture_output=True,
            text=True,
            check=False,
        )

    def must(self, *arguments: str) -> str:
        """As a call, and fails the test with sqitch's own words when it does not succeed."""
        done = self(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def require_sqitch() -> None:
    """As `require`, for sqitch."""
    require("sqitch", shutil.which("sqitch") is not None)
