"""Runs the application by uvicorn, in whatever process wants one."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from opsloop.errors import InvalidArgument
from opsloop.serve.app import create_app
from opsloop.serve.settings import ServeSettings
from opsloop.serve.stream import Changes

_BACKLOG = 2048
#: Seconds that requests get to end in, once the server was told to stop.
_GRACE = 10


class HttpServer:
    """One HTTP server on one port. It takes no signals: whoever runs it calls `stop`."""

    def __init__(self, settings: ServeSettings) -> None:
        app: Starlette = create_app(settings)
        self._changes: Changes = app.state.changes
        self._settings = settings
        self._socket: socket.socket | None = None
        self._server = _Uvicorn(
            uvicorn.Config(
                app,
                http=type("_Patient", (_Patient,), {"seconds": settings.request_seconds}),
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=_GRACE,
            )
        )

    def bind(self) -> str:
        """Take the port, and return the address of this server. Raises InvalidArgument (OPS_018) when it is taken."""
        # Of a socket an empty host means every address that this host has.
        host, port = self._settings.host or "127.0.0.1", self._settings.port
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._socket = socket.create_server((host, port), family=family, backlog=_BACKLOG)
        except OSError as error:
            raise InvalidArgument(
                f"cannot listen on {host} port {port}: {error.strerror}",
                hint="Another server may have that port: choose one with --port.",
            ) from error
        shown = f"[{host}]" if family == socket.AF_INET6 else host
        return f"http://{shown}:{self._socket.getsockname()[1]}"

    @property
    def hurried(self) -> bool:
        """Whether it was told twice to stop."""
        return self._server.force_exit

    def stop(self) -> None:
        """Ask it to end: requests on their way are answered; a second time: at once."""
        if self._server.should_exit:
            self._server.force_exit = True
        self._server.should_exit = True
        self._changes.stop()

    def end(self) -> None:
        """Ask it to end, unless it was asked already."""
        if not self._server.should_exit:
            self.stop()

    async def run(self, started: Callable[[], None] = lambda: None) -> None:
        """Answer requests until it is told to stop."""
        if self._socket is None:
            self.bind()
        assert self._socket is not None
        started()
        await self._server.serve(sockets=[self._socket])


class _Patient(H11Protocol):
    """Hangs up on a connection whose request does not begin, or whose head does not end; bodies are the guard's."""

    seconds = 20.0
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See uvicorn."""
        super().connection_made(transport)
        self._late = self.loop.call_later(self.seconds, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        """See uvicorn."""
        self._in_time()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See uvicorn."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._in_time()
        elif self._late is None:
            self._late = self.loop.call_later(self.seconds, self.transport.close)

    def _in_time(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


class _Uvicorn(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the program."""
        yield
