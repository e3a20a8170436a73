"""TESTING: the tests of the product pass."""

import subprocess
import sys

from checking import PRODUCT, conclude

done = subprocess.run(
    [sys.executable, "-B", "-m", "unittest"], cwd=PRODUCT, capture_output=True, text=True, check=False
)
conclude([done.stderr[-500:]] if done.returncode else [])
