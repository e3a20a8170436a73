"""Signing in: with a key, for a cookie that nobody can put there before, nor send from elsewhere."""

import re

import pytest

from opsloop import Client
from opsloop.database import Database
from opsloop.errors import InvalidArgument
from opsloop.serve.settings import ServeSettings
from support import wait_until


def test_whoever_is_not_signed_in_is_led_to_the_page_for_it_and_back(server, key):
    browser = server.browser()
    page = browser.get("/sign-in?next=/missions%3Fstatus%3Dfailed")
    assert page.status == 200
    assert 'value="/missions?status=failed"' in page.text
    answer = browser.sign_in(key("reader"), next="/missions?status=failed")
    assert (answer.status, answer.headers["location"]) == (303, "/missions?status=failed")


def test_the_cookie_is_kept_from_scripts_and_from_other_sites(server, key):
    browser = server.browser()
    cookie = browser.sign_in(key("reader")).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "path=/" in cookie


def test_a_session_cannot_be_fixed_from_outside(server, key, conn):
    browser = server.browser()
    browser.cookies["opsloop"] = "put-there-by-somebody-else"
    browser.sign_in(key("reader"))
    assert browser.cookies["opsloop"] != "put-there-by-somebody-else"
    first = browser.cookies["opsloop"]
    browser.sign_in(key("reader"))
    assert browser.cookies["opsloop"] != first
    # The one before has ended.
    assert conn.execute("select count(*) from ops_sign_ins").fetchone() == (1,)


def test_after_signing_in_nobody_is_led_to_another_site(server, key):
    reader = key("reader")
    for to in (
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "javascript:x",
        "",
    ):
        assert server.browser().sign_in(reader, next=to).headers["location"] == "/", to


def test_a_wrong_key_signs_nobody_in(server):
    browser = server.browser()
    answer = browser.sign_in("wrong")
    assert answer.status == 401
    assert "OPS_091" in answer.text
    assert browser.cookies == {}


def test_a_page_of_another_site_signs_nobody_in(server, key):
    answer = server.browser().send("/sign-in", {"Origin": "http://evil.example"}, key=key("reader"))
    assert answer.status == 403
    assert "OPS_094" in answer.text


def test_signing_out_needs_the_token_of_a_page_of_ours(server, key, conn):
    browser = server.browser()
    browser.sign_in(key("reader"))
    assert browser.send("/sign-out").status == 403
    assert conn.execute("select count(*) from ops_sign_ins").fetchone() == (1,)


def test_no_secret_of_a_key_or_cookie_is_stored_or_logged(serve, key, conn):
    server = serve()
    reader = key("reader")
    browser = server.browser()
    browser.sign_in(reader)
    server.web(reader).get(f"/nothing?key={reader}")
    # The line comes after the answer.
    wait_until(lambda: re.search('"path": ?"/nothing"', server.log()), "the request is logged")
    stored = conn.execute(
        "select k::text from ops_api_keys k union all select s::text from ops_sign_ins s"
    ).fetchall()
    for text in (server.log(), str(stored)):
        assert reader not in text
        assert browser.cookies["opsloop"] not in text


def test_a_server_answers_whether_it_lives_without_the_database_and_whether_it_can_work_with_it(server):
    web = server.web()
    assert [web.get(path).status for path in ("/health", "/healthz", "/readyz")] == [200, 200, 200]


@pytest.mark.parametrize("name", ["X Y", "", "Remote-User:", "Benützer", "Remote-User\r\nX"])
def test_what_is_no_name_of_a_header_is_refused_at_the_start(name):
    with pytest.raises(InvalidArgument) as caught:
        ServeSettings(Database(""), proxy_header=name)
    assert caught.value.message.startswith(f"--proxy-header is no name of an HTTP header: {name!r} ")
    assert caught.value.hint
    assert ServeSettings(Database(""), proxy_header="Remote-User").proxy_header == "Remote-User"


def test_a_proxy_signs_in_whom_policy_lets_it_and_nobody_else(serve, people, conn):
    ann, ben = people.make("operator"), people.make("operator")
    server = serve("--proxy-header", "Remote-User")
    document = {"proxies": ["127.0.0.1"], "roles": {ann: "operator", "nobody": "admin"}}

    def status(**headers):
        return server.browser().get("/stream?kinds=nothing", **headers).status

    # A stream that is refused for its kinds is one of somebody who is signed in.
    assert status(Remote_User=ann) == 303
    Client(conn).set_policy("sign_in", document)
    # Who is not on the list, and asks again and again, keeps nobody else out.
    assert {status(Remote_User="somebody") for _ in range(15)} == {303, 429}
    assert status(Remote_User=ann) == 422
    # What the browser has shown the proxy is between these two.
    assert status(Remote_User=ann, Authorization="Basic YW5uOngK") == 422
    # The proxy has added its word to one that was there: nobody knows which is whose.
    assert status(Remote_User=ann, remote_user=ann) == 303
    assert status(Remote_User=ben) == 303
    assert status(Remote_User="nobody") == 403
    assert status() == 303
    # Not below the API, and not where nobody asked for it.
    assert server.web().get("/api/v1/missions", Remote_User=ann).status == 401
    assert serve().browser().get("/stream?kinds=nothing", Remote_User=ann).status == 303
    Client(conn).set_policy("sign_in", document | {"proxies": ["127.0.0.2"]})
    assert status(Remote_User=ann) == 303


def test_an_empty_host_is_this_host_alone(serve):
    assert serve("--host", "").url.startswith("http://127.0.0.1:")


def test_behind_tls_the_cookie_goes_over_nothing_else(serve, key):
    server = serve("--tls")
    browser = server.browser()
    answer = browser.sign_in(key("operator"))
    assert "secure" in answer.headers["set-cookie"].lower()
    assert "strict-transport-security" in answer.headers
    # Nor does the one that says what was done.
    done = browser.send("/locks/clean", csrf=browser.token(browser.get("/locks")))
    assert done.status == 303
    assert "secure" in done.headers["set-cookie"].lower()


def test_what_an_address_says_is_text_on_the_page_and_nothing_else(server):
    page = server.browser().get("/sign-in?next=/%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
    assert page.status == 200
    assert "<script" not in page.text
    assert "<script" not in server.browser().get("/%3Cscript%3Ealert(1)%3C/script%3E").text
