"""Locks on one session with a stopped clock: who holds, until when, and that tokens only rise."""

import pytest

NOON = "2030-01-01 12:00:00+00"
EPOCH = 1_000_000_000_000


@pytest.fixture
def at_noon(loop):
    """The loop with its clock stopped at noon."""
    loop.stop_clock(NOON)
    return loop


def acquire(loop, holder="h", ttl=60, name="l"):
    return loop.value("select fn_acquire_lock(%s, %s, %s)", name, holder, ttl)


def extend(loop, holder="h", ttl=60, name="l"):
    return loop.value("select fn_extend_lock(%s, %s, %s)", name, holder, ttl)


def release(loop, holder="h", name="l"):
    return loop.value("select fn_release_lock(%s, %s)", name, holder)


def token(loop, holder="h", name="l"):
    return loop.value("select fn_lock_token(%s, %s)", name, holder)


def until(loop, name="l"):
    return loop.value(
        "select extract(epoch from expires_at - %s)::int from distributed_locks where lock_name = %s",
        NOON,
        name,
    )


def counters(loop):
    return {r["name"]: int(r["value"]) for r in loop.rows("select * from fn_metrics()")}


def test_a_lock_has_one_holder_at_a_time(at_noon):
    loop = at_noon
    assert acquire(loop, "a")
    assert not acquire(loop, "b")
    assert (token(loop, "a") is not None, token(loop, "b")) == (True, None)
    assert acquire(loop, "b", name="another")
    assert not extend(loop, "b")
    assert not release(loop, "b")
    assert release(loop, "a")
    assert acquire(loop, "b")
    assert (token(loop, "a"), token(loop, "b") is not None) == (None, True)


def test_the_default_time_to_live_is_a_minute(at_noon):
    at_noon.rows("select fn_acquire_lock('l', 'h')")
    assert until(at_noon) == 60
    at_noon.stop_clock("2030-01-01 12:00:30+00")
    at_noon.rows("select fn_extend_lock('l', 'h')")
    assert until(at_noon) == 90


def test_it_is_held_up_to_the_moment_of_expiry_and_free_from_then_on(at_noon):
    loop = at_noon
    acquire(loop, "a", 60)
    loop.stop_clock("2030-01-01 12:00:59.999999+00")
    assert token(loop, "a") is not None
    assert not acquire(loop, "b")
    loop.stop_clock("2030-01-01 12:01:00+00")
    assert token(loop, "a") is None
    assert not extend(loop, "a")
    assert not release(loop, "a")
    assert until(loop) == 60, "what an expired lock was told changed nothing"
    assert acquire(loop, "b")


def test_the_moment_of_expiry_is_still_time_to_extend_just_before_it(at_noon):
    loop = at_noon
    acquire(loop, "a", 60)
    loop.stop_clock("2030-01-01 12:00:59.999999+00")
    assert extend(loop, "a", 60)
    loop.stop_clock("2030-01-01 12:01:59+00")
    assert not acquire(loop, "b")


def test_the_holder_who_acquires_it_again_extends_it_and_keeps_his_token(at_noon):
    loop = at_noon
    acquire(loop, "a", 60)
    first = token(loop, "a")
    loop.stop_clock("2030-01-01 12:00:50+00")
    assert acquire(loop, "a", 60)
    assert (token(loop, "a"), until(loop)) == (first, 110)
    assert loop.value("select acquired_at = %s from distributed_locks", NOON)
    assert extend(loop, "a", 5)
    assert until(loop) == 55, "counted from now, not added"


