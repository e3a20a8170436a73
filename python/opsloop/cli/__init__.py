"""The command line `opsloop`.

Exit codes: 0 done; 1 refused or failed, the OPS code says why; 2 the command line or the environment cannot be used
(OPS_018); 3 the database cannot be reached (OPS_001); 4 `ingest` skipped bad lines; 5 `worker` or `relay` dropped a
finished result; 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, MutableMapping, Sequence
from importlib import import_module
from typing import Annotated, Any

import psycopg
import typer
from typer.core import TyperGroup

import opsloop
from opsloop.cli import output
from opsloop.errors import DatabaseError, DatabaseUnavailable, InvalidArgument, OpsError, advice
from opsloop.process.outlet import outlets

#: Modules, in the order of `opsloop --help`, and the commands that each registers.
MODULES = {
    "init": ("init",),
    "events": ("emit", "ingest"),
    "proposals": ("propose", "approve", "reject", "withdraw"),
    "inbox": ("inbox",),
    "mcp": ("mcp",),
    "ps": ("ps",),
    "metrics": ("metrics",),
    "stats": ("stats",),
    "lists": ("list",),
    "show": ("show",),
    "explain": ("explain", "health", "check"),
    "grants": ("grant", "grants", "revoke", "break-glass", "review"),
    "up": ("up",),
    "serve": ("serve",),
    "key": ("key",),
    "operations": ("retry", "resolve", "cancel", "top", "heartbeat", "seed", "demo"),
    "control": ("pause", "resume", "kill", "after-restore", "end-session", "drain"),
    "move": ("move",),
    "purge": ("purge",),
    "schema": ("migrate", "rollback", "status", "sql"),
    "documented": ("schema",),
    "fleet": ("fleet",),
    "roles": ("roles",),
    "worker": ("worker",),
    "relay": ("relay",),
    "policy": ("policy",),
    "schedule": ("schedule",),
    "dead": ("dead",),
    "handoff": ("handoff", "directive"),
    "subagents": ("subagents",),
    "compat": ("compat",),
}

_EPILOG = (
    "Exit codes: 0 done · 1 refused or failed, the OPS code says why · 2 the command line or the environment cannot "
    "be used (OPS_018) · 3 the database cannot be reached (OPS_001) · 4 ingest skipped bad lines · "
    "5 worker or relay dropped a finished result · 130 interrupted. "
    'Errors go to stderr, with --json as {"error": {"code", "message", "detail", "hint"}}.'
)


class _Commands(MutableMapping[str, Any]):
    """Commands by name. A command's module is loaded when it is asked for: to load all takes longer than most run."""

    def __init__(self) -> None:
        self._module = {name: module for module, names in MODULES.items() for name in names}
        self._built: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._built:
            part = typer.Typer()
            import_module(f"{__name__}.{self._module[name]}").register(part)
            self._built.update(typer.main.get_group(part).commands)
        return self._built[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._built[name] = command

    def __delitem__(self, name: str) -> None:
        del self._module[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._module)

    def __len__(self) -> int:
        return len(self._module)


class _Root(TyperGroup):
    """The group `opsloop`."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands = _Commands()


app = typer.Typer(
    name="opsloop",
    cls=_Root,
    help="An autonomous ops loop that lives in PostgreSQL.",
    epilog=_EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"opsloop {opsloop.__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    pass


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    # The bytes of the command line are UTF-8, whatever the locale: Python reads them by that of the locale.
    given = [os.fsencode(word).decode("utf-8", "surrogateescape") for word in arguments or sys.argv[1:]]
    sys.exit(run(given))


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code; errors are printed on stderr.

    The exit code tells of what was done, whether or not that could be printed.
    """
    with outlets():
        return _run(arguments)


def _run(arguments: list[str]) -> int:
    try:
        done = app(arguments, prog_name="opsloop", standalone_mode=False)
    except OpsError as error:
        return _refused(error, arguments)
    except typer.TyperException as error:
        # Without a message, the help was asked for by giving nothing, and is printed already.
        return _refused(_usage(error), arguments) if error.format_message() else 2
    except psycopg.Error as error:
        detail = {"sqlstate": error.sqlstate, "detail": error.diag.message_detail}
        message = error.diag.message_primary or str(error)
        return _refused(DatabaseError(message, detail=detail, hint=advice(error)), arguments)
    except (typer.Abort, KeyboardInterrupt):
        return 130
    return done if isinstance(done, int) else 0


def _refused(error: OpsError, arguments: list[str]) -> int:
    output.report(error, json_wanted="--json" in arguments)
    if isinstance(error, InvalidArgument):
        return 2
    return 3 if isinstance(error, DatabaseUnavailable) else 1


def _usage(error: typer.TyperException) -> InvalidArgument:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "opsloop"
    return InvalidArgument(error.format_message(), hint=f"{path} --help")
