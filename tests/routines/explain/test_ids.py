"""fn_find_id says what an id is of; fn_whole_id gives the one meant by its last digits; fn_show tells all."""

from uuid import UUID, uuid4

import pytest

from looping import Loop, step, template


def tail(of: UUID, digits: int = 8) -> str:
    return of.hex[-digits:]


def alike(loop: Loop, mission: UUID) -> UUID:
    """A mission whose id ends as that of another."""
    made = UUID(f"{uuid4().hex[:24]}{mission.hex[24:]}")
    loop.do("insert into ops_missions (id, title) values (%s, 'alike')", made)
    return made


@pytest.mark.parametrize("subject", ["mission", "step", "proposal", "reaction", "event"])
@pytest.mark.parametrize("digits", [8, 11, 32])
def test_an_id_is_found_by_its_last_digits_and_as_a_whole(loop: Loop, subject: str, digits: int) -> None:
    loop.react({"name": "clean", "event_type": "disk:full"})
    loop.allow()
    event = loop.emit("disk:full")
    loop.turn()
    mission = loop.row("select * from ops_missions")
    ids = {
        "mission": mission["id"],
        "step": loop.step(mission["id"])["id"],
        "proposal": mission["proposal_id"],
        "reaction": loop.reactions()[0]["id"],
        "event": event,
    }
    found = loop.row("select * from fn_find_id(%s)", tail(ids[subject], digits))
    assert (found["what"], found["id"]) == (subject, str(ids[subject]))
    assert loop.value("select fn_whole_id(%s, %s)", tail(ids[subject], digits), subject) == ids[subject]
    shown = loop.value("select fn_show(%s)", tail(ids[subject], digits))
    assert (shown["what"], shown["id"]) == (subject, str(ids[subject]))


def test_a_success_that_no_pattern_watches_is_found_by_its_whole_id(loop: Loop) -> None:
    loop.complete(loop.work(loop.mission(step("a"))))
    event = loop.row("select * from ops_events where type = 'mission:succeeded'")["id"]
    assert loop.row("select * from fn_find_id(%s)", str(event))["title"] == "mission:succeeded"
    assert loop.value("select fn_show(%s)", str(event))["status"] == "processed"


def test_what_has_no_uuid_is_found_by_its_name(loop: Loop) -> None:
    loop.register("w1")
    message = loop.value("select fn_publish_outbox('order', '7', 'paid', '{}')")
    loop.do("insert into strategic_directives (id, title) values ('SD-1', 'Safer')")
    loop.value("select fn_archive_dead_letter(p_dl_msg_id => 'other:1', p_original_msg_id => 'x')")
    for given, what in (("w1", "worker"), (str(message), "message"), (f"outbox:{message}", "message"),
                        ("SD-1", "directive"), ("other:1", "letter")):  # fmt: skip
        assert loop.value("select fn_show(%s)", given)["what"] == what, given


def test_a_worker_is_in_the_state_that_the_list_of_workers_shows(loop: Loop) -> None:
    states = ["live", "asleep", "gone", "stopped"]
    for worker in states:
        loop.register(worker)
    loop.value("select fn_fall_asleep('asleep', 60)")
    loop.do("update ops_workers set last_seen_at = _now() - interval '1 day' where worker_id = 'gone'")
    loop.do("update ops_workers set stopped_at = _now() where worker_id = 'stopped'")
    for worker in states:
        listed = loop.value("select status from fn_list_workers() where worker_id = %s", worker)
        assert loop.row("select status from fn_find_id(%s, 'worker')", worker)["status"] == listed == worker


def test_the_letter_of_a_step_is_found_by_the_last_digits_of_the_step(loop: Loop) -> None:
    mission = loop.mission(step("a"))
    loop.fail_for_good(mission, error="no disk")
    given = tail(loop.step(mission)["id"])
    shown = loop.value("select fn_show(%s, 'letter')", given)
    assert (shown["what"], shown["reason"]) == ("letter", "no disk")
    # Without saying that a letter is meant, it is the step.
    assert loop.value("select fn_show(%s)", given)["what"] == "step"


