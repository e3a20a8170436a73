"""A second database, and a loop copied there as by hand, with pg_dump and pg_restore."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from databases import Databases
from looping import Loop


def copy(programs: Path, source: str, target: str) -> None:
    """Dump and restore in one transaction."""
    dump = subprocess.run(
        [programs / "pg_dump", "--format=custom", "--schema=opsloop", source], capture_output=True, check=True
    )
    subprocess.run(
        [programs / "pg_restore", "--single-transaction", "--dbname", target], input=dump.stdout, check=True
    )


def session(dsn: str, **settings: Any) -> Loop:
    """The loop in that database."""
    return Loop(psycopg.connect(dsn, autocommit=True, options="-c search_path=opsloop", **settings))


@contextmanager
def refused(code: str) -> Iterator[Any]:
    """What happens inside is refused with that code, and says what to do."""
    with pytest.raises(psycopg.Error) as caught:
        yield caught
    assert caught.value.sqlstate == code.replace("OPS_", "OP"), caught.value
    assert caught.value.diag.message_primary.startswith(f"{code}: ")
    assert caught.value.diag.message_hint


@contextmanager
def arrived(databases: Databases, source: str) -> Iterator[Loop]:
    """The copy of a loop that is closed, in a database of its own."""
    with databases.make() as target:
        copy(databases.programs, source, target)
        loop = session(target)
        try:
            yield loop
        finally:
            loop.conn.close()
