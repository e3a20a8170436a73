"""An agent is given every public function, and calls them all with what it knows."""

import itertools
import json

from psycopg import sql

from logins import sqlstate
from looping import Loop, step

FUNCTIONS = """
  select p.proname as name, coalesce(p.proargnames[1:p.pronargs], '{}') as names,
         array(select format_type(t, null) from unnest(p.proargtypes) with ordinality a (t, n) order by n) as types
    from pg_proc p
   where p.pronamespace = 'opsloop'::regnamespace and p.proname like 'fn\\_%%'
   order by 1"""


def test_an_agent_given_every_function_gets_no_unapproved_command_run(scene, agent, loop):
    proposal = scene.propose()
    parked = agent.propose(step("p"), step("q", after=["p"]))["mission_id"]
    (work,) = Loop(scene.people.session("worker")).claim()
    command = {"title": "x", "risk_level": "low", "steps": [scene.command()]}
    open_all = {"enabled": True, "allowed_step_kinds": ["*"], "max_risk_level": "high"}
    reports = [{"step_id": str(work["step_id"]), "lease_token": str(work["lease_token"]), "result": command}]
    known = {
        "uuid": [proposal, parked, work["step_id"], work["lease_token"]],
        "text": ["auto_approve", "ada", "approve", "succeeded", "all", "mission:succeeded", str(proposal)],
        "jsonb": [json.dumps(j) for j in (command, open_all, [{"template": command}], reports, [command])],
        "integer": [1, 1000],
        "bigint": [1],
        "boolean": [True],
        "text[]": [["command"]],
        "uuid[]": [[proposal]],
    }
    named = {
        "p_actor": ["ada"],
        "p_key": ["auto_approve"],
        "p_agent_role": ["reviewer"],
        "p_vote": ["approve"],
    }
    refused, called = set(), set()
    for function in loop.rows(FUNCTIONS):
        choices = [
            named.get(name) or known.get(kind) or [None]
            for name, kind in zip(function["names"], function["types"], strict=True)
        ]
        # Each argument takes each value it may have; not every combination.
        widest = max([len(c) for c in choices], default=1)
        for n, shift in itertools.product(range(widest), range(2)):
            given = [c[(n + shift * i) % len(c)] for i, c in enumerate(choices)]
            marks = [sql.SQL("%s::{}").format(sql.SQL(kind)) for kind in function["types"]]
            call = sql.SQL("select * from {}({})").format(
                sql.Identifier(function["name"]), sql.SQL(", ").join(marks)
            )
            (refused if sqlstate(agent.conn.execute, call, given) == "42501" else called).add(
                function["name"]
            )
    assert not refused & called
    assert {"fn_create_proposal", "fn_emit_event", "fn_list_steps"} <= called
    assert {
        "fn_approve_proposal",
        "fn_set_policy",
        "fn_claim_steps",
        "fn_complete_step",
        "fn_resume",
    } <= refused

    assert loop.value("select version from ops_policy where key = 'auto_approve'") == 1
    assert loop.rows("select * from ops_mission_proposals where status = 'approved'") == []
    missions = "select distinct s.executor from ops_mission_steps s"
    assert {row["executor"] for row in loop.rows(missions)} == {"noop"}
    scene.nothing_ran()
