"""Claiming messages and saying what became of them: order per aggregate, leases, retries, dead letters."""

import json
from itertools import count

import pytest
from psycopg.types.json import Jsonb

from looping import step

_numbers = count(1)


@pytest.fixture(autouse=True)
def routed(loop):
    route(loop, {"event_type": "*", "sink": "own"})


def route(loop, *routes, **more):
    loop.do("select fn_set_policy('outbox', %s)", {"routes": list(routes), **more})


def publish(loop, *aggregates, kind="changed", **payload):
    return [
        loop.value("select fn_publish_outbox('t', %s, %s, %s)", a, kind, payload or {"n": next(_numbers)})
        for a in aggregates
    ]


def claim(loop, limit=10, who="p"):
    return [r["id"] for r in loop.rows("select * from fn_claim_outbox_events(%s, %s)", who, limit)]


def take(loop, limit=100, each=20, who="p"):
    return [
        r["id"] for r in loop.rows("select * from fn_claim_outbox_deliveries(%s, %s, %s)", who, limit, each)
    ]


def complete(loop, event, who="p", ok=True, error=None):
    return loop.value("select fn_complete_outbox_event(%s, %s, %s, %s)", event, who, ok, error)


def say(loop, *outcomes, who="p"):
    said = [
        {"event_id": o[0], "outcome": o[1], **({"error": o[2]} if len(o) > 2 else {}),
         **({"retry_after_seconds": o[3]} if len(o) > 3 else {})}
        for o in outcomes
    ]  # fmt: skip
    rows = loop.rows("select * from fn_complete_outbox_events(%s, %s)", who, Jsonb(said))
    return [r["outcome"] for r in rows]


def message(loop, event):
    return loop.row("select * from outbox where id = %s", event)


def sound(loop):
    return loop.rows("select * from _broken_outbox()")


def test_a_claim_brings_the_first_message_of_each_aggregate_and_nothing_behind_it(loop):
    a1, b1, _, c1 = publish(loop, "a", "b", "a", "c")
    assert claim(loop) == [a1, b1, c1]
    assert claim(loop) == []


def test_a_claim_has_the_columns_that_are_promised(loop):
    (event,) = publish(loop, "a", n=1)
    row = loop.row("select * from fn_claim_outbox_events('p', 1)")
    assert row == {
        "id": event,
        "aggregate_type": "t",
        "aggregate_id": "a",
        "event_type": "changed",
        "payload": {"n": 1},
        "retry_count": 0,
    }


def test_the_next_of_an_aggregate_comes_when_the_one_before_is_delivered(loop):
    first, second = publish(loop, "a", "a")
    assert claim(loop) == [first]
    assert complete(loop, first)
    assert message(loop, first)["processed_at"] is not None
    assert claim(loop, who="q") == [second]
    assert complete(loop, second, who="q")
    assert loop.rows("select * from outbox_heads") == []
    assert sound(loop) == []


def test_no_two_processors_hold_one_message_and_only_the_holder_may_report(loop):
    (event,) = publish(loop, "a")
    assert claim(loop, who="p") == [event]
    assert claim(loop, who="q") == []
    before = loop.contents()
    assert complete(loop, event, who="q") is False
    assert complete(loop, event, who="q", ok=False, error="no") is False
    assert loop.contents() == before


def test_a_report_about_what_was_never_claimed_or_is_unknown_changes_nothing(loop):
    (event,) = publish(loop, "a")
    before = loop.contents()
    assert complete(loop, event) is False
    assert complete(loop, 2**40) is False
    assert loop.contents() == before


def test_what_a_vanished_processor_held_comes_back_after_its_lease_and_burns_no_try(loop):
    (event,) = publish(loop, "a")
    loop.stop_clock()
    assert claim(loop, who="p") == [event]
    loop.advance(59)
    assert claim(loop, who="q") == []
    loop.advance(2)
    assert claim(loop, who="q") == [event]
    assert message(loop, event)["retry_count"] == 0
    assert complete(loop, event, who="p") is False
    assert complete(loop, event, who="q")


