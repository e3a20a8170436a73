"""Database hosts as docs/recovery.md has them: a data directory, and a user who runs the server, in a shell."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from opsloop import embedded

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
        first = int((self.data / "postmaster.pid").read_text().splitlines()[0])
        os.kill(first, signal.SIGSTOP)  # it starts nothing anew meanwhile
        children = Path(f"/proc/{first}/task/{first}/children").read_text()
        for pid in [*map(int, children.split()), first]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def end(self) -> None:
        """Stop what runs."""
        with suppress(AssertionError):
            self.bash('pg_ctl --pgdata="$PGDATA" --mode=immediate --wait stop')


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
