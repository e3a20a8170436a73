"""One request of somebody who is signed in: who it is, what he may do, and the loop as his login sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from opsloop.client import AsyncClient
from opsloop.serve.forms import Form

#: What the roles may do here; the database refuses the rest all the same.
_DECIDING = ("operator", "admin")


@dataclass
class Visit:
    """The caller, and its connection."""

    request: Request
    loop: AsyncClient
    name: str
    """What stands as the actor beside the login."""
    login: str
    """The login that its decisions count for."""
    role: str
    csrf: str
    read_only: bool
    loop_name: str
    form: Form | None = None

    @property
    def decides(self) -> bool:
        """Whether buttons that decide are shown."""
        return self.role in _DECIDING and not self.read_only

    @property
    def rules(self) -> bool:
        """Whether buttons that change policy and schedules are shown."""
        return self.role == "admin" and not self.read_only

    def asked(self, name: str) -> str:
        """A field of the form, or else of the query; blank without one."""
        source = self.request.query_params if self.form is None else self.form
        return source.get(name, "").strip()

    def all_asked(self, name: str) -> list[str]:
        """Every value of a field of the form."""
        return self.form.all(name) if self.form else []

    @property
    def reason(self) -> str | None:
        """The reason given, None for none."""
        return self.asked("reason") or None

    def filter(self, *names: str) -> dict[str, Any]:
        """The fields that a filter has and that were given; those that are on or off as true."""
        given = {name: self.asked(name) for name in names}
        switches = ("stuck", "redriven")
        return {name: True if name in switches else value for name, value in given.items() if value}


class Blank(dict[str, Any]):
    """A filter for a template: what was not given is blank."""

    def __missing__(self, name: str) -> str:
        return ""
