"""Nothing without a key, and with one what docs/roles.md says: every operation, as every role."""

from typing import Any

import pytest

from logins import ROLES
from opsloop.database import Database
from opsloop.serve.api import heartbeat
from opsloop.serve.api.operation import Json, Operation
from opsloop.serve.api.operations import API
from opsloop.serve.app import create_app
from opsloop.serve.settings import ServeSettings
from roles.matrix import FUNCTIONS

UNKNOWN = "01900000-0000-7000-8000-000000000000"
#: What tells a stranger nothing.
OPEN = {"/health", "/healthz", "/readyz", "/sign-in"}


def example(schema: Json) -> Any:
    """The smallest thing that fits a schema; ids of it are of nothing."""
    if "anyOf" in schema:
        return example(schema["anyOf"][0])
    if "enum" in schema:
        # Of the scopes of a pause one that needs a target, so that nothing is stopped.
        return schema["enum"][-1]
    match schema.get("type"):
        case "object":
            return {name: example(schema["properties"][name]) for name in schema.get("required", [])}
        case "array":
            return [example(schema["items"])]
        case "integer":
            return schema["minimum"]
        case "string":
            return UNKNOWN if schema.get("format") == "uuid" or "pattern" in schema else "nothing"
    return None


def ask(web, one: Operation):
    path = one.path
    for name, schema in one.path_schemas.items():
        path = path.replace(f"{{{name}}}", example(schema))
    return web.ask(one.method, path, None if one.body is None else example(one.body))


@pytest.mark.parametrize("role", ROLES)
def test_a_key_may_what_its_role_may_and_nothing_else(shared_server, shared_keys, role):
    web = shared_server.web(shared_keys[role])
    may, refused = {}, {}
    for one in API:
        answer = ask(web, one)
        assert answer.status < 500, (one.name, answer.body)
        # What the database grants nobody is about no values; a routine that says no has its own.
        denied = answer.status == 403 and answer.json()["values"] is None
        may[one.name], refused[one.name] = not denied, answer.body
    assert may == {one.name: FUNCTIONS[one.routine][role] == "yes" for one in API}, refused
    beat = web.post(heartbeat.PATH)
    assert (beat.status == 200) == (FUNCTIONS["fn_heartbeat"][role] == "yes"), beat.body


def test_nothing_is_reachable_without_a_key_but_what_tells_nothing(shared_server):
    app = create_app(ServeSettings(Database("")))
    reachable = set()
    for route in app.routes:
        path = getattr(route, "path", "")
        for method in getattr(route, "methods", None) or ["GET"]:
            for headers in ({}, {"Accept": "text/html"}):
                whole = path.replace("{id}", UNKNOWN).replace("{key}", "x").replace("{name}", "x")
                answer = shared_server.web().ask(method, whole, None, headers)
                led = answer.status == 303 and answer.headers["location"].startswith("/sign-in")
                if answer.status not in (401, 403) and not led:
                    reachable.add(path)
    assert {path for path in reachable if not path.startswith("/static")} == OPEN
