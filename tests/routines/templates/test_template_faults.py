"""Every fault of a template is found and named, all at once; a sound one has none."""

import time

import pytest
from hypothesis import given
from psycopg.types.json import Jsonb

from routines.documents import documents, in_one_database, templates


def faults(calculator, template, with_event=False):
    return calculator.execute("select _template_faults(%s, %s)", (Jsonb(template), with_event)).fetchone()[0]


def of_step(calculator, **step):
    return faults(calculator, {"steps": [{"kind": "noop", **step}]})


SOUND = {
    "smallest": {"steps": [{"kind": "noop"}]},
    "everything said": {
        "title": "Restart",
        "risk_level": "medium",
        "priority": -5,
        "steps": [
            {
                "key": "look-1_A",
                "kind": "radar.scan:x",
                "executor": "radar",
                "params": {},
                "depends_on": [],
                "max_retries": 1,
                "timeout_seconds": 604800,
                "on_failure": "continue",
                "on_lease_lost": "hold",
            },
            {"kind": "noop", "depends_on": ["look-1_A"], "on_failure": "fail", "on_lease_lost": "retry"},
        ],
    },
    "null for what is not said": {
        "title": None,
        "risk_level": None,
        "priority": None,
        "steps": [{"kind": "noop", "key": None, "params": None, "depends_on": None, "max_retries": None}],
    },
    "depends on a later step": {
        "steps": [{"kind": "a", "depends_on": ["b"]}, {"kind": "b", "key": "b", "depends_on": []}]
    },
    "default key named": {"steps": [{"kind": "a"}, {"kind": "b", "depends_on": ["step_1"]}]},
    "lone closing braces": {"title": "a }} b", "steps": [{"kind": "noop", "params": {"x": "{ {a} }"}}]},
}


@pytest.mark.parametrize("document", SOUND.values(), ids=SOUND.keys())
def test_a_sound_template_has_no_faults(calculator, document):
    assert faults(calculator, document) == []


@pytest.mark.parametrize("document", [None, 1, "x", [], True])
def test_a_template_is_an_object(calculator, document):
    assert faults(calculator, document) == ["template: must be an object"]


def test_no_template_at_all_is_a_fault(calculator):
    assert calculator.execute("select _template_faults(null, false)").fetchone()[0] == [
        "template: must be an object"
    ]


@pytest.mark.parametrize(
    ("field", "fault"),
    [
        (
            {"titel": "x"},
            "titel: unknown field; known are title, rationale, refs, risk_level, priority, run_after, steps",
        ),
        ({"title": 5}, "title: must be a text of 1 to 1000 characters, not 5"),
        ({"title": ""}, 'title: must be a text of 1 to 1000 characters, not ""'),
        ({"risk_level": "none"}, 'risk_level: must be one of low, medium, high, not "none"'),
        ({"priority": 101}, "priority: must be a whole number from -100 to 100, not 101"),
        ({"priority": 1.5}, "priority: must be a whole number from -100 to 100, not 1.5"),
        ({"priority": "1"}, 'priority: must be a whole number from -100 to 100, not "1"'),
        ({"steps": {}}, "steps: must be an array of steps"),
        ({"steps": []}, "steps: must hold 1 to 10000 steps, not 0"),
    ],
)
def test_a_fault_at_the_top_is_named(calculator, field, fault):
    assert faults(calculator, {"steps": [{"kind": "noop"}], **field}) == [fault]


def test_steps_are_needed(calculator):
    assert faults(calculator, {"title": "x"}) == ["steps: must be an array of steps"]


