"""A batch of proposals gives exactly what the same proposals give one by one."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from looping import step, template

# What policy says to them: runs by itself, waits for a person, may not run at all; some with a step after a step.
TEMPLATES = [
    template(step("a"), priority=3),
    template(step("a"), step("b", params={"x": "{{steps.a.result.n}}"})),
    template(step("a", params={"n": 1})),
    template(step("a", params={"n": 1.0})),
    template(step("a"), risk_level="high"),
    template(step("a", "http", params={"url": "https://x/"})),
    template(step("a", "command", params={"argv": ["rm"]})),
]

proposals = st.lists(
    st.fixed_dictionaries(
        {"template": st.sampled_from(TEMPLATES)},
        optional={
            "source": st.sampled_from(["mail", "deploy", "chat"]),
            "dedupe_key": st.sampled_from(["k1", "k2", "k3"]),
        },
    ),
    min_size=1,
    max_size=12,
)
limits = st.none() | st.integers(0, 6)
of_all = st.none() | st.integers(1, 6)
caps = st.fixed_dictionaries(
    {"daily_limit": of_all, "hourly_limit": of_all},
    optional={
        "over_limit": st.sampled_from(["wait", "reject"]),
        "max_waiting": st.integers(0, 2),
        "per_source": st.dictionaries(
            st.sampled_from(["mail", "deploy", "manual"]),
            st.integers(0, 4) | st.fixed_dictionaries({"daily_limit": limits, "hourly_limit": limits}),
        ),
    },
)

STORED = """
  select row_number() over (order by p.id) as nth, p.dedupe_key, p.source, p.status, p.title, p.risk_level, p.priority,
         p.template::text, p.slots, p.template_digest, p.approved_digest, p.reason, p.policy_snapshot,
         p.counted_at is not null as counted, p.decided_by, p.approved_at is not null as approved,
         m.title as mission, m.priority as at, m.approved_risk, m.steps_open,
         (select jsonb_agg(jsonb_build_array(s.key, s.params, s.slots, s.status, cardinality(s.depends_on),
                                             cardinality(s.unblocks), s.waiting_on) order by s.position)
            from ops_mission_steps s where s.mission_id = m.id) as steps,
         (select jsonb_agg(r.seq is not null order by s.position)
            from ops_mission_steps s left join ops_ready r on r.lane = s.lane and r.seq = s.ready_seq
           where s.mission_id = m.id) as ready
    from ops_mission_proposals p left join ops_missions m on m.proposal_id = p.id order by p.id"""


def answers(rows):
    """What was answered, ids replaced by the place of the first row that has them."""
    seen = [r["proposal_id"] for r in rows]
    return [
        (seen.index(r["proposal_id"]), r["status"], r["reason"], r["mission_id"] is not None) for r in rows
    ]


def one_by_one(loop, given):
    return [
        loop.row(
            "select * from fn_create_proposal(%s, %s, %s)",
            p["template"],
            p.get("source", "manual"),
            p.get("dedupe_key"),
        )
        for p in given
    ]


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(before=proposals, batch=proposals, limit=caps)
def test_a_batch_gives_what_its_proposals_give_one_by_one(loop, before, batch, limit):
    outcomes = []
    for ways in (
        one_by_one,
        lambda it, given: it.rows("select * from fn_create_proposals(%s)", Jsonb(given)),
    ):
        loop.do("savepoint before")
        loop.stop_clock("2031-05-05 12:00:00+00")
        one_by_one(loop, before)
        loop.policy("proposal_caps", **{"per_source": {}, **limit})
        answered = answers(ways(loop, batch))
        outcomes.append(
            (answered, loop.rows(STORED), loop.rows("select * from ops_cap_counters order by 1, 2"))
        )
        assert loop.broken() == []
        loop.do("rollback to savepoint before")
    assert outcomes[0] == outcomes[1]


def test_what_is_rejected_outright_takes_no_place_among_what_waits(loop):
    loop.propose(step("a"))
    limits = {"daily_limit": None, "hourly_limit": 2, "per_source": {"manual": 0}, "max_waiting": 1}
    loop.policy("proposal_caps", **limits)
    given = [{"template": template(step("a")), "source": source} for source in ("manual", "mail", "manual")]
    answered = loop.rows("select status from fn_create_proposals(%s)", Jsonb(given))
    assert [one["status"] for one in answered] == ["rejected", "auto_approved", "pending"]
