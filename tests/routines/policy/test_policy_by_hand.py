"""Changing ops_policy by plain SQL, as the operations runbook has it, is as safe as fn_set_policy."""

import json

import psycopg
import pytest


def history(conn, key):
    return conn.execute(
        "select version, value, changed_by from ops_policy_history where key = %s order by version", (key,)
    ).fetchall()


def login(conn):
    return conn.execute("select session_user::text").fetchone()[0]


def refusal(conn, statement, code):
    with pytest.raises(psycopg.DatabaseError) as refused:
        conn.execute(statement)
    assert refused.value.sqlstate == code
    assert refused.value.diag.message_hint
    return json.loads(refused.value.diag.message_detail)


@pytest.mark.parametrize(
    ("statement", "path", "value"),
    [
        (
            "UPDATE ops_policy SET value = jsonb_set(value, '{enabled}', 'false'::jsonb) WHERE key = 'auto_approve';",
            "enabled",
            False,
        ),
        (
            """UPDATE ops_policy
               SET value = jsonb_set(
                 value,
                 '{allowed_step_kinds}',
                 '["noop", "openclaw", "wreckit", "radar", "minion"]'::jsonb
               )
               WHERE key = 'auto_approve';""",
            "allowed_step_kinds",
            ["noop", "openclaw", "wreckit", "radar", "minion"],
        ),
    ],
)
def test_the_runbooks_updates_work_as_printed_and_are_versions(conn, statement, path, value):
    conn.execute(statement)
    changed = history(conn, "auto_approve")
    assert [v for v, *_ in changed] == [1, 2]
    assert changed[-1][1][path] == value
    assert changed[-1][2] == login(conn)
    assert conn.execute(
        "select version, updated_by from ops_policy where key = 'auto_approve'"
    ).fetchone() == (
        2,
        login(conn),
    )


def test_the_runbooks_queries_of_policies_work_as_printed(conn):
    rows = conn.execute(
        """SELECT key, jsonb_pretty(value) as policy
           FROM ops_policy
           WHERE key IN ('reaction_matrix', 'auto_approve', 'proposal_caps', 'worker_policy', 'agent_roles');"""
    ).fetchall()
    assert len(rows) == 5
    assert conn.execute(
        """SELECT
             'proposal_caps' as policy_type,
             (value->>'daily_limit')::int as daily_limit,
             (SELECT count(*) FROM ops_mission_proposals WHERE created_at > now() - interval '1 day') as current_usage
           FROM ops_policy WHERE key = 'proposal_caps'
           UNION ALL
           SELECT
             'auto_approve' as policy_type,
             CASE WHEN (value->>'enabled')::boolean THEN 1 ELSE 0 END as enabled,
             (SELECT count(*) FROM ops_mission_proposals
               WHERE status = 'auto_approved' AND created_at > now() - interval '1 day') as auto_approved_count
           FROM ops_policy WHERE key = 'auto_approve';"""
    ).fetchall() == [("proposal_caps", 100, 0), ("auto_approve", 1, 0)]
    assert conn.execute(
        "SELECT coalesce((value->>'max_retries')::int, 3) FROM ops_policy WHERE key = 'worker_policy'"
    ).fetchone() == (3,)
    assert conn.execute(
        """SELECT
             key,
             version,
             updated_at,
             jsonb_pretty(value) as policy
           FROM ops_policy_history
           WHERE key = 'reaction_matrix'
           ORDER BY updated_at DESC
           LIMIT 10;"""
    ).fetchone()[:2] == ("reaction_matrix", 1)
    assert conn.execute(
        """SELECT
             policy_key,
             jsonb_pretty(old_value) as before,
             jsonb_pretty(new_value) as after,
             changed_by,
             changed_at
           FROM ops_policy_audit
           ORDER BY changed_at DESC
           LIMIT 20;"""
    ).fetchall()


def test_a_faulty_update_is_refused_with_every_fault(conn):
    detail = refusal(
        conn,
        """update ops_policy set value = value || '{"max_risk_levle": "low", "enabled": "yes"}'
            where key = 'auto_approve'""",
        "OP017",
    )
    assert [fault.split(":")[0] for fault in detail["faults"]] == ["max_risk_levle", "enabled"]
    assert len(history(conn, "auto_approve")) == 1


def test_an_insert_is_version_one_whatever_it_says(conn):
    conn.execute("insert into ops_policy (key, value, version) values ('our_own', '{\"a\": 1}', 40)")
    assert history(conn, "our_own") == [(1, {"a": 1}, login(conn))]
    assert conn.execute("select version from ops_policy where key = 'our_own'").fetchone() == (1,)


def test_a_faulty_insert_is_refused(conn):
    conn.execute("insert into ops_policy (key, value) values ('our_own', '{}')")
    refusal(conn, "insert into ops_policy (key, value) values ('our_other', '[]')", "OP017")


def test_an_upsert_leaves_one_version_per_change(conn):
    upsert = """insert into ops_policy (key, value) values ('our_own', %s)
                on conflict (key) do update set value = excluded.value"""
    for number in range(3):
        conn.execute(upsert, (json.dumps({"n": number}),))
    assert [(v, value) for v, value, _ in history(conn, "our_own")] == [
        (1, {"n": 0}),
        (2, {"n": 1}),
        (3, {"n": 2}),
    ]


