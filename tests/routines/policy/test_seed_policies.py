"""The default policies: safe, sound, never in anybody's way."""

import pytest
from psycopg.types.json import Jsonb

from opsloop import migrate
from support import at_once

#: The contract, as policy files name them: not read from the code.
KEYS = {
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
}


def test_all_documents_are_there_as_version_one_with_history(conn):
    assert set(conn.execute("select key, version, updated_by from ops_policy").fetchall()) == {
        (key, 1, "seed") for key in KEYS
    }
    assert conn.execute(
        """select count(*) from ops_policy p join ops_policy_history h
             on h.key = p.key and h.version = p.version and h.value = p.value"""
    ).fetchone() == (len(KEYS),)


def test_a_second_run_changes_nothing(conn, dsn):
    before = conn.execute("select * from ops_policy order by key").fetchall()
    migrate.seed(dsn)
    assert conn.execute("select * from ops_policy order by key").fetchall() == before
    assert conn.execute("select count(*) from ops_policy_history").fetchone() == (len(KEYS),)


def test_a_document_that_somebody_changed_is_left_alone(conn, dsn):
    conn.execute("select fn_set_policy('proposal_caps', '{\"daily_limit\": 3}')")
    migrate.seed(dsn)
    assert conn.execute("select fn_get_policy('proposal_caps')").fetchone() == ({"daily_limit": 3},)


def test_ten_seedings_at_once_give_one_version_each(conn, dsn):
    conn.execute("alter table ops_policy disable trigger user")
    conn.execute("truncate ops_policy, ops_policy_history")
    conn.execute("alter table ops_policy enable trigger user")
    at_once([lambda: migrate.seed(dsn)] * 10)
    assert set(conn.execute("select key, version from ops_policy_history").fetchall()) == {
        (key, 1) for key in KEYS
    }
    assert set(conn.execute("select key, version from ops_policy").fetchall()) == {(key, 1) for key in KEYS}


def judge(calculator, executor, params):
    return calculator.execute(
        """select j.risk, j.auto_ok, j.forbidden
             from _judge_step(%(e)s, %(e)s, %(p)s, 'low',
                              fn_get_policy('auto_approve'), fn_get_policy('worker_policy')) j""",
        {"e": executor, "p": params},
    ).fetchone()


@pytest.mark.parametrize("executor", ["noop", "radar"])
def test_harmless_steps_run_by_themselves(calculator, executor):
    assert judge(calculator, executor, "{}") == (1, True, None)


@pytest.mark.parametrize("executor", ["openclaw", "wreckit", "minion"])
def test_agents_are_medium_risk_and_wait_for_a_person(calculator, executor):
    assert judge(calculator, executor, '{"prompt": "tidy up"}') == (2, False, None)


def test_no_command_may_run_before_somebody_allows_it(calculator):
    risk, auto_ok, forbidden = judge(calculator, "command", '{"argv": ["true"]}')
    assert (risk, auto_ok) == (3, False)
    assert forbidden == 'command ["true"] is not on worker_policy.command_allow'


@pytest.mark.parametrize(
    ("params", "risk"),
    [
        ('{"url": "https://h/", "method": "GET"}', 1),
        ('{"url": "https://h/", "method": "head"}', 1),
        ('{"url": "https://h/"}', 2),
        ('{"url": "https://h/", "method": "POST"}', 2),
        ('{"url": "https://h/", "method": null}', 2),
        ('{"url": "https://h/", "method": "get\\ndelete"}', 2),
    ],
)
def test_http_is_low_risk_only_when_it_says_that_it_reads(calculator, params, risk):
    assert judge(calculator, "http", params)[0] == risk


