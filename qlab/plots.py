"""Still pictures for the lessons: tensors as heatmaps, a quantizer as a staircase, measurements over theory.

Every function returns a matplotlib Figure that a notebook shows when it is the last line of a cell. Nothing goes
through pyplot and no global setting changes. matplotlib and seaborn are imported with the first picture.

Colors mean the same in all of them. Values: red above 0, blue below, white at 0, reaching equally far on both
sides. Codes and errors: dark for low, bright for high. The error scale depends on the original tensor alone, so
that pictures at 8 and at 4 bits can be compared.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from qlab.affine import QTensor, fake_quantize
from qlab.metrics import bits_per_weight, mse, sqnr
from qlab.qparams import QParams, raise_not_finite

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DIVERGING = "RdBu_r"  # values, symmetric about 0
SEQUENTIAL = "viridis"  # codes and errors
ERROR_DECADES = 4  # the error scale runs from 0.01 % to 100 % of the largest magnitude of the original


def heatmap(x: Tensor, title: str = "", unit: str = "", limit: float | None = None) -> Figure:
    """Show a 1-D (as one row) or 2-D tensor; the colors run from -limit to limit, by default the largest |x|.

    Up to 10 rows and columns, the cells carry their numbers; integer tensors show integers. `unit` joins the
    title. ValueError: another number of axes, no elements, NaN or infinity, or a limit that is not positive.

    >>> figure = heatmap(torch.tensor([[1.0, -2.0], [0.5, 0.0]]), "weights")
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['1.00', '−2.00', '0.50', '0.00']
    """
    from qlab.picture import matrix_in_words, panels, style

    x = _matrix(x, "x")
    if limit is not None and not 0 < limit < math.inf:
        raise ValueError(f"limit must be positive, got {limit}: it is the value at both ends of the color bar")
    with style():
        figure, (axes,) = panels(x.shape, 1, f"Heatmap: {matrix_in_words(x, _label(title, unit) or 'values')}.")
        _value_panel(axes, x, _label(title, unit), limit or _peak(x))
    return figure


def error_heatmap(reference: Tensor, actual: Tensor, title: str = "error", unit: str = "") -> Figure:
    """Show actual - reference: signed numbers in the cells, sizes as colors on a fixed logarithmic scale.

    The scale runs from 0.01 % to 100 % of the largest |reference|. Both tensors have one shape, 1-D or 2-D.
    ValueError: shapes that differ, and as in `heatmap`.
    """
    from qlab.picture import matrix_in_words, panels, style

    reference, actual = _matrix(reference, "reference"), _matrix(actual, "actual")
    if reference.shape != actual.shape:
        shapes = f"{tuple(reference.shape)} and {tuple(actual.shape)}"
        raise ValueError(f"reference and actual must have one shape, got {shapes}: pass a tensor and its copy")
    error, label = actual.double() - reference.double(), _label(title, unit)
    with style():
        figure, (axes,) = panels(reference.shape, 1, f"Heatmap: {matrix_in_words(error, label)}.")
        _error_panel(axes, error, label, _peak(reference))
    return figure


def quantization_panels(x: Tensor, qt: QTensor, unit: str = "") -> Figure:
    """Show original, codes, dequantized and error side by side, under MSE, SQNR and bits per weight.

    `x` is the 1-D or 2-D tensor that `qt` was made from. The original and the dequantized tensor share one color
    scale; that of the codes spans the whole format. ValueError: shapes that differ, and as in `heatmap`.
    """
    from qlab.picture import matrix_in_words, panels, style

    if x.shape != qt.shape:
        shapes = f"x has shape {tuple(x.shape)}, qt {tuple(qt.shape)}"
        raise ValueError(f"{shapes}: pass the tensor that qt was quantized from")
    x, codes, back = _matrix(x, "x"), _matrix(qt.data, "qt.data"), _matrix(qt.dequantize(), "qt.dequantize()")
    shown = x, codes, back, back.double() - x.double()
    original, dequantized, error = (_label(name, unit) for name in ("original", "dequantized", "error"))
    titles = original, f"codes, {qt.qparams.spec.name}", dequantized, error
    numbers = f"MSE {mse(x, back):.4g}   SQNR {sqnr(x, back):.2f} dB   {bits_per_weight(qt):.4g} bits per weight"
    words = map(matrix_in_words, shown, titles)
    limit = max(_peak(x), _peak(back))
    with style():
        figure, axes = panels(x.shape, 4, ". ".join(["Four heatmaps", numbers.replace("   ", ", "), *words]) + ".")
        for index in (0, 2):
            _value_panel(axes[index], shown[index], titles[index], limit)
        _code_panel(axes[1], codes, titles[1], qt.qparams)
        _error_panel(axes[3], shown[3], titles[3], _peak(x))
        figure.suptitle(numbers, x=0.01, ha="left")
    return figure


def staircase(qparams: QParams, unit: str = "") -> Figure:
    """Show what per-tensor qparams turn each real number into, and below it the error.

    Inside the range the error stays within half a step; beyond it, where the picture is shaded, it grows without
    bound and leaves the picture. The steps can be told apart up to about 6 bits. ValueError: more than one scale.
    """
    from qlab.picture import picture, short, style

    if qparams.scale.numel() != 1:
        shape = tuple(qparams.scale.shape)
        raise ValueError(f"a staircase needs one scale, got scales of shape {shape}: use PerTensor()")
    scale, zero = qparams.scale.item(), 0 if qparams.zero_point is None else qparams.zero_point.item()
    low, high = (qparams.quant_min - zero) * scale, (qparams.quant_max - zero) * scale
    margin = 0.15 * (high - low)
    x = torch.linspace(low - margin, high + margin, 4001, dtype=torch.float64, device=qparams.scale.device)
    x, y = x.cpu(), fake_quantize(x, qparams).cpu()
    bound = (y - x)[(x >= low) & (x <= high)].abs().max().item()
    title = f"scale {scale:.4g}, zero_point {zero}"
    inside = f"From {short(low)} to {short(high)} the error stays within {short(bound)}; beyond, it grows."
    with style():
        figure = picture((6.4, 4.6), f"Staircase of {qparams.dtype}: {title}. {inside}")
        stairs, error = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        stairs.plot(x, x, color="0.6", linestyle="--", label="unchanged")
        stairs.plot(x, y, label=f"quantized to {qparams.dtype}")
        stairs.set(title=title, ylabel=_label("dequantized", unit))
        stairs.legend(frameon=False)
        error.plot(x, y - x, color="C3", linewidth=1)
        error.set(xlabel=_label("x", unit), ylabel=_label("error", unit), ylim=(-2.5 * bound, 2.5 * bound))
        for axes in (stairs, error):
            axes.axvspan(low - margin, low, color="0.92", zorder=0)
            axes.axvspan(high, high + margin, color="0.92", zorder=0)
            axes.margins(x=0)
    return figure


def measured_vs_predicted(
    x: Sequence[float] | Tensor,
    measured: Sequence[float] | Tensor,
    predicted: Sequence[float] | Tensor,
    xlabel: str = "",
    ylabel: str = "",
    title: str = "",
) -> Figure:
    """Show measurements as points over the closed form as a line, on two logarithmic axes.

    The three are equally long, 1-D and positive. ValueError where they are not.
    """
    from qlab.picture import picture, style

    x, measured, predicted = (
        torch.as_tensor(v, dtype=torch.float64, device="cpu") for v in (x, measured, predicted)
    )
    if not (x.ndim == 1 and x.shape == measured.shape == predicted.shape):
        shapes = ", ".join(str(tuple(v.shape)) for v in (x, measured, predicted))
        raise ValueError(f"x, measured and predicted have shapes {shapes}: pass three equally long lists")
    if not all((v > 0).all() for v in (x, measured, predicted)):
        raise ValueError("zero, negative or NaN values have no place on a logarithmic axis: leave them out")
    with style():
        figure = picture((5.6, 3.8), _points_in_words(x, measured, predicted, xlabel, ylabel, title))
        axes = figure.subplots()
        axes.loglog(x, predicted, color="0.4", label="predicted")
        axes.loglog(x, measured, "o", label="measured")
        axes.set(xlabel=xlabel, ylabel=ylabel, title=title)
        lowest = min(measured.min().item(), predicted.min().item())
        axes.set_ylim(bottom=0.97 * _digit_and_zeros(lowest))  # so that a tick stands at or below the lowest point
        if len(x) <= 8:  # few enough to name each on the axis
            axes.set_xticks(x.tolist(), [f"{v:g}" for v in x.tolist()])
            axes.xaxis.minorticks_off()
        for labels in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
            if measured.max() < 100 * measured.min():  # over fewer than two decades plain numbers read better
                labels("{x:g}")
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    return figure


def _points_in_words(x: Tensor, measured: Tensor, predicted: Tensor, xlabel: str, ylabel: str, title: str) -> str:
    """The points of a plot, or about eight evenly chosen of more, for its text alternative."""
    from qlab.picture import short

    step = -(-len(x) // 8)
    points = zip(*(map(short, v[::step].tolist()) for v in (x, measured, predicted)), strict=True)
    texts = [f"at {at} {found} ({expected})" for at, found, expected in points]
    axes = f"{ylabel or 'y'} over {xlabel or 'x'}, measured (predicted)"
    return f"{title or 'Plot'}: {axes}: {', '.join(texts)}."


def _value_panel(axes: Axes, x: Tensor, title: str, limit: float) -> None:
    from matplotlib.colors import Normalize

    from qlab.picture import draw_heatmap

    draw_heatmap(axes, x, x, title, cmap=DIVERGING, norm=Normalize(-limit, limit))


def _code_panel(axes: Axes, codes: Tensor, title: str, qparams: QParams) -> None:
    from matplotlib.colors import Normalize

    from qlab.picture import draw_heatmap

    spec = qparams.spec
    ends = (0, 2**spec.bits - 1) if spec.kind == "codebook" else (spec.min, spec.max)
    bar = {"ticks": sorted({ends[0], 0, ends[1]})}
    draw_heatmap(axes, codes, codes, title, bar, cmap=SEQUENTIAL, norm=Normalize(*ends))


def _error_panel(axes: Axes, error: Tensor, title: str, top: float) -> None:
    from matplotlib.colors import LogNorm

    from qlab.picture import draw_heatmap

    norm = LogNorm(top * 10.0**-ERROR_DECADES, top)
    size = error.abs().clamp(min=norm.vmin)  # 0 has no logarithm; it takes the darkest color
    ticks = [top * 10.0**-power for power in range(ERROR_DECADES, -1, -1)]
    bar = {"ticks": ticks, "format": lambda tick, _: f"{100 * tick / top:.4g} %"}
    draw_heatmap(axes, error, size, title, bar, cmap=SEQUENTIAL, norm=norm)


def _matrix(x: Tensor, name: str) -> Tensor:
    """`x` as a 2-D tensor on the CPU that a heatmap can show, or the error that says why not."""
    if not isinstance(x, Tensor):
        raise TypeError(f"{name} must be a tensor, got {type(x).__name__}: make one with torch.tensor(...)")
    if x.ndim not in (1, 2) or x.numel() == 0:
        fix = "pass a matrix, for example weight.flatten(1)"
        raise ValueError(f"{name} has shape {tuple(x.shape)}, a heatmap needs one or two axes, not empty: {fix}")
    x = x.detach().cpu()
    if not x.isfinite().all():
        raise_not_finite(x)
    return torch.atleast_2d(x.double() if x.is_floating_point() else x.long())


def _peak(x: Tensor) -> float:
    """The largest magnitude, or 1 where all is 0."""
    return x.double().abs().max().item() or 1.0


def _digit_and_zeros(value: float) -> float:
    """A positive number rounded down to one digit: where a logarithmic axis has its ticks.

    >>> _digit_and_zeros(1.29), _digit_and_zeros(470.0)
    (1.0, 400.0)
    """
    power = 10.0 ** math.floor(math.log10(value))
    return math.floor(value / power) * power


def _label(name: str, unit: str) -> str:
    return f"{name} [{unit}]" if unit else name
