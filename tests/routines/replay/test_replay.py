"""The replay log: the first replay of a message counts, the others are told of it."""

import pytest

RECORD = "select * from fn_record_replay(%s, %s, %s, %s, %s, %s)"


def record(loop, original, letter=None, key=None, new=None, by=None):
    return loop.row(RECORD, original, letter, None, key, new, by)


def duplicates(loop):
    return loop.value("select value from fn_metrics() where name = 'm10_replay_duplicates_total'")


def test_the_first_replay_is_recorded_with_who_asked_for_it(loop):
    answer = record(loop, "msg-1", "dl-1", "key", "new-1", "ada")
    row = loop.row("select * from replay_log")
    assert answer == {"already_replayed": False, "replay_id": row["id"]}
    assert (row["original_msg_id"], row["dl_msg_id"], row["idempotency_key"], row["new_msg_id"]) == (
        "msg-1",
        "dl-1",
        "key",
        "new-1",
    )
    assert row["replayed_by"] == "ada"
    assert row["replayed_login"] == loop.value("select session_user::text")


def test_a_second_replay_of_the_same_message_is_told_of_the_first_and_counted(loop):
    first = record(loop, "msg-1")
    before = duplicates(loop)
    assert record(loop, "msg-1", new="other") == {"already_replayed": True, "replay_id": first["replay_id"]}
    assert duplicates(loop) == before + 1
    assert loop.value("select count(*) from replay_log") == 1


def test_the_same_idempotency_key_is_the_same_replay(loop):
    first = record(loop, "msg-1", key="k")
    assert record(loop, "msg-2", key="k") == {"already_replayed": True, "replay_id": first["replay_id"]}


def test_a_recorded_replay_of_a_letter_is_seen_in_the_archive(loop):
    loop.value("select fn_archive_dead_letter('dl-1', 'msg-1')")
    record(loop, "msg-1", "dl-1")
    assert loop.value("select redriven_at is not null from dead_letter_archive")
    assert loop.row("select * from fn_redrive_dead_letter('dl-1')")["redriven"] is False


@pytest.mark.parametrize("nothing", [None, ""])
def test_a_replay_of_nothing_is_ops_018(loop, nothing):
    loop.refused("018", RECORD, nothing, None, None, None, None, None)


def test_a_letter_of_another_system_is_kept_as_given(loop):
    number = loop.value(
        "select fn_archive_dead_letter('dl-1', 'msg-1', 'cand', 'match', %s, 'poison', 3, '2026-01-02', 'bob')",
        {"n": 1},
    )
    row = loop.row("select * from dead_letter_archive")
    assert row["id"] == number
    assert (row["original_msg_id"], row["candidate_id"], row["failure_match_id"], row["payload"]) == (
        "msg-1",
        "cand",
        "match",
        {"n": 1},
    )
    assert (row["reason"], row["reclaim_count"], row["archived_by"]) == ("poison", 3, "bob")
    assert row["dead_lettered_at"].isoformat().startswith("2026-01-02")


def test_the_same_letter_again_is_the_first_one(loop):
    first = loop.value("select fn_archive_dead_letter('dl-1', 'msg-1')")
    assert loop.value("select fn_archive_dead_letter('dl-1', 'msg-2')") == first
    assert loop.value("select original_msg_id from dead_letter_archive") == "msg-1"


def test_nobody_archives_in_the_name_of_the_loop(loop):
    loop.refused(
        "018",
        "select fn_archive_dead_letter('step:x:1', 'x', p_archived_by => %s)",
        "opsloop",
    )
    loop.refused("018", "select fn_archive_dead_letter(%s)", "")
