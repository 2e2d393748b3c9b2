"""`python -m qlab` is `qlab` on the command line."""

import sys

from qlab.cli import main

if code := main():
    sys.exit(code)
