from collections.abc import Callable
from typing import Any

from opsloop.executors import Context, executor
from support import wait_until
from worker.working import Process, Work

Start = Callable[..., Process]


def test_two_workers_drain_everything_and_nothing_runs_twice(work: Work, start: Start) -> None:
    missions = [work.mission({"kind": "noop"}, {"kind": "noop"}) for _ in range(150)]

    workers = [start("--drain", "--batch", "20") for _ in range(2)]

    assert [worker.end()[0] for worker in workers] == [0, 0]
    assert work.statuses() == {"succeeded": 300}
    assert work.conn.execute("select status, count(*) from ops_missions group by 1").fetchall() == [
        ("succeeded", len(missions))
    ]
    runs = work.conn.execute("select count(*), count(distinct step_id) from ops_action_runs").fetchone()
    assert runs == (300, 300)


def test_once_says_no_queued_steps_when_there_are_none(work: Work, start: Start) -> None:
    assert start("--once").end() == (0, "No queued steps\n")


def test_once_runs_what_is_queued_and_says_how_it_ended(work: Work, start: Start) -> None:
    work.mission({"kind": "noop"}, {"kind": "noop"})

    assert start("--once").end() == (0, "2 steps run: 2 accepted\n")


def test_once_names_executors_that_nobody_offers_and_burns_no_retry(work: Work, start: Start) -> None:
    step = work.step("unknown")

    code, said = start("--once").end()

    assert code == 0
    assert "No queued steps" in said
    assert "OPS_005: 1 steps wait for the executor unknown, which no live worker offers" in said
    assert work.of(step, "(status, attempt, failure_count)") == ("queued", "0", "0")


def test_once_with_json_prints_one_document(work: Work, start: Start) -> None:
    work.step("noop")

    assert start("--once", "--json").end()[1] == (
        '{"claimed": 1, "outcomes": {"accepted": 1}, "missing_executors": []}\n'
    )


def test_drain_turns_the_loop_until_an_event_has_become_a_finished_mission(work: Work, start: Start) -> None:
    pattern = {
        "name": "answer",
        "event_type": "ping",
        "template": {"title": "answer", "steps": [{"kind": "noop"}]},
    }
    work.set_policy("reaction_matrix", patterns=[pattern])
    work.client.emit_event("ping")

    assert start("--drain").end()[0] == 0
    assert work.statuses() == {"succeeded": 1}


def test_a_worker_runs_the_heartbeat_unless_told_not_to(work: Work, start: Start) -> None:
    beats = "select count(*) from ops_agent_events where type = 'heartbeat:success'"

    def number() -> int:
        return int(work.conn.execute(beats).fetchall()[0][0])

    without = start("--no-heartbeat")
    wait_until(lambda: without.logged("worker started"), "it runs")
    assert number() == 0
    start("--heartbeat-seconds", "0.05")
    wait_until(lambda: number() == 1, "a heartbeat; successes are recorded now and then only")


def test_a_worker_that_waits_is_woken_by_new_work(work: Work, start: Start) -> None:
    # So seldom does it look by itself that only a notification can be why the step ends within the time.
    start("--no-heartbeat", "--poll-seconds", "60")
    idle = "select count(*) from ops_workers where idle"
    for _ in range(5):
        wait_until(lambda: work.conn.execute(idle).fetchall() == [(1,)], "it is idle")
        work.wait_for(work.step("noop"), "succeeded")


def test_a_worker_behind_a_pooler_polls(work: Work, start: Start) -> None:
    start("--pgbouncer", "--poll-seconds", "0.1")
    wait_until(lambda: work.client.conn.execute("select 1 from ops_workers").fetchall(), "it is registered")
    work.wait_for(work.step("noop"), "succeeded")
    assert work.conn.execute("select count(*) from ops_workers where idle").fetchall() == [(0,)]


async def test_a_step_gets_the_results_of_the_steps_it_depends_on(work: Work, drain: Any) -> None:
    seen = []

    @executor("own")
    async def own(ctx: Context) -> Any:
        seen.append(ctx.inputs)
        return {"from": ctx.key}

    work.mission({"key": "a", "kind": "own"}, {"key": "b", "kind": "own", "depends_on": ["a"]})

    await drain(own)

    assert seen == [{}, {"a": {"from": "a"}}]


async def test_only_the_executors_on_offer_are_claimed(work: Work, drain: Any) -> None:
    mine, theirs = work.step("noop"), work.step("other")

    await drain()

    assert work.of(mine, "status") == "succeeded"
    assert work.of(theirs, "(status, attempt)") == ("queued", "0")