def test_several_that_end_alike_are_named_and_more_digits_tell_them_apart(loop: Loop) -> None:
    mission = loop.mission(step("a"))
    other = alike(loop, mission)
    said = loop.refused("096", "select fn_whole_id(%s, 'mission')", tail(mission))
    assert str(mission) in str(said.message_detail)
    assert str(other) in str(said.message_primary)
    loop.refused("096", "select fn_show(%s)", tail(mission))
    assert loop.value("select fn_whole_id(%s, 'mission')", tail(mission, 16)) == mission


def test_only_what_is_asked_for_is_found(loop: Loop) -> None:
    mission = loop.mission(step("a"))
    loop.refused("012", "select fn_whole_id(%s, 'step|proposal')", tail(mission))
    loop.refused("012", "select fn_show(%s, 'step')", tail(mission))
    loop.refused("012", "select fn_show(%s)", str(uuid4()))
    loop.refused("018", "select * from fn_find_id(%s, 'mision')", tail(mission))
    loop.refused("018", "select fn_whole_id(%s, 'worker')", tail(mission))


@pytest.mark.parametrize("given", ["", "abc", "1234567", "zzzzzzzz", "0" * 33])
def test_what_is_no_id_is_told_so(loop: Loop, given: str) -> None:
    loop.refused("018", "select fn_whole_id(%s)", given)


def test_a_parked_step_is_found_however_many_came_after_it(loop: Loop) -> None:
    mission = loop.mission(step("a"))
    loop.value("select fn_pause('mission', %s)", str(mission))
    parked = loop.step(mission)["id"]
    assert loop.steps(mission) == {"a": "waiting"}
    loop.do(
        "insert into ops_mission_steps (id, mission_id, key, kind, executor, status)"
        " select _nth_uuid_v7(s.start, s.tail, n), %s, 'x', 'noop', 'noop', 'succeeded'"
        " from _uuid_v7_start() s cross join generate_series(1, 100001) n",
        uuid4(),
    )
    assert loop.value("select fn_whole_id(%s, 'step')", tail(parked)) == parked
    assert loop.value("select fn_whole_id(%s, 'mission')", tail(mission)) == mission


def test_a_mission_is_shown_with_params_result_progress_attempts_and_usage(loop: Loop) -> None:
    mission = loop.mission(step("a", params={"n": 1}), step("b"))
    work = loop.work(mission)
    loop.extend(work, progress={"half": True})
    loop.fail(work, "not yet", after=0)
    loop.turn()
    loop.complete(loop.work(mission), {"rows": 7}, usage={"tokens": 12, "model": "small"})
    shown = loop.value("select fn_show(%s)", str(mission))
    first, second = shown["steps"]
    assert (first["params"], first["result"], first["progress"]) == ({"n": 1}, {"rows": 7}, {"half": True})
    assert [(a["attempt"], a["status"], a.get("error")) for a in first["attempts"]] == [
        (1, "failed", "not yet"),
        (2, "succeeded", None),
    ]
    assert (first["usage"], shown["usage"]) == ({"tokens": 12}, {"tokens": 12})
    assert (second["status"], second["depends_on"]) == ("queued", ["a"])
    assert [r["reason"] for r in shown["reasons"]] == ["no_worker"]
    assert [t["what"] for t in shown["trail"]][:1] == ["proposal"]
    step_shown = loop.value("select fn_show(%s)", first["id"])
    assert (step_shown["attempts"], step_shown["mission"]["id"]) == (first["attempts"], str(mission))


def test_a_large_value_is_told_by_its_size(loop: Loop) -> None:
    mission = loop.mission(step("a"))
    loop.complete(loop.work(mission), {"text": "".join(str(uuid4()) for _ in range(5_000))})
    assert loop.value("select fn_show(%s)", str(mission))["steps"][0]["result"].keys() == {"left_out_bytes"}


def test_a_worker_is_shown_with_all_that_it_runs_however_much_others_run(loop: Loop) -> None:
    loop.register("few")
    loop.register("many")
    loop.value("select fn_set_policy('proposal_caps', '{}')")
    loop.value(
        "select count(*) from fn_create_proposals((select jsonb_agg(%s::jsonb) from generate_series(1, 1200)))",
        {"template": template()},
    )
    claimed = [len(loop.claim(100, worker)) for worker in ("many", "few") for _ in range(6)]
    assert claimed == [100] * 12
    assert len(loop.value("select fn_show('few')")["running"]) == 600