@pytest.mark.parametrize(
    "statement",
    [
        "select 1",
        " SELECT count(*) from t where a in (1, 2) and (b = 3);",
        "select a,\n sum(b) over (partition by c) from t group by (a)",
        "select max(x) filter (where y > 1) from (select 1) q",
        "values (1, 2)",
        "table t",
        "show all",
        "select %s, (2)",
    ],
)
def test_plain_reads_are_low_risk(calculator, statement):
    assert judge_sql(calculator, statement) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "update t set a = 1",
        "insert into t values (1)",
        "analyze t",
        "vacuum t",
        "select * into x from y",
        "select * from t for update",
        "select nextval ('x')",
        "select evil.count(1)",
        'select "pg_sleep"(1)',
        "select pg_sleep (1)",
        "select pg_sleep\n(1)",
        "select pg_sleep/**/(1)",
        "select count(pg_sleep(1))",
        "select mycount(1)",
        "select x::foo(3) from t",
        "select éa(1)",
        "select $q$a$q$",
        "select U&'d'",
        "select 1; select 2",
        "with x as (select 1) select * from x",
        "explain select 1",
        "",
    ],
)
def test_whatever_is_not_plainly_a_read_is_at_least_medium_risk(calculator, statement):
    assert judge_sql(calculator, statement) >= 2


@pytest.mark.parametrize(
    "statement",
    [
        "drop table t",
        "DELETE from t",
        "select 1; DROP\ntable t",
        "with x as (delete from t returning *) select * from x",
        "select pg_terminate_backend(1)",
        "grant all on t to public",
        "do $$begin end$$",
        "explain analyze delete from t",
        "set role postgres",
        "truncate\tt",
    ],
)
def test_what_destroys_or_grants_is_high_risk(calculator, statement):
    assert judge_sql(calculator, statement) == 3


def judge_sql(calculator, statement):
    return calculator.execute(
        """select j.risk from _judge_step('sql', 'sql', jsonb_build_object('statement', %s::text), 'low',
                                          fn_get_policy('auto_approve'), fn_get_policy('worker_policy')) j""",
        (statement,),
    ).fetchone()[0]


def test_the_program_of_an_agent_is_written_in_policy(calculator):
    run_with, params, fault = calculator.execute(
        """select run_with, params, fault
             from _expand_preset('openclaw', '{"prompt": "--help; rm -rf /"}', fn_get_policy('worker_policy'))"""
    ).fetchone()
    assert (run_with, fault) == ("command", None)
    assert params == {"argv": ["openclaw", "agent", "--message=--help; rm -rf /"]}


@pytest.mark.parametrize(
    ("params", "argv"),
    [
        (
            {"subcommand": "agent", "agent": "main", "prompt": "Say hello!", "thinking": "low"},
            ["openclaw", "agent", "--message=Say hello!", "--agent=main", "--thinking=low"],
        ),
        (
            {"subcommand": "agent", "agent": "analyst", "prompt": "Review"},
            ["openclaw", "agent", "--message=Review", "--agent=analyst"],
        ),
        (
            {"agent": "scout", "prompt": "Research", "thinking": True},
            ["openclaw", "agent", "--message=Research", "--agent=scout", "--thinking=true"],
        ),
    ],
)
def test_openclaw_takes_what_the_examples_of_the_reference_loop_give(conn, params, argv):
    found = conn.execute(
        "select params -> 'argv', fault from _expand_preset('openclaw', %s, fn_get_policy('worker_policy'))",
        (Jsonb(params),),
    ).fetchone()
    assert found == (argv, None)


def test_openclaw_takes_no_other_subcommand_than_policy_allows(conn):
    found = conn.execute(
        "select fault, fault_code from _expand_preset('openclaw', %s, fn_get_policy('worker_policy'))",
        (Jsonb({"prompt": "x", "subcommand": "gateway"}),),
    ).fetchone()
    assert found == ("params.subcommand: executor openclaw takes agent only", "OPS_004")


def test_rules_that_are_left_out_are_the_built_in_ones_and_none_are_none(conn):
    judged = "select risk from _judge_step('command', 'command', '{}', 'low', %s, '{}')"
    for document, risk in (({}, 3), ({"risk_rules": None}, 3), ({"risk_rules": []}, 1)):
        assert conn.execute(judged, (Jsonb(document),)).fetchone() == (risk,)
