"""Every fault of a policy document is named by its place; what the runbook writes is sound."""

import pytest
from hypothesis import given
from psycopg.types.json import Jsonb

from routines.documents import in_one_database, policies

STEP = {"steps": [{"kind": "noop"}]}
PATTERN = {"name": "p", "event_type": "*", "template": STEP}


def faults(calculator, key, document):
    return calculator.execute("select _policy_faults(%s, %s)", (key, Jsonb(document))).fetchone()[0]


@pytest.mark.parametrize(
    ("key", "document"),
    [
        ("reaction_matrix", {}),
        ("reaction_matrix", {"patterns": []}),
        (
            "reaction_matrix",
            {
                "description": "ours",
                "patterns": [
                    PATTERN,
                    {
                        "name": "q",
                        "description": "why",
                        "enabled": False,
                        "event_type": ["disk:*", "step:*:failed"],
                        "tags": ["prod", "disk"],
                        "source": ["zabbix", "cron"],
                        "probability": 0.25,
                        "cooldown_minutes": 1.5,
                        "dedupe_key": "disk:{{event.data.host}}",
                        "max_depth": 2,
                        "template": {"title": "{{event.type}}", **STEP},
                    },
                ],
            },
        ),
        ("auto_approve", {}),
        ("auto_approve", {"enabled": False, "allowed_step_kinds": ["noop", "*"], "max_risk_level": "high"}),
        (
            "auto_approve",
            {
                "allowed_executors": None,
                "risk_rules": [
                    {"name": "a", "risk_level": "high", "executor": ["sql", "x*"], "kind": "k", "params": {"*": "x"}},
                    {"name": "b", "risk_level": "low", "executor": "http", "unless_params": {"a.b": "^x?$"}},
                ],
            },
        ),
        ("proposal_caps", {}),
        (
            "proposal_caps",
            {"daily_limit": 100, "hourly_limit": None, "per_source": {"cron": 5, "x": {"hourly_limit": 1}, "y": None}},
        ),
        ("worker_policy", {}),
        (
            "worker_policy",
            {
                "max_retries": 3,
                "lease_minutes": 0.5,
                "step_timeout_seconds": 60,
                "backoff": {"base_seconds": 0, "factor": 2, "max_seconds": 60, "jitter": 0.5},
                "blocked_executors": ["agent*"],
                "allowed_executors": ["*"],
                "command_allow": [["git", "status"], ["ls", "..."], ["ls", ["-l", "*"]]],
                "command_env": ["APP_*"],
                "command_cwd": ["/srv/*"],
                "http_allow_private": True,
                "presets": {"a": {"argv": ["a", "{{params.x}}"], "env": {"A": "1"}, "defaults": {"x": "y"}}},
                "executors": {"sql": {"timeout_seconds": 5, "concurrency": 2, "on_lease_lost": "hold"}},
            },
        ),
        ("agent_roles", {"roles": {"planner": {"model": "m", "anything": [1]}}}),
        ("agent_roles", {"planner": {"model": "m"}, "version": 2, "notes": "free"}),
        ("our_own", {"anything": {"goes": [1]}}),
    ],
)  # fmt: skip
def test_a_sound_document_has_no_faults(calculator, key, document):
    assert faults(calculator, key, document) == []


@pytest.mark.parametrize("key", ["reaction_matrix", "auto_approve", "our_own"])
@pytest.mark.parametrize("document", [None, [], 1, "x", True])
def test_a_document_is_an_object(calculator, key, document):
    assert faults(calculator, key, document) == [f"{key}: must be an object"]


