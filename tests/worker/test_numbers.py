"""A number keeps its value on the whole way: from the template to the handler, the wire, the program and the statement.

Values are compared by PostgreSQL, or as texts: nothing here reads a number in the way that is tested.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop import jsonio
from opsloop.cli import run
from opsloop.client import Client
from opsloop.executors import Context, noop
from routines.documents import in_one_database
from routines.spellings import DOCUMENTS, NUMBERS, spelled
from worker.working import Work

#: What a double, or 64 bits, would change; and what it would not.
LONG = [
    "20000000000000000001",
    "-123456789012345678901234567890",
    "0.123456789012345678901234567891",
    "12345678901234567890.05",
    "0.1234567890123456",
    "100000000000000000000000.5",
    "0.30000000000000004",
    "0.1",
    "1.5",
    "0.0000001",
]


FILLED = '{"v": "{{steps.a.result.v}}"}'


@pytest.fixture
def work(conn: psycopg.Connection[Any]) -> Work:
    made = Work(conn)
    made.set_policy("worker_policy", http_allow_private=True, command_allow=[["printf", "%s|", ["-*", "*"]]])
    return made


def drain(dsn: str) -> None:
    assert run(["worker", "--drain", "--dsn", dsn, "--log-level", "error"]) == 0


def propose(work: Work, *steps: str) -> Any:
    """A mission of steps given as text; returns its id."""
    text = f'{{"title": "t", "steps": [{", ".join(steps)}]}}'
    row = work.conn.execute(
        "select status, mission_id, reason from fn_create_proposal(%s)", (text,)
    ).fetchone()
    assert row is not None
    assert row[0] == "auto_approved", row
    return row[1]


@pytest.mark.parametrize(
    "text", [*LONG, "1e3", "1.10", "-0", "-0.0", "1E+400", "1e-400", "2.5e-320", "9007199254740993"]
)
def test_a_number_is_read_and_written_with_its_value(text: str) -> None:
    for read in (jsonio.loads(text), jsonio.loads(text.encode()), jsonio.parse(text), jsonio.number(text)):
        for written in (jsonio.text(read), jsonio.pretty(read), jsonio.text(jsonio.copy([read]))[1:-1]):
            assert Decimal(written) == Decimal(text)


@given(NUMBERS, st.randoms(use_true_random=False))
def test_any_number_is_read_and_written_with_its_value(number: Decimal, chance: Any) -> None:
    read = jsonio.loads(f'{{"a": [{spelled(number, chance)}]}}')
    assert Decimal(jsonio.text(read)[6:-2]) == Decimal(jsonio.pretty(read)[7:-2]) == number


def test_what_a_handler_gets_is_unsurprising() -> None:
    read = jsonio.loads("[1, 0.1, 2.50, 1.0, 1e3, 20000000000000000001, 0.12345678901234567890]")
    assert read == [1, 0.1, 2.5, 1.0, 1000.0, 20000000000000000001, Decimal("0.12345678901234567890")]
    assert [type(n) for n in read] == [int, float, float, float, float, int, Decimal]


@in_one_database
@given(DOCUMENTS.filter(lambda d: "{{" not in json.dumps(d, default=str)), st.randoms(use_true_random=False))
def test_a_document_keeps_its_value_from_template_to_handler_and_back(
    conn: psycopg.Connection[Any], document: Any, chance: Any
) -> None:
    """Template, claim, handler, result, placeholder of the next step; read by the client, and given by it again."""
    text = spelled(document, chance)
    same = "select %s::jsonb = result -> 'v' from ops_mission_steps where id = %s"
    steps = (
        f'{{"key": "a", "kind": "noop", "params": {{"v": {text}}}}}, {{"kind": "noop", "params": {FILLED}}}'
    )
    with conn.transaction(force_rollback=True):
        conn.execute("select fn_create_proposal(%s)", (f'{{"title": "t", "steps": [{steps}]}}',))
        for _ in range(2):
            claimed = conn.execute(
                "select step_id, lease_token, params::text from fn_claim_steps('w')"
            ).fetchone()
            assert claimed is not None
            result = jsonio.text(noop.run(Context("0", jsonio.loads(claimed[2]))))
            conn.execute("select fn_complete_step(%s, %s, %s)", (*claimed[:2], result))
            assert conn.execute(same, (text, claimed[0])).fetchone() == (True,)
        said = Client(conn).emit_event("x", {"v": jsonio.parse(text)})
        stored = "select data -> 'v' = %s::jsonb from ops_agent_events where id = %s"
        assert conn.execute(stored, (text, said)).fetchone() == (True,)


def test_the_client_reads_what_the_database_holds(work: Work) -> None:
    numbers = f"[{', '.join(LONG)}]"
    work.conn.execute("select fn_set_policy('numbers', %s)", (f'{{"all": {numbers}}}',))
    read = work.client.get_policy("numbers")
    assert [Decimal(str(n)) for n in read["all"]] == [Decimal(text) for text in LONG]
    work.client.set_policy("again", read)
    assert work.conn.execute(
        "select count(distinct value) from ops_policy where key in ('numbers', 'again')"
    ).fetchone() == (1,)


@pytest.fixture
def bodies() -> Iterator[tuple[str, list[str]]]:
    """A server, and the bodies that it got, as they came; it answers with the same."""
    got: list[str] = []

    class Keeps(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append(body.decode())
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            """Says nothing."""

    server = HTTPServer(("127.0.0.1", 0), Keeps)
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/", got
    server.shutdown()
    server.server_close()
    thread.join()


def decimals(text: str) -> Any:
    return json.loads(text, parse_int=Decimal, parse_float=Decimal)


def test_a_number_keeps_its_value_on_the_wire(work: Work, dsn: str, bodies: tuple[str, list[str]]) -> None:
    url, got = bodies
    numbers = f"[{', '.join(LONG)}]"
    propose(
        work,
        f'{{"key": "a", "kind": "http", "params": {{"url": "{url}", "json": {{"account": {numbers}}}}}}}',
        f'{{"kind": "http", "params": {{"url": "{url}", "json": "{{{{steps.a.result.json}}}}"}}}}',
        f'{{"kind": "http", "params": {{"url": "{url}", "method": "POST",'
        ' "body": "n={{steps.a.result.json.account.0}},{{steps.a.result.json.account.2}}"}}',
    )
    drain(dsn)
    assert [decimals(body) for body in got[:2]] == [{"account": [Decimal(text) for text in LONG]}] * 2
    assert got[2] == f"n={LONG[0]},{LONG[2]}"


def test_a_command_receives_exactly_the_texts_that_the_allow_list_matched(work: Work, dsn: str) -> None:
    arguments = [*LONG, "1.0", "1e3", "1.10", "-0", "0.0", "100", '"1.0"', '"-x"', '""', '"a\\nb"', '"é"']
    wanted = [*LONG, "1", "1000", "1.1", "0", "0", "100", "1.0", "-x", "", "a\nb", "é"]
    mission = propose(
        work,
        '{"key": "a", "kind": "noop", "params": {"yes": true, "n": 1.50}}',
        f'{{"kind": "command", "params": {{"argv": ["printf", "%s|", {", ".join(arguments)},'
        ' "{{steps.a.result.yes}}", "{{steps.a.result.n}}"]}}',
    )
    # What is filled in was not known at the gate. Each text is named now: the claim judges them all.
    work.set_policy("worker_policy", command_allow=[["printf", "%s|", *wanted, "true", "1.5"]])
    drain(dsn)
    said = work.conn.execute(
        "select result ->> 'stdout', wait_reason from ops_mission_steps where mission_id = %s and kind = 'command'",
        (mission,),
    ).fetchone()
    assert said == ("|".join([*wanted, "true", "1.5"]) + "|", None)


def test_a_preset_writes_a_number_in_its_one_spelling(work: Work, dsn: str) -> None:
    work.allow("say")
    work.set_policy(
        "worker_policy", presets={"say": {"argv": ["printf", "%s|", "n={{params.n}}", "{{params.all}}"]}}
    )
    mission = propose(work, '{"kind": "say", "params": {"n": 1.0, "all": [20000000000000000001, 2.50]}}')
    drain(dsn)
    assert work.conn.execute(
        "select result ->> 'stdout' from ops_mission_steps where mission_id = %s", (mission,)
    ).fetchone() == ("n=1|20000000000000000001|2.5|",)


def test_a_number_keeps_its_value_as_a_bind_argument(
    work: Work, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPS_SQL_DSN", dsn)
    work.conn.execute("create table public.kept (n numeric, j jsonb)")
    insert = "insert into public.kept values (%s, to_jsonb(%s::numeric)) returning n, j"
    mission = propose(
        work,
        *(
            json.dumps({"kind": "sql", "params": {"statement": insert, "args": ["@", "@"]}}).replace(
                '"@"', text
            )
            for text in LONG
        ),
    )
    drain(dsn)
    found = "select n::text, j::text from public.kept"
    assert work.conn.execute(found).fetchall() == [(text, text) for text in LONG]
    # And back: what the statement returned is the result.
    rows = (
        "select result #>> '{rows,0,n}', result #>> '{rows,0,j}' from ops_mission_steps where mission_id = %s"
    )
    assert work.conn.execute(rows + " order by position", (mission,)).fetchall() == [
        (text, text) for text in LONG
    ]


def test_a_decimal_that_a_handler_reports_is_stored_to_the_last_digit() -> None:
    ctx = Context("0")
    exact = Decimal("0.12345678901234567890")
    ctx.progress({"n": exact})
    ctx.emit("e", {"n": exact})
    ctx.publish("a", "1", "t", {"n": exact, "text": "a\0b"})
    ctx.usage(cents=exact, tokens=2)
    ctx.usage(cents=0.1, tokens=3)
    assert ctx.take_progress() == b'{"n":0.12345678901234567890}'
    assert ctx.report()["usage"] == {"cents": Decimal("0.22345678901234567890"), "tokens": 5}
    assert jsonio.text(ctx.report()).count("0.12345678901234567890") == 2


def test_the_command_line_and_policy_files_keep_numbers(
    work: Work, dsn: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    numbers = f"[{', '.join(LONG)}]"
    assert run(["emit", "one", "--data", f'{{"v": {numbers}}}', "--dsn", dsn]) == 0
    line = f'{{"type": "two", "data": {{"v": {numbers}}}}}\n'
    ingest = [sys.executable, "-m", "opsloop", "ingest", "--dsn", dsn]
    subprocess.run(ingest, input=line, text=True, check=True, capture_output=True)
    read = "select type from ops_agent_events where data -> 'v' = %s::jsonb order by type"
    assert work.conn.execute(read, (numbers,)).fetchall() == [("one",), ("two",)]
    work.client.set_policy("numbers", {"v": 0})
    policy = tmp_path / "policy.toml"
    policy.write_text(f"[numbers]\nv = {numbers}\n")
    assert run(["policy", "apply", str(policy), "--dsn", dsn]) == 0
    capsys.readouterr()
    assert run(["policy", "get", "numbers", "--dsn", dsn]) == 0
    assert decimals(capsys.readouterr().out) == {"v": [Decimal(text) for text in LONG]}