@pytest.mark.parametrize(
    ("step", "fault"),
    [
        (
            {"kidn": "x"},
            "steps[0].kidn: unknown field; known are key, kind, executor, params, depends_on, max_retries, "
            "timeout_seconds, on_failure, on_lease_lost, needs_approval, "
            "run_after, for_each",
        ),
        ({"key": "a b"}, "steps[0].key: must be a text of 1 to 64 letters, digits and _-, not a b"),
        ({"key": 7}, "steps[0].key: must be a text of 1 to 64 letters, digits and _-, not 7"),
        ({"kind": "a b"}, 'steps[0].kind: must be a name of 1 to 128 letters, digits and _.:-, not "a b"'),
        ({"kind": "a\n"}, 'steps[0].kind: must be a name of 1 to 128 letters, digits and _.:-, not "a\\n"'),
        ({"kind": 7}, "steps[0].kind: must be a name of 1 to 128 letters, digits and _.:-, not 7"),
        (
            {"executor": "a/b"},
            'steps[0].executor: must be a name of 1 to 128 letters, digits and _.:-, not "a/b"',
        ),
        ({"executor": []}, "steps[0].executor: must be a name of 1 to 128 letters, digits and _.:-, not []"),
        ({"params": []}, "steps[0].params: must be an object, not []"),
        ({"depends_on": "a"}, 'steps[0].depends_on: must be an array of texts, not "a"'),
        ({"max_retries": 0}, "steps[0].max_retries: must be a whole number from 1 to 100, not 0"),
        ({"max_retries": 3.0}, "steps[0].max_retries: must be a whole number from 1 to 100, not 3.0"),
        (
            {"timeout_seconds": 604801},
            "steps[0].timeout_seconds: must be a whole number from 1 to 604800, not 604801",
        ),
        (
            {"on_failure": "ignore"},
            'steps[0].on_failure: must be one of fail, continue, isolate, not "ignore"',
        ),
        ({"on_lease_lost": True}, "steps[0].on_lease_lost: must be one of retry, hold, not true"),
    ],
)
def test_a_fault_of_a_step_is_named(calculator, step, fault):
    assert of_step(calculator, **step) == [fault]


@pytest.mark.parametrize("step", [1, None, [], "noop"])
def test_a_step_is_an_object(calculator, step):
    assert faults(calculator, {"steps": [{"kind": "noop"}, step]}) == ["steps[1]: must be an object"]


def test_a_step_needs_a_kind(calculator):
    assert faults(calculator, {"steps": [{}]}) == [
        "steps[0].kind: must be a name of 1 to 128 letters, digits and _.:-"
    ]


@pytest.mark.parametrize(
    ("executor", "params", "fault"),
    [
        ("sql", {}, "steps[0].params.statement: must be the text of one SQL statement"),
        ("sql", {"statement": ["select 1"]}, "steps[0].params.statement: must be the text of one SQL statement"),
        ("sql", {"statement": "select 1", "args": 5},
         "steps[0].params.args: must be an array or an object of bind arguments"),
        ("command", {}, "steps[0].params.argv: must be an array of texts, the program first"),
        ("command", {"argv": []}, "steps[0].params.argv: must be an array of texts, the program first"),
        ("command", {"argv": "ls -l"}, "steps[0].params.argv: must be an array of texts, the program first"),
        ("command", {"argv": ["", "x"]}, "steps[0].params.argv: must be an array of texts, the program first"),
        ("command", {"argv": ["ls", ["-l"]]}, "steps[0].params.argv: must be an array of texts, the program first"),
        ("http", {}, "steps[0].params.url: must be a text that begins with http:// or https://"),
        ("http", {"url": "ftp://h/"}, "steps[0].params.url: must be a text that begins with http:// or https://"),
        ("http", {"url": "https://h/", "method": 5},
         "steps[0].params.method: must be a text of 1 to 20 characters, not 5"),
        ("http", {"url": "https://h/", "headers": []}, "steps[0].params.headers: must be an object, not []"),
    ],
)  # fmt: skip
def test_params_that_policy_could_not_judge_are_faults(calculator, executor, params, fault):
    assert of_step(calculator, executor=executor, params=params) == [fault]


def test_params_are_needed_where_policy_looks_into_them(calculator):
    assert len(faults(calculator, {"steps": [{"kind": k} for k in ("sql", "command", "http")]})) == 3


