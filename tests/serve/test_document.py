"""The OpenAPI document: it says what the code does, to the letter; whatever fits it or not is answered in order."""

import os
import warnings

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import CHECKS, not_a_server_error

from opsloop.database import Database
from opsloop.serve.api.routes import whole_document
from opsloop.serve.app import create_app
from opsloop.serve.settings import ServeSettings
from serve.changes import Marks

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import schemathesis

#: Requests for each operation; CI asks for more.
EXAMPLES = int(os.environ.get("OPSLOOP_HTTP_EXAMPLES", "4"))
DOCUMENT = whole_document()
OPERATIONS = [found.ok() for found in schemathesis.openapi.from_dict(DOCUMENT).get_all_operations()]
#: What a stream is, no check of a whole answer can see.
ANSWERED = [one for one in OPERATIONS if one.path != "/api/v1/stream"]


def test_every_route_of_the_api_stands_in_the_document_and_nothing_else():
    app = create_app(ServeSettings(Database("")))
    routes = {
        (method, route.path)
        for route in app.routes
        if route.path.startswith("/api/")
        for method in route.methods - {"HEAD"}
    }
    described = {(method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert routes == described


def test_the_document_is_served_to_whoever_has_a_key(server, key):
    assert server.web(key("reader")).get("/openapi.json").json() == DOCUMENT


@pytest.mark.parametrize("operation", ANSWERED, ids=[one.label for one in ANSWERED])
def test_whatever_is_sent_is_answered_as_the_document_says_and_a_refusal_changes_nothing(
    shared_server, shared_conn, shared_key, operation
):
    marks = Marks(shared_conn)
    checks = [
        not_a_server_error,
        *CHECKS.get_by_names(
            ["status_code_conformance", "content_type_conformance", "response_schema_conformance"]
        ),
    ]

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        case=hypothesis.strategies.one_of(
            operation.as_strategy(),
            operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE),
        )
    )
    def check(case):
        before = marks.take()
        answer = case.call(base_url=shared_server.url, headers={"Authorization": f"Bearer {shared_key}"})
        case.validate_response(answer, checks=checks)
        if answer.status_code >= 400 or operation.method.upper() == "GET":
            after = marks.take()
            changed = {name for name, mark in after.items() if before[name] != mark}
            assert not changed, (answer.status_code, answer.text)

    check()
