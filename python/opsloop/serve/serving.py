"""What all requests of one server share, and how a request asks the database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from starlette.requests import HTTPConnection

from opsloop.client import AsyncClient
from opsloop.errors import ServerReadOnly, as_ours, translate
from opsloop.results import Asked
from opsloop.serve.callers import Credentials, Tries, credentials
from opsloop.serve.pool import Pool
from opsloop.serve.settings import ServeSettings

_STATEMENT_SECONDS = 15.0
"""Longest time one statement may take."""
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class ActingClient(AsyncClient):
    """A client whose calls are those of whoever asked: as that login, and with the rights of that role only."""

    caller: Asked


class Serving:
    """One server: its settings, its connections, and the wrong keys that it was shown."""

    def __init__(self, settings: ServeSettings) -> None:
        self.settings = settings
        self.pool = Pool(settings.database, settings.connections)
        self.tries = Tries()

    @asynccontextmanager
    async def acting(
        self, given: Credentials, *, read_only: bool = False, seconds: float = _STATEMENT_SECONDS
    ) -> AsyncIterator[ActingClient]:
        """Yield a client in a transaction of its own that is a call of whoever gave these credentials.

        `seconds`: longest time that one statement may take.

        Raises NotSignedIn (OPS_091) for credentials that are not or no longer valid, DatabaseUnavailable (OPS_001), and
        what the calls in the block raise; then nothing is changed. The database does all of the judging.
        """
        async with self.pool.connection() as conn:
            try:
                with translate():
                    async with conn.transaction():
                        client = ActingClient(conn, self.settings.database.schema)
                        client.caller = await client.act_as(
                            given.key,
                            given.sign_in,
                            given.login,
                            given.role,
                            given.proxy,
                            read_only or self.settings.read_only,
                        )
                        await conn.execute(
                            "select set_config('statement_timeout', %s, true)",
                            (str(round(seconds * 1000)),),
                        )
                        yield client
            except psycopg.Error as error:
                raise as_ours(error) from error

    @asynccontextmanager
    async def itself(self) -> AsyncIterator[AsyncClient]:
        """Yield a client for what the server does for itself: signing in and out. It may do nothing else."""
        async with self.pool.connection() as conn:
            try:
                with translate():
                    yield AsyncClient(conn, self.settings.database.schema)
            except psycopg.Error as error:
                raise as_ours(error) from error


def of(request: HTTPConnection) -> Serving:
    """The server that a request came to."""
    serving: Serving = request.app.state.serving
    return serving


@asynccontextmanager
async def acting(request: HTTPConnection, *, reads: bool | None = None) -> AsyncIterator[ActingClient]:
    """Speak as the caller of a request; the block, as in `await loop.inbox()`, is what the caller says.

    A block is a transaction. In one of a GET, or with `reads`, the database refuses to write; in any other one a server
    in read-only mode refuses at once (OPS_093). `loop.caller` has the caller's name, role and login. A wrong key counts
    as a try.
    """
    serving = of(request)
    safe = request.scope.get("method") in _SAFE if reads is None else reads
    if serving.settings.read_only and not safe:
        raise ServerReadOnly(
            "this server is read-only: it shows, and changes nothing",
            hint="Use another one, or the command line.",
        )
    given = credentials(request, serving.settings)
    with serving.tries.watch(request, given):
        async with serving.acting(given, read_only=safe) as loop:
            request.state.key_name = loop.caller.name
            yield loop


async def call(request: HTTPConnection, method: str, *args: Any, **named: Any) -> Any:
    """Make one call as the caller of a request, such as `"list_missions", 50`."""
    async with acting(request) as loop:
        return await getattr(loop, method)(*args, **named)
