"""What a loop does, its front does, on the node that has it: errors, logins, ids, lists."""

import re
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from fleet.servers import ROLES, Servers
from upgrade.test_fleet_routes import ROOT, routes

TEMPLATE = {"title": "one", "steps": [{"kind": "noop"}]}
#: Needs somebody's approval.
WAITS = {
    "title": "waits",
    "risk_level": "high",
    "steps": [{"kind": "http", "params": {"url": "https://example.org/"}}],
}


def propose(conn: psycopg.Connection[Any], key: str, template: dict[str, Any] = TEMPLATE) -> tuple[Any, ...]:
    """Proposal, status, mission, reason."""
    made = conn.execute("select * from fn_create_proposal(%s, 'test', %s)", (Jsonb(template), key)).fetchone()
    assert made is not None
    return made


def on_each(fleet: Servers, name: str, template: dict[str, Any] = TEMPLATE) -> dict[int, tuple[Any, ...]]:
    """A proposal on each node, through the front."""
    found: dict[int, tuple[Any, ...]] = {}
    with fleet.front() as conn:
        for n in range(100):
            made = propose(conn, f"{name}-{n}", template)
            found.setdefault(fleet.of(made[0]).number, made)
            if len(found) == 3:
                return found
    raise AssertionError(f"a hundred keys, and only nodes {found.keys()} got any")


def signatures() -> dict[str, tuple[str, str]]:
    """Types of the arguments and roles, by name."""
    text = (ROOT / "sql/fleet/signatures.sql").read_text(encoding="utf-8")
    rows = re.findall(
        r"^  \('(fn_\w+)',\n   (?:'.*'\n?\s*)*?,\n   (?:'.*'\n?\s*)*?,\n   '([^']*)',\n   '([\w ]+)'\)",
        text,
        re.MULTILINE,
    )
    return {name: (types, roles) for name, types, roles in rows}


def refusal(conn: psycopg.Connection[Any], statement: str, args: tuple[Any, ...]) -> tuple[Any, ...]:
    with pytest.raises(psycopg.Error) as caught:
        conn.execute(statement, args)
    said = caught.value.diag
    return caught.value.sqlstate, said.message_primary, said.message_detail, said.message_hint


@pytest.mark.parametrize("role", ROLES)
def test_every_routed_function_runs_for_whom_it_runs_on_a_loop(fleet: Servers, role: str) -> None:
    """Called with arguments of its types: what comes back is an answer or a loop's own refusal, never PL/Proxy's."""
    there = fleet.node(1)
    made = on_each(fleet, f"any-{role}")[1]
    texts = {
        "uuid": str(made[2]),
        "jsonb": "{}",
        "integer": "5",
        "bigint": "5",
        "boolean": "true",
        "text": "a-name",
        "numeric": "1",
        "text[]": "{a}",
        "interval": "1 hour",
        "timestamp with time zone": "2026-01-01",
        "double precision": "1",
    }
    wrong = []
    includes = {
        "reader": ROLES,
        "producer": ("producer", "worker", "admin"),
        "worker": ("worker", "admin"),
        "operator": ("operator", "admin"),
        "admin": ("admin",),
    }
    routed = [
        name for name, (route, _, _) in routes().items() if route != "node" and name != "fn_kill_switch"
    ]
    with fleet.front(f"one_{role}") as front, fleet.session("ops", there.host, f"one_{role}") as direct:
        known = signatures()
        assert known.keys() == routes().keys()
        for name in routed:
            types, roles = known[name]
            given = [] if types == "" else types.split(", ")
            call = f"select * from {name}({', '.join(f'%s::{one}' for one in given)})"
            args = tuple(texts[one] for one in given)
            answers = []
            for conn in (direct, front):
                try:
                    with conn.transaction(force_rollback=True):
                        conn.execute(call, args)  # type: ignore[call-overload]
                    answers.append("done")
                except psycopg.Error as error:
                    answers.append(str(error.sqlstate))
            may = any(role in includes[one] for one in roles.split())
            refused = answers[1] == "42501"
            if refused == may or not re.fullmatch(r"done|42501|22\w{3}|OP\d{3}", answers[1]):
                wrong.append((name, answers))
    assert wrong == []


@pytest.mark.parametrize(
    ("statement", "args"),
    [
        ("select fn_emit_event('', '{}', 'k')", ()),
        ("select * from fn_create_proposal(%s)", (Jsonb({"steps": [{"kind": 1}]}),)),
        ("select * from fn_list_missions(0)", ()),
        ("select fn_set_policy('auto_approve', '{\"enabled\": 1}')", ()),
        ("select fn_pause('nothing', 'x')", ()),
    ],
)
def test_a_refusal_arrives_as_the_node_said_it(fleet: Servers, statement: str, args: tuple[Any, ...]) -> None:
    with fleet.front() as front, fleet.node(1).session() as direct:
        assert refusal(front, statement, args) == refusal(direct, statement, args)