@pytest.mark.parametrize("key", ["reaction_matrix", "auto_approve", "proposal_caps", "worker_policy"])
def test_a_misspelt_field_does_not_pass_for_an_absent_one(calculator, key):
    assert faults(calculator, key, {"enabeld": 1})[0].startswith("enabeld: unknown field; known are ")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"name": None}, "name: is missing"),
        ({"name": 5}, "name: must be a text of 1 to 200 characters, not 5"),
        ({"event_type": None}, "event_type: is missing"),
        ({"event_type": ["a", 5]}, 'event_type: must be a text or an array of texts, not ["a", 5]'),
        ({"event_type": ""}, 'event_type: must be a text or an array of texts, not ""'),
        ({"template": None}, "template: is missing"),
        ({"enabled": "yes"}, 'enabled: must be true or false, not "yes"'),
        ({"tags": "a"}, 'tags: must be an array of texts, not "a"'),
        ({"tags": None}, "tags: must not be null; leave it out"),
        ({"source": {}}, "source: must be a text or an array of texts, not {}"),
        ({"probability": 1.01}, "probability: must be a number from 0 to 1, not 1.01"),
        ({"cooldown_minutes": -1}, "cooldown_minutes: must be a number from 0 to 5256000, not -1"),
        ({"max_depth": 2.5}, "max_depth: must be a whole number from 0 to 1000, not 2.5"),
        ({"dedupe_key": "{{steps.a.result}}"}, "dedupe_key: takes placeholders such as {{event.data.…}} only"),
        ({"dedupe_key": "{{ x"}, "dedupe_key: takes placeholders such as {{event.data.…}} only"),
        ({"cooldown": 1}, "cooldown: unknown field; known are cooldown_minutes, dedupe_key, description, enabled, "
                          "event_type, max_depth, name, probability, source, tags, template"),
        ({"template": {"steps": [{"kind": "noop", "depends_on": ["x"]}]}},
         "template.steps[0].depends_on: 'x' is not a step of this template"),
    ],
)  # fmt: skip
def test_a_fault_of_a_pattern_is_named(calculator, change, fault):
    found = faults(calculator, "reaction_matrix", {"patterns": [PATTERN, {**PATTERN, "name": "q", **change}]})
    assert f"patterns[1].{fault}" in found
    assert len(found) == (2 if change == {"template": None} else 1)


def test_names_of_patterns_are_unique(calculator):
    assert faults(
        calculator, "reaction_matrix", {"patterns": [PATTERN, {**PATTERN, "name": "q"}, PATTERN]}
    ) == ["patterns[2].name: 'p' is the name of patterns[0] too"]


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ({"patterns": {}}, "patterns: must be an array, not {}"),
        ({"patterns": [5]}, "patterns[0]: must be an object, not 5"),
    ],
)
def test_patterns_are_a_list_of_objects(calculator, document, fault):
    assert faults(calculator, "reaction_matrix", document) == [fault]


