"""Interleaved timing: what is compared runs in turn, so that a busy moment of the machine hits all alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def medians(functions: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Processor seconds that each function takes: the median over the rounds, after one that does not count.

    On one thread they are what a clock shows, less the turns that other programs take on the same core.

    >>> list(medians({"short": lambda: sum(range(10)), "long": lambda: sum(range(1000))}, rounds=3))
    ['short', 'long']
    """
    seconds = {name: [] for name in functions}
    for _ in range(rounds + 1):
        for name, function in functions.items():
            start = time.process_time()
            result = function()
            seconds[name].append(time.process_time() - start)
            del result
    return {name: statistics.median(runs[1:]) for name, runs in seconds.items()}


def time_bars(seconds: dict[str, float], title: str = "") -> Figure:
    """Show a bar of milliseconds for each name, and how many times as fast as the first one it is.

    seconds: by name, as `medians` gives them. ValueError if there are none, or one that is not positive.

    >>> figure = time_bars({"float32": 0.1, "int8": 0.025})
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['100 ms', '25 ms: 4.0 times as fast']
    """
    from qlab.picture import picture, style

    if not seconds or not all(time > 0 for time in seconds.values()):
        raise ValueError(f"seconds must be positive, and at least one, got {seconds}")
    first = next(iter(seconds.values()))
    labels = [f"{1000 * taken:.3g} ms" for taken in seconds.values()]
    for number, taken in enumerate(list(seconds.values())[1:], start=1):
        labels[number] += f": {first / taken:.1f} times as fast"
    words = "; ".join(f"{name} {label}" for name, label in zip(seconds, labels, strict=True))
    with style():
        figure = picture((6.4, 0.6 + 0.4 * len(seconds)), f"{title or 'Bars of times'}: {words}.")
        axes = figure.subplots()
        bars = axes.barh(list(seconds), [1000 * taken for taken in seconds.values()], height=0.6)
        axes.bar_label(bars, labels, padding=4)
        axes.invert_yaxis()
        axes.set(title=title, xlabel="milliseconds", xlim=(0, 1600 * max(seconds.values())))
    return figure
