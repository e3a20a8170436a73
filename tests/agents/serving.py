"""The MCP server as a process, spoken to by the SDK's own client."""

import json
import os
import subprocess
import sys
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from anyio.from_thread import start_blocking_portal
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import CallToolResult, Tool
from psycopg.conninfo import conninfo_to_dict


class Served:
    """A server for as long as the tests run; its stderr is in a file.

    It opens a connection for each call, so libpq's file of services can lead it from one test's database to the next.
    """

    def __init__(self, home: Path) -> None:
        self.log = home / "stderr.log"
        self._service = home / "pg_service.conf"
        self._stack = ExitStack()
        self._client: Client | None = None

    def serve(self, dsn: str) -> None:
        """Leads it to this database; starts it, for an agent with the role planner, when it does not run."""
        lines = [f"{name}={value}" for name, value in conninfo_to_dict(dsn).items()]
        self._service.write_text("\n".join(["[agent]", *lines, ""]))
        if self._client is not None:
            return
        parameters = StdioServerParameters(
            command=sys.executable,
            args=["-m", "opsloop", "mcp", "--role", "planner"],
            env={**os.environ, "DATABASE_URL": "service=agent", "PGSERVICEFILE": str(self._service)},
        )
        self._portal = self._stack.enter_context(start_blocking_portal())
        client = Client(
            stdio_client(parameters, errlog=self._stack.enter_context(self.log.open("w"))),
            read_timeout_seconds=30,
        )
        self._client = self._stack.enter_context(self._portal.wrap_async_context_manager(client))

    def stop(self) -> None:
        """Ends it."""
        self._stack.close()

    def tools(self) -> dict[str, Tool]:
        """What it offers."""
        assert self._client
        return {tool.name: tool for tool in self._portal.call(self._client.list_tools).tools}

    def begin(self, tool: str, **arguments: Any) -> Future[CallToolResult]:
        """Calls a tool, and does not wait for the answer."""
        assert self._client
        return self._portal.start_task_soon(self._client.call_tool, tool, arguments)

    def call(self, tool: str, **arguments: Any) -> Any:
        """Calls a tool, which must answer."""
        result = self.begin(tool, **arguments).result(30)
        assert not result.is_error, result
        (content,) = result.content
        assert json.loads(content.text) == result.structured_content  # type: ignore[union-attr]
        return result.structured_content

    def refused(self, tool: str, **arguments: Any) -> Any:
        """Calls a tool, which must answer with an error that has a code and says what to do."""
        result = self.begin(tool, **arguments).result(30)
        assert result.is_error, result
        assert result.structured_content is not None
        error = result.structured_content["error"]
        assert error["code"].startswith("OPS_")
        assert error["hint"]
        return error


def process(
    dsn: str, *arguments: str, stdin: int = subprocess.PIPE, **environ: str
) -> subprocess.Popen[bytes]:
    """A server whose streams are in the test's hands."""
    return subprocess.Popen(
        [sys.executable, "-m", "opsloop", "mcp", *arguments],
        env={**os.environ, "DATABASE_URL": dsn, **environ},
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
