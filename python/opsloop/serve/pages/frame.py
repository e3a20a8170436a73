"""How a page comes about: a request becomes a visit, a view asks the loop, a template shows the answer."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any
from urllib.parse import quote, urlsplit

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from opsloop.errors import OpsError
from opsloop.serve import callers, serving
from opsloop.serve.forms import Form, posted
from opsloop.serve.pages import text, ways
from opsloop.serve.pages.visit import Visit

View = Callable[[Visit], Awaitable[Response]]

_NOTE = "opsloop_note"
#: What forms come to: there is nothing to go back to.
_RESULTS = ("/inbox/decide", "/missions/act", "/dead-letters/act")
_STATIC = files("opsloop.serve") / "static"


@dataclass(frozen=True)
class Page:
    """A line of the menu."""

    path: str
    name: str


#: The menu: what is at work, what decides, what is kept.
PAGES = (
    (
        Page("/", "Loop"),
        Page("/inbox", "Inbox"),
        Page("/missions", "Missions"),
        Page("/failures", "Failures"),
    ),
    (Page("/policy", "Policy"), Page("/schedules", "Schedules"), Page("/directives", "Directives")),
    (
        Page("/workers", "Workers"),
        Page("/dead-letters", "Dead letters"),
        Page("/outbox", "Outbox"),
        Page("/locks", "Locks"),
        Page("/radar", "Radar"),
    ),
)

ROUTES: list[Route] = []


@cache
def asset(name: str) -> str:
    """The path of a file that is shipped, with a digest of it, so that browsers may keep it for good."""
    found = _STATIC
    for part in name.split("/"):
        found = found / part
    return f"/static/{name}?v={sha256(found.read_bytes()).hexdigest()[:12]}"


class _Environment(jinja2.Environment):
    """What a document of the loop does not have is nothing; a name that no view gives is an error."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        """See jinja2."""
        if isinstance(obj, dict):
            return obj[attribute] if attribute in obj else getattr(obj, attribute, None)
        return super().getattr(obj, attribute)


@cache
def _templates() -> jinja2.Environment:
    made = _Environment(
        loader=jinja2.PackageLoader("opsloop.serve"),
        autoescape=True,
        finalize=text.visible,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    made.filters.update(text.FILTERS)
    made.filters["way"] = ways.way
    made.tests["for_somebody"] = text.is_for_somebody
    made.globals["asset"] = asset
    return made


def page(path: str) -> Callable[[View], View]:
    """A view that shows something: it reads, and nothing else."""
    return lambda view: _route(path, view, "GET")


def action(path: str) -> Callable[[View], View]:
    """A view that does something, for a form of a page of ours."""
    return lambda view: _route(path, view, "POST")


def _route(path: str, view: View, method: str) -> View:
    async def endpoint(request: Request) -> Response:
        form = await posted(request) if method == "POST" else None
        async with serving.acting(request) as loop:
            return await view(_visit(request, loop, form))

    ROUTES.append(Route(path, endpoint, methods=[method], name=view.__name__))
    return view


def _visit(request: Request, loop: serving.ActingClient, form: Form | None = None) -> Visit:
    settings = serving.of(request).settings
    return Visit(
        request=request,
        loop=loop,
        name=loop.caller.name,
        login=loop.caller.login,
        role=loop.caller.role,
        csrf=callers.csrf_token(request),
        read_only=settings.read_only,
        loop_name=settings.database.schema,
        form=form,
    )


async def show(
    visit: Visit,
    template: str,
    *,
    here: str | None = None,
    status: int = 200,
    live: bool = True,
    health: Mapping[str, Any] | None = None,
    **shown: Any,
) -> Response:
    """Answer with a page; `here` is the page of the menu that it belongs to, `health` what a view has asked already.

    A `live` one is fetched again when something changes: never what a form came to, nor what somebody writes in.
    """
    request = visit.request
    if health is None:
        health = asdict(await visit.loop.health())
    waiting = health["waiting_proposals"] + health["waiting_steps"]
    counts = {
        "/inbox": {"text": text.number(waiting), "look": "waits"},
        "/missions": {"text": text.number(health["running_missions"]), "look": ""},
    }
    notes = _read_note(request)
    body = (
        _templates()
        .get_template(template)
        .render(
            visit=visit,
            health=health,
            pages=PAGES,
            here=here or "/" + request.scope["path"].split("/")[1],
            counts={name: found for name, found in counts.items() if found["text"] != "0"},
            notes=notes,
            live=live and visit.form is None and status == 200,
            self_url=_address(request),
            **shown,
        )
    )
    answer = HTMLResponse(body, status)
    if notes:
        answer.delete_cookie(_NOTE)
    return answer


def then(visit: Visit, said: str, where: str | None = None) -> Response:
    """Go to a page, by default the one the form was on, which then says what was done."""
    answer = RedirectResponse(where or back(visit.request), 303)
    # Browsers drop a cookie of more than 4,096 bytes without a word.
    written = base64.urlsafe_b64encode(said[:700].encode()).decode()
    answer.set_cookie(
        _NOTE,
        f"{written}.{_signature(visit.request, written)}",
        max_age=60,
        secure=serving.of(visit.request).settings.tls,
        httponly=True,
        samesite="strict",
    )
    return answer


def _address(request: Request) -> str:
    """Path and query of a request, as a link has them."""
    query = request.scope["query_string"].decode("latin-1")
    return quote(request.scope["path"]) + (f"?{query}" if query else "")


def back(request: Request) -> str:
    """The page that a form was on, when it was one of this server's."""
    try:
        came = urlsplit(request.headers.get("referer", ""))
    except ValueError:
        return "/"
    if (
        came.netloc != request.headers.get("host")
        or not came.path.startswith("/")
        or came.path.startswith("//")
    ):
        return "/"
    if came.path in _RESULTS:
        return "/" + came.path.split("/")[1]
    return came.path + (f"?{came.query}" if came.query else "")


def _signature(request: Request, written: str) -> str:
    key = callers.csrf_token(request).encode()
    return hmac.new(key, written.encode(), sha256).hexdigest()


def _read_note(request: Request) -> list[Mapping[str, str]]:
    written, _, signature = request.cookies.get(_NOTE, "").partition(".")
    if not written or not hmac.compare_digest(signature.encode(), _signature(request, written).encode()):
        return []
    try:
        return [{"look": "good", "text": base64.urlsafe_b64decode(written).decode()}]
    except ValueError:
        return []


async def sign_in(_request: Request, to: str, error: OpsError | None) -> Response:
    """The page on which to sign in; `error` is why the last try failed."""
    return HTMLResponse(_templates().get_template("sign_in.html").render(to=to, error=error))


async def error(request: Request, status: int, message: str, error: OpsError | None) -> Response:
    """An error as a page. Whoever is not signed in gets to where that is done, and back."""
    if status == 401:
        where = _address(request) if request.method == "GET" else back(request)
        return RedirectResponse(f"/sign-in?next={quote(where)}", 303)
    shown: dict[str, Any] = {
        "heading": "Not found" if status == 404 else "Refused" if status < 500 else "This did not work",
        "error": {
            "code": error.code if error else str(status),
            "message": message,
            "hint": error.hint if error else None,
            "detail": error.detail if error else None,
        },
        "back": back(request),
    }
    # A database that is away or busy is not asked again: whoever has waited for it once is told so now.
    if status < 500:
        try:
            async with serving.acting(request, reads=True) as loop:
                return await show(_visit(request, loop), "refused.html", status=status, **shown)
        except OpsError:
            pass  # nobody is signed in, or it is away now
    return HTMLResponse(_templates().get_template("bare.html").render(**shown), status)
