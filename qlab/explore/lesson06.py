"""Lesson 06's explorer: sums of products of codes, the accumulators they fit into, and what zero points cost."""

from __future__ import annotations

from math import prod

import numpy as np

from qlab.dtypes import dtype
from qlab.explore.accumulators import ACCUMULATORS, exact_total
from qlab.explore.base import Explorer, check, choice, refill, steps, whole
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
    check("signed", signed, SIGNED)
    check("x_bits", x_bits, BITS)
    check("w_bits", w_bits, BITS)
    check("k", k, range(1, start.longest + 1))
    check("size", size, range(1, start.widest + 1))
    check("accumulator", accumulator, tuple(ACCUMULATORS))
    formats = _formats(signed, x_bits, w_bits)
    own = start.zero_points(formats)
    x_zero, w_zero = own[0] if x_zero is None else x_zero, own[1] if w_zero is None else w_zero
    check("x_zero", x_zero, _codes(formats[0]))
    check("w_zero", w_zero, _codes(formats[1]))
    choices = {name: matrices(name) for name in BUNDLED} | {start.name: start}
    controls = {
        "tensors": choice("codes", tuple(choices), start.name, "the matrices of codes to multiply"),
        "signed": choice("signed", SIGNED, signed, "which of the two has signed codes"),
        "accumulator": choice("sum in", tuple(ACCUMULATORS), accumulator, "the type that the sum is kept in"),
        "k": steps("K", **_lengths(start, k), meaning="K, the products in a sum"),
        "size": steps("size", **_sizes(start, size), meaning="rows of x and columns of w"),
        "x_bits": whole("x bits", BITS, x_bits, "bits of a code of x"),
        "w_bits": whole("w bits", BITS, w_bits, "bits of a code of w"),
        "x_zero": whole("x zero", _codes(formats[0]), x_zero, "zero point of x, in codes"),
        "w_zero": whole("w zero", _codes(formats[1]), w_zero, "zero point of w, in codes"),
    }

    def compute(tensors: str, **settings) -> State:
        return state(choices[tensors], **settings)

    return Explorer(controls, compute, _links(controls, choices))


def _links(controls: dict, choices: dict[str, Matrices]) -> dict:
    """What other controls a change sets: sizes that the matrices have, zero points that suit them."""

    def fit_zeros() -> None:
        formats = _formats(*(controls[name].value for name in ("signed", "x_bits", "w_bits")))
        own = choices[controls["tensors"].value].zero_points(formats)
        for name, format_name, zero in zip(("x_zero", "w_zero"), formats, own, strict=True):
            slider, codes = controls[name], _codes(format_name)
            with slider.hold_sync():  # first wide, so that no value is ever outside
                slider.min, slider.max = -128, 255
                slider.value = zero
                slider.min, slider.max = codes[0], codes[-1]

    def fit() -> None:
        chosen = choices[controls["tensors"].value]
        refill(controls["k"], **_lengths(chosen, min(controls["k"].value, chosen.longest)))
        refill(controls["size"], **_sizes(chosen, min(controls["size"].value, chosen.widest)))
        fit_zeros()

    return {"tensors": fit, "signed": fit_zeros, "x_bits": fit_zeros, "w_bits": fit_zeros}


def state(
    chosen: Matrices,
    signed: str,
    x_bits: int,
    w_bits: int,
    x_zero: int,
    w_zero: int,
    k: int,
    size: int,
    accumulator: str,
) -> State:
    """What the explorer shows of two matrices: a plain function of its settings, none of them left open."""
    formats, zeros = _formats(signed, x_bits, w_bits), (x_zero, w_zero)
    x, w = (codes.numpy() for codes in chosen.codes(formats, zeros, k, size))
    differences = x - zeros[0], w - zeros[1]
    exact = exact_total(*differences)
    totals = {name: a.total(*differences, exact) for name, a in ACCUMULATORS.items()}
    largest = prod(_reach(name, zero) for name, zero in zip(formats, zeros, strict=True))
    own = chosen.zero_points(formats)
    moved = {name: z for name, z, suits in zip(("x_zero", "w_zero"), zeros, own, strict=True) if z != suits}
    settings = {"signed": signed, "x_bits": x_bits, "w_bits": w_bits, **moved, "k": k, "size": size}
    return State(
        call=call("integer_matmul", *chosen.call, **settings, accumulator=accumulator),
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


def _codes(format_name: str) -> range:
    """All codes of a format."""
    spec = dtype(format_name)
    return range(spec.min, spec.max + 1)


def _lengths(chosen: Matrices, k: int) -> dict:
    """Options and value of the slider for K: powers of 2, the longest there is, and `k`."""
    powers = {2**i for i in range(chosen.longest.bit_length())}
    return {"options": [(f"{n:,}", n) for n in sorted(powers | {chosen.longest, k})], "value": k}


def _sizes(chosen: Matrices, size: int) -> dict:
    """Options and value of the slider for the number of rows and columns."""
    sizes = {n for n in SIZES if n <= chosen.widest} | {chosen.widest, size}
    return {"options": [(str(n), n) for n in sorted(sizes)], "value": size}


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
