"""The low-water marks of the lanes: claims begin behind what was taken, and nothing is ever left below a mark."""

import random
from threading import Lock

import pytest
from psycopg.types.json import Jsonb

from looping import step, template
from support import at_once, start, wait_until

# Numbers a mark must lag before it is moved, and numbers after which an open enqueuer is passed; as in the routines.
WORTH = 1000
BEHIND = 10_000


@pytest.fixture
def eager(loop):
    """Marks that move at every claim and pass an open enqueuer after ten numbers: a thousand times more transitions."""
    for routine in ("_lane_fronts", "_move_marks"):
        body = loop.value("select pg_get_functiondef(%s::regproc)", routine)
        loop.do(body.replace("bigint := 1000;", "bigint := 0;").replace("bigint := 10000;", "bigint := 10;"))


def propose(loop, count):
    made = loop.rows(
        "select mission_id from fn_create_proposals(%s)", Jsonb([{"template": template(step("a"))}] * count)
    )
    return {row["mission_id"] for row in made}


def claim_all(loop, at_a_time=1000):
    claimed = []
    while got := loop.claim(at_a_time):
        claimed += [w["mission_id"] for w in got]
    return claimed


def mark(loop):
    return loop.value(
        "select coalesce(pg_sequence_last_value(mark), 0) from ops_lanes where executor = 'noop'"
    )


def late(loop):
    return loop.rows("select * from ops_late_enqueuers")


def test_claims_leave_a_mark_behind_what_they_took(loop):
    propose(loop, 3 * WORTH)
    claim_all(loop)
    assert mark(loop) >= WORTH


