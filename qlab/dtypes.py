"""What a number format can hold: one line of data per format, and the value of each of its codes.

A format here is a *specification*, not a tensor type, so that fp8, fp6, fp4 and 3-bit integers can be studied
on any machine. Rounding to a format is in `casting`; scales and zero points begin in `affine`.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property, lru_cache

import torch


@dataclass(frozen=True)
class DType:
    """A number format.

    `kind` is "int", "float" or "codebook". A float format has `exponent_bits`, `mantissa_bits` and a `bias`;
    `specials` says what its top codes mean: "ieee" (infinities and NaNs), "nan" (one NaN, no infinity) or
    "none" (every code is a number).

    >>> dtype("int4").min, dtype("int4").max
    (-8, 7)
    >>> dtype("float8_e4m3fn").max, dtype("float8_e4m3fn").eps
    (448.0, 0.125)
    """

    name: str
    kind: str
    bits: int
    signed: bool = True
    exponent_bits: int = 0
    mantissa_bits: int = 0
    bias: int = 0
    specials: str = "none"

    @cached_property
    def max(self) -> int | float:
        """The largest finite value: an int for integer formats, a float for the others."""
        if self.kind == "int":
            return 2 ** (self.bits - self.signed) - 1
        if self.kind == "codebook":
            return 1.0
        top_exponent = 2**self.exponent_bits - 1 - self.bias - (self.specials == "ieee")
        if self.mantissa_bits == 0:  # e8m0: the top code is NaN, so the top exponent is one lower
            return 2.0 ** (top_exponent - 1)
        lost = 2 if self.specials == "nan" else 1  # e4m3fn gives its last mantissa to NaN
        return (2 - lost * 2.0**-self.mantissa_bits) * 2.0**top_exponent

    @cached_property
    def min(self) -> int | float:
        """The smallest value: an int for integer formats, a float for the others (2**-127 for e8m0)."""
        if self.kind == "int":
            return -(self.max + 1) if self.signed else 0
        return -self.max if self.signed else self.smallest_normal

    @property
    def storage(self) -> torch.dtype:
        """The torch dtype in which `quantize` keeps one code per element."""
        if self.kind == "codebook":
            return torch.uint8
        if self.kind == "float":
            return torch.float64 if self.name == "float64" else torch.float32
        if self.bits <= 8:
            return torch.int8 if self.signed else torch.uint8
        return torch.int16 if self.name == "int16" else torch.int32

    @property
    def compute(self) -> torch.dtype:
        """The float type whose arithmetic is exact on this format's values: float64 for int32 and float64."""
        return torch.float64 if self.name in ("int32", "float64") else torch.float32

    @property
    def eps(self) -> float:
        """The gap between 1 and the next larger value of a float format."""
        return 2.0**-self.mantissa_bits

    @property
    def smallest_normal(self) -> float:
        """The smallest positive value of a float format with the full precision."""
        return 2.0 ** (1 - self.bias) if self.mantissa_bits else 2.0**-self.bias

    @property
    def smallest_subnormal(self) -> float:
        """The smallest positive value of a float format: its step around zero."""
        return self.smallest_normal * self.eps


_INTEGERS = [DType(f"int{b}", "int", b) for b in (*range(2, 9), 16, 32)]
_UNSIGNED = [DType(f"uint{b}", "int", b, signed=False) for b in (*range(2, 9), 16)]
_FLOATS = [  # name, bits, signed, exponent bits, mantissa bits, bias, what the top codes mean
    DType("float64", "float", 64, True, 11, 52, 1023, "ieee"),
    DType("float32", "float", 32, True, 8, 23, 127, "ieee"),
    DType("float16", "float", 16, True, 5, 10, 15, "ieee"),
    DType("bfloat16", "float", 16, True, 8, 7, 127, "ieee"),
    DType("float8_e5m2", "float", 8, True, 5, 2, 15, "ieee"),
    DType("float8_e4m3fn", "float", 8, True, 4, 3, 7, "nan"),
    DType("float6_e3m2fn", "float", 6, True, 3, 2, 3, "none"),
    DType("float6_e2m3fn", "float", 6, True, 2, 3, 1, "none"),
    DType("float4_e2m1fn", "float", 4, True, 2, 1, 1, "none"),
    DType("float8_e8m0fnu", "float", 8, False, 8, 0, 127, "nan"),
]
FORMATS = {spec.name: spec for spec in (*_INTEGERS, *_UNSIGNED, *_FLOATS, DType("nf4", "codebook", 4))}


