"""The routes of the API, and the document that describes them."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from opsloop import jsonio
from opsloop.serve import stream
from opsloop.serve.api import heartbeat
from opsloop.serve.api.openapi import document
from opsloop.serve.api.operation import ID, Json, Operation
from opsloop.serve.api.operations import API
from opsloop.serve.api.webhooks import SignedEvents
from opsloop.serve.serving import acting

STREAM = "/api/v1/stream"
_STREAM: Json = {
    "get": {
        "operationId": "get_stream",
        "summary": "Follow what changes, as server-sent events: mission, step, proposal, health",
        "description": "After a break, Last-Event-ID goes on from there; the event `again` says to load anew.",
        "parameters": [
            {"name": "kinds", "in": "query", "required": False, "schema": {"type": "string"}},
            {"name": "mission_id", "in": "query", "required": False, "schema": ID},
        ],
        "responses": {
            "200": {"description": "Events", "content": {"text/event-stream": {"schema": {"type": "string"}}}}
        },
    }
}


def whole_document() -> Json:
    """The OpenAPI document."""
    return document(API, {heartbeat.PATH: heartbeat.DOCUMENT, STREAM: _STREAM})


async def show_document(request: Request) -> Response:
    """The document, for whoever has a key."""
    async with acting(request):
        return Response(jsonio.dumps(whole_document()), media_type="application/json")


def routes() -> list[Route]:
    """The routes."""
    return [
        Route(heartbeat.PATH, _endpoint(heartbeat.Heartbeat()), methods=["POST"]),
        Route(STREAM, stream.stream, methods=["GET"]),
        Route("/openapi.json", show_document, methods=["GET"]),
        *(Route(one.path, _endpoint(_answers(one)), methods=[one.method]) for one in API),
    ]


def _answers(one: Operation) -> Any:
    return SignedEvents(one) if (one.method, one.path) == ("POST", "/api/v1/events") else one


def _endpoint(answers: Any) -> Any:
    """A function: Starlette takes any other callable for an application of its own."""

    async def endpoint(request: Request) -> Response:
        answer: Response = await answers(request)
        return answer

    return endpoint
