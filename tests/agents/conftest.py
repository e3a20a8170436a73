"""What the tests of agents share: a producer's login, and the MCP server as a process of its own."""

import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from mcp import Client as McpClient
from mcp import StdioServerParameters
from mcp.client.stdio import stdio_client
from psycopg.conninfo import make_conninfo

from looping import Loop

Serve = Callable[..., AbstractAsyncContextManager[McpClient]]


@pytest.fixture
def loop(conn: psycopg.Connection[Any]) -> Loop:
    """The loop as its owner sees it."""
    return Loop(conn)


@pytest.fixture
def login(loop: Loop, dsn: str) -> Iterator[str]:
    """Connection string of a login that is a member of the producers, and of nothing else."""
    loop.conn.execute("drop role if exists an_agent")
    loop.conn.execute("create role an_agent login in role opsloop_producer")
    yield make_conninfo(dsn, user="an_agent")
    loop.conn.execute("drop owned by an_agent; drop role an_agent")


@pytest.fixture
def serve(login: str, tmp_path: Path) -> Serve:
    """Starts `opsloop mcp` as a process and connects to it; what it writes to stderr goes to stderr.log."""

    @asynccontextmanager
    async def start(role: str = "planner", **environ: str) -> AsyncIterator[McpClient]:
        parameters = StdioServerParameters(
            command=sys.executable,
            args=["-m", "opsloop", "mcp", "--role", role],
            env={**os.environ, "DATABASE_URL": login, **environ},
        )
        with (tmp_path / "stderr.log").open("w") as log:
            async with McpClient(stdio_client(parameters, errlog=log), read_timeout_seconds=20) as client:
                yield client

    return start
