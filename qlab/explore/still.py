"""An explorer's state as a still picture, for places that show no live widgets."""

from __future__ import annotations

import base64
import io

import numpy as np

from qlab.explore.panels import Panel, fixed, luminance, palette, to_index
from qlab.explore.staircase import Staircase
from qlab.explore.view import State


def still_png(state: State) -> str:
    """The panels and the plot of a state as a PNG, base64; the same bytes each time for the same state."""
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure

    count = len(state.panels)
    figure = Figure(figsize=(2.4 * count, 5.4 if state.chart else 3.0), layout="constrained")
    grid = figure.add_gridspec(2 if state.chart else 1, count)
    for column, panel in enumerate(state.panels):
        axes = figure.add_subplot(grid[0, column])
        _draw_panel(figure, axes, panel, ListedColormap(palette(panel.palette) / 255))
    if state.chart:
        _draw_staircase(figure.add_subplot(grid[1, :]), state.chart)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=80, metadata={"Software": None})
    return base64.b64encode(stream.getvalue()).decode()


def _draw_panel(figure, axes, panel: Panel, colors) -> None:
    """One map with its color bar, and its numbers where there are few."""
    drawn = axes.imshow(panel.shade, cmap=colors, vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    axes.set_title(f"{panel.title} {panel.note}".strip(), fontsize=9)
    axes.set_axis_off()
    bar = figure.colorbar(drawn, ax=axes, orientation="horizontal", pad=0.02, ticks=[at for at, _ in panel.ticks])
    bar.ax.set_xticklabels([text for _, text in panel.ticks], fontsize=8)
    bar.outline.set_visible(False)
    if panel.small:
        cells = palette(panel.palette)[to_index(panel.shade)]
        for (row, column), value in np.ndenumerate(panel.values):
            ink = "black" if luminance(cells[row, column]) > 0.179 else "white"
            axes.text(column, row, fixed(value, panel.decimals), ha="center", va="center", fontsize=7, color=ink)


def _draw_staircase(axes, stair: Staircase) -> None:
    """The staircase over the identity, the saturated regions shaded."""
    rises, heights = stair.corners()
    limit = stair.limit
    axes.step([-limit, *rises, limit], [*heights, heights[-1]], where="post", linewidth=1.5)
    axes.plot([-limit, limit], [-limit, limit], linestyle=":", color="gray", linewidth=1)
    for low, high in ((-limit, stair.rounded[0]), (stair.rounded[1], limit)):
        if low < high:
            axes.axvspan(low, high, color="tab:orange", alpha=0.15, linewidth=0)
    axes.set(xlim=(-limit, limit), ylim=(-limit, limit), xlabel="original", ylabel="dequantized")
    axes.tick_params(labelsize=8)
