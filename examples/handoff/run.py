"""Takes a directive from LEAD to done: `python run.py [DSN]`. See README.md.

Without a connection string it starts a PostgreSQL of its own, gone afterwards. The database must be an empty one.
"""

import os
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import psycopg

from opsloop import embedded, migrate
from opsloop.client import Client

AGENTS = Path(__file__).parent / "agents"
SD = "SD-LOGIN-001"
SESSION = "example"
#: Code, priority, and the codes of those that come first.
SUB_AGENTS = (
    ("TESTING", 95, []),
    ("SECURITY", 90, []),
    ("REGRESSION", 70, ["TESTING"]),
    ("DOCMON", 50, []),
    ("SIZE", 40, []),
)
CONSTRAINT = "product_requirements_frozen"


def main(dsn: str) -> int:
    """Tell the story; 0 when it went as it should."""
    migrate.migrate(dsn)
    migrate.seed(dsn)
    with psycopg.connect(dsn, autocommit=True, options="-c search_path=opsloop") as conn:
        client = Client(conn)
        prepare(conn, client)

        hand_over(client, "LEAD-TO-PLAN", "request-1")
        hand_over(client, "PLAN-TO-EXEC", "request-2")

        found = check(dsn, client)
        print(f"sub-agents: {found['verdict']}, confidence {found['confidence']}")
        for code, agent in sorted(found["agents"].items()):
            print(f"  {code:11} {agent['verdict'] or agent['reason']}")

        # (90 + 89.8) / 2 = 89.9, and a directive of type security needs 90.
        hand_over(client, "EXEC-TO-PLAN", "request-3", gates(found, 89.8))

        before = tracked(conn)
        conn.execute(
            f"alter table product_requirements add constraint {CONSTRAINT} check (status <> 'verification') not valid"
        )
        hand_over(client, "EXEC-TO-PLAN", "request-3", gates(found, 92))
        as_before = tracked(conn) == before
        print(f"  all as it was: {'yes' if as_before else 'NO'}")
        conn.execute(f"alter table product_requirements drop constraint {CONSTRAINT}")

        hand_over(client, "EXEC-TO-PLAN", "request-3", gates(found, 92))
        hand_over(client, "EXEC-TO-PLAN", "request-3", gates(found, 92))
        hand_over(client, "PLAN-TO-LEAD", "request-4", gates(found, 92))
        conn.execute("update strategic_directives set status = 'completed' where sd_key = %s", (SD,))

        print()
        show(conn)
        broken = conn.execute("select * from fn_check_invariants()").fetchall()
        directive = client.show_directive(SD)
        print(
            f"{SD}: {directive['status']} in phase {directive['current_phase']}; broken invariants: {len(broken)}"
        )
        done = (directive["status"], directive["current_phase"]) == ("completed", "LEAD_FINAL")
        return 0 if done and as_before and not broken else 1


def prepare(conn: psycopg.Connection[Any], client: Client) -> None:
    """The directive with its requirement and stories, the sub-agents, and policy: these programs and no other."""
    conn.execute("insert into strategic_directives (id, sd_key, title, sd_type, current_phase)"
                 " values ('d-1', %s, 'Log in by key', 'security', 'LEAD')", (SD,))  # fmt: skip
    conn.execute("insert into product_requirements (id, sd_id) values ('prd-1', 'd-1')")
    conn.execute("insert into user_stories (id, sd_id, status)"
                 " values ('us-1', 'd-1', 'in_progress'), ('us-2', 'd-1', 'ready')")  # fmt: skip
    programs = {code: [sys.executable, "-B", str(AGENTS / f"{code.lower()}.py")] for code, _, _ in SUB_AGENTS}
    for code, priority, depends_on in SUB_AGENTS:
        conn.execute(
            "insert into leo_sub_agents (code, priority, depends_on, phases, executor, params)"
            " values (%s, %s, %s, '{EXEC}', 'command', jsonb_build_object('argv', to_jsonb(%s::text[])))",
            (code, priority, depends_on, programs[code]),
        )
    allowed = {"command_allow": list(programs.values())}
    client.set_policy("worker_policy", {**client.get_policy("worker_policy"), **allowed}, "example")
    approved = {
        "allowed_step_kinds": ["sub_agent"],
        "allowed_executors": ["command"],
        "max_risk_level": "high",
    }
    client.set_policy("auto_approve", {**client.get_policy("auto_approve"), **approved}, "example")


def check(dsn: str, client: Client) -> dict[str, Any]:
    """Have the five programs run by a worker; what they found."""
    asked = client.orchestrate_sub_agents(SD, "EXEC", SESSION)
    worker = [sys.executable, "-m", "opsloop.worker", "--drain"]
    subprocess.run(worker, env={**os.environ, "DATABASE_URL": dsn}, capture_output=True, check=True)
    client.heartbeat()
    return client.sub_agent_summary(asked["run_id"])


def gates(found: dict[str, Any], coverage: float) -> dict[str, Any]:
    """What the sub-agents found and the coverage of the tests, as results of two gates."""
    return {"SUB_AGENTS": found, "COVERAGE": {"passed": True, "score": coverage, "maxScore": 100}}


def hand_over(client: Client, kind: str, request: str, results: dict[str, Any] | None = None) -> None:
    """Ask for a handoff and say what came of it."""
    answer = client.execute_handoff(kind, SD, "prd-1", SESSION, results, request)
    if answer.get("idempotent_hit"):
        print(f"{kind}: {request} again: the first answer")
    elif answer["success"]:
        print(f"{kind}: accepted, now in {answer['to_phase']}")
    elif "failed_step" in answer:
        print(f"{kind}: failed in {answer['failed_step']} (SQLSTATE {answer['error_code']})")
    else:
        print(f"{kind}: {answer['status']}: {answer['error']}")


def tracked(conn: psycopg.Connection[Any]) -> list[Any]:
    """All that a transition may change."""
    tables = ("strategic_directives", "product_requirements", "user_stories", "sd_session_claims")
    return [conn.execute(f"select * from {table} order by 1").fetchall() for table in tables]


def show(conn: psycopg.Connection[Any]) -> None:
    """The table of what happened."""
    rows = conn.execute(
        "select h.handoff_type, h.request_id, h.from_phase, h.status, coalesce(h.scores ->> 'normalizedScore', ''),"
        "       coalesce(a.status, '')"
        "  from sd_phase_handoffs h left join sd_transition_audit a on a.id = coalesce(h.audit_id, ("
        "       select f.id from sd_transition_audit f where f.request_id = h.request_id and f.status = 'failed'"
        "          and h.status = 'rejected'))"
        " order by h.created_at, h.id"
    ).fetchall()
    heads = ("handoff", "request", "from", "came to", "score", "audit row")
    widths = [max(len(str(row[n])) for row in [heads, *rows]) for n in range(len(heads))]
    for row in (heads, ["-" * width for width in widths], *rows):
        print("  ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    print()


if __name__ == "__main__":
    given = sys.argv[1:]
    with nullcontext() if given else embedded.server(settings=embedded.THROWAWAY) as server:
        sys.exit(main(given[0] if given else server.dsn()))
