"""The API: what each operation takes and answers, as whom, and what it refuses."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg

from opsloop import webhooks

TEMPLATE = {"title": "Wipe", "steps": [{"kind": "sql", "params": {"statement": "delete from t"}}]}


def test_a_proposal_is_approved_by_another_login_over_http(server, key, conn):
    producer, operator = server.web(key("producer")), server.web(key("operator"))
    made = producer.post("/api/v1/proposals", {"template": TEMPLATE, "source": "shop"})
    assert (made.status, made.json()["status"]) == (201, "pending")
    waiting = operator.get("/api/v1/inbox?source=shop").json()["items"]
    assert [entry["id"] for entry in waiting] == [made.json()["proposal_id"]]
    decided = operator.post(
        "/api/v1/decisions",
        {"decisions": [{"id": waiting[0]["id"], "decision": "approve", "digest": waiting[0]["digest"]}]},
    )
    assert [(one["ok"], one["status"]) for one in decided.json()] == [(True, "approved")]
    mission = decided.json()[0]["mission_id"]
    assert operator.get(f"/api/v1/missions/{mission}").json()["title"] == "Wipe"
    assert [step["kind"] for step in operator.get(f"/api/v1/missions/{mission}/steps").json()["items"]] == [
        "sql"
    ]
    assert operator.get(f"/api/v1/explain/{mission}").status == 200
    assert operator.get(f"/api/v1/trail/{mission}").status == 200
    done = operator.post(f"/api/v1/missions/{mission}/cancel", {"reason": "a test"})
    assert done.json() == {"status": "cancelled"}
    logins = conn.execute(
        "select distinct login from ops_audit_log where action in ('approve', 'cancel')"
    ).fetchall()
    assert len(logins) == 1


def test_what_a_role_may_not_do_is_a_problem_with_the_code(server, key):
    answer = server.web(key("reader")).post("/api/v1/events", {"events": [{"type": "shop:opened"}]})
    assert answer.status == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "OPS_015"


def test_without_a_key_nothing_is_reachable_and_the_answer_says_how(server):
    for path in ("/api/v1/missions", "/api/v1/stream", "/openapi.json"):
        answer = server.web().get(path)
        assert (answer.status, answer.json()["code"]) == (401, "OPS_091"), path
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_the_cookie_of_a_browser_opens_nothing_below_the_api(server, key):
    browser = server.browser()
    browser.sign_in(key("admin"))
    assert browser.post("/api/v1/kill", {"reason": "x"}).status == 401
    assert browser.get("/api/v1/missions").status == 401


def test_pages_go_on_where_the_one_before_ended(server, key):
    web = server.web(key("producer"))
    for number in range(5):
        web.post("/api/v1/proposals", {"template": {"title": f"{number}", "steps": [{"kind": "noop"}]}})
    seen, path = [], "/api/v1/missions?limit=2"
    while True:
        page = web.get(path).json()
        seen += [mission["title"] for mission in page["items"]]
        if page["next_cursor"] is None:
            break
        path = f"/api/v1/missions?limit=2&cursor={page['next_cursor']}"
    assert seen == ["4", "3", "2", "1", "0"]


def test_a_request_with_an_idempotency_key_is_done_once(server, key, conn):
    web = server.web(key("producer"))
    batch = {"events": [{"type": "shop:opened"}, {"type": "shop:closed"}]}
    first, again = (web.post("/api/v1/events", batch, Idempotency_Key="a").json() for _ in range(2))
    assert first == again
    assert conn.execute("select count(*) from ops_agent_events where type like 'shop:%'").fetchone() == (2,)
    one, two = (
        web.post("/api/v1/proposals", {"template": TEMPLATE}, Idempotency_Key="a").json() for _ in range(2)
    )
    assert one["proposal_id"] == two["proposal_id"]


def test_a_key_that_would_not_keep_a_request_from_being_done_twice_is_refused(server, key, conn):
    conn.execute("""select fn_set_schedule('daily', '{"cron": "0 3 * * *", "event_type": "shop:night"}')""")
    web = server.web(key("operator"))
    assert web.post("/api/v1/schedules/daily/run", {}, Idempotency_Key="a").status == 422
    assert web.post("/api/v1/schedules/daily/run", {}).status == 200


def test_two_logins_have_idempotency_keys_of_their_own(server, key):
    batch = {"events": [{"type": "shop:opened"}]}
    one, two = (
        server.web(key("producer")).post("/api/v1/events", batch, Idempotency_Key="a").json()
        for _ in range(2)
    )
    assert one != two


def test_faulty_arguments_are_named_and_nothing_is_done(server, key, conn):
    web = server.web(key("admin"))
    for method, path, body in [
        ("GET", "/api/v1/missions?limit=0", None),
        ("GET", "/api/v1/missions?limit=x", None),
        ("GET", "/api/v1/missions?nothing=1", None),
        ("GET", "/api/v1/missions?limit=1&limit=2", None),
        ("GET", "/api/v1/missions/x", None),
        ("POST", "/api/v1/events", {"events": [{"type": "shop:opened"}, {"typ": "shop:opened"}]}),
        ("POST", "/api/v1/events", {"events": []}),
        ("POST", "/api/v1/events", {"events": [{"type": "a:b", "data": []}]}),
        ("POST", "/api/v1/events", b"{"),
        ("POST", "/api/v1/events", b'{"events": [{"type": "a\\u0000b"}]}'),
        ("POST", "/api/v1/events", b'{"events": [{"type": "a:b", "data": {"x": "\\ud800"}}]}'),
        ("POST", "/api/v1/pauses", {"scope": {"a": 1}}),
        ("PUT", "/api/v1/policies/worker_policy", {"value": {"nothing": 1}}),
    ]:
        answer = web.ask(method, path, body, {"Content-Type": "application/json"} if body else None)
        assert answer.status == 422, (path, answer.body)
        assert answer.json()["code"] in ("OPS_017", "OPS_018", "OPS_019"), path
    assert conn.execute(
        "select count(*) from ops_agent_events where emitted_login is not null"
    ).fetchone() == (0,)


def test_what_is_not_there_is_404_and_a_wrong_method_405_both_as_problems(server, key):
    web = server.web(key("reader"))
    unknown = "01900000-0000-7000-8000-000000000000"
    assert web.get(f"/api/v1/missions/{unknown}").json()["code"] == "OPS_012"
    assert web.get("/api/v1/policies/nothing").json()["code"] == "OPS_002"
    assert (web.get("/api/v1/nothing").status, web.post("/api/v1/inbox").status) == (404, 405)
    assert web.get("/api/v1/nothing").headers["content-type"] == "application/problem+json"
    # Reading and making are routes of their own; whoever asks for a page is told as well.
    for client in (web, server.browser()):
        assert client.ask("PUT", "/api/v1/proposals").headers["allow"] == "GET, HEAD, POST"
        assert client.ask("PUT", "/sign-in").headers["allow"] == "GET, HEAD, POST"
        assert client.ask("PUT", "/static/opsloop.css").headers["allow"] == "GET, HEAD"


def test_a_slash_too_many_leads_nowhere(shared_server, shared_key):
    answer = shared_server.web(shared_key).get("/api/v1/missions/", Host="elsewhere.example")
    assert (answer.status, answer.headers["location"]) == (404, None)


def test_a_policy_is_set_only_on_the_version_that_was_read(server, key):
    web = server.web(key("admin"))
    read = web.get("/api/v1/policies/proposal_caps").json()
    value = {"value": read["value"] | {"daily_limit": 7}, "expected_version": read["version"]}
    assert web.ask("PUT", "/api/v1/policies/proposal_caps", value).status == 200
    late = web.ask(
        "PUT", "/api/v1/policies/proposal_caps", {"value": read["value"], "expected_version": read["version"]}
    )
    assert (late.status, late.json()["code"]) == (409, "OPS_011")


def test_a_read_only_server_changes_nothing_whoever_asks(serve, key, conn):
    web = serve("--read-only").web(key("admin"))
    assert web.get("/api/v1/missions").status == 200
    before = conn.execute("select count(*) from ops_agent_events").fetchone()
    for path, body in [
        ("/api/v1/events", {"events": [{"type": "a:b"}]}),
        ("/api/v1/kill", {"reason": "x"}),
        ("/api/ops/heartbeat", None),
    ]:
        answer = web.post(path, body)
        assert (answer.status, answer.json()["code"]) == (403, "OPS_093"), path
    assert conn.execute("select count(*) from ops_agent_events").fetchone() == before


SECRET = "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"


def signed(
    body: bytes, message_id: str = "msg_1", at: float | None = None, secret: str = SECRET
) -> dict[str, str]:
    when = int(time.time() if at is None else at)
    [key] = webhooks.keys(secret)
    return {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(when),
        "webhook-signature": webhooks.signature(key, message_id, when, body),
    }


def test_a_signed_webhook_needs_no_key_and_counts_once(serve, conn):
    web = serve(OPS_WEBHOOK_SECRET=SECRET).web()
    body = json.dumps(
        {"type": "order:paid", "timestamp": "2026-11-30T12:00:00Z", "data": {"order": 7}}
    ).encode()
    first, again = (web.ask("POST", "/api/v1/events", body, signed(body)) for _ in range(2))
    assert (first.status, first.json()) == (201, again.json())
    assert conn.execute("select data from ops_agent_events where type = 'order:paid'").fetchall() == [
        ({"order": 7},)
    ]


def test_a_webhook_whose_signature_does_not_hold_is_refused(serve, key, conn):
    server = serve(OPS_WEBHOOK_SECRET=SECRET)
    body = b'{"type": "order:paid"}'
    other = "whsec_b3RoZXItb3RoZXItb3RoZXItb3RoZXI"
    for headers in (
        signed(body + b" "),
        signed(body, secret=other),
        signed(body, at=time.time() - 400),
        signed(body, at=time.time() + 400),
        signed(body) | {"webhook-id": "msg_2"},
        signed(body) | {"webhook-signature": "v1,AAAA"},
        # A key that is right does not help a signature that is wrong.
        signed(body, secret=other) | {"Authorization": f"Bearer {key('producer')}"},
    ):
        answer = server.web().ask("POST", "/api/v1/events", body, headers)
        assert (answer.status, answer.json()["code"]) == (403, "OPS_094"), headers
    assert conn.execute("select count(*) from ops_agent_events where type = 'order:paid'").fetchone() == (0,)


def test_the_heartbeat_of_the_runbook(serve, key):
    own = "k" * 32
    server = serve(OPS_API_KEY=own)
    answer = server.web(own).post("/api/ops/heartbeat", None, Content_Type="application/json")
    assert answer.status == 200
    assert {name: answer.json()[name] for name in ("ok", "triggerResult", "reactionResult")} == {
        "ok": True,
        "triggerResult": {"events": 0, "queued": 0},
        "reactionResult": {"processed": 0, "created": 0},
    }
    assert answer.json()["leaseResult"] == {"requeued_steps": 0, "failed_steps": 0}
    assert answer.json()["staleResult"] == {"recovered": 0}
    assert server.web(key("operator")).post("/api/ops/heartbeat").status == 200
    assert server.web(key("reader")).post("/api/ops/heartbeat").json()["code"] == "OPS_015"
    assert server.web("wrong").post("/api/ops/heartbeat").status == 401
    assert server.web().post("/api/ops/heartbeat").status == 401
    # It opens nothing else.
    assert server.web(own).get("/api/v1/missions").status == 401
    assert server.web(own).get("/api/v1/missions", Host="x/metrics?").status in (400, 401)


def test_heartbeats_that_come_together_share_turns_and_no_event_is_looked_at_twice(serve, conn):
    own = "k" * 32
    web = serve(OPS_API_KEY=own).web(own)
    conn.execute(
        'select fn_emit_events((select jsonb_agg(\'{"type": "shop:opened"}\'::jsonb) from generate_series(1, 40)))'
    )
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda _: web.post("/api/ops/heartbeat"), range(100)))
    assert {answer.status for answer in answers} == {200}
    assert {answer.json()["ok"] for answer in answers} == {True}
    assert conn.execute(
        "select count(*), count(*) filter (where processed_at is null) from ops_agent_events where type = 'shop:opened'"
    ).fetchone() == (40, 0)


def test_a_short_api_key_refuses_to_start_and_is_not_shown(dsn, run_opsloop):
    done = run_opsloop("serve", "--port", "0", "--dsn", dsn, OPS_API_KEY="hunter2hunter2")
    assert done.returncode == 2
    assert "OPS_018" in done.stderr
    assert "hunter2" not in done.stderr + done.stdout


def test_a_login_that_may_not_ask_whose_call_it_is_does_not_serve(run_opsloop, people):
    login = people.dsn_of(people.make("worker"))
    for command in (["serve", "--port", "0"], ["up", "--serve", "0"]):
        done = run_opsloop(*command, "--dsn", login)
        assert (done.returncode, done.stderr[-2000:].count("OPS_015")) == (1, 1), done.stderr
        assert "may not serve" in done.stderr


def test_the_database_being_away_is_503_and_nothing_tells_where_it_is(server, key, conn, databases):
    web = server.web(key("reader"))
    assert web.get("/api/v1/missions").status == 200
    name = conn.info.dbname
    with psycopg.connect(databases.dsn, autocommit=True) as other:
        other.execute(f'alter database "{name}" allow_connections false')
        other.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s and application_name = %s",
            (name, "opsloop serve"),
        )
        try:
            answer = web.get("/api/v1/missions")
            assert (answer.status, answer.json()["code"]) == (503, "OPS_001")
            assert int(answer.headers["retry-after"]) > 0
            assert name not in answer.text
            assert (web.get("/health").status, web.get("/readyz").status) == (200, 503)
        finally:
            other.execute(f'alter database "{name}" allow_connections true')
    assert web.get("/api/v1/missions").status == 200
