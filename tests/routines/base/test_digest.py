"""Digests: equal documents have one, unequal documents two, whatever numbers and texts are in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routines.documents import in_one_database
from routines.spellings import DOCUMENTS, spelled

EQUAL = "select %s::jsonb = %s::jsonb, _digest(%s) = _digest(%s), _written_form(%s) = _written_form(%s)"


def compared(calculator, one, other):
    return calculator.execute(EQUAL, (one, other) * 3).fetchone()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"a": 1.0}', '{"a": 1}'),
        ('{"a": 1.10, "b": [2.50]}', '{"b": [2.5], "a": 1.1}'),
        ("[1e2, 1E+2, 100.000]", "[100, 100, 100]"),
        ("[0, -0, 0.0, -0.0, 0e7, 0e-7]", "[0, 0, 0, 0, 0, 0]"),
        ("1e100", "1" + "0" * 100),
        ("1e-7", "0.00000010"),
        ("-20000000000000000001.50", "-20000000000000000001.5"),
        ("100", "100.0"),
        (
            '{"1.0": "2.50", "x": "a \\" 3.00, \\\\", "y": 4.00}',
            '{"y": 4, "x": "a \\" 3.00, \\\\", "1.0": "2.50"}',
        ),
        ('{"\\u00e9": "\\u20ac\\/\\u0041"}', '{"é": "€/A"}'),
        ('{"a": 1, "a": 2.0}', '{"a": 2}'),
    ],
)
def test_equal_documents_have_one_digest(calculator, one, other):
    assert compared(calculator, one, other) == (True, True, True)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1.01", "1.1"),
        ("10", "1"),
        ("0.10", "0.01"),
        ('"1.0"', '"1"'),
        ('"1.0"', "1.0"),
        ('{"1.0": 1}', '{"1": 1}'),
        ('"a\\" 1.0"', '"a\\" 1"'),
        ('"\\\\" ', '"\\\\\\\\"'),
        ('["\\\\", "1.0"]', '["\\\\", "1"]'),
        ("20000000000000000001", "20000000000000000000"),
        ("0.1234567890123456789012345678901", "0.1234567890123456789012345678902"),
    ],
)
def test_unequal_documents_have_two_digests(calculator, one, other):
    assert compared(calculator, one, other) == (False, False, False)


@in_one_database
@given(DOCUMENTS, DOCUMENTS, st.randoms(use_true_random=False))
def test_a_document_has_one_digest_however_it_is_spelled(calculator, document, another, chance):
    one, other = spelled(document, chance), spelled(document, chance)
    assert compared(calculator, one, other) == (True, True, True)
    same, *digests = compared(calculator, one, spelled(another, chance))
    assert digests == [same, same]
    # The written form is the document itself.
    assert calculator.execute("select _written_form(%s)::jsonb = %s::jsonb", (one, one)).fetchone() == (True,)
