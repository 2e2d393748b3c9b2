"""How a still picture is drawn: a figure that a notebook shows by itself, and one heatmap in it.

Loaded by `plots` when the first picture is made, because it imports matplotlib and seaborn.

A figure made by pyplot stays in its global list and is shown twice when a cell returns it; a bare Figure is not
shown at all unless somebody switched matplotlib's notebook mode on. A Picture needs neither. And it comes with a
text alternative for those who do not see it, which JupyterLab gives to no `image/png`: hence an `<img>` as HTML.
"""

import base64
import html
import math
from io import BytesIO

import matplotlib.style
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from seaborn.utils import relative_luminance
from torch import Tensor

FEW = 12  # a tensor of at most this many elements has its numbers in the text alternative, a larger one its range
SMALL = 10  # a tensor of at most this many rows and columns has its numbers in the cells
PAGE = 11.5  # inches; a notebook shrinks what is wider than its page
SHARPNESS = 2  # picture pixels per screen pixel
STYLE = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.dpi": 100,
}


class Picture(Figure):
    """A Figure whose rich display is a PNG, `SHARPNESS` times as fine as the screen, on white.

    `alt` says in a sentence, with its numbers, what the picture shows: about 300 characters, on one line.

    >>> shown = Picture(figsize=(3, 2), dpi=100, alt="An empty picture")._repr_mimebundle_()
    >>> shown["text/html"].split(" src=")[0]
    '<img alt="An empty picture" width="300" height="200"'
    >>> shown["text/plain"]
    '<Picture: An empty picture>'
    """

    def __init__(self, *args, alt: str, **options):
        super().__init__(*args, **options)
        self.alt = alt

    def _repr_mimebundle_(self, **_):
        file = BytesIO()
        self.savefig(file, format="png", dpi=SHARPNESS * self.dpi, facecolor="white")
        width, height = (round(inches * self.dpi) for inches in self.get_size_inches())
        size, data = f'width="{width}" height="{height}"', base64.b64encode(file.getvalue()).decode()
        tag = f'<img alt="{html.escape(self.alt)}" {size} src="data:image/png;base64,{data}">'
        return {"text/html": tag, "text/plain": f"<Picture: {self.alt}>"}


def style():
    """A context in which matplotlib draws in the course's style; the settings are put back at its end."""
    return matplotlib.style.context(["default", STYLE])


def picture(size: tuple[float, float], alt: str) -> Picture:
    """A new figure of `size` inches (width, height) whose parts never overlap. `alt` is as in `Picture`."""
    return Picture(figsize=size, layout="constrained", alt=alt)


def panels(shape: tuple[int, int], count: int, alt: str) -> tuple[Picture, list[Axes]]:
    """A new figure with axes for `count` heatmaps of this shape: in one row where that fits a page, else in two.

    `alt` is as in `Picture`.
    """
    rows, columns = shape
    cell = 0.53 if max(shape) <= SMALL else min(4.2 / columns, 3.6 / rows)
    width, height = max(1.4, cell * columns) + 0.65, max(0.5, cell * rows) + 0.55
    across = count if count * width <= PAGE else -(-count // 2)
    down = -(-count // across)
    figure = picture((across * width, down * height + (0.3 if count > 1 else 0)), alt)
    return figure, figure.subplots(down, across, squeeze=False).flatten().tolist()


def draw_heatmap(axes: Axes, x: Tensor, colored: Tensor, title: str, bar: dict | None = None, **colors) -> None:
    """Draw `colored`, with the numbers of `x` in the cells if it is small.

    `colors` is a cmap and a norm, `bar` what else the color bar should have.
    """
    numbers, power = {}, ""
    if max(x.shape) <= SMALL:
        texts, power = cell_texts(x)
        numbers = {"annot": texts, "fmt": "", "annot_kws": {"size": 8}}
    bar = {"extend": _extend(colored, colors["norm"]), **(bar or {})}
    steps = {"yticklabels": _tick_step(x.shape[0]), "xticklabels": _tick_step(x.shape[1])}
    seaborn.heatmap(colored.numpy(), ax=axes, cbar_kws=bar, rasterized=True, **numbers, **steps, **colors)
    axes.set_title(f"{title} {power}".strip())
    axes.tick_params(length=0, rotation=0)
    for text, color in zip(axes.texts, axes.collections[0].get_facecolors(), strict=bool(axes.texts)):
        text.set_color("black" if relative_luminance(color) > 0.179 else "white")  # the better contrast (WCAG 2.2)


def cell_texts(x: Tensor) -> tuple[list[list[str]], str]:
    """The numbers of a 2-D tensor as short texts, and the power of ten that they leave out ("" for none).

    >>> import torch
    >>> cell_texts(torch.tensor([[191.62, -0.004]]))
    ([['191.6', '0.0']], '')
    >>> cell_texts(torch.tensor([[0.00191, -0.0005]]))
    ([['1.91', '−0.50']], '× 1e−3')
    """
    if not x.is_floating_point():
        return [[_text(value, 0) for value in row] for row in x.tolist()], ""
    peak = x.abs().max().item()
    power = 0 if peak == 0 or 0.1 <= peak < 1e5 else math.floor(math.log10(peak))
    peak /= 10.0**power
    decimals = 3 if peak < 1 else 2 if peak < 100 else 1 if peak < 1000 else 0
    texts = [[_text(value / 10.0**power, decimals) for value in row] for row in x.tolist()]
    return texts, f"× 1e{power}".replace("-", "−") if power else ""


def matrix_in_words(x: Tensor, title: str) -> str:
    """What a heatmap shows of a 2-D tensor, for a text alternative: few numbers row by row, of more the range.

    >>> import torch
    >>> matrix_in_words(torch.tensor([[1, -2], [0, 3]]), "codes")
    'codes 1 −2; 0 3'
    >>> matrix_in_words(torch.eye(64), "weights")
    'weights, 64 × 64, from 0 to 1'
    """
    if x.numel() <= FEW:
        texts, power = cell_texts(x)
        return " ".join(filter(None, [title, power, "; ".join(map(" ".join, texts))]))
    rows, columns = x.shape
    return f"{title}, {rows} × {columns}, from {short(x.min().item())} to {short(x.max().item())}"


def short(value: float) -> str:
    """A number with three digits, for a text alternative. Its minus is read aloud, which that of a keyboard is not.

    >>> short(-0.12345), short(1000.0)
    ('−0.123', '1000')
    """
    return f"{value:{'.0f' if 1e3 <= abs(value) < 1e6 else '.3g'}}".replace("-", "−")


def _text(value: float, decimals: int) -> str:
    return f"{round(value, decimals) + 0:.{decimals}f}".replace("-", "−")  # + 0 takes the sign off -0.0


def _tick_step(count: int) -> int:
    """How many rows or columns to count between two labels: 1, or a power of two that gives about 6 labels."""
    return 1 if count <= SMALL else 2 ** round(math.log2(count / 6))


def _extend(x: Tensor, norm) -> str:
    """Which ends of the color bar carry an arrow, because values lie beyond them."""
    return {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}[
        bool((x < norm.vmin).any()), bool((x > norm.vmax).any())
    ]