@pytest.mark.parametrize("wrong", ["version + 1", "77", "1", "version - 1"])
def test_nobody_numbers_versions_by_hand(conn, wrong):
    conn.execute(f"update ops_policy set version = {wrong}, value = '{{}}' where key = 'proposal_caps'")
    assert [v for v, *_ in history(conn, "proposal_caps")] == [1, 2]
    assert conn.execute("select version from ops_policy where key = 'proposal_caps'").fetchone() == (2,)


def test_the_author_of_a_change_by_hand_is_the_login_whatever_it_says(conn):
    conn.execute(
        "update ops_policy set updated_by = 'somebody else', value = '{}' where key = 'proposal_caps'"
    )
    assert history(conn, "proposal_caps")[-1][2] == login(conn)


def test_several_documents_in_one_update_are_a_version_each(conn):
    conn.execute('update ops_policy set value = value || \'{"description": "ours"}\'')
    assert set(conn.execute("select key, max(version) from ops_policy_history group by key").fetchall()) == {
        (key, 2)
        for key in (
            "reaction_matrix",
            "auto_approve",
            "proposal_caps",
            "worker_policy",
            "agent_roles",
            "outbox",
            "transition_rules",
            "gate_thresholds",
            "gate_applicability",
            "approval_rules",
        )
    }


@pytest.mark.parametrize(
    "statement",
    ["delete from ops_policy where key = 'auto_approve'", "truncate ops_policy", "delete from ops_policy"],
)
def test_a_document_cannot_be_removed(conn, statement):
    refusal(conn, statement, "OP014")
    assert conn.execute("select count(*) from ops_policy").fetchone() == (10,)


def test_a_document_cannot_be_renamed(conn):
    refusal(conn, "update ops_policy set key = 'x' where key = 'auto_approve'", "OP014")


def test_a_change_by_hand_that_is_rolled_back_leaves_no_version(conn):
    with conn.transaction(force_rollback=True):
        conn.execute("update ops_policy set value = '{}' where key = 'proposal_caps'")
    assert len(history(conn, "proposal_caps")) == 1


def test_who_may_update_the_table_needs_no_right_on_the_history(conn):
    conn.execute("create role policy_editor nologin")
    conn.execute("grant usage on schema opsloop to policy_editor")
    conn.execute("grant select, update on ops_policy to policy_editor")
    conn.execute("create policy policy_editor on ops_policy to policy_editor using (true)")
    try:
        with conn.transaction():
            conn.execute("set local role policy_editor")
            conn.execute("update ops_policy set value = '{\"daily_limit\": 3}' where key = 'proposal_caps'")
        assert history(conn, "proposal_caps")[-1] == (2, {"daily_limit": 3}, login(conn))
    finally:
        conn.execute("drop owned by policy_editor")
        conn.execute("drop role policy_editor")


AUDIT_BLOCK = """
CREATE OR REPLACE FUNCTION ops_audit_policy_update()
RETURNS TRIGGER AS $$
BEGIN
  INSERT INTO ops_policy_audit (policy_key, old_value, new_value, changed_by)
  VALUES (OLD.key, OLD.value, NEW.value, current_user);
  RETURN NEW;
END;
$$ LANGUAGE plpgsql;

CREATE TRIGGER ops_policy_audit_trigger
AFTER UPDATE ON ops_policy
FOR EACH ROW
EXECUTE FUNCTION ops_audit_policy_update();
"""


def test_policy_can_be_changed_after_the_audit_block_of_the_runbook_was_pasted(loop):
    with loop.savepoint(), pytest.raises(psycopg.errors.DuplicateTable):  # psql goes on
        loop.do("CREATE TABLE ops_policy_audit (id uuid primary key default gen_random_uuid())")
    loop.do(AUDIT_BLOCK)
    loop.policy("auto_approve", enabled=False)
    loop.do("UPDATE ops_policy SET value = value || '{\"enabled\": true}' WHERE key = 'auto_approve'")
    found = loop.rows(
        "SELECT policy_key, jsonb_pretty(old_value) as before, jsonb_pretty(new_value) as after, changed_by, changed_at"
        " FROM ops_policy_audit WHERE policy_key = 'auto_approve' ORDER BY changed_at DESC LIMIT 20"
    )
    assert [('"enabled": true' in f["before"], '"enabled": true' in f["after"]) for f in found[:2]] == [
        (False, True),
        (True, False),
    ]
    assert loop.broken() == []


@pytest.mark.parametrize("change", ["value = value", "value = value, version = 9, updated_by = 'nobody'"])
def test_an_update_that_changes_nothing_makes_no_version(conn, change):
    before = conn.execute("select * from ops_policy order by key").fetchall()
    assert conn.execute(f"update ops_policy set {change}").rowcount == len(before)
    assert conn.execute("select * from ops_policy order by key").fetchall() == before
    assert conn.execute("select max(version) from ops_policy_history").fetchone() == (1,)
