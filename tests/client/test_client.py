"""The client has a method for every public function, and never commits what is not its own."""

import dataclasses
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

import opsloop
from opsloop import errors
from opsloop.client import Client
from opsloop.results import Proposal, record

Conn = psycopg.Connection[Any]
Connect = Callable[..., Conn]

NOOP = {"title": "nothing much", "steps": [{"key": "only", "kind": "noop"}]}


def public_functions(conn: Conn) -> dict[str, list[str]]:
    """Every fn_ function of the database, without its prefix, and the names of its arguments without theirs."""
    rows = conn.execute(
        """
        select p.proname, coalesce(p.proargnames[1:p.pronargs], '{}')
          from pg_proc p
         where p.pronamespace = 'opsloop'::regnamespace and p.proname like 'fn\\_%'
        """
    ).fetchall()
    return {name.removeprefix("fn_"): [arg.removeprefix("p_") for arg in args] for name, args in rows}


def test_every_public_function_has_a_method_with_its_arguments(conn: Conn) -> None:
    functions = public_functions(conn)
    methods = {
        name: [argument.rstrip("_") for argument in list(inspect.signature(method).parameters)[1:]]
        for name, method in inspect.getmembers(Client, inspect.isfunction)
        if not name.startswith("_")
    }
    assert {name: sorted(args) for name, args in methods.items()} == {
        name: sorted(args) for name, args in functions.items()
    }


def test_every_method_says_what_it_does() -> None:
    methods = inspect.getmembers(Client, lambda m: inspect.isfunction(m) and not m.__name__.startswith("_"))
    assert [name for name, method in methods if not method.__doc__] == []


def test_what_it_does_is_undone_with_the_callers_transaction(conn: Conn) -> None:
    with conn.transaction():
        Client(conn).emit_event("order:placed", {"order": 7}, dedupe_key="order-7")
        raise psycopg.Rollback
    assert conn.execute("select count(*) from ops_agent_events").fetchone() == (0,)


def test_it_never_commits_on_a_borrowed_connection(conn: Conn, connect: Connect) -> None:
    borrowed = connect(autocommit=False)
    Client(borrowed).emit_event("order:placed")
    assert borrowed.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
    assert conn.execute("select count(*) from ops_agent_events").fetchone() == (0,)
    borrowed.commit()
    assert conn.execute("select count(*) from ops_agent_events").fetchone() == (1,)


def test_the_search_path_does_not_matter(connect: Connect) -> None:
    elsewhere = connect(options="-c search_path=pg_catalog")
    assert isinstance(Client(elsewhere).emit_event("a:b"), UUID)


def test_the_row_factory_of_the_borrowed_connection_does_not_matter(connect: Connect) -> None:
    dicts = connect(row_factory=psycopg.rows.dict_row)
    assert Client(dicts).create_proposal(NOOP).status in ("auto_approved", "pending")


def test_another_schema_is_another_loop(conn: Conn) -> None:
    with pytest.raises(errors.SchemaMismatch) as caught:
        Client(conn, schema="elsewhere").heartbeat()
    assert caught.value.code == "OPS_021"


def test_connect_owns_a_connection_and_closes_it(dsn: str, conn: Conn) -> None:
    with opsloop.connect(dsn) as loop:
        loop.emit_event("a:b")
        assert conn.execute("select count(*) from ops_agent_events").fetchone() == (1,)
    assert loop.conn.closed


