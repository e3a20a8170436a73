"""SIZE: files that can be read in one sitting, lines that fit a screen."""

from checking import PRODUCT, conclude

conclude(
    (
        f"{path.name}: {len(lines)} lines, the longest of {max(map(len, lines))} characters"
        for path in sorted(PRODUCT.glob("*.py"))
        if len(lines := path.read_text(encoding="utf-8").splitlines()) > 300 or max(map(len, lines)) > 110
    ),
    bad="WARNING",
)
