"""Lines over the steps of a training: two plots side by side, the loss on a logarithmic axis and the accuracy."""

from __future__ import annotations

from dataclasses import dataclass
from math import log10

UNITS, HEIGHT = 1000, 150  # SVG units across, pixels down
DECADES = (-4, 1)  # the axis of the loss runs from 0.0001 to 10
STYLES = (("#1b9e77", ""), ("#3a8fd0", "9 4"), ("#d55e00", "2 4"))  # a color, and dashes for those who see none


@dataclass(frozen=True)
class Curves:
    """What the plots show, from step 0 to `steps`.

    `losses` and `accuracies` map the name of a line to its (step, value) points; `reference` is an accuracy that
    is drawn as a level line.
    """

    steps: int
    losses: dict[str, list[tuple[int, float]]]
    accuracies: dict[str, list[tuple[int, float]]]
    reference: float

    @property
    def text(self) -> str:
        """The ends of the lines in words."""
        return f"Accuracy {_ends(self.accuracies) or 'not measured'}; loss {_ends(self.losses) or 'not yet'}."

    @property
    def html(self) -> str:
        """Both plots, and what each line is: SVGs as wide as the pane has room for, labels in HTML."""
        keys = "".join(
            f'<span><svg width="28" height="8"><path d="M0 4H28" {_stroke(style)}/></svg> {name}</span>'
            for name, style in zip(self.losses, STYLES, strict=True)
        )
        level = f'<path class="same" d="M0 {_down_share(self.reference):.1f}H{UNITS}"/>'
        loss = self._plot("loss of a batch", self.losses, _down_loss, [(0.001, "0.001"), (0.1, "0.1"), (10, "10")])
        shares = [(0, "0 %"), (0.5, "50 %"), (1, "100 %")]
        right = self._plot("accuracy; dotted: float32", self.accuracies, _down_share, shares, level)
        return f'<div class="keys">{keys}</div><div class="curves">{loss}{right}</div>'

    def draw(self, axes) -> None:
        """The same on matplotlib's axes: accuracy on the left, loss on the right."""
        right = axes.twinx()
        for name, (color, dashes) in zip(self.losses, STYLES, strict=True):
            line = {"color": color, "linestyle": (0, [float(d) / 2 for d in dashes.split()]) if dashes else "-"}
            axes.plot(*zip(*self.accuracies[name], strict=True), label=name, marker="o", markersize=3, **line)
            if self.losses[name]:
                right.plot(*zip(*self.losses[name], strict=True), alpha=0.5, linewidth=0.8, **line)
        axes.axhline(self.reference, color="gray", linestyle=":")
        axes.set(xlim=(0, self.steps), ylim=(0, 1.02), xlabel="step", ylabel="accuracy")
        right.set(yscale="log", ylim=tuple(10.0**end for end in DECADES), ylabel="loss (thin)")
        right.tick_params(labelsize=8)
        axes.legend(fontsize=8, loc="lower right")

    def _plot(self, title: str, lines: dict, down, ticks: list[tuple[float, str]], more: str = "") -> str:
        """One plot, its values now as its description."""
        paths = "".join(
            f'<path d="{self._path(points, down)}" {_stroke(style)}/>'
            for points, style in zip(lines.values(), STYLES, strict=True)
            if points
        )
        drawing = (
            f'<svg viewBox="0 0 {UNITS} {HEIGHT}" height="{HEIGHT}" preserveAspectRatio="none">'
            f'<path class="axis" d="M0 0V{HEIGHT}H{UNITS}"/>{more}{paths}</svg>'
        )
        labels = [("name", "0", 0, title), ("x", "0", HEIGHT, "0"), ("x", "100%", HEIGHT, f"step {self.steps}")]
        labels += [("y", "0", down(value), text) for value, text in ticks]
        spans = "".join(
            f'<span class="{kind}" style="left:{x};top:{y:.1f}px">{text}</span>' for kind, x, y, text in labels
        )
        told = f"{title}, over {self.steps} steps: {_ends(lines) or 'no step yet'}"
        return f'<div class="stair" role="img" aria-label="{told}">{drawing}{spans}</div>'

    def _path(self, points: list[tuple[int, float]], down) -> str:
        """A line through the points; a short level one where there is only one."""
        first, value = points[0]
        points = points if len(points) > 1 else [*points, (first + self.steps / 50, value)]
        return "M" + "L".join(f"{UNITS * step / self.steps:.1f} {down(value):.1f}" for step, value in points)


def _ends(lines: dict[str, list[tuple[int, float]]]) -> str:
    """The last value of each line that has one."""
    return ", ".join(f"{name} {points[-1][1]:.3g}" for name, points in lines.items() if points)


def _stroke(style: tuple[str, str]) -> str:
    color, dashes = style
    return f'stroke="{color}" stroke-width="2" stroke-dasharray="{dashes}" fill="none"'


def _down_share(share: float) -> float:
    """Pixels from the top, for an accuracy of 0 to 1."""
    return HEIGHT * (1 - share)


def _down_loss(loss: float) -> float:
    """Pixels from the top, for a loss; what is beyond the axis lies at its end."""
    bottom, top = DECADES
    place = (log10(max(loss, 10.0**bottom)) - bottom) / (top - bottom)
    return HEIGHT * (1 - min(place, 1))
