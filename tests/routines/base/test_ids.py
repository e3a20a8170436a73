"""Ids are in the order of time, and the last 8 digits, by which people name them, differ within a batch."""

from looping import Loop, step


def test_the_last_digits_of_a_run_of_ids_differ(loop: Loop) -> None:
    ids = loop.value(
        "select array_agg(_nth_uuid_v7(s.start, s.tail, n) order by n)"
        " from _uuid_v7_start() s cross join generate_series(1, 100000) n"
    )
    assert ids == sorted(set(ids))
    assert len({str(one)[-8:] for one in ids}) == len(ids)
    assert {(one.version, str(one.variant)) for one in ids} == {(7, "specified in RFC 4122")}


def test_ids_stay_uuids_of_version_7_wherever_the_random_part_begins(loop: Loop) -> None:
    ids = loop.value(
        "select array_agg(_nth_uuid_v7(s.start, s.tail, 10000000)) from generate_series(1, 10000) n"
        " cross join lateral (select u.* from _uuid_v7_start() u where n > 0) s"
    )
    assert {(one.version, str(one.variant)) for one in ids} == {(7, "specified in RFC 4122")}


def test_a_mission_and_its_steps_are_told_apart_by_their_last_digits(loop: Loop) -> None:
    loop.mission(*(step(f"s{n}") for n in range(20)))
    ids = loop.value(
        "select array_agg(i.id) from (select id from ops_missions union all select id from ops_mission_steps) i"
    )
    assert len({str(one)[-8:] for one in ids}) == 21