def dtype(name: str | DType) -> DType:
    """The specification of the format called `name`.

    Raises ValueError for an unknown name, with the nearest known ones.

    >>> dtype("uint3").max
    7
    """
    if isinstance(name, DType):
        return name
    if not isinstance(name, str):
        raise TypeError(f"a format is named by a string such as 'int8', got {name!r} ({type(name).__name__})")
    if name not in FORMATS:
        near = get_close_matches(name, FORMATS, n=3, cutoff=0.4) or list(FORMATS)
        raise ValueError(f"unknown format {name!r}; did you mean {' or '.join(map(repr, near))}?")
    return FORMATS[name]


def values(name: str | DType) -> torch.Tensor:
    """Every distinct finite value of a format of 16 bits or fewer: float32, 1-D, ascending, one zero.

    Raises ValueError for a wider format, whose values are too many to list.

    >>> values("float4_e2m1fn").tolist()[7:]
    [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0]
    >>> len(values("float8_e4m3fn"))  # 254 finite codes, and -0 equals 0
    253
    """
    table = values_by_code(_narrow(name))
    return (table[table.isfinite()] + 0.0).unique().float()


def _narrow(name: str | DType) -> DType:
    spec = dtype(name)
    if spec.bits > 16:
        raise ValueError(f"{spec.name} has 2**{spec.bits} codes; list the values of 16 bits or fewer")
    return spec


@lru_cache
def values_by_code(spec: DType) -> torch.Tensor:
    """The value of each code 0 ... 2**bits - 1, float64 (the codes read as unsigned integers)."""
    code = torch.arange(2**spec.bits)
    if spec.kind == "codebook":
        return _nf4_values()
    if spec.kind == "int":
        return (code - (code > spec.max) * 2**spec.bits).double()
    m = spec.mantissa_bits
    if m == 0:
        return torch.cat([2.0 ** (code[:-1] - spec.bias).double(), torch.tensor([torch.nan])])
    exponent, fraction = (code >> m) & (2**spec.exponent_bits - 1), code & (2**m - 1)
    significand = torch.where(exponent == 0, fraction, 2**m + fraction)  # subnormals have no leading 1
    magnitude = significand * 2.0 ** (exponent.clamp(min=1) - spec.bias - m).double()
    beyond = magnitude > spec.max
    special = torch.where((fraction == 0) & (spec.specials == "ieee"), torch.inf, torch.nan)
    return torch.where(beyond, special, magnitude) * torch.where(code >> (spec.bits - 1) == 1, -1.0, 1.0)


def _nf4_values() -> torch.Tensor:
    """NF4's 16 values (Dettmers et al., 2023, QLoRA, appendix E): normal quantiles, scaled to [-1, 1].

    The outermost probability is the mean of 1 - 1/30 and 1 - 1/32: half a bin from the end for the 15 and for
    the 16 values that a symmetric table would have. Its published form has seven digits, and the published
    table divides in float32; both are kept, so that all 16 values are equal to the published ones.
    """
    outermost = 0.9677083
    positive = torch.special.ndtri(torch.linspace(outermost, 0.5, 9)[:-1].double())
    negative = -torch.special.ndtri(torch.linspace(outermost, 0.5, 8)[:-1].double())
    table = torch.cat([negative, torch.zeros(1), positive.flip(0)]).float()
    return (table / table.max()).double()
