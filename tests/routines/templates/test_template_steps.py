"""A template's steps with every default filled in."""

from psycopg.types.json import Jsonb

COLUMNS = "pos, key, kind, executor, params, needs, max_retries, timeout_seconds, on_failure, on_lease_lost"


def steps(calculator, *given):
    return calculator.execute(
        f"select {COLUMNS} from unnest(_template_steps(%s::jsonb[]))", ([Jsonb({"steps": given})],)
    ).fetchall()


def test_what_is_not_said_gets_its_default(calculator):
    assert steps(calculator, {"kind": "noop"}) == [
        (1, "step_1", "noop", "noop", {}, [], None, None, "fail", None)
    ]


def test_what_is_said_counts(calculator):
    step = {
        "key": "a",
        "kind": "scan",
        "executor": "radar",
        "params": {"x": 1},
        "depends_on": [],
        "max_retries": 5,
        "timeout_seconds": 7,
        "on_failure": "continue",
        "on_lease_lost": "hold",
    }
    assert steps(calculator, step) == [(1, "a", "scan", "radar", {"x": 1}, [], 5, 7, "continue", "hold")]


def test_null_is_the_same_as_not_said(calculator):
    step = dict.fromkeys(
        [
            "key",
            "executor",
            "params",
            "depends_on",
            "max_retries",
            "timeout_seconds",
            "on_failure",
            "on_lease_lost",
        ]
    )
    assert steps(calculator, {"kind": "a"}, {"kind": "noop", **step})[1] == (
        2, "step_2", "noop", "noop", {}, [1], None, None, "fail", None
    )  # fmt: skip


def test_a_step_comes_after_the_one_before_it_unless_it_says_otherwise(calculator):
    found = steps(
        calculator,
        {"kind": "a"},
        {"kind": "b", "key": "second"},
        {"kind": "c", "depends_on": []},
        {"kind": "d"},
        {"kind": "e", "depends_on": ["step_1", "second"]},
    )
    assert [row[5] for row in found] == [[], [1], [], [3], [1, 2]]


def test_what_waits_for_a_step_is_known_from_both_ends(calculator):
    given = (
        [{"kind": "a"}, {"kind": "b"}, {"kind": "c"}],
        [
            {"kind": "a", "depends_on": ["z"]},
            {"kind": "b", "depends_on": []},
            {"kind": "c", "key": "z", "depends_on": ["step_2"]},
            {"kind": "d"},
        ],
    )
    found = calculator.execute(
        "select no, pos, needs, unblocks from unnest(_template_steps(%s::jsonb[]))",
        ([Jsonb({"steps": steps}) for steps in given],),
    ).fetchall()
    assert found == [
        (1, 1, [], [2]),
        (1, 2, [1], [3]),
        (1, 3, [2], []),
        (2, 1, [3], []),
        (2, 2, [], [3]),
        (2, 3, [2], [1, 4]),
        (2, 4, [3], []),
    ]


def test_steps_come_in_the_order_of_the_template(calculator):
    found = steps(calculator, *({"kind": f"k{i}"} for i in range(200)))
    assert [(row[0], row[2]) for row in found] == [(i + 1, f"k{i}") for i in range(200)]
