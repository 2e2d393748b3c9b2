"""What a clip costs: the error of the values that are cut off, and that of those that are rounded.

The codes reach from 0 to `clip` where no value is negative, and from about -clip to clip elsewhere: the scale is
clip / quant_max, without a zero point.
"""

from __future__ import annotations

from functools import lru_cache, partial

import torch

from qlab.clipping import aciq_clip, aciq_error
from qlab.dtypes import dtype
from qlab.explore.tensors import Source
from qlab.observers import Histogram, MinMax, Observer, Percentile
from qlab.qparams import QParams

STEPS = 64  # clips that are tried: equal parts of the largest magnitude
MODELS = ("laplace", "gaussian")
OBSERVERS: dict[str, type[Observer] | partial] = {
    "min-max": MinMax,
    "percentile 99.9": Percentile,
    "percentile 99": partial(Percentile, percentile=99),
    "histogram": Histogram,
}


def code_format(chosen: Source, bits: int) -> str:
    """The format of the codes: unsigned where no value is negative."""
    return f"int{bits}" if chosen.low < 0 else f"uint{bits}"


def qparams(clip: float, format: str) -> QParams:
    """Steps of clip / quant_max, 0 being the code 0."""
    scale = torch.tensor(clip / dtype(format).max)
    return QParams(scale, None if dtype(format).signed else 0, format)


def losses(x: torch.Tensor, clip: float, format: str) -> tuple[float, float]:
    """The parts of the mean squared error: of values beyond the codes, and of all others.

    >>> cut_off, rounded = losses(torch.tensor([0.4, 1.0, 5.0, 0.0]), 3.0, "uint2")
    >>> cut_off, round(rounded, 4)
    (1.0, 0.04)
    """
    qp = qparams(clip, format)
    steps = torch.round(x / qp.scale)
    codes = steps.clamp(qp.quant_min, qp.quant_max)
    error = (codes * qp.scale - x).square()
    beyond = error[steps != codes].sum(dtype=torch.float64).item()
    return beyond / x.numel(), (error.sum(dtype=torch.float64).item() - beyond) / x.numel()


def clips(chosen: Source) -> list[float]:
    """The clips that are tried, from a 64th of the largest magnitude to all of it."""
    return [chosen.largest * part / STEPS for part in range(1, STEPS + 1)]


@lru_cache(maxsize=32)
def curves(chosen: Source, bits: int) -> tuple[tuple[float, float], ...]:
    """The losses of each of the `clips`."""
    return tuple(losses(chosen.x, clip, code_format(chosen, bits)) for clip in clips(chosen))


def best_clip(chosen: Source, bits: int) -> float:
    """The one of the `clips` with the smallest mean squared error."""
    errors = [sum(pair) for pair in curves(chosen, bits)]
    return clips(chosen)[errors.index(min(errors))]


@lru_cache(maxsize=32)
def observed_clips(chosen: Source, bits: int) -> dict[str, float]:
    """The clip that each kind of observer chooses."""
    found, format = {}, code_format(chosen, bits)
    for name, kind in OBSERVERS.items():
        observer = kind(format, "symmetric" if dtype(format).signed else "affine")
        observer.observe(chosen.x)
        found[name] = observer.qparams().scale.item() * dtype(format).max
    return found


@lru_cache(maxsize=32)
def model_clip(chosen: Source, model: str, bits: int) -> float:
    """ACIQ's closed form for a distribution of this tensor's spread."""
    return aciq_clip(model, _model_bits(chosen, bits)) * _spread(chosen, model)[0]


@lru_cache(maxsize=32)
def model_curve(chosen: Source, model: str, bits: int) -> list[float]:
    """The mean squared errors that ACIQ's model predicts for the `clips`."""
    spread, share = _spread(chosen, model)
    tried = torch.tensor(clips(chosen), dtype=torch.float64) / spread
    return (share * spread**2 * aciq_error(tried, model, _model_bits(chosen, bits))).tolist()


def _model_bits(chosen: Source, bits: int) -> int:
    """The model is of both signs. Codes for one sign are as fine as those of one bit more for both."""
    return bits if chosen.low < 0 else bits + 1


@lru_cache(maxsize=32)
def _spread(chosen: Source, model: str) -> tuple[float, float]:
    """The root mean square (gaussian) or mean magnitude (laplace), and the share of the values that it is of.

    Where none is negative, the zeros are left out: a ReLU made them, and they are exact.
    """
    x = chosen.x.double() if chosen.low < 0 else chosen.x[chosen.x > 0].double()
    spread = x.square().mean().sqrt() if model == "gaussian" else x.abs().mean()
    return (spread.item(), x.numel() / chosen.x.numel()) if x.any() else (1.0, 0.0)
