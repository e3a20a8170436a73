"""A mission whose open steps all wait for what does not come by itself is told from one that works."""

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from looping import Loop, step


def stuck(loop: Loop, mission: UUID) -> str | None:
    said = loop.row("select * from fn_list_missions(p_mission_id => %s)", mission)["stuck"]
    listed = {
        r["mission_id"]
        for r in loop.rows("""select * from fn_list_missions(1000, p_filter => '{"stuck": true}')""")
    }
    assert (mission in listed) == (said is not None)
    return said


def counts(loop: Loop) -> dict[str, tuple[int, int]]:
    return {r["reason"]: (r["missions"], r["steps"]) for r in loop.rows("select * from fn_count_stuck()")}


def test_a_mission_whose_executor_nobody_offers(loop: Loop) -> None:
    mission = loop.mission(step("a", after=[]), step("b", after=[]), step("c", after=["a"]))
    assert stuck(loop, mission) == "2 no worker"
    assert counts(loop) == {"no worker": (1, 2)}
    loop.register()
    assert stuck(loop, mission) is None
    assert counts(loop) == {}


def test_one_step_that_works_means_that_the_mission_does(loop: Loop) -> None:
    mission = loop.mission(step("a", after=[]), step("b", kind="nobody", after=[]))
    loop.register()
    assert stuck(loop, mission) is None
    (work,) = loop.claim(executors=["noop"])
    loop.complete(work)
    assert stuck(loop, mission) == "1 no worker"


def test_a_pause_whether_or_not_it_has_parked_the_step(loop: Loop) -> None:
    loop.register()
    mission = loop.mission(step("a"))
    loop.value("select fn_pause('all')")
    assert stuck(loop, mission) == "1 paused"
    loop.value("select fn_resume('all')")
    loop.value("select fn_pause('mission', %s)", str(mission))
    assert loop.steps(mission) == {"a": "waiting"}
    assert stuck(loop, mission) == "1 paused"


def test_a_step_that_is_held_and_one_that_asks_for_a_person(loop: Loop) -> None:
    loop.register()
    mission = loop.mission(step("a", on_lease_lost="hold", after=[]), step("b", kind="approval", after=[]))
    loop.work(mission)
    loop.advance(3600)
    loop.register()
    loop.turn()
    assert stuck(loop, mission) == "1 for a person, 1 held"


def test_an_executor_that_policy_blocks(loop: Loop) -> None:
    loop.register()
    mission = loop.mission(step("a"))
    loop.policy("worker_policy", blocked_executors=["noop"])
    assert stuck(loop, mission) == "1 blocked by policy"


def test_a_lease_that_is_over_and_that_nobody_takes_back(loop: Loop) -> None:
    loop.register()
    mission = loop.mission(step("a"))
    loop.work(mission)
    assert stuck(loop, mission) is None
    loop.advance(600)
    assert stuck(loop, mission) == "1 lease over"


def test_a_next_try_comes_by_itself(loop: Loop) -> None:
    loop.register()
    mission = loop.mission(step("a"))
    loop.fail(loop.work(mission), "not yet", after=60)
    assert stuck(loop, mission) is None


def test_a_mission_that_has_ended_is_not_stuck(loop: Loop) -> None:
    mission = loop.mission(step("a"))
    loop.fail_for_good(mission)
    assert stuck(loop, mission) is None


def test_what_is_stuck_is_found_however_much_came_after_it(loop: Loop) -> None:
    mission = loop.mission(step("a"))
    loop.do(
        "insert into ops_missions (id, title, status) select _nth_uuid_v7(s.start, s.tail, n), 'later', 'succeeded'"
        " from _uuid_v7_start() s cross join generate_series(1, 20000) n"
    )
    assert stuck(loop, mission) == "1 no worker"


def test_a_session_that_holds_the_row_of_a_step(conn: psycopg.Connection[Any], connect: Any) -> None:
    loop = Loop(conn)
    loop.register()
    mission = loop.mission(step("a"))
    loop.do("update ops_mission_steps set updated_at = now() - interval '1 minute'")
    assert stuck(loop, mission) is None
    with connect() as other, other.transaction():
        other.execute("select from ops_mission_steps for update")
        assert stuck(loop, mission) == "1 locked"
    assert stuck(loop, mission) is None


FILTERS = [
    ({"status": "failed"}, {"bad"}),
    ({"executor": "ht*"}, {"web"}),
    ({"kind": "noop", "title": "b*"}, {"bad"}),
    ({"source": "rob*"}, {"web"}),
    ({"error": "*exploded*"}, {"bad"}),
    ({"code": "OPS_007"}, {"bad"}),
    ({"until": "2001-01-01"}, set()),
    ({"since": "2001-01-01", "status": "failed"}, {"bad"}),
    ({"stuck": True}, {"good", "web"}),
]


@pytest.fixture
def several(loop: Loop) -> Loop:
    loop.fail_for_good(loop.mission(step("a"), title="bad"), error="it exploded", code="OPS_007")
    loop.mission(step("a"), title="good")
    loop.allow()
    loop.mission(step("a", kind="http", params={"url": "https://example.org"}), title="web", source="robot")
    return loop


@pytest.mark.parametrize(("wanted", "titles"), FILTERS)
def test_missions_are_listed_by_a_filter(several: Loop, wanted: dict[str, Any], titles: set[str]) -> None:
    found = several.rows("select * from fn_list_missions(p_filter => %s)", wanted)
    assert {r["title"] for r in found} == titles


@pytest.mark.parametrize(("wanted", "titles"), [f for f in FILTERS if not f[0].keys() & {"stuck", "title"}])
def test_steps_are_listed_by_a_filter(several: Loop, wanted: dict[str, Any], titles: set[str]) -> None:
    found = several.rows(
        "select m.title from fn_list_steps(p_filter => %s) s join ops_missions m on m.id = s.mission_id",
        wanted,
    )
    assert {r["title"] for r in found} == titles


def test_proposals_are_listed_by_a_filter(several: Loop) -> None:
    titles = "select array_agg(title) from fn_list_proposals(p_filter => %s)"
    assert several.value(titles, {"source": "robot"}) == ["web"]
    assert several.value(titles, {"title": "*o*d"}) == ["good"]
    assert several.value(titles, {"risk": "high"}) is None


def test_before_goes_on_where_a_list_ended(several: Loop) -> None:
    (newest,) = several.rows("select * from fn_list_missions(1)")
    rest = several.rows(
        "select * from fn_list_missions(p_filter => %s)", {"before": str(newest["mission_id"])}
    )
    assert [r["title"] for r in rest] == ["good", "bad"]


@pytest.mark.parametrize(
    "wrong",
    [
        "[]",
        '"x"',
        '{"colour": "red"}',
        '{"status": 1}',
        '{"since": "soon"}',
        '{"before": "x"}',
        '{"ids": ["x"]}',
    ],
)
@pytest.mark.parametrize("function", ["fn_list_missions", "fn_list_steps", "fn_list_proposals"])
def test_a_filter_that_cannot_be_is_refused_with_its_faults(loop: Loop, function: str, wrong: str) -> None:
    loop.refused("018", f"select * from {function}(p_filter => %s::jsonb)", wrong)


def test_the_mission_of_an_id_that_is_none_is_an_empty_list(loop: Loop) -> None:
    assert loop.rows("select * from fn_list_missions(p_mission_id => %s)", uuid4()) == []
