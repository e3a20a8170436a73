"""The board of ideas."""

import pytest
from psycopg.types.json import Jsonb

UPSERT = "select fn_radar_upsert(%s)"


def upsert(loop, *ideas):
    return loop.value(UPSERT, Jsonb(list(ideas)))


def board(loop):
    return {r["title"]: r for r in loop.rows("select * from ops_demand_radar")}


def test_an_idea_is_put_on_the_board_and_watched(loop):
    assert upsert(loop, {"title": "dark mode", "score": 1.5, "source": "mail", "evidence": {"n": 3}}) == 1
    idea = board(loop)["dark mode"]
    assert (idea["status"], float(idea["score"]), idea["source"], idea["evidence"]) == (
        "watching",
        1.5,
        "mail",
        {"n": 3},
    )


def test_the_same_title_brings_it_up_to_date_and_what_is_not_given_stays(loop):
    upsert(loop, {"title": "dark mode", "status": "building", "score": 1, "evidence": {"a": 1}})
    upsert(loop, {"title": "dark mode", "description": "for the night", "evidence": {"b": 2}})
    idea = board(loop)["dark mode"]
    assert (idea["status"], idea["description"], float(idea["score"])) == ("building", "for the night", 1)
    assert idea["evidence"] == {"a": 1, "b": 2}
    upsert(loop, {"title": "dark mode", "status": "shipped"})
    assert board(loop)["dark mode"]["status"] == "shipped"


@pytest.mark.parametrize(
    "bad",
    [
        {},
        [5],
        [{"status": "watching"}],
        [{"title": "x", "status": "sold"}],
        [{"title": "x", "score": "high"}],
    ],
)
def test_what_is_no_list_of_ideas_is_ops_018(loop, bad):
    loop.refused("018", UPSERT, Jsonb(bad))
