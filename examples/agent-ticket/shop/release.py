"""Releases a version: `python3 release.py 1.1` writes it down. It stands for whatever a release is with you."""

import sys
from pathlib import Path

Path(__file__).with_name("released.txt").write_text(f"{sys.argv[1]}\n")
