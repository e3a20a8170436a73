"""What policy says about one step: its risk, whether it needs a person, and whether anybody may run it."""

import pytest
from psycopg.types.json import Jsonb

AUTO = {"enabled": True, "allowed_step_kinds": ["noop", "care:*"], "max_risk_level": "low", "risk_rules": []}


def judge(calculator, auto, kind="noop", executor=None, params=None, declared="low", worker=None):
    return calculator.execute(
        "select risk, auto_ok, forbidden, reason from _judge_step(%s, %s, %s, %s, %s, %s)",
        (kind, executor or kind, Jsonb(params or {}), declared, Jsonb(auto), Jsonb(worker or {})),
    ).fetchone()


def risk(calculator, rule, executor="sql", params=None, declared="low", kind="k"):
    rules = [{"name": "r", "risk_level": "high", **rule}]
    return judge(calculator, {"risk_rules": rules}, kind, executor, params, declared)[0]


def test_an_allowed_step_of_low_risk_runs_by_itself(calculator):
    assert judge(calculator, AUTO) == (1, True, None, None)


@pytest.mark.parametrize(
    ("change", "step", "reason"),
    [
        ({"enabled": False}, {}, "auto_approve.enabled is not true"),
        ({"enabled": None}, {}, "auto_approve.enabled is not true"),
        ({"allowed_step_kinds": []}, {}, "kind noop is not in auto_approve.allowed_step_kinds"),
        ({"allowed_step_kinds": None}, {}, "kind noop is not in auto_approve.allowed_step_kinds"),
        ({}, {"kind": "sql"}, "kind sql is not in auto_approve.allowed_step_kinds"),
        ({}, {"kind": "noop", "executor": "sql"}, "executor sql is not in auto_approve.allowed_step_kinds"),
        ({}, {"kind": "sql", "executor": "noop"}, "kind sql is not in auto_approve.allowed_step_kinds"),
        ({"allowed_executors": ["x"]}, {}, "executor noop is not in auto_approve.allowed_executors"),
        ({}, {"declared": "medium"}, "risk medium (as declared) is above auto_approve.max_risk_level low"),
        ({"max_risk_level": "medium"}, {"declared": "high"},
         "risk high (as declared) is above auto_approve.max_risk_level medium"),
        ({"max_risk_level": None}, {"declared": "medium"},
         "risk medium (as declared) is above auto_approve.max_risk_level low"),
        ({"risk_rules": [{"name": "all", "risk_level": "medium"}]}, {},
         "risk medium (risk rule all) is above auto_approve.max_risk_level low"),
    ],
)  # fmt: skip
def test_what_needs_a_person_says_why(calculator, change, step, reason):
    _, auto_ok, forbidden, why = judge(calculator, AUTO | change, **step)
    assert (auto_ok, forbidden, why) == (False, None, reason)


def test_without_a_policy_nothing_runs_by_itself(calculator):
    assert judge(calculator, {}) == (1, False, None, "auto_approve.enabled is not true")


@pytest.mark.parametrize(
    "change", [{}, {"allowed_executors": None}, {"allowed_executors": ["rad*", "care:x"]}]
)
def test_allow_lists_may_hold_globs(calculator, change):
    assert judge(calculator, AUTO | change, "care:x")[1] is True


@pytest.mark.parametrize(
    ("change", "executor", "params", "declared", "code", "rule"),
    [
        ({}, "noop", {}, "low", None, None),
        ({"enabled": False}, "noop", {}, "low", "OPS_009", "auto_approve.enabled"),
        ({}, "sql", {}, "low", "OPS_009", "auto_approve.allowed_step_kinds"),
        ({"allowed_executors": []}, "noop", {}, "low", "OPS_009", "auto_approve.allowed_executors"),
        ({}, "noop", {}, "high", "OPS_009", "auto_approve.max_risk_level"),
        ({"risk_rules": [{"name": "all", "risk_level": "high"}]}, "noop", {}, "low", "OPS_009",
         "auto_approve.risk_rules.all"),
        ({}, "wrapped", {}, "low", "OPS_003", "worker_policy.presets.wrapped"),
        ({}, "command", {"argv": ["rm"]}, "low", "OPS_003", "worker_policy.command_allow"),
        ({}, "command", {"argv": ["ls"], "env": {"A": "1"}}, "low", "OPS_003", "worker_policy.command_env"),
        ({}, "command", {"argv": ["ls"], "cwd": "/x"}, "low", "OPS_003", "worker_policy.command_cwd"),
        # What no entry could allow.
        ({}, "command", {"argv": ["ls"], "cwd": "/x/.."}, "low", "OPS_003", None),
        ({}, "command", {"argv": "x is not on worker_policy.command_env"}, "low", "OPS_003", None),
    ],
)  # fmt: skip
def test_beside_the_sentence_stand_a_code_and_the_rule(
    calculator, change, executor, params, declared, code, rule
):
    worker = {"command_allow": [["ls"]], "presets": {"wrapped": {"argv": ["x", "{{params.p}}"]}}}
    given = ("noop", executor, Jsonb(params), declared, Jsonb(AUTO | change), Jsonb(worker))
    found = calculator.execute("select code, rule from _judge_step(%s, %s, %s, %s, %s, %s)", given)
    assert found.fetchone() == (code, rule)


