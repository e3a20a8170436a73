"""The application, and how its parts fit.

- `create_app(settings)` makes it: a Starlette application whose state has one `Serving` (`serving.py`): settings,
  connections, and the wrong keys that were shown. No rule and no query is in here: everything is a call of a routine.
- *Whose call it is.* `async with acting(request) as loop:` (`serving.py`) opens a transaction that is a call of whoever
  sent the request, and yields an `AsyncClient`: `await loop.list_missions(50)`. `loop.caller` has `name`, `role`,
  `login` and `key_id`. Rights are the database's affair: the transaction has the role of the key's group, so what the
  caller may not do is refused there (OPS_015), and the routines record and judge the key's login. In a GET it is
  read-only. A block is a transaction: after an error open a new one. `call(request, "inbox")` is short for one call.
- *Keys.* Programs send `Authorization: Bearer KEY`. Browsers sign in with a key (`signing.py`) and get a cookie, which
  counts for pages, not below /api. `csrf_token(request)` goes into the field `csrf` of every form, and
  `form = await posted(request)` (`forms.py`) reads a form that has it, or refuses (OPS_094).
- *Errors.* Endpoints raise `OpsError`s and let them pass. `problems.py` makes a problem (RFC 9457) of each for
  programs, and for browsers a page by `pages.error`; 401 leads to /sign-in and back.
- *Pages.* `opsloop.serve.pages` has `routes()`, mounted at /, and the pages `sign_in` and `error`. Scripts and styles
  are files of this server: `guard.py` sends a Content-Security-Policy that allows no inline ones, and forbids frames.
- *API.* `api/operations.py` lists every operation: routine, arguments, answer. Routes, checks of what is sent, and the
  OpenAPI document follow from it. `/stream` (pages) and `/api/v1/stream` tell what changes (`stream.py`).
- *Metrics.* `opsloop.metrics` has `async def exposition(connection, schema) -> bytes`, which GET /metrics answers as
  the caller of the request.
- `guard.py` surrounds it all: security headers, limits of bodies, a line in the log, and no traceback to anybody.
- `process.py` runs it by uvicorn, alone (`opsloop serve`) or beside a worker (`opsloop up --serve`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route

from opsloop.serve import health, metrics, pages, problems, signing
from opsloop.serve.api import routes as api
from opsloop.serve.guard import Guard
from opsloop.serve.serving import Serving
from opsloop.serve.settings import ServeSettings
from opsloop.serve.stream import Changes, stream
from opsloop.serve.tally import telling


def create_app(settings: ServeSettings) -> Starlette:
    """Make the application of one server. Connections are opened when they are needed, and closed at its end."""
    serving = Serving(settings)
    changes = Changes(serving)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with telling(serving):
            yield
        await changes.close()
        await serving.pool.close()

    app = Starlette(
        routes=[
            *health.routes(),
            *api.routes(),
            *metrics.routes(),
            *signing.routes(),
            Route("/stream", stream, methods=["GET"]),
            *pages.routes(),
        ],
        middleware=[Middleware(Guard, seconds=settings.request_seconds, tls=settings.tls)],
        exception_handlers=problems.handlers(pages.error),
        lifespan=lifespan,
    )
    # A path is right or unknown: a redirect would be to http and to the header Host, and take the key with it.
    app.router.redirect_slashes = False
    app.state.serving = serving
    app.state.changes = changes
    return app
