"""The MCP server over stdin and stdout. Stdout belongs to the protocol; what there is to log goes to stderr."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Coroutine
from io import TextIOWrapper
from typing import Any, cast

import anyio
import psycopg
from jsonschema import Draft202012Validator
from mcp import types
from mcp.server import Server, ServerRequestContext
from mcp.server.stdio import stdio_server

import opsloop
from opsloop import database, jsonio
from opsloop.client import connect_async
from opsloop.errors import DatabaseError, InvalidArgument, OpsError
from opsloop.mcp.tools import TOOLS, WAIT_LIMIT, Json, Tool, source
from opsloop.process import logs

ARGUMENTS_LIMIT = 256 * 1024
"""Largest arguments of one call, bytes of JSON."""
POLL_SECONDS = 0.5
"""How often a tool that waits looks again, each time in a transaction of its own."""
STATEMENT_SECONDS = 15
"""Longest time one statement may take."""
_FAULTS = 20
_EXACT = "opsloop/exact-arguments"

_INSTRUCTIONS = (
    "opsloop runs work under a policy that you cannot change. You propose with propose_mission; policy lets it run, "
    "refuses it, or leaves it to a person. What waits for a person waits: read_mission says why. Never look for a way "
    "around it; propose something smaller instead."
)


class Agent:
    """An agent of one role at one loop. Every call has a connection and a transaction of its own."""

    def __init__(self, dsn: str, schema: str, role: str) -> None:
        self._dsn = dsn
        self._schema = schema
        self._role = role
        self._log = logs.get(role=role)
        self._validators = {name: Draft202012Validator(tool.schema) for name, tool in TOOLS.items()}

    async def serve(self) -> None:
        """Answer until stdin ends."""
        server: Server[Any] = Server(
            "opsloop",
            version=opsloop.__version__,
            instructions=_INSTRUCTIONS,
            on_list_tools=self._list_tools,
            on_call_tool=self._call_tool,
        )
        lines = _lines()
        self._log.info("serving", source=source(self._role))
        # Of the file that it asks for it only reads the lines.
        async with stdio_server(stdin=cast("anyio.AsyncFile[str]", lines)) as (reads, writes):
            await server.run(reads, writes, server.create_initialization_options())

    async def _list_tools(
        self, _context: ServerRequestContext[Any], _params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return types.ListToolsResult(
            tools=[
                types.Tool(
                    name=tool.name,
                    title=tool.title,
                    description=tool.description,
                    input_schema=tool.schema,
                    annotations=types.ToolAnnotations(
                        read_only_hint=tool.reads_only, destructive_hint=False, open_world_hint=False
                    ),
                )
                for tool in TOOLS.values()
            ]
        )

    async def _call_tool(
        self, _context: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        began = time.monotonic()
        outcome = "cancelled"
        try:
            exact = cast("Json", params.meta or {}).get(_EXACT)
            arguments = params.arguments if exact is None else jsonio.loads(exact)
            answer = await _ended_in_order(self._answer(params.name, arguments or {}))
            outcome = "done"
            return _result(answer)
        except OpsError as error:
            outcome = error.code
            return _result({"error": error.as_dict()}, is_error=True)
        finally:
            took = round((time.monotonic() - began) * 1000)
            self._log.info("tool called", tool=params.name[:64], outcome=outcome, milliseconds=took)

    async def _answer(self, name: str, arguments: Json) -> Json:
        tool = TOOLS.get(name)
        if tool is None:
            raise InvalidArgument(
                f"there is no tool {name[:64]!r}", hint=f"The tools are: {', '.join(TOOLS)}."
            )
        self._check_arguments(tool, arguments)
        until = time.monotonic() + arguments.get("seconds", WAIT_LIMIT)
        while True:
            answer = await self._call(tool, arguments)
            if tool.is_settled is None or tool.is_settled(answer) or time.monotonic() + POLL_SECONDS > until:
                return answer
            await asyncio.sleep(POLL_SECONDS)

    async def _call(self, tool: Tool, arguments: Json) -> Json:
        try:
            async with connect_async(self._dsn, self._schema) as client, client.conn.transaction():
                await database.limit_statements(client.conn, STATEMENT_SECONDS)
                # Asked anew each time: what the login may do can change while the server runs.
                await client.assert_agent(self._role)
                return await tool.run(client, self._role, arguments)
        except psycopg.Error as error:
            raise DatabaseError(
                error.diag.message_primary or str(error).partition("\n")[0],
                detail={"sqlstate": error.sqlstate},
                hint="Nothing was changed. Try again later.",
            ) from error

    def _check_arguments(self, tool: Tool, arguments: Json) -> None:
        try:
            size = len(jsonio.dumps(arguments))
        except TypeError as error:
            raise InvalidArgument(f"{tool.name}: the arguments are not JSON: {error}") from error
        if size > ARGUMENTS_LIMIT:
            raise InvalidArgument(
                f"{tool.name}: the arguments are too large",
                detail={"bytes": size, "most": ARGUMENTS_LIMIT},
                hint="Give what is needed, and refer to the rest.",
            )
        faults = []
        for fault in self._validators[tool.name].iter_errors(arguments):
            faults.append(
                f"{fault.json_path.removeprefix('$').lstrip('.') or 'arguments'}: {fault.message[:200]}"
            )
            if len(faults) == _FAULTS:
                break
        if faults:
            raise InvalidArgument(
                f"{tool.name}: {faults[0]}",
                detail=faults,
                hint="Give what the input schema of the tool says. Nothing was done.",
            )


def _lines() -> AsyncIterator[str]:
    """The lines of stdin, as the SDK is to read them. Raises InvalidArgument (OPS_018) where stdin is closed."""
    if sys.stdin is None:
        raise InvalidArgument(
            "stdin is closed", hint="Start opsloop mcp from an MCP client, which writes to its stdin."
        )
    text = TextIOWrapper(sys.stdin.buffer, encoding="utf-8", errors="replace")
    return (_with_exact_numbers(line) async for line in anyio.wrap_file(text))


def _with_exact_numbers(line: str) -> str:
    """A message, with its arguments as text beside them where they have numbers that a double does not hold.

    The SDK reads decimals as doubles.
    """
    try:
        message = jsonio.loads(line)
        params = message["params"] if message["method"] == "tools/call" else {}
        arguments, meta = params["arguments"], params.get("_meta") or {}
        if not (jsonio.has_decimals(arguments) or _EXACT in meta):
            return line
        params["_meta"] = {**meta, _EXACT: jsonio.text(arguments)}
        return jsonio.text(message)
    except (AttributeError, KeyError, TypeError, ValueError):
        # No call of a tool, or none that is well formed: for the SDK to judge.
        return line


async def _ended_in_order(work: Coroutine[Any, Any, Json]) -> Json:
    """Run `work`; when the call is cancelled, once, wait until the statement that it runs has ended on the server.

    The SDK's own cancellation hits a task again and again, also while it cleans up.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        task.cancel()
        with anyio.CancelScope(shield=True):
            await asyncio.wait([task])
        raise


def _result(answer: Json, *, is_error: bool = False) -> types.CallToolResult:
    readable = jsonio.read(jsonio.dumps(answer))
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=jsonio.text(readable))],
        structured_content=readable,
        is_error=is_error,
    )
