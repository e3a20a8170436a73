"""`http`: one HTTP request.

Params: `url` (http or https), `method` (GET, or POST when there is a body), `headers`, `json` or `body` (text),
`timeout_seconds` (30, and never past the step's deadline).

Result: `{"status", "headers", "body", "truncated"}`, and `json` when the answer is JSON; the body is cut after
64 KiB. A 2xx answer is success, even when its body breaks off: then it is truncated. 408, 425, 429 and 5xx may be
tried again, after `Retry-After` when the server sends it; so may everything that went wrong on the way. Any other
answer fails the step for good. Redirects are not followed. Every request carries the step's `Idempotency-Key`,
unless `headers` has one.

Addresses that are not public (loopback, private, link-local, metadata services …) are refused unless
`worker_policy` has `"http_allow_private": true`. The name is resolved once, and connections go to the addresses that
were checked, to one after the other until one answers. Proxies named in the environment are not used: they would get
around this. A packed answer (gzip, deflate) is unpacked as far as it is kept; of a coding within a coding nothing is.

`headers` may not say where the request goes, where it ends or what becomes of the connection (`Host`,
`Content-Length`, `Transfer-Encoding`, `Connection`, `Upgrade` …), nor the url a user; `CONNECT` and `TRACE` are no
methods here.
"""

from __future__ import annotations

import contextlib
from typing import Any

from opsloop import jsonio, net
from opsloop.errors import ParamsRefused
from opsloop.executors.context import Context
from opsloop.executors.registry import executor
from opsloop.process.watching import trace_headers

BODY_LIMIT = 64 * 1024
DEFAULT_TIMEOUT = 30.0
_LONGEST_TIMEOUT = 604_800
_KEPT_HEADERS = ("content-type", "content-length", "etag", "last-modified", "location", "retry-after")


@executor("http", concurrency=20)
async def run(ctx: Context) -> Any:
    """Send the request that the params describe and judge the answer."""
    try:
        answer = await net.ask(
            **_request(ctx),
            keep=BODY_LIMIT,
            decode=True,
            allow_private=ctx.settings.get("http_allow_private") is True,
            allowed_by='worker_policy needs "http_allow_private": true',
        )
    except net.CannotBeSent as error:
        raise ParamsRefused(f"http: {error}") from error
    if not answer.is_success:
        raise net.failure(answer)
    return _result(answer)


def _request(ctx: Context) -> dict[str, Any]:
    """What the params say of the request, for `net.ask`."""
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
    if not jsonio.is_number(timeout) or not 0 < timeout <= _LONGEST_TIMEOUT:
        raise ParamsRefused(
            f"http: timeout_seconds must be a number of seconds above 0, {_LONGEST_TIMEOUT} at most"
        )
    method = params.get("method") or ("GET" if body is None and "json" not in params else "POST")
    if not isinstance(method, str) or not method.isascii():
        raise ParamsRefused("http: method must be text, such as GET")
    remaining = ctx.remaining()
    content = jsonio.dumps(params["json"]) if "json" in params else None if body is None else body.encode()
    given = {name.lower() for name in headers}
    own = {"Idempotency-Key": ctx.idempotency_key, **trace_headers()}
    if "json" in params:
        own["Content-Type"] = "application/json"
    return {
        "method": method.upper(),
        "url": net.parsed(str(params.get("url") or "")),
        "headers": {**{name: own[name] for name in own if name.lower() not in given}, **headers},
        "body": content,
        "seconds": float(timeout) if remaining is None else min(float(timeout), remaining),
    }


def _result(answer: net.Answer) -> dict[str, Any]:
    result: dict[str, Any] = {
        "status": answer.status,
        "headers": {name: answer.headers[name] for name in _KEPT_HEADERS if name in answer.headers},
        "body": answer.text,
        "truncated": answer.truncated,
    }
    if "json" in answer.headers.get("content-type", "") and not answer.truncated:
        with contextlib.suppress(ValueError):
            result["json"] = jsonio.loads(answer.body)
    return result
