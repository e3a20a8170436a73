"""The layer ops: the function names of the reference loop, so that its own worker runs unchanged."""

import json

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from logins import ROLES, logins, sqlstate
from opsloop import cli, migrate, sqlfiles
from opsloop.client import Client
from opsloop.errors import ForeignObject, IllegalState, NotFound
from upgrade.deploying import dump, psql

#: The contract, as programs of the reference loop call these: names of arguments, columns of results.
SIGNATURES = {
    "ops_cast_vote": ("p_proposal_id uuid, p_agent_role text, p_vote text, p_reason text", "jsonb"),
    "ops_claim_next_step": ("p_lease_minutes integer", "SETOF ops_mission_steps"),
    "ops_create_mission_from_proposal": ("p_proposal_id uuid", "uuid"),
    "ops_create_proposal_and_maybe_autoapprove": (
        "p_dedupe_key text, p_source text, p_template jsonb",
        "TABLE(proposal_id uuid, status text, mission_id uuid, reason text)",
    ),
    "ops_extract_step_kinds": ("p_template jsonb", "text[]"),
    "ops_gate_proposal": ("p_template jsonb", "TABLE(ok boolean, reason text)"),
    "ops_is_auto_approvable": ("p_template jsonb", "boolean"),
    "ops_maybe_finalize_mission": ("p_mission_id uuid", "void"),
    "ops_recover_expired_leases": ("", "TABLE(requeued_steps integer, failed_steps integer)"),
    "ops_recover_stale_steps": ("p_threshold_minutes integer", "TABLE(recovered_steps integer)"),
}


@pytest.fixture
def layer(dsn):
    migrate.install_layer(dsn, "ops")
    return dsn


@pytest.fixture
def ask(layer, conn):
    """The rows of a statement, as dicts."""
    conn.row_factory = dict_row

    def rows(query, *given):
        cursor = conn.execute(query, given)
        return cursor.fetchall() if cursor.description else None

    return rows


def template(*kinds, **more):
    return {"title": "t", "steps": [{"kind": kind, "executor": "noop"} for kind in kinds], **more}


def propose(ask, *kinds, key=None, **more):
    (made,) = ask(
        "select * from ops_create_proposal_and_maybe_autoapprove(%s, 'api', %s)",
        key,
        Jsonb(template(*kinds, **more)),
    )
    return made


class ReferenceWorker:
    """The reference loop's worker, statement by statement: claims by function, ends a step by UPDATE."""

    def __init__(self, ask, max_retries=2):
        self.ask = ask
        self.max_retries = max_retries

    def clean_up(self):
        for step in self.ask(
            "select id, mission_id, kind, executor from ops_mission_steps where status = 'running'"
        ):
            self.ask(
                "update ops_mission_steps set status = 'failed', last_error = 'Orphaned', updated_at = now()"
                " where id = %s",
                step["id"],
            )
            self.ask("select ops_maybe_finalize_mission(%s)", step["mission_id"])

    def work(self, run):
        found = self.ask("select * from ops_claim_next_step(10)")
        if not found:
            return None
        (step,) = found
        self.ask("update ops_mission_steps set updated_at = now() where id = %s", step["id"])
        try:
            result = run(step)
        except ValueError as error:
            self.fail(step, str(error))
        else:
            self.ask(
                "update ops_mission_steps set status = 'succeeded', result = %s, updated_at = now() where id = %s",
                Jsonb(result),
                step["id"],
            )
            self.tell(step, "succeeded", {"result": result})
        return step

    def fail(self, step, error):
        failures = (step["failure_count"] or 0) + 1
        if failures < (self.max_retries if step["max_retries"] is None else step["max_retries"]):
            self.ask(
                "update ops_mission_steps set status = 'queued', failure_count = %s, last_error = %s,"
                " reserved_at = null, lease_expires_at = null where id = %s",
                failures,
                error,
                step["id"],
            )
            return
        self.ask(
            "update ops_mission_steps set status = 'failed', failure_count = %s, last_error = %s where id = %s",
            failures,
            error,
            step["id"],
        )
        self.tell(step, "failed", {"error": error})
        self.ask("select ops_maybe_finalize_mission(%s)", step["mission_id"])

    def tell(self, step, outcome, data):
        self.ask(
            "insert into ops_agent_events (dedupe_key, type, data, mission_id) values (%s, %s, %s, %s)",
            f"{step['id']}:{outcome}",
            f"step:{step['kind']}:{outcome}",
            Jsonb({"step_id": str(step["id"]), "kind": step["kind"], **data}),
            step["mission_id"],
        )


