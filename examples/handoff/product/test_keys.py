"""Tests of keys.py."""

import unittest

import keys


class Keys(unittest.TestCase):
    """What a key must and must not do."""

    def test_a_key_fits_what_is_stored_of_it_and_of_no_other(self) -> None:
        """Each key fits itself."""
        one, other = keys.new_key(), keys.new_key()
        assert keys.fits(one, keys.stored(one))
        assert not keys.fits(one, keys.stored(other))

    def test_the_key_is_not_what_is_stored(self) -> None:
        """Who reads the table cannot log in."""
        key = keys.new_key()
        assert key not in keys.stored(key)