def test_kind_and_executor_have_lists_of_their_own(calculator):
    assert judge(calculator, AUTO | {"allowed_executors": ["sql"]}, "noop", "sql")[1] is True


def test_a_higher_limit_lets_more_run(calculator):
    assert judge(calculator, AUTO | {"max_risk_level": "high"}, declared="high")[:2] == (3, True)


def test_nobody_lowers_the_risk_that_a_rule_gives(calculator):
    assert risk(calculator, {}, declared="low") == 3


@pytest.mark.parametrize("rule", [{"executor": None}, {"kind": None}])
def test_a_rule_whose_executor_or_kind_is_null_speaks_of_all(calculator, rule):
    assert risk(calculator, {**rule, "params": {"x": "drop"}}, params={"x": "drop it"}) == 3


def test_a_rule_does_not_lower_the_risk_that_was_declared(calculator):
    assert risk(calculator, {"risk_level": "low"}, declared="high") == 3


def test_the_highest_rule_counts_whatever_their_order(calculator):
    rules = [{"name": n, "risk_level": level} for n, level in (("a", "medium"), ("b", "high"), ("c", "low"))]
    assert judge(calculator, AUTO | {"risk_rules": rules})[3].startswith("risk high (risk rule b)")


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        ({}, True),
        ({"executor": "sql"}, True),
        ({"executor": "http"}, False),
        ({"executor": ["http", "s*"]}, True),
        ({"executor": ["http", "x*"]}, False),
        ({"kind": "k"}, True),
        ({"kind": "sql"}, False),
        ({"executor": "sql", "kind": "other"}, False),
        ({"params": {"statement": "^DROP\\s"}}, True),
        ({"params": {"statement": "^create"}}, False),
        ({"params": {"statement": "drop", "options.deep.0": "cascade"}}, True),
        ({"params": {"statement": "drop", "options.deep.0": "restrict"}}, False),
        ({"params": {"options": "cascade twice"}}, True),
        ({"params": {"nothing": "x"}}, False),
        ({"params": {"nothing": "^$"}}, True),
        ({"params": {"*": "cascade"}}, True),
        ({"params": {"*": 'a "quote"\nand a line'}}, True),
        ({"params": {"*": '"options": *\\{'}}, True),
        ({"params": {"*": "elsewhere"}}, False),
        ({"unless_params": {"statement": "drop"}}, False),
        ({"unless_params": {"statement": "select"}}, True),
        ({"unless_params": {"statement": "drop", "nothing": "x"}}, True),
        ({"params": {"statement": "drop"}, "unless_params": {"options.deep.1": "twice"}}, False),
    ],
)
def test_a_rule_holds_when_all_that_it_says_is_true(calculator, rule, holds):
    params = {
        "statement": "drop table x",
        "options": {"deep": ["Cascade", "twice"]},
        "c": 'a "quote"\nand a line',
    }
    assert risk(calculator, rule, params=params) == (3 if holds else 1)


def allowed(calculator, argv, *entries, **worker):
    params = argv if isinstance(argv, dict) else {"argv": argv}
    forbidden = judge(
        calculator, AUTO, "command", params=params, worker={"command_allow": entries, **worker}
    )[2]
    return forbidden is None


