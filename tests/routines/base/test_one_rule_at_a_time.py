"""An argument that cannot be is refused with its value and the one rule that it broke, and not with all there are."""

import pytest

STORE = "select fn_store_sub_agent_result('SD-1', 'QA', p_{} => {})"
IDEA = 'select fn_radar_upsert(\'[{{"title": "x"}}, {}]\')'
SHA = "'" + "0" * 64 + "'"


@pytest.fixture
def sd(loop):
    loop.conn.execute("insert into strategic_directives (id, sd_key, title) values ('SD-1', 'SD-1', 'x')")
    return loop


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (STORE.format("metadata", "'[1]'"), "p_metadata must be an object, not [1]"),
        (STORE.format("confidence", "101"), "p_confidence must be from 0 to 100, not 101"),
        (STORE.format("execution_time", "-1"), "p_execution_time must be 0 or more, and finite, not -1"),
        ("select fn_claim_directive('SD-1', '')", "p_session_id must name a session, not ''"),
        ("select fn_claim_directive('SD-1', 's', 0)", "p_ttl_seconds must be from 1 to 604800, not 0"),
        ("select fn_claim_directive('SD-1', 's', null)", "p_ttl_seconds must be from 1 to 604800, not null"),
        ("select fn_radar_upsert('{}')", "p_ideas must be a list, not {}"),
        (IDEA.format("7"), "p_ideas[1] must be an object, not 7"),
        (IDEA.format("{}"), "p_ideas[1].title must be a text of 1 to 500 characters, not null"),
        (
            IDEA.format('{"title": "y", "status": "soon"}'),
            'p_ideas[1].status must be one of watching, validating, building, shipped, not "soon"',
        ),
        (IDEA.format('{"title": "y", "score": "9"}'), 'p_ideas[1].score must be a number, not "9"'),
        (
            "select * from fn_sign_in('k', 'SECRET')",
            "p_sign_in must be a sha256: 64 of the digits 0 to 9 and a to f",
        ),
        (f"select * from fn_sign_in('k', {SHA}, 0)", "p_minutes must be from 1 to 44640, not 0"),
    ],
)
def test_the_rule_that_was_broken_is_told(sd, query, said):
    assert sd.refused("018", query).message_primary == f"OPS_018: {said}"
