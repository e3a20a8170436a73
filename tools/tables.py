"""Writes sql/tables.sql: tables, views, sequences and indexes as they are now, for whoever reads one file.

Usage: python tools/tables.py. All but the text of views, which is that of the newest script that makes them, comes from
a freshly deployed database; groups and their headings are the scripts of sql/schema that made the things first.
tests/docs/test_reference.py fails when the file is out of date.
"""

import re
import sys
import textwrap
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from opsloop import embedded, migrate, sqlfiles

TABLES = Path(__file__).resolve().parent.parent / "sql/tables.sql"
WIDTH = 120

HEAD = """\
The tables, views, sequences and indexes as they are now, for reading: written by `make docs` from a freshly deployed
database, and loaded by nothing. How they got here is in schema/, under the names that stand above each group. Row level
security is on for every table; grants.sql says who may read. What a run of the loop adds, sequences ops_lane_mark_N for
the lanes of steps, is left out."""

# In the order in which the schema scripts make them.
RELATIONS = """
  select c.oid, c.relname as name, c.relkind::text as kind, c.reloptions as options,
         obj_description(c.oid, 'pg_class') as comment,
         (select jsonb_agg(jsonb_build_object(
                   'name', a.attname,
                   'type', format_type(a.atttypid, a.atttypmod),
                   'required', a.attnotnull,
                   'default', case when a.attgenerated = '' then pg_get_expr(d.adbin, d.adrelid, true) end,
                   'generated', case when a.attgenerated <> '' then pg_get_expr(d.adbin, d.adrelid, true) end,
                   'comment', col_description(c.oid, a.attnum)) order by a.attnum)
            from pg_attribute a
            left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
           where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
         (select jsonb_agg(jsonb_build_object('name', k.conname, 'definition', pg_get_constraintdef(k.oid, true))
                           order by position(k.contype::text in 'pucfx'), k.conname)
            from pg_constraint k
           where k.conrelid = c.oid and k.contype <> 'n') as constraints,
         (select jsonb_agg(pg_get_indexdef(i.indexrelid, 0, true) order by i.indexrelid)
            from pg_index i
           where i.indrelid = c.oid
             and not exists (select from pg_constraint k where k.conindid = i.indexrelid)) as indexes,
         (select jsonb_build_object(
                   'type', format_type(s.seqtypid, null), 'start', s.seqstart, 'min', s.seqmin, 'step', s.seqincrement,
                   'owner', (select o.refobjid::regclass || '.' || a.attname
                               from pg_depend o
                               join pg_attribute a on a.attrelid = o.refobjid and a.attnum = o.refobjsubid
                              where o.objid = c.oid and o.classid = 'pg_class'::regclass and o.deptype = 'a'))
            from pg_sequence s
           where s.seqrelid = c.oid) as sequence
    from pg_class c
   where c.relnamespace = current_schema()::regnamespace
     and c.relkind in ('r', 'p', 'v', 'S')
     and not c.relispartition
     and c.relname not like '%yoyo%'
   order by c.oid"""

_CREATED = r"^create (?:or replace )?(?:table|view|sequence) (\w+)"
_CAST = re.compile(
    r"('(?:[^']|'')*'|\))::(?:text|jsonb|regclass|smallint|integer|bigint|numeric|uuid|interval"
    r"|timestamp with time zone)(?:\[\])?"
)


def render(conn: psycopg.Connection[Any]) -> str:
    """The text of sql/tables.sql for what is deployed in the schema that leads the search_path."""
    with conn.cursor(row_factory=dict_row) as cursor:
        relations = cursor.execute(RELATIONS).fetchall()
    left = {relation["name"]: relation for relation in relations}
    views: dict[str, str] = {}
    groups: list[tuple[str, str, list[dict[str, Any]]]] = []  # a script, what it is about, what it made
    for change in sqlfiles.changes():
        text = change.script.read_text(encoding="utf-8")
        views |= dict(
            re.findall(r"^create (?:or replace )?view (\w+) as\n(.*?;)$", text, re.MULTILINE | re.DOTALL)
        )
        about = " ".join(line.removeprefix("-- ") for line in text.split("\nset local")[0].splitlines())
        made = [name for name in re.findall(_CREATED, text, re.MULTILINE) if name in left]
        groups.append((change.name, about, [left.pop(name) for name in made]))
    if left:
        raise SystemExit(f"no script of sql/schema makes: {', '.join(sorted(left))}")
    parts = [_comment(HEAD.replace("\n", " "))]
    for name, about, relations in groups:
        if relations:
            parts.append(f"\n-- {f'{name} '.ljust(WIDTH - 3, '-')}\n{_comment(about)}")
            parts += [_relation(relation, views) for relation in relations]
    return "".join(parts)


