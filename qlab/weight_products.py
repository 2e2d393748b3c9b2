"""Float activations times a quantized weight: the two forward passes of a quantized linear layer.

`weight_only_product` makes the weight real again, a block of rows at a time, in a buffer that stays in the
processor's cache. The whole weight is never there in float, so the memory that it saves is not spent again.

`dynamic_product` quantizes the activations too, each token by its own largest magnitude, and multiplies integers.

Nothing here is a module, and nothing stores a weight.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from qlab.affine import QTensor, dequantize_block
from qlab.dtypes import DType
from qlab.granularity import Granularity, PerAxis, PerGroup
from qlab.matmul import quantized_matmul
from qlab.products import int32_product
from qlab.qparams import QParams
from qlab.rescaling import to_float32

BLOCK = 1 << 20  # weights made real at a time: larger than elsewhere, since every product has a cost of its own
FEW_TOKENS = 1 / 16  # of K: up to here the kernel is faster with the weight as its left operand
SMALLEST_SCALE = torch.finfo(torch.float32).tiny


def weight_only_product(
    x: torch.Tensor,
    codes_of: Callable[[slice], torch.Tensor],
    qparams: QParams,
    out_features: int,
    bias: torch.Tensor | None = None,
) -> torch.Tensor:
    """x (M, K) times the transposed weight (N, K) that the codes stand for: (M, N), in x's float type.

    codes_of(rows) returns the codes of these rows of the weight, so that packed codes are unpacked in blocks, too.
    The sums are formed in x's type, those of float16 in float32. A scale that is the same along K is applied after
    the sum: the codes are exact in every float type, and there are far fewer sums than weights.

    >>> codes = torch.tensor([[1, 2], [3, -4]], dtype=torch.int8)
    >>> weight_only_product(torch.ones(1, 2), codes.__getitem__, QParams(scale=0.5), out_features=2)
    tensor([[ 1.5000, -0.5000]])
    """
    compute = torch.float32 if x.dtype == torch.float16 else x.dtype
    columns, inner = x.to(compute).t(), x.shape[1]
    transposed_y = columns.new_empty(len(x), out_features).t()
    height = max(1, BLOCK // inner)
    buffer = columns.new_empty(min(height, out_features), inner)
    scale = qparams.scale.to(compute)
    late = _same_along_k(qparams)
    for start in range(0, out_features, height):
        rows = slice(start, min(start + height, out_features))
        block = buffer[: rows.stop - start]
        _dequantize_rows(codes_of(rows), rows, None if late else scale, qparams, block)
        torch.mm(block, columns, out=transposed_y[rows])
    y = transposed_y.t()
    if late:
        y.mul_(scale.flatten())
    if bias is not None:
        y.add_(bias.to(compute))
    return y.to(x.dtype)


def dynamic_product(
    x: torch.Tensor, weight: QTensor, activation: DType, bias: torch.Tensor | None = None
) -> torch.Tensor:
    """x (M, K), quantized per token to the signed format `activation`, times the transposed weight (N, K).

    Returns float32 (M, N), rounded once: what `quantized_matmul` returns for these operands, and its errors.
    A token with NaN or infinity in it gives a row without a finite number, or an error where the weight has zero
    points or groups.

    >>> weight = QTensor(torch.tensor([[1, 2], [3, -4]]), QParams(scale=0.5, dtype="int8"))
    >>> dynamic_product(torch.tensor([[127.0, 63.4]]), weight, QParams(1.0).spec)  # 63.4 is rounded to 63
    tensor([[126.5000,  64.5000]])
    """
    codes, scale = quantize_tokens(x, activation)
    qparams = weight.qparams
    if _same_along_k(qparams) and qparams.zero_point is None and qparams.spec.kind == "int":
        scales = scale, qparams.scale.flatten()
        if len(x) <= FEW_TOKENS * x.shape[1]:
            return to_float32(int32_product(weight.data, codes.t()).t(), *scales, bias)
        acc = int32_product(codes, weight.data.t())
        return to_float32(acc, *scales, bias, out=acc.view(torch.float32))
    tokens = QTensor._of(codes, QParams(scale, None, activation.name, PerAxis(0)))
    return quantized_matmul(tokens, transposed(weight), bias=bias)


def quantize_tokens(x: torch.Tensor, spec: DType) -> tuple[torch.Tensor, torch.Tensor]:
    """The codes of x (M, K), int8, and one float32 scale (M, 1) a row: symmetric, as `choose_qparams` finds them.

    The codes are equal to those of `quantize`, but no time goes into looking for NaN; and a token below 1.5e-36,
    whose scale would underflow, is taken with the smallest normal scale.

    >>> quantize_tokens(torch.tensor([[-1.0, 3.0], [0.0, 0.0]]), QParams(1.0, dtype="int4").spec)[0]
    tensor([[-2,  7],
            [ 0,  0]], dtype=torch.int8)
    """
    x = x.float()
    buffer = x.abs()
    scale = buffer.amax(1, keepdim=True).div_(spec.max).clamp_(min=SMALLEST_SCALE)
    return torch.div(x, scale, out=buffer).round_().to(torch.int8), scale


def transposed(weight: QTensor) -> QTensor:
    """The weight (N, K) as (K, N), a view: codes, scale, zero point and granularity.

    >>> weight = QTensor(torch.ones(2, 4), QParams(torch.ones(2, 2), granularity=PerGroup(2, axis=1)))
    >>> transposed(weight).shape, transposed(weight).qparams.granularity
    (torch.Size([4, 2]), PerGroup(group_size=2, axis=0))
    """
    qp = weight.qparams
    if qp.scale.dim() == 0:
        return QTensor._of(weight.data.t(), qp)
    zero_point = None if qp.zero_point is None else qp.zero_point.t()
    return QTensor._of(weight.data.t(), QParams(qp.scale.t(), zero_point, qp.dtype, _swapped(qp.granularity)))


def _swapped(granularity: PerAxis | PerGroup) -> Granularity:
    other = 1 - granularity.axis % 2
    if isinstance(granularity, PerGroup):
        return PerGroup(granularity.group_size, other)
    return PerAxis(other)


def _same_along_k(qparams: QParams) -> bool:
    """Whether each row of the weight has one scale: it has for PerTensor and PerAxis(0)."""
    granularity = qparams.granularity
    per_row = qparams.scale.dim() == 0 or qparams.scale.shape[1] == 1
    return per_row and not (isinstance(granularity, PerGroup) and granularity.axis % 2 == 0)


def _dequantize_rows(codes, rows: slice, scale, qparams: QParams, out: torch.Tensor) -> None:
    """The numbers that these rows' codes stand for, written into `out`; without a scale, in steps of it."""
    granularity, zero_point = qparams.granularity, qparams.zero_point
    zero_point = None if zero_point is None else _of_rows(zero_point, rows, granularity, out.shape[1])
    if scale is not None or qparams.spec.kind == "codebook":
        scale = 1 if scale is None else _of_rows(scale, rows, granularity, out.shape[1])
        dequantize_block(codes, scale, zero_point, qparams.spec, out)
    else:
        out.copy_(codes)
        if zero_point is not None:
            out.sub_(zero_point)


def _of_rows(param: torch.Tensor, rows: slice, granularity: Granularity, inner: int) -> torch.Tensor:
    """The part of a scale or zero point that belongs to some rows of the weight; it broadcasts to (rows, K)."""
    if isinstance(granularity, PerGroup) and granularity.axis % 2 == 0:
        return param[torch.arange(rows.start, rows.stop, device=param.device) // granularity.group_size]
    if isinstance(granularity, PerGroup):
        return granularity.spread(param[rows], (rows.stop - rows.start, inner))
    return param[rows] if param.dim() and len(param) > 1 else param
