"""The audit log: a row for each decision and each change of policy, and none for what changes nothing."""

from uuid import UUID

import pytest

from looping import Loop, step
from opsloop import sqlfiles

HTTP = step("a", "http", params={"url": "https://x/"})
PAUSE = "select fn_pause('kind', 'deploy', 'ada', 'why')"
RESUME = "select fn_resume('kind', 'deploy', 'ada', 'why')"
KILL = "select fn_kill_switch('ada', 'why')"
APPROVE = "select * from fn_approve_proposal(%s, 'ada', 'why')"
REJECT = "select * from fn_reject_proposal(%s, 'ada', 'why')"
CANCEL = "select fn_cancel_mission(%s, 'ada', 'why')"
REDRIVE = "select * from fn_redrive_dead_letter(%s, 'ada')"
MANY = "select * from fn_redrive_dead_letters('{}', 100, %s, 'ada')"


def newest(loop: Loop) -> int:
    return int(loop.value("select coalesce(max(id), 0) from ops_audit_log"))


def since(loop: Loop, row: int) -> list[dict]:
    return loop.rows("select * from ops_audit_log where id > %s order by id", row)


def written(loop: Loop, statement: str, *params) -> dict:
    """The only row that a statement writes; what is the same for all actions is looked at here."""
    before = newest(loop)
    moment = loop.stop_clock()
    loop.rows(statement, *params)
    (row,) = since(loop, before)
    assert (row["created_at"], row["login"], row["actor"]) == (moment, "postgres", "ada")
    assert row["versions"] == {
        r["key"]: r["version"] for r in loop.rows("select key, version from ops_policy")
    }
    return row


def about(row: dict) -> tuple:
    return row["action"], row["subject_type"], row["subject_id"], row["reason"]


def pending(loop: Loop) -> UUID:
    return loop.propose(HTTP)["proposal_id"]


def test_pause_resume_and_kill_keep_their_answer_and_are_the_control_log(loop):
    rows = [written(loop, statement) for statement in (PAUSE, RESUME, KILL)]
    assert [about(row) for row in rows] == [
        ("pause", "kind", "deploy", "why"),
        ("resume", "kind", "deploy", "why"),
        ("kill", "all", "", "why"),
    ]
    assert [set(row["detail"]) >= {"changed"} for row in rows] == [True] * 3
    loop.rows(CANCEL, loop.mission(step("a")))
    assert loop.rows("select * from ops_control_log order by id") == [
        {
            "id": row["id"], "action": row["action"], "scope": row["subject_type"], "target": row["subject_id"],
            "actor": "ada", "login": "postgres", "reason": "why", "detail": row["detail"],
            "created_at": row["created_at"],
        }
        for row in rows
    ]  # fmt: skip


def test_approving_keeps_the_digest_that_it_is_for(loop):
    proposal = pending(loop)
    row = written(loop, APPROVE, proposal)
    assert about(row) == ("approve", "proposal", str(proposal), "why")
    digest = loop.value("select approved_digest from ops_mission_proposals")
    assert row["detail"] == {"digest": digest, "risk_level": "medium"}


def test_rejecting(loop):
    proposal = pending(loop)
    row = written(loop, REJECT, proposal)
    assert about(row) == ("reject", "proposal", str(proposal), "why")
    assert row["detail"] == {"digest": loop.value("select template_digest from ops_mission_proposals")}


def test_every_vote_is_kept_also_when_the_role_changes_it(loop):
    proposal = pending(loop)
    before = newest(loop)
    for vote in ("approve", "reject"):
        loop.rows("select * from fn_cast_vote(%s, 'reviewer', %s, 'why')", proposal, vote)
    rows = since(loop, before)
    assert [about(row) for row in rows] == [("vote", "proposal", str(proposal), "why")] * 2
    assert [(row["actor"], row["detail"]["vote"]) for row in rows] == [
        ("reviewer", "approve"),
        ("reviewer", "reject"),
    ]


def test_cancelling(loop):
    mission = loop.mission(step("a"))
    row = written(loop, CANCEL, mission)
    assert about(row) == ("cancel", "mission", str(mission), "why")
    assert row["detail"] == {"was": "approved"}


def test_retrying(loop):
    mission = loop.mission(step("a"))
    loop.fail_for_good(mission)
    failed = loop.step(mission)["id"]
    row = written(loop, "select fn_retry_step(%s, 'ada')", failed)
    assert about(row) == ("retry", "step", str(failed), None)
    assert row["detail"] == {
        "mission_id": str(mission), "was": "failed", "status": "queued", "approved_digest": None,
    }  # fmt: skip


def test_retrying_what_policy_parked_keeps_the_digest_that_it_approves(loop):
    mission = loop.mission(step("a"))
    loop.policy("auto_approve", enabled=False)
    assert loop.claim() == []
    row = written(loop, "select fn_retry_step(%s, 'ada')", loop.step(mission)["id"])
    assert row["detail"]["was"] == "waiting"
    assert row["detail"]["approved_digest"] == loop.step(mission)["approved_digest"] is not None


