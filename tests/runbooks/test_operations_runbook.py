"""The operations runbook on opsloop: every statement of docs/runbooks.md runs, and does what the page says."""

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from docs.documents import Block, blocks
from opsloop import migrate
from opsloop.client import Client

DOCUMENT = "docs/runbooks.md"
Conn = psycopg.Connection[Any]
Rows = list[dict[str, Any]]

PATTERN = {
    "name": "all disks",
    "event_type": "disk:*",
    "template": {"title": "look", "steps": [{"kind": "noop"}]},
}


def statements() -> list[Block]:
    """The blocks of this part of the page that are to be run."""
    text = (Path(__file__).parents[2] / DOCUMENT).read_text(encoding="utf-8")
    end = text[: text.index("\n# The runbook of migration 022")].count("\n")
    return [block for block in blocks(DOCUMENT) if block.language == "sql" and block.line <= end]


def under(heading: str) -> list[str]:
    """The single statements of the blocks that follow a paragraph which begins with **heading**."""
    text = (Path(__file__).parents[2] / DOCUMENT).read_text(encoding="utf-8")
    part = re.split(r"^(?=\*\*|## )", text.split(f"\n**{heading}**", 1)[1], flags=re.MULTILINE)[0]
    found = re.findall(r"^```sql \w+\n(.*?)^```$", part, re.MULTILINE | re.DOTALL)
    return [one.strip() for block in found for one in block.split(";\n") if one.strip()]


class Loop:
    """A loop with something of everything: what succeeded, failed, runs, waits for a person, and a reaction."""

    def __init__(self, conn: Conn, schema: str = "opsloop") -> None:
        self.conn = conn
        self.client = Client(conn, schema)
        self.client.set_policy("reaction_matrix", {"patterns": [PATTERN]})
        self.client.emit_event("disk:full", {"host": "db1"})
        self.client.heartbeat()
        self.client.create_proposal({"title": "risky", "risk_level": "high", "steps": [{"kind": "noop"}]})
        self.finish("succeeded")
        self.failed = self.finish("failed")
        self.propose()
        self.client.claim_steps("test:1")
        self.propose()

    def propose(self) -> None:
        """One more mission, approved by policy."""
        self.client.create_proposal({"title": "count", "steps": [{"key": "count", "kind": "noop"}]})

    def finish(self, outcome: str) -> str:
        """Claims the next step, or that of a new mission, and ends it; returns its id."""
        self.propose()
        (step,) = self.client.claim_steps("test:1")
        if outcome == "succeeded":
            self.client.complete_step(step.step_id, step.lease_token, {"n": 1})
        else:
            self.client.fail_step(step.step_id, step.lease_token, "cannot count", retryable=False)
        return str(step.step_id)

    def ask(self, statement: str) -> Rows:
        """The rows of a statement."""
        cursor = self.conn.cursor(row_factory=dict_row)
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []

    def of(self, step: str, column: str) -> Any:
        """One column of a step."""
        return self.ask(f"select {column} as value from ops_mission_steps where id = '{step}'")[0]["value"]


@pytest.fixture
def loop(conn: Conn) -> Loop:
    return Loop(conn)


@pytest.fixture
def install(empty_dsn: str) -> Iterator[Callable[[str], tuple[str, Conn]]]:
    """Installs opsloop, seeded, under a schema's name; gives a connection with that search_path."""
    opened: list[Conn] = []

    def make(schema: str) -> tuple[str, Conn]:
        migrate.migrate(empty_dsn, schema)
        migrate.seed(empty_dsn, schema)
        conn = psycopg.connect(empty_dsn, autocommit=True, options=f"-c search_path={schema}")
        opened.append(conn)
        return empty_dsn, conn

    yield make
    for conn in opened:
        conn.close()


