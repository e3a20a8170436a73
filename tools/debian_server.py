"""A throwaway server of Debian's PostgreSQL 15, for the tools that need what the wheel does not have."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BIN = Path("/usr/lib/postgresql/15/bin")


@contextmanager
def debian_server() -> Iterator[str]:
    """Yields the connection string of a superuser; the server is gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="opsloop-pg15-", dir="/tmp"))
    # The server refuses to run as root; the Debian package made this user.
    owner = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
    if owner:
        os.chown(home, owner.pw_uid, owner.pw_gid)

    def run(program: str, *arguments: str) -> None:
        with (home / "output").open("a+") as output:
            done = subprocess.run(
                [BIN / program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                user=owner.pw_uid if owner else None,
                group=owner.pw_gid if owner else None,
                extra_groups=[] if owner else None,
            )
        if done.returncode:
            raise SystemExit(f"{program} failed:\n{(home / 'output').read_text()}")

    data, log = str(home / "data"), str(home / "log")
    try:
        run(
            "initdb",
            "--auth=trust",
            "--encoding=UTF8",
            "--no-locale",
            "--no-sync",
            "-U",
            "postgres",
            "-D",
            data,
        )
        options = f"-c listen_addresses= -k {home} -c fsync=off -c max_connections=300"
        run("pg_ctl", "start", "--wait", "-D", data, "-l", log, "-o", options)
        try:
            yield f"postgresql://postgres@/postgres?host={home}"
        finally:
            run("pg_ctl", "stop", "--mode=immediate", "--wait", "-D", data)
    finally:
        shutil.rmtree(home, ignore_errors=True)
