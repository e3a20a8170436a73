"""The fields that a browser sends from a form."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.requests import Request

from opsloop.errors import InvalidArgument
from opsloop.serve.callers import CSRF_FIELD, CSRF_HEADER, check_csrf

_MOST_FIELDS = 2_000


class Form:
    """The fields of a form: the last value of each, or all of one that may be there more than once."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs

    def get(self, name: str, default: str = "") -> str:
        """The value of a field, without spaces around it; `default` where it is missing or empty."""
        return next((value.strip() for key, value in reversed(self._pairs) if key == name), "") or default

    def all(self, name: str) -> list[str]:
        """Every value of a field."""
        return [value for key, value in self._pairs if key == name]


async def read_form(request: Request) -> Form:
    """Read a form. Raises InvalidArgument (OPS_018) for what is none."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await request.body()
    if body and kind != "application/x-www-form-urlencoded":
        raise InvalidArgument("a form is sent as application/x-www-form-urlencoded")
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError:
        raise InvalidArgument("the form cannot be read: it is not UTF-8, or has too many fields") from None
    return Form(pairs)


async def posted(request: Request) -> Form:
    """Read a form of a page of ours. Raises Forged (OPS_094) for one of somebody else's.

    Its token stands in the field `csrf` or, where a script sends it, in the header X-CSRF-Token.
    """
    form = await read_form(request)
    check_csrf(request, form.get(CSRF_FIELD) or request.headers.get(CSRF_HEADER, ""))
    return form
