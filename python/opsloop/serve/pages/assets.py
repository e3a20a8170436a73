"""The files that pages need: our stylesheet and script, and what is vendored."""

from __future__ import annotations

from contextlib import ExitStack
from importlib.resources import as_file, files

from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_KEPT = "public, max-age=31536000, immutable"
_stack = ExitStack()


class _Files(StaticFiles):
    """Files whose address has a digest of what they hold may be kept for good."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """See starlette."""
        answer = await super().get_response(path, scope)
        if b"v=" in scope.get("query_string", b"") and answer.status_code == 200:
            answer.headers["cache-control"] = _KEPT
        return answer


def static() -> Mount:
    """The route of the files."""
    directory = _stack.enter_context(as_file(files("opsloop.serve") / "static"))
    return Mount("/static", _Files(directory=directory), name="static")
