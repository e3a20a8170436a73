"""Tests of policy are data: each rule of the seeded documents has one, which fails when the rule is removed."""

import copy
import json
import re
from pathlib import Path

import pytest
from psycopg.types.json import Jsonb

from looping import step, template
from opsloop.cli import policyfile

SEEDED = policyfile.read_whole(Path(__file__).parent / "seeded.toml").tests
NOOP = {"template": {"steps": [{"kind": "noop"}]}}
KEYS = ("auto_approve", "proposal_caps", "worker_policy", "agent_roles", "reaction_matrix")


def run(conn, tests, documents=None):
    """The rows of tests, by name."""
    rows = conn.execute(
        "select * from fn_test_policy(%s, %s)", (Jsonb(tests), documents and Jsonb(documents))
    )
    return {row[0]: row[1:] for row in rows.fetchall()}


@pytest.fixture
def documents(calculator):
    return {key: calculator.execute("select fn_get_policy(%s)", (key,)).fetchone()[0] for key in KEYS}


def test_the_seeded_policies_pass_their_tests(calculator):
    rows = run(calculator, SEEDED)
    assert len(rows) == len(SEEDED)
    assert {name: row for name, row in rows.items() if not row[0]} == {}


def _without(document, path):
    """A copy of the documents without what stands at the path."""
    broken = copy.deepcopy(document)
    *way, last = path
    target = broken
    for part in way:
        target = target[part]
    del target[last]
    return broken


def _with(document, path, value):
    broken = copy.deepcopy(document)
    *way, last = path
    target = broken
    for part in way:
        target = target[part]
    target[last] = value
    return broken


#: Alternatives of the regular expression of a plain read that keep something out. `delete` is kept out by the rule
#: about what destroys, too.
_KEPT_OUT = [
    r";\s*\S|",
    "--|",
    r"/\*|",
    r"\$\D|",
    r"\y[eu]&?'|",
    "into|",
    "update|",
    "share|",
    "insert|",
    "|merge",
]


def mutants(documents):
    """Each rule removed, each field loosened: what was done, and the documents."""
    yield "enabled", _without(documents, ("auto_approve", "enabled"))
    yield "max_risk_level medium", _with(documents, ("auto_approve", "max_risk_level"), "medium")
    yield "max_risk_level high", _with(documents, ("auto_approve", "max_risk_level"), "high")
    yield "any kind", _with(documents, ("auto_approve", "allowed_step_kinds"), ["*"])
    yield "any executor", _with(documents, ("auto_approve", "allowed_executors"), ["*"])
    for no, kind in enumerate(documents["auto_approve"]["allowed_step_kinds"]):
        yield f"kind {kind}", _without(documents, ("auto_approve", "allowed_step_kinds", no))
    rules = documents["auto_approve"]["risk_rules"]
    yield "no risk rules", _with(documents, ("auto_approve", "risk_rules"), [])
    for no, rule in enumerate(rules):
        at = ("auto_approve", "risk_rules", no)
        yield f"rule {rule['name']}", _without(documents, at)
        for lower in ("low", "medium")[: ("low", "medium", "high").index(rule["risk_level"])]:
            yield f"rule {rule['name']} {lower}", _with(documents, (*at, "risk_level"), lower)
        for which, executor in enumerate(rule["executor"]) if isinstance(rule["executor"], list) else ():
            yield f"rule {rule['name']} {executor}", _without(documents, (*at, "executor", which))
        for field in ("params", "unless_params"):
            for path, pattern in rule.get(field, {}).items():
                words = re.fullmatch(r"(\^|\\y)\((.*)\)(\$|\\y)", pattern)
                for word in words[2].split("|") if words else ():
                    left = "|".join(other for other in words[2].split("|") if other != word)
                    yield (
                        f"rule {rule['name']} word {word}",
                        _with(documents, (*at, field, path), f"{words[1]}({left}){words[3]}"),
                    )
                if field == "unless_params":
                    yield f"rule {rule['name']} never", _with(documents, (*at, field, path), "")
                    if not words:
                        # Functions: no parenthesis is followed by the end and an x.
                        broken = pattern.removesuffix(r"\())") + r"\(\Zx))"
                        yield f"rule {rule['name']} functions", _with(documents, (*at, field, path), broken)
                    for kept in _KEPT_OUT if not words else ():
                        assert kept in pattern, kept
                        broken = pattern.replace(kept, "", 1)
                        yield f"rule {rule['name']} {kept}", _with(documents, (*at, field, path), broken)
    yield "daily_limit", _without(documents, ("proposal_caps", "daily_limit"))
    yield "daily_limit 101", _with(documents, ("proposal_caps", "daily_limit"), 101)
    yield "over_limit", _with(documents, ("proposal_caps", "over_limit"), "reject")
    yield "any command", _with(documents, ("worker_policy", "command_allow"), [["git", "..."]])
    for preset in documents["worker_policy"]["presets"]:
        yield f"preset {preset}", _without(documents, ("worker_policy", "presets", preset))
    yield "subcommands", _without(documents, ("worker_policy", "presets", "openclaw", "allowed"))
    for role in documents["agent_roles"]["roles"]:
        yield f"role {role}", _without(documents, ("agent_roles", "roles", role))
    yield "another role", _with(documents, ("agent_roles", "roles", "ghost"), {})
    any_event = {"name": "all", "event_type": "*", "template": NOOP["template"]}
    yield "a pattern", _with(documents, ("reaction_matrix", "patterns"), [any_event])


