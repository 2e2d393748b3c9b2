"""Scales and zero points: what they must satisfy, and how they are chosen from a tensor's range.

    affine       lo = min(0, min x), hi = max(0, max x)
                 scale = (hi - lo) / (quant_max - quant_min)
                 zero_point = clamp(quant_min - round_half_even(lo / scale), quant_min, quant_max)
    symmetric    scale = max|x| / quant_max, no zero point

The range always contains 0, so that 0 is represented exactly; a block of nothing but zeros gets scale 1.

Other conventions: torch.ao and torchao divide by 127.5 for symmetric int8 (unless quant_min is -127) and use zero
point 128 for symmetric uint8; here it is 127 and 0, as in ONNX, quanto and most papers.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

import torch

from qlab.dtypes import DType, dtype
from qlab.granularity import Granularity, PerTensor, blocks


@dataclass(frozen=True, eq=False)
class QParams:
    """The numbers that turn codes into reals: a scale, perhaps a zero point, for a format and a granularity.

    scale: a positive number, or a float tensor of the shape that the granularity asks for. zero_point: None (for
    zeros), an int, or an integer tensor of the scale's shape; it is kept as int32. Float formats and nf4 have none.

    Raises ValueError for a scale that is not positive and finite, a zero point that is no code of the format,
    or shapes that do not fit; TypeError for a zero point that is not an integer.

    >>> QParams(scale=0.5, zero_point=3, dtype="uint4")
    QParams(scale=tensor(0.5000), zero_point=tensor(3, dtype=torch.int32), dtype='uint4', granularity=PerTensor())
    """

    scale: torch.Tensor
    zero_point: torch.Tensor | None = None
    dtype: str = "int8"
    granularity: Granularity = PerTensor()

    def __post_init__(self) -> None:
        spec = dtype(self.dtype)
        if spec.name == "float8_e8m0fnu":
            raise ValueError("float8_e8m0fnu has no zero and no sign, so nothing can be quantized to it; use cast")
        if not isinstance(self.granularity, Granularity):
            raise TypeError(f"granularity must be PerTensor(), PerAxis() or PerGroup(), got {self.granularity!r}")
        scale = torch.as_tensor(self.scale)
        if not isinstance(self.scale, torch.Tensor) or not scale.is_floating_point():
            scale = scale.to(spec.compute)
        if scale.numel() == 0:
            raise ValueError(
                f"there is no scale in an empty tensor of shape {tuple(scale.shape)}; give at least one"
            )
        if (bad := _first_unusable(scale)) is not None:
            raise ValueError(f"scale must be positive and finite, got {scale[bad].item():g} at index {bad}")
        if isinstance(self.granularity, PerTensor) and scale.shape != ():
            raise ValueError(
                f"PerTensor() takes one scale of shape (), got {tuple(scale.shape)}; name a granularity"
            )
        object.__setattr__(self, "dtype", spec.name)
        object.__setattr__(self, "scale", scale)
        object.__setattr__(self, "zero_point", _as_zero_point(self.zero_point, scale, spec))

    @property
    def spec(self) -> DType:
        """The specification of the format."""
        return dtype(self.dtype)

    @property
    def quant_min(self) -> int | float:
        """The smallest code (for a float format: the smallest value)."""
        return self.spec.min

    @property
    def quant_max(self) -> int | float:
        """The largest code (for a float format: the largest value)."""
        return self.spec.max

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Raise ValueError unless the scale fits a tensor of this shape."""
        expected = self.granularity.scale_shape(tuple(shape))
        if tuple(self.scale.shape) != expected:
            raise ValueError(
                f"a tensor of shape {tuple(shape)} under {self.granularity} needs a scale of shape {expected}, "
                f"got {tuple(self.scale.shape)}; choose the qparams for a tensor of this shape"
            )


