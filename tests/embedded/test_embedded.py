"""The embedded PostgreSQL: starts anywhere, is shared, and is gone afterwards."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest

from opsloop import embedded
from opsloop.errors import DatabaseUnavailable
from support import wait_until

pytestmark = pytest.mark.skipif(
    "OPSLOOP_TEST_DSN" in os.environ or sys.platform == "win32", reason="the tests run on another server"
)

HOLD = """
import sys
from pathlib import Path
from opsloop import embedded
with embedded.server(Path(sys.argv[1]) if len(sys.argv) > 1 else None, settings=embedded.THROWAWAY) as server:
    print(server.dsn(), flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def home():
    """A directory whose path is long and has spaces and a quote in it."""
    # Not pytest's tmp_path, which is closed to the user as whom root runs the server.
    base = Path(tempfile.mkdtemp(prefix="opsloop-test-", dir="/tmp"))
    base.chmod(0o711)
    yield base / ("it's a long path with spaces " * 4) / "data"
    shutil.rmtree(base)


def ask(dsn, query="select 1"):
    with psycopg.connect(dsn) as conn:
        return conn.execute(query).fetchone()[0]


def alive(dsn):
    try:
        ask(dsn)
    except psycopg.OperationalError:
        return False
    return True


def hold(*arguments):
    """A process that uses a server until it is told to end; with the server's dsn."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    return process, process.stdout.readline().strip()


def test_a_directory_keeps_its_data_wherever_it_is(home):
    with embedded.server(home, settings=embedded.THROWAWAY) as server:
        with psycopg.connect(server.dsn()) as conn:
            conn.execute("create table kept as select 42 as answer")
        first = server.dsn()
    assert not alive(first)
    assert not Path(server.host).exists()

    with embedded.server(home, settings=embedded.THROWAWAY) as server:
        assert ask(server.dsn(), "select answer from kept") == 42


def test_without_settings_it_is_as_durable_as_any(home):
    with embedded.server(home) as server:
        assert ask(server.dsn(), "show fsync") == "on"
        assert ask(server.dsn(), "show synchronous_commit") == "on"
        assert ask(server.dsn(), "show listen_addresses") == ""


def test_only_its_own_user_can_reach_the_socket(home):
    with embedded.server(home, settings=embedded.THROWAWAY) as server:
        assert stat.S_IMODE(Path(server.host).stat().st_mode) == 0o700
        assert stat.S_IMODE((home / "pgdata").stat().st_mode) == 0o700


def test_version_16_can_be_had(home):
    with embedded.server(home, version=16, settings=embedded.THROWAWAY) as server:
        assert ask(server.dsn(), "show server_version").startswith("16.")

    with (
        pytest.raises(DatabaseUnavailable, match="holds data of PostgreSQL 16, not 18"),
        embedded.server(home, version=18),
    ):
        pass


def test_the_last_user_to_leave_stops_it(home):
    with embedded.server(home, settings=embedded.THROWAWAY) as server:
        other, dsn = hold(str(home))
        assert dsn == server.dsn()
        ask(dsn)
    assert alive(dsn), "the other process still uses it"

    other.communicate("")
    assert not alive(dsn)


def test_a_killed_user_does_not_keep_it_running(home):
    other, dsn = hold(str(home))
    other.send_signal(signal.SIGKILL)
    other.communicate()

    with embedded.server(home, settings=embedded.THROWAWAY) as server:
        assert server.dsn() == dsn, "it was left running, and is found"
    assert not alive(dsn)


def test_a_temporary_server_goes_when_its_process_is_killed():
    other, dsn = hold()
    home = Path(ask(dsn, "show data_directory")).parent
    other.send_signal(signal.SIGKILL)
    other.communicate()

    wait_until(lambda: not alive(dsn) and not home.exists(), "server and directory are gone")


def test_a_server_that_does_not_start_is_ops_001_with_its_own_words(home):
    with (
        pytest.raises(DatabaseUnavailable, match="did not start") as failed,
        embedded.server(home, settings={"max_connections": "none"}),
    ):
        pass
    assert "max_connections" in failed.value.message
    assert str(home) in failed.value.hint


def test_a_version_that_the_wheel_does_not_hold_is_ops_001(home):
    with (
        pytest.raises(DatabaseUnavailable, match="no embedded PostgreSQL 9"),
        embedded.server(home, version=9),
    ):
        pass


def test_a_missing_extra_is_ops_001_and_says_how_to_install_it(home, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DatabaseUnavailable, match="not installed") as failed, embedded.server(home):
        pass
    assert "opsloop[embedded]" in failed.value.hint