def test_each_rule_of_the_seeded_policies_is_missed_by_a_test_when_it_is_removed(calculator, documents):
    survived, tried = [], 0
    for name, broken in mutants(documents):
        tried += 1
        if all(row[0] for row in run(calculator, SEEDED, broken).values()):
            survived.append(name)
    assert survived == []
    assert tried > 60


#: What the seeded documents say of how a step runs, not of whether it may; and what is said to people only.
_NO_RULES = re.compile(
    r"worker_policy\.(max_retries|step_timeout_seconds|backoff\..*|executors\..*): .*|.*: (\[\]|\{\}|null|false)"
)


def leaves(value, path):
    """Each value in a document that is none of lists or objects, as path: value; an empty one counts, too."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if not inner:
        yield f"{path}: {json.dumps(value)}"
    for key, one in inner:
        yield from leaves(one, f"{path}.{key}")


def test_whatever_decides_in_the_seeded_policies_is_removed_by_one_of_the_mutants(documents):
    def of(all_):
        return {leaf for key, document in all_.items() for leaf in leaves(document, key)}

    kept = of(documents)
    for _, broken in mutants(documents):
        kept &= of(broken)
    assert [leaf for leaf in sorted(kept) if not _NO_RULES.fullmatch(leaf)] == []


def test_a_row_says_what_was_got_and_what_was_expected(calculator):
    tests = [
        {"name": "a", "given": NOOP, "expect": {"outcome": "pending"}},
        {"name": "b", "given": NOOP, "expect": {"outcome": "auto_approved", "risk": "low", "rule": None}},
        {"name": "c", "given": {"template": {"steps": []}}, "expect": {"outcome": "invalid"}},
    ]
    rows = run(calculator, tests)
    got = {"outcome": "auto_approved", "risk": "low", "reason": "policy allows it"}
    assert rows["a"] == (False, got, {"outcome": "pending"})
    assert [rows[name][0] for name in "bc"] == [True, True]
    assert rows["c"][1]["reason"] == "steps: must hold 1 to 10000 steps, not 0"


def test_drafts_are_tried_and_the_rest_is_as_in_force(calculator):
    tests = [{"name": "a", "given": {**NOOP, "source": "cron"}, "expect": {"outcome": "rejected"}}]
    assert run(calculator, tests)["a"][0] is False
    row = run(calculator, tests, {"proposal_caps": {"per_source": {"cron": 0}}})["a"]
    assert (row[0], row[1]["rule"]) == (True, "proposal_caps.per_source.cron.daily_limit")


def test_of_what_an_event_leads_to_one_must_be_as_expected(calculator):
    patterns = [
        {"name": "asks", "event_type": "disk:*", "template": {"title": "x", "steps": [{"kind": "report"}]}},
        {
            "name": "looks",
            "event_type": "disk:*",
            "template": {"title": "{{event.data.host}}", "steps": [{"kind": "noop"}]},
        },
    ]
    given = {"event": {"type": "disk:full", "data": {"host": "{{db1}}"}}}
    tests = [
        {"name": "one", "given": given, "expect": {"outcome": "auto_approved"}},
        {"name": "other", "given": given, "expect": {"outcome": "pending", "pattern": "asks"}},
        {"name": "both", "given": given, "expect": {"outcome": "auto_approved", "pattern": "asks"}},
        {"name": "no host", "given": {"event": {"type": "disk:full"}}, "expect": {"outcome": "failed"}},
        {"name": "none", "given": {"event": {"type": "cpu"}}, "expect": {"outcome": "none"}},
    ]
    rows = run(calculator, tests, {"reaction_matrix": {"patterns": patterns}})
    assert [row[0] for row in rows.values()] == [True, True, False, True, True]


def test_every_fault_of_the_tests_is_named(loop):
    tests = [{"name": "a", "given": {"x": 1}}, {"given": NOOP, "expect": {"outcome": "fine"}}, 7]
    refused = loop.refused("018", "select fn_test_policy(%s)", Jsonb(tests))
    assert [fault.split(": ")[0] for fault in json.loads(refused.message_detail)["faults"]] == [
        "tests[0].expect", "tests[0].given.x", "tests[1].name", "tests[1].expect.outcome", "tests[2]",
    ]  # fmt: skip
    tests = [{"name": "a", "given": {}, "expect": {}}, {"name": "b", "given": {**NOOP, "event": {"type": "x"}},
                                                         "expect": {"risk": "low"}}]  # fmt: skip
    refused = loop.refused("018", "select fn_test_policy(%s)", Jsonb(tests))
    assert json.loads(refused.message_detail)["faults"] == [
        "tests[0].given: must have a template or an event, one of the two",
        "tests[0].expect: says nothing",
        "tests[1].given: must have a template or an event, one of the two",
    ]
    loop.refused("018", "select fn_test_policy(null)")
    loop.refused("017", "select fn_test_policy('[]', '{\"auto_approve\": {\"enabeld\": 1}}')")
    loop.refused("018", "select fn_test_policy('[]', '{\"outbox\": {}}')")


CONDITIONS = [
    {},
    {"event_type": ["*:full", "x"]},
    {"event_type": "disk"},
    {"tags": []},
    {"tags": ["a"]},
    {"tags": ["a", "b"]},
    {"source": "cron"},
    {"source": ["cron", "mail"]},
    {"max_depth": 0},
    {"enabled": False},
    {"probability": 0},
]
DATA = [
    {},
    {"tags": ["a"]},
    {"tags": ["b", "a"]},
    {"tags": "a"},
    {"source": "cron"},
    {"source": ["cron"]},
    {"tags": None},
]


def test_an_example_of_an_event_is_matched_as_one_that_is_emitted(loop):
    patterns = [
        {"name": f"p{no}", "event_type": "disk:*", **condition, "template": template(step("a"))}
        for no, condition in enumerate(CONDITIONS)
    ]
    reacted = 0
    for data in DATA:
        for kind in ("disk:full", "x"):
            event = loop.value("select fn_emit_event(%s, %s)", kind, Jsonb(data))
            emitted = loop.rows("select pattern_no from _matching_patterns(array[%s]::uuid[], %s, false)",
                                event, Jsonb(patterns))  # fmt: skip
            example = {"type": kind, "data": data, "depth": 0}
            found = loop.rows("select pattern from _would_react(%s, %s)", Jsonb(example), Jsonb(patterns))
            assert [row["pattern"] for row in found] == [f"p{row['pattern_no'] - 1}" for row in emitted]
            reacted += len(found)
    assert reacted > 20


def test_what_a_test_expects_is_what_a_proposal_gets(loop):
    for steps in ([step("a")], [step("a", "http", params={"url": "https://x/"})]):
        made = loop.propose(*steps)
        tests = [
            {"name": "t", "given": {"template": template(*steps)}, "expect": {"outcome": made["status"]}}
        ]
        assert loop.rows("select passed from fn_test_policy(%s)", Jsonb(tests)) == [{"passed": True}]
