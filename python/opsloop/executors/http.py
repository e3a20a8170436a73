"""`http`: one HTTP request.

Params: `url` (http or https), `method` (GET, or POST when there is a body), `headers`, `json` or `body` (text),
`timeout_seconds` (30, and never past the step's deadline).

Result: `{"status", "headers", "body", "truncated"}`, and `json` when the answer is JSON; the body is cut after
64 KiB. A 2xx answer is success. 408, 425, 429 and 5xx may be tried again, after `Retry-After` when the server
sends it; so may everything that went wrong on the way. Any other answer fails the step for good. Redirects are
not followed. Every request carries the step's `Idempotency-Key`, unless `headers` has one.

Addresses that are not public (loopback, private, link-local, metadata services …) are refused unless
`worker_policy` has `"http_allow_private": true`. The name is resolved once, and the connection goes to the address
that was checked. Proxies named in the environment are not used: they would get around this.
"""

from __future__ import annotations

import contextlib
import datetime
import email.utils
import functools
import ssl
from typing import Any

import httpx

from opsloop import jsonio
from opsloop.errors import ParamsRefused
from opsloop.executors.address import resolve
from opsloop.executors.context import Context
from opsloop.executors.outcomes import Fatal, Retry, RetryAfter
from opsloop.executors.registry import executor

BODY_LIMIT = 64 * 1024
DEFAULT_TIMEOUT = 30.0
_TRY_AGAIN = frozenset({408, 425, 429})
_KEPT_HEADERS = ("content-type", "content-length", "etag", "last-modified", "location", "retry-after")


@executor("http", concurrency=20)
async def run(ctx: Context) -> Any:
    """Send the request that the params describe and judge the answer."""
    request = _request(ctx)
    allow_private = ctx.settings.get("http_allow_private") is True
    transport = PinnedTransport(allow_private=allow_private)
    try:
        async with httpx.AsyncClient(transport=transport, follow_redirects=False, trust_env=False) as client:
            response = await client.send(request, stream=True)
            try:
                body, truncated = await _read(response)
            finally:
                await response.aclose()
    except (httpx.LocalProtocolError, httpx.UnsupportedProtocol) as error:
        raise ParamsRefused(f"http: {error}") from error
    except httpx.TransportError as error:
        raise Retry(f"{request.method} {request.url.host}: {type(error).__name__}: {error}") from error
    return _judge(response, body, truncated)


def _request(ctx: Context) -> httpx.Request:
    params = ctx.params
    unknown = sorted(set(params) - {"url", "method", "headers", "json", "body", "timeout_seconds"})
    if unknown:
        raise ParamsRefused(f"http: unknown params {', '.join(unknown)}")
    if "json" in params and "body" in params:
        raise ParamsRefused("http: give json or body, not both")
    body = params.get("body")
    if body is not None and not isinstance(body, str):
        raise ParamsRefused("http: body must be text; json takes anything else")
    headers = params.get("headers") or {}
    if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
        raise ParamsRefused("http: headers must be an object of texts")
    timeout = params.get("timeout_seconds", DEFAULT_TIMEOUT)
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or timeout <= 0:
        raise ParamsRefused("http: timeout_seconds must be a number of seconds above 0")
    remaining = ctx.remaining()
    has_body = "json" in params or body is not None
    try:
        request = httpx.Request(
            str(params.get("method") or ("POST" if has_body else "GET")).upper(),
            str(params.get("url") or ""),
            headers={"User-Agent": "opsloop", "Idempotency-Key": ctx.idempotency_key, **headers},
            content=jsonio.dumps(params["json"]) if "json" in params else body,
            extensions={
                "timeout": httpx.Timeout(timeout if remaining is None else min(timeout, remaining)).as_dict()
            },
        )
    except (httpx.InvalidURL, ValueError, TypeError) as error:
        raise ParamsRefused(f"http: {error}") from error
    if request.url.scheme not in ("http", "https") or not request.url.host:
        raise ParamsRefused("http: url must start with http:// or https:// and name a host")
    if "json" in params:
        request.headers.setdefault("Content-Type", "application/json")
    return request


@functools.cache
def certificates() -> ssl.SSLContext:
    """The authorities that are trusted; reading them takes too long to do it for each request."""
    return httpx.create_ssl_context()


class PinnedTransport(httpx.AsyncBaseTransport):
    """Resolves the host, refuses what is not public, and connects to the very address it looked at.

    One connection for each request, so that no host ever gets a connection checked for another.
    """

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._inner = httpx.AsyncHTTPTransport(
            verify=certificates(), limits=httpx.Limits(max_keepalive_connections=0), trust_env=False
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request`; raises Fatal for an address that policy does not allow, Retry for an unknown name."""
        host = request.url.host
        address = await resolve(
            host,
            request.url.port or (443 if request.url.scheme == "https" else 80),
            allow_private=self._allow_private,
            allowed_by='worker_policy needs "http_allow_private": true',
        )
        request.extensions = {**request.extensions, "sni_hostname": host}
        request.url = request.url.copy_with(host=str(address))
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close what is open."""
        await self._inner.aclose()


async def _read(response: httpx.Response) -> tuple[bytes, bool]:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > BODY_LIMIT:
            return bytes(body[:BODY_LIMIT]), True
    return bytes(body), False


def _judge(response: httpx.Response, body: bytes, truncated: bool) -> Any:
    text = body.decode(response.charset_encoding or "utf-8", "replace")
    if response.is_success:
        result: dict[str, Any] = {
            "status": response.status_code,
            "headers": {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers},
            "body": text,
            "truncated": truncated,
        }
        if "json" in response.headers.get("content-type", "") and not truncated:
            with contextlib.suppress(ValueError):
                result["json"] = jsonio.loads(body)
        return result
    raise judge_failure(response, text)


def judge_failure(response: httpx.Response, text: str) -> Retry | Fatal:
    """What an answer that is no success means for the step; `text` is its body."""
    said = f"HTTP {response.status_code} {response.reason_phrase}: {text[:500]}".rstrip(": ")
    if response.status_code in _TRY_AGAIN or response.status_code >= 500:
        seconds = retry_after(response.headers.get("retry-after"))
        return Retry(said) if seconds is None else RetryAfter(seconds, said)
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
