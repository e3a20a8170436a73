"""Whether this package and a schema fit, whatever the releases of the two are: by one number.

A package of number n works on schemas of n and of n + 1: the schema is upgraded first, and the processes of the last
release go on. `fn_compatibility` says the number of a schema; one from before there were numbers counts as 0.
"""

from __future__ import annotations

from psycopg.errors import UndefinedFunction

from opsloop.errors import OpsError, SchemaMismatch

#: Of this package. It rises together with fn_compatibility, whose file says when.
COMPATIBILITY = 1


def serves(schema: int) -> bool:
    """Whether this package works on a schema of that number."""
    return COMPATIBILITY <= schema <= COMPATIBILITY + 1


def assert_served(schema: int | None) -> None:
    """Raise SchemaMismatch (OPS_021), which says what to do, unless this package works on a schema of that number.

    None: it could not be asked for, and the first call that needs the schema will say why.
    """
    if schema is not None and not serves(schema):
        raise mismatch(older=schema < COMPATIBILITY, detail={"package": COMPATIBILITY, "schema": schema})


def mismatch(*, older: bool, detail: object, where: str = "the schema") -> SchemaMismatch:
    """The error of a schema that does not serve this package, as it is older or too new."""
    return SchemaMismatch(
        f"{where} is older than this package: run `opsloop migrate` first, then start again"
        if older
        else f"{where} is too new for this package: `pip install --upgrade opsloop`, then start again",
        detail=detail,
        hint="A package of compatibility n works on schemas of n and n + 1; `opsloop status` tells both.",
    )


def unasked(error: OpsError) -> int | None:
    """The number of a schema that failed to say it: 0 where it has no such function, else None."""
    return 0 if error.sqlstate == UndefinedFunction.sqlstate else None
