"""Failure injected at each step of a transition: all is undone, one row stays, the same request succeeds afterwards."""

import pytest

from looping import Loop
from tracked import ERROR_KEYS, audit, directive, move, work

TABLES = {
    "4a. Transition user stories": "user_stories",
    "4b. Transition PRD": "product_requirements",
    "4c. Transition SD": "strategic_directives",
    "4d. Extend session claim": "sd_session_claims",
}
#: What had been done when each step failed.
PARTIAL = {
    "4a. Transition user stories": (0, False),
    "4b. Transition PRD": (2, False),
}

TRIGGER = """
  create function fails() returns trigger language plpgsql as $$
  begin {body} return new; end; $$;
  create {kind} trigger fails {when} update on {table} {deferred} for each row execute function fails()"""


@pytest.fixture
def loop(connect):
    return Loop(connect())


def trigger(loop, table, body, *, deferred=False, when="before"):
    loop.conn.execute(
        TRIGGER.format(
            body=body,
            table=table,
            kind="constraint" if deferred else "",
            when="after" if deferred else when,
            deferred="deferrable initially deferred" if deferred else "",
        )
    )


def fails(loop, *, state, step, message=None):
    """A transition that fails, and the same request once the cause is gone."""
    directive(loop)
    loop.value("select fn_claim_directive('d1', 's')")
    before = work(loop)
    answer = move(loop, "SD-d1", prd_id="d1-p", session_id="s", request_id="r")
    assert work(loop) == before
    (row,) = audit(loop)
    assert answer == row["error_details"] | {"success": False}
    assert set(row["error_details"]) == ERROR_KEYS
    assert (answer["error_code"], answer["failed_step"]) == (state, step)
    assert answer["pre_state"] == {"sd_phase": "EXEC_IMPLEMENTATION", "prd_status": "draft"}
    stories, requirement = PARTIAL.get(step, (2, True))
    assert answer["partial_state"] == {"user_stories_updated": stories, "prd_updated": requirement}
    assert answer["recovery_action"]
    assert (row["status"], row["error_message"], row["post_state"]) == (
        "failed",
        answer["error_message"],
        None,
    )
    if message:
        assert answer["error_message"] == message
    return answer


def succeeds_afterwards(loop):
    loop.conn.execute("drop function if exists fails() cascade")
    assert move(loop, prd_id="d1-p", session_id="s", request_id="r")["idempotent_hit"] is False
    assert [row["status"] for row in audit(loop, "status")] == ["failed", "completed"]
    assert loop.rows("select * from fn_check_invariants('transitions')") == []


@pytest.mark.parametrize("step", TABLES)
@pytest.mark.parametrize(
    ("body", "state"),
    [
        ("raise exception 'no';", "P0001"),
        ("assert false, 'no';", "P0004"),
        ("raise exception using errcode = '57014', message = 'no';", "57014"),
        ("perform 1 / 0;", "22012"),
    ],
)
def test_a_users_trigger_that_raises(loop, step, body, state):
    trigger(loop, TABLES[step], body)
    fails(loop, state=state, step=step)
    succeeds_afterwards(loop)


@pytest.mark.parametrize("table", TABLES.values())
def test_a_deferred_constraint_fails_within_and_not_at_the_commit_after_success(loop, table):
    trigger(loop, table, "raise exception using errcode = '23514', message = 'later';", deferred=True)
    fails(loop, state="23514", step="5. Check deferred constraints", message="later")
    succeeds_afterwards(loop)


@pytest.mark.parametrize(
    ("table", "check", "step"),
    [
        ("user_stories", "implementation_status <> 'validated'", "4a. Transition user stories"),
        ("product_requirements", "status <> 'verification'", "4b. Transition PRD"),
        ("strategic_directives", "current_phase <> 'EXEC_COMPLETE'", "4c. Transition SD"),
    ],
)
def test_a_constraint_that_is_violated_at_once(loop, table, check, step):
    loop.do(f"alter table {table} add constraint never check ({check})")
    answer = fails(loop, state="23514", step=step)
    assert "constraint never" in answer["recovery_action"]
    loop.do(f"alter table {table} drop constraint never")
    succeeds_afterwards(loop)


def test_a_foreign_key_that_is_checked_at_the_end(loop):
    loop.conn.execute(
        "create table phases (phase text primary key); insert into phases values ('EXEC_IMPLEMENTATION');"
        "alter table strategic_directives add constraint known_phase foreign key (current_phase)"
        " references phases deferrable initially deferred"
    )
    fails(loop, state="23503", step="5. Check deferred constraints")
    loop.do("insert into phases values ('EXEC_COMPLETE')")
    succeeds_afterwards(loop)


@pytest.mark.parametrize("table", ["product_requirements", "strategic_directives"])
def test_a_trigger_that_swallows_the_change_is_a_failure(loop, table):
    trigger(loop, table, "return null;")
    directive(loop)
    before = work(loop)
    answer = move(loop, prd_id="d1-p", session_id="s", request_id="r")
    assert (answer["code"], answer["error_code"]) == ("OPS_014", "OP014")
    assert work(loop) == before
    succeeds_afterwards(loop)


@pytest.mark.parametrize("table", ["ops_audit_log", "sd_transition_audit"])
def test_what_records_it_fails(loop, table):
    condition = "if new.status = 'completed' then" if table == "sd_transition_audit" else "if true then"
    loop.conn.execute(
        f"create function fails() returns trigger language plpgsql as $$ begin {condition} raise 'full'; end if;"
        f" return new; end; $$;"
        f" create trigger fails before insert on {table} for each row execute function fails()"
    )
    fails(loop, state="P0001", step="6. Record transition")
    succeeds_afterwards(loop)


def test_a_statement_timeout(loop):
    trigger(loop, "product_requirements", "perform pg_sleep(30);")
    loop.do("set statement_timeout = '300ms'")
    fails(loop, state="57014", step="4b. Transition PRD")
    loop.do("reset statement_timeout")
    succeeds_afterwards(loop)


def test_a_lock_timeout(loop, connect):
    other = connect()
    directive(loop)
    other.execute("begin; select from user_stories for update")
    loop.do("set lock_timeout = '100ms'")
    answer = move(loop, request_id="r")
    other.execute("rollback")
    assert (answer["error_code"], answer["failed_step"]) == ("55P03", "4a. Transition user stories")
    succeeds_afterwards(loop)


def test_a_caller_that_rolls_back_takes_everything_back(loop):
    directive(loop)
    before = loop.contents()
    with loop.conn.transaction(force_rollback=True):
        assert move(loop, request_id="r")["success"]
    assert loop.contents() == before
    assert move(loop, request_id="r")["idempotent_hit"] is False


def test_the_words_of_a_trigger_are_told_whole_whatever_they_begin_with(loop):
    trigger(
        loop,
        "strategic_directives",
        "raise exception using errcode = 'OP014', message = 'OPS_123: a ticket of ours says no';",
    )
    directive(loop)
    answer = move(loop)
    assert (answer["code"], answer["error"]) == ("OPS_014", "OPS_123: a ticket of ours says no")