RULE = {"name": "r", "risk_level": "high"}


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ({"enabled": "true"}, 'enabled: must be true or false, not "true"'),
        ({"allowed_step_kinds": "noop"}, 'allowed_step_kinds: must be an array of texts, not "noop"'),
        ({"max_risk_level": "none"}, 'max_risk_level: must be one of low, medium, high, not "none"'),
        ({"risk_rules": {}}, "risk_rules: must be an array, not {}"),
        ({"risk_rules": ["x"]}, 'risk_rules[0]: must be an object, not "x"'),
        ({"risk_rules": [{"name": "r"}]}, "risk_rules[0].risk_level: is missing"),
        ({"risk_rules": [RULE | {"excutor": "x"}]},
         "risk_rules[0].excutor: unknown field; known are description, executor, kind, name, params, risk_level, "
         "unless_params"),
        ({"risk_rules": [RULE | {"params": []}]}, "risk_rules[0].params: must be an object of regular expressions"),
        ({"risk_rules": [RULE | {"params": {"a": 5}}]}, "risk_rules[0].params.a: must be a regular expression, not 5"),
        ({"risk_rules": [RULE | {"unless_params": {"*": "(a"}}]},
         'risk_rules[0].unless_params.*: invalid regular expression: parentheses () not balanced: "(a"'),
    ],
)  # fmt: skip
def test_a_fault_of_auto_approve_is_named(calculator, document, fault):
    assert faults(calculator, "auto_approve", document) == [fault]


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ({"daily_limit": "100"}, 'daily_limit: must be a whole number from 1 to 2147483647, not "100"'),
        ({"hourly_limit": -1},
         "hourly_limit: must be 1 or more; leave it out for no limit, and stop what runs with fn_pause"),
        ({"daily_limit": 1e10}, "daily_limit: must be a whole number from 1 to 2147483647, not 10000000000.0"),
        ({"per_source": []}, "per_source: must be an object, not []"),
        ({"per_source": {"a": "x"}}, 'per_source.a: must be a whole number from 0 to 2147483647, not "x"'),
        ({"per_source": {"a": {"daily": 1}}}, "per_source.a.daily: unknown field; known are daily_limit, hourly_limit"),
        ({"per_source": {"a": {"daily_limit": 1.5}}},
         "per_source.a.daily_limit: must be a whole number from 0 to 2147483647, not 1.5"),
    ],
)  # fmt: skip
def test_a_fault_of_proposal_caps_is_named(calculator, document, fault):
    assert faults(calculator, "proposal_caps", document) == [fault]


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ({"max_retries": 0},
         'max_retries: must be 1 or more, as it counts failures: for a single attempt write "max_retries": 1'),
        ({"lease_minutes": 0}, "lease_minutes: must be a number from 0.02 to 1440, not 0"),
        ({"step_timeout_seconds": "60"}, 'step_timeout_seconds: must be a whole number from 1 to 604800, not "60"'),
        ({"backoff": 5}, "backoff: must be an object, not 5"),
        ({"backoff": {"jitter": 2}}, "backoff.jitter: must be a number from 0 to 1, not 2"),
        ({"backoff": {"base": 2}},
         "backoff.base: unknown field; known are base_seconds, factor, jitter, max_seconds"),
        ({"blocked_executors": "x"}, 'blocked_executors: must be an array of texts, not "x"'),
        ({"command_allow": ["ls"]},
         'command_allow[0]: must be an array of texts, the program first, such as ["git", "status"]'),
        ({"command_allow": [["ls"], []]},
         'command_allow[1]: must be an array of texts, the program first, such as ["git", "status"]'),
        ({"command_allow": [["ls", ["-l"], "x"]]},
         'command_allow[0]: must be an array of texts, the program first, such as ["git", "status"]'),
        ({"command_allow": [[["ls"]]]},
         'command_allow[0]: must be an array of texts, the program first, such as ["git", "status"]'),
        ({"command_allow": [["ls", ["-l", 5]]]}, 'command_allow[0][1]: must be an array of texts, not ["-l", 5]'),
        ({"command_allow": [["..."]]},
         'command_allow[0]: must be an array of texts, the program first, such as ["git", "status"]'),
        ({"command_allow": [["ls", 5]]},
         'command_allow[0]: must be an array of texts, the program first, such as ["git", "status"]'),
        ({"http_allow_private": 1}, "http_allow_private: must be true or false, not 1"),
        ({"presets": {"a": 5}}, "presets.a: must be an object, not 5"),
        ({"presets": {"sql": {"argv": ["x"]}}}, "presets.sql: is the name of a built-in executor"),
        ({"presets": {"a": {}}}, "presets.a.argv: is missing"),
        ({"presets": {"a": {"argv": []}}}, "presets.a.argv: must begin with the program, written out"),
        ({"presets": {"a": {"argv": ["{{params.x}}"]}}},
         "presets.a.argv: must begin with the program, written out"),
        ({"presets": {"a": {"argv": ["x", "{{event.data.y}}"]}}},
         "presets.a.argv[1]: {{ opens no placeholder; write {{params.<name>}}"),
        ({"presets": {"a": {"argv": ["x"], "cwd": "{{params.y}}"}}},
         "presets.a.cwd: {{ opens no placeholder; write {{params.<name>}}"),
        ({"presets": {"a": {"argv": ["x"], "shell": True}}},
         "presets.a.shell: unknown field; known are allowed, argv, cwd, defaults, description, env, stdin, "
         "timeout_seconds"),
        ({"executors": {"a": 5}}, "executors.a: must be an object, not 5"),
        ({"executors": {"a": {"concurrency": 0}}},
         "executors.a.concurrency: must be a whole number from 1 to 10000, not 0"),
        ({"executors": {"a": {"lease_seconds": 5}}},
         "executors.a.lease_seconds: unknown field; known are concurrency, max_retries, on_lease_lost, "
         "timeout_seconds"),
        ({"executors": {"a": {"timeout": 1}}},
         "executors.a.timeout: unknown field; known are concurrency, max_retries, on_lease_lost, "
         "timeout_seconds"),
    ],
)  # fmt: skip
def test_a_fault_of_worker_policy_is_named(calculator, document, fault):
    assert faults(calculator, "worker_policy", document) == [fault]