def test_an_id_that_is_nowhere_is_refused_as_on_the_node_that_it_names(fleet: Servers) -> None:
    nowhere = "00000000-0000-7000-8000-000000000002"
    for call in (
        "fn_cancel_mission",
        "fn_retry_step",
        "fn_explain_mission",
        "fn_trail",
        "fn_approve_proposal",
    ):
        with fleet.front() as front, fleet.node(2).session() as direct:
            statement = f"select * from {call}(%s::uuid)"
            assert refusal(front, statement, (nowhere,)) == refusal(direct, statement, (nowhere,))


def test_an_id_of_no_node_is_not_found(fleet: Servers) -> None:
    with fleet.front() as front:
        said = refusal(front, "select fn_cancel_mission(%s)", ("00000000-0000-7000-8000-0000000000ff",))
    assert said[0] == "OP012"


def test_whoever_proposes_is_the_login_that_came_to_the_front(fleet: Servers) -> None:
    with fleet.front("one_producer") as conn:
        made = propose(conn, "whose")
    query = "select proposed_login from fn_list_proposals(1, null, %s)"
    assert fleet.of(made[0]).rows(query, made[0]) == [("one_producer",)]


def test_set_role_does_not_change_the_login_on_the_nodes(fleet: Servers) -> None:
    with fleet.front() as conn:
        conn.execute("set role one_producer")
        made = propose(conn, "whose-role")
    query = "select proposed_login from fn_list_proposals(1, null, %s)"
    assert fleet.of(made[0]).rows(query, made[0]) == [("postgres",)]


def test_nobody_decides_through_the_front_on_what_he_proposed(fleet: Servers) -> None:
    with fleet.front("one_admin") as conn:
        made = propose(conn, "own", WAITS)
        assert made[1] == "pending"
        said = refusal(conn, "select * from fn_approve_proposal(%s)", (made[0],))
    assert said[0] is not None
    assert said[0].startswith("OP")
    with fleet.front("one_operator") as conn:
        row = conn.execute("select status from fn_approve_proposal(%s)", (made[0],)).fetchone()
    assert row == ("approved",)


def test_ids_end_with_their_node_and_lead_to_it(fleet: Servers) -> None:
    for number, (proposal, _, mission, _) in on_each(fleet, "ids").items():
        assert fleet.node(number).rows("select mission_id from fn_list_missions(1, null, %s)", mission) == [
            (mission,)
        ]
        steps = fleet.node(number).rows("select step_id from fn_list_steps(%s)", mission)
        assert {fleet.of(step).number for (step,) in steps} == {number}
        with fleet.front() as conn:
            for ask in (
                "select mission_id from fn_list_missions(1, null, %s)",
                "select distinct mission_id from fn_list_steps(%s)",
            ):
                assert conn.execute(ask, (mission,)).fetchall() == [(mission,)]
            assert conn.execute("select fn_whole_id(%s, 'mission')", (str(mission)[-10:],)).fetchone() == (
                mission,
            )
            assert conn.execute("select count(*) > 1 from fn_trail(%s)", (proposal,)).fetchone() == (True,)
            assert conn.execute("select fn_cancel_mission(%s, 'me')", (mission,)).fetchone() == ("cancelled",)
        others = [n for n in fleet.nodes if n.number != number]
        assert [n.rows("select 1 from ops_missions where id = %s", mission) for n in others] == [[], []]
        status = "select status from fn_list_missions(1, null, %s)"
        assert fleet.node(number).rows(status, mission) == [("cancelled",)]


def test_the_same_key_leads_to_the_same_row(fleet: Servers) -> None:
    with fleet.front() as conn:
        once = [propose(conn, f"again-{n}") for n in range(12)]
        assert [propose(conn, f"again-{n}")[0] for n in range(12)] == [made[0] for made in once]
        events = [
            conn.execute("select fn_emit_event('e', '{}', %s)", (f"e-{n % 6}",)).fetchone() for n in range(12)
        ]
    assert events[:6] == events[6:]


def test_a_routing_key_keeps_together_what_has_no_key_of_its_own(fleet: Servers) -> None:
    with fleet.front() as conn:
        ids = [conn.execute("select fn_emit_event('e', p_routing_key => 'us')").fetchone() for _ in range(9)]
        spread = [conn.execute("select fn_emit_event('e')").fetchone() for _ in range(60)]
    assert len({fleet.of(one[0]).number for one in ids if one}) == 1
    assert len({fleet.of(one[0]).number for one in spread if one}) == 3


