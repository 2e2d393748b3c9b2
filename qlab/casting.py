"""Rounding numbers to a format, and the bits they have there.

`cast` rounds to the numbers a format can hold and keeps them in an ordinary float tensor. Where torch's own
casts differ from these is listed in `docs/casts.md`. Nothing here scales: 1000 cast to int8 is 127.
"""

from __future__ import annotations

from functools import lru_cache

import torch

from qlab.dtypes import FORMATS, DType, dtype, values_by_code


def cast(x: torch.Tensor, name: str | DType, saturate: bool = True) -> torch.Tensor:
    """Round `x` to the nearest values of a format, ties to the even code (e8m0: up; nf4: down).

    x: a tensor of any shape. Returns the same shape: float64 if x is float64 or an integer tensor or the
    format needs it (float64, int32), float32 otherwise.

    `saturate` matters for formats of 8 bits or fewer that have an infinity or a NaN: values beyond the range
    become +-max (True), or what the format has for them (False): inf for e5m2, NaN for e4m3fn and e8m0. Wider
    floats follow IEEE and overflow to inf either way; integers, fp6, fp4 and nf4 always saturate.

    Beware: NaN stays NaN only where the format has one. Otherwise it silently becomes 0 (for fp6 and fp4 a
    zero of the opposite sign), as in ml_dtypes. Zero and negative numbers have no place in e8m0: they become
    NaN.

    >>> cast(torch.tensor([464.0, 465.0]), "float8_e4m3fn", saturate=False)
    tensor([448.,  nan])
    >>> cast(torch.tensor([2.5, 3.5, 200.0]), "int8")
    tensor([  2.,   4., 127.])
    >>> cast(torch.tensor([65519.0, 65520.0]), "float16")
    tensor([65504.,    inf])
    """
    spec, x = dtype(name), _as_float(x)
    wide = torch.promote_types(x.dtype, spec.compute)
    if spec.name in ("float32", "float64"):
        return x.to(spec.compute).to(wide)
    if spec.kind == "int":
        return x.to(wide).nan_to_num(nan=0.0).round().clamp(spec.min, spec.max)
    if spec.kind == "codebook":
        return values_by_code(spec).to(x.device)[nearest_code(x.nan_to_num(nan=0.0))].to(wide)
    rounded = _round_e8m0(x.double()) if spec.mantissa_bits == 0 else _round_float(x.double(), spec)
    return _overflow(rounded, x, spec, saturate).to(wide)


def bits(x: torch.Tensor | float, name: str | DType) -> list[str]:
    """The bit strings of `x` cast to a format (not saturated), most significant bit first, as a flat list.

    >>> bits(torch.tensor([-1.0, 5.0]), "int4")
    ['1111', '0101']
    >>> bits(0.15625, "float16")  # sign 0, exponent 01100 (12 - 15 = -3), fraction 0100000000 (1.25)
    ['0011000100000000']
    """
    spec = dtype(name)
    codes = _codes(cast(_as_float(x), spec, saturate=False).flatten(), spec)
    return [format(code % 2**spec.bits, f"0{spec.bits}b") for code in codes.tolist()]


def from_bits(strings: list[str], name: str | DType) -> torch.Tensor:
    """The values that bit strings stand for: float32, 1-D (float64 for float64 and int32).

    Raises ValueError for a string that is not exactly the format's number of 0s and 1s.

    >>> from_bits(["1111", "0101"], "int4")
    tensor([-1.,  5.])
    """
    spec = dtype(name)
    for s in strings:
        if len(s) != spec.bits or set(s) - {"0", "1"}:
            raise ValueError(f"{spec.name} takes strings of {spec.bits} bits, each 0 or 1; got {s!r}")
    codes = [int(s, 2) for s in strings]
    if spec.bits <= 16:
        return values_by_code(spec)[codes].float()
    signed = torch.tensor([c - 2**spec.bits * (c >> (spec.bits - 1)) for c in codes])
    if spec.kind == "int":
        return signed.double()
    return signed.to(torch.int32).view(torch.float32) if spec.bits == 32 else signed.view(torch.float64)