@pytest.mark.parametrize(
    ("key", "document", "fault"),
    [
        ("reaction_matrix", {"patterns": [{**PATTERN, "id": "catch-all"}]},
         'patterns[0].id: is called name here: write "name": "…"'),
        ("reaction_matrix", {"patterns": [{"name": "p", "type": "*", "event_type": "*", "template": STEP}]},
         'patterns[0].type: is called event_type here: write "event_type": "…"'),
        ("proposal_caps", {"per_source_limits": {"github": 10}},
         'per_source_limits: is called per_source here: write "per_source": {"<source>": 5}'),
        ("proposal_caps", {"daily_limit": 0},
         "daily_limit: must be 1 or more; leave it out for no limit, and stop what runs with fn_pause"),
        *(
            ("worker_policy", {name: ["agent"]},
             f'{name}: write "presets": {{"openclaw": {{…, "allowed": {{"subcommand": ["agent"]}}}}}}')
            for name in ("allowed_subcommands", "allowed_openclaw_subcommands", "allowed_openclaw_commands")
        ),
        ("worker_policy", {"allowed_tools": []},
         "allowed_tools: list what may be run in command_allow; tools of an agent are set where the agent is"),
        ("worker_policy", {"openclaw_timeout_ms": 600000},
         'openclaw_timeout_ms: write "presets": {"openclaw": {"timeout_seconds": 600, …}}'),
        ("agent_roles", {"sage": {"model": "m", "instructions": "You are the Sage."}},
         'sage.instructions: is called system here: write "system": "…"'),
    ],
)  # fmt: skip
def test_the_words_of_the_reference_loop_are_refused_with_what_to_write_instead(
    calculator, key, document, fault
):
    assert faults(calculator, key, document) == [fault]


def test_fields_that_are_only_refused_are_not_offered(calculator):
    assert "per_source_limits" not in faults(calculator, "proposal_caps", {"x": 1})[0]


_BASE_URL = "a.base_url: must be a text such as https://host/v1, without user, ? or #"


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ({"roles": []}, "roles: must be an object, not []"),
        ({"roles": {"a": 5}}, "roles.a: must be an object, not 5"),
        ({"roles": {"a": {"model": 5}}}, "roles.a.model: must be a text of 1 to 200 characters, not 5"),
        ({"a": {"model": ""}}, 'a.model: must be a text of 1 to 200 characters, not ""'),
        ({"a": {"base_url": "localhost"}}, _BASE_URL),
        ({"a": {"base_url": "https://me:secret@host/v1"}}, _BASE_URL),
        ({"a": {"base_url": ["https://host/v1"]}}, _BASE_URL),
        (
            {"a": {"api_key_env": "sk-live-1234"}},
            "a.api_key_env: must be the name of an environment variable of the workers",
        ),
        (
            {"a": {"api_key": "sk-1"}},
            "a.api_key: a key does not belong here; name its environment variable in api_key_env",
        ),
        ({"a": {"max_tokens": 0}}, "a.max_tokens: must be a whole number from 1 to 10000000, not 0"),
        (
            {"a": {"timeout_seconds": "1"}},
            'a.timeout_seconds: must be a whole number from 1 to 604800, not "1"',
        ),
        ({"a": {"temperature": 3}}, "a.temperature: must be a number from 0 to 2, not 3"),
        ({"a": {"system": 1}}, "a.system: must be a text of 0 to 100000 characters, not 1"),
    ],
)
def test_a_fault_of_agent_roles_is_named(calculator, document, fault):
    assert faults(calculator, "agent_roles", document) == [fault]


@in_one_database
@given(policy=policies)
def test_no_json_makes_the_check_itself_fail(calculator, policy):
    found = faults(calculator, *policy)
    assert all(isinstance(fault, str) and fault for fault in found)


@in_one_database
@given(policy=policies)
def test_a_policy_without_faults_can_judge(calculator, policy):
    key, document = policy
    if faults(calculator, key, document) == []:
        auto, worker = (document if key == name else {} for name in ("auto_approve", "worker_policy"))
        rows = calculator.execute(
            """select j.* from (values ('noop', '{}'), ('sql', '{"statement": "x"}'), ('command', '{"argv": ["a"]}'),
                                       ('http', '{}'), ('a', '{"p": "x"}'), ('b', '{}')) s (executor, params)
                cross join lateral _judge_step(s.executor, s.executor, s.params::jsonb, 'low', %s, %s) j""",
            (Jsonb(auto), Jsonb(worker)),
        ).fetchall()
        assert all(risk in (1, 2, 3) and auto_ok is not None for risk, auto_ok, *_ in rows)


def test_a_number_too_small_for_double_precision_is_refused(loop):
    error = loop.refused(
        "017",
        "select fn_set_policy('worker_policy', fn_get_policy('worker_policy') || %s::jsonb)",
        '{"backoff": {"jitter": 1e-400}}',
    )
    assert "backoff.jitter: must be a number from" in error.message_primary
    assert "0 or at least 1e-300 away from it" in error.message_primary
