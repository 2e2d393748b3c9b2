"""Lesson 06's explorer: sums of products of codes, the accumulators they fit into, and what zero points cost."""

from __future__ import annotations

from math import prod

import numpy as np

from qlab.dtypes import dtype
from qlab.explore.accumulators import ACCUMULATORS, exact_total
from qlab.explore.base import Explorer, choice, refill, steps, whole
from qlab.explore.growth import Growth
from qlab.explore.matrices import BUNDLED, Matrices, matrices
from qlab.explore.panels import CROP, Panel, code_panel
from qlab.explore.sums import compare, mistake_panel, numbers, remark, sum_panel
from qlab.explore.view import State, call

BITS = range(2, 9)
SIGNED = ("both", "w only", "neither")
SIZES = (4, 8, 16, 32, 64)
SHOWN = 4  # rows and columns of a longer matrix of codes that its panel shows


def integer_matmul(
    tensors=None,
    signed: str = "both",
    x_bits: int = 8,
    w_bits: int = 8,
    x_zero: int | None = None,
    w_zero: int | None = None,
    k: int | None = None,
    size: int | None = None,
    accumulator: str = "int8",
):
    """The explorer of lesson 06, to be shown as the last line of a notebook's cell.

    tensors: None for random codes, "largest codes", "digits fc1" (a real layer and its inputs), or two matrices of
    your own, (x, w) of shapes (M, K) and (K, N), which are quantized. signed: "both", "w only" or "neither" have
    signed codes. x_bits, w_bits: 2 to 8. x_zero, w_zero: zero points, in codes; None for those that suit the
    numbers. k: products in a sum, size: at most so many rows of x and columns of w; None for 4, or all there
    are. accumulator: "int8", "int16", "float32" or "int32". Raises ValueError for a setting outside these.
    """
    start = matrices(tensors)
    k, size = start.sizes(k, size)
    formats = _check(start, signed, x_bits, w_bits, x_zero, w_zero, k, size, accumulator)
    choices = {name: matrices(name) for name in BUNDLED} | {start.name: start}
    controls = {
        "tensors": choice("codes", tuple(choices), start.name, "the matrices of codes to multiply"),
        "signed": choice("signed", SIGNED, signed, "which of the two has signed codes"),
        "accumulator": choice("sum in", tuple(ACCUMULATORS), accumulator, "the type that the sum is kept in"),
        "k": steps("K", **_lengths(start, k), meaning="K, the products in a sum"),
        "size": steps("size", **_sizes(start, size), meaning="rows of x and columns of w"),
        "x_bits": whole("x bits", BITS, x_bits, "bits of a code of x"),
        "w_bits": whole("w bits", BITS, w_bits, "bits of a code of w"),
        "x_zero": _zero_slider("x", formats[0], x_zero, start.zero_points(formats)[0]),
        "w_zero": _zero_slider("w", formats[1], w_zero, start.zero_points(formats)[1]),
    }

    def fit_zeros() -> None:
        settings = [controls[name].value for name in ("signed", "x_bits", "w_bits")]
        names = _formats(*settings)
        zeros = choices[controls["tensors"].value].zero_points(names)
        for name, format_name, zero in zip(("x_zero", "w_zero"), names, zeros, strict=True):
            slider, spec = controls[name], dtype(format_name)
            with slider.hold_sync():  # first wide, so that no value is ever outside
                slider.min, slider.max = -128, 255
                slider.value = zero
                slider.min, slider.max = spec.min, spec.max

    def fit() -> None:
        chosen = choices[controls["tensors"].value]
        refill(controls["k"], **_lengths(chosen, min(controls["k"].value, chosen.longest)))
        refill(controls["size"], **_sizes(chosen, min(controls["size"].value, chosen.widest)))
        fit_zeros()

    def compute(tensors: str, **settings) -> State:
        return state(choices[tensors], **settings)

    linked = {"tensors": fit, "signed": fit_zeros, "x_bits": fit_zeros, "w_bits": fit_zeros}
    return Explorer(controls, compute, linked)


def state(
    tensors=None,
    signed: str = "both",
    x_bits: int = 8,
    w_bits: int = 8,
    x_zero: int | None = None,
    w_zero: int | None = None,
    k: int | None = None,
    size: int | None = None,
    accumulator: str = "int8",
) -> State:
    """What the explorer shows for these settings: a plain function, the same arguments as `integer_matmul`."""
    chosen = matrices(tensors)
    k, size = chosen.sizes(k, size)
    formats = _check(chosen, signed, x_bits, w_bits, x_zero, w_zero, k, size, accumulator)
    own = chosen.zero_points(formats)
    zeros = own[0] if x_zero is None else x_zero, own[1] if w_zero is None else w_zero
    x, w = (codes.numpy() for codes in chosen.codes(formats, zeros, k, size))
    differences = x - zeros[0], w - zeros[1]
    exact = exact_total(*differences)
    totals = {name: a.total(*differences, exact) for name, a in ACCUMULATORS.items()}
    largest = prod(_reach(name, zero) for name, zero in zip(formats, zeros, strict=True))
    settings = {"signed": signed, "x_bits": x_bits, "w_bits": w_bits}
    moved = [given if given != suits else None for given, suits in zip(zeros, own, strict=True)]
    settings |= {"x_zero": moved[0], "w_zero": moved[1], "k": k, "size": size, "accumulator": accumulator}
    return State(
        call=call("integer_matmul", *chosen.call, **settings),
        numbers=numbers(exact, totals[accumulator], largest, k, zeros, (len(x), w.shape[1])),
        panels=_panels(x, w, formats, zeros, exact, totals[accumulator], accumulator),
        chart=Growth(largest, _growth(*differences), accumulator),
        table=compare(exact, totals, largest, accumulator),
        remark=remark(exact, totals[accumulator], accumulator, k, largest),
        note=_note(x, w, k),
    )