def test_tokens_only_rise_across_release_expiry_deletion_and_a_new_epoch(at_noon):
    loop = at_noon
    seen = []

    def again(holder):
        assert acquire(loop, holder, 60)
        seen.append(token(loop, holder))

    again("a")
    release(loop, "a")
    again("a")
    loop.stop_clock("2030-01-01 13:00:00+00")
    again("a")  # his own, but expired: somebody might have had it meanwhile
    loop.stop_clock("2030-01-01 14:00:00+00")
    again("b")
    loop.do("delete from distributed_locks")
    again("a")
    loop.do("update ops_control set epoch = epoch + 1")
    loop.do("delete from distributed_locks")
    again("b")
    loop.do("alter sequence distributed_locks_token_seq restart")  # an older backup
    loop.do("update ops_control set epoch = epoch + 1")
    loop.do("delete from distributed_locks")
    again("c")
    assert seen == sorted(set(seen))
    assert [t // EPOCH for t in seen] == [0, 0, 0, 0, 0, 1, 2]


def test_expired_locks_are_cleaned_up_and_others_stay(at_noon):
    loop = at_noon
    for n, ttl in enumerate([10, 20, 60]):
        acquire(loop, ttl=ttl, name=f"l{n}")
    assert loop.value("select fn_cleanup_expired_locks()") == 0
    loop.stop_clock("2030-01-01 12:00:20+00")
    assert loop.value("select fn_cleanup_expired_locks()") == 2
    assert [r["lock_name"] for r in loop.rows("select * from distributed_locks")] == ["l2"]
    assert loop.value("select fn_cleanup_expired_locks()") == 0


def test_an_assertion_passes_for_the_token_that_holds_and_no_other(at_noon):
    loop = at_noon
    acquire(loop, "a")
    held = token(loop, "a")
    loop.rows("select fn_assert_lock('l', %s)", held)
    for wrong in (held + 1, held - 1, None):
        loop.refused("030", "select fn_assert_lock('l', %s)", wrong)
    loop.refused("030", "select fn_assert_lock('no such lock', %s)", held)
    loop.stop_clock("2030-01-01 12:01:00+00")
    loop.refused("030", "select fn_assert_lock('l', %s)", held)
    acquire(loop, "a")
    loop.refused("030", "select fn_assert_lock('l', %s)", held)


@pytest.mark.parametrize("name", [None, "", "x" * 501])
def test_a_lock_without_a_usable_name_or_holder_is_refused(loop, name):
    for function in ("fn_acquire_lock", "fn_extend_lock", "fn_release_lock", "fn_lock_token"):
        loop.refused("018", f"select {function}(%s, 'h')", name)
        loop.refused("018", f"select {function}('l', %s)", name)


@pytest.mark.parametrize("ttl", [None, 0, -1, 604801])
def test_a_time_to_live_that_is_none_is_refused(loop, ttl):
    acquire(loop)
    loop.refused("018", "select fn_acquire_lock('l', 'h', %s)", ttl)
    loop.refused("018", "select fn_extend_lock('l', 'h', %s)", ttl)


def test_names_and_holders_are_any_text(loop):
    for name in ("stuck:lock", "ä ö' \\ %s\n", "x" * 500, "LOCK", "lock"):
        assert acquire(loop, name, name=name)
        assert not acquire(loop, "another", name=name)
        assert release(loop, name, name=name)


def test_acquiring_and_failing_are_counted_and_extending_is_not(at_noon):
    loop = at_noon
    before = counters(loop)
    acquire(loop, "a")
    acquire(loop, "a")
    extend(loop, "a")
    for _ in range(3):
        acquire(loop, "b")
    release(loop, "a")
    acquire(loop, "b")
    after = counters(loop)
    assert after["m10_locks_acquired_total"] - before["m10_locks_acquired_total"] == 2
    assert after["m10_locks_failed_total"] - before["m10_locks_failed_total"] == 3


def test_what_stays_of_a_lost_race_is_a_count(at_noon):
    loop = at_noon
    acquire(loop, "a")
    before = loop.contents("ops_counts")
    acquire(loop, "b")
    assert loop.contents("ops_counts") == before


def test_the_statements_of_the_runbook_run_on_it(loop):
    acquire(loop, "h", name="stuck:lock")
    active = loop.rows("select * from distributed_locks where expires_at > now() order by acquired_at desc")
    assert [r["lock_name"] for r in active] == ["stuck:lock"]
    loop.stop_clock("2001-01-01 00:00:00+00")
    acquire(loop, "a", name="old")
    loop.run_clock()
    assert loop.do("delete from distributed_locks where lock_name = 'old' and expires_at < now()") == 1


def test_two_rows_of_one_lock_or_a_token_from_the_future_break_an_invariant(loop):
    acquire(loop, "a")
    acquire(loop, "b", name="m")
    assert loop.broken() == []
    loop.do("update distributed_locks set token = token + 1000")
    assert [b["subject"] for b in loop.broken()] == ["lock l", "lock m"]
    loop.do("update distributed_locks set token = 1")
    assert [b["subject"] for b in loop.broken()] == ["token 1"]
