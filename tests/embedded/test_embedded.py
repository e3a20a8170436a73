"""The embedded PostgreSQL: starts anywhere, is shared, and is gone afterwards."""

import contextlib
import os
import pwd
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


# Root and the user that it lends the server


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root lends the server a user")


def as_the_servers_user(program, *arguments):
    """What somebody does who has got hold of the server: with its user's rights, and no others."""
    owner = pwd.getpwnam("pgserver")
    done = subprocess.run(
        ["/bin/sh", "-e", "-c", program, "sh", *map(str, arguments)],
        user=owner.pw_uid,
        group=owner.pw_gid,
        extra_groups=[],
        cwd="/",
        check=False,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"]},
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def roots():
    """A directory of root's with a file in it that the server's user knows of."""
    directory = Path(tempfile.mkdtemp(prefix="opsloop-roots-", dir="/tmp"))
    directory.chmod(0o755)
    (directory / "file").write_text("root's own")
    yield directory
    assert (directory / "file").read_text() == "root's own"
    shutil.rmtree(directory)


LINK = 'ln -sfn "$2" "$1"'


@as_root
@pytest.mark.parametrize("name", ["opsloop.conf", "server.log", "sockets", "postgresql.auto.conf"])
def test_root_writes_through_no_link_of_the_servers_user(home, roots, name):
    with embedded.server(home, settings=embedded.THROWAWAY):
        pass
    as_the_servers_user(LINK, home / "pgdata" / name, roots / "file")
    try:
        with embedded.server(home, settings={"work_mem": "5MB"}) as server:
            assert ask(server.dsn(), "show work_mem") == "5MB"
    except DatabaseUnavailable:
        assert name == "postgresql.auto.conf"  # the server reads this one


@as_root
def test_the_servers_user_can_put_nothing_beside_the_data(home):
    with embedded.server(home, settings=embedded.THROWAWAY):
        found = {path.name: path.lstat() for path in home.iterdir()}
    assert home.stat().st_uid == 0
    owner = pwd.getpwnam("pgserver").pw_uid
    assert {name for name, stat_ in found.items() if stat_.st_uid == owner} == {"pgdata", "server.log"}
    assert [name for name, stat_ in found.items() if stat_.st_mode & 0o022] == []


@as_root
def test_root_removes_no_directory_that_the_servers_user_names(home, roots):
    renamed = 'sed "5s|.*|$2|" "$1" >"$1.new"; cat "$1.new" >"$1"'
    with embedded.server(home, settings=embedded.THROWAWAY) as server:
        as_the_servers_user(renamed, home / "pgdata/postmaster.pid", roots)
        with embedded.server(home) as again:
            assert again == server
    assert (roots / "file").exists()
    assert not Path(server.host).exists()


@as_root
def test_root_follows_no_link_in_the_place_of_the_sockets(home, roots):
    replaced = 'mv "$1" "$1-away"; ln -s "$2" "$1"'
    with embedded.server(home, settings=embedded.THROWAWAY) as server:
        as_the_servers_user(replaced, server.host, roots)
    assert (roots / "file").exists()
    Path(server.host).unlink(missing_ok=True)
    shutil.rmtree(f"{server.host}-away", ignore_errors=True)


@as_root
def test_root_quotes_nothing_of_a_file_that_the_servers_user_links_to(home, roots):
    with embedded.server(home, settings=embedded.THROWAWAY):
        pass
    as_the_servers_user(LINK, home / "pgdata/PG_VERSION", roots / "file")
    with (
        pytest.raises(DatabaseUnavailable, match="was not written by initdb") as failed,
        embedded.server(home),
    ):
        pass
    assert "root's own" not in str(failed.value)
    assert (home / "pgdata/base").is_dir(), "nothing was removed either"


@as_root
def test_root_signals_no_process_that_the_servers_user_names():
    other, dsn = hold()
    data = Path(ask(dsn, "show data_directory"))
    server = int((data / "postmaster.pid").read_text().splitlines()[0])
    bystander = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE)
    as_the_servers_user('echo "$2" >"$1"', data / "postmaster.pid", bystander.pid)
    other.send_signal(signal.SIGKILL)
    other.communicate()
    wait_until(lambda: not data.parent.exists(), "the directory is gone")
    assert bystander.poll() is None
    bystander.communicate()
    with contextlib.suppress(ProcessLookupError):
        os.kill(server, signal.SIGQUIT)


@as_root
def test_root_keeps_no_server_where_others_can_write():
    base = Path(tempfile.mkdtemp(prefix="opsloop-test-", dir="/tmp"))
    try:
        base.chmod(0o777)
        for directory in (base, base / "data"):
            with (
                pytest.raises(DatabaseUnavailable, match=f"others can write to {base}"),
                embedded.server(directory),
            ):
                pass
        base.chmod(0o711)
        os.chown(base, pwd.getpwnam("pgserver").pw_uid, -1)
        with pytest.raises(DatabaseUnavailable, match="others can write"), embedded.server(base / "data"):
            pass
    finally:
        shutil.rmtree(base)


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