def test_faults_of_all_kinds_are_reported_together(calculator):
    found = faults(
        calculator,
        {
            "x": 1,
            "risk_level": "none",
            "steps": [
                {"key": "a", "kind": "no op", "depends_on": ["b", "b"], "max_retries": "3"},
                {"key": "b", "kind": "noop", "depends_on": ["a", "c"], "params": {"p": "{{steps.d.result}}"}},
                {"key": "a", "kind": "sql", "params": {"statement": "select {{event.data.x}}"}},
            ],
        },
    )
    assert found == [
        "x: unknown field; known are title, rationale, refs, risk_level, priority, run_after, steps",
        'risk_level: must be one of low, medium, high, not "none"',
        'steps[0].kind: must be a name of 1 to 128 letters, digits and _.:-, not "no op"',
        'steps[0].max_retries: must be a whole number from 1 to 100, not "3"',
        "steps[2].key: 'a' is the key of steps[0] too",
        "steps[0].depends_on: 'b' is listed twice",
        "steps[1].depends_on: 'c' is not a step of this template",
        "steps: cycle a → b → a, each waits for the next",
        "steps[2].params.statement: sql takes placeholders in params.args only",
        "steps[2].params.statement: {{event.data.x}} has no event to come from; only reaction patterns have one",
        "steps[1].params: {{steps.d.result}}: 'd' is not a step of this template",
    ]


def graph(depends_on):
    return {"steps": [{"kind": "noop", "key": key, "depends_on": after} for key, after in depends_on.items()]}


@pytest.mark.parametrize(
    ("depends_on", "cycles"),
    [
        ({"a": ["a"]}, ["steps: cycle a → a, each waits for the next"]),
        ({"a": ["c"], "b": ["a"], "c": ["b"]}, ["steps: cycle a → c → b → a, each waits for the next"]),
        (
            {"a": ["b"], "b": ["a"], "c": ["a", "d"], "d": ["c"], "e": ["d"]},
            [
                "steps: cycle a → b → a, each waits for the next",
                "steps: cycle c → d → c, each waits for the next",
            ],
        ),
        ({"a": [], "b": ["a", "c"], "c": ["b"]}, ["steps: cycle b → c → b, each waits for the next"]),
        (
            {"in": ["x"], "x": ["y"], "y": ["z"], "z": ["y"]},
            ["steps: cycle y → z → y, each waits for the next"],
        ),
    ],
)
def test_every_cycle_is_named(calculator, depends_on, cycles):
    assert faults(calculator, graph(depends_on)) == cycles


def test_the_order_of_steps_without_depends_on_counts_in_a_cycle(calculator):
    template = {"steps": [{"kind": "a", "depends_on": ["step_2"]}, {"kind": "b"}]}
    assert faults(calculator, template) == ["steps: cycle step_1 → step_2 → step_1, each waits for the next"]


REFERENCE = {"x": "{{steps.a.result.y}}"}


@pytest.mark.parametrize(
    "steps",
    [
        [{"key": "a"}, {"params": REFERENCE}],
        [{"key": "a"}, {}, {}, {"params": REFERENCE}],
        [{"key": "a", "depends_on": []}, {"key": "b"}, {"depends_on": ["b"], "params": REFERENCE}],
        [{"depends_on": ["b"], "params": REFERENCE}, {"key": "a", "depends_on": []}, {"key": "b"}],
        [{"key": "b", "depends_on": ["a"], "params": REFERENCE}, {"key": "a", "depends_on": []}],
    ],
)
def test_a_result_may_be_used_by_every_step_that_comes_after(calculator, steps):
    assert faults(calculator, {"steps": [{"kind": "noop", **step} for step in steps]}) == []


