"""Names that are the loop's own: no login puts a row under one, so that the loop's row of that name is not dropped."""

from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from logins import Logins, sqlstate
from looping import Loop, step

#: Each with a name of the loop in it, and the code that it is refused with.
REFUSED = [
    *(
        ("OP018", f"select fn_archive_dead_letter({arguments})")
        for name in ("step:x:1", "reaction:x:1", "outbox:1:5")
        for arguments in (f"'{name}'", f"'mine', '{name}'")
    ),
    *(
        ("OP018", f"select * from fn_record_replay({arguments})")
        for name in ("step:x:1", "reaction:x:1", "outbox:1:5", "outbox:1")
        for arguments in (f"'{name}'", f"'mine', '{name}'")
    ),
    ("OP018", "select fn_acquire_lock('heartbeat:duties', 'me', 604800)"),
    ("OP018", "select fn_acquire_lock('heartbeat:', 'me')"),
    ("OP018", "select fn_extend_lock('heartbeat:duties', 'me')"),
    ("OP018", "select fn_release_lock('heartbeat:duties', 'me')"),
    *(
        ("OP019", f"select fn_emit_event('{name}')")
        for name in ("heartbeat:success", "proposal:pending", "mission:failed", "step:noop:succeeded")
    ),
    ("OP019", "select fn_emit_event('dead_letter:redriven')"),
    ("OP019", "select fn_emit_event('mine', '{}', 'opsloop:x')"),
    ("OP018", "select fn_publish_outbox('a', 'b', 'c', '{}', 'opsloop:x')"),
    ("OP018", "select * from fn_idempotent('opsloop:x')"),
    *(
        ("OP018", 'select * from fn_create_proposal(\'{"steps": [{"kind": "noop"}]}\', ' + arguments + ")")
        for arguments in ("'trigger'", "'step:http'", "'mine', 'opsloop:step:x:1'")
    ),
]


@pytest.mark.parametrize("role", ["producer", "worker", "operator", "admin"])
def test_no_role_takes_a_name_of_the_loop(loop: Loop, people: Logins, role: str) -> None:
    session = people.session(role)
    before = loop.contents()
    refused = 0
    for code, call in REFUSED:
        answer = sqlstate(session.execute, call)
        assert answer in (code, "42501"), call
        refused += answer == code
    assert refused > 0
    assert loop.contents() == before
    if role == "admin":
        assert refused == len(REFUSED)


def test_the_owner_takes_none_either(loop: Loop) -> None:
    for code, call in REFUSED:
        assert sqlstate(loop.conn.execute, call) == code, call


def test_a_refusal_says_the_name_the_rule_and_what_to_do(loop: Loop) -> None:
    said = loop.refused("018", "select fn_acquire_lock('heartbeat:duties', 'me')")
    assert said.message_primary == (
        "OPS_018: p_lock_name: the lock 'heartbeat:duties' is reserved for the loop itself"
    )
    assert said.message_hint is not None
    assert said.message_hint.startswith("Reserved are heartbeat:*. Let it begin with something else")


def test_a_letter_of_a_step_is_there_whatever_a_worker_archived_before(loop: Loop, people: Logins) -> None:
    mission = loop.mission(step("a", max_retries=1))
    failing = loop.step(mission)["id"]
    worker = people.session("worker")
    for name in (f"step:{failing}:1", f"step:{failing}"):
        assert sqlstate(worker.execute, "select fn_archive_dead_letter(%s)", (name,)) == "OP018"
    # The bare id is no name of a letter; it changes neither the name nor the number of the loop's own.
    worker.execute("select fn_archive_dead_letter(%s, p_reclaim_count => 1)", (str(failing),))
    loop.fail_for_good(mission)
    letter = loop.row("select * from dead_letter_archive where what = 'step'")
    assert letter["dl_msg_id"] == f"step:{failing}:1"
    assert sqlstate(worker.execute, "select fn_record_replay(%s)", (letter["dl_msg_id"],)) == "OP018"
    assert sqlstate(worker.execute, "select fn_record_replay('x', %s)", (letter["dl_msg_id"],)) == "OP018"
    operator = people.session("operator")
    done = operator.execute(
        "select redriven from fn_redrive_dead_letter(%s)", (letter["dl_msg_id"],)
    ).fetchone()
    assert done == (True,)
    assert loop.broken() == []


