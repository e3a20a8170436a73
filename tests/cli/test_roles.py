"""`opsloop roles`: the group roles, and what makes them work."""

import psycopg

from logins import ROLES


def test_a_fresh_installation_has_its_five_roles(cli):
    done = cli("roles", "--json")
    assert done.code == 0
    assert [(r["name"], r["status"], r["remedy"]) for r in done.json["roles"]] == [
        (f"opsloop_{role}", "ready", None) for role in ROLES
    ]
    assert cli("roles", "--sql").out == ""
    assert "opsloop_operator" in cli("roles").out


def test_rights_that_were_taken_come_back_with_apply(cli, dsn):
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("revoke execute on all functions in schema opsloop from opsloop_reader")
    assert "opsloop roles --apply" in cli("roles").out
    done = cli("roles", "--apply", "--json")
    assert (done.code, {r["status"] for r in done.json["roles"]}) == (0, {"ready"})


def test_apply_and_sql_exclude_each_other(offline):
    assert offline("roles", "--apply", "--sql").code == 2
