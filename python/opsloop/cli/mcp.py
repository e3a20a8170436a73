"""`mcp`: lets an agent work with the loop, by the Model Context Protocol."""

from __future__ import annotations

import asyncio
import importlib
import signal
from typing import Annotated

import typer

from opsloop.cli.session import SIGNALS, Session, command
from opsloop.client import connect_async
from opsloop.errors import InvalidArgument
from opsloop.process import logs


def mcp(
    session: Session,
    role: Annotated[
        str, typer.Option("--role", help="Which agent this is: a role in the policy document agent_roles.")
    ],
) -> None:
    """Serve an agent over stdin and stdout: it reads the board, emits events, proposes missions and asks why they wait.

    Agents never approve and never set policy: a login that may is refused (OPS_015). Connect as a member of the role
    <schema>_producer. What the agent brings in has the source agent:ROLE. The log goes to stderr.
    """
    logs.configure("info")
    with session.database() as dsn:
        asyncio.run(_check(dsn, session.schema_name, role))
        # Only now: the SDK takes a second to load.
        try:
            server = importlib.import_module("opsloop.mcp.server")
        except ModuleNotFoundError as error:
            raise InvalidArgument(
                f"the MCP SDK is not installed: there is no module {error.name}",
                hint="pip install 'opsloop[mcp]'",
            ) from error
        # Stdin is read in a thread that nothing can wake: on Ctrl-C there is nothing to wait for.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        asyncio.run(server.Agent(dsn, session.schema_name, role).serve())


async def _check(dsn: str, schema: str, role: str) -> None:
    async with connect_async(dsn, schema) as client:
        await client.assert_agent(role)


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    command(app, "mcp", SIGNALS)(mcp)