def _formats(signed: str, x_bits: int, w_bits: int) -> tuple[str, str]:
    """The formats of x and w."""
    prefixes = dict(zip(SIGNED, (("int", "int"), ("uint", "int"), ("uint", "uint")), strict=True))[signed]
    return f"{prefixes[0]}{x_bits}", f"{prefixes[1]}{w_bits}"


def _check(chosen: Matrices, signed, x_bits, w_bits, x_zero, w_zero, k, size, accumulator) -> tuple[str, str]:
    """The formats of x and w, or the ValueError that says which setting cannot be shown."""
    legal = {
        "signed": (signed, SIGNED),
        "x_bits": (x_bits, BITS),
        "w_bits": (w_bits, BITS),
        "k": (k, range(1, chosen.longest + 1)),
        "size": (size, range(1, chosen.widest + 1)),
        "accumulator": (accumulator, tuple(ACCUMULATORS)),
    }
    for name, (given, values) in legal.items():
        _raise_unless(name, given, values)
    formats = _formats(signed, x_bits, w_bits)
    for name, given, format_name in zip(("x_zero", "w_zero"), (x_zero, w_zero), formats, strict=True):
        if given is not None:
            _raise_unless(name, given, range(dtype(format_name).min, dtype(format_name).max + 1))
    return formats


def _raise_unless(name: str, given, values: range | tuple[str, ...]) -> None:
    if isinstance(values, range):
        expected = f"a whole number from {values[0]} to {values[-1]}"
    else:
        expected = f"one of {', '.join(values)}"
    if given not in values or isinstance(given, float):
        raise ValueError(f"{name} must be {expected}, got {given!r}")


def _lengths(chosen: Matrices, k: int) -> dict:
    """Options and value of the slider for K: powers of 2, the longest there is, and `k`."""
    powers = {2**i for i in range(chosen.longest.bit_length())}
    return {"options": [(f"{n:,}", n) for n in sorted(powers | {chosen.longest, k})], "value": k}


def _sizes(chosen: Matrices, size: int) -> dict:
    """Options and value of the slider for the number of rows and columns."""
    sizes = {n for n in SIZES if n <= chosen.widest} | {chosen.widest, size}
    return {"options": [(str(n), n) for n in sorted(sizes)], "value": size}


def _zero_slider(name: str, format_name: str, given: int | None, suits: int):
    """The slider for a zero point, over the codes of the format."""
    spec = dtype(format_name)
    value = suits if given is None else given
    return whole(f"{name} zero", range(spec.min, spec.max + 1), value, f"zero point of {name}, in codes")


def _reach(format_name: str, zero: int) -> int:
    """The largest magnitude of a code less the zero point."""
    spec = dtype(format_name)
    return max(spec.max - zero, zero - spec.min)


def _growth(x: np.ndarray, w: np.ndarray) -> tuple[tuple[int, int], ...]:
    """(K, the largest magnitude of the sums of the first K products) for the powers of 2 and all."""
    length = x.shape[1]
    ends = sorted({2**i for i in range(length.bit_length())} | {length})
    total, start, points = 0, 0, []
    for end in ends:
        total, start = total + exact_total(x[:, start:end], w[start:end]), end
        points.append((end, int(np.abs(total).max())))
    return tuple(points)


def _panels(x, w, formats, zeros, exact, total, accumulator) -> tuple[Panel, ...]:
    """The codes of both matrices, the exact sums, and how far off those of the accumulator are."""
    corner = slice(SHOWN) if x.shape[1] > SHOWN else slice(None)
    limits = [(dtype(name).min, dtype(name).max, zero) for name, zero in zip(formats, zeros, strict=True)]
    return (
        code_panel("x, codes", x[corner, corner], *limits[0]),
        code_panel("w, codes", w[corner, corner], *limits[1]),
        sum_panel("sums, exact", exact),
        mistake_panel(f"{accumulator} less exact", total - exact),
    )


def _note(x: np.ndarray, w: np.ndarray, k: int) -> str:
    """What the panels leave out."""
    parts, (rows, columns) = [], (len(x), w.shape[1])
    if k > SHOWN:
        parts.append(f"of the codes, the first {SHOWN} rows and columns of {rows} × {k} and {k} × {columns}")
    if max(rows, columns) > CROP:
        parts.append(f"of the sums, the first {min(rows, CROP)} × {min(columns, CROP)} of {rows} × {columns}")
    return f"Pictured: {'; '.join(parts)}." if parts else ""
