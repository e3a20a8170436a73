"""The pages of the dashboard.

`routes()` is what the application mounts at `/`; `sign_in` and `error` are the two pages that it makes by itself.
"""

from __future__ import annotations

from urllib.parse import quote

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute

from opsloop.errors import OpsError

_templates = jinja2.Environment(
    loader=jinja2.PackageLoader("opsloop.serve.pages"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def routes() -> list[BaseRoute]:
    """The routes of the pages."""
    return []


async def sign_in(_request: Request, to: str, error: OpsError | None) -> Response:
    """The page on which to sign in; `error` is why the last try failed."""
    return HTMLResponse(_templates.get_template("sign-in.html").render(to=to, error=error))


async def error(request: Request, status: int, message: str, error: OpsError | None) -> Response:
    """An error as a page. Whoever is not signed in gets to where that is done, and back."""
    if status == 401 and request.method == "GET":
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/sign-in?next={quote(target)}", 303)
    page = _templates.get_template("error.html")
    return HTMLResponse(page.render(status=status, message=message, error=error), status)
