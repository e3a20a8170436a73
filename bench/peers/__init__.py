"""The other systems: installed from their packages into a cache of the benchmark's own, and run by their drivers.

A peer is a folder with `driver.py` and `requirements.txt`, or `driver.mjs` and `package.json`. The driver is one
program that knows some verbs, works on a database of its own, and prints one JSON object on its last line;
METHODOLOGY.md describes the verbs. A peer that cannot be installed, or whose driver fails, is an exception here and a
line in the results.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.progress import say

#: The peers there are, in the order of the tables.
NAMES = ("pgqueuer", "procrastinate", "graphile_worker", "pg_boss", "awa", "absurd", "dbos")
_PINS = ("requirements.txt", "package.json", "package-lock.json")
_INSTALL_SECONDS = 900.0


class PeerMissing(Exception):  # noqa: N818 - says what is the case
    """It cannot be installed; the message says why."""


class PeerFailed(Exception):  # noqa: N818 - says what is the case
    """Its driver failed; the message has its last words."""


class Unsupported(Exception):  # noqa: N818 - says what is the case
    """It has no such thing; the message says why."""


@dataclass
class Peers:
    """The peers' folders, and the cache they are installed into."""

    root: Path = Path(__file__).parent
    cache: Path = Path(__file__).parents[1] / ".cache"
    patience: float = 600.0
    #: How each installation ended: the command that runs the driver, or why there is none.
    _installed: dict[str, list[str] | PeerMissing] = field(default_factory=dict)

    def versions(self, name: str) -> dict[str, Any]:
        """What the driver says about its system. Raises PeerMissing or PeerFailed."""
        return self.run(name, "versions")

    def run(self, name: str, verb: str, dsn: str | None = None, **options: int | str) -> dict[str, Any]:
        """Run a verb of a peer's driver, installing the peer if need be; returns what it printed.

        Raises PeerMissing, PeerFailed, or Unsupported when the driver says that its system cannot do it.
        """
        command = [*self._command(name), verb, *(["--dsn", dsn] if dsn else [])]
        for option, value in options.items():
            command += [f"--{option}", str(value)]
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
            env={**_environment(), "PATH": _path_with(Path(command[0]).parent)},
        )
        try:
            out, err = process.communicate(timeout=self.patience)
        except subprocess.TimeoutExpired:
            _end(process)
            raise PeerFailed(f"{verb} did not end within {self.patience:.0f} s") from None
        if process.returncode != 0:
            _end(process)
            raise PeerFailed(f"{verb} ended with {process.returncode}: {_last_words(err or out)}")
        try:
            said = json.loads(out.strip().splitlines()[-1])
        except (IndexError, ValueError):
            raise PeerFailed(f"{verb} printed no JSON on its last line: {_last_words(out)}") from None
        if not isinstance(said, dict):
            raise PeerFailed(f"{verb} printed no JSON object: {_last_words(out)}")
        if "unsupported" in said:
            raise Unsupported(str(said["unsupported"]))
        return said

    def _command(self, name: str) -> list[str]:
        if name not in self._installed:
            try:
                self._installed[name] = self._install(name)
            except PeerMissing as error:
                self._installed[name] = error
        found = self._installed[name]
        if isinstance(found, PeerMissing):
            raise found
        return found

    def _install(self, name: str) -> list[str]:
        """Make sure that what the peer's folder pins is installed; returns the command that runs its driver."""
        folder, home = self.root / name, self.cache / name
        drivers = [path for path in (folder / "driver.py", folder / "driver.mjs") if path.exists()]
        if not drivers:
            raise PeerMissing(f"there is no driver for {name}")
        (driver, *_) = drivers
        python = driver.suffix == ".py"
        home.mkdir(parents=True, exist_ok=True)
        with (self.cache / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # another run may be at it
            _bring_up_to_date(name, folder, home, python)
            if not python:
                # Copies: Node looks for packages beside the program. What drivers share lies one level up, here too.
                for file in [*folder.glob("*.mjs"), *folder.glob("*.json")]:
                    shutil.copy(file, home / file.name)
                for file in self.root.glob("*.mjs"):
                    shutil.copy(file, self.cache / file.name)
        return (
            [str(home / "venv/bin/python"), str(driver)]
            if python
            else [_program("node"), str(home / driver.name)]
        )


def _bring_up_to_date(name: str, folder: Path, home: Path, python: bool) -> None:
    """Install what the folder pins, unless exactly that is there."""
    pins = "".join((folder / file).read_text() for file in _PINS if (folder / file).exists())
    key = hashlib.sha256(f"{sys.version if python else ''}\n{pins}".encode()).hexdigest()
    mark = home / "installed"
    if mark.exists() and mark.read_text() == key:
        return
    say(f"{name}: installing (only the first time) …")
    began = time.monotonic()
    shutil.rmtree(home)
    home.mkdir()
    (_install_python if python else _install_node)(folder, home)
    mark.write_text(key)
    say(f"{name}: installed in {time.monotonic() - began:.0f} s")


def _install_python(folder: Path, home: Path) -> None:
    """An environment of its own, filled by our pip: one of its own would take longer than most peers."""
    _do([sys.executable, "-m", "venv", "--without-pip", str(home / "venv")], home)
    pins = folder / "requirements.txt"
    if pins.exists():
        pip = [sys.executable, "-m", "pip", "--python", str(home / "venv/bin/python"), "install"]
        _do([*pip, "--disable-pip-version-check", "--quiet", "--requirement", str(pins)], home)


def _install_node(folder: Path, home: Path) -> None:
    for file in _PINS:
        if (folder / file).exists():
            shutil.copy(folder / file, home / file)
    how = "ci" if (home / "package-lock.json").exists() else "install"
    _do([_program("npm"), how, "--no-audit", "--no-fund", "--loglevel=error"], home)


def _do(command: list[str], home: Path) -> None:
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
            env=_environment(),
        )
    except subprocess.TimeoutExpired:
        raise PeerMissing(f"not installed: that took over {_INSTALL_SECONDS:.0f} s") from None
    if done.returncode != 0:
        raise PeerMissing(f"not installed: {_last_words(done.stdout)}")


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise PeerMissing(f"not installed: there is no {name} on this machine")
    return found


def _environment() -> dict[str, str]:
    """That of this process, without what would lead a peer to other packages or another database."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("PG", "PYTHON")) and k != "DATABASE_URL"}


def _path_with(directory: Path) -> str:
    return os.pathsep.join([str(directory), os.environ.get("PATH", "")])


def _end(process: subprocess.Popen[str]) -> None:
    """End a driver with whatever it has started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.communicate()


def _last_words(text: str) -> str:
    return " / ".join(text.strip().splitlines()[-5:])[-500:] or "nothing"


def rate_of(said: dict[str, Any], jobs: int) -> float:
    """Jobs per second by what a driver said. Raises unless it did them all."""
    if said.get("done") != jobs:
        raise PeerFailed(f"{said.get('done')} of {jobs} jobs were done")
    return jobs / float(said["seconds"])