def choose_qparams(
    x: torch.Tensor,
    dtype: str = "int8",
    scheme: str | None = None,
    granularity: Granularity = PerTensor(),
    scale_dtype: torch.dtype | None = None,
) -> QParams:
    """The scale and zero point that cover the range of `x`, for each block of elements that share them.

    x: a float tensor of any shape. scheme: "affine" or "symmetric"; left out, it is "affine" for integer formats
    and "symmetric" for the others, which have no zero point. scale_dtype: the float type the scale is kept in;
    left out, float32 (float64 for float64 input and int32 codes), which is also the type of the arithmetic.

    Raises ValueError for NaN or infinity in `x`, an empty tensor, affine on a format without zero points,
    negative input to a symmetric unsigned format, or a scale that `scale_dtype` cannot hold.

    >>> qp = choose_qparams(torch.tensor([-1.0, 0.0, 3.0]), "uint4", scheme="affine")
    >>> qp.scale.item(), qp.zero_point.item()  # 4 / 15, and -1 lies 3.75 steps below 0
    (0.2666666805744171, 4)
    """
    check_input(x)
    _check_request(dtype, scheme, granularity)
    lo, hi = _range(x.detach(), granularity)
    if not (-torch.inf < lo.amin() and hi.amax() < torch.inf):  # false for NaN too
        raise_not_finite(x)
    return qparams_from_range(lo, hi, dtype, scheme, granularity, scale_dtype)


def qparams_from_range(
    low: torch.Tensor | float,
    high: torch.Tensor | float,
    dtype: str = "int8",
    scheme: str | None = None,
    granularity: Granularity = PerTensor(),
    scale_dtype: torch.dtype | None = None,
) -> QParams:
    """The scale and zero point that cover the numbers from `low` to `high`, widened to contain 0.

    low, high: numbers, or float tensors of the scale's shape: () for PerTensor. The rest is as in `choose_qparams`,
    which finds a tensor's range and calls this. Raises ValueError for a `low` above `high`, NaN or infinity, too.

    >>> qparams_from_range(-1.0, 3.0, "uint4").zero_point
    tensor(4, dtype=torch.int32)
    """
    spec, scheme = _check_request(dtype, scheme, granularity)
    lo, hi = _check_range(low, high, spec)
    if scheme == "symmetric":
        if not spec.signed and lo.min() < 0:
            raise ValueError(
                f"symmetric {spec.name} has no codes for negative numbers and the smallest element is "
                f"{lo.min().item():g}; use scheme='affine' or a signed format"
            )
        reach, steps = torch.maximum(-lo, hi), spec.max
    else:
        reach, steps = hi - lo, spec.max - spec.min
    scale = torch.where(reach == 0, 1.0, reach / steps).to(scale_dtype or lo.dtype)
    if (bad := _first_unusable(scale)) is not None:
        raise ValueError(
            f"the scale at index {bad}, for values from {lo[bad].item():g} to {hi[bad].item():g}, is one that "
            f"{scale.dtype} cannot hold: it becomes {scale[bad].item():g}; pass a wider scale_dtype or input"
        )
    zero_point = None
    if scheme == "affine":
        zero_point = (spec.min - (lo / scale.to(lo.dtype)).round()).clamp(spec.min, spec.max).to(torch.int32)
    return QParams(scale, zero_point, spec.name, granularity)


def raise_not_finite(x: torch.Tensor) -> None:
    """Raise the ValueError that says how many elements of `x` are NaN or infinite, and where the first one is."""
    bad = ~torch.isfinite(x)
    first = tuple(bad.nonzero()[0].tolist())
    raise ValueError(
        f"{int(bad.sum())} of {x.numel()} elements are NaN or infinite, the first at index {first} "
        f"({x[first].item()}); remove or replace them, for example with x.nan_to_num()"
    )


def check_input(x: torch.Tensor) -> None:
    """Raise TypeError unless `x` is a float tensor, ValueError if it is empty."""
    if not isinstance(x, torch.Tensor):
        raise TypeError(f"expected a float tensor, got {type(x).__name__}; make one with torch.tensor(...)")
    if not x.is_floating_point():
        raise TypeError(
            f"expected a float tensor, got {x.dtype} of shape {tuple(x.shape)}; convert it with .float()"
        )
    if x.numel() == 0:
        raise ValueError(f"there is nothing to quantize in an empty tensor of shape {tuple(x.shape)}")


