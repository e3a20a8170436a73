"""An id of nothing is refused in the same words by all that take it."""

import json
from uuid import UUID

import pytest

UNKNOWN = UUID("0190a000-0000-7000-8000-000000000001")


@pytest.mark.parametrize(
    ("query", "what", "lists"),
    [
        ("select * from fn_mission_results(%s)", "mission", "fn_list_missions"),
        ("select * from fn_list_steps(p_mission_id => %s)", "mission", "fn_list_missions"),
        ("select * from fn_explain_mission(%s)", "mission", "fn_list_missions"),
        ("select fn_cancel_mission(%s)", "mission", "fn_list_missions"),
        ("select fn_pause('mission', %s::text)", "mission", "fn_list_missions"),
        ("select * from fn_explain_step(%s)", "step", "fn_list_steps"),
        ("select fn_retry_step(%s)", "step", "fn_list_steps"),
        ("select fn_resolve_step(%s, 'succeeded')", "step", "fn_list_steps"),
        ("select * from fn_explain_proposal(%s)", "proposal", "fn_list_proposals"),
        ("select * from fn_gate_proposal(%s)", "proposal", "fn_list_proposals"),
        ("select * from fn_approve_proposal(%s)", "proposal", "fn_list_proposals"),
        ("select * from fn_reject_proposal(%s)", "proposal", "fn_list_proposals"),
        ("select fn_as_shown(%s, '')", "proposal or step", "fn_inbox"),
        ("select * from fn_explain_cause(%s)", "proposal, mission or step", "fn_list_proposals"),
        ("select * from fn_trail(%s)", "mission, proposal, step or event", "fn_list_proposals"),
    ],
)
def test_an_unknown_id_is_told_with_its_kind_and_where_the_ids_are(loop, query, what, lists):
    diag = loop.refused("012", query, UNKNOWN)
    assert diag.message_primary == f"OPS_012: no {what} {UNKNOWN}"
    key = f"{what}_id" if what in ("mission", "step", "proposal") else "id"
    assert json.loads(diag.message_detail) == {key: str(UNKNOWN)}
    assert f"{lists}()" in diag.message_hint
