"""docs/retention.md: its statements print what it shows, and it says of every table what becomes of its rows."""

import re

from docs.documents import ROOT, environment, masked, sessions

DOCUMENT = "docs/retention.md"


def test_every_block_prints_what_the_document_shows(dsn, programs, tmp_path):
    ran = sessions(DOCUMENT, environment(dsn, programs, tmp_path))
    assert len(ran) > 2
    for example, printed in ran:
        where = f"{DOCUMENT}:{example.block.line}\n{example.block.text}"
        assert masked(printed) == masked(example.shown), f"{where}\nprinted:\n{printed}"


def test_every_table_has_an_answer(conn):
    table = (ROOT / DOCUMENT).read_text(encoding="utf-8").split("## Every table")[1]
    told = [
        name
        for row in table.splitlines()
        for name in re.findall(r"`(\w+)`", row.split("|")[1] if "|" in row else "")
    ]
    there = {
        name
        for (name,) in conn.execute(
            "select relname from pg_class where relkind = 'r' and relnamespace = 'opsloop'::regnamespace"
            " and relname !~ '^_?yoyo'"
        )
    }
    assert sorted(told) == sorted(there)