def test_connect_takes_the_environment(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", dsn)
    monkeypatch.setenv("OPSLOOP_SCHEMA", "opsloop")
    with opsloop.connect() as loop:
        assert loop.heartbeat()["ok"] is True


def test_what_is_given_makes_the_environment_unimportant(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "nonsense://x")
    with opsloop.connect(dsn, "opsloop") as loop:
        assert loop.list_missions() == []


def test_connect_without_a_database_is_ops_001(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGSERVICE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(errors.DatabaseUnavailable):
        opsloop.connect()


def test_connect_to_a_server_that_does_not_answer_is_ops_001() -> None:
    with pytest.raises(errors.DatabaseUnavailable) as caught:
        opsloop.connect("host=127.0.0.1 port=1 user=secret password=hunter2 connect_timeout=5")
    assert "hunter2" not in str(caught.value.as_dict())


def test_the_same_dedupe_key_gives_the_first_event(conn: Conn) -> None:
    loop = Client(conn)
    first = loop.emit_event("a:b", dedupe_key="k")
    assert loop.emit_event("a:b", dedupe_key="k") == first
    assert loop.emit_events([{"type": "a:b", "dedupe_key": "k"}, {"type": "c:d"}])[0] == first


def test_a_faulty_batch_names_the_faulty_part_and_emits_nothing(conn: Conn) -> None:
    with pytest.raises(errors.InvalidEvent) as caught:
        Client(conn).emit_events([{"type": "a:b"}, {"type": "c:d", "data": 7}])
    assert "events[1].data" in str(caught.value.detail)
    assert conn.execute("select count(*) from ops_agent_events").fetchone() == (0,)


def test_a_faulty_template_is_refused_with_every_fault(conn: Conn) -> None:
    with pytest.raises(errors.InvalidTemplate) as caught:
        Client(conn).create_proposal({"steps": [{"kind": "noop", "depends_on": ["x"]}, {"colour": "red"}]})
    assert len(caught.value.detail) >= 3
    assert conn.execute("select count(*) from ops_mission_proposals").fetchone() == (0,)


def test_a_step_goes_from_proposal_to_done(conn: Conn) -> None:
    loop = Client(conn)
    (proposal,) = loop.create_proposals([{"template": NOOP, "source": "test"}])
    if proposal.status == "pending":
        proposal = loop.approve_proposal(proposal.proposal_id, actor="somebody", reason="a test")
    assert proposal.mission_id is not None
    loop.register_worker("w", executors={"noop": {"idempotent": True}}, settings={"max_retries": 2})
    (step,) = loop.claim_steps("w", 10, executors=["noop"])
    assert (step.mission_id, step.key, step.attempt) == (proposal.mission_id, "only", 1)
    (lease,) = loop.extend_leases(
        "w", [{"step_id": str(step.step_id), "lease_token": str(step.lease_token), "progress": {"done": 1}}]
    )
    assert lease.ok
    loop.assert_lease(step.step_id, step.lease_token)
    assert loop.complete_step(step.step_id, uuid4(), {"x": 1}) == "OPS_006"
    assert loop.complete_step(step.step_id, step.lease_token, {"x": 1}) == "accepted"
    assert loop.list_missions(status="succeeded")[0].mission_id == proposal.mission_id
    assert [s.status for s in loop.list_steps(proposal.mission_id)] == ["succeeded"]
    loop.unregister_worker("w")


def test_a_stale_token_is_ops_006(conn: Conn) -> None:
    loop = Client(conn)
    loop.create_proposal(NOOP)
    with pytest.raises(errors.LeaseLost):
        loop.assert_lease(uuid4(), uuid4())


def test_a_number_too_big_for_its_argument_is_ops_018(conn: Conn) -> None:
    with pytest.raises(errors.InvalidArgument):
        Client(conn).claim_steps("w", limit=10**12)


def test_a_value_of_the_wrong_form_is_ops_018(conn: Conn) -> None:
    with pytest.raises(errors.InvalidArgument):
        Client(conn).gate_proposal("not-a-uuid")


def test_policy_is_set_from_the_version_that_was_read(conn: Conn) -> None:
    loop = Client(conn)
    now = loop.policy_history("auto_approve", limit=1)[0]
    assert loop.get_policy("auto_approve") == now.value
    wanted = {**now.value, "enabled": False}
    assert (
        loop.set_policy("auto_approve", wanted, actor="ann", expected_version=now.version) == now.version + 1
    )
    with pytest.raises(errors.PolicyVersionConflict):
        loop.set_policy("auto_approve", wanted, expected_version=now.version)
    latest = loop.policy_history("auto_approve")[0]
    assert (latest.version, latest.changed_by) == (now.version + 1, "ann")


def test_a_faulty_policy_is_refused_and_the_version_in_force_stays(conn: Conn) -> None:
    loop = Client(conn)
    before = loop.policy_history("auto_approve")
    with pytest.raises(errors.InvalidPolicy):
        loop.set_policy("auto_approve", {"enabled": "yes"})
    assert loop.policy_history("auto_approve") == before


def test_a_column_that_a_newer_schema_adds_is_left_out(conn: Conn) -> None:
    with conn.cursor(row_factory=record(Proposal)) as cur:
        cur.execute(
            "select gen_random_uuid() as proposal_id, 'pending' as status, null::uuid as mission_id, "
            "null::text as reason, 'new' as later"
        )
        made = cur.fetchone()
    assert made is not None
    assert dataclasses.asdict(made)["status"] == "pending"


def test_the_version_is_that_of_the_package() -> None:
    text = (Path(__file__).resolve().parents[2] / "pyproject.toml").read_text()
    assert f'version = "{opsloop.__version__}"' in text


def test_the_order_of_arguments_is_the_functions_own_and_decisions_take_all_by_position(conn: Conn) -> None:
    functions = public_functions(conn)
    deciding = {
        name: inspect.signature(method).parameters
        for name, method in inspect.getmembers(Client, inspect.isfunction)
        if "actor" in inspect.signature(method).parameters
    }
    assert {"approve_proposal", "reject_proposal", "retry_step", "cancel_mission"} <= deciding.keys()
    for name, parameters in deciding.items():
        # A name that is a word of Python has an underscore after it.
        assert [parameter.rstrip("_") for parameter in parameters][1:] == functions[name], name
        assert {p.kind for p in parameters.values()} == {inspect.Parameter.POSITIONAL_OR_KEYWORD}, name


def test_who_decides_may_be_given_by_position(conn: Conn) -> None:
    loop = Client(conn)
    template = {"title": "risky", "risk_level": "high", "steps": [{"kind": "noop"}]}
    waiting = loop.create_proposal(template)
    loop.reject_proposal(loop.create_proposal(template).proposal_id, "ben", "not today")
    mission = loop.approve_proposal(waiting.proposal_id, "ann", "looks right").mission_id
    assert mission is not None
    loop.pause("mission", str(mission), "cem", "wait")
    loop.resume("mission", str(mission), "cem")
    loop.cancel_mission(mission, "dan", "too late")
    loop.kill_switch("eve", "fire")
    loop.resume("all", None, "eve", "out")

    said = {one.decided_by for one in loop.list_proposals()}
    assert said == {"ann", "ben"}
    stopped = conn.execute("select actor, action from ops_control_log order by id").fetchall()
    assert [who for who, _ in stopped] == ["cem", "cem", "eve", "eve"]