def test_the_duties_are_done_although_a_worker_would_lock_them(loop: Loop, people: Logins) -> None:
    worker = people.session("worker")
    assert sqlstate(worker.execute, "select fn_acquire_lock('heartbeat:duties', 'me', 604800)") == "OP018"
    loop.turn()
    holder = loop.value("select holder_id from distributed_locks where lock_name = 'heartbeat:duties'")
    assert sqlstate(worker.execute, "select fn_release_lock('heartbeat:duties', %s)", (holder,)) == "OP018"
    loop.advance(11)
    loop.turn()
    assert (
        loop.value("select holder_id from distributed_locks where lock_name = 'heartbeat:duties'") != holder
    )


def test_a_reaction_proposes_although_a_producer_took_its_key(loop: Loop, people: Logins) -> None:
    loop.react({"dedupe_key": "host {{event.data.host}}"})
    producer = Loop(people.session("producer"))
    taken = producer.propose(step("a"), key="host db1")
    producer.emit("signal", {"host": "db1"})
    loop.turn()
    (reaction,) = loop.reactions()
    assert reaction["status"] == "done"
    assert reaction["proposal_id"] not in (None, taken["proposal_id"])
    # Each of the two is still the first of its key for its own kind.
    assert producer.propose(step("a"), key="host db1")["proposal_id"] == taken["proposal_id"]
    producer.emit("signal", {"host": "db1"})
    loop.turn()
    assert loop.value("select count(*) from ops_mission_proposals") == 2


def test_a_lock_is_its_logins_although_everybody_reads_the_id_of_its_holder(
    loop: Loop, people: Logins
) -> None:
    mine, other, operator = people.session("worker"), people.session("worker"), people.session("operator")

    def ask(session: psycopg.Connection[Any], call: str) -> Any:
        return session.execute(f"select {call}").fetchone()[0]  # type: ignore[index]

    assert ask(mine, "fn_acquire_lock('l', 'h')") is True
    before = loop.row("select * from distributed_locks")
    for call in (
        "fn_acquire_lock('l', 'h')",
        "fn_extend_lock('l', 'h', 604800)",
        "fn_release_lock('l', 'h')",
    ):
        assert ask(other, call) is False, call
    assert loop.row("select * from distributed_locks") == before
    assert ask(mine, "fn_extend_lock('l', 'h')") is True
    # A person on call gives back what a process left behind.
    assert ask(operator, "fn_release_lock('l', 'h')") is True
    assert ask(other, "fn_acquire_lock('l', 'h')") is True
    assert ask(mine, "fn_release_lock('l', 'h')") is False


@pytest.mark.parametrize(
    "call",
    ["fn_register_worker('w1', p_executors => '{}')", "fn_unregister_worker('w1')", "fn_declare_idle('w1')",
     "fn_claim_steps('w1')"],
)  # fmt: skip
def test_a_worker_is_its_logins(loop: Loop, people: Logins, call: str) -> None:
    loop.mission(step("a"))
    mine, other = people.session("worker"), people.session("worker")
    mine.execute("select fn_register_worker('w1', p_executors => %s)", (Jsonb({"noop": {}}),))
    before = loop.row("select * from ops_workers")
    assert sqlstate(other.execute, f"select {call}") == "OP015"
    other.execute("select fn_extend_leases('w1')")
    assert loop.row("select * from ops_workers") == before
    assert loop.value("select count(*) from ops_mission_steps where status = 'queued'") == 1
    mine.execute(f"select {call}")
