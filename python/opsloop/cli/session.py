"""Options of every command: --dsn, --schema, --embedded and --json, and the connection they lead to."""

from __future__ import annotations

import getpass
import inspect
import os
import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Concatenate, ParamSpec, get_type_hints
from uuid import UUID

import typer
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from opsloop.cli import output
from opsloop.client import OwningClient, connect
from opsloop.config import Settings, check_dsn, check_schema
from opsloop.errors import InvalidArgument, translate

P = ParamSpec("P")


@dataclass(frozen=True)
class Session:
    """The common options of one command."""

    dsn: str | None
    schema: str | None
    embedded: bool
    json: bool

    def settings(self) -> Settings:
        """Return the environment's settings, checked."""
        return Settings.from_env()

    @property
    def schema_name(self) -> str:
        """The schema meant: --schema, else OPSLOOP_SCHEMA, else `opsloop`."""
        if self.schema is not None:
            return check_schema(self.schema, "--schema")
        return self.settings().schema

    @contextmanager
    def database(self) -> Iterator[str]:
        """Yield the connection string meant; with --embedded, a server runs while the block does.

        Raises DatabaseUnavailable (OPS_001) when nothing says which database is meant.
        """
        if not self.embedded:
            yield check_dsn(self.dsn, "--dsn") if self.dsn is not None else self.settings().database()
            return
        if self.dsn is not None:
            raise InvalidArgument("--embedded and --dsn exclude each other", hint="Leave one of them out.")
        from opsloop import embedded as embedded_server
        from opsloop import migrate

        with embedded_server.server(embedded_directory()) as server, translate():
            dsn = server.dsn()
            if migrate.bring_up(dsn, self.schema_name):
                migrate.seed(dsn, self.schema_name)
            yield dsn

    @contextmanager
    def client(self) -> Iterator[OwningClient]:
        """Yield a client in autocommit mode."""
        schema = self.schema_name
        with self.database() as dsn, connect(dsn, schema) as client:
            yield client

    def can_ask(self) -> bool:
        """Whether a person sits at a terminal and can be asked."""
        return not self.json and output.on_terminal()

    def whole_id(self, client: OwningClient, given: str, *what: str) -> UUID:
        """Return the id meant: a whole one as it is, else the one of a `what` that ends with these digits."""
        try:
            return UUID(given)
        except ValueError:
            return client.whole_id(given, "|".join(what))

    def show(self, value: Any, text: Callable[[], None], *, shows: bool = False) -> None:
        """Print a result: as JSON with --json, else by `text`. `shows`: nothing else was done; as for `command`."""
        if self.json:
            output.print_json(value)
        else:
            text()
        if shows and not output.was_printed():
            raise typer.Exit(1)

    def command(self, *words: object) -> str:
        """Return the exact command line for a next step, with this command's own --dsn, --schema, --embedded.

        A password in --dsn is left out.
        """
        parts = ["opsloop", *(str(word) for word in words)]
        if self.embedded:
            parts.append("--embedded")
        if self.dsn is not None:
            parts += ["--dsn", _without_password(self.dsn)]
        if self.schema is not None:
            parts += ["--schema", self.schema]
        return shlex.join(parts)


#: Of a connection string, what must not be shown.
_SECRETS = frozenset({"password", "sslpassword"})


def _without_password(dsn: str) -> str:
    values = conninfo_to_dict(dsn)
    if _SECRETS.isdisjoint(values):
        return dsn
    return make_conninfo("", **{name: value for name, value in values.items() if name not in _SECRETS})


def embedded_directory() -> Path:
    """Where --embedded keeps its data: below XDG_DATA_HOME, by default below the home directory.

    Root's default is below /var/lib: his server runs as a user of its own, who cannot enter /root.
    """
    data = os.environ.get("XDG_DATA_HOME")
    if data:
        return Path(data) / "opsloop/embedded"
    return (
        Path("/var/lib/opsloop/embedded")
        if os.geteuid() == 0
        else Path.home() / ".local/share/opsloop/embedded"
    )


