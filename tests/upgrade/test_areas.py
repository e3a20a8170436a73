"""An area of sql/code calls only areas that stand before it in sql/code.sql."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from opsloop import sqlfiles

SQL = sqlfiles.sql_root()
ROOT = Path(__file__).parents[2]
FILES = {path.stem: path for path in (SQL / "code").glob("*/*.sql")}
AREAS = re.findall(r"^-- (\w+): ", (SQL / "code.sql").read_text(), re.MULTILINE)

#: Calls to a later area, each with its reason.
UPWARD = {
    # The kill switch and its end take leases back in the same call; what runs is known to `steps` alone.
    ("fn_kill_switch", "_revoke_leases"),
    ("fn_resume", "_revoke_leases"),
    ("_duty_control", "_revoke_leases"),
    # A step that cannot be parked or queued again is failed alone, by the one routine that finds it in its batch.
    ("fn_pause", "_recover_each"),
    ("_resume_steps", "_recover_each"),
    ("_park_front", "_recover_each"),
    # Who must agree to a change of policy that lets more run is asked like every other seat.
    ("fn_set_policy", "_assert_agreed"),
    ("_ops_policy_changed", "_assert_agreed"),
    # Policy bounds the lanes. Only a lane that is missing, which is seldom, has the limit read.
    ("_ensure_lanes", "_size_limits"),
}


def calls(path):
    """Names of the routines that the code of a file calls; comments and texts apart."""
    code = re.sub(r"--[^\n]*", "", path.read_text())
    code = re.sub(r"'(?:[^']|'')*'", "", code)
    return {name for name in re.findall(r"\b(_[a-z0-9_]+|fn_[a-z0-9_]+)\s*\(", code) if name in FILES} - {
        path.stem
    }


def test_an_area_calls_only_areas_before_it():
    place = {name: AREAS.index(path.parent.name) for name, path in FILES.items()}
    upward = {
        (name, called)
        for name, path in FILES.items()
        for called in calls(path)
        if place[called] > place[name]
    }
    assert upward == UPWARD


def test_the_calls_of_a_routine_are_found_in_its_code_only(tmp_path):
    file = tmp_path / "fn_example.sql"
    file.write_text(
        "-- _policy() in a comment\nselect _now(), 'select fn_heartbeat();' || _digest ('{}') from fn_inbox();\n"
    )
    assert calls(file) == {"_now", "_digest", "fn_inbox"}


def test_every_area_has_the_same_name_in_code_tests_and_the_table_of_contents():
    folders = {path.name for path in (SQL / "code").iterdir()}
    tests = {path.name for path in (ROOT / "tests" / "routines").iterdir() if any(path.glob("test_*.py"))}
    assert sorted(AREAS) == sorted(folders)
    assert folders - tests == set()
    assert tests - folders == set()


@pytest.mark.parametrize("change", ["gone", "twice", "missing"])
def test_the_table_of_contents_is_kept_complete_and_its_order_as_it_was(tmp_path, change):
    copy = tmp_path / "tree"
    (copy / "tools").mkdir(parents=True)
    (copy / "tools" / "code_toc.py").write_text((ROOT / "tools" / "code_toc.py").read_text())
    for name in ("fn_b", "_a", "_c"):
        file = copy / "sql" / "code" / "one" / f"{name}.sql"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
    good = "-- one: an area\n\\ir code/one/fn_b.sql\n\\ir code/one/_a.sql\n\\ir code/one/_c.sql\n\n\\ir grants.sql\n"
    toc = copy / "sql" / "code.sql"
    wrong = {
        "gone": good.replace("\\ir code/one/_a.sql\n", "\\ir code/one/_a.sql\n\\ir code/one/_d.sql\n"),
        "twice": good.replace("_c.sql\n", "_c.sql\n\\ir code/one/_a.sql\n"),
        "missing": good.replace("\\ir code/one/_c.sql\n", ""),
    }
    toc.write_text(wrong[change])

    def tool(*args):
        command = [sys.executable, copy / "tools" / "code_toc.py", *args]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert tool("--check").returncode == 1
    assert tool().returncode == 0
    assert toc.read_text() == good
    assert tool("--check").returncode == 0
