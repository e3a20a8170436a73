"""Workers in the books: who they are, what they offer, when they are told of new work."""

import pytest
from psycopg.types.json import Jsonb

from looping import step


def test_registering_answers_with_what_policy_sets(loop):
    loop.policy("worker_policy", executors={"sql": {"concurrency": 2}})
    answer = loop.register("w1", {"sql": {}}, {"max_retries": 5, "lease_seconds": 12})
    assert answer["notify_channel"] == "opsloop_opsloop"
    assert answer["executors"] == {"sql": {"concurrency": 2}}
    assert answer["lease_seconds"] == 12
    assert sorted(answer["presets"]) == ["minion", "openclaw", "wreckit"]
    assert answer["schema_version"] is not None
    row = loop.row("select * from ops_workers")
    assert (row["worker_id"], row["executors"]) == ("w1", {"sql": {}})
    assert row["settings"] == {"max_retries": 5, "lease_seconds": 12}


def test_registering_again_updates_and_a_goodbye_ends_it(loop):
    loop.register("w1")
    loop.value("select fn_unregister_worker('w1')")
    assert loop.value("select stopped_at is not null from ops_workers")
    loop.register("w1", {"other": {}})
    row = loop.row("select * from ops_workers")
    assert (row["executors"], row["stopped_at"]) == ({"other": {}}, None)


@pytest.mark.parametrize("worker", ["", None])
def test_a_worker_has_an_id(loop, worker):
    loop.refused("018", "select fn_register_worker(%s)", worker)


@pytest.mark.parametrize(
    "settings",
    [
        {"max_retries": 3000000000},
        {"max_retries": "x"},
        {"max_retries": -1},
        {"max_retries": 0},
        {"max_retries": 101},
        {"max_retries": 1.5},
        {"lease_seconds": 99999999999},
        {"lease_seconds": "soon"},
        {"lease_seconds": 0},
    ],
)
def test_a_setting_that_no_claim_could_use_is_refused_by_name(loop, settings):
    (name,) = settings
    call = "select fn_register_worker('w1', 'here', 1, '0', '{}', %s)"
    assert f"p_settings.{name}" in loop.refused("018", call, settings).message_primary


def test_ready_work_that_no_live_worker_offers_is_named(loop):
    loop.allow()
    loop.register("w1", {"noop": {}})
    for kind in ("noop", "odd", "odd"):
        loop.mission(step("a", kind))
    (missing,) = loop.rows("select * from fn_missing_executors()")
    assert (missing["executor"], missing["waiting"]) == ("odd", 2)
    loop.advance(61)
    assert {r["executor"] for r in loop.rows("select * from fn_missing_executors()")} == {"odd", "noop"}
    loop.extend(worker="w1")
    assert {r["executor"] for r in loop.rows("select * from fn_missing_executors()")} == {"odd"}
    loop.value("select fn_unregister_worker('w1')")
    assert {r["executor"] for r in loop.rows("select * from fn_missing_executors()")} == {"odd", "noop"}


def test_the_queue_can_be_read(loop):
    loop.register("w1", {"noop": {}})
    loop.mission(step("a"), priority=3)
    (row,) = loop.rows("select * from ops_queue")
    assert (row["executor"], row["priority"], row["ready"], row["live_workers"]) == ("noop", 3, 1, 1)
    assert row["oldest"] is not None


def test_a_worker_is_told_the_agent_roles_wherever_the_document_has_them(loop):
    loop.value("select fn_set_policy('agent_roles', %s)", {"scribe": {"model": "m"}, "version": 2})
    assert loop.register()["agent_roles"] == {"scribe": {"model": "m"}}
    loop.value("select fn_set_policy('agent_roles', %s)", {"roles": {"planner": {"model": "n"}}})
    assert loop.register()["agent_roles"] == {"planner": {"model": "n"}}


@pytest.mark.parametrize(
    ("executors", "settings"), [(Jsonb(["noop"]), Jsonb({})), (Jsonb({}), Jsonb("x")), (Jsonb(None), None)]
)
def test_what_a_worker_offers_has_to_be_an_object(loop, executors, settings):
    """A list would break fn_explain_step for everybody."""
    loop.refused("018", "select fn_register_worker('w1', 'here', 1, '0', %s, %s)", executors, settings)
