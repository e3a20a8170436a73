"""The server of the tests, in the words of pytest-postgresql, whose janitor makes and drops the databases on it."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import psycopg
from psycopg.conninfo import make_conninfo
from pytest_postgresql.janitor import DatabaseJanitor

from opsloop import embedded

#: Major version of the servers that the tests start: 15 (Debian's package), 16 or 18 (the wheel).
VERSION = int(os.environ.get("OPSLOOP_TEST_PG_VERSION", embedded.DEFAULT_VERSION))

#: A file system in memory: a test's database is a thousand files, which cost ten times as much to make on a disk.
_MEMORY = Path("/dev/shm")
#: Room that the server of one worker may take there, bytes, its WAL included.
_ROOM = 1 << 30


def in_memory() -> Path | None:
    """That directory, if it has room for the servers of all workers (Docker gives it 64 MB) and runs programs."""
    if not _MEMORY.is_dir():
        return None
    found = os.statvfs(_MEMORY)
    room = found.f_bavail * found.f_frsize
    needed = _ROOM * int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    return None if room < needed or found.f_flag & os.ST_NOEXEC else _MEMORY


@contextmanager
def server_home() -> Iterator[Path]:
    """A directory that the server's own user can enter, for a server that a test starts by itself."""
    # Not pytest's tmp_path, which is closed to the user as whom root runs the server.
    with tempfile.TemporaryDirectory(prefix="opsloop-home-", dir=in_memory()) as made:
        Path(made).chmod(0o711)
        yield Path(made)


def unused_name() -> str:
    """A name that no database of the server has, though a run that was killed has left its own there."""
    return f"opsloop_test_{secrets.token_hex(4)}"


class Databases:
    """A server that runs already: what `postgresql_noproc(depends_on=...)` asks of one, and new databases on it."""

    options = ""
    template_dbname = "template0"

    def __init__(self, dsn: str, programs: Path) -> None:
        #: Directory with psql and pg_dump of the server's version.
        self.programs = programs
        with psycopg.connect(dsn) as conn:
            where = conn.info
            self.host, self.port = where.host, where.port
            self.user, self.password = where.user, where.password
            self.maintenance_dbname = where.dbname
        #: Names host, port, user and database, whatever the given one leaves to the environment.
        self.dsn = make_conninfo(
            dsn, host=self.host, port=self.port, user=self.user, dbname=self.maintenance_dbname
        )

    @classmethod
    @contextmanager
    def open(cls) -> Iterator[Self]:
        """The server that OPSLOOP_TEST_DSN names; without it one that is started, gone afterwards."""
        if given := os.environ.get("OPSLOOP_TEST_DSN"):
            yield cls(given, Path(shutil.which("pg_dump") or "pg_dump is not on the PATH").parent)
            return
        settings = {
            **embedded.THROWAWAY,
            "max_prepared_transactions": "5",
            "max_wal_size": "256MB",
            # A vacuum has a transaction id, and an idle worker waits until every transaction of before has ended.
            "autovacuum_vacuum_cost_delay": "0",
        }
        with embedded.server(version=VERSION, settings=settings, temporary=in_memory()) as server:
            yield cls(server.dsn(), server.programs)

    @contextmanager
    def make(self, like: str = template_dbname) -> Iterator[str]:
        """A new database, gone after the block: a copy of the template of that name. Gives its connection string."""
        name = unused_name()
        with DatabaseJanitor(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            dbname=name,
            template_dbname=like,
            maintenance_dbname=self.maintenance_dbname,
        ):
            yield make_conninfo(self.dsn, dbname=name)