@pytest.mark.parametrize(
    ("argv", "entry"),
    [
        (["git", "status"], ["git", "status"]),
        (["pytest", "tests/x.py"], ["pytest", "*"]),
        (["ls"], ["ls", "..."]),
        (["ls", "a", "/tmp"], ["ls", "..."]),
        (["ls"], ["ls", ["-l"]]),
        (["ls", "-l", "/tmp", "-l"], ["ls", ["-l", "*"]]),
        (["git", "log", "--oneline", "HEAD"], ["git", "log", "--*", "..."]),
        (["git", "log", "--oneline", "-3", "--all"], ["git", "log", "--oneline", ["-3", "--a*"]]),
        (["tar", "-xf"], ["tar", "-x*"]),
        (["cat", "-"], ["cat", "-"]),
        (["sleep", 5], ["sleep", "5"]),
        (["a", "b", "{{steps.a.result}}"], ["a", ["b", "*"]]),
        (["a", "100% _\\sure"], ["a", "100% _\\sure"]),
        (["a", "x_y%z"], ["a", "x_*"]),
        (["a", "{{steps.a.result}}"], ["a", "*"]),
        (["a", "b", "{{ steps.a.result.x }}"], ["a", "..."]),
    ],
)
def test_a_command_on_the_list_may_run(calculator, argv, entry):
    assert allowed(calculator, argv, ["never"], entry)


@pytest.mark.parametrize(
    ("argv", "entry"),
    [
        (["git"], ["git", "status"]),
        (["git", "status", "-s"], ["git", "status"]),
        (["git", "push"], ["git", "status"]),
        (["/tmp/git", "status"], ["git", "status"]),
        (["gitx", "status"], ["git", "status"]),
        (["GIT", "status"], ["git", "status"]),
        (["pytest"], ["pytest", "*"]),
        (["pytest", "a", "b"], ["pytest", "*"]),
        (["git"], ["git", "log", "..."]),
        (["a", "xAy"], ["a", "x_*"]),
        (["a", "..."], ["a"]),
        (["ls", "-l", "/tmp"], ["ls", "..."]),
        (["ls", "/tmp", "-l"], ["ls", "..."]),
        (["git", "log", "--oneline", "-3"], ["git", "log", "--*", "..."]),
        (["ls", "-l"], ["ls", "*"]),
        (["ls", "-"], ["ls", "*"]),
        (["ls", "--", "-l"], ["ls", "--", "*"]),
        (["ls", "-x.txt"], ["ls", "*.txt"]),
        (["ls", "-l"], ["ls", "**"]),
        (["ls", "a", "b"], ["ls", "**"]),
        (["ls", "-a"], ["ls", ["-l", "*"]]),
        (["ls"], ["ls", "*", ["*"]]),
        (["a", "{{steps.a.result}}"], ["a", ["-*", "x*"]]),
        (["a", {"b": 1}], ["a", "..."]),
        (["a", ["b"]], ["a", "*"]),
        (["a", None], ["a", "*"]),
        (["a", "{{steps.a.result}}"], ["a", "{{steps*"]),
        ([], ["..."]),
        ("ls -l", ["ls", "..."]),
        ({}, ["ls", "..."]),
    ],
)
def test_a_command_that_no_entry_matches_may_not_be_run_by_anybody(calculator, argv, entry):
    assert not allowed(calculator, argv, entry)


@pytest.mark.parametrize("worker", [{}, {"command_allow": None}, {"command_allow": []}])
def test_without_a_list_no_command_may_run(calculator, worker):
    risk, auto_ok, forbidden, reason = judge(
        calculator, AUTO | {"allowed_step_kinds": ["*"]}, "command", params={"argv": ["true"]}, worker=worker
    )
    assert (risk, auto_ok, forbidden) == (1, False, reason)
    assert forbidden == 'command ["true"] is not on worker_policy.command_allow'


@pytest.mark.parametrize(
    ("params", "worker", "ok"),
    [
        ({"env": {"A": "1"}}, {}, False),
        ({"env": {"A": "1"}}, {"command_env": ["A"]}, True),
        ({"env": {"A": "1", "B": "2"}}, {"command_env": ["A"]}, False),
        ({"env": {"APP_X": "1"}}, {"command_env": ["APP_*"]}, True),
        ({"env": {}}, {}, True),
        ({"cwd": "/srv/app"}, {}, False),
        ({"cwd": "/srv/app"}, {"command_cwd": ["/srv/*"]}, True),
        ({"cwd": "/srv/../etc"}, {"command_cwd": ["/srv/*"]}, False),
        ({"cwd": "/srv/app/.."}, {"command_cwd": ["/srv/*"]}, False),
        ({"cwd": "/etc"}, {"command_cwd": ["/srv/*"]}, False),
        ({"stdin": "anything"}, {}, True),
    ],
)
def test_surroundings_that_could_make_another_program_of_it_are_on_lists_too(calculator, params, worker, ok):
    assert allowed(calculator, {"argv": ["make"], **params}, ["make"], **worker) is ok


