"""The whole loop, from the installation to the metrics: by SQL, as the caller's session is set, and by command line."""

import json
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from cli.commandline import Cli, Done

Row = dict[str, Any]

#: With letters that no single-byte encoding has all of, a backslash, quotes and a percent sign.
TEXT = "30% née \\d+ 'q' \"z\""
SIGNAL = "disk:full"
REACTION = {
    "name": "clean up",
    "event_type": SIGNAL,
    "probability": 1,
    "template": {
        "title": "clean up",
        "steps": [
            {"key": "a", "kind": "noop", "params": {"what": "{{event.data.what}}"}},
            {"key": "b", "kind": "noop", "params": {"of": "{{steps.a.result.done}}"}},
        ],
    },
}
WAITS = {"title": "a person decides", "risk_level": "high", "steps": [{"key": "a", "kind": "noop"}]}


class Caller:
    """A session that nobody has put right: settings of role, database and environment hold in it."""

    def __init__(self, dsn: str, schema: str) -> None:
        self.conn = psycopg.connect(dsn, autocommit=True)
        path = sql.Identifier(schema).as_bytes(self.conn).decode(self.conn.info.encoding)
        self.conn.execute(f"select set_config('search_path', $opsloop${path}$opsloop$, false)")

    def call(self, query: str, *params: Any) -> list[tuple[Any, ...]]:
        """The rows of a query; documents go as jsonb. Under SQL_ASCII text comes as bytes: psycopg does not guess."""
        given = [Jsonb(p) if isinstance(p, dict | list) else p for p in params]
        rows = self.conn.execute(query, given).fetchall()
        return [tuple(v.decode() if isinstance(v, bytes) else v for v in row) for row in rows]

    def value(self, query: str, *params: Any) -> Any:
        """The only value."""
        ((only,),) = self.call(query, *params)
        return only

    def text(self, query: str, *params: Any) -> str:
        """The only value, as text: nothing that reads types stands in between."""
        return str(self.value(f"select x::text from ({query}) q (x)", *params))

    def document(self, query: str, *params: Any) -> Any:
        """The only value, a document."""
        return json.loads(self.text(query, *params))

    def beat(self) -> None:
        """A heartbeat of which every phase succeeds."""
        result = self.document("select fn_heartbeat()")
        assert result["ok"] is True, result


