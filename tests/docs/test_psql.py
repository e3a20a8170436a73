"""docs/psql.md, run from beginning to end by bash and psql; each block must print what the document shows."""

from collections.abc import Mapping

from docs.documents import Example, environment, examples, masked, run

DOCUMENT = "docs/psql.md"
_MARK = "-- end of block --"


def session(sql: list[Example], env: Mapping[str, str]) -> list[str]:
    """What psql prints for each block, all of them in one session."""
    script = "".join(f"{example.block.text}\n\\echo {_MARK}\n" for example in sql)
    printed = run(["psql", env["DATABASE_URL"], "--no-psqlrc"], script, env)
    return printed.split(_MARK + "\n")[:-1]


def test_every_block_prints_what_the_document_shows(empty_dsn, programs, tmp_path):
    env = environment(empty_dsn, programs, tmp_path)
    shell = examples(DOCUMENT, "sh")
    sql = examples(DOCUMENT, "sql")
    printed = [run(["bash", "-e"], example.block.text, env) for example in shell]
    printed += session(sql, env)

    assert len(printed) == len(shell) + len(sql)
    for example, said in zip([*shell, *sql], printed, strict=True):
        where = f"{DOCUMENT}:{example.block.line}\n{example.block.text}"
        assert masked(said) == masked(example.shown), f"{where}\nprinted:\n{said}"