@pytest.mark.parametrize(
    "steps",
    [
        [{"params": REFERENCE}, {"key": "a"}],
        [{"key": "a", "params": REFERENCE}],
        [{"key": "a"}, {"depends_on": [], "params": REFERENCE}],
        [{"depends_on": ["b"], "params": REFERENCE}, {"key": "b", "depends_on": []}, {"key": "a"}],
    ],
)
def test_a_result_that_need_not_be_there_yet_cannot_be_used(calculator, steps):
    found = faults(calculator, {"steps": [{"kind": "noop", **step} for step in steps]})
    assert len(found) == 1
    assert found[0].endswith(
        ".params: {{steps.a.result}}: 'a' need not have ended before this step; depend on it"
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{{foo}}", "{{foo}} is unknown; write {{event.data.…}} or {{steps.<key>.result.…}}"),
        ("{{event}}", "{{event}} is unknown; write {{event.data.…}} or {{steps.<key>.result.…}}"),
        ("{{event.data.}}", "{{event.data.}} is unknown; write {{event.data.…}} or {{steps.<key>.result.…}}"),
        ("{{event.dedupe_key}}", "{{event.dedupe_key}} is unknown; write {{event.data.…}} or {{steps.<key>.result.…}}"),
        ("{{steps.step_1.output}}",
         "{{steps.step_1.output}} is unknown; write {{event.data.…}} or {{steps.<key>.result.…}}"),
        ("{{}}", "{{}} is unknown; write {{event.data.…}} or {{steps.<key>.result.…}}"),
        ("a {{ b", "{{ opens no placeholder; write {{event.data.…}} or {{steps.<key>.result.…}}"),
        ("{{a{{event.data.x}}", "{{ opens no placeholder; write {{event.data.…}} or {{steps.<key>.result.…}}"),
    ],
)  # fmt: skip
def test_a_malformed_placeholder_is_named_with_its_place(calculator, text, why):
    template = {"steps": [{"kind": "noop"}, {"kind": "noop", "params": {"a": [{"b": text}]}}]}
    assert faults(calculator, template, with_event=True) == [f"steps[1].params.a[0].b: {why}"]


def test_the_name_of_a_field_cannot_be_a_placeholder(calculator):
    template = {"steps": [{"kind": "noop", "params": {"{{event.data.x}}": 1}}]}
    assert faults(calculator, template, with_event=True) == [
        "steps[0].params.{{event.data.x}}: a placeholder cannot be the name of a field"
    ]


def test_the_title_may_hold_values_of_the_event_but_not_results(calculator):
    steps = [{"kind": "noop", "key": "a"}]
    assert faults(calculator, {"title": "Disk of {{event.data.host}}", "steps": steps}, with_event=True) == []
    assert faults(calculator, {"title": "{{steps.a.result}}", "steps": steps}, with_event=True) == [
        "title: {{steps.a.result}} is not known before the mission runs"
    ]


@pytest.mark.parametrize(
    "document",
    [
        {"risk_level": "{{event.data.x}}", "steps": [{"kind": "noop"}]},
        {"steps": [{"kind": "{{event.data.x}}"}]},
        {"steps": [{"kind": "noop", "executor": "{{event.data.x}}"}]},
        {"steps": [{"kind": "noop", "depends_on": ["{{event.data.x}}"]}]},
        {"steps": [{"kind": "noop", "params": "{{event.data.x}}"}]},
    ],
)
def test_elsewhere_a_placeholder_is_a_fault(calculator, document):
    assert any(
        "a placeholder may stand in title, rationale and in the params of steps only" in fault
        for fault in faults(calculator, document, with_event=True)
    )


X = "{{event.data.x}}"


@pytest.mark.parametrize(
    ("executor", "params"),
    [
        ("sql", {"statement": "select %s", "args": [X, {"a": f"<{X}>"}]}),
        ("sql", {"statement": "select %(a)s", "args": {"a": X}}),
        ("command", {"argv": ["ls", X, "-l"]}),
        ("command", {"argv": ["cat"], "stdin": f"Dear {X}"}),
        ("http", {"url": f"https://h.example/a/{X}?b={X}"}),
        ("http", {"url": f"http://h:8080/{X}"}),
        ("http", {"url": f"https://[::1]/{X}"}),
        ("http", {"url": "https://h/", "method": "POST", "json": {"a": [X]}, "headers": {"X-A": X}}),
        ("http", {"url": "https://h/", "body": f"a{X}"}),
        ("noop", {"a": {"b": [X]}}),
        ("openclaw", {"prompt": f"Look at {X}"}),
        ("our.own", {"statement": X, "argv": [X], "url": X}),
    ],
)
def test_data_may_come_where_the_executor_takes_data(calculator, executor, params):
    template = {"steps": [{"kind": "k", "executor": executor, "params": params}]}
    assert faults(calculator, template, with_event=True) == []


