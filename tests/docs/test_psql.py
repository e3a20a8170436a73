"""docs/psql.md, run from beginning to end by bash and psql; each block must print what the document shows."""

from docs.documents import environment, masked, sessions

DOCUMENT = "docs/psql.md"


def test_every_block_prints_what_the_document_shows(empty_dsn, programs, tmp_path):
    ran = sessions(DOCUMENT, environment(empty_dsn, programs, tmp_path))
    assert len(ran) > 30
    for example, printed in ran:
        where = f"{DOCUMENT}:{example.block.line}\n{example.block.text}"
        shown = f"(if it is right: python tools/psql_results.py)\nprinted:\n{printed}"
        assert masked(printed) == masked(example.shown), f"{where}\n{shown}"
