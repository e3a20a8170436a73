"""The commands and the program of README.md, on a real database."""

import subprocess

from docs.documents import ROOT, blocks, environment

DOCUMENT = "README.md"


def test_the_first_screen_has_the_two_commands():
    first_screen = (ROOT / DOCUMENT).read_text(encoding="utf-8").splitlines()[:25]
    assert [line.split("#")[0].strip() for line in first_screen if line.startswith("make ")] == [
        "make demo",
        "make test",
    ]


def test_use_it_takes_five_lines(empty_dsn, programs, tmp_path):
    _, use = (block.text.splitlines() for block in blocks(DOCUMENT) if block.language == "sh")
    assert len(use) == 5
    here = [line for line in use if not line.startswith(("pip ", "export "))]
    done = subprocess.run(
        ["bash", "-e"],
        input="\n".join(here),
        env=environment(empty_dsn, programs, tmp_path),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "1 steps run: 1 accepted" in done.stdout


def test_the_program_emits_with_its_own_transaction(conn, dsn, programs, tmp_path):
    conn.execute("create table public.orders (id integer)")
    (program,) = (block.text for block in blocks(DOCUMENT) if block.language == "python")
    program = program.replace("psycopg.connect()", f"psycopg.connect({dsn!r})")
    env = environment(dsn, programs, tmp_path)
    subprocess.run(["python"], input=program, env=env, check=True, text=True)
    assert conn.execute("select type, data from ops_agent_events").fetchall() == [
        ("order:placed", {"order": 7})
    ]
    assert conn.execute("select count(*) from public.orders").fetchone() == (1,)