def nearest_code(x: torch.Tensor) -> torch.Tensor:
    """The index (int64) of the nf4 value nearest to each element of `x`; a tie goes to the lower index.

    >>> nearest_code(torch.tensor([-1.0, 0.0, 0.9]))
    tensor([ 0,  7, 15])
    """
    table = values_by_code(FORMATS["nf4"]).to(x.device)
    return torch.bucketize(x.double(), (table[1:] + table[:-1]) / 2)


def _as_float(x: torch.Tensor | float) -> torch.Tensor:
    x = x if isinstance(x, torch.Tensor) else torch.as_tensor(x, dtype=torch.float64)
    return x if x.is_floating_point() else x.double()


def _round_float(x: torch.Tensor, spec: DType) -> torch.Tensor:
    """float64 `x` rounded, ties to even, to the format's steps, its upper end left open."""
    exponent = torch.frexp(x.nan_to_num(0.0, 0.0, 0.0)).exponent - 1
    step = exponent.clamp(min=1 - spec.bias) - spec.mantissa_bits
    power = (step.long() + 1023 << 52).view(torch.float64)  # 2**step, written as a float64's bits: exact
    return (x / power).round() * power


def _round_e8m0(x: torch.Tensor) -> torch.Tensor:
    """float64 `x` rounded to the nearest power of two, ties up, at least 2**-127; NaN if not positive.

    The numbers between 2**-127 and 2**-126, subnormal in float32, all go up, as in torch and ml_dtypes.
    """
    mantissa, exponent = torch.frexp(x)
    power = (exponent.clamp(-1000, 1000).long() - (mantissa < 0.75).long() + 1023 << 52).view(torch.float64)
    power = torch.where((x > 2.0**-127) & (x < 2.0**-126), 2.0**-126, power.clamp(min=2.0**-127))
    power = torch.where(x.isinf(), x, power)
    return torch.where(x > 0, power, torch.nan)


def _overflow(rounded: torch.Tensor, x: torch.Tensor, spec: DType, saturate: bool) -> torch.Tensor:
    """What becomes of numbers past the largest value, and of NaN."""
    beyond = rounded.abs() > spec.max
    if spec.bits > 8 or (spec.specials == "ieee" and not saturate):
        rounded = torch.where(beyond, torch.copysign(torch.full_like(rounded, torch.inf), rounded), rounded)
    elif spec.specials == "nan" and not saturate:
        rounded = torch.where(beyond, torch.copysign(torch.full_like(rounded, torch.nan), rounded), rounded)
    else:
        rounded = rounded.clamp(-spec.max, spec.max)
    if spec.specials == "none":
        rounded = torch.where(x.isnan(), torch.where(torch.signbit(x), 0.0, -0.0), rounded)
    return rounded


def _codes(x: torch.Tensor, spec: DType) -> torch.Tensor:
    """The codes (int64) of values that the format holds exactly, NaN and infinities included."""
    if spec.kind == "int":
        return x.long()
    if spec.bits > 16:
        return x.to(spec.compute).view(torch.int32 if spec.bits == 32 else torch.int64).long()
    if spec.kind == "codebook":
        return nearest_code(x)
    half = 2 ** (spec.bits - 1) if spec.signed else 2**spec.bits
    quiet_nan = 2 ** (spec.bits - 1) - 2 ** (spec.mantissa_bits - 1) if spec.specials == "ieee" else half - 1
    code = torch.searchsorted(_magnitudes(spec, half), x.double().abs())
    code = torch.where(x.isnan(), quiet_nan, code)
    return code + torch.where(torch.signbit(x), half, 0) if spec.signed else code


@lru_cache
def _magnitudes(spec: DType, half: int) -> torch.Tensor:
    """What the codes without a sign stand for, NaN left out; ascending, as the codes of positive floats are."""
    magnitudes = values_by_code(spec)[:half]
    return magnitudes[~magnitudes.isnan()]