def current_user() -> str:
    """Return who is at the keyboard: $USER, else the login name."""
    try:
        return os.environ.get("USER") or getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def an_id(given: str) -> str:
    """Return an id, or the last 8 digits or more of one; for `parser=`."""
    if not re.fullmatch(r"[0-9a-fA-F]{8,32}", given.replace("-", "")):
        raise typer.BadParameter(f"{given!r} is no id, nor the last 8 digits of one.")
    return given


def a_while(given: str) -> timedelta:
    """Return the time that `30s`, `90m`, `1h` or `2d` says; for `parser=`."""
    found = re.fullmatch(r"([0-9]{1,6})([smhd])", given.strip())
    if found is None or not int(found[1]):
        raise typer.BadParameter(f"{given!r} is no time such as 30s, 90m, 1h or 2d.")
    back = timedelta(**{_UNITS[found[2]]: int(found[1])})
    try:
        datetime.now(UTC) - back
    except OverflowError:
        raise typer.BadParameter(f"{given} ago is before the calendar begins") from None
    return back


_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

Actor = Annotated[
    str,
    typer.Option(
        "--actor",
        default_factory=current_user,
        help="Name to record for this act: a claim, stored beside the database login.",
    ),
]
Digest = Annotated[
    str | None,
    typer.Option(
        "--digest", help="Only if what would run is still what the inbox showed with it (OPS_016 else)."
    ),
]
Reason = Annotated[str | None, typer.Option("--reason", help="Why, for whoever reads it later.")]

_COMMON: dict[str, Any] = {
    "dsn": Annotated[
        str | None,
        typer.Option(
            "--dsn",
            help="Connection string (default: DATABASE_URL, else libpq's PG* variables).",
            show_default=False,
        ),
    ],
    "schema": Annotated[
        str | None,
        typer.Option(
            "--schema", help="Schema of the loop (default: OPSLOOP_SCHEMA, else opsloop).", show_default=False
        ),
    ],
    "embedded": Annotated[bool, typer.Option("--embedded", help="Use a private PostgreSQL, for a trial.")],
    "json": Annotated[bool, typer.Option("--json", help="Print JSON.")],
}
_DEFAULTS = {"dsn": None, "schema": None, "embedded": False, "json": False}


# Headings of `opsloop --help`.
SIGNALS = "Signals and intents"
DECISIONS = "Decisions"
WORK = "Work"
LOOP = "The loop itself"
INSTALLATION = "Installation"


def _options(kind: Any) -> list[inspect.Parameter]:
    """Return the fields of a dataclass as parameters."""
    hints = get_type_hints(kind, include_extras=True)
    return [
        inspect.Parameter(
            one.name, inspect.Parameter.KEYWORD_ONLY, default=one.default, annotation=hints[one.name]
        )
        for one in fields(kind)
    ]


def command(
    app: typer.Typer, name: str, panel: str | None = None, *, shows: bool = False
) -> Callable[[Callable[Concatenate[Session, P], None]], Callable[Concatenate[Session, P], None]]:
    """Register a function as a command of `app`, under the heading `panel`. `shows`: it does nothing but print.

    Its first argument is the session, made from the options that all commands have; the rest are its own. One that is a
    dataclass stands for an option for each of its fields.
    """

    def register(
        function: Callable[Concatenate[Session, P], None],
    ) -> Callable[Concatenate[Session, P], None]:
        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        groups: dict[str, Any] = {p.name: p.annotation for p in own if is_dataclass(p.annotation)}
        own = [option for p in own for option in (_options(groups[p.name]) if p.name in groups else [p])]
        common = [
            inspect.Parameter(n, inspect.Parameter.KEYWORD_ONLY, default=_DEFAULTS[n], annotation=a)
            for n, a in _COMMON.items()
        ]
        own = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]

        def run(**given: Any) -> None:
            session = Session(**{n: given.pop(n) for n in _COMMON})
            for name, kind in groups.items():
                given[name] = kind(**{field.name: given.pop(field.name) for field in fields(kind)})
            function(session, **given)  # type: ignore[call-arg]
            if shows and not output.was_printed():
                raise typer.Exit(1)

        run.__doc__ = function.__doc__
        run.__name__ = function.__name__
        run.__signature__ = inspect.Signature([*own, *common])  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in [*own, *common]}
        app.command(name, rich_help_panel=panel)(run)
        return function

    return register
