"""House rules of the SQL, read from the catalogue of a deployed database and from the files."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from opsloop import sqlfiles

SQL = sqlfiles.sql_root()
SCRIPTS = sorted((SQL / "schema").glob("*.sql"))
ROUTINE_FILES = sorted((SQL / "code").glob("*/*.sql"))
TOOLS = Path(__file__).parents[2] / "tools"

#: Called once per row by the hot path; depends on nothing but pg_catalog (and _node): a pinned path costs 0.5 µs.
UNPINNED = {
    "_lane_mark",
    "_like_pattern",
    "_argument_pattern",
    "_node",
    "_nth_uuid_v7",
    "_outbox_event_id",
    "_outbox_ready_id",
    "_pattern_holds",
    "_published_since",
    "_uuid_v7",
    "_fits",
    "_mission_event",
    "_step_event",
}

ROUTINES = """
  select p.oid::regprocedure::text as signature, p.proname as name, p.prosrc as body, p.proconfig as settings,
         obj_description(p.oid, 'pg_proc') as comment, p.prosecdef as definer, p.prorettype::regtype::text as returns
    from pg_proc p
   where p.pronamespace = 'opsloop'::regnamespace
   order by 1"""


@pytest.fixture
def routines(conn):
    """One row per routine: signature, name, body, settings, comment, definer, returns."""
    with conn.cursor() as cursor:
        cursor.execute(ROUTINES)
        return [
            dict(zip([c.name for c in cursor.description], row, strict=True)) for row in cursor.fetchall()
        ]


def test_every_routine_has_its_search_path_pinned(routines):
    pinned = "search_path=opsloop, pg_temp"
    missing = [
        r["signature"] for r in routines if pinned not in (r["settings"] or []) and r["name"] not in UNPINNED
    ]
    assert missing == []


def test_whatever_keeps_scans_off_keeps_the_compiler_off_too(routines):
    """A scan that runs nevertheless is priced at 10^10 before PostgreSQL 18, and LLVM compiles what is that dear."""
    pinned = {r["signature"]: r["settings"] or [] for r in routines}
    assert [
        name
        for name, settings in pinned.items()
        if "enable_seqscan=off" in settings and "jit=off" not in settings
    ] == []


def test_every_table_has_a_primary_key(conn):
    """Logical replication, and tools that compare or repair rows, tell a row by it."""
    without = conn.execute(
        """select c.oid::regclass::text from pg_class c
            where c.relnamespace = 'opsloop'::regnamespace and c.relkind in ('r', 'p')
              and not exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary)
            order by 1"""
    ).fetchall()
    assert without == []


def test_nothing_may_be_executed_or_read_by_public(conn):
    open_to_all = conn.execute(
        """select 'routine ' || p.oid::regprocedure
             from pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
            where p.pronamespace = 'opsloop'::regnamespace and a.grantee = 0
            union all
           select 'relation ' || c.oid::regclass
             from pg_class c, aclexplode(c.relacl) a
            where c.relnamespace = 'opsloop'::regnamespace and a.grantee = 0
            union all
           select 'schema opsloop'
             from pg_namespace n, aclexplode(n.nspacl) a
            where n.nspname = 'opsloop' and a.grantee = 0"""
    ).fetchall()
    assert open_to_all == []


def test_every_table_view_and_column_has_a_comment(conn):
    silent = conn.execute(
        """select c.oid::regclass::text || coalesce('.' || a.attname, '')
             from pg_class c
             left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
             cross join lateral (values (0::int2, null::name), (a.attnum, a.attname)) o (attnum, attname)
            where c.relnamespace = 'opsloop'::regnamespace
              and c.relkind in ('r', 'p', 'v', 'm')
              and not c.relispartition
              and c.relname not like '%yoyo\\_opsloop\\_%'
              and col_description(c.oid, o.attnum) is null
              and (o.attnum > 0 or obj_description(c.oid, 'pg_class') is null)
            group by 1 order by 1"""
    ).fetchall()
    assert silent == []


def test_every_public_routine_has_a_comment_of_one_sentence(routines):
    wrong = [
        r["signature"] for r in routines if r["name"].startswith("fn_") and not is_sentence(r["comment"])
    ]
    assert wrong == []


def is_sentence(comment):
    return bool(comment) and comment[0].isupper() and comment.rstrip().endswith(".") and "\n" not in comment


def test_every_routine_is_named_as_public_or_internal(routines):
    assert [r["signature"] for r in routines if not re.match(r"(fn_|_)[a-z0-9_]+$", r["name"])] == []


def test_there_is_one_signature_per_name(routines):
    names = [r["name"] for r in routines]
    assert sorted(names) == sorted(set(names))


def test_every_public_routine_says_what_it_locks_writes_and_raises(routines):
    wrong = {
        r["signature"]: missing
        for r in routines
        if r["name"].startswith("fn_")
        and (missing := [word for word in ("Locks:", "Writes:", "Raises:") if word not in header(r["body"])])
    }
    assert wrong == {}


def test_every_routine_says_in_its_body_what_it_is_for(routines):
    assert [r["signature"] for r in routines if not header(r["body"])] == []


def header(body):
    """The comment lines that a body starts with."""
    lines = [line.strip() for line in body.strip().splitlines()]
    end = next((i for i, line in enumerate(lines) if not line.startswith("--")), len(lines))
    return "\n".join(lines[:end])


def test_every_definer_routine_is_public_or_a_trigger(routines):
    internal = [r for r in routines if r["definer"] and not r["name"].startswith("fn_")]
    assert [r["signature"] for r in internal if r["returns"] != "trigger"] == []


def test_triggers_are_on_control_tables_only(conn):
    tables = conn.execute(
        """select distinct t.tgrelid::regclass::text from pg_trigger t join pg_class c on c.oid = t.tgrelid
            where c.relnamespace = 'opsloop'::regnamespace and not t.tgisinternal"""
    ).fetchall()
    assert {name for (name,) in tables} <= {
        "ops_policy", "ops_policy_audit", "ops_audit_log", "ops_mission_proposals"
    }  # fmt: skip
    # Proposals are inserted on the hot path: their one trigger is asked only when an UPDATE names the status.
    fires = conn.execute(
        "select tgtype & 28, array_length(tgattr, 1), tgqual is not null from pg_trigger"
        " where tgrelid = 'opsloop.ops_mission_proposals'::regclass and not tgisinternal"
    ).fetchall()
    assert fires == [(16, 1, True)]


#: Where a code is looked for in a text: a pattern or the beginning of a sentence, in quotes.
CODE_IN_A_TEXT = re.compile(
    r"'[^'\n]*(?:\^\(?OPS_|OPS_\[|OPS_\d{3}:? ?%)[^'\n]*'|\b(?:like|left|strpos|starts_with)\b[^\n]*'OPS_\d"
)


def test_what_judges_proposals_reads_no_code_out_of_a_sentence():
    judging = [
        path
        for path in ROUTINE_FILES
        if path.parent.name in ("templates", "policy", "proposals", "events")
        or path.stem in ("fn_explain_proposal", "_unforbid_command", "_unforbid_statement", "_would_run")
    ]
    assert len(judging) > 50
    assert [path.name for path in judging if CODE_IN_A_TEXT.search(path.read_text())] == []


@pytest.mark.parametrize(
    "statement",
    [
        "code := substring(v_reason from '^OPS_[0-9]{3}');",
        "if v_hold like 'OPS_003:%' then",
        "message := regexp_replace(v_refusal, '^(OPS_003: )?', 'OPS_003: ');",
        "where left(reason, 7) = 'OPS_003'",
    ],
)
def test_a_code_that_is_read_out_of_a_sentence_is_found(statement):
    assert CODE_IN_A_TEXT.search(statement)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_every_schema_script_says_what_it_does_and_gives_up_waiting_for_locks(script):
    text = script.read_text()
    assert text.startswith("-- "), "begins with a comment"
    assert "set local lock_timeout = '5s';" in text
    assert not re.search(r"create (or replace )?(function|procedure)", text, re.IGNORECASE), (
        "no routine bodies"
    )
    assert not re.search(r"\b(opsloop|public)\.\w", re.sub(r"--.*|'[^']*'|set local opsloop\.\w+", "", text))


def statements(script):
    """The text of a script without comments and literals."""
    return re.sub(r"--[^\n]*|'(?:[^']|'')*'", "", script)


def unnamed(script):
    """The keys, checks and references of a script that have no name of their own."""
    text = re.sub(r"\s+", " ", statements(script)).replace("create unique index", "")
    text = re.sub(r"foreign key ?\([^)]*\) references", "references", text)
    kinds = r"\b(primary key|unique|check|references)\b"
    return re.findall(kinds, re.sub(rf"constraint \w+ {kinds}", "", text))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_every_key_check_and_reference_is_named(script):
    assert unnamed(script.read_text()) == []


@pytest.mark.parametrize(
    "table",
    [
        "id bigint primary key",
        "id bigint constraint t_pkey primary key, name text unique",
        "status text check (status <> '')",
        "id bigint, primary key (id)",
        "id bigint, check (id > 0)",
        "id bigint references u",
        "id bigint, foreign key (id) references u (id)",
    ],
)
def test_one_without_a_name_is_found(table):
    assert len(unnamed(f"create table t ({table});")) == 1


def altered(texts):
    """What scripts alter that a script of the same release makes: a release ends with its script *_release_*."""
    found, made = [], set()
    for name, text in texts:
        sql = statements(text)
        made |= set(re.findall(r"\bcreate table (\w+)", sql))
        tables = re.findall(r"\balter table (?:if exists )?(?:only )?(\w+)", sql)
        found += [(name, table) for table in tables if table in made]
        if "_release_" in name:
            made = set()
    return found


def test_no_script_alters_a_table_that_no_release_has_yet():
    assert altered((change.name, change.script.read_text()) for change in sqlfiles.changes()) == []


def test_a_script_that_does_is_found():
    scripts = [
        ("0001_a", "create table a (id text); create table b (id text);"),
        ("0002_b", "-- alter table b\nalter table a add x text;"),
        ("0100_release_1", ""),
        ("0101_c", "alter table a add y text; create table c (id text); alter table only c add z text;"),
    ]
    assert altered(scripts) == [("0002_b", "a"), ("0101_c", "c")]


def test_every_change_has_a_rollback():
    names = {path.name for path in SCRIPTS}
    assert [c.name for c in sqlfiles.changes() if f"{c.name}.rollback.sql" not in names] == []


@pytest.mark.parametrize("file", ROUTINE_FILES, ids=lambda path: path.stem)
def test_every_routine_file_holds_the_routine_it_is_named_after(file):
    created = re.findall(r"^create or replace (?:function|procedure) (\w+)", file.read_text(), re.MULTILINE)
    assert created == [file.stem]


def test_the_table_of_contents_lists_exactly_the_files_there_are():
    done = subprocess.run(
        [sys.executable, TOOLS / "code_toc.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_routine_file_is_loaded(routines):
    assert {r["name"] for r in routines} == {file.stem for file in ROUTINE_FILES}