def test_batches_come_back_in_their_order(fleet: Servers) -> None:
    with fleet.front() as conn:
        keys = [f"batch-{n}" if n % 3 else None for n in range(30)]
        events = [{"type": f"t{n}", "dedupe_key": key} for n, key in enumerate(keys)]
        ids = [one for (one,) in conn.execute("select fn_emit_events(%s)", (Jsonb(events),))]
        for n, one in enumerate(ids):
            assert fleet.of(one).rows("select type from ops_agent_events where id = %s", one) == [(f"t{n}",)]
        assert len({fleet.of(one).number for one in ids}) == 3
        batch = [
            {"template": {**TEMPLATE, "title": f"b{n}"}, "dedupe_key": key} for n, key in enumerate(keys)
        ]
        made = conn.execute(
            "select ord, proposal_id from fn_create_proposals(%s)", (Jsonb(batch),)
        ).fetchall()
        assert [ord_ for ord_, _ in made] == list(range(1, 31))
        for n, (_, one) in enumerate(made):
            assert fleet.of(one).rows("select title from fn_list_proposals(1, null, %s)", one) == [(f"b{n}",)]


def test_lists_and_the_inbox_are_those_of_one_loop(fleet: Servers) -> None:
    on_each(fleet, "list")
    waiting = on_each(fleet, "inbox", WAITS)
    for list_, key, down in (
        ("fn_list_missions(%s)", "mission_id", True),
        ("fn_list_proposals(%s)", "proposal_id", True),
        ("fn_list_steps(null, %s)", "step_id", True),
        ("fn_inbox(%s)", "since, id", False),
    ):
        everything = [row for node in fleet.nodes for row in node.rows(f"select {key} from {list_}", 1000)]
        everything.sort(reverse=down)
        assert len(everything) > 3
        for limit in (2, 7, 1000):
            with fleet.front() as conn:
                shown = conn.execute(f"select {key} from {list_}", (limit,)).fetchall()  # type: ignore[call-overload]
            assert shown == everything[:limit], list_
    with fleet.front() as conn:
        assert conn.execute("select distinct in_all from fn_inbox(2)").fetchall() == [
            (sum(node.rows("select count(*) from fn_inbox(1000)")[0][0] for node in fleet.nodes),)
        ]
        decisions = [
            {"id": str(one[0]), "decision": "reject", "digest": digest, "actor": "me", "reason": "a test"}
            for one in waiting.values()
            for (digest,) in fleet.of(one[0]).rows("select digest from fn_inbox(1000) where id = %s", one[0])
        ]
        rows = conn.execute("select ord, id, ok from fn_decide(%s)", (Jsonb(decisions),)).fetchall()
    # The superuser proposed them, and may not decide: each is answered, in its place, by its own node.
    assert [(ord_, str(one)) for ord_, one, _ in rows] == [(n, d["id"]) for n, d in enumerate(decisions, 1)]


def test_a_page_that_a_node_cut_for_its_size_skips_nothing(fleet: Servers) -> None:
    large = [on_each(fleet, f"large-{n}")[1][0] for n in range(3)]
    change = "update ops_mission_proposals set template = %s where id = %s"
    template = "select template from ops_mission_proposals where id = %s"
    before = {one: fleet.node(1).rows(template, one)[0][0] for one in large}
    everything = [
        row for node in fleet.nodes for row in node.rows("select proposal_id from fn_list_proposals(1000)")
    ]
    everything.sort(reverse=True)
    try:
        with fleet.node(1).session() as there:
            for one in large:
                there.execute(change, (Jsonb({"note": "x" * 9_000_000}), one))
        with fleet.front() as conn:
            shown = conn.execute("select proposal_id from fn_list_proposals(1000)").fetchall()
            assert shown == everything[: len(shown)]
            assert 0 < len(shown) < everything.index((large[0],))
            rest = conn.execute(
                "select proposal_id from fn_list_proposals(1000, p_filter => %s)",
                (Jsonb({"before": str(shown[-1][0])}),),
            ).fetchall()
            assert shown + rest == everything
    finally:
        with fleet.node(1).session() as there:
            for one in large:
                there.execute(change, (Jsonb(before[one]), one))


def test_numbers_of_nodes_add_up(fleet: Servers) -> None:
    query = "select queued_steps, pending_proposals from fn_health()"
    rows = [node.rows(query)[0] for node in fleet.nodes]
    with fleet.front() as conn:
        assert conn.execute(query).fetchone() == tuple(map(sum, zip(*rows, strict=True)))


def test_what_works_on_one_node_only_says_so(fleet: Servers) -> None:
    with fleet.front("one_worker") as conn:
        sqlstate, _, _, hint = refusal(conn, "select * from fn_claim_steps('w')", ())
    assert sqlstate == "OP089"
    assert "a worker works on one node" in hint