def _relation(relation: dict[str, Any], views: dict[str, str]) -> str:
    name = relation["name"]
    if relation["kind"] == "S":
        return f"\ncreate sequence {name}{_sequence(relation['sequence'])};\n"
    head = _comment(relation["comment"])
    if relation["kind"] == "v":
        columns = "".join(_comment(f"{c['name']}: {c['comment']}", "--   ") for c in relation["columns"])
        return f"\n{head}{columns}create view {name} as\n{views[name]}\n"
    lines = [_column(column) for column in relation["columns"]]
    lines += [
        _folded(f"  constraint {one['name']} {_plain(one['definition'])}", "    ")
        for one in relation["constraints"] or []
    ]
    options = ", ".join(option.replace("=", " = ") for option in relation["options"] or [])
    end = _folded(f") with ({options});" if options else ");", "  ")
    indexes = [
        _folded(f"{_plain(index).replace(' using btree', '')};", "  ") for index in relation["indexes"] or []
    ]
    return f"\n{head}create table {name} (\n" + ",\n".join(lines) + "\n" + "\n".join([end, *indexes]) + "\n"


def _column(column: dict[str, Any]) -> str:
    words = [
        column["name"],
        column["type"].replace("timestamp with time zone", "timestamptz"),
        "not null" if column["required"] else "",
        f"default {_plain(column['default'])}" if column["default"] else "",
        f"generated always as ({_plain(column['generated'])}) stored" if column["generated"] else "",
    ]
    return _comment(column["comment"], "  -- ") + "  " + " ".join(filter(None, words))


def _sequence(sequence: dict[str, Any]) -> str:
    said = [
        f" as {sequence['type']}" if sequence["type"] != "bigint" else "",
        f" increment {sequence['step']}" if sequence["step"] != 1 else "",
        f" minvalue {sequence['min']}" if sequence["min"] != 1 else "",
        f" start {sequence['start']}" if sequence["start"] != sequence["min"] else "",
        f" owned by {sequence['owner']}" if sequence["owner"] else "",
    ]
    return "".join(said)


def _plain(definition: str) -> str:
    """What PostgreSQL prints as one would write it: lower case, no casts of literals, `in` for lists."""
    text = "".join(
        part if part.startswith("'") else part.lower() for part in re.split(r"('(?:[^']|'')*')", definition)
    )
    text = _CAST.sub(r"\1", text)
    text = re.sub(r"(\w+) = any \(array\[(.*?)\]\)", r"\1 in (\2)", text)
    text = re.sub(r"(\w+) <> all \(array\[(.*?)\]\)", r"\1 not in (\2)", text)
    return re.sub(r" where \((.*)\)$", r" where \1", text)


def _folded(line: str, indent: str) -> str:
    """A line that is too long in several: broken before its clause first, and never in `name = value`."""
    if len(line) <= WIDTH:
        return line
    if found := re.search(r" (?=(?:where|check|references) )", line):
        return f"{line[: found.start()]}\n{_folded(indent + line[found.end() :], indent + '  ')}"
    lines = textwrap.wrap(
        line.replace(" = ", "\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}"),
        WIDTH,
        subsequent_indent=indent,
        break_on_hyphens=False,
        break_long_words=False,
    )
    return "\n".join(lines).replace("\N{NO-BREAK SPACE}", " ")


def _comment(text: str | None, start: str = "-- ") -> str:
    indent = start if start.lstrip() == "-- " else start.rstrip() + "  "
    lines = textwrap.wrap(
        text or "",
        WIDTH,
        initial_indent=start,
        subsequent_indent=indent,
        break_on_hyphens=False,
        break_long_words=False,
    )
    return "".join(f"{line}\n" for line in lines)


def main() -> int:
    """Writes sql/tables.sql; returns the exit code."""
    with embedded.server(settings=embedded.THROWAWAY) as server:
        migrate.migrate(server.dsn())
        with psycopg.connect(server.dsn(), options="-c search_path=opsloop") as conn:
            TABLES.write_text(render(conn), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
