"""An HTTP/1.1 client for webhooks: small POSTs, many a second, over connections that are kept.

A general client spends a millisecond of processor on each request, several times what the rest of a delivery costs.
This one knows what webhooks need: no redirects, no cookies, no proxies, no compression; of an answer it wants the
status, Retry-After, and the beginning of the body. Names are resolved at each new connection, judged, and connected to
at the address that was judged.
"""

from __future__ import annotations

import asyncio
import functools
import re
import time
from collections import deque
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

from opsloop.executors.address import resolve
from opsloop.executors.http import certificates
from opsloop.executors.outcomes import Fatal, Retry

_HEAD_LIMIT = 64 * 1024
_BODY_KEPT = 2_000
#: An answer that is longer is not waited for: its status counts, and the connection is closed.
_BODY_LIMIT = 1024 * 1024
#: Kept connections are closed after so long without a request, and in any case so long after they were opened: names
#: move to other addresses.
_IDLE_SECONDS = 15.0
_LONGEST_LIFE = 120.0
_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: .*)?")
_ALLOWED_BY = 'the policy outbox needs "allow_private": true, for all routes or for this one,'


class Broken(Exception):  # noqa: N818 - what became of a connection
    """The connection ended, or what came was no HTTP; `untouched` when nothing came at all."""

    def __init__(self, message: str, *, untouched: bool = False) -> None:
        super().__init__(message)
        self.untouched = untouched


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL leads."""

    host: str
    port: int
    tls: bool
    path: bytes
    authority: bytes
    """What the header Host says."""


@functools.lru_cache(maxsize=1024)
def target(url: str) -> Target:
    """Take a URL apart. Raises Fatal for one that cannot be used."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        if parts.scheme not in ("http", "https") or not host or parts.username is not None:
            raise ValueError("it must begin with http:// or https:// and a host, without a user")
        name = host if ":" in host else host.encode("idna").decode()
        path = parts.path or "/"
        whole = (path + ("?" + parts.query if parts.query else "")).encode("ascii")
    except ValueError as error:
        raise Fatal(f"the url of the route cannot be used: {error}") from error
    if re.search(rb"[\x00-\x20\x7f]", whole):
        raise Fatal("the url of the route cannot be used: it has blanks in it")
    tls = parts.scheme == "https"
    shown = f"[{name}]" if ":" in name else name
    authority = shown if port is None else f"{shown}:{port}"
    return Target(name, port or (443 if tls else 80), tls, whole, authority.encode("ascii"))


@dataclass(slots=True)
class Answer:
    """What a server said."""

    status: int
    headers: dict[bytes, bytes]
    body: bytearray = field(default_factory=bytearray)
    """The beginning of it."""

    @property
    def text(self) -> str:
        """The beginning of the body, as text."""
        return self.body.decode("utf-8", "replace")


class Client:
    """Kept connections by host. Used by one event loop."""

    def __init__(self) -> None:
        self._idle: dict[tuple[str, int, bool, bool], deque[_Connection]] = {}

    async def post(self, to: Target, request: bytes, *, allow_private: bool) -> Answer:
        """Send a whole request and return the answer.

        Raises Retry when the server cannot be reached or does not answer, Fatal for an address that is not allowed.
        """
        key = (to.host, to.port, to.tls, allow_private)
        idle = self._idle.setdefault(key, deque())
        while True:
            connection, kept = self._kept(idle), True
            if connection is None:
                connection, kept = await _connect(to, allow_private), False
            try:
                answer = await connection.ask(request)
            except Broken as error:
                # A server may close a kept connection at any time; that it had not seen the request is likely, and
                # the receiver knows a message that it has seen.
                if kept and error.untouched:
                    continue
                raise Retry(f"{to.host}: {error}") from error
            if connection.usable:
                idle.append(connection)
            return answer

    def close(self) -> None:
        """Close every kept connection."""
        for idle in self._idle.values():
            for connection in idle:
                connection.abort()
        self._idle.clear()

    def _kept(self, idle: deque[_Connection]) -> _Connection | None:
        now = time.monotonic()
        while idle:
            connection = idle.pop()
            if connection.usable and now < connection.used_at + _IDLE_SECONDS and now < connection.ends_at:
                return connection
            connection.abort()
        return None


async def _connect(to: Target, allow_private: bool) -> _Connection:
    address = await resolve(to.host, to.port, allow_private=allow_private, allowed_by=_ALLOWED_BY)
    loop = asyncio.get_running_loop()
    try:
        _, connection = await loop.create_connection(
            _Connection,
            str(address),
            to.port,
            ssl=certificates() if to.tls else None,
            server_hostname=to.host if to.tls else None,
        )
    except OSError as error:
        raise Retry(f"{to.host} at {address}: {type(error).__name__}: {error}") from error
    return connection


