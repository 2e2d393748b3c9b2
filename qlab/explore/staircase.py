"""The staircase: every real number on the x axis, the value it becomes after quantization on the y axis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qlab.explore.panels import fixed, short

UNITS, HEIGHT, HISTOGRAM = 1000, 176, 34  # SVG units across; pixels down: the plot, and under it the data's bars


@dataclass(frozen=True)
class Staircase:
    """What the plot shows, in the tensor's unit. Both axes run from `-limit` to `limit`.

    `scale`, `zero_point`, `quant_min`, `quant_max` give the steps; `counts` is the histogram of the data over the
    x axis; `low` and `high` are the ends of the data.
    """

    scale: float
    zero_point: int
    quant_min: int
    quant_max: int
    limit: float
    low: float
    high: float
    counts: np.ndarray

    @property
    def ends(self) -> tuple[float, float]:
        """The smallest and the largest value that a code stands for."""
        return (self.quant_min - self.zero_point) * self.scale, (self.quant_max - self.zero_point) * self.scale

    @property
    def rounded(self) -> tuple[float, float]:
        """The ends of the region where values are rounded; beyond it they saturate."""
        low, high = self.ends
        return low - self.scale / 2, high + self.scale / 2

    @property
    def alt(self) -> str:
        """The plot in words."""
        low, high = (short(v) for v in self.ends)
        steps = self.quant_max - self.quant_min + 1
        data = f"{short(self.low)} to {short(self.high)}"
        stairs = f"Staircase of {steps} values, {short(self.scale)} apart, from {low} to {high}"
        return f"{stairs}; the data run from {data}"

    @property
    def html(self) -> str:
        """The plot: an SVG as wide as its pane, and labels in HTML so that they keep their size in a narrow one."""
        return _html(self)

    def draw(self, axes) -> None:
        """The plot on matplotlib's axes: the staircase over the identity, the saturated regions shaded."""
        rises, heights = self.corners()
        limit = self.limit
        axes.step([-limit, *rises, limit], [*heights, heights[-1]], where="post", linewidth=1.5)
        axes.plot([-limit, limit], [-limit, limit], linestyle=":", color="gray", linewidth=1)
        for low, high in ((-limit, self.rounded[0]), (self.rounded[1], limit)):
            if low < high:
                axes.axvspan(low, high, color="tab:orange", alpha=0.15, linewidth=0)
        axes.set(xlim=(-limit, limit), ylim=(-limit, limit), xlabel="original", ylabel="dequantized")

    def corners(self) -> tuple[np.ndarray, np.ndarray]:
        """The x where each of the inner steps rises, and the height of every step."""
        codes = np.arange(self.quant_min, self.quant_max + 1) - self.zero_point
        return (codes[:-1] + 0.5) * self.scale, codes * self.scale


def _html(stair: Staircase) -> str:
    steps, bottom = _steps(stair), HEIGHT + HISTOGRAM
    middle, zero = UNITS / 2, HEIGHT / 2
    lines = (
        f'<path class="axis" d="M0 {zero}H{UNITS}M{middle} 0V{bottom}M0 0V{bottom}H{UNITS}V0"/>'
        f'<path class="same" d="M0 {HEIGHT}L{UNITS} 0"/>'
    )
    drawing = (
        f'<svg viewBox="0 0 {UNITS} {bottom}" height="{bottom}" preserveAspectRatio="none">'
        f"{_saturated(stair)}{_histogram(stair)}{lines}{steps}</svg>"
    )
    return f'<div class="stair" role="img" aria-label="{stair.alt}">{drawing}{_labels(stair)}</div>'


def _across(x, limit: float):
    """SVG units from the left for a value on the x axis."""
    return UNITS * (np.clip(x / limit, -1, 1) + 1) / 2


def _down(y, limit: float):
    """Pixels from the top for a value on the y axis."""
    return HEIGHT * (1 - np.clip(y / limit, -1, 1)) / 2


def _saturated(stair: Staircase) -> str:
    """Shade where the input is beyond what the codes can hold."""
    low, high = _across(np.array(stair.rounded), stair.limit).tolist()
    height = HEIGHT + HISTOGRAM
    return f'<path class="clip" d="M0 0H{low:.1f}V{height}H0zM{high:.1f} 0H{UNITS}V{height}H{high:.1f}z"/>'


def _histogram(stair: Staircase) -> str:
    """Bars of the data, standing on the bottom line."""
    base, bar = HEIGHT + HISTOGRAM, UNITS / len(stair.counts)
    heights = (HISTOGRAM - 6) * np.sqrt(stair.counts / stair.counts.max())  # roots: rare values stay visible
    bars = (f"M{i * bar:.1f} {base}v{-h:.1f}h{bar:.1f}V{base}" for i, h in enumerate(heights) if h > 0)
    return f'<path class="data" d="{"".join(bars)}"/>'


def _steps(stair: Staircase) -> str:
    """The staircase itself."""
    rises, heights = stair.corners()
    xs, ys = _across(rises, stair.limit).tolist(), _down(heights, stair.limit).tolist()
    path = "".join(f"H{x:.1f}V{y:.1f}" for x, y in zip(xs, ys[1:], strict=True))
    return f'<path class="step" d="M0 {ys[0]:.1f}{path}H{UNITS}"/>'


def _labels(stair: Staircase) -> str:
    """The numbers on both axes, the codes of zero and of both ends on the right, and the names of all."""
    limit, bottom = stair.limit, HEIGHT + HISTOGRAM
    ticks = [-limit, -limit / 2, 0.0, limit / 2, limit]
    labels = [("x", f"{100 * i / 4:g}%", bottom, short(v)) for i, v in enumerate(ticks)]
    labels += [("y", "0", _down(v, limit), short(v)) for v in ticks[::2]]
    zero, (low, high) = HEIGHT / 2, _down(np.array(stair.ends), limit).tolist()
    ends = [(low, stair.quant_min), (high, stair.quant_max)]
    codes = [(zero, stair.zero_point)] + [(y, code) for y, code in ends if abs(y - zero) > 13]
    labels += [("code", "100%", y, fixed(code, 0)) for y, code in codes]
    labels += [("code", "100%", bottom - 8, "original"), ("y", "0", bottom - 8, "data"), ("zero", "50%", zero, "")]
    labels += [("name", "0", 0, "dequantized"), ("name last", "100%", 0, "code")]
    left, right = (_across(v, limit) / UNITS for v in stair.rounded)
    if left > 0.12:  # wide enough for the word; high and low, clear of the dashed line
        labels.append(("word", f"{50 * left:.1f}%", 12, "saturates"))
    if right < 0.88:
        labels.append(("word", f"{50 * (1 + right):.1f}%", HEIGHT - 10, "saturates"))
    return "".join(
        f'<span class="{kind}" style="left:{x};top:{y:.1f}px">{text}</span>' for kind, x, y, text in labels
    )