def test_the_lease_is_policys(loop):
    route(loop, {"event_type": "*", "sink": "own"}, lease_seconds=5)
    (event,) = publish(loop, "a")
    claim(loop)
    loop.advance(6)
    assert claim(loop, who="q") == [event]


def test_an_extended_claim_is_kept_and_a_lost_one_is_told(loop):
    a, b = publish(loop, "a", "b")
    claim(loop)
    loop.advance(40)
    extend = "select event_id, ok from fn_extend_outbox_claims(%s, %s)"
    assert [r["ok"] for r in loop.rows(extend, "p", [a])] == [True]
    loop.advance(30)
    assert claim(loop, who="q") == [b]
    assert {r["event_id"]: r["ok"] for r in loop.rows(extend, "p", [a, b])} == {a: True, b: False}
    loop.advance(61)
    assert set(claim(loop, who="r")) == {a, b}
    assert sound(loop) == []


@pytest.mark.parametrize("failures", [1, 2, 3, 9])
def test_a_failed_message_waits_two_to_the_power_of_its_tries(loop, failures):
    (event,) = publish(loop, "a")
    loop.stop_clock()
    for n in range(failures):
        assert claim(loop) == [event]
        assert complete(loop, event, ok=False, error=f"broken {n}")
        assert claim(loop) == []
        loop.advance(2 ** (n + 1) - 1)
        assert claim(loop) == []
        loop.advance(1.001)
    assert claim(loop) == [event]
    row = message(loop, event)
    assert (row["retry_count"], row["last_error"]) == (failures, f"broken {failures - 1}")
    assert [e["error"] for e in row["error_history"]] == [f"broken {n}" for n in range(failures)]


def test_the_wait_is_never_longer_than_two_to_the_tenth(loop):
    route(loop, {"event_type": "*", "sink": "own"}, max_tries=20)
    (event,) = publish(loop, "a")
    loop.do("update outbox set retry_count = 15")
    claim(loop)
    complete(loop, event, ok=False)
    loop.advance(1025)
    assert claim(loop) == [event]


def test_a_failing_aggregate_holds_up_nobody_else(loop):
    a1, b1, _, b2 = publish(loop, "a", "b", "a", "b")
    claim(loop)
    complete(loop, a1, ok=False)
    complete(loop, b1)
    assert claim(loop) == [b2]


def test_out_of_tries_it_goes_to_the_archive_whole_and_its_aggregate_goes_on(loop):
    first, second = publish(loop, "a", "a", secret=5)
    for n in range(10):
        assert claim(loop) == [first], n
        complete(loop, first, ok=False, error=f"broken {n}")
        loop.advance(1025)
    assert claim(loop) == [second]
    row = message(loop, first)
    assert (row["dead"], row["retry_count"]) == (True, 10)
    assert row["processed_at"] is not None
    letter = loop.row("select * from dead_letter_archive")
    assert (letter["dl_msg_id"], letter["original_msg_id"]) == (f"outbox:{first}:10", f"outbox:{first}")
    assert (letter["reason"], letter["reclaim_count"]) == ("broken 9", 10)
    assert letter["payload"]["payload"] == {"secret": 5}
    assert [e["error"] for e in letter["payload"]["error_history"]] == [f"broken {n}" for n in range(10)]
    assert sound(loop) == []


def test_how_often_it_is_tried_is_policys_and_the_routes(loop):
    route(
        loop,
        {"event_type": "once", "sink": "own", "max_tries": 1},
        {"event_type": "*", "sink": "own"},
        max_tries=2,
    )
    (once,), (twice,) = publish(loop, "a", kind="once"), publish(loop, "b", kind="twice")
    take(loop)
    assert say(loop, (once, "retry", "x"), (twice, "retry", "x")) == ["dead", "retry"]
    loop.advance(3)
    take(loop)
    assert say(loop, (twice, "retry", "x")) == ["dead"]


def test_several_messages_of_an_aggregate_come_in_order_up_to_what_is_asked_for(loop):
    events = publish(loop, *"aaaaa")
    assert take(loop, each=3) == events[:3]
    assert say(loop, *((e, "delivered") for e in events[:3])) == ["delivered"] * 3
    assert take(loop, each=3) == events[3:]