class _Connection(asyncio.Protocol):
    """One connection; asks one thing at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[Answer] | None = None
        self._buffer = bytearray()
        self._answer: Answer | None = None
        #: Bytes of the body still to come; None: until the end of the connection; -1: in chunks.
        self._left: int | None = 0
        self._read = 0
        self._keep = True
        self.used_at = time.monotonic()
        self.ends_at = self.used_at + _LONGEST_LIFE

    @property
    def usable(self) -> bool:
        """Whether another request may follow."""
        return (
            self._keep
            and self._waiter is None
            and self._transport is not None
            and not self._transport.is_closing()
        )

    async def ask(self, request: bytes) -> Answer:
        """Send a request; return the answer. Raises Broken. Cancelled, it closes the connection."""
        if not self.usable or self._transport is None:
            raise Broken("the server closed the connection", untouched=True)
        self._answer, self._read = None, 0
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            self._transport.write(request)
            return await self._waiter
        except BaseException:
            self.abort()
            raise
        finally:
            self._waiter = None
            self.used_at = time.monotonic()

    def abort(self) -> None:
        """Close the connection at once."""
        self._keep = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        self._keep = False
        if self._answer is not None and self._left is None and exc is None:
            self._done()
        else:
            self._fail(
                "the server closed the connection" if exc is None else f"{type(exc).__name__}: {exc}",
                untouched=self._answer is None and not self._buffer,
            )

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        if self._waiter is None or self._waiter.done():
            self.abort()  # nobody asked
            return
        self._buffer += data
        try:
            while self._answer is None:
                end = self._buffer.find(b"\r\n\r\n")
                if end < 0:
                    if len(self._buffer) > _HEAD_LIMIT:
                        raise ValueError("its headers have no end")
                    return
                self._begin(bytes(self._buffer[:end]))
                del self._buffer[: end + 4]
            if self._body():
                self._done()
        except (ValueError, OverflowError) as error:
            self.abort()
            self._fail(f"what it answers is not HTTP: {error}")

    def _begin(self, head: bytes) -> None:
        """Take the status line and the headers; an interim answer leaves things as they are."""
        first, *lines = head.split(b"\r\n")
        status = _STATUS.fullmatch(first)
        if status is None:
            raise ValueError("it has no status line")
        headers: dict[bytes, bytes] = {}
        for line in lines:
            name, colon, value = line.partition(b":")
            if not colon or not name or name != name.strip():
                raise ValueError("it has a header without a name")
            name, value = name.lower(), value.strip()
            if name in (b"content-length", b"transfer-encoding") and headers.get(name, value) != value:
                raise ValueError("it says twice how long it is")
            headers[name] = value
        code = int(status[2])
        if code == 101:
            raise ValueError("it changes the protocol")
        if code < 200:
            return
        self._answer = Answer(code, headers)
        connection = headers.get(b"connection", b"").lower()
        self._keep = self._keep and status[1] == b"1" and b"close" not in connection
        length = headers.get(b"content-length")
        if code in (204, 304):
            self._left = 0
        elif b"transfer-encoding" in headers:
            if headers[b"transfer-encoding"].lower() != b"chunked":
                raise ValueError("it has an unknown transfer encoding")
            self._left = -1
        elif length is None:
            self._left = None
        elif not length.isdigit():
            raise ValueError("it has no length")
        else:
            self._left = int(length)

    def _body(self) -> bool:
        """Take what there is of the body; True when that is all, or enough."""
        if self._left == -1:
            return self._chunks()
        taken = len(self._buffer) if self._left is None else min(self._left, len(self._buffer))
        self._take(taken)
        if self._left is not None:
            self._left -= taken
        return self._left == 0 or self._enough()

    def _chunks(self) -> bool:
        while True:
            end = self._buffer.find(b"\r\n")
            if end < 0:
                if len(self._buffer) > _HEAD_LIMIT:
                    raise ValueError("a chunk has no length")
                return self._enough()
            size = bytes(self._buffer[:end]).partition(b";")[0].strip()
            if not re.fullmatch(rb"[0-9A-Fa-f]{1,8}", size):
                raise ValueError("a chunk has no length")
            length = int(size, 16)
            if length == 0:
                # Trailers may follow, up to an empty line.
                rest = bytes(self._buffer[end:])
                if rest.startswith(b"\r\n\r\n"):
                    del self._buffer[: end + 4]
                    return True
                stop = rest.find(b"\r\n\r\n")
                if stop < 0:
                    return False
                del self._buffer[: end + stop + 4]
                return True
            if len(self._buffer) < end + 2 + length + 2:
                return self._enough(len(self._buffer))
            if self._buffer[end + 2 + length : end + 4 + length] != b"\r\n":
                raise ValueError("a chunk is longer than it says")
            del self._buffer[: end + 2]
            self._take(length)
            del self._buffer[:2]

    def _take(self, number: int) -> None:
        assert self._answer is not None
        kept = self._answer.body
        if len(kept) < _BODY_KEPT:
            kept += self._buffer[: min(number, _BODY_KEPT - len(kept))]
        del self._buffer[:number]
        self._read += number

    def _enough(self, more: int = 0) -> bool:
        if self._read + more <= _BODY_LIMIT:
            return False
        self._keep = False
        return True

    def _done(self) -> None:
        if self._buffer:
            self._keep = False  # more than was asked for
        if self._waiter is not None and not self._waiter.done():
            assert self._answer is not None
            self._waiter.set_result(self._answer)
        if not self._keep and self._transport is not None:
            self._transport.abort()

    def _fail(self, message: str, *, untouched: bool = False) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(Broken(message, untouched=untouched))
