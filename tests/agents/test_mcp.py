"""`opsloop mcp`: every tool and every refusal, through the SDK's own client over the stdio of a real process."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

from psycopg import sql

from agents.serving import Served, process
from looping import Loop, step, template
from opsloop.mcp.tools import TOOLS
from support import wait_until

COMMAND = {"kind": "command", "params": {"argv": ["deploy", "now"]}}


# What it offers


def test_the_tools_are_those_that_an_agent_needs_and_none_decides(agent: Served) -> None:
    tools = agent.tools()
    assert set(tools) == {
        "read_board",
        "read_schedules",
        "read_policy",
        "emit_event",
        "propose_mission",
        "withdraw",
        "read_mission",
        "wait_for",
        "report_progress",
    }
    for tool in tools.values():
        assert tool.input_schema["additionalProperties"] is False
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint is TOOLS[tool.name].reads_only
    assert "waits for a person" in (tools["propose_mission"].description or "")


def test_the_board_shows_ideas_what_waits_and_what_runs(agent: Served, loop: Loop) -> None:
    loop.value(
        "select fn_radar_upsert(%s)", json.dumps([{"title": "faster", "score": 7, "description": "x" * 900}])
    )
    loop.propose(step("a"), title="risky", risk_level="high")
    mission = loop.mission(step("a"), title="harmless")
    board = agent.call("read_board")
    assert len(agent.call("read_board", limit=1)["missions"]) == 1
    (idea,) = board["ideas"]
    assert (idea["title"], idea["score"], len(idea["description"])) == ("faster", 7, 500)
    assert [p["title"] for p in board["waiting_for_a_person"]] == ["risky"]
    assert [(m["mission_id"], m["status"]) for m in board["missions"]] == [(str(mission), "approved")]


def test_schedules_are_read_with_what_comes_next(agent: Served, loop: Loop) -> None:
    loop.value("select fn_set_schedule('hourly', %s)", {"cron": "0 * * * *", "event_type": "hourly"})
    job = {"every_seconds": 60, "template": template(title="sweep"), "enabled": False}
    loop.value("select fn_set_schedule('sweep', %s)", job)
    hourly, sweep = agent.call("read_schedules")["schedules"]
    assert (hourly["name"], hourly["cron"], hourly["event_type"], hourly["enabled"]) == (
        "hourly",
        "0 * * * *",
        "hourly",
        True,
    )
    assert len(hourly["next_ticks"]) == 3
    assert (sweep["name"], sweep["proposes"], sweep["enabled"]) == ("sweep", "sweep", False)
    assert len(agent.call("read_schedules", limit=1)["schedules"]) == 1


def test_the_board_and_a_mission_show_what_they_cannot_read_and_the_rest(agent: Served, loop: Loop) -> None:
    loop.value("select fn_radar_upsert(%s)", json.dumps([{"title": "odd"}, {"title": "sound"}]))
    waits = loop.propose(step("a", params={"n": 1}), title="risky", risk_level="high")
    mission = loop.mission(step("a", params={"n": 1}), title="harmless")
    loop.do("update ops_demand_radar set score = 1e5000 where title = 'odd'")
    loop.do("update ops_mission_proposals set template = jsonb_set(template, '{steps,0,params,n}', '1e5000')")
    loop.do("update ops_mission_steps set params = '{\"n\": 1e5000}', progress = '[1e5000]'")
    board = agent.call("read_board")
    assert {i["title"] for i in board["ideas"]} == {"odd", "sound"}
    assert [p["title"] for p in board["waiting_for_a_person"]] == ["risky"]
    assert [m["mission_id"] for m in board["missions"]] == [str(mission)]
    for read in (waits["proposal_id"], mission):
        assert agent.call("read_mission", id=str(read))["status"]


def test_what_policy_leaves_to_a_person_waits_and_says_so(agent: Served, loop: Loop) -> None:
    loop.policy("worker_policy", command_allow=[["deploy", "now"]])
    made = agent.call("propose_mission", title="Deploy", steps=[COMMAND])
    assert made["status"] == "pending"
    assert "waits for a person" in made["next"]
    read = agent.call("read_mission", id=made["proposal_id"])
    assert (read["status"], read["source"], read["risk_level"]) == ("pending", "agent:planner", "high")
    assert read["why"][0]["reason"] == "approval"
    (proposal,) = loop.proposals()
    assert (proposal["source"], proposal["proposed_login"]) == ("agent:planner", "an_agent")


def test_what_policy_allows_runs_and_can_be_followed_to_its_end(agent: Served, loop: Loop) -> None:
    made = agent.call("propose_mission", title="Look", steps=[{"key": "a", "kind": "noop"}])
    assert made["status"] == "auto_approved"
    read = agent.call("read_mission", id=made["proposal_id"])
    assert (read["mission_id"], read["steps"][0]["status"]) == (made["mission_id"], "queued")
    assert read["why"][0]["reason"] == "no_worker"
    (work,) = loop.claim()
    loop.fail(work, "no\x07 disk", retryable=False)
    read = agent.call("read_mission", id=made["mission_id"])
    assert (read["status"], read["steps"][0]["last_error"]) == ("failed", "no\x07 disk")


def test_what_policy_forbids_says_why(agent: Served) -> None:
    made = agent.call("propose_mission", title="Deploy", steps=[COMMAND])
    assert made["status"] == "rejected"
    assert "command_allow" in made["reason"]


def test_an_event_has_the_agent_as_its_source_whatever_it_says(agent: Served, loop: Loop) -> None:
    made = agent.call("emit_event", type="disk:full", data={"host": "db1", "source": "prometheus"})
    (event,) = loop.events()
    assert (str(event["id"]), event["type"]) == (made["event_id"], "disk:full")
    assert event["data"] == {"host": "db1", "source": "agent:planner"}


def test_progress_is_an_event_of_its_mission(agent: Served, loop: Loop) -> None:
    mission = loop.mission(step("a"))
    agent.call("report_progress", mission_id=str(mission), message="half", percent=50)
    (event,) = loop.events("agent:progress")
    assert (event["mission_id"], event["depth"]) == (mission, 1)
    assert event["data"] == {"source": "agent:planner", "message": "half", "percent": 50}


def test_a_dedupe_key_is_the_agents_own(agent: Served, loop: Loop) -> None:
    theirs = loop.propose(step("a"), key="k")
    loop.emit("theirs", key="k")
    first = agent.call("propose_mission", title="a", steps=[{"kind": "noop"}], dedupe_key="k")
    again = agent.call("propose_mission", title="b", steps=[{"kind": "noop"}], dedupe_key="k")
    event = agent.call("emit_event", type="ours", dedupe_key="k")
    assert event == agent.call("emit_event", type="ours", dedupe_key="k")
    assert first["proposal_id"] == again["proposal_id"] != str(theirs["proposal_id"])
    assert len(loop.events("ours")) == 1


def test_it_reads_what_its_mission_returned(agent: Served, loop: Loop) -> None:
    made = agent.call("propose_mission", title="Look", steps=[{"key": "a", "kind": "noop"}])
    (work,) = loop.claim()
    loop.complete(work, {"found": 3})
    read = agent.call("read_mission", id=made["proposal_id"])
    assert read["results"] == {"by_step": {"a": {"found": 3}}}


def test_a_result_that_is_too_large_is_named_and_left_out(agent: Served, loop: Loop) -> None:
    steps = [{"key": "a", "kind": "noop", "depends_on": []}, {"key": "b", "kind": "noop", "depends_on": []}]
    made = agent.call("propose_mission", title="Look", steps=steps)
    for work in loop.claim(2):
        loop.complete(work, {"n": 1} if work["key"] == "a" else {"n": "x" * 40_000})
    read = agent.call("read_mission", id=made["mission_id"])
    assert read["results"] == {"by_step": {"a": {"n": 1}}, "too_large": ["b"]}


def test_it_waits_until_its_mission_has_ended(agent: Served, loop: Loop) -> None:
    made = agent.call("propose_mission", title="Look", steps=[{"key": "a", "kind": "noop"}])
    waits = agent.begin("wait_for", id=made["proposal_id"], seconds=30)
    (work,) = loop.claim()
    loop.complete(work, {"n": 1})
    answer = waits.result(30).structured_content
    assert answer is not None
    assert (answer["status"], answer["results"]["by_step"]) == ("succeeded", {"a": {"n": 1}})


def test_it_waits_no_longer_than_it_said(agent: Served, loop: Loop) -> None:
    made = agent.call("propose_mission", title="Look", steps=[{"kind": "noop"}])
    assert agent.call("wait_for", id=made["proposal_id"], seconds=1)["status"] == "approved"


def test_it_reads_what_policy_lets_it_do_and_what_is_left(agent: Served, loop: Loop) -> None:
    loop.policy("proposal_caps", per_source={"agent:planner": 3})
    loop.policy("worker_policy", command_allow=[["deploy", "now"]])
    loop.policy("approval_rules", rules=[{"name": "two", "require": [{"group": "*", "count": 2}]}])
    agent.call("propose_mission", title="Look", steps=[{"kind": "noop"}])
    read = agent.call("read_policy")
    assert read["runs_by_itself"] == {"enabled": True, "kinds": ["noop", "radar"], "highest_risk": "low"}
    assert read["commands"] == [["deploy", "now"]]
    assert {b["name"]: b["remaining"] for b in read["budgets"]} == {
        "daily_limit": 99,
        "per_source.agent:planner.daily_limit": 2,
    }
    assert read["approval_rules"] == [{"name": "two", "require": [{"group": "*", "count": 2}]}]


def test_it_takes_back_its_own_proposal_and_nobody_elses(agent: Served, loop: Loop) -> None:
    loop.policy("worker_policy", command_allow=[["deploy", "now"]])
    made = agent.call("propose_mission", title="Deploy", steps=[COMMAND])
    done = agent.call("withdraw", id=made["proposal_id"], reason="found a better way")
    assert (done["status"], done["reason"]) == ("rejected", "withdrawn: found a better way")
    assert agent.call("withdraw", id=made["proposal_id"])["status"] == "rejected"
    assert loop.value("select used from ops_cap_counters where scope = 'day'") == 0
    theirs = loop.propose(step("a"), risk_level="high")
    assert agent.refused("withdraw", id=str(theirs["proposal_id"]))["code"] == "OPS_015"
    ran = agent.call("propose_mission", title="Look", steps=[{"kind": "noop"}])
    assert agent.refused("withdraw", id=ran["proposal_id"])["code"] == "OPS_014"
    (record,) = loop.rows("select login, actor from ops_audit_log where action = 'withdraw'")
    assert record == {"login": "an_agent", "actor": "agent:planner"}


# What it refuses


UNFIT: list[tuple[str, Any, str]] = [
    ("read_board", {"limit": 51}, "limit"),
    ("read_board", {"limit": "5"}, "limit"),
    ("emit_event", {}, "'type' is a required property"),
    ("emit_event", {"type": "two words"}, "type"),
    ("emit_event", {"type": "x", "data": [1]}, "data"),
    ("emit_event", {"type": "x", "mission_id": "1; drop table"}, "mission_id"),
    ("emit_event", {"type": "x", "data": {"a": "x" * 300_000}}, "the arguments are too large"),
    ("propose_mission", {"title": "x", "steps": []}, "steps"),
    ("propose_mission", {"title": "x", "steps": [{"kind": "noop"}] * 51}, "steps"),
    ("propose_mission", {"title": "x", "steps": [{"kind": "noop", "approved": True}]}, "approved"),
    ("propose_mission", {"title": "x", "steps": [{"kind": "noop"}], "source": "manual"}, "source"),
    ("propose_mission", {"title": "x", "steps": [{"kind": "noop"}], "risk_level": "none"}, "risk_level"),
    ("read_mission", {"id": "latest"}, "id"),
    ("report_progress", {"mission_id": str(uuid4()), "message": ""}, "message"),
    ("report_progress", {"mission_id": str(uuid4()), "message": "x", "percent": 101}, "percent"),
    ("approve_proposal", {"proposal_id": str(uuid4())}, "there is no tool"),
]
REFUSED: list[tuple[str, Any, str]] = [
    ("emit_event", {"type": "mission:succeeded"}, "OPS_019"),
    ("emit_event", {"type": "x", "mission_id": str(uuid4())}, "OPS_019"),
    ("propose_mission", {"title": "x", "steps": [{"kind": "noop", "depends_on": ["nobody"]}]}, "OPS_004"),
    ("propose_mission", {"title": "{{event.data.x}}", "steps": [{"kind": "noop"}]}, "OPS_004"),
    ("read_mission", {"id": str(uuid4())}, "OPS_012"),
    ("report_progress", {"mission_id": str(uuid4()), "message": "x"}, "OPS_019"),
]


def test_arguments_that_do_not_fit_are_refused_by_name(agent: Served, loop: Loop) -> None:
    before = loop.contents()
    for tool, arguments, fault in UNFIT:
        error = agent.refused(tool, **arguments)
        assert error["code"] == "OPS_018"
        assert fault in json.dumps(error), (tool, error)
    assert loop.contents() == before


def test_what_the_loop_refuses_comes_back_with_its_code(agent: Served, loop: Loop) -> None:
    before = loop.contents()
    for tool, arguments, code in REFUSED:
        assert agent.refused(tool, **arguments)["code"] == code, tool
    nul = agent.begin("emit_event", type="x", data={"a": "\x00"}).result(30)
    assert nul.is_error
    assert "OPS_018" in str(nul.content)
    assert loop.contents() == before


def test_a_template_with_many_faults_has_all_of_them(agent: Served) -> None:
    error = agent.refused("propose_mission", title="x",
        steps=[{"kind": "command", "params": {"argv": "rm -rf /"}}, {"kind": "sql"}],
    )  # fmt: skip
    assert error["code"] == "OPS_004"
    assert len(error["detail"]) == 2


def test_a_call_that_is_cancelled_ends_on_the_server_and_leaves_nothing(
    agent: Served, loop: Loop, connect: Any
) -> None:
    blocker = connect(autocommit=False)
    blocker.execute("lock table ops_agent_events in exclusive mode")
    calling = agent.begin("emit_event", type="x")
    waits = "select count(*) from pg_stat_activity where usename = 'an_agent' and wait_event_type = 'Lock'"
    wait_until(lambda: loop.value(waits) == 1, "the call waits")
    calling.cancel()
    gone = "select count(*) from pg_stat_activity where usename = 'an_agent' and state = 'active'"
    wait_until(lambda: loop.value(gone) == 0, "the statement is gone")
    blocker.rollback()
    agent.call("read_board")
    assert loop.events() == []
    assert "query cancellation" not in agent.log.read_text()  # psycopg's word for one that was cut short


def test_a_database_that_is_away_is_an_answer_and_it_goes_on_when_it_is_back(
    agent: Served, loop: Loop
) -> None:
    agent.call("read_board")
    loop.conn.execute("alter role an_agent nologin")
    error = agent.refused("read_board")
    assert error["code"] == "OPS_001"
    loop.conn.execute("alter role an_agent login")
    agent.call("read_board")


def test_what_waits_too_long_in_the_database_is_an_answer(agent: Served, loop: Loop, connect: Any) -> None:
    loop.conn.execute("alter role an_agent set lock_timeout = '50ms'")
    blocker = connect(autocommit=False)
    blocker.execute("lock table ops_agent_events in exclusive mode")
    error = agent.refused("emit_event", type="x")
    assert (error["code"], error["detail"]) == ("OPS_022", {"sqlstate": "55P03"})
    blocker.rollback()


def test_numbers_keep_their_value_to_the_last_digit(login: str, loop: Loop) -> None:
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}}
    numbers = "[0.1234567890123456789, 20000000000000000001, 1.5, -1e-30, 123456789012345678.5, 3e300]"

    def call(number: int, tool: str, arguments: str, meta: str = "") -> str:
        return (
            f'{{"jsonrpc": "2.0", "id": {number}, "method": "tools/call",'
            f' "params": {{"name": "{tool}", "arguments": {arguments}{meta}}}}}'
        )

    forged = ', "_meta": {"opsloop/exact-arguments": "{\\"type\\": \\"forged\\"}", "progressToken": 7}'
    said = [
        json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}),
        json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        call(2, "propose_mission", f'{{"title": "t", "steps": [{{"kind": "noop", "params": {{"n": {numbers}}}}}]}}'),
        call(3, "emit_event", f'{{"type": "exact", "data": {{"n": {numbers}}}}}', forged),
        call(4, "emit_event", '{"type": "plain", "data": {"n": 1.5}}', forged),
        call(5, "emit_event", '{"type": "huge", "data": {"n": 1e400}}'),
    ]  # fmt: skip
    with process(login, "--role", "planner") as server:
        assert server.stdin
        assert server.stdout
        server.stdin.write("\n".join([*said, ""]).encode())
        server.stdin.flush()
        answers: dict[Any, Any] = {}
        while not answers.keys() >= {2, 3, 4, 5}:
            answer = json.loads(server.stdout.readline())
            answers[answer.get("id")] = answer.get("result")
        server.stdin.close()
        assert server.wait(10) == 0
    assert [answers[n]["isError"] for n in (2, 3, 4, 5)] == [False, False, False, True]
    assert answers[5]["structuredContent"]["error"]["code"] == "OPS_019"
    given = loop.value("select %s::jsonb::text", numbers)
    assert loop.value("select (template #> '{steps,0,params,n}')::text from ops_mission_proposals") == given
    assert loop.rows("select type, (data -> 'n')::text as n from ops_agent_events where type not like '%%:%%'"
                     " order by type") == [{"type": "exact", "n": given}, {"type": "plain", "n": "1.5"}]  # fmt: skip


def test_a_closed_stdin_is_said_in_one_sentence(login: str) -> None:
    said = subprocess.run(
        ["/bin/sh", "-c", 'exec "$0" -m opsloop mcp --role planner <&-', sys.executable],
        env={**os.environ, "DATABASE_URL": login},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (said.returncode, said.stdout) == (2, b"")
    assert said.stderr.splitlines()[0] == b"OPS_018: stdin is closed"


def test_garbage_on_stdin_ends_nothing_and_stdout_holds_nothing_but_the_protocol(login: str) -> None:
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}}
    said = [
        json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}),
        json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        "{",
        "[]",
        json.dumps({"jsonrpc": "2.0", "id": 7, "method": "tools/explode"}),
        "\xff",
        "[" * 50_000,
        "x" * 3_000_000,
        json.dumps({"jsonrpc": "2.0", "id": 2, "method": "tools/list"}),
    ]
    with process(login, "--role", "planner") as server:
        assert server.stdin
        assert server.stdout
        assert server.stderr
        server.stdin.write("\n".join([*said, ""]).encode("latin-1"))
        server.stdin.flush()
        answers: dict[Any, Any] = {}
        while 2 not in answers:
            answer = json.loads(server.stdout.readline())
            assert answer["jsonrpc"] == "2.0"
            answers[answer.get("id")] = answer
        server.stdin.close()
        assert server.wait(10) == 0
        assert b"Traceback" not in server.stderr.read()
    assert len(answers[2]["result"]["tools"]) == len(TOOLS)


# Who may be an agent


def started(dsn: str, *arguments: str, **environ: str) -> tuple[int, str]:
    """Starts the server without anybody to speak to; returns exit code and stderr."""
    with process(dsn, *arguments, stdin=subprocess.DEVNULL, **environ) as server:
        out, err = server.communicate(timeout=30)
    assert out == b""
    assert b"Traceback" not in err
    return server.returncode, err.decode()


def test_the_owner_is_refused(dsn: str) -> None:
    code, said = started(dsn, "--role", "planner")
    assert code == 1
    assert "OPS_015: the login postgres may do more than an agent may" in said


def test_a_login_of_another_group_is_not_served_also_when_it_joins_while_it_is(
    agent: Served, loop: Loop
) -> None:
    for group in ("worker", "operator", "admin"):
        name = sql.Identifier(f"opsloop_{group}")
        agent.call("read_board")
        loop.conn.execute(sql.SQL("grant {} to an_agent").format(name))
        assert agent.refused("read_board")["code"] == "OPS_015"
        loop.conn.execute(sql.SQL("revoke {} from an_agent").format(name))


def test_a_role_that_policy_does_not_name_is_refused_with_those_it_names(login: str) -> None:
    code, said = started(login, "--role", "boss")
    assert (code, "OPS_018: agent_roles has no role 'boss'" in said, "planner" in said) == (2, True, True)


def test_no_database_is_an_error_of_its_own(login: str) -> None:
    code, said = started("postgresql:///nowhere?host=/nowhere", "--role", "planner")
    assert (code, "OPS_001" in said) == (3, True)


def test_the_log_says_what_was_called_and_nothing_of_what_was_said(agent: Served) -> None:
    agent.call("emit_event", type="x", data={"password": "hunter2"})
    log = agent.log.read_text()
    lines = [json.loads(line) for line in log.splitlines()]
    assert lines[0]["event"] == "serving"
    assert (lines[-1]["event"], lines[-1]["tool"], lines[-1]["outcome"]) == (
        "tool called",
        "emit_event",
        "done",
    )
    assert "hunter2" not in log


def test_ctrl_c_ends_it_at_once(login: str) -> None:
    with process(login, "--role", "planner") as server:
        assert server.stderr
        assert b"serving" in server.stderr.readline()
        server.send_signal(signal.SIGINT)
        assert server.wait(10) == -signal.SIGINT
        assert b"Traceback" not in server.stderr.read()


def test_without_the_sdk_the_command_says_what_to_install(login: str, tmp_path: Path) -> None:
    (tmp_path / "jsonschema.py").write_text("raise ModuleNotFoundError('no', name='jsonschema')")
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    code, said = started(login, "--role", "planner", PYTHONPATH=path)
    assert (code, "pip install 'opsloop[mcp]'" in said) == (2, True)


def test_it_reads_why_something_was_proposed_and_how_the_steps_before_it_ended(
    agent: Served, loop: Loop
) -> None:
    loop.react(
        {
            "name": "look closer",
            "event_type": "mission:failed",
            "template": {
                "title": "Look closer",
                "rationale": "it failed",
                "refs": ["INC-7"],
                "steps": [{"kind": "http", "params": {"url": "https://x/"}}],
            },
        }
    )
    first = agent.call(
        "propose_mission",
        title="Look",
        rationale="the disk is full",
        refs=["https://x/1"],
        steps=[{"key": "a", "kind": "noop"}, {"key": "b", "kind": "noop"}],
    )
    (work,) = loop.claim()
    loop.complete(work, {"found": 3})
    (work,) = loop.claim()
    loop.fail(work, "no", retryable=False)
    for read in (
        agent.call("read_mission", id=first["proposal_id"]),
        agent.call("read_mission", id=first["mission_id"]),
    ):
        assert (read["rationale"], read["refs"]) == ("the disk is full", ["https://x/1"])
        assert "caused_by" not in read
    loop.turn()
    (made,) = [one for one in loop.proposals() if one["source"] == "trigger"]
    read = agent.call("read_mission", id=str(made["id"]))
    assert (read["rationale"], read["refs"], read["status"]) == ("it failed", ["INC-7"], "pending")
    assert read["caused_by"]["event"]["type"] == "mission:failed"
    assert read["caused_by"]["mission"] == {
        "id": first["mission_id"],
        "title": "Look",
        "status": "failed",
        "steps": [
            {"key": "a", "status": "succeeded", "result": '{"found": 3}'},
            {"key": "b", "status": "failed", "result": None},
        ],
    }


def test_a_mission_whose_proposal_is_gone_is_read_without_it(agent: Served, loop: Loop) -> None:
    mission = loop.mission(step("a"))
    loop.do("delete from ops_mission_proposals")
    assert agent.call("read_mission", id=str(mission))["status"] == "approved"