def mission(ask, made):
    return ask("select * from ops_missions where id = %s", made["mission_id"])[0]


def test_the_functions_have_the_names_arguments_and_results_of_the_reference_loop(layer, conn):
    for name, expected in SIGNATURES.items():
        found = conn.execute(
            "select regexp_replace(pg_get_function_arguments(p.oid), ' DEFAULT [^,]*', '', 'g'),"
            " pg_get_function_result(p.oid) from pg_proc p where p.proname = %s",
            (name,),
        ).fetchall()
        assert expected in found, name


def test_its_worker_ends_a_mission_step_by_step(layer, ask, conn):
    made = propose(ask, "noop", "noop")
    assert made["status"] == "auto_approved"
    worker = ReferenceWorker(ask)
    first = worker.work(lambda step: {"n": 1})
    assert (first["status"], first["lease_expires_at"] is not None) == ("running", True)
    for _ in range(3):
        ask("select fn_heartbeat()")
        worker.work(lambda step: {"n": 2})
    ask("select fn_heartbeat()")
    assert mission(ask, made)["status"] == "succeeded"
    assert worker.work(lambda step: None) is None
    assert Client(conn).check_invariants() == []


def test_its_worker_tries_again_and_then_fails_the_mission_at_once(layer, ask, conn):
    made = propose(ask, "noop")

    def broken(step):
        raise ValueError("it broke")

    worker = ReferenceWorker(ask)
    for failures in range(3):  # as many as policy allows, which the claimed step says
        assert worker.work(broken)["failure_count"] == failures
        ask("select fn_heartbeat()" if failures < 2 else "select 1")
    assert mission(ask, made)["status"] == "failed"
    ask("select fn_heartbeat()")
    assert Client(conn).check_invariants() == []


def test_what_its_worker_left_running_fails_when_it_starts_again(layer, ask, conn):
    made = propose(ask, "noop")
    ask("select * from ops_claim_next_step(10)")
    ReferenceWorker(ask).clean_up()
    assert mission(ask, made)["status"] == "failed"
    ask("select fn_heartbeat()")
    assert Client(conn).check_invariants() == []


def test_a_claimed_step_has_its_params_filled_in(layer, ask, conn):
    made = Client(conn).create_proposal(
        {
            "title": "t",
            "steps": [
                {"key": "a", "kind": "noop"},
                {"key": "b", "kind": "noop", "params": {"n": "{{steps.a.result.n}}"}, "depends_on": ["a"]},
            ],
        }
    )
    assert made.mission_id
    worker = ReferenceWorker(ask)
    worker.work(lambda step: {"n": 7})
    ask("select fn_heartbeat()")
    assert worker.work(lambda step: {})["params"] == {"n": 7}


def test_the_gate_judges_a_template_and_a_proposal_and_leaves_nothing(layer, ask, conn):
    def gate(given):
        return ask("select * from ops_gate_proposal(%s)", Jsonb(given))[0]

    assert gate(template("noop")) == {"ok": True, "reason": None}
    assert gate(template("noop", risk_level="high")) == {
        "ok": True,
        "reason": None,
    }  # it may wait for a person
    client = Client(conn)
    assert ask("select count(*) as n from ops_mission_proposals")[0]["n"] == 0
    client.set_policy("proposal_caps", {"daily_limit": 1, "over_limit": "reject"})
    propose(ask, "noop")
    refused = gate(template("noop"))
    assert refused["ok"] is False
    assert "daily_limit" in refused["reason"]
    assert ask("select count(*) as n from ops_mission_proposals")[0]["n"] == 1
    assert (
        ask(
            "select * from ops_gate_proposal((select id from ops_mission_proposals where status = 'pending'))"
        )
        == []
    )


def test_proposals_wait_are_voted_on_and_get_their_mission(layer, ask):
    made = propose(ask, "noop", key="k", risk_level="high")
    assert (made["status"], made["mission_id"]) == ("pending", None)
    assert propose(ask, "noop", key="k")["proposal_id"] == made["proposal_id"]
    assert ask("select ops_is_auto_approvable(%s) as it", Jsonb(template("noop", risk_level="high")))[0] == {
        "it": False
    }
    assert ask("select ops_extract_step_kinds(%s) as it", Jsonb(template("b", "a", "b")))[0] == {
        "it": ["a", "b"]
    }
    assert ask("select * from ops_gate_proposal(%s)", made["proposal_id"])[0]["ok"] is False
    with logins(layer) as people:
        person = people.session("operator")
        (approved,) = person.execute(
            "select ops_create_mission_from_proposal(%s)", (made["proposal_id"],)
        ).fetchone()
    assert mission(ask, {"mission_id": approved})["proposal_id"] == made["proposal_id"]


