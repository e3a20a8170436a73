"""HTTP as this package speaks it: for webhooks, and for the executors `http` and `agent`.

aiohttp speaks the protocol. What is decided here: which addresses may be called, which certificates are trusted, how
long connections are kept, when a request is sent once more, and what an answer means for a delivery or a step.
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
_AS_WRITTEN = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
#: Headers by which a receiver finds the end of a request; that is aiohttp's business.
_FRAMING = frozenset({"content-length", "transfer-encoding"})
#: Headers that aiohttp would add where they are not given.
_NOT_ADDED = ("Accept-Encoding", "Content-Type")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said."""

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
    """What was given makes no request."""


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
    be used again, and an answer that is longer ends its connection. With `decode` a compressed body is asked for, and
    unpacked.

    Raises Retry when the server cannot be reached or does not answer; Fatal for an address that is not public, unless
    `allow_private` (`allowed_by` says in the message what policy would have to have); CannotBeSent.
    """
    _check(method, headers)
    where = url.host
    if decode:
        headers = {"Accept-Encoding": "gzip, deflate", **headers}
    try:
        async with asyncio.timeout(seconds) as limit:
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
                        auto_decompress=decode,
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
                    return await _read(response, keep, drop, limit)
    except TimeoutError as error:
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


def parsed(url: str) -> URL:
    """A URL that can be asked. It is sent as it is written; only what no URL may have in it is quoted.

    Raises CannotBeSent.
    """
    if _CONTROL.search(url):
        raise CannotBeSent("the url has control characters in it")
    try:
        found = URL(url, encoded=_AS_WRITTEN.fullmatch(url) is not None)
        if found.scheme in ("http", "https") and found.host and found.port:
            return found
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
    wrapped: ipaddress.IPv4Address | None = None
    if isinstance(address, ipaddress.IPv6Address):
        wrapped = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if wrapped is None and address in _NAT64:
            wrapped = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    judged: Address = wrapped or address
    return judged.is_global and not judged.is_multicast and not judged.is_reserved


@functools.cache
def certificates() -> ssl.SSLContext:
    """The authorities that the system trusts; reading them takes too long to do it for each request."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _check(method: str, headers: Mapping[str, str]) -> None:
    """Refuse what would not arrive as it is meant, or would be a request of its own."""
    if not _TOKEN.fullmatch(method):
        raise CannotBeSent("the method must be a word")
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name) or not value.isascii() or _CONTROL.search(value):
            raise CannotBeSent("the headers must each be a name and one line of ASCII")
        if name.lower() in _FRAMING:
            raise CannotBeSent(f"the headers must not say {name}")


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


async def _read(response: aiohttp.ClientResponse, keep: int, drop: int, limit: asyncio.Timeout) -> Answer:
    """The answer. A success is one by its status: when its body breaks off, cannot be unpacked or takes too long, it is
    an answer with a truncated body, since asking again would do once more what was done.
    """
    body, read, truncated = bytearray(), 0, False
    ends = limit.when()
    limit.reschedule(None)
    try:
        async with asyncio.timeout_at(ends):
            async for chunk in response.content.iter_any():
                read += len(chunk)
                body += chunk[: keep - len(body)]
                truncated = read > keep
                if truncated and read > drop:
                    response.close()
                    break
    except (aiohttp.ClientError, aiohttp.http.HttpProcessingError, OSError):
        if not 200 <= response.status < 300:
            raise
        response.close()
        truncated = True
    return Answer(response.status, response.reason or "", response.headers, bytes(body), truncated)


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
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            trust_env=False,
        )
    return sessions[allow_private]
