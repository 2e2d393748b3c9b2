"""Interleaved timing: what is compared runs in turn, so that a busy moment of the machine hits all alike."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Claim:
    """One line of the table: how two functions of a suite compare, and the ratio that is to be reached."""

    figure: str
    peer: str
    target: float | None = None
    faster: bool = False  # the target is a least speed-up (peer / ours), not a largest cost (ours / peer)
    ours: str = "ours"


@dataclass
class Suite:
    """Functions that run in turn, and what is claimed of them."""

    functions: dict[str, Callable[[], object]]
    claims: list[Claim] = field(default_factory=list)
    rounds: int = 15


def medians(functions: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Processor seconds that each function takes: the median over the rounds, after one that does not count.

    On one thread they are what a clock shows, less the turns that other programs take on the same core.
    """
    seconds = {name: [] for name in functions}
    for _ in range(rounds + 1):
        for name, function in functions.items():
            start = time.process_time()
            result = function()
            seconds[name].append(time.process_time() - start)
            del result
    return {name: statistics.median(runs[1:]) for name, runs in seconds.items()}
