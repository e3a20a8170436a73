"""`GET /metrics`, made by `opsloop.metrics`."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from opsloop.serve.serving import acting

_TEXT = "text/plain; version=0.0.4; charset=utf-8"


def routes() -> list[Route]:
    """The route, where there is something to show."""
    if find_spec("opsloop.metrics") is None:
        return []
    exposition: Any = import_module("opsloop.metrics").exposition

    async def show(request: Request) -> Response:
        async with acting(request) as loop:
            return Response(await exposition(loop.conn, loop.schema), media_type=_TEXT)

    return [Route("/metrics", show, methods=["GET"])]
