"""Every workload that needs nothing but opsloop, in very small: that it measures what it says and verifies it."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from databases import Databases
from harness import engine, rounds
from harness.figures import Entrant, Record
from harness.stage import Stage
from harness.workload import Bench, Workload
from opsloop.client import Client
from peers import Peers
from workloads import ALL
from workloads.commands import COMMANDS
from workloads.fanout import fan
from workloads.sequential import chain

BY_NAME = {workload.name: workload for workload in ALL}


class Tiny(Bench):
    """Circumstances in which everything is small."""

    def size(self, full: int, quick: int) -> int:
        """Seconds become one, a few become fewer, numbers some hundreds."""
        return 1 if quick <= 10 else 5 if quick < 100 else 200


@pytest.fixture(scope="module")
def stage(databases: Databases) -> Iterator[Stage]:
    """The tests' own server, with opsloop in the benchmark's template."""
    found = Stage(databases.dsn)
    with engine.installed(found):
        yield found


def run(stage: Stage, name: str, *variants: str) -> list[Record]:
    """One round of some variants of a workload; nothing may fail."""
    kept: list[Record] = []
    chosen = BY_NAME[name]

    class Some(type(chosen)):  # type: ignore[misc]
        def entrants(self, quick: bool = False) -> list[Entrant]:
            return [Entrant("opsloop", variant) for variant in variants]

    workload: Workload = Some()
    rounds.run(Tiny(stage, Peers(Path("/nowhere"))), workload, 1, None, kept.append)
    assert [record.error for record in kept if record.error] == []
    return kept


@pytest.mark.parametrize(
    ("name", "variant", "metrics"),
    [
        ("drain", "", {"rate"}),
        ("latency", "", {"p50", "p95", "p99"}),
        ("loop", "batch held", {"rate"}),
        ("backlog", "large", {"rate"}),
        ("relay", "relay", {"rate"}),
        ("relay", "bare loop", {"rate"}),
        ("relay", "aiohttp loop", {"rate"}),
        ("http", "", {"rate"}),
        ("transitions", "transition", {"p50", "rate"}),
        ("transitions", "by hand", {"p50", "rate"}),
        ("transitions", "26 gates", {"p50"}),
        ("transitions", "idempotent hit", {"p50"}),
        ("dryrun", "unchanged", {"seconds"}),
        ("dryrun", "changed", {"seconds"}),
        ("commands", "finished missions", set(COMMANDS)),
        ("waits", "none", {"heartbeat", "rate"}),
        ("waits", "waiting", {"heartbeat", "rate", "freed"}),
        ("workers", "2", {"rate", "deadlocks", "serialization failures"}),
    ],
)
def test_a_workload_gives_its_figures(stage: Stage, name: str, variant: str, metrics: set[str]) -> None:
    kept = run(stage, name, variant)
    assert {record.metric for record in kept} == metrics
    assert all(record.value > 0 for record in kept if record.metric in ("rate", "p50"))


@pytest.mark.parametrize("system", ["floor_rows", "floor_batched", "floor_kept"])
def test_the_floor_is_measured(stage: Stage, system: str) -> None:
    kept: list[Record] = []

    class Floor(type(BY_NAME["drain"])):  # type: ignore[misc]
        def entrants(self, quick: bool = False) -> list[Entrant]:
            return [Entrant(system)]

    rounds.run(Tiny(stage, Peers(Path("/nowhere"))), Floor(), 1, None, kept.append)
    assert [(record.metric, record.error) for record in kept] == [("rate", None)]
    assert kept[0].value > 0


def test_what_an_open_transaction_had_enqueued_is_done_after_it(stage: Stage) -> None:
    (record,) = run(stage, "holds", "enqueuer")
    # The stock, what was fed, and the ten of the open transaction; that they were all done is verified inside.
    assert record.details["fed"] >= 210
    assert record.details["fed"] % 10 == 0


def test_the_cost_of_a_step_is_counted(stage: Stage) -> None:
    figures = {record.metric: record for record in run(stage, "cost", "")}
    assert figures["drain: WAL"].value > 100
    assert figures["drain: rows written"].value >= 3
    assert figures["drain: calls"].details["fn_claim_steps"] >= 1


def test_what_a_mission_leaves_is_told_table_by_table(stage: Stage) -> None:
    figures = {record.metric: record.value for record in run(stage, "bytes", "")}
    tables = {name: value for name, value in figures.items() if name.startswith("disk: ")}
    assert figures["WAL"] > 500
    assert "disk: ops_mission_steps" in tables
    assert abs(sum(tables.values()) - figures["disk"]) < len(tables) + 50


def test_a_purge_beside_a_drain_is_measured_and_killed_once(stage: Stage) -> None:
    figures = {record.metric: record for record in run(stage, "retention", "")}
    assert figures["lock waits"].value == 0
    assert figures["purged"].value > 0


def test_a_worker_that_is_asleep_costs_next_to_nothing(stage: Stage) -> None:
    awake, asleep = (
        {record.metric: record.value for record in run(stage, "idle", variant)} for variant in ("", "asleep")
    )
    assert (awake["connections"], asleep["connections"]) == (4, 1)
    assert asleep["transactions"] < 0.5 < 1 < awake["transactions"]


def test_finished_rows_are_a_sound_history(stage: Stage) -> None:
    from workloads import beside, loop

    with stage.database("sound", engine.TEMPLATE) as dsn:
        loop.loops(dsn, 20)
        with engine.connect(dsn) as conn:
            made = beside.multiply(conn, 1_000)
            assert 800 < made < 1_200
            assert engine.number(conn, "select count(*) from ops_mission_steps") > 80
            assert conn.execute("select * from fn_check_invariants()").fetchall() == []


def test_what_was_not_done_is_noticed(stage: Stage) -> None:
    with stage.database("undone", engine.TEMPLATE) as dsn:
        engine.propose(dsn, [engine.NOOP] * 3)
        with pytest.raises(AssertionError, match="not everything was done exactly once"):
            engine.seconds_of_work(dsn, 3, 3)


def test_what_policy_does_not_approve_is_noticed(stage: Stage) -> None:
    with stage.database("refused", engine.TEMPLATE) as dsn, engine.connect(dsn) as conn:
        refused = {"title": "t", "steps": [{"kind": "http", "params": {"url": "https://example.com"}}]}
        with pytest.raises(AssertionError, match="not approved"):
            engine.propose_batch(Client(conn), [refused])


def test_a_chain_and_a_fan_are_what_they_are_called() -> None:
    assert [step.get("depends_on") for step in chain(3)["steps"]] == [None, ["s0"], ["s1"]]
    first, *middle, last = fan(4)["steps"]
    assert [step["depends_on"] for step in middle] == [["first"]] * 4
    assert ("depends_on" in first, len(last["depends_on"])) == (False, 4)


def test_a_run_writes_lines_tables_and_the_machine(
    command: ModuleType, databases: Databases, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dsn = databases.dsn
    chosen = ["--quick", "--only", "enqueue", "--systems", "opsloop", "--dsn", dsn, "--out", str(tmp_path)]
    assert command.main(chosen) == 0
    printed = capsys.readouterr()
    lines = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert {(line["variant"], line["unit"]) for line in lines} == {("single", "jobs/s"), ("bulk", "jobs/s")}
    assert (tmp_path / "table.md").read_text() in printed.out
    assert "bulk enqueue / pg-boss" in printed.out
    assert "not judged" in printed.out
    assert "enqueue opsloop/bulk (round 1)" in printed.err
    machine = json.loads((tmp_path / "machine.json").read_text())
    assert {"cpu", "cores", "memory", "kernel", "postgresql", "settings", "load_before", "commit"} <= set(
        machine
    )


@pytest.mark.parametrize(
    "wrong", [["--only", "drains"], ["--systems", "oops"], ["--rounds", "0"], ["--what"]]
)
def test_a_command_line_that_cannot_be_used_ends_with_2(command: ModuleType, wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(wrong)
    assert ended.value.code == 2


def test_a_server_that_cannot_be_reached_ends_with_2(command: ModuleType, tmp_path: Path) -> None:
    assert command.main(["--dsn", "host=/nowhere dbname=x", "--out", str(tmp_path)]) == 2
