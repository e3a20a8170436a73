"""Under the policies that the example ships, nothing but reads runs, whatever the login could do."""

import json

import pytest

import opsloop
from demo.caring import SCHEMA, TABLE, Care, fingerprint, idle_transaction

VACUUM, ANALYZE = f"vacuum {SCHEMA}.{TABLE}", f"analyze {SCHEMA}.{TABLE}"
DROP = f"drop index {SCHEMA}.we'ird; index"


@pytest.mark.parametrize("superuser", [False, True])
def test_as_shipped_it_only_reads(care: Care, superuser: bool):
    if superuser:
        care.conn.execute(f"alter role {care.login} superuser")
    care.set_policies()
    with idle_transaction(care.dsn) as pid:
        before = fingerprint(care.conn)
        care.look()
        care.look()

        assert fingerprint(care.conn) == before
        assert care.value("select state from pg_stat_activity where pid = %s", pid) == "idle in transaction"
        assert care.proposals() == {
            "look at the database": ("auto_approved", "low"),
            VACUUM: ("pending", "medium"),
            ANALYZE: ("pending", "medium"),
            DROP: ("pending", "high"),
            f"end the idle transaction of pid {pid}": ("pending", "high"),
        }
    assert care.missions() == {"look at the database": ("succeeded", None)}
    kinds = {row[0] for row in care.conn.execute("select distinct kind from ops_mission_steps")}
    assert kinds == {"pg_sample", "radar"}
    assert care.value("select count(*) from ops_demand_radar") == 4


def test_without_a_login_of_its_own_it_reads_in_read_only_transactions(care: Care):
    care.set_policies()
    before = fingerprint(care.conn)
    with opsloop.connect(care.dsn) as loop:
        loop.emit_event("pg:look")
    care.drain(OPS_CARE_DSN="")

    assert fingerprint(care.conn) == before
    assert care.missions() == {"look at the database": ("succeeded", None)}


def test_opted_in_upkeep_runs_by_itself_and_the_rest_waits(trusted: Care):
    trusted.set_policies(opt_in=True)
    with idle_transaction(trusted.dsn) as pid:
        # Its snapshot is younger than the dead rows, so they can go.
        trusted.look()
        proposals = trusted.proposals()

    assert (proposals[VACUUM], proposals[ANALYZE]) == (("auto_approved", "low"), ("auto_approved", "low"))
    assert proposals[DROP] == ("pending", "high")
    assert proposals[f"end the idle transaction of pid {pid}"] == ("pending", "high")
    assert {status for status, _ in trusted.missions().values()} == {"succeeded"}
    after = trusted.value(
        "select result from ops_mission_steps s join ops_missions m on m.id = s.mission_id"
        " where m.title = %s and s.key = 'after'",
        VACUUM,
    )
    assert (after["before"]["dead_rows"], after["dead_rows"]) == (6000, 0)


@pytest.mark.parametrize("opt_in", [False, True])
@pytest.mark.parametrize("kind", ["pg_drop_index", "pg_end_session"])
def test_nobody_lowers_the_risk_of_what_cannot_be_undone(care: Care, kind: str, opt_in: bool):
    care.set_policies(opt_in=opt_in)
    with opsloop.connect(care.dsn) as loop:
        for step in ({"kind": kind}, {"kind": "pg_sample", "executor": kind}):
            done = loop.create_proposal({"title": "harmless", "risk_level": "low", "steps": [step]})
            assert done.status == "pending"
            assert loop.list_proposals(proposal_id=done.proposal_id)[0].risk_level == "high"


def test_a_forged_event_reaches_no_other_schema(trusted: Care):
    trusted.set_policies(opt_in=True)
    with opsloop.connect(trusted.dsn) as loop:
        loop.emit_event("pg:dead_rows", {"schema": "opsloop", "table": "ops_policy", "key": "forged"})
        loop.emit_event(
            "pg:dead_rows", {"schema": "{{event.data.key}}", "table": '"; drop table x', "key": "k"}
        )
    trusted.drain()
    steps = trusted.conn.execute(
        "select status, last_error from ops_mission_steps where key = 'before'"
    ).fetchall()
    assert sorted(steps) == [
        ("failed", "OPS_007: 'opsloop' is not a user's schema: postgres_care leaves it alone"),
        ("failed", 'OPS_007: there is no table {{event.data.key}}."; drop table x'),
    ]
    assert {status for status, _ in trusted.missions().values()} == {"failed"}
    assert (
        trusted.value("select sum(vacuum_count) from pg_stat_user_tables where relname = 'ops_policy'") == 0
    )
    assert "{{event.data.key}}" in json.dumps(list(trusted.missions()))
