import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from support import wait_until
from worker.working import Process, Work

Start = Callable[..., Process]

LEASE_SECONDS = 3.0


@pytest.fixture
def short_leases(work: Work) -> None:
    work.set_policy("worker_policy", lease_minutes=LEASE_SECONDS / 60)


@pytest.mark.usefixtures("short_leases")
def test_what_a_killed_worker_held_is_finished_by_another_within_lease_and_two_seconds(
    work: Work, start: Start, tmp_path: Path
) -> None:
    gate = tmp_path / "open"
    steps = [work.step("own", {"until": str(gate)}) for _ in range(50)]
    steps += [work.step("noop", {"sleep_seconds": 0.01}) for _ in range(200)]
    victim = start("--app", "handlers", "--batch", "20", "--no-heartbeat")
    wait_until(lambda: work.statuses().get("succeeded", 0) >= 20, "it is in the middle of things")
    other = start("--app", "handlers", "--heartbeat-seconds", "0.1", "--executors", "noop,own")
    wait_until(lambda: other.logged("worker started"), "the other one runs")

    victim.signal(signal.SIGKILL)
    killed = time.monotonic()
    gate.touch()
    wait_until(lambda: work.statuses() == {"succeeded": 250}, "all are finished", LEASE_SECONDS + 2)

    assert time.monotonic() - killed <= LEASE_SECONDS + 2
    accepted = "select step_id from ops_action_runs where status = 'succeeded' group by 1 having count(*) > 1"
    assert work.conn.execute(accepted).fetchall() == []
    assert {work.of(step, "failure_count") for step in steps} <= {0, 1}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_what_runs_finish(
    work: Work, start: Start, tmp_path: Path, number: signal.Signals
) -> None:
    gate = tmp_path / "open"
    step = work.step("own", {"until": str(gate)})
    worker = start("--app", "handlers")
    work.wait_for(step, "running")

    worker.signal(number)
    wait_until(lambda: worker.logged("finishing"), "it was told")
    late = work.step("noop")
    gate.touch()

    assert worker.end()[0] == 0
    assert work.of(step, "(status, result ->> 'attempt')") == ("succeeded", "1")
    assert work.of(late, "status") == "queued"
    assert work.conn.execute("select stopped_at is not null from ops_workers").fetchall() == [(True,)]


def test_what_does_not_finish_within_the_grace_period_is_given_back(
    work: Work, start: Start, tmp_path: Path
) -> None:
    step = work.step("own", {"until": str(tmp_path / "never")})
    worker = start("--app", "handlers", "--grace", "0.2")
    work.wait_for(step, "running")

    worker.signal(signal.SIGTERM)

    assert worker.end()[0] == 0
    assert work.of(step, "(status, failure_count)") == ("queued", "0")
    assert work.runs(step) == ["released"]


def test_a_second_signal_ends_the_grace_period(work: Work, start: Start, tmp_path: Path) -> None:
    step = work.step("own", {"until": str(tmp_path / "never")})
    worker = start("--app", "handlers", "--grace", "3600")
    work.wait_for(step, "running")

    worker.signal(signal.SIGTERM)
    wait_until(lambda: worker.logged("finishing"), "it was told once")
    worker.signal(signal.SIGTERM)

    assert worker.end()[0] == 130
    assert work.of(step, "status") == "queued"


@pytest.mark.parametrize("executor", ["other", "unknown"])
def test_a_handler_that_does_not_listen_cannot_keep_the_worker_alive(
    work: Work, start: Start, tmp_path: Path, executor: str
) -> None:
    step = work.step(executor, {"started": str(tmp_path / "started"), "until": str(tmp_path / "never")})
    worker = start("--app", "handlers", "--grace", "0.2")
    wait_until((tmp_path / "started").exists, "it runs")

    worker.signal(signal.SIGTERM)

    assert worker.end()[0] == 0
    assert work.of(step, "status") == "waiting"
    assert "outcome unknown" in work.of(step, "wait_reason")


def test_a_command_is_ended_with_its_children_at_its_deadline(
    work: Work, start: Start, tmp_path: Path
) -> None:
    child = tmp_path / "child"
    script = f"sleep 1000 & echo $! > {child}.new; mv {child}.new {child}; wait"
    work.set_policy("worker_policy", command_allow=[["/bin/sh", "-c", "*"]])
    step = work.step("command", {"argv": ["/bin/sh", "-c", script]}, timeout_seconds=1, max_retries=1)
    start()
    wait_until(child.exists, "the child of the command runs")
    pid = int(child.read_text())

    work.wait_for(step, "failed")

    assert "its deadline passed" in work.of(step, "last_error")
    wait_until(lambda: not alive(pid), "the child is gone", 3)


def alive(pid: int) -> bool:
    """Whether a process lives; one that is dead but not collected by its parent yet does not."""
    try:
        os.kill(pid, 0)
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False
