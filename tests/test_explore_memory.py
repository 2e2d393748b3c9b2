"""A thousand steps of an explorer leave neither memory nor figures behind."""

import ctypes
import gc
import random
import sys

import psutil
import pytest
from matplotlib import pyplot

from qlab import explore
from qlab.explore.base import Explorer

STEPS = 1000  # taken twice: the first time fills the caches, all of which are bounded
MAX_BLOCKS = 2 * STEPS  # Python's own memory blocks; one state has hundreds
MAX_BYTES = 8 << 20  # of the process, arrays and tensors included; to keep the markup alone would be 12 MB and more


def walk(explorer: Explorer, steps: int) -> None:
    """Set a list or a slider at random to another of the values that it offers then."""
    choose = random.Random(0).choice
    controls = [c for c in explorer.controls.values() if hasattr(c, "options") or hasattr(c, "max")]
    for _ in range(steps):
        control = choose(controls)
        if hasattr(control, "options"):
            control.index = choose(range(len(control.options)))
        else:
            control.value = choose(range(control.min, control.max + 1))


def held() -> tuple[int, int]:
    """Python's memory blocks, and the bytes of the process, less those that are free but not yet given back."""
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)
    return sys.getallocatedblocks(), psutil.Process().memory_info().rss


@pytest.mark.parametrize("name", explore.__all__)
def test_a_thousand_steps_leave_nothing_behind(name):
    explorer = getattr(explore, name)()
    walk(explorer, STEPS)
    blocks, size = held()
    walk(explorer, STEPS)
    more_blocks, more_size = held()
    assert more_blocks - blocks < MAX_BLOCKS
    assert more_size - size < MAX_BYTES
    assert not pyplot.get_fignums()
