"""Layers around every request: headers that browsers obey, limits of bodies, one line in the log."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from opsloop import jsonio
from opsloop.errors import OpsError, TooLarge
from opsloop.process import logs
from opsloop.serve.callers import FORM_COOKIE, FORM_STATE
from opsloop.serve.problems import PROBLEM

MOST_BYTES = 4 * 1024 * 1024
"""Largest body of a request."""
_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        b"font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
]
_TLS_ONLY = (b"strict-transport-security", b"max-age=31536000")
_NOT_KEPT = (b"cache-control", b"no-store")


class _TooSlowError(Exception):
    """A body did not arrive in time."""


class Guard:
    """The outermost part of the application. Nothing passes it but answers: no traceback, and no text of one."""

    def __init__(self, app: ASGIApp, seconds: float, *, tls: bool) -> None:
        self._app = app
        self._seconds = seconds
        self._tls = tls
        self._log = logs.get()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = _Request(scope, receive, send, self._seconds, tls=self._tls)
        try:
            await self._app(scope, request.receive, request.send)
        except ClientDisconnect:
            pass  # there is nobody to answer
        except _TooSlowError:
            await request.refuse(408, {"title": f"the body did not arrive within {self._seconds:g} seconds"})
        except OpsError as error:
            await request.refuse(413, {"title": error.message, **error.as_dict()})
        except asyncio.CancelledError:
            # The server ends, and has waited long enough. Nothing else cancels a request.
            await request.refuse(503, {"title": "this server ends"})
        except Exception as error:  # noqa: BLE001 - what nobody foresaw: its text may hold anything
            self._log.error("request failed", path=_path(scope), error=type(error).__name__)
            await request.refuse(500, {"title": "this server has a fault; its log says which"})
        finally:
            # The path as routed, where there is one: never what stands behind the question mark.
            self._log.info(
                "request",
                method=scope["method"],
                path=_path(scope),
                status=request.status,
                milliseconds=round((time.monotonic() - request.began) * 1000, 1),
                **({"key": name} if (name := scope.get("state", {}).get("key_name")) else {}),
            )


class _Request:
    """One request on its way through."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, seconds: float, *, tls: bool) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._bytes = 0
        self._whole = False
        self._seconds = seconds
        self._tls = tls
        self.began = time.monotonic()
        self.status = 0

    async def receive(self) -> Message:
        """The next part of the body, if it is not too large and not too late."""
        if self._whole:
            return await self._receive()
        left = self.began + self._seconds - time.monotonic()
        try:
            async with asyncio.timeout(max(0.0, left)):
                message = await self._receive()
        except TimeoutError:
            raise _TooSlowError from None
        if message["type"] == "http.request":
            self._whole = not message.get("more_body", False)
            self._bytes += len(message.get("body", b""))
            if self._bytes > MOST_BYTES:
                raise TooLarge(
                    f"the body is larger than {MOST_BYTES} bytes", hint="Send it in several requests."
                )
        return message

    async def send(self, message: Message) -> None:
        """Part of the answer, with our headers."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            given = {name for name, _ in message["headers"]}
            ours = [*_HEADERS, _NOT_KEPT, *([_TLS_ONLY] if self._tls else [])]
            secret = self._scope.get("state", {}).get(FORM_STATE)
            if secret is not None:
                ours.append((b"set-cookie", _form_cookie(secret, tls=self._tls)))
            message["headers"] = [*message["headers"], *((n, v) for n, v in ours if n not in given)]
        await self._send(message)

    async def refuse(self, status: int, body: dict[str, Any]) -> None:
        """Answer with a problem, unless an answer has begun; the connection is then of no further use."""
        if self.status:
            return
        content = jsonio.dumps({"type": "about:blank", "status": status, **body})
        headers = [
            (b"content-type", PROBLEM.encode()),
            (b"content-length", str(len(content)).encode()),
            (b"connection", b"close"),
        ]
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": content})


def _form_cookie(secret: str, *, tls: bool) -> bytes:
    cookie = Response()
    cookie.set_cookie(FORM_COOKIE, secret, path="/", secure=tls, httponly=True, samesite="strict")
    return cookie.headers["set-cookie"].encode()


def _path(scope: Scope) -> str:
    route = scope.get("route")
    return str(getattr(route, "path", None) or scope["path"])
