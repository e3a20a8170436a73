"""Whether the server lives, and whether it can work."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import opsloop
from opsloop.errors import OpsError
from opsloop.serve.callers import Credentials
from opsloop.serve.problems import RETRY_SECONDS
from opsloop.serve.serving import of

_READER = Credentials(role="reader")


async def alive(_request: Request) -> Response:
    """It answers. The database is not asked: to restart this process would not bring it back."""
    return JSONResponse({"status": "ok", "version": opsloop.__version__})


async def ready(request: Request) -> Response:
    """It answers, and so does the loop in the database."""
    try:
        async with of(request).acting(_READER, read_only=True) as loop:
            await loop.compatibility()
    except OpsError as error:
        return JSONResponse(
            {"status": "unavailable", "code": error.code}, 503, {"retry-after": str(RETRY_SECONDS)}
        )
    return JSONResponse({"status": "ok"})


def routes() -> list[Route]:
    """The routes that need no key: they tell nothing but yes or no."""
    return [
        Route("/health", alive, methods=["GET"]),
        Route("/healthz", alive, methods=["GET"]),
        Route("/readyz", ready, methods=["GET"]),
    ]
