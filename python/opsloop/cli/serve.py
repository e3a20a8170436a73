"""`serve`: the HTTP control plane."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opsloop.cli import output, program
from opsloop.cli.program import LogLevel
from opsloop.cli.session import LOOP, Session, command
from opsloop.client import connect
from opsloop.database import Database
from opsloop.errors import InvalidArgument, NotAllowed, NotSignedIn
from opsloop.process.program import stop_on_signals

if TYPE_CHECKING:
    from opsloop.config import Settings
    from opsloop.serve.process import HttpServer


def serve(
    session: Session,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; others than loopback only behind TLS.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0 for a free one.")] = 8484,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Show everything, change nothing, whoever asks.")
    ] = False,
    tls: Annotated[
        bool, typer.Option("--tls", help="A proxy with TLS stands in front: cookies only by way of it.")
    ] = False,
    proxy_header: Annotated[
        str | None,
        typer.Option(
            "--proxy-header",
            metavar="NAME",
            help="Header in which a proxy names who has signed in there, if the policy document sign_in trusts it.",
        ),
    ] = None,
    connections: Annotated[
        int, typer.Option("--connections", min=1, max=500, help="Most database connections.")
    ] = 10,
    request_seconds: Annotated[
        float,
        typer.Option("--request-seconds", min=0.1, help="Longest time that a request may take to arrive."),
    ] = 20.0,
    pgbouncer: Annotated[
        bool,
        typer.Option("--pgbouncer", help="A transaction pooler stands in between: no prepared statements."),
    ] = False,
    log_level: LogLevel = "info",
) -> None:
    """Serve the HTTP API, the dashboard and the metrics, until Ctrl-C.

    Every request shows a key (`opsloop key create`) and acts as the login of that key, with the rights of its role and
    no others; the database sees to that. OPS_API_KEY, of at least 32 characters, opens POST /api/ops/heartbeat and
    GET /metrics, and nothing else.

    Its own login is the owner of the schema, or a member of the group <schema>_server.

    Exit codes: 0 ended in order; 1 opsloop is not installed there, or its own login may not serve (OPS_015); 2 the
    command line or the environment cannot be used (OPS_018), such as a port that is taken; 3 no database is configured,
    or it cannot be reached at the start (OPS_001), while later requests are answered with 503 until it is back; 130
    ended by a second signal.
    """
    program.begin(once=False, drain=False, log_level=log_level)
    settings = session.settings()
    with session.database() as dsn:
        one = server(
            settings,
            Database(dsn, session.schema_name, pooled=pgbouncer),
            host=host,
            port=port,
            read_only=read_only,
            tls=tls,
            proxy_header=proxy_header,
            connections=connections,
            request_seconds=request_seconds,
        )
        # A setting that cannot work is reported now, not at the first request.
        assert_may_serve(dsn, session.schema_name)
        program.run(_run(one, session))


def server(settings: Settings, database: Database, **options: Any) -> HttpServer:
    """An HTTP server that does not listen yet. Raises InvalidArgument (OPS_018) where the extra is not installed."""
    try:
        process: Any = import_module("opsloop.serve.process")
    except ModuleNotFoundError as error:
        raise InvalidArgument(
            f"what serves HTTP is not installed: there is no module {error.name}",
            hint="pip install 'opsloop[serve]'",
        ) from error
    made: HttpServer = process.HttpServer(process.ServeSettings.of(settings, database, **options))
    return made


def assert_may_serve(dsn: str, schema: str) -> None:
    """Raise NotAllowed (OPS_015) unless this login may ask whose call it is: no request could be answered."""
    with connect(dsn, schema) as client:
        try:
            client.find_caller(key="")
        except NotSignedIn:
            pass
        except NotAllowed as error:
            raise NotAllowed(
                f"the login {client.conn.info.user} may not serve: it could not ask whose call it is",
                detail={"login": client.conn.info.user, "refused": error.message},
                hint="Connect as the owner of the schema, or as a member of the group <schema>_server: docs/http.md.",
            ) from error


async def _run(one: HttpServer, session: Session) -> int:
    address = one.bind()
    stop_on_signals(one.stop)

    def tell() -> None:
        if session.json:
            output.print_json({"url": address})
        else:
            output.print_text(f"serving on {address}, until Ctrl-C", stderr=True)

    try:
        await one.run(tell)
    except asyncio.CancelledError:
        return 130
    return 130 if one.hurried else 0


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    command(app, "serve", LOOP)(serve)
