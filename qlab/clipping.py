"""Where to clip, for data whose distribution is known: a narrow range cuts off, a wide one has coarse steps.

Two answers, for a Gaussian of standard deviation 1 and a Laplace distribution whose mean absolute value is 1:

* ACIQ (Banner et al., 2019, arXiv:1810.05723) models the error as what is cut off plus a uniform rounding error of
  2**bits steps, clip**2 / (3 * 4**bits), and minimizes that.
* The error of the grid that this library quantizes to, steps of clip / quant_max with one code more below 0 than
  above, integrated exactly. At 8 bits the two agree; at 2 and 3 bits they are far apart: the grid has other steps,
  and rounding errors are not uniform when a step is as wide as the distribution.

For data of another spread multiply the clip by it: the standard deviation, or the mean absolute value.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from qlab.dtypes import dtype

FAR = 60.0  # in place of infinity: no float64 is left of either distribution there
STEPS = 400  # clips tried in each round of the search


def aciq_error(clip: torch.Tensor | float, distribution: str, bits: int) -> torch.Tensor:
    """The mean squared error of ACIQ's model, float64, of clip's shape.

    clip: positive, in units of the distribution's spread. distribution: "gaussian" or "laplace". bits: 1 or more.

    Raises ValueError for another distribution.

    >>> aciq_error(torch.tensor([1.0, 2.83, 6.0]), "laplace", bits=2)
    tensor([0.7566, 0.2849, 0.7550], dtype=torch.float64)
    """
    _check_distribution(distribution)
    clip = torch.as_tensor(clip, dtype=torch.float64)
    if distribution == "laplace":
        cut_off = 2 * torch.exp(-clip)
    else:
        cut_off = (1 + clip**2) * _beyond(clip) - math.sqrt(2 / math.pi) * clip * torch.exp(-(clip**2) / 2)
    return cut_off + clip**2 / (3 * 4**bits)


def aciq_clip(distribution: str, bits: int) -> float:
    """The clip at which ACIQ's model has its smallest error: where the derivatives of its two parts cancel.

    Published as multiples of the spread: 2.83, 3.89 and 5.03 for Laplace at 2, 3 and 4 bits.

    Raises ValueError for another distribution than "gaussian" or "laplace".

    >>> [round(aciq_clip("laplace", bits), 2) for bits in (2, 3, 4)]
    [2.83, 3.9, 5.03]
    """
    _check_distribution(distribution)

    def slope(clip: torch.Tensor) -> torch.Tensor:
        if distribution == "laplace":
            cut_off = 2 * torch.exp(-clip)
        else:
            cut_off = 2 * (math.sqrt(2 / math.pi) * torch.exp(-(clip**2) / 2) - clip * _beyond(clip))
        return 2 * clip / (3 * 4**bits) - cut_off

    low, high = 0.0, FAR
    for _ in range(60):  # the slope rises from below 0 to above it
        middle = (low + high) / 2
        low, high = (low, middle) if slope(torch.tensor(middle, dtype=torch.float64)) > 0 else (middle, high)
    return low


def clip_error(clip: torch.Tensor | float, distribution: str, dtype: str) -> torch.Tensor:
    """The mean squared error of `fake_quantize` on such data, with the symmetric scale clip / quant_max.

    It is the integral of (x - nearest value of the grid)**2, in closed form from code to code; float64, of clip's
    shape. clip: positive. dtype: a signed integer format of 8 bits or fewer.

    Raises ValueError for another distribution or format.

    >>> clip_error(torch.tensor([1.0, 1.5, 4.0]), "gaussian", "int2")
    tensor([0.1502, 0.2003, 0.8641], dtype=torch.float64)
    """
    _check_distribution(distribution)
    codes = _codes(dtype)
    clip = torch.as_tensor(clip, dtype=torch.float64).unsqueeze(-1)
    scale = clip / codes[-1]
    values, between = codes * scale, (codes[:-1] + 0.5) * scale
    ends = torch.full_like(clip, FAR)
    edges = torch.cat([-ends, between.clamp(-FAR, FAR), ends], dim=-1)
    mass, mean, square = (moment.diff(dim=-1) for moment in MOMENTS[distribution](edges))
    return (square - 2 * values * mean + values**2 * mass).sum(-1)


def best_clip(distribution: str, dtype: str) -> float:
    """The clip with the smallest `clip_error`, to 6 digits: the true optimum of this library's grid.

    >>> round(best_clip("gaussian", "int4"), 3), round(aciq_clip("gaussian", 4), 3)
    (2.37, 2.559)
    """
    low, high = 0.0, 20.0
    for _ in range(4):
        clips = torch.linspace(low, high, STEPS + 1, dtype=torch.float64)[1:]
        best = clips[clip_error(clips, distribution, dtype).argmin()].item()
        width = (high - low) / STEPS
        low, high = max(0.0, best - 2 * width), best + 2 * width
    return best


def _gaussian_moments(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The integrals of p, t p and t**2 p up to x, p being the density."""
    density = torch.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
    below = (1 + torch.erf(x / math.sqrt(2))) / 2
    return below, -density, below - x * density


def _laplace_moments(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """As above; those of the left half, mirrored for the right one."""
    size, tail, right = x.abs(), torch.exp(-x.abs()) / 2, x > 0
    outer = (size**2 + 2 * size + 2) * tail
    return torch.where(right, 1 - tail, tail), -(size + 1) * tail, torch.where(right, 2 - outer, outer)


MOMENTS: dict[str, Callable] = {"gaussian": _gaussian_moments, "laplace": _laplace_moments}


def _beyond(clip: torch.Tensor) -> torch.Tensor:
    """How much of a Gaussian lies outside of -clip to clip."""
    return torch.erfc(clip / math.sqrt(2))


def _codes(name: str) -> torch.Tensor:
    spec = dtype(name)
    if spec.kind != "int" or not spec.signed or spec.bits > 8:
        raise ValueError(f"clipping is for signed integer formats of 8 bits or fewer, got {spec.name}")
    return torch.arange(spec.min, spec.max + 1, dtype=torch.float64)


def _check_distribution(distribution: str) -> None:
    if distribution not in MOMENTS:
        raise ValueError(f"distribution must be 'gaussian' or 'laplace', got {distribution!r}")
