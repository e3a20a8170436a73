"""Peers are run by their drivers; what fails is reported, and the run goes on."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from databases import Databases
from harness import rounds
from harness.figures import Record
from harness.stage import Stage
from harness.workload import Bench
from peers import PeerFailed, Peers, Unsupported, rate_of
from peers.installing import NotInstalled
from workloads.drain import Drain

MakePeer = Callable[[str], Peers]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where fake peers are installed: their environment is made once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def make(tmp_path: Path, cache: Path) -> MakePeer:
    """Makes a peer named fake out of a driver's source."""

    def make_one(source: str) -> Peers:
        folder = tmp_path / "fake"
        folder.mkdir(exist_ok=True)
        (folder / "driver.py").write_text(source)
        return Peers(tmp_path, cache, patience=20)

    return make_one


def test_the_last_line_counts_and_options_arrive(make: MakePeer) -> None:
    peers = make("import json, sys; print('a log line'); print(json.dumps({'argv': sys.argv[1:]}))")
    said = peers.run("fake", "drain", "postgresql://h/d", n=5, workers=2)
    assert said == {"argv": ["drain", "--dsn", "postgresql://h/d", "--n", "5", "--workers", "2"]}


def test_a_driver_that_fails_is_quoted(make: MakePeer) -> None:
    peers = make("import sys; print('{}'); sys.exit('no such table')")
    with pytest.raises(PeerFailed, match="drain ended with 1: no such table"):
        peers.run("fake", "drain")


@pytest.mark.parametrize("printed", ["", "hello", "[1]"])
def test_a_driver_that_prints_no_object_has_failed(make: MakePeer, printed: str) -> None:
    with pytest.raises(PeerFailed, match="printed no JSON"):
        make(f"print({printed!r})").run("fake", "drain")


def test_a_driver_that_hangs_is_ended(make: MakePeer) -> None:
    peers = make("import time; time.sleep(600)")
    peers.patience = 0.5
    with pytest.raises(PeerFailed, match="did not end within"):
        peers.run("fake", "drain")


def test_what_a_system_cannot_do_is_no_failure(make: MakePeer) -> None:
    with pytest.raises(Unsupported, match="it has no workflows"):
        make('print(\'{"unsupported": "it has no workflows"}\')').run("fake", "sequential")


def test_a_peer_without_a_driver_is_missing(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(NotInstalled, match="no driver for fake"):
        Peers(tmp_path, cache).run("fake", "versions")


def test_a_peer_that_cannot_be_installed_is_missing_and_is_not_tried_again(
    make: MakePeer, tmp_path: Path
) -> None:
    peers = make("print('{}')")
    peers.cache = tmp_path / "cache"
    (tmp_path / "fake/requirements.txt").write_text("--no-index\nnothing-of-that-name==1.0\n")
    for _ in range(2):
        with pytest.raises(NotInstalled, match=r"not installed: .*nothing-of-that-name"):
            peers.run("fake", "versions")
        peers.cache = tmp_path / "a file, if it were tried again"


def test_a_rate_counts_only_when_everything_was_done() -> None:
    assert rate_of({"done": 10, "seconds": 2.0}, 10) == 5
    with pytest.raises(PeerFailed, match="9 of 10"):
        rate_of({"done": 9, "seconds": 2.0}, 10)


def test_a_failed_peer_is_a_line_in_the_results_and_the_next_round_is_run(
    make: MakePeer, databases: Databases
) -> None:
    peers = make(
        "import json, pathlib, sys\n"
        "tried = pathlib.Path(__file__).with_name('tried')\n"
        "if sys.argv[1] == 'drain' and not tried.exists():\n"
        "    tried.touch()\n"
        "    sys.exit('out of luck')\n"
        "n = int(sys.argv[sys.argv.index('--n') + 1]) if '--n' in sys.argv else 0\n"
        "print(json.dumps({'ok': True, 'done': n, 'seconds': 2, 'settings': {'batch': 7}}))\n"
    )
    (peers.root / "fake").rename(peers.root / "pgqueuer")
    stage = Stage(databases.dsn)
    kept: list[Record] = []
    rounds.run(Bench(stage, peers, quick=True), Drain(), 2, {"pgqueuer", "absurd"}, kept.append)
    lines = [json.loads(record.line()) for record in kept]
    assert [(line["system"], line["round"], line.get("value")) for line in lines] == [
        ("pgqueuer", 1, None),
        ("absurd", 1, None),
        ("pgqueuer", 2, 10_000),
    ]
    assert "out of luck" in lines[0]["error"]
    assert lines[1]["error"] == "there is no driver for absurd"
    assert lines[2]["details"]["settings"] == {"batch": 7}
