"""Dead letters of the loop itself: written by one routine, which names and numbers them."""

from opsloop import sqlfiles

ARCHIVE = "select _archive_dead_letters(%s, %s, %s, %s::jsonb[], %s, %s)"


def archive(loop, what, *letters):
    names, originals, reasons, counts = zip(*letters, strict=True)
    loop.do(ARCHIVE, what, list(names), list(originals), ["{}"] * len(letters), list(reasons), list(counts))


def letters(loop):
    return [
        tuple(r.values())
        for r in loop.rows(
            "select what, dl_msg_id, original_msg_id, reason, reclaim_count, archived_by"
            " from dead_letter_archive order by id"
        )
    ]


def test_many_letters_are_kept_in_one_call_each_with_its_kind(loop):
    archive(loop, "outbox", ("outbox:1:10", "outbox:1", "late", 10), ("outbox:2:3", "outbox:2", "gone", 3))
    assert letters(loop) == [
        ("outbox", "outbox:1:10", "outbox:1", "late", 10, "opsloop"),
        ("outbox", "outbox:2:3", "outbox:2", "gone", 3, "opsloop"),
    ]


def test_what_gives_up_again_after_as_many_tries_leaves_one_more_letter(loop):
    for _ in range(3):
        archive(loop, "step", ("step:a:2", "a", "no", 2), ("step:b:1", "b", "no", 1))
    archive(loop, "step", ("step:a:3", "a", "no", 3))
    assert [name for _, name, *_ in letters(loop)] == [
        *("step:a:2", "step:b:1"),
        *("step:a:2:1", "step:b:1:1"),
        *("step:a:2:2", "step:b:1:2"),
        "step:a:3",
    ]


def test_no_letters_are_no_rows(loop):
    loop.do(ARCHIVE, "step", *[None] * 5)
    assert letters(loop) == []


def test_nothing_else_writes_letters_but_what_archives_those_of_other_systems():
    writers = {
        path.stem
        for path in (sqlfiles.sql_root() / "code").glob("*/*.sql")
        if "insert into dead_letter_archive" in path.read_text()
    }
    assert writers == {"_archive_dead_letters", "fn_archive_dead_letter"}