@pytest.mark.parametrize(
    ("executor", "params", "fault"),
    [
        ("sql", {"statement": f"select {X}"}, "statement: sql takes placeholders in params.args only"),
        ("sql", {"statement": "select %s", "args": [1], "timeout_seconds": X},
         "timeout_seconds: sql takes placeholders in params.args only"),
        ("command", {"argv": [X]}, "argv[0]: the program of a command cannot be a placeholder"),
        ("command", {"argv": ["ls", f"--x={X}"]},
         "argv[1]: a placeholder must be the whole argument of a command"),
        ("command", {"argv": ["ls", X + X]},
         "argv[1]: a placeholder must be the whole argument of a command"),
        ("command", {"argv": ["ls"], "cwd": X},
         "cwd: command takes placeholders in params.argv and params.stdin only"),
        ("command", {"argv": ["ls"], "env": {"A": X}},
         "env.A: command takes placeholders in params.argv and params.stdin only"),
        ("http", {"url": f"https://{X}/"},
         "url: a placeholder in an url must come after a literal scheme and host, as in https://host/"),
        ("http", {"url": f"https://h{X}/"},
         "url: a placeholder in an url must come after a literal scheme and host, as in https://host/"),
        ("http", {"url": f"https://h@{X}"},
         "url: a placeholder in an url must come after a literal scheme and host, as in https://host/"),
        ("http", {"url": f"https://u:p@h/{X}"},
         "url: a placeholder in an url must come after a literal scheme and host, as in https://host/"),
        ("http", {"url": f"https://h:80{X}/"},
         "url: a placeholder in an url must come after a literal scheme and host, as in https://host/"),
        ("http", {"url": "https://h/", "method": X},
         "method: http takes placeholders in the url after the host, and in params.headers, json and body"),
        ("http", {"url": "https://h/", "headers": {"hOst": X}},
         "headers.hOst: the host cannot be a placeholder"),
    ],
)  # fmt: skip
def test_data_cannot_become_a_statement_a_program_or_a_host(calculator, executor, params, fault):
    template = {"steps": [{"kind": "k", "executor": executor, "params": params}]}
    assert faults(calculator, template, with_event=True) == [f"steps[0].params.{fault}"]


def test_the_executor_counts_and_not_the_kind(calculator):
    template = {"steps": [{"kind": "noop", "executor": "sql", "params": {"statement": X}}]}
    assert len(faults(calculator, template, with_event=True)) == 1


def test_a_proposal_has_no_event_to_take_values_from(calculator):
    template = {"title": X, "steps": [{"kind": "noop"}]}
    assert faults(calculator, template) == [
        "title: {{event.data.x}} has no event to come from; only reaction patterns have one"
    ]


