"""Whatever document is sent, the answer is a result or an error with a code: never an error of PostgreSQL itself."""

import contextlib
from collections.abc import Callable
from typing import Any

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opsloop.client import Client
from opsloop.errors import OpsError

Conn = psycopg.Connection[Any]

words = st.sampled_from(
    [
        "noop",
        "sql",
        "command",
        "a",
        "b",
        "step_1",
        "low",
        "high",
        "*",
        "x:y",
        "",
        "-",
        "{{event.data.x}}",
        "{{steps.a.result.y}}",
    ]
) | st.text(max_size=8)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | words
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)


def nearly(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with some of these fields, each mostly sound and sometimes anything at all."""
    return st.fixed_dictionaries({}, optional={name: field | anything for name, field in fields.items()})


steps = nearly(
    key=words,
    kind=words,
    executor=words,
    params=nearly(argv=st.lists(words, max_size=3), query=words, url=words, args=anything),
    depends_on=st.lists(words, max_size=2),
    max_retries=st.integers(0, 5),
    timeout_seconds=st.integers(1, 100),
    on_failure=st.sampled_from(["fail", "continue"]),
    on_lease_lost=st.sampled_from(["retry", "hold"]),
)
templates = nearly(
    title=words, risk_level=words, priority=st.integers(-5, 5), steps=st.lists(steps | anything, max_size=3)
)
events = nearly(
    type=words, data=st.dictionaries(words, anything, max_size=2), dedupe_key=words, mission_id=words
)
policies = nearly(
    enabled=st.booleans(),
    allowed_step_kinds=st.lists(words, max_size=2),
    max_risk_level=words,
    daily_limit=st.integers(-1, 5),
    hourly_limit=st.integers(-1, 5),
    per_source=anything,
    max_retries=st.integers(-1, 5),
    backoff=anything,
    executors=anything,
    command_allow=anything,
    patterns=st.lists(
        nearly(
            name=words,
            event_type=words | st.lists(words, max_size=2),
            tags=st.lists(words, max_size=2),
            probability=st.floats(0, 1),
            cooldown_minutes=st.integers(0, 5),
            max_depth=st.integers(0, 9),
            template=templates,
        ),
        max_size=2,
    ),
)
KEYS = st.sampled_from(
    ["reaction_matrix", "auto_approve", "proposal_caps", "worker_policy", "agent_roles", "new", ""]
)

many = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def refused_or_done(conn: Conn, call: Callable[[], object]) -> None:
    """Make the call and undo it; an error with one of our codes is as good as a result."""
    with conn.transaction(force_rollback=True), contextlib.suppress(OpsError), conn.transaction():
        call()


@many
@given(template=templates | anything)
def test_any_template(conn: Conn, template: Any) -> None:
    refused_or_done(conn, lambda: Client(conn).create_proposal(template))
    refused_or_done(conn, lambda: Client(conn).is_auto_approvable(template))


@many
@given(batch=st.lists(events | anything, max_size=3))
def test_any_events(conn: Conn, batch: list[Any]) -> None:
    refused_or_done(conn, lambda: Client(conn).emit_events(batch))


@many
@given(batch=st.lists(nearly(template=templates, source=words, dedupe_key=words) | anything, max_size=2))
def test_any_proposals(conn: Conn, batch: list[Any]) -> None:
    refused_or_done(conn, lambda: Client(conn).create_proposals(batch))


@many
@given(key=KEYS, document=policies | anything)
def test_any_policy(conn: Conn, key: str, document: Any) -> None:
    refused_or_done(conn, lambda: Client(conn).set_policy(key, document))


@many
@given(document=policies, event=nearly(type=words, data=st.dictionaries(words, anything, max_size=2)))
def test_the_loop_turns_under_any_policy_that_was_accepted(conn: Conn, document: Any, event: Any) -> None:
    loop = Client(conn)
    with conn.transaction(force_rollback=True):
        try:
            with conn.transaction():
                loop.set_policy("reaction_matrix", document)
                loop.emit_events([event])
        except OpsError:
            return
        assert loop.heartbeat()["ok"] is True


@many
@given(
    batch=st.lists(
        nearly(
            step_id=words,
            lease_token=words,
            result=anything,
            events=anything,
            outbox=anything,
            usage=anything,
        )
        | anything,
        max_size=2,
    )
)
def test_any_report_of_a_worker(conn: Conn, batch: list[Any]) -> None:
    loop = Client(conn)
    refused_or_done(conn, lambda: loop.complete_steps(batch))
    refused_or_done(conn, lambda: loop.fail_steps(batch))
    refused_or_done(conn, lambda: loop.release_steps("w", batch))
    refused_or_done(conn, lambda: loop.extend_leases("w", batch))
    refused_or_done(conn, lambda: loop.radar_upsert(batch))


@many
@given(number=st.integers(), text=st.text(max_size=5))
def test_any_number_and_any_text(conn: Conn, number: int, text: str) -> None:
    loop = Client(conn)
    refused_or_done(conn, lambda: loop.claim_steps(text, number, number))
    refused_or_done(conn, lambda: loop.heartbeat(number, number, number))
    refused_or_done(conn, lambda: loop.list_missions(number, text))
    refused_or_done(conn, lambda: loop.policy_history(text, number))
    refused_or_done(conn, lambda: loop.gate_proposal(text))
    refused_or_done(conn, lambda: loop.evaluate_triggers(number))
    refused_or_done(conn, lambda: loop.process_reactions(number))
    refused_or_done(conn, lambda: loop.recover_stale_steps(number))
    refused_or_done(conn, lambda: loop.idle_settled(text))
    refused_or_done(conn, lambda: loop.publish_outbox(text, text, text))