def test_a_mark_stays_below_what_an_open_transaction_has_enqueued(loop, session):
    other = session()
    other.do("begin")
    (mission,) = propose(other, 1)
    floor = loop.value("select last_value from ops_ready_seq") - 1
    propose(loop, 3 * WORTH)
    claim_all(loop)
    assert mark(loop) <= floor
    other.do("commit")
    assert claim_all(loop) == [mission]


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_an_enqueuer_left_open_is_passed_and_what_it_brings_is_claimed_as_soon_as_it_commits(
    loop, session, end
):
    other = session()
    other.do("begin")
    mine = propose(other, 5)
    number = loop.value("select last_value from ops_ready_seq")
    for _ in range(3):
        propose(loop, BEHIND // 2)
        claim_all(loop)
    assert mark(loop) > number
    assert late(loop)
    other.do(end)
    assert set(claim_all(loop, 2)) == (mine if end == "commit" else set())
    assert loop.claim() == []
    assert late(loop) == []
    assert loop.broken() == []


def test_a_claim_that_is_rolled_back_after_the_mark_moved_comes_back(loop, session):
    propose(loop, 2 * WORTH)
    claim_all(loop)
    assert mark(loop)
    missions = propose(loop, 3 * WORTH)
    other = session()
    other.do("begin")
    taken = [w["mission_id"] for _ in range(3) for w in other.claim(WORTH)]
    other.do("rollback")
    assert set(taken) == missions
    assert set(claim_all(loop)) == missions


def test_a_claim_at_a_stricter_isolation_level_moves_no_mark(loop, session):
    propose(loop, 3 * WORTH)
    other = session()
    other.do("set default_transaction_isolation = 'repeatable read'")
    claim_all(other)
    assert mark(loop) == 0


def test_marks_from_before_a_restart_or_a_restore_are_not_believed(loop):
    propose(loop, 3 * WORTH)
    claim_all(loop)
    (mission,) = propose(loop, 1)
    loop.do("update ops_ready set seq = 1")  # as a dump has it: rows from its snapshot, sequences from later
    loop.do("update ops_mission_steps set ready_seq = 1 where mission_id = %s", mission)
    assert loop.claim() == []
    loop.do("update ops_lanes set mark_server_start = mark_server_start - interval '1 second'")
    assert [w["mission_id"] for w in loop.claim()] == [mission]


def test_who_enqueues_again_after_a_savepoint_is_announced_again(loop, session, eager):
    other = session()
    other.do("begin")
    other.do("savepoint a")
    propose(other, 1)
    other.do("rollback to savepoint a")
    propose(loop, 100)
    claim_all(loop, 10)
    mine = propose(other, 1)
    propose(loop, 5)
    claim_all(loop, 1)
    other.do("commit")
    assert set(claim_all(loop)) == mine


@pytest.mark.parametrize(
    "said",
    [
        "pg_current_xact_id()::text",
        "'none'",
        "'-1'",
        "'0'",
        "'1'",
        "'999999999999999999'",
        "repeat('9', 40)",
        "(pg_sequence_last_value('ops_ready_seq') + 15)::text",
    ],
)
def test_no_setting_of_the_caller_stands_for_an_announcement(loop, session, eager, said):
    propose(loop, 1)
    other = session()
    other.do("begin")
    other.do(f"select set_config('opsloop.announced_' || 'ops_ready'::regclass::oid, {said}, false)")
    mine = propose(other, 5)
    other.do("select fn_emit_event('a:signal')")
    propose(loop, 20)
    claim_all(loop)
    loop.do("select fn_evaluate_triggers()")
    other.do("commit")
    assert mine <= set(claim_all(loop))
    loop.do("select fn_evaluate_triggers()")
    assert loop.value("select count(*) from ops_agent_events where processed_at is null") == 0
    assert loop.broken() == []


def test_an_advisory_lock_that_outlives_the_enqueuer_does_not_keep_it_open(loop, session, eager):
    propose(loop, 1)
    other = session()
    other.do("begin")
    mine = propose(other, 5)
    other.do(
        "select pg_advisory_lock_shared(classid::integer, objid::bigint::bit(32)::integer)"
        "  from pg_locks where locktype = 'advisory' and classid = 'ops_ready'::regclass and pid = pg_backend_pid()"
    )
    for _ in range(3):
        propose(loop, 20)
        claim_all(loop)
    assert late(loop)
    other.do("commit")
    assert set(claim_all(loop)) == mine
    assert late(loop) == []


def test_a_transaction_holds_one_announcement_however_often_it_enqueues(loop, session):
    other = session()
    other.do("begin")
    other.do("select fn_emit_event('a:signal') from generate_series(1, 100)")
    assert len(loop.rows("select * from _open_enqueuers(%s)", 100)) == 1
    other.do("rollback")


def test_a_claim_with_an_old_snapshot_forgets_no_late_enqueuer(loop, session, eager):
    propose(loop, 1)
    other = session()
    other.do("begin")
    mine = propose(other, 5)
    for _ in range(3):
        propose(loop, 20)
        claim_all(loop)
    assert late(loop)
    old = session()
    old.do("begin isolation level repeatable read")
    assert late(old)
    other.do("commit")
    assert old.claim() == []
    old.do("commit")
    assert set(claim_all(loop)) == mine


def test_a_prepared_transaction_that_was_passed_is_not_forgotten(loop, session, eager):
    propose(loop, 1)
    other = session()
    other.do("begin")
    mine = propose(other, 5)
    for _ in range(3):
        propose(loop, 20)
        claim_all(loop)
    assert late(loop)
    other.do("prepare transaction 'passed'")
    assert loop.claim() == []
    assert late(loop)
    other.do("commit prepared 'passed'")
    assert set(claim_all(loop)) == mine


def pause(loop, routine, before, key):
    """Lets sessions named so wait for an advisory lock in the middle of a routine."""
    body = loop.value("select pg_get_functiondef(%s::regproc)", routine)
    assert body.count(before) == 1
    wait = (
        f"if current_setting('application_name') = '{routine}' then"
        f" perform pg_advisory_xact_lock_shared({key}); end if;"
    )
    loop.do(body.replace(before, f"{wait}\n{before}"))
    loop.do("select pg_advisory_lock(%s)", key)


def start_paused(loop, session, routine, query):
    """Runs a query in a session of its own, up to where its routine was told to pause."""
    mine = session()
    mine.do(f"set application_name = '{routine}'")
    running = start(lambda: mine.rows(query))
    pid = mine.conn.info.backend_pid
    wait_until(lambda: loop.value("select cardinality(pg_blocking_pids(%s)) > 0", pid), "it pauses")
    return running


FRONTS = "select _lane_fronts(array(select lane from ops_lanes where executor = 'noop'))"
MOVE = "select _move_marks(array(select lane from ops_lanes where executor = 'noop'))"


def test_who_rolls_back_to_a_savepoint_and_enqueues_again_is_not_forgotten(loop, session, eager):
    propose(loop, 1)
    other = session()
    other.do("begin")
    other.do("savepoint a")
    propose(other, 5)
    for _ in range(3):
        propose(loop, 20)
        claim_all(loop)
    assert late(loop)
    other.do("rollback to savepoint a")
    pause(loop, "_lane_fronts", "  if v_forget then", 7)
    forgetting = start_paused(loop, session, "_lane_fronts", FRONTS)
    mine = propose(other, 5)
    for _ in range(3):
        propose(loop, 20)
        claim_all(loop)
    loop.do("select pg_advisory_unlock(7)")
    forgetting.result()
    other.do("commit")
    assert set(claim_all(loop)) == mine


def test_nobody_is_forgotten_by_a_mark_that_is_older_than_the_last_move(loop, session, eager):
    propose(loop, 1)
    other = session()
    other.do("begin")
    other.do("select _announce()")
    for _ in range(3):
        propose(loop, 20)
        claim_all(loop)
    assert late(loop)
    still = session()
    still.do("select pg_advisory_lock('ops_lanes'::regclass::oid::integer, 1)")  # no mark moves
    mine = propose(other, 5)
    propose(loop, 20)
    claim_all(loop)
    still.do("select pg_advisory_unlock_all()")
    pause(loop, "_move_marks", "    if v_to > v_lane.value", 8)
    pause(loop, "_lane_fronts", "  if v_forget then", 7)
    moving = start_paused(loop, session, "_move_marks", MOVE)
    other.do("commit")
    forgetting = start_paused(loop, session, "_lane_fronts", FRONTS)
    loop.do("select pg_advisory_unlock(8)")
    moving.result()
    loop.do("select pg_advisory_unlock(7)")
    forgetting.result()
    assert set(claim_all(loop)) == mine


def test_events_that_commit_late_are_looked_at_too(loop, session, eager):
    other = session()
    other.do("begin")
    event = other.emit("late")
    for _ in range(40):
        loop.emit("early")
        loop.rows("select * from fn_evaluate_triggers(50)")
    assert loop.value("select pg_sequence_last_value(mark) from ops_lanes where lane = 1") > 10
    other.do("commit")
    loop.turn()
    assert loop.row("select processed_at from ops_agent_events where id = %s", event)["processed_at"]


def test_enqueuers_that_stay_open_roll_back_and_race_lose_nothing_and_nothing_runs_twice(
    loop, session, eager
):
    done = []
    proposed: set[object] = set()
    ended = Lock()

    def enqueue(seed):
        chance = random.Random(seed)
        mine = session()

        def work():
            for _ in range(40):
                mine.do("begin")
                kept = propose(mine, chance.randint(1, 8))
                if chance.random() < 0.3:
                    mine.do("savepoint a")
                    propose(mine, chance.randint(1, 8))
                    mine.do("rollback to savepoint a")
                    kept |= propose(mine, chance.randint(1, 3))
                if chance.random() < 0.5:
                    mine.rows("select count(*) from ops_agent_events")  # others overtake it meanwhile
                if chance.random() < 0.2:
                    mine.do("rollback")
                else:
                    mine.do("commit")
                    proposed.update(kept)
            with ended:
                done.append(seed)

        return work

    claimed: list[object] = []

    def claim(seed):
        chance = random.Random(seed)
        mine = session()

        def work():
            while True:
                over = len(done) == 4
                mine.do("begin" if chance.random() < 0.3 else "select")
                got = [w["mission_id"] for w in mine.claim(chance.randint(1, 20), f"w{seed}")]
                in_transaction = mine.conn.info.transaction_status.name == "INTRANS"
                if in_transaction and chance.random() < 0.3:
                    mine.do("rollback")
                    continue
                if in_transaction:
                    mine.do("commit")
                claimed.extend(got)
                if over and not got:
                    return

        return work

    at_once([enqueue(n) for n in range(4)] + [claim(n) for n in range(4)], 100)
    claimed += claim_all(loop)
    assert len(claimed) == len(set(claimed))
    assert set(claimed) == proposed
    assert loop.broken() == []


@pytest.mark.parametrize("last", [5, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**40 + 7])
@pytest.mark.parametrize("since", [-3, 0, 3])
def test_the_floor_of_an_announcement_is_a_number_of_its_own_also_past_32_bits(loop, session, last, since):
    other = session()
    other.do("begin")
    loop.do("select setval('ops_ready_seq', %s)", last + since)
    other.do("select _announce()")
    assert [a["floor"] for a in loop.rows("select * from _open_enqueuers(%s)", last)] == [last + since + 1]
    other.do("rollback")


def test_the_front_of_a_lane_is_found_in_a_few_pages_however_much_was_taken_beside_a_held_snapshot(
    loop, session
):
    propose(loop, 10)
    claim_all(loop)
    other = session()
    other.do("begin isolation level repeatable read")
    other.rows("select count(*) from ops_lanes")
    for _ in range(6):
        propose(loop, 2000)
        claim_all(loop)
    propose(loop, 10)
    (plan,) = loop.value(
        "explain (analyze, buffers, format json)"
        " select _lane_fronts(array[l.lane]) from ops_lanes l where executor = 'noop'"
    )
    assert plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"] < 60
