"""Another commit of ours, installed from its own clone into an environment of its own, under bench/.cache."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import tomllib
from dataclasses import dataclass
from functools import partial
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from harness.progress import say
from peers.installing import NotInstalled, do, last_words, make_venv, pip_install, program, up_to_date

#: Ends with a reason unless the package comes from the directory that is given.
_PROOF = """
import pathlib, sys, opsloop
found = pathlib.Path(opsloop.__file__).resolve()
sys.exit(None if pathlib.Path(sys.argv[1]).resolve() in found.parents else f"opsloop comes from {found}")
"""


@dataclass(frozen=True)
class Revision:
    """A commit that can be run."""

    commit: str
    #: Abbreviated, as git does it.
    short: str
    subject: str
    #: The interpreter that imports its package.
    python: Path

    @property
    def system(self) -> str:
        """The name under which it takes part."""
        return f"opsloop@{self.short}"


def installed(repository: Path, rev: str, cache: Path) -> Revision:
    """Install what git understands by `rev`. Raises NotInstalled, also where git knows no such commit."""
    commit = git(repository, "rev-parse", "--verify", "--end-of-options", f"{rev}^{{commit}}")
    short, _, subject = git(repository, "log", "-1", "--format=%h %s", commit).partition(" ")
    theirs = _project(git(repository, "show", f"{commit}:pyproject.toml"))
    borrowed = theirs == _project((repository / "pyproject.toml").read_text())
    ground = _own_directories() if borrowed else _own_versions()
    install = partial(_install, repository, commit, ground, borrowed)
    key = json.dumps([sys.version, commit, borrowed, ground])
    with up_to_date(cache, f"opsloop@{commit[:12]}", key, install) as home:
        return Revision(commit, short, subject, home / "venv/bin/python")


def git(repository: Path, *arguments: str) -> str:
    """What git prints. Raises NotInstalled with what it says when it fails."""
    done = subprocess.run(
        [program("git"), "-C", str(repository), *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise NotInstalled(f"git says: {last_words(done.stderr)}")
    return done.stdout.strip()


def _project(pyproject: str) -> dict[str, Any]:
    """What an environment depends on: packages, interpreter, and where in the clone the package lies."""
    try:
        found = tomllib.loads(pyproject)
        project = found["project"]
        return {
            "dependencies": sorted(project.get("dependencies", [])),
            "requires-python": project.get("requires-python"),
            "hatch": found.get("tool", {}).get("hatch"),
        }
    except (tomllib.TOMLDecodeError, KeyError) as error:
        raise NotInstalled(f"its pyproject.toml cannot be used: {error}") from None


def _own_directories() -> list[str]:
    """Where the packages lie that run here."""
    return sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})


def _own_versions() -> list[str]:
    """The versions of the packages that run here, as constraints."""
    found = {d.name: d.version for d in distributions() if d.name and d.name != "opsloop"}
    return sorted(f"{name}=={version}" for name, version in found.items())


def _install(repository: Path, commit: str, ground: list[str], borrowed: bool, home: Path) -> None:
    """Clone; then let the environment borrow our packages, or fill it with the versions that run here.

    Both commits are to run on the same packages: a driver that has become faster would else be taken for the commit.
    """
    clone = home / "clone"
    do([program("git"), "clone", "--quiet", "--no-checkout", str(repository), str(clone)], home)
    do([program("git"), "-C", str(clone), "checkout", "--quiet", "--detach", commit], home)
    python = make_venv(home)
    if borrowed:
        where = {"base": str(home / "venv"), "platbase": str(home / "venv")}
        lines = [str(clone / "python"), *ground]
        (Path(sysconfig.get_path("purelib", "venv", where)) / "opsloop.pth").write_text(
            "\n".join(lines) + "\n"
        )
    else:
        _fill(python, home, clone, ground)
    do([str(python), "-c", _PROOF, str(clone)], home)


def _fill(python: Path, home: Path, clone: Path, versions: list[str]) -> None:
    constraints = home / "constraints.txt"
    constraints.write_text("\n".join(versions) + "\n")
    try:
        pip_install(python, home, "--editable", str(clone), "--constraint", str(constraints))
    except NotInstalled as error:
        say(f"{home.name}: not with the versions that run here, so with others: {error}")
        pip_install(python, home, "--editable", str(clone))
