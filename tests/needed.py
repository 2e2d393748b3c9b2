"""Libraries that some tests compare with. A learner may lack them, and then those tests are skipped; CI may not."""

import os

import pytest

from qlab.libraries import open_library


def needed(name):
    """The module of that name, or the test is skipped; where CI=true, it fails."""
    module = open_library(name)
    if module is None and os.environ.get("CI") == "true":
        pytest.fail(f"{name} cannot be imported and CI=true: install the extra 'libraries', or see what it says")
    return module or pytest.skip(f"{name} is not installed")
