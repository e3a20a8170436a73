"""Every command in the README of examples/postgres-care works as printed."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from demo.caring import Care, fingerprint
from opsloop.demo.care import example


def test_the_commands_of_the_readme_work_as_printed(care: Care, programs: Path, tmp_path: Path):
    blocks = re.findall(r"^```sh\n(.*?)^```", (example() / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    shell = Shell(tmp_path, programs)
    before = fingerprint(care.conn)

    def run(text: str) -> str:
        for printed, meant in {
            "postgresql://you@localhost/yourdb": shlex.quote(care.dsn),
            "postgresql://care@localhost/yourdb": shlex.quote(care.care_dsn),
            "create role care login": "select 1",
            "grant pg_monitor to care": f"grant pg_monitor to {care.login}",
        }.items():
            text = text.replace(printed, meant)
        return shell.run(text)

    install, policies, login, look, approve, opt_in, opt_out, read_only = blocks
    for block in (install, policies, login):
        run(block)
    run("\n".join([EAGER_LOOK, look]))
    assert fingerprint(care.conn) == before

    care.conn.execute(f"alter role {care.login} superuser")  # stands for the grants of the SQL block
    title = 'vacuum sh"op.st;ock"--'
    proposal = care.value("select id::text from ops_mission_proposals where title = %s", title)
    run(approve.replace("PROPOSAL", proposal))
    assert care.missions()[title] == ("succeeded", None)

    kinds = "select value -> 'allowed_step_kinds' ? 'pg_vacuum' from ops_policy where key = 'auto_approve'"
    run(opt_in)
    assert care.value(kinds)
    run(opt_out)
    assert not care.value(kinds)
    run(read_only)


# The thresholds of the README are days and tens of thousands of rows; the tests are not that patient.
EAGER_LOOK = (
    "opsloop policy get reaction_matrix"
    r""" | sed -E 's/"(dead_rows|changed_rows)": 10000/"\1": 1000/' """
    "| opsloop policy set reaction_matrix -"
)


class Shell:
    """One shell session after another, in the directory of the example; exports are kept."""

    def __init__(self, home: Path, programs: Path) -> None:
        for name, module in (("opsloop", ["-m", "opsloop"]), ("python3", [])):
            shim = home / name
            shim.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, *module])} "$@"\n')
            shim.chmod(0o755)
        self.exports = ""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PG", "OPS", "DATABASE"))
        }
        self.environ = {**kept, "PATH": f"{home}:{programs}:{os.environ['PATH']}"}

    def run(self, block: str) -> str:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f"{self.exports}\n{block}"],
            cwd=example(),
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
        self.exports += "".join(line + "\n" for line in block.splitlines() if line.startswith("export "))
        return done.stdout
