"""What the commands that run a program have alike: `worker`, `relay` and `up`."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Callable, Coroutine, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from opsloop.cli import output
from opsloop.errors import InvalidArgument
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
        raise InvalidArgument(f"--log-level must be one of {', '.join(logs.LEVELS)}, not {log_level!r}")
    logs.configure(log_level)
    return Mode.ONCE if once else Mode.DRAIN if drain else Mode.FOREVER


def load_apps(load: Callable[[str], object], apps: Iterable[str], mark: str) -> None:
    """Load what --app names. Raises InvalidArgument (OPS_018) naming what cannot be loaded."""
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 - as `python -m` does, so that --app finds the user's module
    for target in apps:
        try:
            load(target)
        # Importing runs the user's module, which may raise anything.
        except Exception as error:
            if place := _place(error):
                raise InvalidArgument(
                    f"--app {target}: {type(error).__name__}: {error}",
                    detail=place,
                    hint="Mend it there; `python -c 'import …'` of the module shows how it came to that line.",
                ) from error
            raise InvalidArgument(
                f"--app {target}: {error}",
                hint=f"Give module or module:attribute, with functions marked {mark}.",
            ) from error


def _place(error: Exception) -> dict[str, Any] | None:
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
