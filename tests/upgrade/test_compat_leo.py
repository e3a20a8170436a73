"""The layer leo: the names that directives have elsewhere, over a loop, installed and removed by itself."""

import psycopg
import pytest

from logins import logins, sqlstate
from opsloop import migrate
from opsloop.errors import ForeignObject, NotFound
from upgrade.deploying import dump


@pytest.fixture
def layer(dsn):
    migrate.install_layer(dsn, "leo")
    return dsn


def test_twice_is_once_and_removal_leaves_the_loop_as_it_was(dsn, conn, programs):
    before = dump(programs, dsn)
    for _ in range(2):
        migrate.install_layer(dsn, "leo")
    migrate.remove_layer(dsn, "leo")
    assert dump(programs, dsn) == before
    assert conn.execute("select to_regnamespace('leo')").fetchone() == (None,)
    with pytest.raises(NotFound):
        migrate.remove_layer(dsn, "leo")


def test_what_is_written_by_one_name_is_moved_by_the_other(layer, conn):
    conn.execute("set search_path = leo, opsloop")
    conn.execute(
        "insert into strategic_directives_v2 (id, title, current_phase)"
        " values ('SD-TEST-ATOMIC-001', 'Test Atomic Transition', 'EXEC_IMPLEMENTATION')"
    )
    conn.execute("insert into product_requirements_v2 (id, sd_id) values ('PRD-1', 'SD-TEST-ATOMIC-001')")
    (answer,) = conn.execute(
        "select fn_atomic_exec_to_plan_transition('SD-TEST-ATOMIC-001', 'PRD-1', 's', 'r')"
    ).fetchone()
    assert answer["success"]
    assert conn.execute(
        "select d.current_phase, r.status from strategic_directives_v2 d, product_requirements_v2 r"
    ).fetchone() == ("EXEC_COMPLETE", "verification")
    conn.execute("update strategic_directives_v2 set title = 'another'")
    conn.execute("delete from strategic_directives_v2 where id = 'SD-TEST-ATOMIC-001'")
    assert conn.execute("select count(*) from opsloop.strategic_directives").fetchone() == (0,)
    assert conn.execute("select count(*) from opsloop.sd_transition_audit").fetchone() == (1,)


def test_roles_read_and_write_nothing_through_it(layer):
    with logins(layer) as people:
        for role in ("reader", "worker", "admin"):
            session = people.session(role)
            assert sqlstate(session.execute, "select * from leo.strategic_directives_v2") is None
            assert sqlstate(session.execute, "delete from leo.strategic_directives_v2") == "42501"


def test_a_schema_of_that_name_is_left_alone(dsn, conn):
    conn.execute("create schema leo")
    with pytest.raises(ForeignObject):
        migrate.install_layer(dsn, "leo")
    conn.execute("drop schema leo")


def test_what_others_built_on_it_keeps_it(layer):
    with psycopg.connect(layer, autocommit=True) as conn:
        conn.execute("create view leo.theirs as select * from leo.strategic_directives_v2")
        with pytest.raises(ForeignObject):
            migrate.remove_layer(layer, "leo")
        conn.execute("drop view leo.theirs")
    migrate.remove_layer(layer, "leo")
