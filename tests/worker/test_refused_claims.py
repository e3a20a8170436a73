"""A claim that the database refuses is not an idle one: the log, the exit code and the health check say so."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from opsloop.executors import executor
from worker.working import Process, Work

Start = Callable[..., Process]

REFUSE = """
  create function refuse() returns trigger language plpgsql as $$
    begin raise sqlstate '{state}' using message = 'not now'; end $$;
  create trigger refuse before update on ops_mission_steps for each row
    when (new.status = 'running') execute function refuse()"""


@pytest.mark.parametrize("mode", ["--drain", "--once"])
def test_a_refused_claim_is_said_and_the_exit_code_is_not_0(work: Work, start: Start, mode: str) -> None:
    step = work.step("noop")
    work.conn.execute(REFUSE.format(state="53100"))

    worker = start(mode, "--poll-seconds", "0.05")
    code, said = worker.end()

    assert code == 1
    assert "No queued steps" not in said
    assert "The database refused claims: 53100" in said
    assert worker.logged("claim refused")
    assert work.of(step, "status") == "queued"


def test_with_json_the_refused_claims_are_in_the_document(work: Work, start: Start) -> None:
    work.step("noop")
    work.conn.execute(REFUSE.format(state="53100"))

    code, said = start("--once", "--json", "--poll-seconds", "0.05").end()

    assert code == 1
    assert json.loads(said)["claims_refused"]["53100"] >= 1


FAIL = """
  create function refuse() returns trigger language plpgsql as $$
    begin raise sqlstate '53100' using message = 'not now'; end $$;
  create trigger refuse before update on ops_sweep for each row execute function refuse()"""


@pytest.mark.parametrize("mode", ["--drain", "--once"])
def test_a_phase_of_the_heartbeat_that_failed_is_said_and_the_exit_code_is_not_0(
    work: Work, start: Start, mode: str
) -> None:
    step = work.step("noop")
    work.conn.execute(FAIL)

    code, said = start(mode, "--heartbeat", "--poll-seconds", "0.05").end()

    assert code == 1
    assert "Phases of the heartbeat failed: adopted: 53100 (" in said
    assert "stale: 53100 (" in said
    assert work.of(step, "status") == "succeeded"


def test_with_json_the_failed_phases_are_in_the_document(work: Work, start: Start) -> None:
    work.conn.execute(FAIL)

    code, said = start("--once", "--heartbeat", "--json", "--poll-seconds", "0.05").end()

    assert (code, json.loads(said)["phases_failed"]["stale: 53100"]) == (1, 1)


def test_the_health_check_fails_while_claims_are_refused(work: Work) -> None:
    register = "select fn_register_worker('w', p_settings => %s)"
    check = "select status, value from fn_check_health() where name = 'workers'"
    work.conn.execute(register, ('{"claim_refused": {"code": "53100", "message": "disk full"}}',))
    ((status, value),) = work.conn.execute(check).fetchall()
    assert (status, value.partition("; ")[2]) == ("fail", "claims are refused: 53100")
    work.conn.execute(register, ("{}",))
    assert work.conn.execute(check).fetchall()[0][0] == "ok"


async def test_a_poisoned_step_among_others_is_failed_and_the_others_are_drained(
    work: Work, drain: Callable[..., Any]
) -> None:
    bad = work.step("noop")
    good = [work.step("noop") for _ in range(20)]
    work.conn.execute("update ops_mission_steps set attempt = 2147483647 where id = %s", (bad,))

    worker = await drain()

    assert worker.refusals == {}
    assert work.of(bad, "(status, last_error_code)") == ("failed", "22003")
    assert {work.of(step, "status") for step in good} == {"succeeded"}


async def test_results_that_the_state_of_the_server_refuses_are_sent_again(
    work: Work, drain: Callable[..., Any]
) -> None:
    step = work.step("noop")
    work.conn.execute("""
      create sequence tries;
      create function refuse() returns trigger language plpgsql as $$
        begin
          if nextval('tries') < 3 then raise sqlstate '57014' using message = 'not now'; end if;
          return new;
        end $$;
      create trigger refuse before update on ops_mission_steps for each row
        when (new.status = 'succeeded') execute function refuse()""")

    await drain()

    assert work.of(step, "(status, attempt)") == ("succeeded", "1")


async def test_a_result_with_a_number_that_no_reader_holds_fails_its_own_step(
    work: Work, drain: Callable[..., Any]
) -> None:
    @executor("own", blocking=False)
    def big(ctx: Any) -> Any:
        return {"a": [1, 10**400]} if ctx.params["big"] else {"a": 1}

    bad = work.step("own", {"big": True})
    good = [work.step("own", {"big": False}) for _ in range(20)]

    await drain(big)

    assert work.of(bad, "(status, last_error_code)") == ("failed", "OPS_041")
    assert ".a[1]: a number of 401 digits" in work.of(bad, "last_error")
    assert {work.of(step, "status") for step in good} == {"succeeded"}