def test_a_claim_is_filled_from_as_many_aggregates_as_it_takes(loop):
    events = publish(loop, *"aaabbb")
    assert take(loop, limit=4) == events[:4]
    single = publish(loop, *"cdefghijklmnopqrstuvwxyz")
    assert take(loop, limit=20) == single[:20]


def test_a_message_that_was_passed_by_is_not_overtaken_by_a_later_one_of_its_aggregate(loop):
    # A first look of a hundred hints sees the first of each aggregate and takes some; a second one sees later ones.
    names = [f"n{n}" for n in range(60)]
    first = publish(loop, *names)
    publish(loop, *names, *names)
    taken = take(loop, limit=45, each=1)
    assert taken == first[:45]
    rest = take(loop, limit=45, each=1)
    assert set(rest) == set(first[45:])


def test_what_comes_behind_a_failure_does_not_count(loop):
    a, b, c = publish(loop, *"aaa")
    take(loop)
    assert say(loop, (a, "delivered"), (b, "retry", "x"), (c, "delivered")) == [
        "delivered",
        "retry",
        "OPS_006",
    ]
    assert message(loop, c)["processed_at"] is None
    loop.advance(3)
    assert take(loop) == [b, c]


def test_what_comes_before_its_turn_does_not_count(loop):
    a, b = publish(loop, *"aa")
    take(loop)
    assert say(loop, (b, "delivered")) == ["OPS_006"]
    assert say(loop, (a, "delivered")) == ["delivered"]
    assert say(loop, (b, "delivered")) == ["delivered"]
    assert sound(loop) == []


def test_a_dead_message_in_the_middle_does_not_stop_its_aggregate(loop):
    a, b, c = publish(loop, *"aaa")
    take(loop)
    assert say(loop, (a, "delivered"), (b, "dead", "HTTP 410"), (c, "delivered")) == [
        "delivered",
        "dead",
        "delivered",
    ]
    assert loop.value("select reason from dead_letter_archive") == "HTTP 410"


def test_what_is_released_comes_back_at_once_and_burns_no_try(loop):
    a, b, c = publish(loop, *"aaa")
    take(loop)
    assert say(loop, (a, "delivered"), (b, "released")) == ["delivered", "released"]
    assert take(loop, who="q") == [b, c]
    assert message(loop, b)["retry_count"] == 0
    assert sound(loop) == []


def test_half_a_run_may_be_reported_and_the_rest_stays_claimed(loop):
    a, b, c = publish(loop, *"aaa")
    take(loop)
    say(loop, (a, "delivered"))
    assert take(loop, who="q") == []
    assert sound(loop) == []
    loop.advance(61)
    assert take(loop, who="q") == [b, c]


def test_the_receiver_may_ask_for_another_wait_but_not_for_ever(loop):
    a, b, c = publish(loop, *"abc")
    loop.stop_clock()
    take(loop)
    assert say(loop, (a, "retry", "x", 0), (b, "retry", "x", 30), (c, "retry", "x", 1e9)) == ["retry"] * 3
    assert take(loop) == [a]
    loop.advance(29)
    assert take(loop, who="q") == []
    loop.advance(1.001)
    assert b in take(loop, who="q")
    loop.advance(86_400)
    assert c in take(loop, who="q")


def test_a_report_sent_twice_counts_once(loop):
    (a,) = publish(loop, "a")
    take(loop)
    assert say(loop, (a, "retry", "x"), (a, "delivered")) == ["retry", "retry"]
    assert say(loop, (a, "retry", "x")) == ["OPS_006"]
    assert message(loop, a)["retry_count"] == 1


def test_retries_are_counted(loop):
    a, b = publish(loop, *"ab")
    take(loop)
    say(loop, (a, "retry", "x"), (b, "delivered"))
    metrics = {r["name"]: r["value"] for r in loop.rows("select * from fn_metrics()")}
    assert (metrics["m10_outbox_retry_total"], metrics["m10_outbox_pending_gauge"]) == (1, 1)


