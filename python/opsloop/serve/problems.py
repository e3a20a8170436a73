"""Errors as answers: problems (RFC 9457) for programs, pages for browsers. The OPS code decides the status."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from opsloop import jsonio
from opsloop.errors import (
    AutoApprovalRefused,
    Busy,
    ControlBusy,
    DatabaseUnavailable,
    Forged,
    GateRefused,
    IllegalState,
    NotAllowed,
    NotFound,
    NotSignedIn,
    OpsError,
    PolicyNotFound,
    PolicyVersionConflict,
    Purged,
    ReadOnlyDatabase,
    SchemaMismatch,
    ServerReadOnly,
    TemplateChanged,
    TooLarge,
    TooManyTries,
    UnknownSchedule,
    is_passing,
)
from opsloop.process import logs

PROBLEM = "application/problem+json"
RETRY_SECONDS = 5
#: A code that is not here is 422: what was sent can be read, and is refused. OPS_022, which is nobody's doing, is 500.
STATUS: Mapping[type[OpsError], int] = {
    DatabaseUnavailable: 503,
    ReadOnlyDatabase: 503,
    SchemaMismatch: 503,
    ControlBusy: 503,
    Busy: 409,
    NotSignedIn: 401,
    TooManyTries: 429,
    ServerReadOnly: 403,
    Forged: 403,
    NotAllowed: 403,
    NotFound: 404,
    PolicyNotFound: 404,
    UnknownSchedule: 404,
    Purged: 410,
    IllegalState: 409,
    TemplateChanged: 409,
    PolicyVersionConflict: 409,
    GateRefused: 409,
    AutoApprovalRefused: 409,
    TooLarge: 413,
}


def status_of(error: OpsError) -> int:
    """The status that an error has as an answer."""
    if type(error) in STATUS:
        return STATUS[type(error)]
    if error.sqlstate is not None and not error.sqlstate.startswith("OP"):
        return 503 if is_passing(error) else 422 if error.sqlstate.startswith("22") else 500
    return 500 if error.code == OpsError.code else 422


def headers_of(error: OpsError, status: int) -> dict[str, str]:
    """What an answer says beside its body: when to try again, and how to sign in."""
    if status == 401:
        return {"www-authenticate": 'Bearer realm="opsloop"'}
    if isinstance(error, TooManyTries):
        return {"retry-after": str(error.detail["retry_after_seconds"])}
    return {"retry-after": str(RETRY_SECONDS)} if status == 503 else {}


def problem(status: int, error: OpsError) -> Response:
    """An error as a problem."""
    body: dict[str, Any] = {
        "type": f"urn:opsloop:{error.code}",
        "title": error.message,
        "status": status,
        "code": error.code,
        "detail": error.message,
        "values": error.detail,
        "hint": error.hint,
    }
    return Response(jsonio.dumps(body), status, headers_of(error, status), PROBLEM)


def plain_problem(status: int, title: str, headers: Mapping[str, str] | None = None) -> Response:
    """What HTTP itself refuses, as a problem; it has no OPS code."""
    body = {"type": "about:blank", "title": title, "status": status}
    return Response(jsonio.dumps(body), status, headers, PROBLEM)


def _for_strangers(error: OpsError) -> OpsError:
    """Where the database is, and as whom the server logs in, is for the log and not for whoever asks."""
    if error.sqlstate == "42501":
        return NotAllowed(error.message, hint="Show a key of a role that may: docs/roles.md.")
    if not isinstance(error, DatabaseUnavailable):
        return error
    logs.get().error("the database is away", code=error.code, sqlstate=error.sqlstate, error=error.message)
    return DatabaseUnavailable(
        "the database cannot be reached", hint="Try again in a moment; the server's log says more."
    )


def _allowed(request: Request) -> dict[str, str]:
    """The methods of a path: each is a route of its own here, and the router names those of the first one only."""
    methods: set[str] = set()
    for route in request.app.routes:
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE:
            methods |= route.methods or set()
    return {"allow": ", ".join(sorted(methods))} if methods else {}


ErrorPage = Callable[[Request, int, str, OpsError | None], Awaitable[Response]]


def is_for_programs(request: Request) -> bool:
    """Whether the answer goes to a program: the API, or whoever does not ask for a page."""
    path = request.scope["path"]
    return (
        path.startswith("/api/")
        or path in ("/metrics", "/openapi.json")
        or "text/html" not in (request.headers.get("accept", ""))
    )


def handlers(page: ErrorPage) -> dict[Any, Any]:
    """The exception handlers of the application; `page` makes a page of an error."""

    async def refused(request: Request, given: Exception) -> Response:
        assert isinstance(given, OpsError)
        error = _for_strangers(given)
        status = status_of(error)
        if is_for_programs(request):
            return problem(status, error)
        answer = await page(request, status, error.message, error)
        answer.headers.update(headers_of(error, status))
        return answer

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        headers = (_allowed(request) if error.status_code == 405 else {}) or error.headers or {}
        if is_for_programs(request):
            return plain_problem(error.status_code, error.detail, headers)
        answer = await page(request, error.status_code, error.detail, None)
        answer.headers.update(headers)
        return answer

    return {OpsError: refused, HTTPException: http}
