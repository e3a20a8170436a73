"""Directives as tests speak of them: tracked work is the team's own rows, so tests write it by plain insert."""

from typing import Any

from looping import Loop, Row

EXEC = "EXEC_IMPLEMENTATION"

#: The keys of the error object, as the contract has them.
ERROR_KEYS = {"error_code", "error_message", "failed_step", "pre_state", "partial_state", "recovery_action"}


def directive(
    loop: Loop, name: str = "d1", *, sd_type: str = "feature", phase: str = EXEC, status: str = "active"
) -> str:
    """A directive with two requirements' worth of work: its id, sd_key SD-<id>, requirement <id>-p, three stories."""
    loop.do(
        "insert into strategic_directives (id, sd_key, title, sd_type, status, current_phase)"
        " values (%s, 'SD-' || %s, 'a test', %s, %s, %s)",
        name, name, sd_type, status, phase,
    )  # fmt: skip
    loop.do("insert into product_requirements (id, sd_id) values (%s || '-p', %s)", name, name)
    loop.do(
        "insert into user_stories (id, sd_id, status) select %s || '-' || s, %s, s"
        " from unnest(array['in_progress', 'draft', 'blocked']) s",
        name, name,
    )  # fmt: skip
    return name


def move(loop: Loop, sd_id: str = "d1", kind: str = "exec_to_plan", **given: Any) -> Row:
    """The answer of `fn_atomic_transition`; further arguments by name, without p_."""
    names = "".join(f", p_{name} => %s" for name in given)
    answer = loop.value(f"select fn_atomic_transition(%s, %s{names})", kind, sd_id, *given.values())
    assert isinstance(answer, dict)
    return answer


def work(loop: Loop) -> list[Any]:
    """All that a transition may change of the tracked work."""
    return [
        loop.rows(f"select * from {table} order by 1")
        for table in ("strategic_directives", "product_requirements", "user_stories", "sd_session_claims")
    ]


def audit(loop: Loop, columns: str = "*") -> list[Row]:
    """The log of transitions, oldest first."""
    return loop.rows(f"select {columns} from sd_transition_audit order by id")
