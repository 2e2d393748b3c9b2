"""Matrix products of quantized tensors: summed in int32 over the codes, scaled once at the end.

With zero points za and zb the sum that is wanted falls apart into four; only the first is a product of matrices:

    sum_k (qa - za) (qb - zb)  =  sum_k qa qb  -  zb sum_k qa  -  za sum_k qb  +  K za zb

So the codes are multiplied as they are, 8 bits wide, and the zero points cost one sum a row and one a column.
A scale or zero point may differ from row to row of `a` and from column to column of `b`. One that differs along K,
the axis that is summed, cannot be taken out of the sum; groups along K are summed one by one.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import torch

from qlab.affine import QTensor, quantize
from qlab.granularity import PerGroup, PerTensor
from qlab.products import int32_product
from qlab.qparams import QParams
from qlab.rescaling import INT32_MAX, check_bias, requantize, to_float32, to_real


def int_matmul(a: QTensor, b: QTensor) -> torch.Tensor:
    """The exact product of codes less their zero points, (qa - za) @ (qb - zb), as int32; scales are not applied.

    a: (..., M, K), b: (..., K, N), integer formats of 8 bits or fewer, signed or not; the batch axes broadcast.
    Returns (..., M, N). The values it stands for are the result times a's scale times b's.

    Raises TypeError for anything but QTensors; ValueError for shapes that do not fit, wider or non-integer formats,
    scales or zero points that differ along K (`quantized_matmul` takes groups), and a K at which the largest codes
    of the formats could overflow int32, whatever the data: 131,071 for symmetric int8 with int8.

    >>> a = QTensor(torch.tensor([[100, 100]]), QParams(scale=0.1, dtype="int8"))
    >>> b = QTensor(torch.tensor([[200], [129]]), QParams(scale=0.2, zero_point=128, dtype="uint8"))
    >>> int_matmul(a, b)  # 100 * (200 - 128) + 100 * (129 - 128)
    tensor([[7300]], dtype=torch.int32)
    """
    _check_operands(a, b)
    for qt, axis in ((a, -1), (b, -2)):
        if _group_size(qt, axis) is not None:
            raise ValueError(
                f"{qt.qparams.granularity} gives shape {tuple(qt.shape)} scales that differ along axis {axis}, "
                f"which is summed: one integer per element cannot hold that; use quantized_matmul"
            )
    _check_sum(a, b)
    left, left_zero = (a.data, a.qparams.zero_point) if a.data.device.type == "cpu" else _as_int8(a)
    right, right_zero = _as_int8(b)
    acc = int32_product(left, right)
    inner = left.shape[-1]
    if right_zero is not None:
        row_sums = int32_product(left, torch.ones(inner, 1, dtype=torch.int8, device=left.device))
        acc.addcmul_(row_sums, right_zero, value=-1)
    if left_zero is not None:
        column_sums = int32_product(torch.ones(1, inner, dtype=torch.int8, device=left.device), right)
        if right_zero is not None:
            column_sums = column_sums - inner * right_zero
        acc.addcmul_(left_zero, column_sums, value=-1)
    return acc


def quantized_matmul(
    a: QTensor, b: QTensor, out_qparams: QParams | None = None, bias: torch.Tensor | None = None
) -> torch.Tensor | QTensor:
    """The product of the tensors that `a` and `b` stand for, computed from their codes.

    a: (..., M, K), b: (..., K, N), as for `int_matmul`, whose errors it raises; they may also have groups along K:
    then each group is one int32 product, scaled and added. bias: (N,), float in real units, or int32 in steps of
    a's scale times b's (not with groups). Returns (..., M, N): float32, or a QTensor under `out_qparams`.

    The scaling is done in float64 and rounded once, at the very end.

    >>> a = QTensor(torch.tensor([[100, 100]]), QParams(scale=0.5, dtype="int8"))
    >>> scale = torch.tensor([[0.25], [1.0]])
    >>> b = QTensor(torch.tensor([[2], [1]]), QParams(scale, dtype="int4", granularity=PerGroup(1, axis=0)))
    >>> quantized_matmul(a, b)  # 0.5 * 0.25 * 200 + 0.5 * 1.0 * 100
    tensor([[75.]])
    """
    _check_operands(a, b)
    check_bias(bias, b.shape[-1])
    if _group_size(a, -1) is None and _group_size(b, -2) is None:
        acc, scales = int_matmul(a, b), (a.qparams.scale, b.qparams.scale)
        if out_qparams is None:
            return to_float32(acc, *scales, bias)
        return requantize(acc, scales[0].double() * scales[1].double(), out_qparams, bias)
    real = _sum_of_groups(a, b)
    if bias is not None:
        if bias.dtype == torch.int32:
            raise ValueError("an int32 bias needs one scale, and groups along K have many; give it as float")
        real += bias
    return real.float() if out_qparams is None else quantize(real, out_qparams)


def _sum_of_groups(a: QTensor, b: QTensor) -> torch.Tensor:
    """The product in float64, where groups along K have scales of their own: one int32 product for each."""
    return sum(
        to_real(int_matmul(left, right), left.qparams.scale.double() * right.qparams.scale.double())
        for left, right in _parts(a, b)
    )


def _as_int8(qt: QTensor) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Codes as int8 and their zero points; uint8's are both moved down by 128, which changes no difference."""
    zero_point = qt.qparams.zero_point
    if qt.qparams.spec.max <= 127:
        return qt.data.view(torch.int8), zero_point
    moved = torch.tensor(-128, dtype=torch.int32, device=qt.data.device)
    return (qt.data ^ 128).view(torch.int8), moved if zero_point is None else zero_point - 128


