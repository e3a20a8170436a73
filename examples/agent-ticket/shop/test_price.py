"""What an order costs, tried out."""

import unittest

from price import total


class Total(unittest.TestCase):
    """A discount of nothing, of a part, and of everything."""

    def test_discounts(self) -> None:
        """All three."""
        assert [total([250, 50], discount) for discount in (0, 10, 100)] == [300, 270, 0]


if __name__ == "__main__":
    unittest.main()
