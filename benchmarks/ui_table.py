"""The table of `ui.py`: medians, ratios, and which targets they meet."""

import statistics

from benchmarks.ui_page import Timed
from benchmarks.ui_views import View

HEADS = ("view: control", "median", "p95", "an empty round trip", "after a drag", "its @interact form", "met")
TEXTS = {
    "median": "{median:.0f} ms",
    "p95": "{p95:.0f} ms",
    "ratio": "{ratio:.1f} times its {empty:.0f} ms",
    "drag": "{drag:.0f} ms (empty: {empty drag:.0f})",
    "faster": "{faster:.0f} times faster: {naive:.0f} ms, after a drag {naive drag:.0f}",
}
MOST = {"median": 50, "p95": 80, "ratio": 2.5, "drag": 150}  # the targets: milliseconds, or times
LEAST_FASTER = 8  # than the naive form


def figures(found: dict[str, Timed]) -> dict[str, float]:
    """Milliseconds and ratios of a view, by the names of TEXTS and in them."""
    ours, empty, naive = (found.get(name) for name in ("view", "round trip", "naive"))
    median, round_trip = statistics.median(ours.steps), statistics.median(empty.steps)
    numbers = {"median": median, "p95": statistics.quantiles(ours.steps, n=20)[-1]}
    numbers |= {"ratio": median / round_trip, "empty": round_trip}
    if ours.drags:
        numbers |= {"drag": statistics.median(ours.drags), "empty drag": statistics.median(empty.drags)}
    if naive:
        slow = statistics.median(naive.steps)
        numbers |= {"faster": slow / median, "naive": slow, "naive drag": statistics.median(naive.drags)}
    return numbers


def table_head() -> list[str]:
    """The heads of the table, and a line with the targets."""
    targets = [f"<= {most:g} {'times' if name == 'ratio' else 'ms'}" for name, most in MOST.items()]
    last = [f">= {LEAST_FASTER} times faster", ""]
    return [line(HEADS), line(["---"] * len(HEADS)), line(["target", *targets, *last])]


def row(view: View, numbers: dict[str, float]) -> str:
    """The line of a view, with what misses its target in bold."""
    most = {"median": view.limit} if view.limit else MOST
    missed = {name for name, limit in most.items() if numbers[name] > limit}
    if numbers.get("faster", LEAST_FASTER) < LEAST_FASTER:
        missed.add("faster")
    shown = {name: text.format_map(numbers) if name in numbers else "" for name, text in TEXTS.items()}
    shown |= {name: f"**{shown[name]}**" for name in missed}
    if view.limit:
        shown["median"] += f" (<= {view.limit})"
    return line([view.name, *shown.values(), "**no**" if missed else "yes"])


def line(cells) -> str:
    return f"| {' | '.join(cells)} |"
