"""Every system measured beside this tree is installed once, into the benchmark's own cache."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.progress import say

_INSTALL_SECONDS = 900.0


class NotInstalled(Exception):  # noqa: N818 - says what is the case
    """It cannot be installed; the message says why."""


@contextmanager
def up_to_date(cache: Path, name: str, key: str, install: Callable[[Path], None]) -> Iterator[Path]:
    """The directory of that name in the cache, locked while the block runs; filled anew unless its key is this one."""
    home = cache / name
    home.mkdir(parents=True, exist_ok=True)
    with (cache / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another run may be at it
        mark = home / "installed"
        if not mark.exists() or mark.read_text() != key:
            say(f"{name}: installing (only the first time) …")
            began = time.monotonic()
            shutil.rmtree(home)
            home.mkdir()
            install(home)
            mark.write_text(key)
            say(f"{name}: installed in {time.monotonic() - began:.0f} s")
        yield home


def make_venv(home: Path) -> Path:
    """An empty environment of this interpreter in `home`; returns its own interpreter."""
    do([sys.executable, "-m", "venv", "--without-pip", str(home / "venv")], home)
    return home / "venv/bin/python"


def pip_install(python: Path, home: Path, *what: str) -> None:
    """Fill an environment by our pip: one of its own would take longer than most installations."""
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install"]
    do([*pip, "--disable-pip-version-check", "--quiet", *what], home)


def do(command: list[str], home: Path, env: dict[str, str] | None = None) -> None:
    """Run a step of an installation in `home`. Raises NotInstalled with its last words."""
    try:
        done = subprocess.run(
            command,
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_INSTALL_SECONDS,
            check=False,
            env=environment() if env is None else env,
        )
    except subprocess.TimeoutExpired:
        raise NotInstalled(f"not installed: that took over {_INSTALL_SECONDS:.0f} s") from None
    if done.returncode != 0:
        raise NotInstalled(f"not installed: {last_words(done.stdout)}")


def program(name: str) -> str:
    """The path of a program. Raises NotInstalled where there is none."""
    found = shutil.which(name)
    if found is None:
        raise NotInstalled(f"not installed: there is no {name} on this machine")
    return found


def environment() -> dict[str, str]:
    """That of this process, without what would lead a peer to other packages or another database."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("PG", "PYTHON")) and k != "DATABASE_URL"}


def last_words(text: str) -> str:
    """The end of what a program has printed, on one line."""
    return " / ".join(text.strip().splitlines()[-5:])[-500:] or "nothing"
