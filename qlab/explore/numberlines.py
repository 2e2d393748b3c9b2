"""Number lines of a format: all its values, the same on a logarithmic axis, and the ones around a number."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from qlab.dtypes import DType
from qlab.dtypes import values as values_of
from qlab.explore.bitfields import exact
from qlab.explore.panels import short

UNITS, HEIGHT, BARS = 1000, 22, 26  # SVG units across; pixels down: the ticks, and over them the tensor's bars
NEAR = 3  # the values on each side in the line around a number
DENSE = 64  # values drawn in each power of two where a format has too many to list
APART = 0.16  # the least distance of a label from the ends of the logarithmic line, so that none overlap


@dataclass(frozen=True)
class Line:
    """One axis. Places run from 0 (left) to 1: `ticks` of values, `subnormal` ones, `labels` (place, text).

    `entered` and `stored` are the places of the number and of what became of it; None where there is none.
    `counts` is a histogram of the tensor over the axis; empty for none. `neighbors`: the two labels are long and
    keep out of each other's way.
    """

    title: str
    ticks: np.ndarray
    labels: tuple[tuple[float, str], ...]
    entered: float | None
    stored: float | None
    subnormal: np.ndarray | tuple = ()
    counts: np.ndarray | tuple = ()
    neighbors: bool = False

    @property
    def alt(self) -> str:
        """The line in words."""
        return f"{self.title}: " + ", ".join(text for _, text in self.labels)


@dataclass(frozen=True)
class NumberLines:
    """The lines of a format, with a number, what it is stored as, and the magnitudes of a tensor."""

    spec: DType
    entered: float
    stored: float
    magnitudes: np.ndarray

    @property
    def lines(self) -> tuple[Line, ...]:
        """All values, their magnitudes on a logarithmic axis, and the neighborhood of the stored value."""
        return (_linear(self), _logarithmic(self), *([_around(self)] if math.isfinite(self.stored) else []))

    @property
    def html(self) -> str:
        """All lines as markup."""
        return f'<div class="lines">{"".join(map(_html, self.lines))}</div>'

    def draw(self, axes) -> None:
        """All lines on matplotlib's axes, one below the other."""
        for y, line in zip((0, -1.6, -3.2), self.lines, strict=False):
            for ticks, color in ((line.ticks, "tab:blue"), (line.subnormal, "tab:orange")):
                axes.vlines(ticks, y, y + 0.5, color=color, linewidth=0.8)
            for place, text in line.labels:
                axes.text(place, y - 0.1, text, ha="center", va="top", fontsize=7)
            if line.entered is not None:
                axes.plot([line.entered] * 2, [y, y + 0.7], color="black", linewidth=1)
            axes.text(0, y + 0.75, line.title, fontsize=8)
        axes.set_axis_off()


def neighbors(spec: DType, value: float) -> tuple[float, float]:
    """The next smaller and the next larger value of a format, NaN where there is none; `value` is one of its own.

    >>> from qlab.dtypes import dtype
    >>> neighbors(dtype("float16"), 65504.0)
    (65472.0, nan)
    """
    below, above = _beside(spec, value, 1)
    return (below or [math.nan])[0], (above or [math.nan])[-1]


def _beside(spec: DType, value: float, count: int) -> tuple[list[float], list[float]]:
    """Up to `count` values on each side of a finite one, ascending."""
    if spec.bits <= 16:
        table = listed(spec)
        at = int(np.searchsorted(table, value))
        return table[max(0, at - count) : at].tolist(), table[at + 1 : at + 1 + count].tolist()
    if spec.kind == "int":
        near = [[value - k for k in range(count, 0, -1)], [value + k for k in range(1, count + 1)]]
    else:
        kind = np.float32 if spec.bits == 32 else np.float64
        near = [_walk(kind, value, -np.inf, count)[::-1], _walk(kind, value, np.inf, count)]
    below, above = ([v for v in side if spec.min <= v <= spec.max] for side in near)
    return below, above


def _walk(kind, value: float, towards: float, count: int) -> list[float]:
    steps, at = [], kind(value)
    with np.errstate(all="ignore"):  # a step into the subnormal numbers or to infinity is meant
        for _ in range(count):
            at = np.nextafter(at, kind(towards))
            steps.append(float(at))
    return steps


@lru_cache
def listed(spec: DType) -> np.ndarray:
    """All values of a format of 16 bits or fewer, float64."""
    return values_of(spec).double().numpy()


@lru_cache
def positive(spec: DType) -> np.ndarray:
    """The positive values, float64, ascending; of a format too wide to list, enough to fill every pixel."""
    if spec.bits <= 16:
        return listed(spec)[listed(spec) > 0]
    if spec.kind == "int":
        octaves, finest = range(spec.bits - 1), 0
    else:
        octaves = range(1 - spec.bias - spec.mantissa_bits, spec.bias + 1)
        finest = octaves[0]
    steps = [np.unique(np.linspace(0, 1, min(DENSE, 2 ** (k - finest)), endpoint=False)) for k in octaves]
    return np.concatenate([np.ldexp(1 + step, k) for k, step in zip(octaves, steps, strict=True)])


def _ends(spec: DType) -> tuple[float, float]:
    """The ends of the linear axis, which holds 0."""
    return min(0.0, float(listed(spec)[0] if spec.bits <= 16 else spec.min)), float(spec.max)


@lru_cache
def _linear_ticks(spec: DType) -> np.ndarray:
    if spec.bits > 16:
        return np.linspace(0, 1, UNITS + 1)
    return _pixels(_between(listed(spec), *_ends(spec)))