def test_twice_is_once_and_removal_leaves_the_loop_as_it_was(dsn, programs):
    before = dump(programs, dsn)
    migrate.install_layer(dsn, "ops")
    once = dump(programs, dsn)
    migrate.install_layer(dsn, "ops")
    assert dump(programs, dsn) == once
    assert migrate.layers(dsn)["ops"] == "opsloop"
    assert migrate.migrate(dsn) == []
    migrate.remove_layer(dsn, "ops")
    assert dump(programs, dsn) == before
    assert migrate.layers(dsn)["ops"] is None
    with pytest.raises(NotFound):
        migrate.remove_layer(dsn, "ops")


def test_psql_alone_installs_the_same(dsn, programs):
    migrate.install_layer(dsn, "ops")
    theirs = dump(programs, dsn)
    migrate.remove_layer(dsn, "ops")
    done = psql(programs, dsn, "--single-transaction", "-c", "set local opsloop.schema = 'opsloop'",
                "-f", str(sqlfiles.sql_root() / "compat/ops.sql"))  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert dump(programs, dsn) == theirs


def test_two_loops_can_both_have_it(layer):
    migrate.migrate(layer, "second")
    migrate.install_layer(layer, "ops", "second")
    assert migrate.layers(layer)["ops"] == "opsloop, second"


def test_functions_of_these_names_that_are_somebody_elses_are_left_alone(dsn, conn):
    conn.execute("create function ops_recover_stale_steps() returns integer language sql as 'select 1'")
    with pytest.raises(ForeignObject):
        migrate.install_layer(dsn, "ops")
    assert conn.execute("select ops_recover_stale_steps()").fetchone() == (1,)


def test_what_others_built_on_it_keeps_it(layer, conn):
    conn.execute("create view theirs as select * from ops_claim_next_step(1)")
    with pytest.raises(ForeignObject):
        migrate.remove_layer(layer, "ops")
    conn.execute("drop view theirs")


def test_a_rollback_says_to_remove_it_first(layer):
    before = migrate.status(layer)
    with pytest.raises(IllegalState) as refused:
        migrate.rollback(layer)
    assert refused.value.hint.endswith("opsloop compat remove ops")
    assert migrate.status(layer) == before
    migrate.remove_layer(layer, "ops")
    assert migrate.rollback(layer) == before.applied[::-1]


def test_each_role_may_do_what_the_loop_lets_it_do_and_nobody_else_anything(dsn, conn):
    nobody = "opsloop_test_nobody_of_compat_ops"
    conn.execute(f"create role {nobody} login password 'test'")
    calls = {
        "ops_claim_next_step(1)": "fn_claim_steps",
        "ops_recover_stale_steps()": "fn_recover_stale_steps",
        "ops_recover_expired_leases()": "fn_recover_expired_leases",
        f"ops_create_proposal_and_maybe_autoapprove(null, 'api', '{json.dumps(template('noop'))}')": (
            "fn_create_proposal"
        ),
    }
    try:
        conn.execute(f"alter default privileges grant all on functions to {nobody}, public")
        migrate.install_layer(dsn, "ops")
        with logins(dsn) as people:
            for role, session in {r: people.session(r) for r in ROLES}.items():
                for call, ours in calls.items():
                    (may,) = conn.execute(
                        "select has_function_privilege(%s, %s::regproc, 'execute')", (session.info.user, ours)
                    ).fetchone()
                    assert (sqlstate(session.execute, f"select * from {call}") != "42501") is may, (
                        role,
                        call,
                    )
            stranger = people.open(nobody)
            for call in calls:
                assert sqlstate(stranger.execute, f"select * from opsloop.{call}") == "42501"
    finally:
        conn.execute(f"drop owned by {nobody}; drop role {nobody}")


def test_in_public_the_runbook_finds_its_functions(empty_dsn):
    migrate.migrate(empty_dsn, "public")
    assert cli.run(["compat", "install", "ops", "--dsn", empty_dsn, "--schema", "public"]) == 0
    with psycopg.connect(empty_dsn) as conn:
        found = conn.execute(
            "SELECT routine_name FROM information_schema.routines"
            " WHERE routine_schema = 'public' AND routine_name LIKE 'ops_%'"
        ).fetchall()
    assert len(found) >= 9
