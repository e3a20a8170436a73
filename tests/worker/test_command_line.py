import pytest

from opsloop.cli import run
from worker.working import Work


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--once", "--drain"], "--once and --drain exclude each other"),
        (["--log-level", "loud"], "--log-level must be one of debug, info, warning, error, not 'loud'"),
        (["--executor-concurrency", "http"], "--executor-concurrency must be NAME=N"),
        (["--executor-concurrency", "http=0"], "--executor-concurrency must be NAME=N"),
        (["--executors", "noop,nope,never"], "there is no executor never, nope"),
        (["--app", "no_such_module"], "--app no_such_module: No module named"),
        (["--app", "json"], "holds no executor"),
        (["--batch", "0"], "--batch"),
        (["--concurrency", "many"], "--concurrency"),
    ],
)
def test_a_faulty_command_line_names_the_faulty_part_and_touches_nothing(
    work: Work,
    dsn: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    monkeypatch.setenv("DATABASE_URL", dsn)

    assert run(["worker", *arguments]) == 2

    err = capsys.readouterr().err
    assert "OPS_018" in err
    assert said in err
    assert work.conn.execute("select count(*) from ops_workers").fetchall() == [(0,)]
