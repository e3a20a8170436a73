"""Tests of this loop, each on a database of its own, with the executors and the policy of this project."""

from opsloop.testing import Loop


def test_a_disk_is_measured_without_asking_anybody(loop: Loop) -> None:
    mission = loop.propose({"kind": "disk_free", "params": {"path": "/"}})
    loop.run_until_idle()
    loop.assert_succeeded(mission)
    assert 0 <= loop.result(mission)["free_percent"] <= 100


def test_what_is_riskier_waits_for_a_person(loop: Loop) -> None:
    assert loop.propose({"kind": "disk_free"}, risk_level="medium").status == "pending"


def test_a_signal_is_answered_with_a_measurement(loop: Loop) -> None:
    loop.emit("disk:check", {"path": "/"})
    (attempt,) = loop.run_until_idle()
    assert attempt.executor == "disk_free"