PRESETS = {
    "presets": {
        "agent": {
            "argv": ["agent", "--model={{params.model}}", "{{ params.prompt }}", "{{params.more}}"],
            "defaults": {"model": "small", "more": []},
            "cwd": "/srv",
            "timeout_seconds": 900,
            "description": "An agent",
        },
        "reader": {"argv": ["reader", "-"], "stdin": "Read: {{params.prompt}}"},
    }
}


def expand(calculator, executor, params):
    return calculator.execute(
        "select run_with, params, fault from _expand_preset(%s, %s, %s)",
        (executor, Jsonb(params), Jsonb(PRESETS)),
    ).fetchone()


def test_an_executor_that_is_no_preset_stands_for_itself(calculator):
    assert expand(calculator, "noop", {"x": 1}) == ("noop", {"x": 1}, None)


def test_a_preset_is_a_command_whose_program_policy_wrote(calculator):
    assert expand(calculator, "agent", {"prompt": "a b; {{params.model}}"}) == (
        "command",
        {"argv": ["agent", "--model=small", "a b; {{params.model}}"], "cwd": "/srv"},
        None,
    )


def test_an_array_alone_in_its_place_gives_one_argument_each(calculator):
    _, params, _ = expand(calculator, "agent", {"prompt": 5, "model": "big", "more": ["x", 7]})
    assert params["argv"] == ["agent", "--model=big", "5", "x", "7"]


def test_a_preset_may_fill_standard_input(calculator):
    assert expand(calculator, "reader", {"prompt": "x\ny"})[1] == {
        "argv": ["reader", "-"],
        "stdin": "Read: x\ny",
    }


@pytest.mark.parametrize(
    ("params", "fault"),
    [
        ({}, "params.prompt: executor agent needs a text here"),
        ({"prompt": None}, "params.prompt: executor agent needs a text here, not null"),
        ({"prompt": {"a": 1}}, 'params.prompt: executor agent needs a text here, not {"a": 1}'),
        ({"prompt": "x", "model": ["a"]}, 'params.model: executor agent needs a text here, not ["a"]'),
        ({"prompt": "x", "more": [["a"]]}, 'params.more: executor agent needs a text here, not [["a"]]'),
        ({"prompt": "x", "cwd": "/"}, "params.cwd: executor agent does not take it"),
        ({"prompt": "--x"}, "params.prompt: executor agent takes no option here: it may not begin with -"),
        ({"prompt": -5}, "params.prompt: executor agent takes no option here: it may not begin with -"),
        (
            {"prompt": "x", "more": ["a", "-x"]},
            "params.more: executor agent takes no option here: it may not begin with -",
        ),
    ],
)
def test_params_that_do_not_fit_a_preset_are_named_and_forbid_the_step(calculator, params, fault):
    assert expand(calculator, "agent", params)[::2] == ("command", fault)
    assert judge(calculator, AUTO, "agent", params=params, worker=PRESETS)[2] == fault


def test_a_preset_needs_no_entry_in_the_list_of_commands(calculator):
    auto = AUTO | {"allowed_step_kinds": ["agent"]}
    assert judge(calculator, auto, "agent", params={"prompt": "x"}, worker=PRESETS) == (1, True, None, None)


@pytest.mark.parametrize(
    ("executor", "name", "value"),
    [("agent", "timeout_seconds", "900"), ("sql", "timeout_seconds", "5"), ("sql", "concurrency", None)],
)
def test_a_setting_comes_from_the_executors_entry_else_from_its_preset(calculator, executor, name, value):
    worker = PRESETS | {"executors": {"sql": {"timeout_seconds": 5}}}
    assert calculator.execute(
        "select _executor_setting(%s, %s, %s)", (Jsonb(worker), executor, name)
    ).fetchone() == (value,)