@pytest.mark.parametrize("schema", ["opsloop", "public"])
def test_every_statement_of_the_page_runs(install, programs, schema):
    dsn, conn = install(schema)
    migrate.install_layer(dsn, "ops", schema)
    loop = Loop(conn, schema)
    for block in statements():
        if "'<step-id>'" in block.text:  # both ways to retry want a step that failed
            conn.execute("update ops_mission_steps set status = 'failed' where id = %s", (loop.failed,))
        text = block.text.replace("<step-id>", loop.failed).replace(
            "[backup_policy_json]", '{"patterns": []}'
        )
        done = subprocess.run(
            [programs / "psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", dsn],
            input=text,
            env={**os.environ, "PGOPTIONS": f"-c search_path={schema}"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), f"{DOCUMENT}:{block.line}\n{block.text}"


def test_every_statement_says_what_it_is():
    assert {block.about for block in statements()} == {"printed", "translated"}


def test_in_public_the_eight_tables_and_the_sizes_are_found(install):
    _, conn = install("public")
    expected = {
        "ops_policy",
        "ops_mission_proposals",
        "ops_missions",
        "ops_mission_steps",
        "ops_agent_events",
        "ops_agent_reactions",
        "ops_action_runs",
        "ops_demand_radar",
    }
    for statement in (under("Tables are there")[0], under("Table sizes")[0]):
        assert expected <= {row[-2] if len(row) > 1 else row[0] for row in conn.execute(statement).fetchall()}


def test_in_public_the_functions_are_found_as_printed(install):
    dsn, conn = install("public")
    migrate.install_layer(dsn, "ops", "public")
    _, printed = under("Functions are there")
    assert len(conn.execute(printed).fetchall()) >= 9


def test_the_gate_and_the_recovery_are_asked_as_printed(loop, dsn):
    migrate.install_layer(dsn, "ops")
    gate, recovery = (
        next(block.text for block in statements() if name in block.text and block.about == "printed")
        for name in ("ops_gate_proposal", "ops_recover_stale_steps")
    )
    (answer,) = loop.ask(gate)
    assert (answer["ok"], "high" in answer["reason"]) == (False, True)
    assert loop.ask(recovery) == [{"ops_recover_stale_steps": 0}]


def test_the_five_policies_are_there(loop):
    (statement,) = under("Policies are there")
    assert len(loop.ask(statement)) == 5


def test_heartbeats_are_counted_by_the_hour(loop):
    (statement,) = under("Heartbeat health")
    (hour,) = [row for row in loop.ask(statement) if row["successes"]]
    assert (hour["successes"], hour["failures"]) == (1, 0)


def test_worker_activity_counts_claims_and_their_ends(loop):
    (statement,) = under("Worker activity")
    rows = loop.ask(statement)
    assert [sum(row[name] for row in rows) for name in ("steps_claimed", "succeeded", "failed")] == [3, 1, 1]


def test_latency_is_that_of_each_proposal_to_its_own_event(loop):
    (statement,) = under("Proposal latency")
    loop.conn.execute(
        "update ops_agent_events set created_at = created_at - interval '10 seconds' where type = 'disk:full'"
    )
    (row,) = loop.ask(statement)
    assert 10 <= row["avg_latency_seconds"] < 20
    assert row["p50_latency"] == row["p95_latency"]


def test_the_success_rate_counts_missions_that_ended(loop):
    (statement,) = under("Mission success rate")
    rows = loop.ask(statement)
    assert (sum(row["total_missions"] for row in rows), rows[0]["success_rate_pct"]) == (2, 50)


def test_a_step_out_of_tries_is_a_dead_letter(loop):
    printed, ours = under("Dead letters")
    # Failed at the first try, as its error was not retryable: only the archive knows.
    assert loop.ask(printed) == []
    assert loop.ask(ours)[0]["dead_letters"] == 1
    loop.conn.execute("update ops_mission_steps set failure_count = 3 where id = %s", (loop.failed,))
    assert loop.ask(printed)[0]["dead_letters"] == 1


def test_the_queue_depth_is_that_of_the_dashboard(loop):
    _, depth, errors, queue = under("Dashboard queries")
    assert {row["metric"]: row["count"] for row in loop.ask(depth)}["queued_steps"] == sum(
        row["ready"] for row in loop.ask(queue)
    )
    assert [row["last_error"] for row in loop.ask(errors)] == ["cannot count"]


def test_a_policy_changed_by_update_decides_from_then_on_and_is_kept(loop):
    loop.conn.execute(
        "update ops_policy set value = jsonb_set(value, '{enabled}', 'false') where key = 'auto_approve'"
    )
    assert loop.client.create_proposal({"title": "a", "steps": [{"kind": "noop"}]}).status == "pending"
    enable = next(one for one in under("Proposals are not approved") if "{enabled}" in one)
    loop.conn.execute(enable)
    assert loop.client.create_proposal({"title": "a", "steps": [{"kind": "noop"}]}).status == "auto_approved"
    assert [entry.version for entry in loop.client.policy_history("auto_approve")] == [3, 2, 1]


def test_a_step_reset_by_hand_is_adopted_by_the_next_heartbeat_and_its_mission_lives(loop):
    reset, _ = under("Manual retry")
    loop.conn.execute(reset.replace("<step-id>", loop.failed))
    assert loop.client.heartbeat()["staleResult"] == {"recovered": 1}
    mission = loop.ask(f"select status from ops_missions where id = '{loop.of(loop.failed, 'mission_id')}'")
    assert mission == [{"status": "running"}]
    claimed = {str(step.step_id): step for step in loop.client.claim_steps("test:2", 10)}
    step = claimed[loop.failed]
    assert loop.client.complete_step(step.step_id, step.lease_token) == "accepted"
    assert loop.of(loop.failed, "status") == "succeeded"


def test_the_overview_counts_what_there_is(loop):
    overview, attention, ours = under("System health overview")
    (row,) = loop.ask(overview)
    found = (row["running_missions"], row["failed_missions"], row["running_steps"], row["failed_steps"])
    assert found == (1, 1, 1, 1)
    assert row["pending_proposals"] == len(loop.ask(attention)) == 1
    (health,) = loop.ask(ours)
    # The printed statement counts rows; ours also the successes that are derived instead of stored.
    (derived,) = loop.ask(
        "select (select count(*) from ops_events) - (select count(*) from ops_agent_events) as n"
    )
    assert derived["n"] == 2
    row["recent_events"] += derived["n"]
    assert {name: health[name] for name in row} == row


def test_compliance_and_the_counter_agree_while_nothing_is_rejected(loop):
    printed, ours = under("Policy compliance")
    day = next(row for row in loop.ask(ours) if row["scope"] == "day")
    assert loop.ask(printed)[0]["current_usage"] == day["used"]


def test_a_blocked_executor_is_not_claimed(loop):
    (block,) = under("Pause one executor")
    loop.conn.execute(block.replace("openclaw", "noop"))
    assert loop.client.claim_steps("test:2") == []


def test_the_shutdown_stops_claims_and_decisions_until_it_is_taken_back(loop):
    for statement in under("Emergency shutdown"):
        loop.conn.execute(statement)
    assert loop.client.claim_steps("test:2") == []
    assert loop.client.create_proposal({"title": "a", "steps": [{"kind": "noop"}]}).status == "pending"

    for key in ("worker_policy", "auto_approve"):
        loop.client.set_policy(key, loop.client.policy_history(key)[1].value)
    assert len(loop.client.claim_steps("test:2", 10)) == 2


def test_steps_replaced_from_a_backup_are_worked_on(loop):
    for statement in under("Recover one table"):
        loop.conn.execute(statement)
    assert loop.client.heartbeat()["ok"] is True
    assert len(loop.client.claim_steps("test:2", 10)) == 2


def test_old_steps_are_archived_with_columns_of_ones_own(loop):
    loop.conn.execute(under("Zero-downtime changes")[0])
    loop.conn.execute(
        "update ops_mission_steps set updated_at = now() - interval '91 days' where id = %s", (loop.failed,)
    )
    before = loop.ask("select count(*) as n from ops_mission_steps")[0]["n"]
    for statement in under("Archive steps"):
        loop.conn.execute(statement)
    archived = loop.ask("select id, metadata from ops_mission_steps_archive")
    assert [(str(row["id"]), row["metadata"]) for row in archived] == [(loop.failed, {})]
    assert loop.ask("select count(*) as n from ops_mission_steps")[0]["n"] == before - 1
    assert loop.client.heartbeat()["ok"] is True


def test_an_archived_step_whose_result_an_open_mission_needs_parks_what_needs_it(loop):
    steps = [
        {"key": "a", "kind": "noop"},
        {"key": "b", "kind": "noop", "depends_on": ["a"], "params": {"n": "{{steps.a.result.n}}"}},
    ]
    loop.client.set_policy("auto_approve", {"enabled": True, "allowed_step_kinds": ["noop"]})
    mission = loop.client.create_proposal({"title": "long", "steps": steps}).mission_id
    first = next(s for s in loop.client.claim_steps("test:2", 10) if s.mission_id == mission)
    loop.client.complete_step(first.step_id, first.lease_token, {"n": 1})
    loop.conn.execute(
        "update ops_mission_steps set updated_at = now() - interval '91 days' where id = %s", (first.step_id,)
    )
    for statement in under("Archive steps"):
        loop.conn.execute(statement)
    assert [s for s in loop.client.claim_steps("test:2", 10) if s.mission_id == mission] == []
    (why,) = [e for e in loop.client.explain_mission(mission) if e.key == "b" and e.reason == "hold"]
    assert why.code == "OPS_082"
    assert loop.client.heartbeat()["ok"] is True
    loop.conn.execute("insert into ops_mission_steps select * from ops_mission_steps_archive")
    assert loop.client.retry_step(why.step_id) == "queued"


def test_each_pattern_has_its_own_number_of_reactions(loop):
    quiet = {**PATTERN, "name": "quiet", "event_type": "never"}
    loop.client.set_policy("reaction_matrix", {"patterns": [quiet, PATTERN]})
    (statement,) = under("Effectiveness of patterns")
    assert [tuple(row.values()) for row in loop.ask(statement)] == [("all disks", 1), ("quiet", 0)]


def test_the_loop_turns_with_row_level_security_on(loop):
    for statement in under("Row level security"):
        loop.conn.execute(statement)
    assert loop.client.heartbeat()["ok"] is True
    assert loop.client.create_proposal({"title": "a", "steps": [{"kind": "noop"}]}).status == "auto_approved"


def test_the_audit_shows_before_and_after(loop):
    (statement,) = under("Policy audit")
    last = loop.ask(statement)[0]
    assert (last["policy_key"], "all disks" in last["after"], "all disks" in last["before"]) == (
        "reaction_matrix",
        True,
        False,
    )


def test_schema_and_rows_are_dumped_and_loaded_as_the_runbook_does(loop, dsn, programs, tmp_path):
    tables = ["ops_policy", "ops_agent_events", "ops_mission_proposals", "ops_missions", "ops_mission_steps"]
    counts = "select " + ", ".join(f"(select count(*) from {table})" for table in tables)
    before = loop.conn.execute(counts).fetchone()

    schema, data = tmp_path / "schema.sql", tmp_path / "data.sql"
    dump = [programs / "pg_dump", dsn, "--schema=opsloop"]
    only = [f"--table=opsloop.{table}" for table in tables]
    subprocess.run([*dump, "--schema-only", "--no-owner", "--no-privileges", "--file", schema], check=True)
    subprocess.run([*dump, "--data-only", *only, "--file", data], check=True)
    loop.conn.execute("drop schema opsloop cascade")
    for file in (schema, data):
        load = [programs / "psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file", file, dsn]
        subprocess.run(load, check=True, stdout=subprocess.DEVNULL)
    assert loop.conn.execute(counts).fetchone() == before
