"""tools/sql_lint.py finds what house style forbids in SQL files, and nothing else."""

import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools/sql_lint.py"


def lint(file: Path, text: str) -> tuple[int, list[str]]:
    file.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, TOOL, file],
        capture_output=True,
        encoding="utf-8",
        check=False,
        env={"PYTHONUTF8": "1"},
    )
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (f"select 1;\n-- {'x' * 118}\n", 2, "121 columns"),
        (f"select '{'x' * 110}';\n", None, ""),
        ("select 1\n  FROM t;\n", 2, "FROM: keywords are in lower case"),
        ("select 'it''s ALL' as \"ALL\"; -- SKIP LOCKED\n", None, ""),
        ("as $$\nbegin\n  RETURN 1;\nend;\n$$;\n", 3, "RETURN"),
        ("select $json$ {\"a\": \"NOT SQL\"} $json$;\n", None, ""),
        ("-- What's this?\nselect 1 -- isn't it\n FROM t;\n", 3, "FROM"),
        ("-- Locked first, as in _lock_missions_of.\n", 1, "as in _lock_missions_of"),
        ("select 1; -- see _take_ready\n", 1, "see _take_ready"),
        ("-- The list given twice, as _accept_results says.\n", 1, "as _accept_results says"),
        ("select 'see _take_ready';\n", None, ""),
        ("-- These steps are taken for ten.\n", 1, "taken for"),
        ("-- They are taken forward, and a walk overseas.\n", None, ""),
        ("-- It would walk over all steps.\n", 1, "walk over"),
        ("-- Found by their places.\n", 1, "by their places"),
        ("-- The place of a placeholder, in place.\n", None, ""),
        ("/* a\n * walks over it\n */ select 1;\n", 2, "walks over"),
    ],
)  # fmt: skip
def test_it_finds(tmp_path: Path, text: str, line: int | None, words: str) -> None:
    file = tmp_path / "x.sql"
    code, found = lint(file, text)
    if line is None:
        assert (code, found) == (0, [])
    else:
        assert code == 1
        (only,) = found
        assert only.startswith(f"{file}:{line}: ")
        assert words in only
