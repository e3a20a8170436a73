"""The commands and the program of README.md, on a real database."""

import subprocess

from cli.terminal import Terminal
from docs.documents import ROOT, blocks, environment

DOCUMENT = "README.md"


def test_the_first_screen_has_the_two_commands():
    first_screen = (ROOT / DOCUMENT).read_text(encoding="utf-8").splitlines()[:25]
    assert [line.split("#")[0].strip() for line in first_screen if line.startswith("make ")] == [
        "make demo",
        "make test",
    ]


def test_the_first_start_takes_five_lines(empty_dsn, programs, tmp_path):
    _, use = (block.text.splitlines() for block in blocks(DOCUMENT) if block.language == "sh")
    assert len(use) == 5
    env = environment(empty_dsn, programs, tmp_path)
    with Terminal("bash", "--norc", "--noprofile", "--noediting", cwd=tmp_path, **env) as shell:
        for line in use:
            if line.startswith("opsloop inbox"):
                shell.until("the loop runs")
            if not line.startswith(("pip ", "export ")):
                shell.type(line)
        shell.until("nothing waits for you")
        shell.type("kill %1; wait %1; exit")
        assert shell.end() == 0


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