def by_sql(owner_dsn: str, machine_dsn: str, person_dsn: str, schema: str, text: str = TEXT) -> None:
    """Signal, reaction, gate, decision, work and the questions about it, by SQL alone.

    Two logins: a machine, which produces and works, and a person, who decides and sets policy. Tables are read as
    their owner: to everybody else `row_security = off` refuses them.
    """
    owner, caller, person = (Caller(dsn, schema) for dsn in (owner_dsn, machine_dsn, person_dsn))
    with owner.conn, caller.conn, person.conn:
        call, value = caller.call, caller.value
        person.call("select fn_set_policy('reaction_matrix', %s)", {"patterns": [REACTION]})
        person.call(
            "select fn_set_policy('auto_approve', fn_get_policy('auto_approve') || %s)",
            {"enabled": True, "allowed_step_kinds": ["*"]},
        )
        call("select fn_register_worker('w1', 'here', 1, '0', %s, '{}')", {"noop": {}})

        event = value("select fn_emit_event(%s, %s, 'first')::text", SIGNAL, {"what": text})
        assert value("select fn_emit_event(%s, %s, 'first')::text", SIGNAL, {"what": text}) == event
        caller.beat()

        def work(result: Row) -> Row:
            ((step, token, key, params),) = call(
                "select step_id::text, lease_token::text, key, params::text from fn_claim_steps('w1', 1)"
            )
            leases = [{"step_id": step, "lease_token": token}]
            assert call("select ok from fn_extend_leases('w1', %s)", leases) == [(True,)]
            assert value("select fn_complete_step(%s, %s, %s)", step, token, result) == "accepted"
            return {"step": step, "key": key, "params": json.loads(params)}

        first = work({"done": text})
        assert (first["key"], first["params"]) == ("a", {"what": text})
        second = work({"n": 1.5})
        assert (second["key"], second["params"]) == ("b", {"of": text})
        mission = owner.value("select mission_id::text from ops_mission_steps where id = %s", first["step"])
        assert owner.value("select status from ops_missions where id = %s", mission) == "succeeded"

        ((proposal, status),) = call("select proposal_id::text, status from fn_create_proposal(%s)", WAITS)
        assert status == "pending"
        assert value("select code from fn_gate_proposal(%s)", proposal) == "OPS_009"
        assert proposal in person.text("select fn_inbox()")
        assert proposal in person.text("select fn_explain_proposal(%s)", proposal)
        decided = person.value(
            "select mission_id::text from fn_approve_proposal(%s, 'ann', %s)", proposal, text
        )
        assert (text,) in owner.call("select reason from ops_audit_log")

        ((step, token),) = call("select step_id::text, lease_token::text from fn_claim_steps('w1', 1)")
        outcome = value("select fn_fail_step(%s, %s, %s, true, 0)", step, token, text)
        assert outcome == "queued"
        assert "nothing is in its way" in person.text("select m from fn_explain_mission(%s) m", decided)
        assert step in person.text("select to_jsonb(fn_explain_step(%s))", step)
        assert mission not in person.text("select jsonb_agg(t) from fn_trail(%s) t", decided)
        person.call("select fn_pause('executor', 'noop', 'ann', %s)", text)
        assert call("select * from fn_claim_steps('w1', 1)") == []
        person.call("select fn_resume('executor', 'noop', 'ann')")
        work({})
        assert value("select fn_acquire_lock('leader', 'me', 60)") is True
        assert value("select fn_release_lock('leader', 'me')") is True
        call("select fn_publish_outbox('order', '1', 'order.paid', %s)", {"text": text})
        ((message, payload),) = call("select id, payload::text from fn_claim_outbox_events('p1', 1)")
        assert json.loads(payload) == {"text": text}
        assert value("select fn_complete_outbox_event(%s, 'p1', true)", message) is True
        for listing in ("fn_metrics", "fn_check_health", "fn_health", "fn_list_missions", "fn_list_steps"):
            assert person.text(f"select jsonb_agg(l) from {listing}() l") != "None"
        assert person.text("select jsonb_agg(l) from fn_list_running() l") == "None"
        person.call("select fn_kill_switch('ann', %s)", text)
        person.call("select fn_resume('all', null, 'ann')")
        caller.beat()
        assert person.call("select * from fn_check_invariants()") == []


def by_command_line(cli: Cli, schema: str, text: str = TEXT) -> None:
    """The same by command line, on the loop that `by_sql` left behind."""

    def run(*arguments: str) -> Done:
        done = cli(*arguments, "--schema", schema)
        assert done.code == 0, (arguments, done)
        return done

    run("status")
    event = run("emit", SIGNAL, "--data", json.dumps({"what": text}), "--json").json["event_id"]
    assert event
    waits = run("propose", json.dumps({**WAITS, "title": text}), "--json").json["proposal_id"]
    run("inbox")
    assert waits in run("inbox", "--json").out
    mission = run("approve", waits, "--reason", text, "--json").json["mission_id"]
    run("ps", mission)
    run("explain", mission)
    drained = run("worker", "--drain")
    assert "Traceback" not in drained.err
    ended = run("ps", mission, "--json").json
    assert "succeeded" in json.dumps(ended)
    assert mission in run("explain", mission, "--json").out
    run("ps")
    run("metrics")
    run("dead", "list")
    run("policy", "get", "auto_approve")
    assert "Traceback" not in run("health").err


def install(cli: Cli, schema: str) -> None:
    """Everything that stands before the first event."""
    for command in ("migrate", "seed"):
        done = cli(command, "--schema", schema)
        assert done.code == 0, done