@pytest.mark.parametrize(
    "said",
    [
        {},
        [{"event_id": 1}],
        [{"event_id": 1, "outcome": "fine"}],
        [{"event_id": "1", "outcome": "dead"}],
        [{"event_id": 1, "outcome": "dead", "what": 1}],
        [{"event_id": 1, "outcome": "retry", "retry_after_seconds": -1}],
        [5],
    ],
    ids=json.dumps,
)
def test_a_malformed_batch_is_ops_018_and_changes_nothing(loop, said):
    publish(loop, "a")
    take(loop)
    before = loop.contents()
    loop.refused("018", "select * from fn_complete_outbox_events('p', %s)", Jsonb(said))
    assert loop.contents() == before


@pytest.mark.parametrize(
    "call",
    [
        "fn_claim_outbox_events('', 1)",
        "fn_claim_outbox_events(null, 1)",
        "fn_claim_outbox_events('p', 0)",
        "fn_claim_outbox_events('p', 1001)",
        "fn_claim_outbox_deliveries('p', 1, 0)",
        "fn_claim_outbox_deliveries('p', 1, 1, 0)",
        "fn_extend_outbox_claims('p', '{1}', 4000)",
    ],
)
def test_what_cannot_be_meant_is_ops_018(loop, call):
    loop.refused("018", f"select * from {call}")


@pytest.mark.parametrize(
    "header",
    [
        "Host",
        "Upgrade",
        "Proxy-Authorization",
        "TE",
        "Idempotency-Key",
        "webhook-id",
        "Webhook-Timestamp",
        "webhook-signature",
    ],
)
def test_a_route_does_not_say_what_the_relay_says(loop, header):
    where = {"event_type": "*", "sink": "http", "url": "https://a/"}
    route(loop, {**where, "headers": {"X-Own": "1"}})
    refused = {"routes": [{**where, "headers": {header: "1"}}]}
    loop.refused("017", "select fn_set_policy('outbox', %s)", Jsonb(refused))


def test_each_delivery_brings_where_it_goes(loop):
    route(
        loop,
        {
            "name": "x",
            "event_type": "order.*",
            "sink": "http",
            "url": "https://a/",
            "secret_env": "K",
            "max_tries": 3,
        },
        {"event_type": ["a", "b"], "sink": "own", "settings": {"topic": "t"}},
    )
    publish(loop, "1", kind="order.paid")
    publish(loop, "2", kind="b")
    first, second = loop.rows("select * from fn_claim_outbox_deliveries('p', 10)")
    assert (first["sink"], first["settings"]) == (
        "http",
        {"url": "https://a/", "secret_env": "K", "allow_private": False},
    )
    assert (second["sink"], second["settings"], second["lease_seconds"]) == ("own", {"topic": "t"}, 60)
    body = json.loads(first["body"])
    assert (body["id"], body["sequence"], body["type"]) == (
        first["idempotency_key"],
        first["id"],
        "order.paid",
    )
    assert body["payload"] == loop.value("select payload from outbox where id = %s", first["id"])


def test_a_message_and_its_key_are_the_same_each_time(loop):
    (event,) = publish(loop, "a")
    query = "select idempotency_key, body from fn_claim_outbox_deliveries('p', 10)"
    first = loop.row(query)
    say(loop, (event, "retry", "x", 0))
    assert loop.row(query) == first


def test_without_a_route_nothing_is_claimed_for_a_relay_but_for_ones_own_processor(loop):
    route(loop)
    (event,) = publish(loop, "a")
    assert take(loop) == []
    assert claim(loop) == [event]


def test_what_has_no_route_waits_says_so_and_is_in_nobodys_way(loop):
    route(loop, {"event_type": "known", "sink": "own"})
    (lost,), (found,) = publish(loop, "a", kind="unknown"), publish(loop, "b", kind="known")
    assert take(loop) == [found]
    row = message(loop, lost)
    assert (row["last_error"], row["retry_count"]) == ("no route in the policy outbox for unknown", 0)
    assert take(loop) == []
    route(loop, {"event_type": "*", "sink": "own"})
    loop.advance(31)
    assert take(loop) == [lost]


