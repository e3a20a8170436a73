"""`opsloop purge`: what ended long ago goes, is archived or exported, and what was interrupted goes on."""

import hashlib
import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
import zstandard

from cli.commandline import Cli
from looping import Loop, step
from opsloop.cli import exporting

Conn = psycopg.Connection[Any]


@pytest.fixture
def loop(conn: Conn) -> Loop:
    """The loop on this test's database, with three missions that ended a hundred days ago and one of now."""
    made = Loop(conn)
    made.allow()
    for number in range(4):
        made.mission(step("a"), key=f"k{number}")
        (work,) = made.claim()
        made.complete(work, {"n": number})
    made.do("update ops_mission_proposals set counted_at = counted_at - interval '100 days'")
    made.do("delete from ops_cap_counters")
    made.do(
        "update ops_missions m set completed_at = completed_at - interval '100 days',"
        " created_at = created_at - interval '100 days'"
        " where id <> (select n.id from ops_missions n order by n.id desc limit 1)"
    )
    return made


def missions(loop: Loop) -> int:
    """How many there are."""
    return int(loop.value("select count(*) from ops_missions"))


def rows(directory: Path) -> list[dict[str, Any]]:
    """What the files of an export hold, checked against the manifest."""
    manifest = json.loads((directory / exporting.MANIFEST).read_text())
    found = []
    for entry in manifest["files"]:
        data = (directory / entry["file"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == entry["sha256"]
        text = zstandard.ZstdDecompressor().decompressobj().decompress(data).decode()
        lines = [json.loads(line) for line in text.splitlines()]
        assert len(lines) == sum(entry["rows"].values())
        assert entry["state"] == "committed"
        found += lines
    assert {p.name for p in directory.iterdir()} == {
        exporting.MANIFEST,
        *(f["file"] for f in manifest["files"]),
    }
    return found


def test_what_is_older_goes_and_the_rest_stays(cli: Cli, loop: Loop) -> None:
    done = cli("purge", "--older-than", "90d")
    assert (done.code, done.out.splitlines()[0]) == (0, "missions: 3 purged")
    assert missions(loop) == 1
    assert loop.broken() == []
    assert cli("purge", "--older-than", "90d", "--json").json["parts"]["missions"]["purged"] == 0


def test_a_dry_run_says_what_would_go_and_changes_nothing(cli: Cli, loop: Loop) -> None:
    before = loop.contents()
    done = cli("purge", "--older-than", "90d", "--dry-run", "--json")
    assert (done.code, done.json["how"], done.json["parts"]["missions"]["purged"]) == (0, "count", 3)
    assert loop.contents() == before


def test_rows_are_archived(cli: Cli, loop: Loop) -> None:
    assert cli("purge", "--older-than", "90d", "--archive").code == 0
    assert loop.value("select count(*) from ops_mission_steps_archive") == 3


def test_rows_are_exported_whole_before_they_go(cli: Cli, loop: Loop, tmp_path: Path) -> None:
    there = {
        table: loop.rows(f"select to_jsonb(t) as row from {table} t")
        for table in ("ops_missions", "ops_mission_steps", "ops_mission_proposals", "ops_action_runs")
    }
    target = tmp_path / "export"
    done = cli("purge", "--older-than", "90d", "--export", str(target))
    assert (done.code, missions(loop)) == (0, 1)
    exported = rows(target)
    for table, was in there.items():
        kept = loop.rows(f"select to_jsonb(t) as row from {table} t")
        mine = [r["row"] for r in exported if r["table"] == table]
        assert sorted(map(str, mine + [r["row"] for r in kept])) == sorted(str(r["row"]) for r in was)
    # What it was exported to is told of an id that is gone.
    gone = next(r["row"]["id"] for r in exported if r["table"] == "ops_missions")
    refused = cli("explain", gone, "--json")
    assert (refused.code, refused.error["code"]) == (1, "OPS_083")
    assert refused.error["detail"]["batch"].endswith(".jsonl.zst")


def test_where_no_export_can_be_written_nothing_is_purged(cli: Cli, loop: Loop, tmp_path: Path) -> None:
    manifest = {"format": exporting.FORMAT, "schema": "opsloop", "files": []}
    (tmp_path / exporting.MANIFEST).write_text(json.dumps(manifest))
    (tmp_path / "manifest.new").mkdir()
    done = cli("purge", "--older-than", "90d", "--export", str(tmp_path), "--json")
    assert (done.code, done.error["code"], missions(loop)) == (2, "OPS_018", 4)
    assert str(tmp_path) in done.error["message"]


class Crash(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("when", ["before the commit", "after the commit", "before the manifest"])
def test_an_export_that_was_killed_goes_on_and_loses_nothing(
    cli: Cli, loop: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    write, committed, save = exporting.Export.write, exporting.Export.committed, exporting.Export._save

    def dies(*_: Any) -> None:
        raise Crash

    def written_then_dies(self: exporting.Export, *args: Any) -> None:
        write(self, *args)
        raise Crash

    if when == "before the commit":
        monkeypatch.setattr(exporting.Export, "write", written_then_dies)
    elif when == "after the commit":
        monkeypatch.setattr(exporting.Export, "committed", dies)
    else:
        calls = iter([save, dies])
        monkeypatch.setattr(exporting.Export, "_save", lambda self: next(calls)(self))
    with pytest.raises(Crash):
        cli("purge", "--older-than", "90d", "--export", str(tmp_path))
    assert missions(loop) == (1 if when == "after the commit" else 4)
    for name, routine in (("write", write), ("committed", committed), ("_save", save)):
        monkeypatch.setattr(exporting.Export, name, routine)
    assert cli("purge", "--older-than", "90d", "--export", str(tmp_path)).code == 0
    exported = [r["row"]["id"] for r in rows(tmp_path) if r["table"] == "ops_missions"]
    assert (len(exported), len(set(exported)), missions(loop)) == (3, 3, 1)


def test_a_directory_of_something_else_is_refused(cli: Cli, loop: Loop, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    done = cli("purge", "--older-than", "90d", "--export", str(tmp_path))
    assert (done.code, missions(loop)) == (2, 4)
    assert (tmp_path / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize(
    "words",
    [
        ["--older-than", "0d"],
        ["--older-than", "90"],
        ["--older-than", "999999d", "--archive", "--dry-run"],
        ["--older-than", "999999d"],
        [],
    ],
)
def test_a_command_line_that_cannot_be_is_refused(cli: Cli, loop: Loop, words: list[str]) -> None:
    assert cli("purge", *words).code == 2
    assert missions(loop) == 4


def test_what_another_table_refers_to_stays_and_is_told(cli: Cli, loop: Loop) -> None:
    loop.do("create table notes (mission uuid references ops_missions (id))")
    loop.do("insert into notes select id from ops_missions order by id limit 1")
    done = cli("purge", "--older-than", "90d")
    assert done.code == 1
    assert "missions: 2 purged; stayed: 1 not to be removed" in done.out
    assert "notes" in done.out


def test_what_is_locked_stays_and_is_told(cli: Cli, loop: Loop, connect: Any) -> None:
    other = connect()
    with other.transaction():
        other.execute("select from ops_mission_steps order by id limit 1 for update")
        done = cli("purge", "--older-than", "90d")
    assert (done.code, "missions: 2 purged; stayed: 1 locked" in done.out) == (1, True)
    assert cli("purge", "--older-than", "90d").code == 0
    assert missions(loop) == 1