def _check_request(name: str, scheme: str | None, granularity: Granularity) -> tuple[DType, str]:
    spec = dtype(name)
    if not isinstance(granularity, Granularity):
        raise TypeError(f"granularity must be PerTensor(), PerAxis() or PerGroup(), got {granularity!r}")
    if scheme is None:
        scheme = "affine" if spec.kind == "int" else "symmetric"
    if scheme not in ("affine", "symmetric"):
        near = get_close_matches(str(scheme), ["affine", "symmetric"], n=1, cutoff=0.3) or ["affine' or 'symmetric"]
        raise ValueError(f"unknown scheme {scheme!r}; did you mean '{near[0]}'?")
    if scheme == "affine" and spec.kind != "int":
        raise ValueError(f"{spec.name} has no zero point, so it cannot be affine; use scheme='symmetric'")
    return spec, scheme


def _check_range(low, high, spec: DType) -> tuple[torch.Tensor, torch.Tensor]:
    """The range in the arithmetic's type, widened to contain 0."""
    low, high = torch.as_tensor(low), torch.as_tensor(high)
    compute = torch.promote_types(low.dtype, torch.promote_types(high.dtype, spec.compute))
    if low.shape != high.shape:
        raise ValueError(f"low has shape {tuple(low.shape)} and high {tuple(high.shape)}; they must be equal")
    legal = (low <= high) & low.isfinite() & high.isfinite()
    if not legal.all():
        raise ValueError(
            f"a range runs from low to high, both finite; got {low[~legal][0]:g} to {high[~legal][0]:g}"
        )
    return low.to(compute).clamp(max=0), high.to(compute).clamp(min=0)


def _range(x: torch.Tensor, granularity: Granularity) -> tuple[torch.Tensor, torch.Tensor]:
    """The smallest and largest of the elements that share a scale, widened to contain 0; in the scale's shape."""
    rows = granularity.rows(x)
    lo, hi = rows.new_zeros(len(rows), 1), rows.new_zeros(len(rows), 1)
    for i, j in blocks(rows):
        block = rows[i, j]
        torch.minimum(lo[i], block.amin(1, keepdim=True), out=lo[i])
        torch.maximum(hi[i], block.amax(1, keepdim=True), out=hi[i])
    shape, of_scale = granularity.scale_shape(tuple(x.shape)), granularity.of_scale()
    return of_scale.from_rows(lo, shape), of_scale.from_rows(hi, shape)


def _first_unusable(scale: torch.Tensor) -> tuple[int, ...] | None:
    """The index of the first scale that is not positive and finite, if there is one."""
    if scale.amin() > 0 and scale.amax() < torch.inf:  # false for NaN too
        return None
    return tuple((~(torch.isfinite(scale) & (scale > 0))).nonzero()[0].tolist())


def _as_zero_point(zero_point, scale: torch.Tensor, spec: DType) -> torch.Tensor | None:
    if zero_point is None:
        return None
    given = torch.as_tensor(zero_point, device=scale.device)
    if given.is_floating_point() or given.dtype == torch.bool:
        raise TypeError(f"zero_point must be an integer, it is itself a code; got {zero_point!r}")
    if given.dim() == 0:
        given = given.expand(scale.shape)
    if given.shape != scale.shape:
        raise ValueError(
            f"zero_point has shape {tuple(given.shape)} and scale {tuple(scale.shape)}; they must be equal"
        )
    if spec.kind != "int" and given.any():
        raise ValueError(f"{spec.name} has no zero point; got {zero_point!r}, leave it out")
    if spec.kind != "int":
        return None
    if given.amin() < spec.min or given.amax() > spec.max:
        raise ValueError(
            f"zero_point must be a code of {spec.name}, {spec.min} to {spec.max}; got values from "
            f"{given.min().item()} to {given.max().item()}; a range that contains 0 gives one that fits"
        )
    return given.to(torch.int32)