def test_a_run_ends_before_what_has_no_route(loop):
    route(loop, {"event_type": "known", "sink": "own"})
    (a,), (b,), (c,) = (publish(loop, "a", kind=k) for k in ("known", "unknown", "known"))
    assert take(loop) == [a]
    assert sound(loop) == []
    say(loop, (a, "delivered"))
    assert take(loop) == []
    assert message(loop, c)["processed_at"] is None
    loop.do("update outbox set processed_at = clock_timestamp() where id = %s", b)
    loop.advance(31)
    assert take(loop) == [c]


@pytest.mark.parametrize(
    ("worker_policy", "said"),
    [
        ({}, "worker_policy has no preset mail"),
        ({"presets": {"mail": {"argv": ["mail", "{{params.to}}"]}}}, "params.to"),
    ],
)
def test_a_command_that_policy_does_not_have_is_a_fault(loop, worker_policy, said):
    loop.policy("worker_policy", **worker_policy)
    route(loop, {"event_type": "*", "sink": "command", "preset": "mail"})
    publish(loop, "a")
    assert said in loop.row("select * from fn_claim_outbox_deliveries('p', 1)")["settings"]["fault"]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"blocked_executors": ["command"]}, "worker_policy.blocked_executors has command"),
        ({"blocked_executors": ["mail"]}, "worker_policy.blocked_executors has mail"),
        ({"blocked_executors": ["*"]}, "worker_policy.blocked_executors has *"),
        ({"allowed_executors": ["noop"]}, "worker_policy.allowed_executors has no mail"),
        ({"allowed_executors": []}, "worker_policy.allowed_executors has no mail"),
    ],
)
def test_a_command_that_policy_does_not_let_run_waits_and_says_so(loop, rule, said):
    loop.policy("worker_policy", presets={"mail": {"argv": ["mail"]}}, **rule)
    route(
        loop,
        {"event_type": "order.*", "sink": "command", "preset": "mail"},
        {"event_type": "*", "sink": "own"},
    )
    (mail,) = publish(loop, "a", kind="order.paid")
    (other,) = publish(loop, "b")
    assert take(loop) == [other]
    waits = message(loop, mail)
    assert (waits["retry_count"], waits["last_error"]) == (0, f"no relay runs preset mail: {said}")
    assert sound(loop) == []
    loop.policy("worker_policy", blocked_executors=[], allowed_executors=None)
    loop.advance(31)
    assert take(loop) == [mail]


@pytest.mark.parametrize("target", ["command", "mail"])
def test_a_command_whose_executor_is_paused_waits_and_says_so(loop, target):
    loop.policy("worker_policy", presets={"mail": {"argv": ["mail"]}})
    route(loop, {"event_type": "*", "sink": "command", "preset": "mail"})
    (mail,) = publish(loop, "a")
    loop.do("select fn_pause('executor', %s, 'ada', 'too hot')", target)
    assert take(loop) == []
    assert message(loop, mail)["last_error"] == f"paused: executor {target}: too hot"
    loop.do("select fn_resume('executor', %s, 'ada')", target)
    loop.advance(31)
    assert take(loop) == [mail]
    assert message(loop, mail)["retry_count"] == 0


def test_a_command_comes_with_its_program_out_of_policy(loop):
    loop.policy("worker_policy", presets={"mail": {"argv": ["mail", "-s", "x"], "cwd": "/tmp"}})
    route(loop, {"event_type": "*", "sink": "command", "preset": "mail", "timeout_seconds": 5})
    publish(loop, "a")
    settings = loop.row("select * from fn_claim_outbox_deliveries('p', 1)")["settings"]
    assert settings == {"preset": "mail", "argv": ["mail", "-s", "x"], "cwd": "/tmp", "timeout_seconds": 5}


def test_a_message_too_long_for_notify_is_dead_with_its_length(loop):
    route(loop, {"event_type": "*", "sink": "notify", "channel": "c"})
    short, long = publish(loop, "a", text="x")[0], publish(loop, "b", text="x" * 8000)[0]
    take(loop)
    assert say(loop, (short, "notify"), (long, "notify")) == ["delivered", "dead"]
    assert "NOTIFY carries 7999 at most" in message(loop, long)["last_error"]


