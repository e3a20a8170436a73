"""For every reason why something is not running: it is built for real, read, its statement is run as printed, and the
mission finishes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from looping import Loop, Row, step, template

ALL = {"noop": {}, "command": {}, "http": {}, "sql": {}, "openclaw": {}}
LS = {"argv": ["ls", "/tmp"]}


def explain(loop: Loop, subject: UUID) -> list[Row]:
    """What fn_explain_mission, else fn_explain_step, else fn_explain_proposal says."""
    for table, function in (
        ("ops_missions", "mission"),
        ("ops_mission_steps", "step"),
        ("ops_mission_proposals", "proposal"),
    ):
        if loop.rows(f"select from {table} where id = %s", subject):
            return loop.rows(f"select * from fn_explain_{function}(%s)", subject)
    raise AssertionError(subject)


def reasons(rows: list[Row]) -> list[str]:
    return [r["reason"] for r in rows]


def free(loop: Loop, rows: list[Row]) -> None:
    """Runs the statements as they are printed, from top to bottom, as somebody who pastes them into psql does."""
    loop.do("set local search_path to pg_catalog")
    for statement in dict.fromkeys(r["frees"] for r in rows if r["frees"]):
        loop.conn.execute(statement)
    loop.do("set local search_path to opsloop")


def finish(loop: Loop, mission: UUID) -> None:
    """A worker that offers everything runs the mission to its end; time passes."""
    loop.register("finisher", ALL)
    for _ in range(20):
        for work in loop.claim(100, "finisher"):
            loop.complete(work, {"file": "/etc/motd"})
        if loop.status(mission) == "succeeded":
            break
    assert loop.status(mission) == "succeeded", (loop.steps(mission), explain(loop, mission))


@dataclass(frozen=True)
class Case:
    """A way to wait."""

    build: Callable[[Loop], UUID]
    reason: str
    code: str | None
    says: tuple[str, ...]
    others: tuple[str, ...] = ()


def approval(loop: Loop) -> UUID:
    return loop.propose(step("a"), risk_level="high")["proposal_id"]


def voted(loop: Loop) -> UUID:
    proposal = approval(loop)
    loop.row("select * from fn_cast_vote(%s, 'reviewer', 'approve', 'looks good')", proposal)
    return proposal


def dependency(loop: Loop) -> UUID:
    loop.register(executors=ALL)
    mission = loop.mission(step("a", on_lease_lost="hold"), step("b"), step("c"))
    loop.work(mission)
    loop.advance(3600)
    loop.turn()
    loop.register(executors=ALL)
    return loop.step(mission, "c")["id"]


def forgotten(loop: Loop) -> UUID:
    loop.register(executors=ALL)
    mission = loop.mission(step("a"), step("b"))
    work = loop.work(mission)
    loop.complete(work)
    loop.do("delete from ops_ready")
    loop.do("update ops_mission_steps set status = 'blocked' where mission_id = %s and key = 'b'", mission)
    return mission


def vanished(loop: Loop) -> UUID:
    mission = loop.mission(step("a", on_lease_lost="hold"))
    loop.work(mission)
    loop.advance(3600)
    loop.turn()
    loop.register(executors=ALL)
    return mission


def riskier(loop: Loop) -> UUID:
    loop.register(executors=ALL)
    loop.allow("noop", "http")
    mission = loop.mission(step("a", "http", params={"url": "https://x/", "method": "get"}))
    loop.allow("noop")
    assert loop.claim(1) == []
    return mission


def not_parked_yet(loop: Loop) -> UUID:
    loop.register(executors=ALL)
    loop.allow("noop", "http")
    mission = loop.mission(step("a", "http", params={"url": "https://x/", "method": "get"}))
    loop.allow("noop")
    return mission


def forbidden_by_now(loop: Loop) -> UUID:
    loop.register(executors=ALL)
    loop.policy("worker_policy", command_allow=[["ls", "..."]], command_env=["*"], command_cwd=["*"])
    mission = loop.mission(step("a", "command", params={**LS, "env": {"A": "1", "B": "2"}, "cwd": "/srv"}))
    loop.policy("worker_policy", command_allow=[["id"]], command_env=["B"], command_cwd=[])
    assert loop.claim(1) == []
    return mission


def forbidden_before_its_claim(loop: Loop) -> UUID:
    loop.register(executors=ALL)
    loop.policy("worker_policy", command_allow=[["ls", "..."]])
    mission = loop.mission(step("a", "command", params=LS))
    loop.policy("worker_policy", command_allow=[])
    return mission


def forbidden_proposal(loop: Loop) -> UUID:
    loop.policy("worker_policy", command_allow=[["ls", "*"], ["cat", "..."]])
    proposal = loop.propose(
        step("a"),
        step("b", "command", params=LS),
        step("c", "command", params={"argv": ["cat", "{{steps.a.result.file}}"]}),
    )["proposal_id"]
    loop.policy("worker_policy", command_allow=[])
    return proposal


def rejected_by_policy(loop: Loop) -> UUID:
    made = loop.propose(step("a", "command", params={"argv": ["it's", 'a "quoted" \\ argument']}))
    assert made["status"] == "rejected"
    return made["proposal_id"]


def blocked_executor(loop: Loop) -> UUID:
    loop.register(executors=ALL)
    mission = loop.mission(step("a"))
    loop.policy("worker_policy", blocked_executors=["sql", "no*", "noop"])
    return mission


def blocked_preset(loop: Loop) -> UUID:
    loop.register(executors=ALL)
    mission = loop.mission(step("a", "openclaw", params={"prompt": "hello"}))
    loop.policy("worker_policy", blocked_executors=["command", "sql"])
    return mission


def not_allowed_executor(loop: Loop) -> UUID:
    loop.register(executors=ALL)
    mission = loop.mission(step("a"))
    loop.policy("worker_policy", allowed_executors=["sql"])
    return mission


def running(loop: Loop) -> UUID:
    loop.register(executors=ALL)
    mission = loop.mission(step("a"))
    loop.work(mission)
    loop.advance(3600)
    loop.register("w2", ALL)
    return mission


def running_without_lease(loop: Loop) -> UUID:
    mission = loop.mission(step("a", on_lease_lost="retry"))
    loop.work(mission)
    loop.do("update ops_mission_steps set lease_expires_at = null where mission_id = %s", mission)
    loop.advance(3600)
    return mission


def backoff(loop: Loop) -> UUID:
    loop.register(executors=ALL)
    mission = loop.mission(step("a", max_retries=5))
    loop.fail(loop.work(mission), "out of luck", after=600, code="OPS_007")
    return mission


def backoff_overdue(loop: Loop) -> UUID:
    mission = backoff(loop)
    loop.advance(3600)
    loop.register(executors=ALL)
    return mission


def queued_by_hand(loop: Loop) -> UUID:
    mission = loop.mission(step("a"))
    loop.fail_for_good(mission)
    loop.queue_by_hand(loop.step(mission)["id"])
    loop.do("update ops_missions set status = 'running', completed_at = null where id = %s", mission)
    loop.register(executors=ALL)
    return mission


def in_line(loop: Loop) -> UUID:
    loop.register(executors=ALL)
    loop.mission(step("a"), priority=5)
    loop.mission(step("a"))
    mission = loop.mission(step("a"))
    loop.mission(step("a"))
    loop.mission(step("a"), priority=-1)
    return mission


def failed(loop: Loop) -> UUID:
    loop.register(executors=ALL)
    mission = loop.mission(step("a"), step("b"))
    loop.fail_for_good(mission, error="broken pipe", code="OPS_007")
    return mission


def failed_with_a_code_in_its_text(loop: Loop) -> UUID:
    loop.register(executors=ALL)
    mission = loop.mission(step("a"))
    loop.fail_for_good(mission, error="OPS_003: paused: nobody may run this")
    return mission


def cancelled(loop: Loop) -> UUID:
    loop.register(executors=ALL)
    mission = loop.mission(step("a"), step("b"))
    loop.cancel(mission, "changed my mind")
    return mission


def cancelled_with_its_mission(loop: Loop) -> UUID:
    return loop.step(failed(loop), "b")["id"]


def busy_counter(loop: Loop) -> UUID:
    """As a proposal stays whose cap counter was busy when it was made."""
    proposal = loop.propose(step("a"), risk_level="high")["proposal_id"]
    loop.do(
        "update ops_mission_proposals set counted_at = null, risk_level = 'low',"
        " reason = 'a cap counter is busy; the next heartbeat gates it' where id = %s",
        proposal,
    )
    loop.row("select from _release_caps('manual', _now())")
    loop.policy("auto_approve", max_risk_level="high")
    return proposal


def capped(loop: Loop) -> UUID:
    proposal = busy_counter(loop)
    loop.propose(step("a"))
    loop.policy("proposal_caps", daily_limit=1)
    return proposal


def capped_source(loop: Loop) -> UUID:
    loop.policy("proposal_caps", per_source={"manual": 1, "it's": {"hourly_limit": 7}})
    loop.propose(step("a"))
    made = loop.propose(step("a"))
    assert made["status"] == "pending"
    return made["proposal_id"]


def capped_rejected(loop: Loop) -> UUID:
    loop.policy("proposal_caps", daily_limit=1, over_limit="reject")
    loop.propose(step("a"))
    made = loop.propose(step("a"))
    assert made["status"] == "rejected"
    return made["proposal_id"]


def capped_twice(loop: Loop) -> UUID:
    loop.policy("proposal_caps", hourly_limit=2, per_source={"it's": {"hourly_limit": 1, "daily_limit": 9}})
    loop.propose(step("a"))
    loop.propose(step("a"), source="it's")
    made = loop.propose(step("a", params={"x": "$literally$"}), source="it's")
    assert made["status"] == "pending"
    return made["proposal_id"]


def nobody_offers_it(loop: Loop) -> UUID:
    mission = loop.mission(step("a"))
    loop.register("other", {"sql": {}, "http": {}})
    return mission


CASES = {
    "a proposal that a person must decide": Case(
        approval, "approval", "OPS_009", ("risk high (as declared)", "auto_approve version 1", "postgres")
    ),
    "a proposal with votes": Case(voted, "approval", "OPS_009", ("reviewer: approve (looks good)",)),
    "a step behind a blocked one behind a held one": Case(
        dependency, "dependency", None, ("waits for step b, which is blocked",), ("hold",)
    ),
    "a blocked step that nothing will unblock": Case(forgotten, "dependency", None, ("has ended",)),
    "a step whose outcome nobody knows": Case(
        vanished, "hold", "OPS_010", ("outcome unknown", "worker w1 vanished", "fn_resolve_step")
    ),
    "a step that policy parked": Case(
        riskier, "hold", "OPS_009", ("http is not in auto_approve.allowed_step_kinds", "auto_approve version 3")
    ),
    "a step that the next claim would park": Case(
        not_parked_yet, "policy", "OPS_009", ("the next claim will park it", "auto_approve version 3")
    ),
    "a parked step that policy forbids to anybody": Case(
        forbidden_by_now, "policy", "OPS_003", ('["ls", "/tmp"]', "command_allow", "worker_policy version 3"), ("hold",)
    ),
    "a queued step that policy forbids to anybody": Case(
        forbidden_before_its_claim, "policy", "OPS_003", ("nobody may run this",)
    ),
    "a pending proposal that policy forbids by now": Case(
        forbidden_proposal, "policy", "OPS_003", ("steps.b", "steps.c"), ("approval",)
    ),
    "a proposal that policy rejected": Case(
        rejected_by_policy, "policy", "OPS_003", ("command_allow",), ("ended",)
    ),
    "an executor that is blocked": Case(
        blocked_executor, "policy", "OPS_003", ("blocked_executors has no*, noop", "worker_policy version 2")
    ),
    "a preset that is blocked with command": Case(
        blocked_preset, "policy", "OPS_003", ("blocked_executors has command",)
    ),
    "an executor that is not among those allowed": Case(
        not_allowed_executor, "policy", "OPS_003", ("allowed_executors has no noop",)
    ),
    "a lease that ran out": Case(
        running, "lease", "OPS_010", ("worker w1", "attempt 1", "sign of life", "ran out", "must be over")
    ),
    "a running step without a lease": Case(running_without_lease, "lease", "OPS_010", ("no lease is on record",)),
    "a retry that is not due": Case(
        backoff, "retry_timer", "OPS_007", ("failure 1 of 5", "out of luck", "tried again at")
    ),
    "a retry that nobody looks after": Case(backoff_overdue, "retry_timer", "OPS_007", ("no heartbeat has come",)),
    "a step queued by hand": Case(queued_by_hand, "queue", None, ("by hand",)),
    "a place in line": Case(in_line, "queue", None, ("2 steps go before it",)),
    "a mission that failed": Case(failed, "ended", "OPS_007", ("step a failed", "broken pipe")),
    "a text that only looks like a code": Case(failed_with_a_code_in_its_text, "ended", None, ("OPS_003: paused",)),
    "a mission that was cancelled": Case(cancelled, "ended", None, ("cancelled by ada", "changed my mind")),
    "a step cancelled because its mission failed": Case(
        cancelled_with_its_mission, "ended", None, ("its mission failed: step a failed",)
    ),
    "a proposal whose cap counter was busy": Case(busy_counter, "queue", None, ("busy",)),
    "a waiting proposal for which a cap has no room": Case(
        capped, "cap", "OPS_003",
        ("daily_limit is 1 and 1 are used", "window ends at", "proposal_caps version 2"), ("queue",),
    ),
    "a proposal that waits for the cap of its source": Case(
        capped_source, "cap", "OPS_003", ("per_source.manual.daily_limit is 1",), ("queue",)
    ),
    "a proposal that a cap rejected": Case(
        capped_rejected, "cap", "OPS_003", ("daily_limit is 1",), ("ended",)
    ),
    "a proposal over two caps": Case(capped_twice, "cap", "OPS_003", ("hourly_limit is 2",), ("cap", "queue")),
    "an executor that no worker offers": Case(
        nobody_offers_it, "no_worker", "OPS_005", ("other (http, sql)", "opsloop worker --executors noop")
    ),
}  # fmt: skip


def pause(scope: str, target: str | None = None, *steps: Row, **fields: Any) -> Callable[[Loop], UUID]:
    """A mission that was begun and then met a pause."""

    def build(loop: Loop) -> UUID:
        loop.register(executors=ALL)
        mission = loop.mission(*steps or [step("a")], **fields)
        goal = str(mission) if scope == "mission" else target
        loop.value("select fn_pause(%s, %s, 'ada', 'too hot')", scope, goal)
        assert loop.claim(10) == []
        return mission

    return build


def killed(loop: Loop) -> UUID:
    loop.register(executors=ALL)
    mission = loop.mission(step("a"))
    loop.work(mission)
    loop.value("select fn_kill_switch('ada', 'stop it')")
    return mission


def killed_and_held(loop: Loop) -> UUID:
    loop.register(executors=ALL)
    mission = loop.mission(step("a", on_lease_lost="hold"))
    loop.work(mission)
    loop.value("select fn_kill_switch('ada', 'stop it')")
    return mission


def void_lease(loop: Loop) -> UUID:
    mission = running(loop)
    loop.do("update ops_control set epoch = epoch + 1")
    return mission


def paused_twice_and_blocked(loop: Loop) -> UUID:
    mission = pause("kind", "noop")(loop)
    loop.value("select fn_pause('mission', %s, 'bob')", str(mission))
    loop.policy("worker_policy", blocked_executors=["noop"])
    return mission


def lifted_by_hand(loop: Loop) -> UUID:
    mission = pause("kind", "noop")(loop)
    loop.do("delete from ops_pauses")
    return mission


def paused_behind_a_running_step(loop: Loop) -> UUID:
    loop.register(executors=ALL)
    mission = loop.mission(step("a"), step("b"))
    work = loop.work(mission)
    loop.value("select fn_pause('source', 'manual', 'ada')")
    (row, other) = explain(loop, mission)[0], explain(loop, mission)[-1]
    assert (row["reason"], other["reason"], other["step_id"]) == ("lease", "pause", None)
    loop.complete(work)
    loop.register(executors=ALL)
    return loop.step(mission, "b")["id"]


ROLE = step("a", "noop", params={"role": "planner"})
BY = ("by ada (login postgres)", "too hot")
PAUSES = {
    "everything paused": Case(pause("all"), "pause", None, ("all is paused", *BY)),
    "an executor paused": Case(pause("executor", "noop"), "pause", None, ("executor noop is paused", *BY)),
    "a preset paused with command": Case(
        pause("executor", "command", step("a", "openclaw", params={"prompt": "x"})),
        "pause", None, ("executor command is paused",),
    ),
    "a kind paused": Case(pause("kind", "noop"), "pause", None, ("kind noop is paused", *BY)),
    "a source paused": Case(pause("source", "manual"), "pause", None, ("source manual is paused", *BY)),
    "an agent paused": Case(pause("agent", "planner", ROLE), "pause", None, ("agent planner is paused", *BY)),
    "a mission paused": Case(pause("mission"), "pause", None, ("mission ", "is paused", *BY)),
    "two pauses, and a blocked executor": Case(
        paused_twice_and_blocked, "pause", None, ("kind noop is paused",), ("pause", "policy")
    ),
    "a pause that was lifted and left a step behind": Case(lifted_by_hand, "pause", None, ("is lifted",)),
    "a pause behind what still runs": Case(paused_behind_a_running_step, "pause", None, ("source manual",)),
    "the kill switch": Case(killed, "pause", None, ("stopped by the kill switch", "stop it")),
    "the kill switch, in the middle of what must not run twice": Case(
        killed_and_held, "hold", "OPS_010", ("outcome unknown",), ("pause",)
    ),
    "a lease that the kill switch made void": Case(void_lease, "lease", "OPS_006", ("void",)),
}  # fmt: skip
CASES |= PAUSES


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_printed_statement_frees(loop, case):
    subject = case.build(loop)
    before = loop.contents()
    rows = explain(loop, subject)
    assert loop.contents() == before
    assert (rows[0]["reason"], rows[0]["code"]) == (case.reason, case.code), rows
    assert all(said in rows[0]["detail"] for said in case.says), rows
    assert set(reasons(rows[1:])) - {case.reason} == set(case.others) - {case.reason}, rows
    free(loop, rows)
    mission = mission_of(loop, subject)
    if mission is None:  # what was rejected and proposed again may wait for a person now
        free(loop, explain(loop, loop.proposals()[-1]["id"]))
        mission = mission_of(loop, loop.proposals()[-1]["id"])
    if case.build is forgotten:
        loop.turn()
    finish(loop, mission)


def mission_of(loop: Loop, subject: UUID) -> UUID | None:
    """The mission that a mission, step or proposal, or what was proposed again in its place, belongs to."""
    found: UUID | None = loop.value(
        """
        select coalesce(
          (select id from ops_missions where id = g.id),
          (select mission_id from ops_mission_steps where id = g.id),
          (select id from ops_missions where proposal_id = g.id),
          (select m.id from ops_mission_proposals r
             join ops_mission_proposals p on p.template = r.template and p.id > r.id
             join ops_missions m on m.proposal_id = p.id
            where r.id = g.id))
          from (select %s::uuid as id) g""",
        subject,
    )
    return found


def test_a_mission_that_succeeded_has_ended_and_nothing_frees_it(loop):
    mission = loop.mission(step("a"))
    finish(loop, mission)
    (row,) = explain(loop, mission)
    assert (row["reason"], row["status"], row["step_id"], row["frees"]) == ("ended", "succeeded", None, None)
    (row,) = explain(loop, loop.step(mission)["id"])
    assert (row["reason"], row["status"], row["frees"]) == ("ended", "succeeded", None)


@pytest.mark.parametrize(
    "params",
    [
        {"argv": ["sh", "-c", "*"]},
        {"argv": ["*"]},
        {"argv": ["sh", "..."]},
        {"argv": ["id"], "env": {"*": "1"}},
        {"argv": ["id"], "cwd": "/*"},
    ],
)
def test_a_statement_never_allows_more_than_the_command_it_explains(loop, params):
    """Whoever proposes writes the arguments; a glob among them must not end up in policy."""
    loop.policy("worker_policy", command_allow=[["id"]], command_env=[], command_cwd=[])
    made = loop.propose(step("a", "command", params=params))
    row = loop.rows("select * from fn_explain_proposal(%s)", made["proposal_id"])[0]
    assert (row["reason"], row["code"], row["frees"]) == ("policy", "OPS_003", None)


def test_a_ban_on_more_commands_than_anybody_reads_gets_no_statement(loop):
    loop.policy("worker_policy", command_allow=[])
    made = loop.propose(*(step(f"s{n}", "command", params={"argv": ["id", str(n)]}) for n in range(102)))
    row = loop.rows("select * from fn_explain_proposal(%s)", made["proposal_id"])[0]
    assert (row["reason"], row["frees"]) == ("policy", None)


def test_the_cause_of_a_step_is_that_of_its_proposal_and_an_unknown_id_is_refused(loop):
    loop.react({"name": "r", "event_type": "disk", "template": template(step("a"), rationale="it is full")})
    loop.emit("disk")
    loop.turn()
    (proposal,) = loop.proposals()
    mission = loop.value("select id from ops_missions")
    for one in (proposal["id"], mission, loop.step(mission)["id"]):
        cause = loop.row("select * from fn_explain_cause(%s)", one)
        assert (cause["proposal_id"], cause["mission_id"]) == (proposal["id"], mission)
        assert (cause["rationale"], cause["caused_by"]["event"]["type"]) == ("it is full", "disk")
    loop.refused("012", "select * from fn_explain_cause(gen_random_uuid())")
