"""Signing in and out: a browser gives a key once, and gets a cookie instead."""

from __future__ import annotations

import re
import secrets

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from opsloop.errors import NotSignedIn, TooManyTries
from opsloop.keys import digest
from opsloop.serve import pages
from opsloop.serve.callers import COOKIE, Credentials, check_origin, set_cookie
from opsloop.serve.forms import posted, read_form
from opsloop.serve.problems import headers_of, status_of
from opsloop.serve.serving import of

#: A path on this server: one slash, and then none, nor what browsers read as one.
_OWN_PATH = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")


def safe_next(wanted: str | None) -> str:
    """Where to go after signing in: a path of this server, else the first page."""
    return wanted if wanted and _OWN_PATH.fullmatch(wanted) else "/"


async def show(request: Request) -> Response:
    """The page on which to sign in."""
    return await pages.sign_in(request, safe_next(request.query_params.get("next")), None)


async def sign_in(request: Request) -> Response:
    """Take a key and give a cookie. The secret in it is always a new one: nobody can have put it there before."""
    check_origin(request)
    form = await read_form(request)
    serving, to = of(request), safe_next(form.get("next"))
    key, secret = digest(form.get("key")), secrets.token_urlsafe(32)
    minutes = serving.settings.sign_in_minutes
    try:
        with serving.tries.watch(request, Credentials(key=key)):
            async with serving.itself() as server:
                if before := request.cookies.get(COOKIE):
                    await server.sign_out(digest(before))
                await server.sign_in(key, digest(secret), minutes)
    except (NotSignedIn, TooManyTries) as error:
        status = status_of(error)
        answer = await pages.sign_in(request, to, error)
        answer.status_code = status
        answer.headers.update(headers_of(error, status))
        return answer
    serving.tries.trust(digest(secret))
    answer = RedirectResponse(to, 303)
    set_cookie(answer, secret, minutes, tls=serving.settings.tls)
    return answer


async def sign_out(request: Request) -> Response:
    """End the sign-in, here and in the database."""
    await posted(request)
    async with of(request).itself() as server:
        await server.sign_out(digest(request.cookies.get(COOKIE, "")))
    answer = RedirectResponse("/sign-in", 303)
    answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return answer


def routes() -> list[Route]:
    """The routes of signing in and out."""
    return [
        Route("/sign-in", show, methods=["GET"]),
        Route("/sign-in", sign_in, methods=["POST"]),
        Route("/sign-out", sign_out, methods=["POST"]),
    ]
