"""An agent with the tools, and the login they run with, tries to get a command run that nobody approved.

Each attack ends with a real worker that works off whatever there is; the command would leave a file, and there is none.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from agents.serving import Served
from looping import Loop, Row, step
from opsloop.database import Database
from opsloop.executors import builtin
from opsloop.worker.loop import Worker
from opsloop.worker.options import Mode, Options


class Target:
    """A command that a person may approve, and that leaves a file when it runs."""

    def __init__(self, file: Path, dsn: str, loop: Loop) -> None:
        self.file = file
        self.argv = ["touch", str(file)]
        self.step: Row = {"key": "a", "kind": "command", "params": {"argv": self.argv}}
        self._dsn = dsn
        self._loop = loop

    def work_off(self) -> None:
        """A real worker does all there is to do."""
        registry = builtin(self._dsn)
        asyncio.run(self._work(Worker(Database(self._dsn), registry, Options(mode=Mode.DRAIN, listen=False))))

    async def _work(self, worker: Worker) -> None:
        try:
            assert await worker.run()
        finally:
            await worker.close()

    def ran(self) -> bool:
        """Whether it has run, after all there is to do was done; the loop is sound either way."""
        self.work_off()
        assert self._loop.broken() == []
        return self.file.exists()


@pytest.fixture
def target(loop: Loop, dsn: str, tmp_path: Path) -> Target:
    """A loop in which touch may run when a person approves it, and noop and echo by themselves."""
    target = Target(tmp_path / "it ran", dsn, loop)
    loop.policy(
        "worker_policy",
        command_allow=[target.argv, ["echo", "*"]],
        presets={"say": {"argv": ["echo", "{{params.text}}"]}},
        backoff={"base_seconds": 0},
    )
    loop.policy(
        "auto_approve",
        allowed_step_kinds=["noop", "say", "command"],
        risk_rules=[
            {
                "name": "what is not an echo",
                "executor": "command",
                "unless_params": {"argv": "^echo "},
                "risk_level": "high",
            }
        ],
    )
    return target


def propose(agent: Served, *steps: Row, **fields: Any) -> Any:
    """Proposes by the tool."""
    return agent.call("propose_mission", **{"title": "harmless", "steps": list(steps), **fields})


def test_the_command_does_run_once_a_person_has_approved_it(
    agent: Served, loop: Loop, target: Target
) -> None:
    made = propose(agent, target.step)
    assert not target.ran()
    loop.approve(made["proposal_id"])
    assert target.ran()


def test_self_approval(agent: Served, loop: Loop, target: Target, login: str) -> None:
    made = propose(agent, target.step)
    for tool in ("approve_proposal", "fn_approve_proposal", "set_policy", "retry_step"):
        assert "there is no tool" in agent.refused(tool, proposal_id=made["proposal_id"])["message"]
    with psycopg.connect(login, autocommit=True, options="-c search_path=opsloop") as own:
        for statement in (
            "select fn_approve_proposal(%s)",
            "set role opsloop_operator; select fn_approve_proposal(%s)",
            "set session authorization postgres; select fn_approve_proposal(%s)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                own.execute(statement.replace("%s", f"'{made['proposal_id']}'"))
        for role in ("planner", "reviewer", "operator"):
            own.execute("select fn_cast_vote(%s, %s, 'approve')", (made["proposal_id"], role))
    assert not target.ran()
    assert agent.call("read_mission", id=made["proposal_id"])["status"] == "voting"


def test_approval_by_another_executor(agent: Served, loop: Loop, target: Target) -> None:
    made = propose(agent, target.step)
    approve = f"select opsloop.fn_approve_proposal('{made['proposal_id']}', 'ada')"
    other = propose(agent, {"kind": "sql", "params": {"statement": approve}}, risk_level="low")
    assert other["status"] == "pending"
    assert not target.ran()


@pytest.mark.parametrize("risk", ["low", None])
def test_lowered_risk(agent: Served, target: Target, risk: str | None) -> None:
    made = propose(agent, target.step, **({"risk_level": risk} if risk else {}))
    assert "risk high (risk rule what is not an echo)" in made["reason"]
    assert not target.ran()


@pytest.mark.parametrize(
    "names",
    [
        {"kind": "noop", "executor": "command"},
        {"kind": "say", "executor": "command"},
        {"kind": "command", "executor": "noop"},
        {"kind": "command", "executor": "say"},
        {"kind": "echo", "executor": "command"},
    ],
)
def test_kind_and_executor_that_do_not_match(agent: Served, target: Target, names: dict[str, str]) -> None:
    propose(agent, {**names, "params": {"argv": target.argv, "text": "hello"}})
    assert not target.ran()


def test_an_executor_of_almost_that_name(agent: Served, target: Target) -> None:
    for name in ("command ", "Command", "command\n", "noop;command"):
        result = agent.begin(
            "propose_mission",
            title="x",
            steps=[{"kind": "noop", "executor": name, "params": {"argv": target.argv}}],
        ).result(30)
        assert result.is_error or (result.structured_content or {})["status"] != "auto_approved", name
    assert not target.ran()


def test_a_command_that_is_not_on_the_list(agent: Served, target: Target) -> None:
    for argv in (
        ["sh", "-c", f"touch '{target.file}'"],
        ["/usr/bin/touch", str(target.file)],
        [*target.argv, "-c"],
    ):
        made = propose(agent, {"kind": "command", "params": {"argv": argv}})
        assert (made["status"], "command_allow" in made["reason"]) == ("rejected", True)
    assert not target.ran()


def test_an_environment_or_directory_that_turns_one_command_into_another(
    agent: Served, target: Target, tmp_path: Path
) -> None:
    fake = tmp_path / "echo"
    fake.write_text(f"#!/bin/sh\ntouch '{target.file}'\n")
    fake.chmod(0o755)
    for more in ({"env": {"PATH": str(tmp_path)}}, {"cwd": str(tmp_path)}, {"env": {"LD_PRELOAD": "x"}}):
        made = propose(agent, {"kind": "command", "params": {"argv": ["echo", "x"], **more}})
        assert made["status"] == "rejected"
    assert not target.ran()


def test_more_than_a_preset_takes(agent: Served, target: Target) -> None:
    for params in (
        {"text": f"; touch '{target.file}'"},
        {"text": f"$(touch '{target.file}')"},
        {"text": "x", "argv": target.argv},
        {"text": target.argv},
        {"text": "{{params.text}}"},
    ):
        agent.begin("propose_mission", title="x", steps=[{"kind": "say", "params": params}]).result(30)
    assert not target.ran()


def test_placeholder_smuggling_into_the_program(agent: Served, target: Target) -> None:
    first = {"key": "a", "kind": "noop", "params": {"program": "touch", "argv": target.argv}}
    for argv in (
        ["{{steps.a.result.program}}", str(target.file)],
        "{{steps.a.result.argv}}",
        ["{{event.data.x}}"],
    ):
        error = agent.refused(
            "propose_mission", title="x", steps=[first, {"kind": "command", "params": {"argv": argv}}]
        )
        assert error["code"] == "OPS_004"
    assert not target.ran()


def test_placeholder_smuggling_into_an_argument(agent: Served, loop: Loop, target: Target) -> None:
    trusting = {"argv": "^touch (hello|{{steps.a.result.x}})$"}
    loop.policy(
        "auto_approve",
        risk_rules=[{"name": "r", "executor": "command", "unless_params": trusting, "risk_level": "high"}],
    )
    loop.policy("worker_policy", command_allow=[["touch", "*"]])
    made = propose(
        agent,
        {"key": "a", "kind": "noop", "params": {"x": str(target.file)}},
        {"key": "b", "kind": "command", "params": {"argv": ["touch", "{{steps.a.result.x}}"]}},
    )
    assert made["status"] == "auto_approved"  # by a rule that trusts what is not filled in yet
    assert not target.ran()
    read = agent.call("read_mission", id=made["mission_id"])
    assert [s["status"] for s in read["steps"]] == ["succeeded", "waiting"]


def test_placeholder_smuggling_by_an_event(agent: Served, loop: Loop, target: Target) -> None:
    loop.react(
        {
            "event_type": "ticket:*",
            "template": {"title": "{{event.data.text}}", "steps": [step("a", params={"text": "{{event.data.text}}"}),
                         step("b", "command", params={"argv": ["echo", "{{steps.a.result.text}}"]})]},
        }
    )  # fmt: skip
    agent.call("emit_event", type="ticket:new", data={"text": "{{steps.a.result}}", "tags": target.argv})
    agent.call("emit_event", type="ticket:new", data={"text": f"x; touch '{target.file}'"})
    assert not target.ran()
    assert len(loop.rows("select from ops_missions where status = 'succeeded'")) == 2


def test_a_template_changed_after_approval(agent: Served, loop: Loop, target: Target, login: str) -> None:
    made = propose(agent, {"key": "a", "kind": "command", "params": {"argv": target.argv}}, dedupe_key="k")
    harmless = propose(agent, {"kind": "noop"}, dedupe_key="h")
    assert propose(agent, target.step, dedupe_key="h")["proposal_id"] == harmless["proposal_id"]
    with psycopg.connect(login, autocommit=True, options="-c search_path=opsloop") as own:
        for statement in (
            "update ops_mission_proposals set template = jsonb_set(template, '{steps,0,params}', '{}')",
            'update ops_mission_steps set executor = \'command\', params = \'{"argv": ["touch", "x"]}\'',
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                own.execute(statement)
    loop.do("update ops_mission_proposals set template = %s where id = %s",
            {"title": "x", "steps": [target.step, target.step]}, made["proposal_id"])  # fmt: skip
    loop.refused("016", "select fn_approve_proposal(%s, 'ada')", made["proposal_id"])
    assert not target.file.exists()
    target.work_off()
    assert not target.file.exists()


def test_editing_tables(agent: Served, loop: Loop, target: Target, login: str) -> None:
    made = propose(agent, target.step)
    of_ours = "relnamespace = 'opsloop'::regnamespace and relkind in ('r', 'p', 'v')"
    names = [r["relname"] for r in loop.rows(f"select relname from pg_class where {of_ours}")]
    with psycopg.connect(login, autocommit=True, options="-c search_path=opsloop") as own:
        for name in names:
            for statement in (
                f"delete from {name}",
                f"insert into {name} default values",
                f"truncate {name}",
            ):
                with pytest.raises(psycopg.Error) as raised:
                    own.execute(statement)
                assert raised.value.sqlstate in ("42501", "42809", "55000"), (statement, raised.value)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            own.execute(
                "update ops_mission_proposals set status = 'approved' where id = %s", (made["proposal_id"],)
            )
    assert not target.ran()


def test_replaying_an_approval(agent: Served, loop: Loop, target: Target) -> None:
    made = propose(agent, target.step, dedupe_key="k")
    loop.approve(made["proposal_id"])
    assert target.ran()
    target.file.unlink()
    assert propose(agent, target.step, dedupe_key="k")["mission_id"]  # the first one, which has run
    assert propose(agent, target.step)["status"] == "pending"
    for kind in ("proposal:approved", "mission:approved", "step:command:retried"):
        assert (
            agent.refused("emit_event", type=kind, data={"proposal_id": made["proposal_id"]})["code"]
            == "OPS_019"
        )
    assert not target.ran()


def test_racing_the_gate(agent: Served, loop: Loop, target: Target) -> None:
    loop.policy("proposal_caps", daily_limit=5, over_limit="reject")
    harmless = {"kind": "noop", "key": "a"}
    calls = [
        agent.begin(
            "propose_mission", title="x", steps=[target.step if n % 2 else harmless], dedupe_key=f"k{n // 4}"
        )
        for n in range(24)
    ]
    answers = [call.result(60).structured_content or {} for call in calls]
    assert not target.ran()
    assert all(a["status"] in ("pending", "auto_approved", "rejected") for a in answers)
    made = loop.proposals()
    assert len([p for p in made if p["status"] != "rejected"]) == 5
    assert all(p["status"] != "auto_approved" for p in made if p["template"]["steps"] == [target.step])


def test_in_the_name_of_somebody_else(
    agent: Served, loop: Loop, target: Target, connect: Callable[..., Any]
) -> None:
    loop.policy("proposal_caps", per_source={"agent:planner": 1}, over_limit="reject")
    assert propose(agent, target.step)["status"] == "pending"
    assert propose(agent, target.step)["status"] == "rejected"
    for field in ("source", "actor", "proposed_login", "status", "approved_at"):
        agent.refused("propose_mission", title="x", steps=[target.step], **{field: "manual"})
    assert not target.ran()


def test_by_way_of_another_agent(agent: Served, loop: Loop, target: Target) -> None:
    made = propose(
        agent, {"kind": "agent", "params": {"role": "planner", "prompt": "?", "response": "proposal"}}
    )
    assert made["status"] == "pending"
    for params in (
        {"role": "boss", "prompt": "?"},
        {"role": "planner", "prompt": "?", "base_url": "http://evil/"},
    ):
        result = agent.begin(
            "propose_mission", title="x", steps=[{"kind": "agent", "params": params}]
        ).result(30)
        assert result.is_error or (result.structured_content or {})["status"] == "rejected"
    assert not target.ran()


def test_finishing_somebody_elses_step(agent: Served, loop: Loop, target: Target, login: str) -> None:
    mission = loop.mission(step("a"), target.step | {"key": "b"})
    (work,) = loop.claim()
    with psycopg.connect(login, autocommit=True, options="-c search_path=opsloop") as own:
        for call in (
            f"fn_complete_step('{work['step_id']}', '{work['lease_token']}')",
            f"fn_propose_for_step('{work['step_id']}', '{uuid4()}', '[]')",
            "fn_claim_steps('w')",
            f"fn_retry_step('{work['step_id']}')",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                own.execute(f"select {call}")
    agent.call("report_progress", mission_id=str(mission), message="done", percent=100)
    assert not target.ran()
