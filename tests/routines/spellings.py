"""JSON documents whose numbers are decimals, and the many texts in which one of them can be written."""

import json
from decimal import Decimal
from random import Random
from typing import Any

from hypothesis import strategies as st

#: Big and small, long and short, with zeros at either end; a point more or less is easily overlooked.
NUMBERS = st.one_of(
    st.integers(-(10**40), 10**40).map(Decimal),
    st.builds(
        lambda digits, places: Decimal(digits).scaleb(-places), st.integers(-999, 999), st.integers(0, 6)
    ),
    st.decimals(allow_nan=False, allow_infinity=False, places=30, min_value=-(10**6), max_value=10**6),
    st.builds(
        lambda sign, power: sign * Decimal(10) ** power, st.sampled_from([1, -1]), st.integers(-60, 200)
    ),
    st.just(Decimal("-0")),
)
#: What must not pass for a number or the end of a string.
TEXTS = st.one_of(
    st.text(st.sampled_from('"\\.0 1,:\n\té€😀{}'), max_size=12),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5),
)
DOCUMENTS = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=12,
)


def spelled(document: Any, chance: Random) -> str:
    """The document as JSON, in one of many spellings."""
    space = chance.choice(["", " ", "\n\t"])
    if isinstance(document, Decimal):
        return _number(document, chance)
    if isinstance(document, dict):
        pairs = [f"{_text(name, chance)}:{space}{spelled(value, chance)}" for name, value in document.items()]
        chance.shuffle(pairs)
        return "{" + f",{space}".join(pairs) + "}"
    if isinstance(document, list):
        return "[" + f",{space}".join(spelled(item, chance) for item in document) + "]"
    return _text(document, chance)


def _text(value: Any, chance: Random) -> str:
    return json.dumps(value, ensure_ascii=chance.random() < 0.5)


def _number(number: Decimal, chance: Random) -> str:
    plain = format(number, "f")
    zeros = "0" * chance.randrange(4)
    if "." in plain:
        plain += zeros
    elif zeros and chance.random() < 0.7:
        plain += "." + zeros
    if number and chance.random() < 0.3:
        # The same by a shift of the point: 12.5 is 1250e-2.
        shift = chance.randrange(1, 9)
        sign, digits, exponent = number.as_tuple()
        whole = "".join(map(str, digits)).lstrip("0")
        return f"{'-' * sign}{whole}{'0' * shift}{chance.choice('eE')}{int(exponent) - shift:+d}"
    return plain
