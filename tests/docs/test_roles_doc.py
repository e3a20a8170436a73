"""docs/roles.md: its statements and commands run. (What its tables say is tried in tests/roles.)"""

import subprocess

import psycopg

from docs.documents import blocks, environment
from logins import logins, sqlstate

DOCUMENT = "docs/roles.md"


def test_the_commands_run(dsn, programs, tmp_path):
    env = environment(dsn, programs, tmp_path)
    for block in blocks(DOCUMENT):
        if block.language == "sh":
            done = subprocess.run(["bash", "-e"], input=block.text, env=env, capture_output=True, text=True)
            assert done.returncode == 0, done.stdout + done.stderr
            assert "opsloop_producer" in done.stdout


def test_the_statements_run_and_the_narrow_login_may_just_that(dsn):
    statements = [block.text for block in blocks(DOCUMENT) if block.language == "sql" and not block.about]
    with psycopg.connect(dsn, autocommit=True) as conn, logins(dsn) as people:
        for text in statements:
            conn.execute(text)
        people.adopt("shop", "ann", "till")
        till = people.open("till")
        assert sqlstate(till.execute, "select shop_api.order_placed(7)") is None
        assert sqlstate(till.execute, "select opsloop.fn_emit_event('order:placed')") == "42501"
        events = conn.execute(
            "select emitted_login from opsloop.ops_agent_events where type = 'order:placed'"
        )
        assert events.fetchall() == [("till",)]
        assert sqlstate(people.open("shop").execute, "select opsloop.fn_emit_event('order:placed')") is None
        assert sqlstate(people.open("ann").execute, "select * from opsloop.fn_inbox()") is None