def test_resolving(loop):
    mission = loop.mission(step("a"))
    loop.policy("auto_approve", enabled=False)
    assert loop.claim() == []
    parked = loop.step(mission)["id"]
    row = written(loop, "select fn_resolve_step(%s, 'failed', 'ada', 'why')", parked)
    assert about(row) == ("resolve", "step", str(parked), "why")
    assert row["detail"] == {"outcome": "failed", "mission_id": str(mission)}


def test_setting_policy_counts_its_new_version_as_in_force(loop):
    row = written(
        loop,
        "select fn_set_policy('proposal_caps', fn_get_policy('proposal_caps') || '{\"daily_limit\": 7}', 'ada')",
    )
    assert about(row) == ("set_policy", "policy", "proposal_caps", None)
    assert (row["detail"], row["versions"]["proposal_caps"]) == ({"version": 2}, 2)


def test_changing_policy_by_hand(loop):
    before = newest(loop)
    loop.do("update ops_policy set value = value || '{\"daily_limit\": 7}' where key = 'proposal_caps'")
    (row,) = since(loop, before)
    assert about(row) == ("set_policy", "policy", "proposal_caps", None)
    assert (row["actor"], row["login"], row["versions"]["proposal_caps"]) == ("postgres", "postgres", 2)
    assert row["detail"] == {"version": 2, "by": "hand"}


def test_seeding_policy_and_not_seeding_it_again(loop):
    seeded = loop.rows("select * from ops_audit_log where actor = 'seed'")
    assert {about(row) for row in seeded} == {
        ("set_policy", "policy", r["key"], None) for r in loop.rows("select key from ops_policy")
    }
    assert len({row["subject_id"] for row in seeded}) == len(seeded)
    before = newest(loop)
    loop.conn.execute((sqlfiles.sql_root() / "seed/policies.sql").read_text())
    assert since(loop, before) == []


def dead(loop: Loop) -> str:
    """A dead letter of a step; its name."""
    loop.fail_for_good(loop.mission(step("a")))
    return str(loop.value("select dl_msg_id from dead_letter_archive order by id desc limit 1"))


def test_redriving_a_step_is_one_row_about_the_letter(loop):
    letter = dead(loop)
    row = written(loop, REDRIVE, letter)
    assert about(row) == ("redrive", "dead_letter", letter, None)
    step_id = str(loop.value("select id from ops_mission_steps"))
    assert row["detail"] == {"original_msg_id": step_id, "new_msg_id": f"step:{step_id}"}


def test_redriving_many_is_a_row_each_and_none_for_a_dry_run_or_one_that_cannot_be(loop):
    letters = [dead(loop) for _ in range(3)]
    before = newest(loop)
    loop.rows(MANY, True)
    assert since(loop, before) == []
    loop.do("delete from ops_mission_steps where id = (select min(id::text)::uuid from ops_mission_steps)")
    outcomes = {r["dl_msg_id"]: r["outcome"] for r in loop.rows(MANY, False)}
    redriven = [letter for letter in letters if outcomes[letter] == "redriven"]
    assert len(redriven) == 2
    assert [row["subject_id"] for row in since(loop, before)] == redriven


def test_what_is_done_already_changes_nothing_and_is_not_written_again(loop):
    approved, rejected = pending(loop), pending(loop)
    mission = loop.mission(step("a"))
    letter = dead(loop_without(loop, mission))
    statements = [
        (APPROVE, approved), (REJECT, rejected), (CANCEL, mission), (REDRIVE, letter), (PAUSE,), (KILL,),
    ]  # fmt: skip
    for statement, *params in statements:
        loop.rows(statement, *params)
    before = newest(loop)
    for statement, *params in statements:
        loop.rows(statement, *params)
    loop.rows("select fn_resume('executor', 'nothing')")
    assert since(loop, before) == []


def loop_without(loop: Loop, mission: UUID) -> Loop:
    """The loop with nothing of this mission ready, so that a claim comes upon the next one."""
    loop.do(
        "delete from ops_ready where id in (select id from ops_mission_steps where mission_id = %s)", mission
    )
    return loop


@pytest.mark.parametrize(
    ("code", "statement"),
    [
        ("012", "select * from fn_approve_proposal(gen_random_uuid())"),
        ("012", "select fn_cancel_mission(gen_random_uuid())"),
        ("012", "select fn_retry_step(gen_random_uuid())"),
        ("012", "select * from fn_redrive_dead_letter('none')"),
        ("017", "select fn_set_policy('auto_approve', '[]')"),
        ("018", "select fn_pause('everything')"),
    ],
)
def test_what_is_refused_leaves_no_row(loop, code, statement):
    loop.refused(code, statement)


def test_what_policy_approves_by_itself_is_kept_with_the_proposal_and_not_here(loop):
    before = newest(loop)
    assert loop.propose(step("a"))["status"] == "auto_approved"
    assert since(loop, before) == []


def test_the_owner_may_remove_old_rows(loop):
    loop.rows(PAUSE)
    assert loop.do("delete from ops_audit_log where created_at <= _now()") > 0


def test_only_one_routine_writes_the_log():
    writers = {
        file.stem
        for file in (sqlfiles.sql_root() / "code").glob("*/*.sql")
        if "into ops_audit_log" in file.read_text()
    }
    assert writers == {"_audit"}
