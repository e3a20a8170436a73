"""Another commit takes opsloop's turns, too, from its own clone, and is told beside it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from types import ModuleType

import psycopg
import pytest

from databases import Databases
from harness import against, revision, rounds
from harness.figures import Entrant, Figure, Record, Results
from harness.host import Host, HostFailed
from harness.judge import missed
from harness.stage import Stage
from harness.workload import Bench, Turn
from peers import Peers
from peers.installing import NotInstalled
from support import wait_until
from workloads import ALL
from workloads.relay import Relay

DATABASES = "select datname from pg_database where datname like 'opsloop_bench_%'"
REPOSITORY = Path(__file__).parents[2]
OURS, THEIRS = "opsloop", "opsloop@1234567"
WORKLOADS = {workload.name: workload for workload in ALL}


def test_a_run_against_head(
    command: ModuleType, databases: Databases, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = ["--quick", "--only", "enqueue", "--systems", "opsloop", "--rounds", "1", "--against", "HEAD"]
    where = ["--dsn", databases.dsn, "--out", str(tmp_path / "out")]
    assert command.main([*chosen, *where, "--json"], Peers(cache=tmp_path / "cache")) == 0
    head = revision.git(REPOSITORY, "rev-parse", "HEAD")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (other,) = {line["against"] for line in lines if "against" in line}
    assert head.startswith(other.removeprefix("opsloop@"))
    turns = [(line["system"], line["variant"]) for line in lines if "round" in line]
    assert turns == [(OURS, "single"), (other, "single"), (OURS, "bulk"), (other, "bulk")]
    compared = [line for line in lines if "ratio" in line]
    assert [line["variant"] for line in compared] == ["single", "bulk"]
    assert all(line["ratio"] == line["opsloop"] / line["other"] for line in compared)
    machine = json.loads((tmp_path / "out/machine.json").read_text())
    assert machine["against"]["commit"] == head
    assert machine["against"]["packages"]["psycopg"] == machine["packages"]["psycopg"]
    table = (tmp_path / "out/table.md").read_text()
    assert f"## against {other}" in table
    assert table.count(other) == table[table.index("## against") :].count(other)


def test_the_package_is_that_of_the_clone(tmp_path: Path) -> None:
    found = revision.installed(REPOSITORY, "HEAD", tmp_path)
    asked = "import opsloop, opsloop.sqlfiles as s; print(opsloop.__file__); print(s.sql_root())"
    said = subprocess.run(
        [found.python, "-c", asked], check=True, capture_output=True, text=True, cwd=tmp_path
    )
    clone = tmp_path / f"opsloop@{found.commit[:12]}/clone"
    assert said.stdout.split() == [str(clone / "python/opsloop/__init__.py"), str(clone / "sql")]


@pytest.mark.parametrize("rev", ["no-such-revision", "HEAD:pyproject.toml", "--all"])
def test_a_revision_that_git_does_not_know_ends_with_2(
    command: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], rev: str
) -> None:
    assert command.main([f"--against={rev}", "--out", str(tmp_path)], Peers(cache=tmp_path)) == 2
    assert f"--against {rev}: git says: fatal: " in capsys.readouterr().err


def test_a_commit_that_cannot_be_installed_says_why_and_is_tried_again(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    project = '[project]\nname = "opsloop"\nversion = "0"\ndependencies = ["something-else"]\n'
    (repository / "pyproject.toml").write_text(
        f'{project}[build-system]\nrequires = []\nbuild-backend = "gone"\n'
    )
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    revision.git(repository, "init", "--quiet")
    revision.git(repository, "add", ".")
    revision.git(repository, *identity, "commit", "--quiet", "--message", "m")
    (repository / "pyproject.toml").write_text(project.replace("something-else", "another"))
    for _ in range(2):
        with pytest.raises(NotInstalled, match=r"not installed: .*gone"):
            revision.installed(repository, "HEAD", tmp_path / "cache")


def test_against_a_commit_without_opsloop_itself_cannot_be(command: ModuleType) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(["--against", "HEAD", "--systems", "awa"])
    assert ended.value.code == 2


def test_both_commits_take_adjacent_turns_and_each_goes_first_in_every_second_round() -> None:
    a, b = ((Entrant(OURS, v), Entrant(THEIRS, v)) for v in "ab")
    alone = (Entrant("peer"),)
    assert rounds.order([a, alone, b], 1) == [*a, *alone, *b]
    assert rounds.order([a, alone, b], 2) == [*alone, b[1], b[0], a[1], a[0]]
    assert rounds.order([a, alone, b], 3) == [*b, *a, *alone]


class FakeHost(Host):
    """A host whose figures are given; what it is unable to do is `prepare`, or the turns of a variant."""

    def __init__(self, system: str, value: float, unable: str = "") -> None:
        self.system, self._value, self._unable = system, value, unable

    @contextmanager
    def prepared(self, workload: str) -> Iterator[Host]:
        if self._unable == "prepare":
            raise HostFailed("UndefinedTable: it has no such table")
        yield self

    def turn(self, entrant: Entrant) -> list[Figure]:
        if self._unable == entrant.variant:
            raise HostFailed("AssertionError: it has no such command")
        return [Figure("rate", self._value, "deliveries/s")]


class OnlyByHosts(Relay):
    """Would fail if it were prepared in this process, too."""

    @contextmanager
    def prepared(self, bench: Bench) -> Iterator[Turn]:
        raise AssertionError("prepared twice")
        yield


def taken(unable: str = "") -> Results:
    """Two rounds of the relay against a commit that is unable to do something."""
    found = Results()
    both = (FakeHost(OURS, 30), FakeHost(THEIRS, 20, unable))
    bench = Bench(Stage("host=/nowhere"), Peers(), hosts=both)
    rounds.run(bench, OnlyByHosts(), 2, [OURS], found.records.append)
    return found


def test_what_opsloop_itself_does_nothing_in_is_not_compared() -> None:
    assert [str(record.entrant) for record in taken().records] == [
        "opsloop/relay",
        f"{THEIRS}/relay",
        *("opsloop/bare loop", "opsloop/aiohttp loop") * 2,
        f"{THEIRS}/relay",
        "opsloop/relay",
    ]


@pytest.mark.parametrize(
    ("unable", "failed", "error"),
    [
        ("relay", f"{THEIRS}/relay", "AssertionError: it has no such command"),
        ("prepare", f"{THEIRS}/preparation", "UndefinedTable: it has no such table"),
    ],
)
def test_what_the_other_commit_cannot_do_is_named_and_the_rest_goes_on(
    unable: str, failed: str, error: str
) -> None:
    found = taken(unable)
    assert {(str(record.entrant), record.error) for record in found.records if record.error} == {
        (failed, error)
    }
    assert list(found.by_round("relay", "rate", Entrant(OURS, "relay"))) == [1, 2]
    assert not missed(found.without(THEIRS), [])
    table = against.render(found, against.compare(found, THEIRS, WORKLOADS), THEIRS, "")
    assert f"- relay: {failed}: FAILED: {error}" in table


def compared(workload: str, ours: list[float], theirs: list[float]) -> str:
    """The table of two commits with a figure in each round."""
    found = Results(
        Record(workload, system, "", n, "p50", value, "ms")
        for system, values in ((OURS, ours), (THEIRS, theirs))
        for n, value in enumerate(values, 1)
    )
    comparisons = against.compare(found, THEIRS, WORKLOADS)
    return against.render(found, comparisons, THEIRS, "opsloop is dirty.")


def test_the_ratio_told_is_the_median_of_the_rounds_with_the_lowest_and_the_highest() -> None:
    # Each round by itself: 0.5, 3, 2. Ratio of the medians: 20 / 10 = 2, of the means: 60 / 40.
    table = compared("drain", [10, 30, 24], [20, 10, 12])
    *_, row = table.splitlines()
    assert [cell.strip() for cell in row.split("|")] == [
        "",
        "drain",
        "p50, ms",
        "24",
        "12",
        "2",
        "0.5",
        "3",
        "3",
        "",
    ]
    assert "opsloop is dirty." in table


def test_where_less_is_better_the_table_says_so() -> None:
    assert "p50, ms (less is better)" in compared("latency", [1], [2])
    assert "less is better" not in compared("drain", [1], [2])


@contextmanager
def own_host(databases: Databases) -> Iterator[Host]:
    """A host of this tree; it leaves no database behind."""
    with psycopg.connect(databases.dsn, autocommit=True) as conn:
        before = conn.execute(DATABASES).fetchall()
        with closing(Host(OURS, Path(sys.executable), Stage(databases.dsn), True)) as host:
            host.begin()
            yield host
        assert conn.execute(DATABASES).fetchall() == before


def test_a_host_says_what_fails_and_serves_on(databases: Databases) -> None:
    with own_host(databases) as host:
        with (
            pytest.raises(HostFailed, match="KeyError: 'no such workload'"),
            host.prepared("no such workload"),
        ):
            pass
        with host.prepared("workers"), pytest.raises(HostFailed, match=r"ValueError: .*no such number"):
            host.turn(Entrant(OURS, "no such number"))
        with host.prepared("enqueue"):
            (figure,) = host.turn(Entrant(OURS, "single"))
        assert figure.value > 0


def test_a_host_that_is_at_work_is_ended_and_still_drops_its_databases(databases: Databases) -> None:
    with (
        ThreadPoolExecutor() as threads,
        own_host(databases) as host,
        psycopg.connect(databases.dsn, autocommit=True) as conn,
        host.prepared("workers"),
    ):
        turn = threads.submit(host.turn, Entrant(OURS, "2"))
        made = f"{DATABASES} and datname ~ 'workers$'"
        wait_until(lambda: conn.execute(made).fetchone(), "the turn has a database")
        host.close()
        with pytest.raises(HostFailed, match="has ended with 143"):
            turn.result()
