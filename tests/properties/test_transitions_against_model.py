"""Random transitions, gates, claims, crashes and clock jumps of several sessions, against a model in Python."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from looping import Loop
from tracked import directive, move

#: The contract: where each transition starts and leads to.
RULES = {
    "lead_to_plan": ({"LEAD", "LEAD_APPROVAL"}, "PLAN_PRD"),
    "plan_to_exec": ({"PLAN", "PLAN_PRD"}, "EXEC_IMPLEMENTATION"),
    "exec_to_plan": ({"EXEC_IMPLEMENTATION", "EXEC"}, "EXEC_COMPLETE"),
    "plan_to_lead": ({"EXEC_COMPLETE", "PLAN_VERIFICATION"}, "LEAD_FINAL"),
}
GATED = {"exec_to_plan", "plan_to_lead"}
TTL = 60

directives = st.sampled_from(["d1", "d2"])
sessions = st.sampled_from(["s1", "s2", None])
requests = st.sampled_from(["r1", "r2", "r3", None])
moves = st.tuples(
    st.sampled_from(["move", "crash", "handoff"]),
    directives,
    st.sampled_from(sorted(RULES)),
    sessions,
    requests,
    st.sampled_from([None, "own", "other"]),
    st.sampled_from([None, 0, 1, 2, 3]),
    st.sampled_from([100, 85, 84, 0]),
)
actions = st.one_of(
    moves,
    moves,
    moves,
    st.tuples(st.just("claim"), directives, st.sampled_from(["s1", "s2"])),
    st.tuples(st.just("release"), directives, st.sampled_from(["s1", "s2"])),
    st.tuples(st.just("clock"), st.sampled_from([1, 30, 61, -10])),
    st.tuples(st.just("phase"), directives, st.sampled_from(["LEAD", "PLAN", "EXEC"])),
)


@dataclass
class Model:
    """What the directives are, who holds them until when, and which requests were completed."""

    now: float = 0
    phase: dict[str, str] = field(default_factory=lambda: {"d1": "LEAD", "d2": "EXEC"})
    version: dict[str, int] = field(default_factory=lambda: {"d1": 1, "d2": 1})
    claims: dict[str, tuple[str, float]] = field(default_factory=dict)
    done: dict[str, tuple[str, str]] = field(default_factory=dict)

    def holder(self, sd: str) -> str | None:
        """The session that holds a directive now."""
        session, until = self.claims.get(sd, ("", float("-inf")))
        return session if until > self.now else None

    def move(
        self,
        sd: str,
        kind: str,
        session: str | None,
        request: str | None,
        prd: str | None,
        version: int | None,
    ) -> str:
        """Moves a directive; what comes of it in one word."""
        if request in self.done:
            return "hit" if self.done[request] == (sd, kind) else "OPS_075"
        start, to = RULES[kind]
        if self.phase[sd] not in start:
            return "OPS_072"
        if version not in (None, self.version[sd]):
            return "OPS_073"
        if self.holder(sd) not in (None, session):
            return "OPS_071"
        if prd == "other":
            return "OPS_074"
        self.phase[sd] = to
        self.version[sd] += 1
        if self.holder(sd):
            self.claims[sd] = (session or "", self.now + TTL)
        if request:
            self.done[request] = (sd, kind)
        return "moved"


def word(answer: dict[str, Any]) -> str:
    """An answer in one word."""
    if answer["success"]:
        return "hit" if answer.get("idempotent_hit") else "moved"
    code = answer["code"]
    assert isinstance(code, str)
    return code


@pytest.fixture
def connection(shared_dsn: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(shared_dsn, options="-c search_path=opsloop") as conn:
        yield conn
        conn.rollback()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(actions, min_size=1, max_size=25))
def test_what_sessions_do_is_what_the_model_does(connection, steps):
    connection.rollback()
    loop, model = Loop(connection), Model()
    start = loop.stop_clock("2040-01-01")
    changed_by_hand: set[str] = set()
    directive(loop, "d1", phase="LEAD")
    directive(loop, "d2", phase="EXEC")
    for action, *args in steps:
        if action == "clock":
            model.now += args[0]
            loop.stop_clock(loop.value("select %s + make_interval(secs => %s)", start, model.now).isoformat())
        elif action == "phase":
            loop.do("update strategic_directives set current_phase = %s where id = %s", args[1], args[0])
            model.phase[args[0]] = args[1]
            changed_by_hand.add(args[0])
        elif action == "claim":
            sd, session = args
            answer = loop.value("select fn_claim_directive(%s, %s, %s)", sd, session, TTL)
            assert answer["success"] == (model.holder(sd) in (None, session))
            if answer["success"]:
                model.claims[sd] = (session, model.now + TTL)
        elif action == "release":
            sd, session = args
            answer = loop.value("select fn_release_directive(%s, %s)", "SD-" + sd, session)
            assert answer["success"] == (model.holder(sd) == session)
            if answer["success"]:
                del model.claims[sd]
        else:
            sd, kind, session, request, which, version, score = args
            prd = {"own": f"{sd}-p", "other": "d1-p" if sd == "d2" else "d2-p", None: None}[which]
            if action == "handoff":
                expected = (
                    "OPS_078"
                    if score < 85 and request not in model.done
                    else model.move(sd, kind, session, request, which, None)
                )
                answer = loop.value(
                    "select fn_execute_handoff(%s, %s, %s, %s, %s, %s)",
                    kind.upper().replace("_", "-"), sd, prd, session,
                    {"A": {"passed": True, "score": score, "maxScore": 100}}, request,
                )  # fmt: skip
            elif action == "crash":
                with connection.transaction(force_rollback=True):
                    move(loop, sd, kind, prd_id=prd, session_id=session, request_id=request)
                continue
            else:
                expected = model.move(sd, kind, session, request, which, version)
                answer = move(
                    loop,
                    sd,
                    kind,
                    prd_id=prd,
                    session_id=session,
                    request_id=request,
                    expected_version=version,
                )
            assert word(answer) == expected, (action, args)
            if expected == "moved":
                changed_by_hand.discard(sd)
        rows = loop.rows("select id, current_phase, transition_version from strategic_directives")
        assert {r["id"]: (r["current_phase"], r["transition_version"]) for r in rows} == {
            sd: (model.phase[sd], model.version[sd]) for sd in model.phase
        }
        broken = loop.rows("select * from fn_check_invariants('transitions')")
        assert {b["invariant"].split()[0] for b in broken} <= {"12"}
        assert {b["subject"].removeprefix("directive ") for b in broken} <= changed_by_hand