def _parts(a: QTensor, b: QTensor) -> Iterator[tuple[QTensor, QTensor]]:
    """The operands cut along K wherever a group of either begins."""
    inner = a.shape[-1]
    sizes = filter(None, (_group_size(a, -1), _group_size(b, -2)))
    starts = sorted({0}.union(*(range(0, inner, size) for size in sizes)))
    for start, stop in pairwise([*starts, inner]):
        yield _part(a, -1, start, stop), _part(b, -2, start, stop)


def _part(qt: QTensor, axis: int, start: int, stop: int) -> QTensor:
    """The codes start to stop along `axis`, which lie in one group, and that group's qparams."""
    size, qparams = _group_size(qt, axis), qt.qparams
    if size is not None:
        scale, zero_point = (
            None if p is None else p.narrow(axis, start // size, 1) for p in (qparams.scale, qparams.zero_point)
        )
        qparams = QParams(scale, zero_point, qparams.dtype, qparams.granularity)
    return QTensor._of(qt.data.narrow(axis, start, stop - start), qparams)


def _group_size(qt: QTensor, axis: int) -> int | None:
    """The length of the groups along `axis`, which is summed; None where scale and zero point are the same for all.

    Raises ValueError for a granularity under which each element of the sum has its own.
    """
    granularity, size = qt.qparams.granularity, qt.shape[axis]
    if isinstance(granularity, PerTensor):
        return None
    same_axis = granularity.axis % len(qt.shape) == axis % len(qt.shape)
    if isinstance(granularity, PerGroup) and same_axis:
        return granularity.group_size if granularity.group_size < size else None
    if isinstance(granularity, PerGroup) or (same_axis and size > 1):
        raise ValueError(
            f"under {granularity} the elements along axis {axis} of shape {tuple(qt.shape)} have a scale each, and "
            f"that axis is summed; use one per tensor, per index of another axis, or per group along axis {axis}"
        )
    return None


def _check_operands(a: QTensor, b: QTensor) -> None:
    for qt in (a, b):
        if not isinstance(qt, QTensor):
            raise TypeError(f"expected two QTensors, got {type(qt).__name__}; make one with quantize")
        if qt.qparams.spec.kind != "int" or qt.qparams.spec.bits > 8:
            raise ValueError(
                f"integer formats of 8 bits or fewer can be multiplied, got {qt.qparams.dtype}; dequantize it and "
                f"use torch.matmul"
            )
    shapes = tuple(a.shape), tuple(b.shape)
    if min(map(len, shapes)) < 2 or shapes[0][-1] != shapes[1][-2]:
        raise ValueError(f"expected shapes (..., M, K) and (..., K, N), got {shapes[0]} and {shapes[1]}")
    try:
        torch.broadcast_shapes(shapes[0][:-2], shapes[1][:-2])
    except RuntimeError:
        raise ValueError(f"the batch axes of {shapes[0]} and {shapes[1]} do not broadcast") from None


def _check_sum(a: QTensor, b: QTensor) -> None:
    """Raise ValueError if the sum of K of the largest products the formats allow does not fit into int32."""
    inner, largest = a.shape[-1], INT32_MAX // (_reach(a.qparams) * _reach(b.qparams))
    if inner > largest:
        raise ValueError(
            f"a sum of K = {inner} products of {a.qparams.dtype} and {b.qparams.dtype} can overflow int32; the "
            f"largest K with these formats and zero points is {largest}: cut K into shorter sums"
        )


def _reach(qparams: QParams) -> int:
    """The largest magnitude of a code, and of a code less its zero point: no sum on the way may overflow either."""
    low, high = qparams.quant_min, qparams.quant_max
    if qparams.zero_point is None:
        return max(-low, high)
    smallest, largest = (int(z) for z in qparams.zero_point.aminmax())
    return max(-low, high, high - smallest, largest - low)