@lru_cache
def _log_ticks(spec: DType) -> tuple[np.ndarray, np.ndarray]:
    """The places of normal and of subnormal values."""
    table = positive(spec)
    places = _log_place(spec, table)
    small = spec.kind == "float" and spec.mantissa_bits > 0
    subnormal = table < spec.smallest_normal if small else np.zeros(len(table), bool)
    return _pixels(places[~subnormal]), _pixels(places[subnormal])


def _pixels(places: np.ndarray) -> np.ndarray:
    """Each place once: what falls into one SVG unit is one tick."""
    return np.unique((places * UNITS).round(1 if len(places) < UNITS else 0)) / UNITS


def _log_place(spec: DType, magnitude):
    """The place of positive numbers on the logarithmic axis, from the smallest positive value to the largest."""
    low, high = np.log2(positive(spec)[[0, -1]])
    with np.errstate(divide="ignore"):
        return np.clip((np.log2(magnitude) - low) / ((high - low) or 1.0), 0, 1)  # int2 has one positive value


def _between(value, low: float, high: float):
    """The place of numbers on an axis from `low` to `high`; the ends for what lies beyond."""
    # Halves, because the width of float64's whole range is more than a float64 can hold.
    return np.clip((np.divide(value, 2) - low / 2) / (high / 2 - low / 2), 0, 1)


def _markers(view: NumberLines, place) -> tuple[float | None, float | None]:
    return tuple(None if math.isnan(v) else float(place(v)) for v in (view.entered, view.stored))


def _linear(view: NumberLines) -> Line:
    low, high = _ends(view.spec)
    marks = sorted({low, low / 2, 0.0, high / 2, high})
    labels = tuple((float(_between(v, low, high)), short(v)) for v in marks)
    title = f"all values of {view.spec.name} (line: the number, dot: what it is stored as)"
    markers = _markers(view, lambda value: _between(value, low, high))
    return Line(title, _linear_ticks(view.spec), labels, *markers)


def _logarithmic(view: NumberLines) -> Line:
    spec, (low, high) = view.spec, positive(view.spec)[[0, -1]].tolist()
    decades = range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)
    tens = [(_log_place(spec, 10.0**k), f"1e{k}" if abs(k) > 3 else f"{10.0**k:g}") for k in decades]
    tens = [(float(place), text.replace("-", "−")) for place, text in tens[:: max(1, len(tens) // 4)]]
    inner = [label for label in tens if APART < label[0] < 1 - APART]
    labels = (0.0, short(low)), *inner, (1.0, short(high))
    markers = _markers(view, lambda value: _log_place(spec, abs(value)))
    counts = np.histogram(_log_place(spec, view.magnitudes), bins=100, range=(0, 1))[0]
    normal, subnormal = _log_ticks(spec)
    title = f"their magnitudes, logarithmic ({'orange: subnormal, ' if len(subnormal) else ''}gray: the tensor)"
    return Line(title, normal, labels, *markers, subnormal, counts)


def _around(view: NumberLines) -> Line:
    below, above = _beside(view.spec, view.stored, NEAR)
    ticks = np.array([*below, view.stored, *above])
    low, high = ticks[[0, -1]].tolist()
    labels = tuple((float(_between(v, low, high)), exact(v)) for v in (*below[-1:], *above[:1]))
    markers = _markers(view, lambda value: _between(value, low, high))
    return Line(
        f"around {exact(view.stored)}", _between(ticks, low, high), labels, *markers, neighbors=len(labels) == 2
    )


def _html(line: Line) -> str:
    """Bars, ticks and markers as an SVG as wide as its pane; texts in HTML, so that they keep their size."""
    bottom = BARS + HEIGHT if len(line.counts) else HEIGHT
    drawing = (
        f'<svg viewBox="0 0 {UNITS} {bottom}" height="{bottom}" preserveAspectRatio="none">{_bars(line)}'
        f'<path class="tick" d="{_strokes(line.ticks, bottom)}"/>'
        f'<path class="low" d="{_strokes(line.subnormal, bottom)}"/>'
        f'<path class="axis" d="M0 {bottom}H{UNITS}"/></svg>'
    )
    sides = ["x before", "x after"] if line.neighbors else ["x"] * len(line.labels)
    texts = [(side, place, bottom, text) for side, (place, text) in zip(sides, line.labels, strict=False)]
    markers = [("entered", line.entered, bottom - HEIGHT), ("stored", line.stored, bottom)]
    texts += [(name, place, y, "") for name, place, y in markers if place is not None]
    spans = "".join(
        f'<span class="{name}" style="left:{100 * place:.2f}%;top:{y}px">{text}</span>'
        for name, place, y, text in texts
    )
    name = html.escape(line.title)
    return f'<p>{name}</p><div class="line" role="img" aria-label="{html.escape(line.alt)}">{drawing}{spans}</div>'


def _strokes(places, bottom: int) -> str:
    """A stroke for each tick; ticks in neighboring units become one box."""
    x = UNITS * np.asarray(places)
    gaps = np.flatnonzero(np.diff(x) > 1.5)
    first, last = x[np.r_[0, gaps + 1] if len(x) else []], x[np.r_[gaps, len(x) - 1] if len(x) else []]
    ends = zip(first.tolist(), last.tolist(), strict=True)
    return "".join(f"M{a:.1f} {bottom}v{-HEIGHT}h{b - a:.1f}v{HEIGHT}z" for a, b in ends)


def _bars(line: Line) -> str:
    if not len(line.counts) or not line.counts.max():
        return ""
    heights = BARS * np.sqrt(line.counts / line.counts.max())  # roots: rare values stay visible
    width = UNITS / len(heights)
    bars = (f"M{i * width:.1f} {BARS}v{-h:.1f}h{width:.1f}V{BARS}" for i, h in enumerate(heights) if h > 0)
    return f'<path class="data" d="{"".join(bars)}"/>'
