"""examples/handoff: its script, with real programs and a real worker, prints what its README shows."""

import subprocess
import sys

import psycopg

from docs.documents import ROOT, examples, masked
from looping import Loop

HOME = "examples/handoff"


def test_the_script_ends_by_itself_and_prints_what_the_page_shows(empty_dsn: str) -> None:
    (example,) = examples(f"{HOME}/README.md", "sh")
    assert example.block.text == "python run.py\n"
    done = subprocess.run(
        [sys.executable, "run.py", empty_dsn],
        cwd=ROOT / HOME,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert masked(done.stdout) == masked(example.shown)

    with psycopg.connect(empty_dsn, autocommit=True, options="-c search_path=opsloop") as conn:
        loop = Loop(conn)
        (failed,) = loop.rows("select * from sd_transition_audit where status = 'failed'")
        assert failed["error_details"]["error_code"] == "23514"
        assert failed["request_id"] == "request-3"
        results = loop.rows("select sub_agent_code, verdict, step_id from sub_agent_execution_results")
        assert {r["sub_agent_code"]: r["verdict"] for r in results} == dict.fromkeys(
            ("TESTING", "SECURITY", "REGRESSION", "DOCMON", "SIZE"), "PASS"
        )
        # Programs of the example, run by a worker.
        attempts = loop.rows("select executor, status from ops_action_runs")
        assert [(a["executor"], a["status"]) for a in attempts] == [("command", "succeeded")] * 5
