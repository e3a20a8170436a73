"""The pages of the dashboard.

`routes()` is what the application mounts at `/`; `sign_in` and `error` are the two pages that it makes by itself.
A view (`loop.py`, `inbox.py`, …) gets a `Visit`: who asks, and the loop as that login sees it. It calls routines, and
`frame.show` makes a page of the answers by a template of `opsloop/serve/templates`. What needs a script also works
without one: `static/opsloop.js` adds to the HTML, and nothing is only there.
"""

from __future__ import annotations

from starlette.routing import BaseRoute

from opsloop.serve.pages import directives, failures, inbox, lists, loop, missions, policy, schedules
from opsloop.serve.pages.assets import static
from opsloop.serve.pages.frame import ROUTES, error, sign_in

#: The views, which have put themselves on the list of routes.
_VIEWS = (loop, inbox, missions, failures, policy, schedules, lists, directives)

__all__ = ["error", "routes", "sign_in"]


def routes() -> list[BaseRoute]:
    """The routes of the pages, and of the files that they need."""
    return [*ROUTES, static()]
