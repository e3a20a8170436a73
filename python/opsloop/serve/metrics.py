"""`GET /metrics`, made by `opsloop.metrics`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from opsloop.metrics import CONTENT_TYPE, exposition
from opsloop.serve.serving import acting


async def show(request: Request) -> Response:
    """All metrics of the loop."""
    async with acting(request) as loop:
        return Response(await exposition(loop.conn, loop.schema), media_type=CONTENT_TYPE)


def routes() -> list[Route]:
    """The route."""
    return [Route("/metrics", show, methods=["GET"])]
