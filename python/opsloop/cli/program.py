"""Code shared by the commands that run a program: `worker`, `relay` and `up`."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from opsloop.cli import output
from opsloop.errors import InvalidArgument
from opsloop.plugins import Plugins, imported
from opsloop.process import logs, program
from opsloop.process.mode import Mode

LogLevel = Annotated[
    str,
    typer.Option("--log-level", metavar="|".join(logs.LEVELS), help="Least level that is logged, on stderr."),
]


def begin(*, once: bool, drain: bool, log_level: str) -> Mode:
    """Check the options that both have, and begin to log; returns when the program is to end by itself."""
    if once and drain:
        raise InvalidArgument("--once and --drain exclude each other", hint="Choose one of them.")
    if log_level not in logs.LEVELS:
        raise InvalidArgument(
            f"--log-level must be one of {', '.join(logs.LEVELS)}, not {log_level!r}",
            hint="Leave it out for the default.",
        )
    logs.configure(log_level)
    return Mode.ONCE if once else Mode.DRAIN if drain else Mode.FOREVER


def place(text: str, option: str, example: int) -> tuple[str, int]:
    """The host and port in `[HOST:]PORT`, without HOST the loopback interface. Raises InvalidArgument (OPS_018)."""
    host, _, port = text.rpartition(":")
    if not (port.isascii() and port.isdecimal() and len(port) < 6 and int(port) <= 65_535):
        raise InvalidArgument(
            f"{option} must be [HOST:]PORT, not {text!r}", hint=f"For example: {option} {example}"
        )
    return host.removeprefix("[").removesuffix("]") or "127.0.0.1", int(port)


def load_apps(apps: Iterable[str], *kinds: Plugins) -> None:
    """Add what --app names to those of `kinds` that it is of. Raises InvalidArgument (OPS_018) for what is of none."""
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 - as `python -m` does, so that --app finds the user's module
    for target in apps:
        try:
            _add(imported(target), kinds)
        # Importing runs the user's module, which may raise anything.
        except Exception as error:
            if origin := _origin(error):
                raise InvalidArgument(
                    f"--app {target}: {type(error).__name__}: {error}",
                    detail=origin,
                    hint="Mend it there; `python -c 'import …'` of the module shows how it came to that line.",
                ) from error
            marks = " or ".join(kind.mark for kind in kinds)
            raise InvalidArgument(
                f"--app {target}: {error}",
                hint=f"Give module or module:attribute, with functions marked {marks}.",
            ) from error


def _add(source: object, kinds: Sequence[Plugins]) -> None:
    """Add what `source` holds to each of `kinds`. Raises TypeError where it holds nothing of any."""
    faults: list[TypeError] = []
    for kind in kinds:
        try:
            kind.add(source)
        except TypeError as error:
            faults.append(error)
    if len(faults) == len(kinds):
        raise faults[0]


def _origin(error: Exception) -> dict[str, Any] | None:
    """The file and line in the user's modules that an error comes from; None where it comes from none of them."""
    if isinstance(error, SyntaxError):
        return {"file": error.filename, "line": error.lineno}
    ours = (str(Path(__file__).parents[1]), str(Path(importlib.__file__).parent), "<frozen importlib")
    places = [one for one in traceback.extract_tb(error.__traceback__) if not one.filename.startswith(ours)]
    return {"file": places[-1].filename, "line": places[-1].lineno} if places else None


def run(life: Coroutine[Any, Any, int]) -> None:
    """Run a program until it ends; raises typer.Exit when its exit code is not 0."""
    code = program.run(life)
    if code:
        raise typer.Exit(code)


def claimed_text(
    claimed: int, outcomes: Mapping[str, int], refusals: Mapping[str, int], what: str, nothing: str
) -> None:
    """Print how what was claimed ended, and that claims were refused; `nothing` when nothing was there to claim."""
    ends = ", ".join(f"{number} {outcome}" for outcome, number in sorted(outcomes.items()))
    if claimed or not refusals:
        output.print_text(f"{claimed} {what}: {ends}" if claimed else nothing)
    if refusals:
        codes = ", ".join(f"{code} ({number} times)" for code, number in sorted(refusals.items()))
        output.print_text(
            f"The database refused claims: {codes}. Whether work is left is unknown; the log has more."
        )
