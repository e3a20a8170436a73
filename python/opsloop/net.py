"""HTTP as this package speaks it: for webhooks, and for the executors `http` and `agent`.

aiohttp speaks the protocol. What is decided here: which addresses may be called, which certificates are trusted, how
long connections are kept, when a request is sent once more, how much of an answer is unpacked, and what it means for a
delivery or a step.
Redirects are not followed, cookies are not kept, and proxies named in the environment are not used: each would get
around the judgement of addresses.
"""

from __future__ import annotations

import asyncio
import contextvars
import datetime
import email.message
import email.utils
import functools
import ipaddress
import re
import socket
import ssl
import time
import weakref
import zlib
from collections.abc import AsyncGenerator, Collection, Mapping
from dataclasses import dataclass

import aiohttp
from aiohttp.abc import ResolveResult
from aiohttp.connector import Connection
from aiohttp.resolver import ThreadedResolver
from aiohttp.tracing import Trace
from yarl import URL

from opsloop.executors.outcomes import Fatal, Retry, RetryAfter

#: Kept connections are closed after so long without a request; and no request begins on one that is so old, since
#: names move to other addresses.
_IDLE_SECONDS = 15.0
_LONGEST_LIFE = 120.0
#: Statuses below 500 that may pass.
MAY_PASS = frozenset({408, 425, 429})
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
#: Addresses that the module `ipaddress` of some Python wrongly calls public: special addresses of IANA's registries,
#: and the virtual address at which Azure answers each of its machines.
_NOT_PUBLIC = tuple(
    ipaddress.ip_network(one)
    for one in (
        "168.63.129.16/32",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "64:ff9b:1::/48",
        "100:0:0:1::/64",
        "2001::/23",
        "3fff::/20",
        "5f00::/16",
        "fec0::/10",
    )
)
_AS_WRITTEN = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_METHOD = re.compile(r"[A-Z]+(-[A-Z]+)*")
_LONGEST_METHOD = 20
#: CONNECT makes a tunnel, TRACE sends back what the request had in its headers.
_NO_METHODS = frozenset({"CONNECT", "TRACE"})
#: Headers that say where a request goes, where it ends, and what becomes of its connection; that is aiohttp's business.
#: The policy document `outbox` refuses the same ones (_outbox_policy_faults).
_FRAMING = frozenset(
    {
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "upgrade",
        "te",
        "trailer",
        "expect",
    }
    | {"http2-settings", "proxy-connection", "proxy-authorization"}
)
_MOST_HEADERS = 64 * 1024
_NO_HEADER = "the headers must each be a name and one line of ASCII"
#: How zlib is told of the codings that are asked for.
_PACKED = {"gzip": zlib.MAX_WBITS | 16, "x-gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}
#: Headers that aiohttp would add where they are not given.
_NOT_ADDED = ("Accept-Encoding", "Content-Type")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a server."""

    status: int
    reason: str
    headers: Mapping[str, str]
    """By name, in any case of letters."""
    body: bytes
    """The beginning of it, as far as it was to be kept."""
    truncated: bool
    """Whether there was more."""

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        """The body as text; what is not of its charset is replaced."""
        said = email.message.Message()
        said["Content-Type"] = self.headers.get("Content-Type", "")
        try:
            return self.body.decode(said.get_content_charset("utf-8"), "replace")
        except (LookupError, UnicodeError):
            return self.body.decode("utf-8", "replace")


class CannotBeSent(ValueError):  # noqa: N818 - a verdict
    """The arguments make no request."""


class _NotPublic(Exception):  # noqa: N818 - a verdict
    """An address that may only be called where policy says so."""


async def ask(
    method: str,
    url: URL,
    *,
    headers: Mapping[str, str],
    body: bytes | None,
    seconds: float,
    keep: int,
    drop: int = 0,
    decode: bool = False,
    allow_private: bool,
    allowed_by: str,
) -> Answer:
    """Send a request, within `seconds` from first to last, and return the answer.

    `keep` bytes of its body are kept; what follows is read and dropped up to `drop` bytes, so that the connection can
    be used again, and an answer that is longer ends its connection. With `decode` a packed body is asked for, and
    unpacked as far as it is kept. Of a name with several addresses each is tried; one that does not let itself be
    connected to is given up after half of `seconds` at the latest.

    Raises Retry when the server cannot be reached or does not answer; Fatal for an address that is not public, unless
    `allow_private` (`allowed_by` says in the message what policy would have to have), and for a success whose body
    is packed in a way that was not asked for; CannotBeSent.
    """
    _check(method, headers)
    where = url.host
    if decode:
        headers = {"Accept-Encoding": "gzip, deflate", **headers}
    reading: _Reading | None = None
    try:
        async with asyncio.timeout(seconds):
            session = await _session(allow_private)
            while True:
                flight = _Flight()
                _of_this_task.set(flight)
                try:
                    response = await session.request(
                        method,
                        url,
                        headers=headers,
                        data=body,
                        allow_redirects=False,
                        # aiohttp would unpack a coding within a coding, as much of it as there is.
                        auto_decompress=False,
                        timeout=_connecting(seconds / 2),
                        ssl=certificates() if url.scheme == "https" else True,
                    )
                except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
                    # A server may close a kept connection at any time; that it had not seen the request is likely.
                    # aiohttp sends once more what is idempotent by its method; here each request has its key.
                    if not flight.kept or _settled(error):
                        raise
                    continue
                async with response:
                    if response.status < 200:
                        raise Retry(f"{where}: what it answers is not HTTP: it changes the protocol")
                    reading = _Reading(response, keep, decode=decode)
                    await reading.read(drop)
                    return reading.answer()
    except TimeoutError as error:
        if reading is not None and reading.is_success:
            reading.truncated = True
            return reading.answer()
        raise Retry(f"{where}: no answer within {seconds:g} s") from error
    except _NotPublic as error:
        raise Fatal(f"{error}; {allowed_by} for that") from error
    except (aiohttp.ClientConnectorDNSError, UnicodeError) as error:
        why = error.os_error if isinstance(error, aiohttp.ClientConnectorDNSError) else error
        raise Retry(f"the host {where!r} cannot be resolved: {why}") from error
    except aiohttp.InvalidURL as error:
        raise CannotBeSent(f"the url cannot be used: {error.description}") from error
    except aiohttp.ClientConnectorError as error:
        raise Retry(f"{where}: {type(error.os_error).__name__}: {error.os_error}") from error
    except (aiohttp.ClientResponseError, aiohttp.ClientPayloadError) as error:
        said = error.message if isinstance(error, aiohttp.ClientResponseError) else error
        raise Retry(f"{where}: what it answers is not HTTP, or not all of it: {said}") from error
    except (aiohttp.ClientError, OSError) as error:
        raise Retry(f"{where}: {type(error).__name__}: {error}") from error


@functools.lru_cache
def parsed(url: str) -> URL:
    """A URL that can be asked. It is sent as it is written; only what no URL may have in it is quoted.

    Raises CannotBeSent.
    """
    if _CONTROL.search(url):
        raise CannotBeSent("the url has control characters in it")
    try:
        found = URL(url, encoded=_AS_WRITTEN.fullmatch(url) is not None)
        if found.scheme in ("http", "https") and found.host and found.port:
            if found.user is not None or found.password is not None:
                raise CannotBeSent("the url must not have a user in it; give a header Authorization")
            return found
    except CannotBeSent:
        raise
    except ValueError as error:
        raise CannotBeSent(f"the url cannot be used: {error}") from error
    raise CannotBeSent("the url must begin with http:// or https:// and a host")


def failure(answer: Answer, may_pass: Collection[int] = MAY_PASS) -> Retry | Fatal:
    """What an answer that is no success means: 5xx and what is in `may_pass` may be tried again, all else not."""
    said = f"HTTP {answer.status}: {answer.text[:500].strip() or answer.reason}".rstrip(": ")
    if answer.status in may_pass or answer.status >= 500:
        seconds = retry_after(answer.headers.get("Retry-After"))
        return Retry(said) if seconds is None else RetryAfter(seconds, said)
    if 300 <= answer.status < 400:
        return Fatal(f"{said} (redirects are not followed)")
    return Fatal(said)


def retry_after(value: str | None) -> float | None:
    """Seconds that a Retry-After header asks for, given as a number or as a date; None when unreadable."""
    if value is None:
        return None
    if value.isascii() and value.strip().isdigit():
        return float(value)
    try:
        at = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=datetime.UTC)
    return max(0.0, (at - datetime.datetime.now(datetime.UTC)).total_seconds())


def is_public(address: Address) -> bool:
    """True for an address out on the internet; addresses wrapped in IPv6 are judged by what they wrap."""
    judged: Address = address
    if isinstance(address, ipaddress.IPv6Address):
        judged = address.ipv4_mapped or address.sixtofour or address
        if address in _NAT64:
            judged = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    special = judged.is_multicast or judged.is_reserved or any(judged in network for network in _NOT_PUBLIC)
    return judged.is_global and not special


@functools.cache
def certificates() -> ssl.SSLContext:
    """The authorities that the system trusts; reading them takes too long to do it for each request."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


@functools.lru_cache
def _connecting(seconds: float) -> aiohttp.ClientTimeout:
    """No bound but the one for the connection to one address; how long all may take is bounded by the caller."""
    return aiohttp.ClientTimeout(total=None, sock_connect=seconds)


def _check(method: str, headers: Mapping[str, str]) -> None:
    """Refuse what would not arrive as it is meant, or would be a request of its own."""
    _check_method(method)
    size = 0
    names = set()
    for name, value in headers.items():
        names.add(_sendable(name))
        if not value.isascii() or not value.isprintable():
            raise CannotBeSent(_NO_HEADER)
        size += len(name) + len(value)
    if len(names) < len(headers):
        raise CannotBeSent("the headers must not have a name twice")
    if size > _MOST_HEADERS:
        raise CannotBeSent(f"the headers must not have more than {_MOST_HEADERS} bytes")


@functools.lru_cache
def _check_method(method: str) -> None:
    if len(method) > _LONGEST_METHOD or not _METHOD.fullmatch(method) or method in _NO_METHODS:
        raise CannotBeSent(
            "the method must be a word in capitals, such as GET, and neither CONNECT nor TRACE"
        )


@functools.lru_cache
def _sendable(name: str) -> str:
    """The name of a header in small letters. Raises CannotBeSent for one that may not be given."""
    small = name.lower()
    if not _TOKEN.fullmatch(name):
        raise CannotBeSent(_NO_HEADER)
    if small in _FRAMING:
        raise CannotBeSent(f"the headers must not say {name}")
    return small


def _judge(host: str, address: str) -> None:
    if not is_public(ipaddress.ip_address(address.partition("%")[0])):
        raise _NotPublic(f"the host {host!r} is at {address}, which is not a public address")


class _JudgingResolver(ThreadedResolver):
    """Refuses a name of which any address is not public."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """See aiohttp: the addresses to connect to, asked for at each new connection."""
        found = await super().resolve(host, port, family)
        for one in found:
            _judge(host, one["host"])
        return found


def _judged_socket(info: aiohttp.AddrInfoType) -> socket.socket:
    """A socket, once its very address was looked at: one that a URL names never comes to the resolver."""
    family, kind, proto, _, address = info
    _judge(str(address[0]), str(address[0]))
    return socket.socket(family, kind, proto)


@dataclass(slots=True)
class _Flight:
    """A request on its way."""

    kept: bool = False
    """Whether it goes over a connection that was kept."""


_of_this_task: contextvars.ContextVar[_Flight] = contextvars.ContextVar("flight")


class _Connector(aiohttp.TCPConnector):
    """Keeps connections for so long and no longer, and none over which something came unasked."""

    def __init__(self, allow_private: bool) -> None:
        super().__init__(
            resolver=ThreadedResolver() if allow_private else _JudgingResolver(),
            socket_factory=None if allow_private else _judged_socket,
            use_dns_cache=False,
            limit=0,
            keepalive_timeout=_IDLE_SECONDS,
        )
        self._opened: weakref.WeakKeyDictionary[object, float] = weakref.WeakKeyDictionary()

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - as it is in aiohttp
    ) -> Connection:
        """See aiohttp: a kept connection, or a new one."""
        while True:
            connection = await super().connect(req, traces, timeout)
            protocol, flight = connection.protocol, _of_this_task.get()
            assert protocol is not None
            flight.kept = protocol in self._opened
            if not flight.kept:
                self._opened[protocol] = time.monotonic()
                return connection
            young = time.monotonic() < self._opened[protocol] + _LONGEST_LIFE
            # aiohttp would take what came unasked for the answer to the next request.
            if young and not protocol.should_close:
                return connection
            connection.close()


def _settled(error: aiohttp.ClientError) -> bool:
    """Whether asking again would not help: there was no connection at all, or a part of the answer had come."""
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return not isinstance(error.message, str)
    return isinstance(error, aiohttp.ClientConnectorError)


class _Unpacked:
    """A body in one coding, unpacked only as far as it is asked for."""

    def __init__(self, coding: str) -> None:
        self._bits = _PACKED[coding]
        self._zlib: zlib._Decompress | None = None

    def add(self, packed: bytes, most: int) -> bytes:
        """What the next part makes, up to `most` bytes; after an answer of that length nothing may be added."""
        made = bytearray()
        while packed and len(made) < most:
            if self._zlib is None:
                # Some servers leave out the head of a deflate; with it the low half of the first byte is 8.
                raw = self._bits == zlib.MAX_WBITS and packed[0] & 0x0F != 8
                self._zlib = zlib.decompressobj(-self._bits if raw else self._bits)
            made += self._zlib.decompress(packed, most - len(made))
            packed = self._zlib.unconsumed_tail
            if self._zlib.eof:
                # A gzip may have several members, one after the other.
                packed, self._zlib = self._zlib.unused_data, None
        return bytes(made)

    def at_end(self) -> bool:
        """Whether what has come is whole."""
        return self._zlib is None


class _Reading:
    """An answer while it is read. A success is one by its status: when its body breaks off, cannot be unpacked or takes
    too long, it is an answer with a truncated body, since asking again would do once more what was done.
    """

    def __init__(self, response: aiohttp.ClientResponse, keep: int, *, decode: bool) -> None:
        self._response = response
        self._keep = keep
        self._body = bytearray()
        self._coding = ""
        if decode:
            self._coding = ", ".join(response.headers.getall("Content-Encoding", [])).strip().lower()
        self._unpacked = _Unpacked(self._coding) if self._coding in _PACKED else None
        self.truncated = False

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self._response.status < 300

    def answer(self) -> Answer:
        """The received part, as far as it is kept."""
        said, body = self._response, bytes(self._body[: self._keep])
        return Answer(said.status, said.reason or "", said.headers, body, self.truncated)

    async def read(self, drop: int) -> None:
        """Read on to the end, or until more than `drop` bytes have come that are not kept."""
        if self._coding not in ("", "identity") and self._unpacked is None:
            # Packed in a way that was not asked for.
            self._cut()
            return
        try:
            await self._read(drop)
        except (aiohttp.ClientError, aiohttp.http.HttpProcessingError, OSError, zlib.error) as error:
            if self.is_success:
                self._cut()
            elif isinstance(error, zlib.error):
                raise aiohttp.ClientPayloadError(f"{self._coding}: {error}") from error
            else:
                raise

    async def _read(self, drop: int) -> None:
        read = 0
        async for chunk in self._response.content.iter_any():
            read += len(chunk)
            if not self.truncated:
                # One byte more says whether there is more.
                room = self._keep + 1 - len(self._body)
                self._body += self._unpacked.add(chunk, room) if self._unpacked else chunk[:room]
                self.truncated = len(self._body) > self._keep
            if self.truncated and read > drop:
                self._cut()
                return
        if self._unpacked and not self.truncated and not self._unpacked.at_end():
            raise aiohttp.ClientPayloadError(f"{self._coding}: it ends in the middle")

    def _cut(self) -> None:
        self._response.close()
        self.truncated = True


_Sessions = dict[bool, aiohttp.ClientSession]
_loops: dict[asyncio.AbstractEventLoop, tuple[_Sessions, AsyncGenerator[None]]] = {}


async def _closed_with_the_loop(sessions: _Sessions) -> AsyncGenerator[None]:
    """The generators that a loop has begun are ended by asyncio before the loop is closed."""
    try:
        yield
    finally:
        del _loops[asyncio.get_running_loop()]
        for session in sessions.values():
            await session.close()


async def _session(allow_private: bool) -> aiohttp.ClientSession:
    """The session of this event loop; a connection that private addresses were allowed is never lent for others."""
    loop = asyncio.get_running_loop()
    if loop not in _loops:
        sessions: _Sessions = {}
        end = _closed_with_the_loop(sessions)
        _loops[loop] = sessions, end
        await anext(end)
    sessions, _ = _loops[loop]
    if allow_private not in sessions:
        sessions[allow_private] = aiohttp.ClientSession(
            connector=_Connector(allow_private),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "opsloop"},
            skip_auto_headers=_NOT_ADDED,
            trust_env=False,
        )
    return sessions[allow_private]