def test_while_the_whole_loop_is_paused_nothing_is_claimed(loop):
    (event,) = publish(loop, "a")
    loop.do("select fn_pause('all', null, 'ada', 'test')")
    assert (claim(loop), take(loop)) == ([], [])
    loop.do("select fn_resume('all', null, 'ada', 'test')")
    assert take(loop) == [event]


def test_after_the_kill_switch_no_claim_is_extended_but_what_was_delivered_counts(loop):
    (event,) = publish(loop, "a")
    take(loop)
    loop.do("select fn_kill_switch('ada', 'test')")
    assert loop.value("select ok from fn_extend_outbox_claims('p', %s)", [event]) is False
    assert say(loop, (event, "delivered")) == ["delivered"]


def test_a_message_marked_done_or_deleted_by_hand_is_passed_over(loop):
    a, b, c = publish(loop, *"aaa")
    loop.do("update outbox set processed_at = clock_timestamp() where id = %s", a)
    loop.do("delete from outbox where id = %s", b)
    assert take(loop) == [c]
    loop.do("delete from outbox")
    assert say(loop, (c, "delivered")) == ["OPS_006"]
    loop.advance(61)
    take(loop)
    assert loop.rows("select * from outbox_heads") == []
    assert sound(loop) == []


def test_a_thousand_messages_of_one_aggregate_in_front_hide_nobody(loop):
    loop.do("select fn_publish_outbox('t', 'a', 'changed') from generate_series(1, 2500)")
    (other,) = publish(loop, "b")
    (first,) = claim(loop, 1)
    complete(loop, first, ok=False)
    assert claim(loop, 1) == [other]


def test_steps_publish_with_their_completion(loop):
    work = loop.work(loop.mission(step("a")))
    said = [
        {"aggregate_type": "t", "aggregate_id": "1", "event_type": "e", "payload": {"n": n}} for n in range(2)
    ]
    loop.complete(work, outbox=said)
    first, second = (r["id"] for r in loop.rows("select id from outbox order by id"))
    assert take(loop) == [first, second]


def test_the_invariants_see_what_is_broken(loop):
    a, _b, c = publish(loop, *"abc")
    take(loop, limit=2)
    assert sound(loop) == []
    broken = {
        "both processed and claimed": ("update outbox set processed_at = clock_timestamp() where id = %s", a),
        "neither in ops_ready": ("delete from ops_ready where id = _outbox_ready_id(%s)", c),
        "no timer": ("delete from outbox_timers where %s = any (event_ids)", a),
        "out of order": (
            "update outbox_heads set claimed = claimed || %s::bigint where aggregate_id = 'a'",
            0,
        ),
        "is free, but not": (
            "update outbox_heads set processor_id = null, lease_expires_at = null where aggregate_id = 'a' and %s > 0",
            a,
        ),
    }
    for said, (statement, event) in broken.items():
        loop.do("savepoint whole")
        loop.do(statement, event)
        assert said in " ".join(r["detail"] for r in sound(loop)), said
        loop.do("rollback to savepoint whole")


def test_messages_that_a_processor_has_without_knowing_it_are_given_back(loop):
    a, b, c, d = publish(loop, "a", "b", "a", "c")
    assert take(loop, 1, who="q") == [a]
    lost = take(loop, 2)
    assert set(lost) == {b, d}
    say(loop, (a, "delivered"), who="q")
    known = take(loop, 1)
    assert known == [c]
    disown = "select fn_disown_outbox_events('p', %s)"

    assert loop.value(disown, known) == 2
    assert loop.value(disown, known) == 0

    assert set(take(loop, who="q")) == {b, d}
    assert loop.value("select max(retry_count) from outbox") == 0
    assert complete(loop, c)
    assert loop.broken() == []


def test_of_an_aggregate_of_which_the_processor_knows_a_message_all_are_kept(loop):
    events = publish(loop, "a", "a", "a")
    assert take(loop) == events
    say(loop, (events[0], "delivered"))
    assert loop.value("select fn_disown_outbox_events('p', %s)", events[2:]) == 0
    assert take(loop, who="q") == []


@pytest.mark.parametrize("known", [None, [None], [1, None]])
def test_without_ids_no_message_is_disowned(loop, known):
    loop.refused("018", "select fn_disown_outbox_events('p', %s::bigint[])", known)
