"""The runbook of migration 022: the second part of docs/runbooks.md has all its commands, and they run."""

import hashlib
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from docs.documents import ROOT, environment
from opsloop import migrate
from opsloop.client import Client

PAGE = ROOT / "docs/runbooks.md"
#: The users' document, which lies beside the repository where it is developed.
THEIRS = ROOT.parent / "shared/runbooks/003_712a35bc4eaa5b53.txt"
#: sha256 of each of its commands and statements (`commands`), sorted: what the page must have.
DIGESTS = (Path(__file__).parent / "migration_022.sha256").read_text(encoding="utf-8").split()

#: The contract, as programs written for migration 022 have these names: not read from the code.
FUNCTIONS = [
    "acquire_lock", "archive_dead_letter", "claim_outbox_events", "cleanup_expired_locks", "complete_outbox_event",
    "extend_lock", "publish_outbox", "record_replay", "release_lock",
]  # fmt: skip
TABLES = ["dead_letter_archive", "distributed_locks", "outbox", "replay_log"]
_FENCE = re.compile(r"^```(\w+)(?: (\w+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands(language: str, text: str) -> list[str]:
    """The single commands of a block, without comments, each on one line."""
    comment = "--" if language == "sql" else "#"
    lines = [line for line in text.splitlines() if not line.startswith(comment)]
    whole = "\n".join(line if line.strip() else "" for line in lines)
    parts = whole.split(";\n") if language == "sql" else re.split(r"(?<!\\)\n", whole)
    return [" ".join(part.replace("\\\n", " ").split()).rstrip("; ") for part in parts if part.strip()]


def digests(found: list[str]) -> set[str]:
    """How commands are remembered."""
    return {hashlib.sha256(one.encode()).hexdigest() for one in found}


class Part:
    """The second part of the page, or one section of it."""

    def __init__(self, text: str) -> None:
        self.text = text

    def section(self, heading: str) -> "Part":
        """One of its sections."""
        return Part(self.text.split(f"\n## {heading}\n", 1)[1].split("\n## ")[0])

    def blocks(self, *about: str) -> list[tuple[str, str]]:
        """Language and text of its blocks that are of this kind."""
        return [(lang, text) for lang, kind, text in _FENCE.findall(self.text) if kind in about]

    def printed(self) -> list[str]:
        """The commands of its blocks as printed."""
        return [one for language, text in self.blocks("printed") for one in commands(language, text)]

    def named(self) -> dict[str, str]:
        """What it names as code in its sentences, each with the paragraph."""
        paragraphs = _FENCE.sub("", self.text).split("\n\n")
        return {" ".join(code.split()): one for one in paragraphs for code in re.findall(r"`([^`]+)`", one)}


@pytest.fixture(scope="module")
def part() -> Part:
    return Part(
        "# The runbook of migration 022"
        + PAGE.read_text(encoding="utf-8")
        .split("\n# The runbook of migration 022")[1]
        .split("\n# The hardening runbook")[0]
    )


def test_the_page_has_every_command_of_the_runbook_as_a_block_or_as_superseded(part: Part) -> None:
    if THEIRS.exists():
        theirs = [
            one
            for language, _, text in _FENCE.findall(THEIRS.read_text(encoding="utf-8"))
            for one in commands(language, text)
        ]
        assert len(theirs) > 35
        assert digests(theirs) == set(DIGESTS), "the runbook has changed, and with it what the page must have"
    superseded = [code for code, paragraph in part.named().items() if "superseded" in paragraph]
    assert set(DIGESTS) <= digests(part.printed()) | digests(superseded)
    assert digests(part.printed()) <= set(DIGESTS), "what the page calls printed is printed there"


def test_every_block_says_what_it_is(part: Part) -> None:
    kinds = {(language, kind) for language, kind, _ in _FENCE.findall(part.text)}
    assert kinds == {(lang, kind) for lang in ("sh", "sql") for kind in ("printed", "translated")} | {
        ("yaml", "alerts")
    }


class Shell:
    """bash and psql as the runbook takes them for granted, on one installation."""

    def __init__(self, dsn: str, schema: str, programs: Path, home: Path) -> None:
        given = conninfo_to_dict(dsn)
        self.env = {
            **environment(dsn, programs, home),
            "OPSLOOP_SCHEMA": schema,
            "PGHOST": str(given["host"]),
            "PGPORT": str(given["port"]),
            "PGUSER": str(given["user"]),
            "PGDATABASE": str(given["dbname"]),
            "PGPASSWORD": str(given.get("password", "")),
            "PGOPTIONS": f"-c search_path={schema}",
            "HOME": str(home),
        }
        self.home = home
        self.conn = psycopg.connect(dsn, autocommit=True, options=f"-c search_path={schema}")
        self.client = Client(self.conn, schema)

    def __call__(self, language: str, text: str) -> str:
        """Runs a block, with the directory of the test for /tmp; it must succeed and print no error."""
        program = ["bash", "-e"] if language == "sh" else ["psql", "--no-psqlrc", "--set=ON_ERROR_STOP=1"]
        done = subprocess.run(
            program,
            input=text.replace("/tmp/", f"{self.home}/"),
            env=self.env,
            cwd=self.home,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), f"{text}\n{done.stdout}{done.stderr}"
        return done.stdout

    def query(self, text: str) -> list[str]:
        """The lines of a single-column result, without frame."""
        return [line.strip() for line in self("sh", text).splitlines()[2:-2]]


@pytest.fixture(params=["opsloop", "public"])
def shell(request: Any, empty_dsn: str, programs: Path, tmp_path: Path) -> Iterator[Shell]:
    """A fresh installation."""
    migrate.migrate(empty_dsn, request.param)
    migrate.seed(empty_dsn, request.param)
    made = Shell(empty_dsn, request.param, programs, tmp_path)
    yield made
    made.conn.close()


def test_everything_runs_from_the_first_command_to_the_last(part: Part, shell: Shell) -> None:
    def run(heading: str) -> list[str]:
        return [
            shell(*block) for block in part.section(heading).blocks("printed", "translated") if block != dump
        ]

    (dump,) = (block for block in part.blocks("printed") if "pg_dump" in block[1])
    before = run("Before the layer is laid")
    assert "(0 rows)" in before[1]
    assert "(1 row)" in before[2]
    assert shell.client.list_pauses()
    laid = run("Laying the layer")
    assert "m10_recovery is installed over schema" in laid[1]
    assert [line.strip() for line in laid[3].splitlines()[2:-2]] == TABLES
    shell(*dump)  # which wants a schema to dump
    assert (
        "CREATE VIEW m10_recovery.outbox" in next(shell.home.glob("m10_recovery_pre_022_*.sql")).read_text()
    )
    run("Verifying the layer")
    assert not shell.client.list_pauses()

    run("Watching locks, replays and the outbox")
    shell.client.publish_outbox("order", "1", "paid", {})
    shell.client.acquire_lock("stuck:lock", "gone", 1)
    shell.conn.execute("update distributed_locks set expires_at = now() - interval '1 s'")
    shell.client.record_replay("msg-1")
    shell.client.record_replay("msg-1")
    locks, replays, outbox = run("When locks, replays or the outbox trouble you")
    assert "DELETE 1" in locks
    assert "msg-1" in replays.split("original_msg_id | count")[0]
    assert "(0 rows)" in replays.split("original_msg_id | count")[1]
    assert "paid" in outbox

    gone = run("Taking the layer back")
    assert "not installed" in gone[0]
    assert "(0 rows)" in gone[1]
    assert shell.conn.execute("select count(*) from replay_log").fetchone() == (1,)


def test_the_verification_section_prints_what_the_runbook_expects(part: Part, shell: Shell) -> None:
    shell("sh", "opsloop compat install m10_recovery")
    section = part.section("Verifying the layer")
    printed = section.printed()
    assert len(printed) == 8
    assert digests(printed) <= set(DIGESTS), "without a letter changed"
    for table, command in zip(
        ["distributed_locks", "replay_log", "dead_letter_archive", "outbox"], printed, strict=False
    ):
        assert f'View "m10_recovery.{table}"' in shell("sh", command)
    assert shell.query(printed[4]) == FUNCTIONS
    for command in printed[5:]:
        assert shell.query(command) == ["t"]


def test_the_thresholds_are_those_of_the_metrics(part: Part, conn: psycopg.Connection[Any]) -> None:
    section = part.section("Watching locks, replays and the outbox").text
    documented = {
        name: (int(number) if number else None, per or None)
        for name, number, per in re.findall(
            r"^\| `(m10_\w+)` \| (\d*)(?: a (\w+))? ?\|", section, re.MULTILINE
        )
    }
    there = {
        m.name: (m.alert_above, m.alert_per) for m in Client(conn).metrics() if m.name.startswith("m10_")
    }
    assert documented == there

    alerts = {
        name: (int(number), "minute" if increase else None)
        for increase, name, number in re.findall(
            r"expr: (increase\()?(m10_\w+?)(?:\[1m\]\))? > (\d+)$", section, re.MULTILINE
        )
    }
    assert alerts == {name: alert for name, alert in there.items() if alert[0] is not None}
