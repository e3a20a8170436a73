"""Arbitrary JSON, and documents that look nearly right, for the routines that must never raise."""

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

#: A test's database belongs to the test function; the examples share it, as nothing they do stays.
in_one_database = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

PLACEHOLDERS = [
    "{{event.data.x}}",
    "{{ event.type }}",
    "{{steps.a.result.y.0}}",
    "{{steps.b.result}}",
    "{{params.p}}",
    "{{foo}}",
    "{{",
    "}}",
    "{{}}",
    "{{{event.data.x}}}",
]
#: What PostgreSQL can store in jsonb: no NUL, no lone surrogates.
plain_texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12)
texts = st.lists(plain_texts | st.sampled_from(PLACEHOLDERS), max_size=3).map("".join)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-(10**40), max_value=10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)


def documents(names: st.SearchStrategy[str] = texts) -> st.SearchStrategy[Any]:
    """Any JSON value."""
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
        max_leaves=15,
    )


def nearly(names: list[str], values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Objects that use these names, with values of any kind."""
    return st.dictionaries(st.sampled_from(names), values, max_size=len(names))


_words = st.sampled_from(
    [
        "a",
        "b",
        "step_1",
        "sql",
        "command",
        "http",
        "noop",
        "low",
        "high",
        "fail",
        "retry",
        "hold",
        "*",
        "[",
        "",
    ]
)
_values = _words | documents() | st.lists(_words, max_size=3) | st.integers(-2, 5)
_params = nearly(
    ["statement", "args", "argv", "url", "method", "headers", "json", "stdin", "prompt"],
    _values | st.sampled_from(["https://h/{{event.data.x}}", "https://{{event.data.x}}/"]),
)
_steps = nearly(
    [
        "key",
        "kind",
        "executor",
        "params",
        "depends_on",
        "max_retries",
        "timeout_seconds",
        "on_failure",
        "needs_approval",
        "for_each",
        "run_after",
        "x",
    ],
    _values | _params,
)
templates = nearly(
    ["title", "rationale", "refs", "risk_level", "priority", "run_after", "steps", "x"],
    _values | st.lists(_steps | _values, max_size=5),
)

_patterns = nearly(
    [
        "name",
        "event_type",
        "tags",
        "source",
        "probability",
        "cooldown_minutes",
        "dedupe_key",
        "max_depth",
        "template",
    ],
    _values | templates,
)
_rules = nearly(
    ["name", "executor", "kind", "params", "unless_params", "risk_level"],
    _values | nearly(["*", "statement", "a.b"], _values | st.sampled_from(["(", "a{9999}", "^x$", "\\y"])),
)
_seats = st.lists(
    nearly(["group", "count", "after_minutes", "event"], _values | st.just("oncall")), max_size=3
)
_approval_rules = nearly(
    ["name", "when", "require", "veto", "reason_required", "expires_minutes", "on_expiry", "escalate"],
    _values | _seats | nearly(["min_risk", "executors", "kinds", "sources", "agents"], _values),
)
_presets = nearly(["argv", "stdin", "env", "cwd", "defaults", "timeout_seconds"], _values)
policies = st.tuples(
    st.sampled_from(
        [
            "reaction_matrix",
            "auto_approve",
            "proposal_caps",
            "worker_policy",
            "agent_roles",
            "approval_rules",
            "mine",
        ]
    ),
    documents()
    | nearly(["patterns"], st.lists(_patterns | _values, max_size=3) | _values)
    | nearly(
        ["enabled", "allowed_step_kinds", "allowed_executors", "max_risk_level", "risk_rules"],
        _values | st.lists(_rules | _values, max_size=3),
    )
    | nearly(
        ["daily_limit", "hourly_limit", "per_source"], _values | st.dictionaries(texts, _values, max_size=3)
    )
    | nearly(
        [
            "max_retries",
            "lease_minutes",
            "backoff",
            "command_allow",
            "presets",
            "executors",
            "blocked_executors",
        ],
        _values | st.lists(_values, max_size=3) | st.dictionaries(texts, _presets | _values, max_size=3),
    )
    | nearly(["roles"], st.dictionaries(texts, _values, max_size=3) | _values)
    | nearly(
        ["groups", "rules", "publish", "break_glass"],
        _values
        | st.lists(_approval_rules | _values, max_size=3)
        | st.just({"oncall": {"logins": ["ada"]}})
        | nearly(["group", "per_month", "review_hours"], _values),
    ),
)


def _some(fields: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


_levels = st.sampled_from(["low", "medium", "high"])
_words_of_policy = ["noop", "sql", "http", "command", "agent", "tidy", "*", "t*"]
_lists = st.lists(st.sampled_from(_words_of_policy), max_size=4)
_limits = st.sampled_from([None, 0, 2, 9])
_caps = _some({"daily_limit": _limits, "hourly_limit": _limits})
_caps_of_all = _some(
    {
        "daily_limit": st.sampled_from([None, 1, 2, 9]),
        "hourly_limit": st.sampled_from([None, 1, 2, 9]),
        "over_limit": st.sampled_from(["wait", "reject"]),
    }
)
_argv = st.sampled_from([["git", "status"], ["git", "push", "x"], ["rm", "-rf", "/"]])
_sound_steps = st.one_of(
    st.just({"kind": "noop"}),
    st.just({"kind": "tidy", "executor": "noop"}),
    st.just({"kind": "http", "params": {"url": "https://x/"}}),
    st.sampled_from(["select 1", "drop table x"]).map(lambda s: {"kind": "sql", "params": {"statement": s}}),
    st.sampled_from(["planner", "ghost"]).map(
        lambda role: {"kind": "agent", "params": {"role": role, "prompt": "?"}}
    ),
    st.tuples(
        _argv, _some({"cwd": st.sampled_from(["/srv", "/srv/../etc"]), "env": st.just({"A": "1"})})
    ).map(lambda given: {"kind": "command", "params": {"argv": given[0], **given[1]}}),
    st.sampled_from([{"prompt": "hello"}, {}]).map(lambda params: {"kind": "wrapped", "params": params}),
)
#: Templates without faults, of steps that policy may have something to say about.
sound_templates = st.builds(
    lambda steps, fields: {"title": "t", "steps": steps, **fields},
    st.lists(_sound_steps, min_size=1, max_size=4),
    _some({"risk_level": _levels}),
)
#: What judges a template, by key, without faults.
judging_documents = st.fixed_dictionaries(
    {
        "auto_approve": st.fixed_dictionaries(
            {
                "enabled": st.sampled_from([True, True, True, False]),
                "allowed_step_kinds": st.sampled_from([["*"], ["noop", "t*"]]) | _lists,
            },
            optional={
                "allowed_executors": _lists,
                "max_risk_level": _levels,
                "risk_rules": st.lists(
                    st.sampled_from(
                        [
                            {"name": "web", "executor": "http", "risk_level": "medium"},
                            {
                                "name": "drops",
                                "executor": "sql",
                                "risk_level": "high",
                                "params": {"*": "drop"},
                            },
                            {"name": "tidy", "kind": "t*", "risk_level": "low"},
                        ]
                    ),
                    max_size=3,
                ),
            },
        ),
        "worker_policy": _some(
            {
                "command_allow": st.lists(
                    st.sampled_from([["git", "status"], ["git", "..."], ["rm", "*", "*"]]), max_size=2
                ),
                "command_env": st.just(["A"]),
                "command_cwd": st.just(["/srv*"]),
                "presets": st.just({"wrapped": {"argv": ["openclaw", "{{params.prompt}}"]}}),
            }
        ),
        "proposal_caps": st.builds(
            lambda caps, own: {**caps, **own},
            _caps_of_all,
            _some({"per_source": st.fixed_dictionaries({"mail": st.integers(0, 3) | _caps})}),
        ),
        "agent_roles": st.sampled_from([{}, {"planner": {}}, {"roles": {"planner": {}, "ghost": {}}}]),
    }
)
