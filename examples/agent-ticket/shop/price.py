"""What an order costs."""


def total(prices: list[int], discount: int = 0) -> int:
    """The sum of the prices, in cents, less a discount in percent."""
    return sum(prices) * (100 - discount) // 100
