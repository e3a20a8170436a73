"""Database hosts as docs/recovery.md has them: a data directory, and a user who runs the server, in a shell."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from opsloop import embedded
from support import wait_until

_SETTINGS = """
listen_addresses = ''
unix_socket_directories = '{sockets}'
max_connections = 100
fsync = off
"""


class Host:
    """One of them. Its server's port is that of its environment, so that a copy of its data starts on another host."""

    def __init__(self, home: Path, programs: Path, sockets: Path, port: int) -> None:
        self.home = home
        self.data = home / "pgdata"
        self.owner = embedded._server_user() if os.geteuid() == 0 else None
        self.env = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "LC_ALL": "C",
            "PGDATA": str(self.data),
            "PGHOST": str(sockets),
            "PGPORT": str(port),
            "PGUSER": "postgres",
            "ARCHIVE": str(home / "archive"),
            "BASE": str(home / "base"),
        }
        for path in (home, home / "archive"):
            path.mkdir()
            if self.owner is not None:
                os.chown(path, self.owner.pw_uid, self.owner.pw_gid)

    def dsn(self, database: str = "ops", **more: str) -> str:
        """A connection string of its server."""
        parts = {
            "host": self.env["PGHOST"],
            "port": self.env["PGPORT"],
            "user": "postgres",
            "dbname": database,
        }
        return " ".join(f"{name}={value}" for name, value in {**parts, **more}.items() if value)

    def bash(self, script: str, **variables: str) -> str:
        """Run a block as the user who runs the server; returns what it printed."""
        with tempfile.TemporaryFile("w+") as output:  # a server that starts would keep a pipe open
            done = subprocess.run(
                ["bash", "-euo", "pipefail"],
                input=script,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                cwd=self.home,
                env={**self.env, **variables},
                timeout=100,
                **({} if self.owner is None else {"user": self.owner.pw_uid, "group": self.owner.pw_gid}),
            )
            output.seek(0)
            said = output.read()
        assert done.returncode == 0, f"{script}\n{said}"
        return said

    def begin(self) -> None:
        """Make a cluster with a database `ops`, and start it."""
        self.bash("initdb --auth=trust --encoding=UTF8 --no-locale --username=postgres > /dev/null")
        with (self.data / "postgresql.conf").open("a") as conf:
            conf.write(_SETTINGS.format(sockets=self.env["PGHOST"]))
        self.bash('pg_ctl --pgdata="$PGDATA" --wait --log="$PGDATA.log" start; createdb ops')

    def vanish(self) -> None:
        """All processes of the server end at once, as with the machine."""
        lines = (self.data / "postmaster.pid").read_text().splitlines()
        first, port, sockets = int(lines[0]), lines[3], Path(lines[4])
        os.kill(first, signal.SIGSTOP)  # it starts nothing anew meanwhile
        wait_until(lambda: _state(first) == "T", "it stands still")
        children = Path(f"/proc/{first}/task/{first}/children").read_text()
        processes = [*map(int, children.split()), first]
        for pid in processes:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        # One that still ends holds the shared memory, and a new server would not start.
        wait_until(lambda: all(_state(pid) in ("", "Z", "X") for pid in processes), "all have ended")
        # After a machine's start nobody has the number in these; here the dead has it until its parent has looked.
        (self.data / "postmaster.pid").unlink()
        (sockets / f".s.PGSQL.{port}.lock").unlink()

    def end(self) -> None:
        """Stop what runs."""
        with suppress(AssertionError):
            self.bash('pg_ctl --pgdata="$PGDATA" --mode=immediate --wait stop')


def _state(pid: int) -> str:
    """The letter of a process's state; empty when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


@contextmanager
def hosts(home: Path, programs: Path, number: int) -> Iterator[list[Host]]:
    """So many of them, none of which has a server yet."""
    with tempfile.TemporaryDirectory(prefix="opsloop-hosts-", dir="/tmp") as sockets:
        made = [Host(home / f"host{n}", programs, Path(sockets), 5432 + n) for n in range(number)]
        if made[0].owner is not None:
            os.chown(sockets, made[0].owner.pw_uid, made[0].owner.pw_gid)
        Path(sockets).chmod(0o755)
        try:
            yield made
        finally:
            for host in made:
                host.end()