@pytest.mark.parametrize(
    ("name", "depends_on"),
    [
        ("chain", lambda i, n: [i - 1] if i else []),
        ("chain written backwards", lambda i, n: [i + 1] if i < n - 1 else []),
        ("fan", lambda i, n: [] if i == 0 else list(range(1, n - 1)) if i == n - 1 else [0]),
        ("one cycle", lambda i, n: [(i + 1) % n]),
    ],
)
def test_the_cost_of_a_check_grows_with_the_template_and_not_faster(calculator, name, depends_on):
    """Ten times the steps cost far less than a hundred times as much."""

    def milliseconds(n):
        steps = [
            {
                "key": f"k{i}",
                "kind": "noop",
                "depends_on": [f"k{j}" for j in depends_on(i, n)],
                "params": {"x": f"{{{{steps.k{depends_on(i, n)[0]}.result}}}}"} if depends_on(i, n) else {},
            }
            for i in range(n)
        ]
        best = float("inf")
        for _ in range(3):
            started = time.perf_counter()
            found = faults(calculator, {"steps": steps})
            best = min(best, time.perf_counter() - started)
        assert len(found) == (1 if name == "one cycle" else 0), found[:3]
        return best * 1000

    small, large = milliseconds(300), milliseconds(3000)
    assert large < 40 * small, f"{small:.1f} ms for 300 steps, {large:.1f} ms for 3,000"


@in_one_database
@given(document=templates | documents())
def test_no_json_makes_the_check_itself_fail(calculator, document):
    found = calculator.execute(
        "select _template_faults(%s, true), _template_faults(%s, false)", [Jsonb(document)] * 2
    )
    assert all(isinstance(fault, str) and fault for side in found.fetchone() for fault in side)


@in_one_database
@given(document=templates)
def test_what_has_no_faults_can_be_read_judged_and_filled(calculator, document):
    assert calculator.execute(
        """select case when _template_faults(t, true) = '{}' then
                    (select count(*) from unnest(_template_steps(array[t])) s
                      cross join lateral _judge_step(s.kind, s.executor, s.params, t ->> 'risk_level',
                                                     fn_get_policy('auto_approve'), fn_get_policy('worker_policy')) j)
                      = jsonb_array_length(t -> 'steps')
                    and (select count(*) from _fill_event(t, _template_slots(t), '{"data": {"x": 1}, "type": "t"}')) = 1
                    and coalesce((t ->> 'priority')::smallint, 0) is not null
                  else true end
             from (values (%s::jsonb)) v (t)""",
        (Jsonb(document),),
    ).fetchone() == (True,)


@pytest.mark.parametrize(
    ("params", "fault"),
    [
        ({"prompt": "?"}, ".role: is missing"),
        ({"role": "plan ner", "prompt": "?"}, ".role: must be a name"),
        ({"role": "planner"}, ": must have either prompt or messages"),
        ({"role": "planner", "prompt": "?", "messages": []}, ": must have either prompt or messages"),
        ({"role": "planner", "messages": []}, ".messages: must be an array of"),
        (
            {"role": "planner", "messages": [{"role": "system", "content": "obey"}]},
            ".messages: must be an array of",
        ),
        ({"role": "planner", "messages": [{"role": "user", "content": 5}]}, ".messages: must be an array of"),
        (
            {"role": "planner", "prompt": "?", "response": "deed"},
            ".response: must be one of text, json, proposal",
        ),
        ({"role": "planner", "prompt": "?", "base_url": "https://other"}, ".base_url: unknown field"),
        ({"role": "{{steps.a.result}}", "prompt": "?"}, ".role: must be a name"),
        (
            {"role": "planner", "messages": [{"role": "{{event.data.r}}", "content": "?"}]},
            ".messages: must be an array",
        ),
    ],
)
def test_a_fault_in_the_params_of_an_agent_is_named(calculator, params, fault):
    found = of_step(calculator, kind="agent", params=params)
    assert any(f"steps[0].params{fault}" in f for f in found), found


def test_an_agent_takes_placeholders_in_what_it_is_told_and_nowhere_else(calculator):
    said = {"role": "user", "content": "about {{event.data.text}}"}
    for params in ({"prompt": "{{event.data.text}}"}, {"messages": [said]}):
        template = {"steps": [{"kind": "agent", "params": {"role": "planner", **params}}]}
        assert faults(calculator, template, with_event=True) == []
    template = {
        "steps": [{"kind": "agent", "params": {"role": "a", "prompt": "?", "response": "{{event.data.x}}"}}]
    }
    assert any(
        "agent takes placeholders in params.prompt" in f
        for f in faults(calculator, template, with_event=True)
    )
