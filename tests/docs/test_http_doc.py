"""docs/http.md: every command in it runs, and answers what stands there."""

import json
import re
import shutil
from pathlib import Path

import psycopg
import pytest

from docs.documents import blocks, environment, run
from logins import logins
from opsloop.serve.api.operations import API
from serve.browsing import make_key, serving
from support import require

DOCUMENT = "docs/http.md"
OWN_KEY = "k" * 32


@pytest.fixture
def env(dsn, programs, tmp_path):
    return {**environment(dsn, programs, tmp_path), "OPS_API_KEY": OWN_KEY}


@pytest.fixture
def people(dsn):
    with logins(dsn) as made:
        made.make("producer", name="shop")
        made.make("operator", name="ann")
        yield made


def shown(text: str) -> str:
    """What stands in the document as a pattern: … is anything, and blanks do not matter."""
    return ".*".join(re.escape(re.sub(r"\s+", "", part)) for part in text.split("…"))


def test_the_commands_about_keys_run(env, people, conn):
    [about_keys] = [
        block for block in blocks(DOCUMENT) if block.language == "sh" and "key create" in block.text
    ]
    said = run(["bash", "-e"], about_keys.text, env)
    assert "OPS_" not in said, said
    assert conn.execute(
        "select name, role, login, count(*) from ops_api_keys group by 1, 2, 3 order by 1"
    ).fetchall() == [
        ("ann-laptop", "operator", "ann", 2),
        ("shop", "producer", "shop", 1),
    ]
    assert conn.execute("select count(*) from fn_list_api_keys()").fetchone() == (1,)


def test_the_calls_answer_what_stands_there(env, people, conn, dsn, tmp_path):
    require("curl", shutil.which("curl") is not None)
    keys = {
        role.upper(): make_key(conn, role, people.make(role)) for role in ("producer", "operator", "reader")
    }
    with (tmp_path / "log").open("w+") as log, serving(dsn, log, OPS_API_KEY=OWN_KEY) as server:
        given = {**env, **keys, "URL": server.url}
        calls = [block for block in blocks(DOCUMENT) if block.language == "console"]
        for block in calls:
            for call in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
                asked, answer = re.split(r"\n(?=[{r])", call, maxsplit=1)
                said = re.sub(r"\s+", "", run(["bash", "-c", asked], "", given))
                assert re.match(shown(answer), said), (asked, said)


def test_a_server_with_a_login_of_its_own_speaks_for_others_and_can_do_nothing_else(
    env, people, conn, dsn, tmp_path
):
    [statements] = [block.text for block in blocks(DOCUMENT) if block.language == "sql"]
    conn.execute(statements)
    people.adopt("opsloop_server", "web")
    conn.execute("alter role opsloop_server nologin")
    run(["opsloop", "roles", "--apply"], "", env)
    key = make_key(conn, "operator", "ann")
    with (tmp_path / "log").open("w+") as log, serving(people.dsn_of("web"), log) as server:
        web = server.web(key)
        assert web.post("/api/v1/pauses", {"scope": "all", "reason": "a test"}).status == 200
        assert (
            server.web(make_key(conn, "reader", "ann")).post("/api/v1/pauses", {"scope": "all"}).status == 403
        )
        browser = server.browser()
        assert browser.sign_in(key).status == 303
    assert conn.execute("select paused_login from ops_pauses").fetchone() == ("ann",)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        people.open("web").execute("select * from fn_list_missions()")


def test_the_curl_of_the_operations_runbook_answers_as_printed(env, dsn, tmp_path):
    require("curl", shutil.which("curl") is not None)
    printed = """curl -s -X POST \\
  -H "Authorization: Bearer YOUR_OPS_API_KEY" \\
  -H "Content-Type: application/json" \\
  https://your-project.vercel.app/api/ops/heartbeat"""
    with (tmp_path / "log").open("w+") as log, serving(dsn, log, OPS_API_KEY=OWN_KEY) as server:
        asked = printed.replace("YOUR_OPS_API_KEY", OWN_KEY).replace(
            "https://your-project.vercel.app", server.url
        )
        said = run(["bash", "-c", asked], "", env)
    assert json.loads(said) == {
        "ok": True,
        "triggerResult": {"events": 0, "queued": 0},
        "reactionResult": {"processed": 0, "created": 0},
        "leaseResult": {"requeued_steps": 0, "failed_steps": 0},
        "staleResult": {"recovered": 0},
    }


def test_every_part_of_the_api_is_named():
    text = (Path(__file__).parents[2] / DOCUMENT).read_text()
    for part in {one.path.split("/")[3] for one in API}:
        assert part.rstrip("s").replace("-", " ") in text, part
