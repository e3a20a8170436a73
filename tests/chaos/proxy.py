"""A TCP proxy between the fleet and the server, which can be as bad as networks are."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable, Coroutine
from random import Random
from threading import Thread
from typing import Any

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER with no time: closing sends RST


class _Link:
    """One connection through the proxy."""

    def __init__(self, client: asyncio.StreamWriter) -> None:
        self.client = client
        self.server: asyncio.StreamWriter | None = None
        self.delay = 0.0
        self.slice = 65536
        self.open = asyncio.Event()
        self.open.set()

    def reset(self) -> None:
        for writer in (self.client, self.server):
            if writer is not None:
                raw = writer.get_extra_info("socket")
                with contextlib.suppress(OSError):
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                writer.transport.abort()


class Proxy:
    """Listens on a port of 127.0.0.1 and passes on to the Unix socket `target`, in a thread of its own."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.port = 0
        self._links: set[_Link] = set()
        self._fresh: Callable[[_Link], None] = lambda link: None
        self._loop = asyncio.new_event_loop()
        self._listener: asyncio.Server | None = None
        Thread(target=self._loop.run_forever, daemon=True).start()
        self._do(self._listen())

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _listen(self) -> None:
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", self.port, reuse_address=True)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        link = _Link(client)
        self._links.add(link)
        self._fresh(link)
        try:
            await link.open.wait()
            source, link.server = await asyncio.open_unix_connection(self.target)
            await asyncio.gather(
                self._pass_on(link, reader, link.server), self._pass_on(link, source, client)
            )
        except (OSError, RuntimeError):
            pass  # either side is gone, or was closed by half, and so is the other now
        finally:
            self._links.discard(link)
            for writer in (client, link.server):
                if writer is not None:
                    writer.transport.abort()

    async def _pass_on(self, link: _Link, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(link.slice):
            if link.delay:
                await asyncio.sleep(link.delay)
            await link.open.wait()
            target.write(data)
            await target.drain()
        if target.can_write_eof():
            target.write_eof()
        # PostgreSQL ends for good when either side does.
        await asyncio.sleep(0.2)
        target.transport.abort()

    async def _each(self, draw: Random, share: float, change: Callable[[_Link], None]) -> list[_Link]:
        chosen = [link for link in list(self._links) if draw.random() < share]
        for link in chosen:
            change(link)
        return chosen

    # What can be done to it. Each gives the number of connections that it met.

    def slow(self, draw: Random, share: float, delay: float, size: int = 65536) -> int:
        """Everything takes longer, on these connections and on all new ones, until `normal`."""

        def change(link: _Link) -> None:
            link.delay, link.slice = delay, size

        self._fresh = change
        return len(self._do(self._each(draw, share, change)))

    def drop(self, draw: Random, share: float) -> int:
        """Nothing comes through any more and nobody is told, on these connections and on all new ones."""

        def change(link: _Link) -> None:
            link.open.clear()

        self._fresh = change
        return len(self._do(self._each(draw, share, change)))

    def half_close(self, draw: Random, share: float) -> int:
        """The server's side is closed towards the clients, which may still send, to nobody."""

        def change(link: _Link) -> None:
            link.open.clear()
            if link.client.can_write_eof():
                link.client.write_eof()

        return len(self._do(self._each(draw, share, change)))

    def reset(self, draw: Random, share: float) -> int:
        """Connections end with RST."""
        return len(self._do(self._each(draw, share, _Link.reset)))

    def refuse(self) -> None:
        """Nobody listens any more; what is open stays so."""

        async def close() -> None:
            if self._listener is not None:
                self._listener.close()
                self._listener = None

        self._do(close())

    def normal(self, draw: Random, lost: float = 0.0) -> None:
        """All well again; of the connections that were silent, this share is reset, and the others go on."""

        async def mend() -> None:
            self._fresh = lambda link: None
            for link in list(self._links):
                if not link.open.is_set() and draw.random() < lost:
                    link.reset()
                link.delay, link.slice = 0.0, 65536
                link.open.set()
            if self._listener is None:
                await self._listen()

        self._do(mend())

    def cut(self) -> None:
        """End all connections."""
        self.reset(Random(0), 2.0)
