"""An explorer's state as a still picture, for places that show no live widgets."""

from __future__ import annotations

import base64
import io

import numpy as np

from qlab.explore.panels import Panel, fixed, luminance, palette, to_index
from qlab.explore.view import State

PANELS_ACROSS = 4


def still_png(state: State) -> str:
    """The panels and the plot of a state as a PNG, base64; the same bytes each time for the same state."""
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure

    down = -(-len(state.panels) // PANELS_ACROSS)
    across = -(-len(state.panels) // down) if down else PANELS_ACROSS  # rows of one length
    charts = [chart for chart in (state.lead, state.chart) if chart]
    size = 2.4 * across, 3.0 * down + 2.4 * len(charts)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.add_gridspec(down + len(charts), across)
    for number, panel in enumerate(state.panels):
        axes = figure.add_subplot(grid[divmod(number, across)])
        _draw_panel(figure, axes, panel, ListedColormap(palette(panel.palette) / 255))
    for row, chart in enumerate(charts, start=down):
        axes = figure.add_subplot(grid[row, :])
        chart.draw(axes)
        axes.tick_params(labelsize=8)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=80, metadata={"Software": None})
    return base64.b64encode(stream.getvalue()).decode()


def _draw_panel(figure, axes, panel: Panel, colors) -> None:
    """One map with its color bar and frames, and its numbers where there are few."""
    from matplotlib.patches import Rectangle

    drawn = axes.imshow(panel.shade, cmap=colors, vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    axes.set_title(f"{panel.title} {panel.note}".strip(), fontsize=9)
    axes.set_axis_off()
    for row, column, rows, columns in panel.frames:
        for color, width in (("white", 3), ("black", 1)):
            place = column - 0.5, row - 0.5
            axes.add_patch(Rectangle(place, columns, rows, fill=False, edgecolor=color, linewidth=width))
    bar = figure.colorbar(drawn, ax=axes, orientation="horizontal", pad=0.02, ticks=[at for at, _ in panel.ticks])
    bar.ax.set_xticklabels([text for _, text in panel.ticks], fontsize=8)
    bar.outline.set_visible(False)
    if panel.small:
        cells = palette(panel.palette)[to_index(panel.shade)]
        for (row, column), value in np.ndenumerate(panel.values):
            ink = "black" if luminance(cells[row, column]) > 0.179 else "white"
            axes.text(column, row, fixed(value, panel.decimals), ha="center", va="center", fontsize=7, color=ink)
