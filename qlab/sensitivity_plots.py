"""A still picture of a comparison of layers: the three SQNRs of each as bars.

Like `plots`, it returns a matplotlib Figure that a notebook shows when it is the last line of a cell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlab.sensitivity import Comparison, LayerSQNR

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = {"weight": "#999999", "accumulated": "#56B4E9", "own": "#D55E00"}  # of Okabe and Ito's palette
BAR = 0.27  # of the room of a layer
ROW, WIDTH = 0.62, 6.4  # inches


def sqnr_by_layer(comparison: Comparison, title: str = "") -> Figure:
    """Show each layer's SQNRs in dB, the first layer on top; the lowest bar of each color has bold figures.

    A bar that would be infinitely long, of tensors that are equal, is left out and says "exact". ValueError: a
    comparison without layers.

    >>> from qlab.sensitivity import LayerSQNR
    >>> layers = LayerSQNR("conv1", 23.9, 20.2, 20.2), LayerSQNR("fc1", 20.3, 22.1, 28.0)
    >>> [text.get_text() for text in sqnr_by_layer(Comparison(layers)).axes[0].texts]
    ['23.9', '20.3', '20.2', '22.1', '20.2', '28.0']
    """
    from qlab.picture import picture, style

    layers = comparison.layers
    if not layers:
        raise ValueError("there are no layers in this comparison: quantize at least one")
    with style():
        figure = picture((WIDTH, ROW * len(layers) + 0.9), _in_words(comparison, title))
        axes = figure.subplots()
        for number, (column, color) in enumerate(COLUMNS.items()):
            values = [getattr(layer, column) for layer in layers]
            widths = [value if abs(value) < float("inf") else 0 for value in values]
            places = [row + (number - 1) * BAR for row in range(len(layers))]
            bars = axes.barh(places, widths, BAR, color=color, label=column)
            texts = axes.bar_label(bars, map(_text, values), padding=3)
            texts[values.index(min(values))].set_fontweight("bold")
        axes.set_yticks(range(len(layers)), [layer.name for layer in layers])
        axes.invert_yaxis()
        axes.axvline(0, color="0.3", linewidth=0.8)
        axes.margins(x=0.1)
        axes.set(xlabel="SQNR in dB (bold: the lowest of its color)", title=title)
        figure.legend(*axes.get_legend_handles_labels(), loc="outside upper right", ncols=3, frameon=False)
    return figure


def _in_words(comparison: Comparison, title: str) -> str:
    def of(layer: LayerSQNR) -> str:
        return ", ".join(f"{column} {_text(getattr(layer, column))}" for column in COLUMNS)

    bars = "; ".join(f"{layer.name} {of(layer)}" for layer in comparison.layers)
    return f"{title or 'Bars'}: SQNR in dB of each layer: {bars}."


def _text(sqnr: float) -> str:
    return "exact" if sqnr == float("inf") else f"{sqnr:.1f}".replace("-", "−")
