"""A PostgreSQL of the run's own, which can be killed, stopped, filled up, replaced by its standby, and mended."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from threading import RLock
from typing import Any

import psycopg

from chaos.clock import Clock
from chaos.spawning import spawn
from opsloop import embedded

DATABASE = "loop"
#: What is acknowledged outlives a killed server: commits wait for the WAL to be with the operating system. Pages stand
#: in the WAL whole: SIGKILL can end a write of 8 kB after the first 4, and recovery must not meet half a page.
_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "max_connections": "60",
    "superuser_reserved_connections": "12",
    "max_prepared_transactions": "2",
    "shared_buffers": "128MB",
    "max_wal_size": "256MB",
    "wal_receiver_timeout": "10s",
    "log_min_messages": "warning",
    "log_line_prefix": "%m %p %a ",
}
_DISK = 3 << 30
_START_SECONDS = 60


class Server:
    """The primary, whichever of two directories it is in."""

    def __init__(self, home: Path, clock: Clock) -> None:
        self.disk = home / "disk"
        self.disk.mkdir()
        self.small_disk = _mount(self.disk)
        """Whether its files are on a disk of their own, small enough to be filled up."""
        with embedded.server(self.disk / "a") as made:
            self.programs = made.programs
        status = (self.disk / "a/pgdata").stat()
        self._owner: dict[str, Any] = (
            {"user": status.st_uid, "group": status.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
        )
        self._sockets = Path(tempfile.mkdtemp(prefix="opsloop-socket-", dir="/tmp"))
        os.chown(self._sockets, status.st_uid, status.st_gid)
        self._clock = clock
        self._log = home / "server.log"
        self.busy = RLock()
        """Held by the one fault that does something to the server as a whole."""
        self.place = "a"
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.start()

    # Where it is

    def socket(self, place: str | None = None) -> str:
        """The path of its socket, or of that of the server in the other place."""
        return f"{self._sockets}/.s.PGSQL.{self._port(place or self.place)}"

    @staticmethod
    def _port(place: str) -> int:
        return 5432 if place == "a" else 5433

    def dsn(self, place: str | None = None, dbname: str = DATABASE) -> str:
        """How a superuser gets there, past the proxy."""
        port = self._port(place or self.place)
        return f"host={self._sockets} port={port} user=postgres dbname={dbname} connect_timeout=5"

    def connect(
        self, *, place: str | None = None, dbname: str = DATABASE, seconds: float = 60, **given: Any
    ) -> psycopg.Connection[Any]:
        """A superuser's session that nothing of what was set for others limits; waits for a server that restarts."""
        options = (
            "-c search_path=opsloop,public -c default_transaction_read_only=off -c statement_timeout=0 "
            "-c idle_in_transaction_session_timeout=0 -c idle_session_timeout=0 -c lock_timeout=0"
        )
        ends = time.monotonic() + seconds
        while True:
            try:
                given = {
                    "autocommit": True,
                    "options": options,
                    "application_name": "chaos",
                    "prepare_threshold": None,
                    **given,
                }
                return psycopg.connect(self.dsn(place, dbname), **given)
            except psycopg.OperationalError:
                if time.monotonic() > ends:
                    raise
                time.sleep(0.1)

    def run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs as the owner of the data."""
        done = subprocess.run(
            [str(self.programs / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            cwd="/",
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
            **self._owner,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{program} failed: {done.stdout[-500:]}")

    # Up and down

    def start(self, place: str | None = None) -> None:
        """Start it, as often as it takes: what a killed one left in shared memory must be gone first."""
        place = place or self.place
        ends = time.monotonic() + _START_SECONDS
        while True:
            old = self._running.get(place)
            if old is None or old.poll() is not None:
                settings = {
                    **_SETTINGS,
                    "port": str(self._port(place)),
                    "unix_socket_directories": self._sockets,
                }
                given = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
                command = [str(self.programs / "postgres"), "-D", str(self.disk / place / "pgdata"), *given]
                env = {"PATH": os.environ["PATH"], "LC_ALL": "C", **self._clock.env()}
                self._running[place] = spawn(
                    command, self._log, env=env, cwd="/", death=signal.SIGQUIT, **self._owner
                )
            try:
                self.connect(place=place, dbname="postgres", seconds=1).close()
            except psycopg.OperationalError:
                if time.monotonic() > ends:
                    raise
            else:
                return

    def end(self, how: signal.Signals, place: str | None = None) -> None:
        """End it: SIGINT fast, SIGQUIT immediate, SIGKILL without a word to its sessions."""
        process = self._running[place or self.place]
        process.send_signal(how)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def tend(self) -> None:
        """Start it anew when it has ended by itself and no fault is at it."""
        if self._running[self.place].poll() is not None and self.busy.acquire(blocking=False):
            try:
                if self._running[self.place].poll() is not None:
                    self.start()
            finally:
                self.busy.release()

    def processes(self) -> list[int]:
        """The server and all its children."""
        parent = self._running[self.place].pid
        children = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = path.read_text().rpartition(")")[2].split()
                if int(fields[1]) == parent:
                    children.append(int(path.parent.name))
        return [parent, *children]

    def signal_all(self, what: signal.Signals) -> None:
        """Send a signal to all its processes."""
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, what)

    # Room

    @contextlib.contextmanager
    def full_disk(self, left: int) -> Iterator[None]:
        """Its disk has no more than `left` bytes of room while the block runs."""
        assert self.small_disk, "that would fill up a disk of others"
        ballast = self.disk / "ballast"
        with ballast.open("wb") as file:
            for _ in range(20):
                # Somebody may take some of it meanwhile.
                with contextlib.suppress(OSError):
                    free = shutil.disk_usage(self.disk).free
                    os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, max(1, free - left))
                    break
        try:
            yield
        finally:
            ballast.unlink()

    def limit_files(self, pids: list[int], size: int) -> int:
        """From now on these processes may write no file beyond `size`; the number of those that were still there."""
        met = 0
        for pid in pids:
            # As their own user: root may not be allowed to limit those of others.
            command = ["prlimit", f"--pid={pid}", f"--fsize={size}:unlimited"]
            done = subprocess.run(command, check=False, capture_output=True, cwd="/", **self._owner)
            met += done.returncode == 0
        return met

    # The standby

    def make_standby(self) -> str:
        """A standby in the other directory, without which from now on nothing is acknowledged; returns its place."""
        other = "b" if self.place == "a" else "a"
        home = self.disk / other
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(mode=0o711)
        if self._owner:
            os.chown(home, self._owner["user"], self._owner["group"])
        where = ["-h", str(self._sockets), "-p", str(self._port(self.place)), "-U", "postgres"]
        self.run("pg_basebackup", *where, "-D", str(home / "pgdata"), "-c", "fast", "-X", "stream", "-R")
        self.start(other)
        with self.connect() as conn:
            conn.execute("alter system set synchronous_standby_names = '*'")
            conn.execute("select pg_reload_conf()")
            ends = time.monotonic() + 20
            query = (
                "select count(*) from pg_stat_replication where state = 'streaming' and sync_state = 'sync'"
            )
            while conn.execute(query).fetchone() != (1,):
                if time.monotonic() > ends:
                    raise RuntimeError("the standby does not stream")
                time.sleep(0.1)
        return other

    def promote(self, other: str) -> None:
        """The primary is killed, and the standby takes its place."""
        self.end(signal.SIGKILL)
        with self.connect(place=other) as conn:
            conn.execute("select pg_promote(true, 30)")
            conn.execute("alter system reset synchronous_standby_names")
            conn.execute("select pg_reload_conf()")
        self.place = other

    def drop_standby(self, other: str) -> None:
        """Go on without it."""
        with self.connect() as conn:
            conn.execute("alter system reset synchronous_standby_names")
            conn.execute("select pg_reload_conf()")
        if other in self._running:
            self.end(signal.SIGQUIT, other)

    def close(self) -> None:
        """End everything and remove it."""
        for place, process in self._running.items():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                self.end(signal.SIGQUIT, place)
        if self.small_disk:
            subprocess.run(["umount", "--lazy", str(self.disk)], check=False)
        shutil.rmtree(self.disk, ignore_errors=True)
        shutil.rmtree(self._sockets, ignore_errors=True)


def _mount(place: Path) -> bool:
    """A disk of its own there, where this process may mount one."""
    if os.geteuid() != 0:
        return False
    command = ["mount", "-t", "tmpfs", "-o", f"size={_DISK},mode=0711", "opsloop-chaos", str(place)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0
