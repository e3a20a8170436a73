"""Whose call it is: keys, sign-ins of browsers, and how often somebody may guess."""

from __future__ import annotations

import hmac
import math
import secrets
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256

from starlette.requests import HTTPConnection
from starlette.responses import Response

from opsloop.errors import Forged, NotSignedIn, TooManyTries
from opsloop.keys import digest
from opsloop.serve.settings import ServeSettings

COOKIE = "opsloop"
FORM_COOKIE = "opsloop-form"
FORM_STATE = "new_form_cookie"
"""Where a request keeps the value that its answer gives to the browser."""
CSRF_FIELD = "csrf"
CSRF_HEADER = "x-csrf-token"
#: Paths that OPS_API_KEY opens.
_OWN_KEY_OPENS = frozenset({"/api/ops/heartbeat", "/metrics"})
_FREE_TRIES = 10
_SECONDS_A_TRY = 6.0
_MOST_PLACES = 10_000
_MOST_KNOWN = 1_000


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request showed; digests, so that no secret goes further than this module."""

    key: str | None = field(default=None, repr=False)
    sign_in: str | None = field(default=None, repr=False)
    login: str | None = None
    role: str | None = None
    proxy: str | None = None
    """The address of the proxy that says so."""


def credentials(request: HTTPConnection, settings: ServeSettings) -> Credentials:
    """What a request shows: a bearer key, or the cookie of a browser that is signed in.

    Only the pages take cookies: a request to the API that a browser was talked into has none to show. Raises
    NotSignedIn (OPS_091) without either.
    """
    vouched: Credentials | None = getattr(request.state, "vouched", None)
    if vouched is not None:
        return vouched
    # The path that the request was routed by: `request.url` is made of the header Host, too, which the client writes.
    path = request.scope["path"]
    scheme, _, key = _only(request, "authorization").partition(" ")
    key = key.strip()
    if scheme.lower() == "bearer" and key:
        if settings.api_key is not None and hmac.compare_digest(digest(key), digest(settings.api_key)):
            if path not in _OWN_KEY_OPENS:
                raise NotSignedIn(
                    "OPS_API_KEY opens the heartbeat and the metrics, and nothing else", hint=_HINT
                )
            return Credentials(role="operator")
        return Credentials(key=digest(key))
    # With a page any other scheme is between the browser and a proxy in front of this server.
    if not path.startswith("/api/"):
        if settings.proxy_header and (person := _only(request, settings.proxy_header)):
            return Credentials(login=person, proxy=_address(request))
        if secret := request.cookies.get(COOKIE):
            return Credentials(sign_in=digest(secret))
    raise NotSignedIn(
        "the header Authorization is not of the form: Bearer KEY" if scheme else "a key is needed", hint=_HINT
    )


_HINT = "Send the header Authorization: Bearer KEY, with a key that `opsloop key create` made."


def _only(request: HTTPConnection, name: str) -> str:
    """A header that says who asks. Raises NotSignedIn where it stands twice: proxies differ in which one they mean."""
    values = request.headers.getlist(name)
    if len(values) > 1:
        raise NotSignedIn(f"the header {name} stands there {len(values)} times", hint="Send it once.")
    return values[0] if values else ""


def csrf_token(request: HTTPConnection) -> str:
    """What every form of a page carries in its field `csrf`: only a page of ours knows it.

    It is made of the cookie of the sign-in or, where a proxy signs in, of one that is given with the first page.
    """
    secret = _form_secret(request) or request.scope.setdefault("state", {}).setdefault(
        FORM_STATE, secrets.token_urlsafe(32)
    )
    return _token_of(secret)


def _form_secret(request: HTTPConnection) -> str | None:
    return request.cookies.get(COOKIE) or request.cookies.get(FORM_COOKIE)


def _token_of(secret: str) -> str:
    return hmac.new(secret.encode(), b"opsloop csrf", sha256).hexdigest()


def check_csrf(request: HTTPConnection, given: str) -> None:
    """Raise Forged (OPS_094) unless the form came from a page of ours."""
    check_origin(request)
    secret = _form_secret(request)
    if secret is None or not hmac.compare_digest(given.encode(), _token_of(secret).encode()):
        raise Forged(
            "this form is not one that this page sent, or you have signed in anew meanwhile",
            hint="Go back, load the page again, and send it again.",
        )


def check_origin(request: HTTPConnection) -> None:
    """Raise Forged (OPS_094) for what a browser sends from a page of somebody else's."""
    origin = request.headers.get("origin")
    other = origin is not None and origin.partition("://")[2] != request.headers.get("host")
    if other or request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Forged(
            "a page of another site sent this",
            hint="Open this server's own page. A proxy in front passes on the header Host as the browser sent it.",
        )


def set_cookie(response: Response, secret: str, minutes: int, *, tls: bool) -> None:
    """Give a browser its secret; no script, no other site, and no plain connection behind TLS, gets it."""
    response.set_cookie(
        COOKIE,
        secret,
        max_age=minutes * 60,
        path="/",
        secure=tls,
        httponly=True,
        samesite="strict",
    )


class Tries:
    """Counts wrong keys by address: ten at once, then one in six seconds.

    A key that was right before is let through all the same, so that nobody is locked out by his neighbour behind the
    same address.
    """

    def __init__(self) -> None:
        self.wrong = 0
        """How many wrong keys there were, since the start."""
        self._by_place: OrderedDict[str, float] = OrderedDict()
        self._right: OrderedDict[str, None] = OrderedDict()

    @contextmanager
    def watch(self, request: HTTPConnection, given: Credentials) -> Iterator[None]:
        """Count the request if what it shows turns out wrong. Raises TooManyTries (OPS_092).

        Cookies, keys and each person whom a proxy names are counted apart: a page that was left open, and somebody who
        is not on the list, keep nobody else from signing in.
        """
        by = "cookie " if given.sign_in else f"{given.login} " if given.proxy else ""
        place = by + _address(request)
        shown = given.key or given.sign_in or (f"{given.proxy} {given.login}" if given.proxy else None)
        if shown is None:
            yield
            return
        if shown not in self._right:
            self._check(place)
        try:
            yield
        except NotSignedIn:
            self._right.pop(shown, None)
            self._count(place)
            raise
        self.trust(shown)

    def trust(self, shown: str) -> None:
        """From now on this is known to be right."""
        self._right[shown] = None
        self._right.move_to_end(shown)
        if len(self._right) > _MOST_KNOWN:
            self._right.popitem(last=False)

    def count(self, request: HTTPConnection) -> None:
        """Count a wrong signature. Raises TooManyTries (OPS_092) where there were too many."""
        self._check(_address(request))
        self._count(_address(request))

    def _check(self, place: str) -> None:
        wait = self._by_place.get(place, 0.0) - _FREE_TRIES * _SECONDS_A_TRY - time.monotonic()
        if wait > 0:
            self.wrong += 1
            seconds = math.ceil(wait)
            raise TooManyTries(
                "too many wrong keys came from there",
                detail={"retry_after_seconds": seconds},
                hint=f"Try again in {seconds} seconds.",
            )

    def _count(self, place: str) -> None:
        self.wrong += 1
        now = time.monotonic()
        self._by_place[place] = max(self._by_place.pop(place, now), now) + _SECONDS_A_TRY
        if len(self._by_place) > _MOST_PLACES:
            self._by_place.popitem(last=False)


def _address(request: HTTPConnection) -> str:
    return request.client.host if request.client else "?"
