"""The other systems: installed from their packages into a cache of the benchmark's own, and run by their drivers.

A peer is a folder with `driver.py` and `requirements.txt`, or `driver.mjs` and `package.json`. The driver is one
program that knows some verbs, works on a database of its own, and prints one JSON object on its last line;
METHODOLOGY.md describes the verbs. A peer that cannot be installed, or whose driver fails, is an exception here and a
line in the results.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from peers.installing import (
    NotInstalled,
    do,
    environment,
    last_words,
    make_venv,
    pip_install,
    program,
    up_to_date,
)

#: The peers there are, in the order of the tables.
NAMES = ("pgqueuer", "procrastinate", "graphile_worker", "pg_boss", "awa", "absurd", "dbos")
_PINS = ("requirements.txt", "package.json", "package-lock.json")


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
    _installed: dict[str, list[str] | NotInstalled] = field(default_factory=dict)

    def versions(self, name: str) -> dict[str, Any]:
        """What the driver says about its system. Raises NotInstalled or PeerFailed."""
        return self.run(name, "versions")

    def run(self, name: str, verb: str, dsn: str | None = None, **options: int | str) -> dict[str, Any]:
        """Run a verb of a peer's driver, installing the peer if need be; returns what it printed.

        Raises NotInstalled, PeerFailed, or Unsupported when the driver says that its system cannot do it.
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
            env={**environment(), "PATH": _path_with(Path(command[0]).parent)},
        )
        try:
            out, err = process.communicate(timeout=self.patience)
        except subprocess.TimeoutExpired:
            _end(process)
            raise PeerFailed(f"{verb} did not end within {self.patience:.0f} s") from None
        if process.returncode != 0:
            _end(process)
            raise PeerFailed(f"{verb} ended with {process.returncode}: {last_words(err or out)}")
        try:
            said = json.loads(out.strip().splitlines()[-1])
        except (IndexError, ValueError):
            raise PeerFailed(f"{verb} printed no JSON on its last line: {last_words(out)}") from None
        if not isinstance(said, dict):
            raise PeerFailed(f"{verb} printed no JSON object: {last_words(out)}")
        if "unsupported" in said:
            raise Unsupported(str(said["unsupported"]))
        return said

    def _command(self, name: str) -> list[str]:
        if name not in self._installed:
            try:
                self._installed[name] = self._install(name)
            except NotInstalled as error:
                self._installed[name] = error
        found = self._installed[name]
        if isinstance(found, NotInstalled):
            raise found
        return found

    def _install(self, name: str) -> list[str]:
        """Make sure that what the peer's folder pins is installed; returns the command that runs its driver."""
        folder = self.root / name
        drivers = [path for path in (folder / "driver.py", folder / "driver.mjs") if path.exists()]
        if not drivers:
            raise NotInstalled(f"there is no driver for {name}")
        (driver, *_) = drivers
        python = driver.suffix == ".py"
        pins = "".join((folder / file).read_text() for file in _PINS if (folder / file).exists())
        key = hashlib.sha256(f"{sys.version if python else ''}\n{pins}".encode()).hexdigest()
        install = partial(_install_python if python else _install_node, folder)
        with up_to_date(self.cache, name, key, install) as home:
            if not python:
                # Copies: Node looks for packages beside the program. What drivers share lies one level up, here too.
                for file in [*folder.glob("*.mjs"), *folder.glob("*.json")]:
                    shutil.copy(file, home / file.name)
                for file in self.root.glob("*.mjs"):
                    shutil.copy(file, self.cache / file.name)
        return (
            [str(home / "venv/bin/python"), str(driver)]
            if python
            else [program("node"), str(home / driver.name)]
        )


def _install_python(folder: Path, home: Path) -> None:
    python, pins = make_venv(home), folder / "requirements.txt"
    if pins.exists():
        pip_install(python, home, "--requirement", str(pins))


def _install_node(folder: Path, home: Path) -> None:
    for file in _PINS:
        if (folder / file).exists():
            shutil.copy(folder / file, home / file)
    how = "ci" if (home / "package-lock.json").exists() else "install"
    do([program("npm"), how, "--no-audit", "--no-fund", "--loglevel=error"], home)


def _path_with(directory: Path) -> str:
    return os.pathsep.join([str(directory), os.environ.get("PATH", "")])


def _end(process: subprocess.Popen[str]) -> None:
    """End a driver with whatever it has started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.communicate()


def rate_of(said: dict[str, Any], jobs: int) -> float:
    """Jobs per second by what a driver said. Raises unless it did them all."""
    if said.get("done") != jobs:
        raise PeerFailed(f"{said.get('done')} of {jobs} jobs were done")
    return jobs / float(said["seconds"])
