"""The files that pages need: our stylesheet and script, and what is vendored."""

from __future__ import annotations

from contextlib import ExitStack
from importlib.resources import as_file, files

from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from opsloop.serve.pages.frame import asset

_KEPT = "public, max-age=31536000, immutable"
_stack = ExitStack()


class _Files(StaticFiles):
    """Files whose address has a digest of what they hold may be kept for good."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """See starlette."""
        answer = await super().get_response(path, scope)
        asked = f"/static/{path}?{scope['query_string'].decode('latin-1')}"
        # Of another release the address is known, and what it holds is not: a server beside this one has that.
        if answer.status_code == 200 and asked == asset(path):
            answer.headers["cache-control"] = _KEPT
        return answer


def static() -> Mount:
    """The route of the files."""
    directory = _stack.enter_context(as_file(files("opsloop.serve") / "static"))
    return Mount("/static", _Files(directory=directory), name="static")
