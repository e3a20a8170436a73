"""What Prometheus reads: its own parser takes it, and every definition is in it."""

from typing import Any

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families as parse

from looping import Loop, step


def families(loop: Loop) -> dict[str, Any]:
    """The metrics by the names that they are defined under."""
    return {
        f.name + ("_total" if f.type == "counter" else ""): f
        for f in parse(loop.value("select fn_exposition()"))
    }


def samples(loop: Loop, name: str) -> dict[tuple[str, ...], float]:
    """The values of one, by the values of its labels but for the loop's."""
    return {
        tuple(value for label, value in s.labels.items() if label != "loop"): s.value
        for s in families(loop)[name].samples
    }


def test_every_definition_is_there_with_its_type_help_and_labels(loop: Loop) -> None:
    loop.complete(loop.work(loop.mission(step("a"))))
    loop.rows(
        "select _add_attempts(array['noop'], array['noop'], array['succeeded'], array[0.2])",
    )
    loop.policy("proposal_caps", daily_limit=5)
    loop.mission(step("a"))
    found = families(loop)
    for d in loop.rows("select * from _measures()"):
        family = found.pop(d["name"])
        assert (family.type, family.documentation) == (d["kind"], d["help"])
        labels = {"loop", *(d["labels"] or "").split(",")} - {""}
        assert family.samples, d["name"]
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == labels
            assert sample.labels["loop"] == "opsloop"
    assert found == {}


def test_unlabelled_metrics_are_those_of_fn_metrics(loop: Loop) -> None:
    loop.rows("select fn_acquire_lock('l', 'a'), fn_acquire_lock('l', 'b')")
    found = families(loop)
    for metric in loop.rows("select name, value from fn_metrics()"):
        ((sample,), name) = (found[metric["name"]].samples, metric["name"])
        if not name.endswith("_seconds"):
            assert sample.value == float(metric["value"]), name
    assert found["m10_locks_failed_total"].samples[0].value == 1


def test_steps_and_durations_are_labelled_and_the_histogram_is_cumulative(loop: Loop) -> None:
    loop.rows(
        "select _add_attempts(array['a','b','b'], array['x','x','y'], array['succeeded','failed','lost'],"
        " array[0.2, 700, 1])"
    )
    assert samples(loop, "opsloop_steps_total") == {
        ("a", "x", "succeeded"): 1, ("b", "x", "failed"): 1, ("b", "y", "lost"): 1,
    }  # fmt: skip
    histogram = families(loop)["opsloop_step_duration_seconds"].samples
    found = [(s.name.rpartition("_")[2], s.labels.get("le"), s.value) for s in histogram]
    assert [f for f in found if f[1] in ("0.1", "0.25", "600", "3600", "+Inf")] == [
        ("bucket", "0.1", 0), ("bucket", "0.25", 1), ("bucket", "600", 1), ("bucket", "3600", 2), ("bucket", "+Inf", 2),
    ]  # fmt: skip
    assert found[-2:] == [("sum", None, 700.2), ("count", None, 2)]
    assert {s.labels["executor"] for s in histogram} == {"x"}


def test_what_waits_is_shown_by_executor(loop: Loop) -> None:
    for _ in range(3):
        loop.mission(step("a"))
    loop.mission(step("a", kind="greet"))
    assert samples(loop, "opsloop_queue_ready").items() >= {("noop",): 3, ("greet",): 1}.items()


@pytest.mark.parametrize("name", ['a "quoted" one', "back\\slash", "two\nlines", "ünïcode", "{brace=}"])
def test_no_name_breaks_out_of_its_label(loop: Loop, name: str) -> None:
    loop.rows("select _add_attempts(array[%s], array[%s], array['failed'], array[1])", name, name)
    assert (name, name, "failed") in samples(loop, "opsloop_steps_total")


def test_it_is_read_where_nothing_can_be_written(calculator: psycopg.Connection[Any]) -> None:
    (text,) = calculator.execute("select fn_exposition()").fetchone() or ("",)
    assert text.endswith("\n")
    assert {f.name for f in parse(text)} > {"opsloop_steps", "opsloop_step_duration_seconds"}
