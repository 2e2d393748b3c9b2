"""Affine quantization: a real number x becomes a code q, and q stands for (q - zero_point) * scale.

    q = clamp(round_half_even(x / scale) + zero_point, quant_min, quant_max)
    x ~ (q - zero_point) * scale

The two lines are `quantize_block` and `dequantize_block`; everything else checks what comes in and hands them one
block of the tensor at a time, in a buffer that is used again. That makes this plain form several times faster
than the same formula over the whole tensor, which spends its time on fresh memory.

Others differ at ties only: `torch.quantize_per_tensor` adds the zero point before it rounds, and
`torch.fake_quantize_per_tensor_affine` multiplies by 1 / scale. ONNX's QuantizeLinear is as here.
"""

from __future__ import annotations

import math

import torch

from qlab.casting import cast, nearest_code
from qlab.dtypes import DType, values_by_code
from qlab.granularity import BLOCK, blocks
from qlab.metrics import packed_nbytes
from qlab.qparams import QParams, check_input, raise_not_finite


class QTensor:
    """Codes and the qparams that give them their meaning.

    data: a tensor of legal codes, converted to the format's storage type: integers for integer formats, table
    indices for nf4, representable values for float formats. Raises ValueError for illegal codes and for a scale
    that does not fit the shape.

    >>> qt = QTensor(torch.tensor([0, 1, 15]), QParams(scale=0.5, zero_point=1, dtype="uint4"))
    >>> qt.dequantize()
    tensor([-0.5000,  0.0000,  7.0000])
    >>> qt.nbytes  # 12 bits of codes, a float32 scale, an int32 zero point
    10
    """

    def __init__(self, data: torch.Tensor, qparams: QParams) -> None:
        _check_codes(data, qparams.spec)
        qparams.check_shape(data.shape)
        self.data = data.to(qparams.spec.storage)
        self.qparams = qparams

    @classmethod
    def _of(cls, data: torch.Tensor, qparams: QParams) -> QTensor:
        """A QTensor from codes known to be legal, without looking at them again."""
        qt = object.__new__(cls)
        qt.data, qt.qparams = data, qparams
        return qt

    @property
    def shape(self) -> torch.Size:
        """The shape of the codes, and of the tensor they stand for."""
        return self.data.shape

    @property
    def nbytes(self) -> int:
        """Bytes: the codes packed without gaps, the scale, and the zero point if there is one."""
        zero_point = self.qparams.zero_point
        overhead = self.qparams.scale.nbytes + (0 if zero_point is None else zero_point.nbytes)
        return packed_nbytes(self.data.numel(), self.qparams.spec.bits) + overhead

    def dequantize(self) -> torch.Tensor:
        """The real numbers that the codes stand for; see `dequantize`."""
        return dequantize(self)

    def __repr__(self) -> str:
        return f"QTensor({self.data!r}, {self.qparams!r})"


def quantize(x: torch.Tensor, qparams: QParams) -> QTensor:
    """The codes of `x` under `qparams`.

    x: a float tensor of any shape that fits the scale. The arithmetic is float32, or float64 for float64 input
    and int32 codes. Raises ValueError for NaN or infinity, an empty tensor, or a scale that does not fit.

    >>> quantize(torch.tensor([-1.0, 0.25, 0.75, 9.0]), QParams(scale=0.5, dtype="int4")).data
    tensor([-2,  0,  2,  7], dtype=torch.int8)
    """
    check_input(x)
    qparams.check_shape(x.shape)
    spec, granularity = qparams.spec, qparams.granularity
    compute = torch.promote_types(torch.promote_types(x.dtype, torch.float32), spec.compute)
    rows = granularity.rows(x.detach())
    scale, zero_point = _row_params(qparams, compute)
    codes = torch.empty(rows.shape, dtype=spec.storage, device=x.device)
    buffer = torch.empty(min(BLOCK, rows.numel()), dtype=compute, device=x.device)
    for i, j in reversed(list(blocks(rows))):  # choose_qparams read the end last: it may still be in the cache
        block = rows[i, j]
        ratio = torch.div(block, scale[i], out=buffer[: block.numel()].view(block.shape))
        # NaN and infinity spoil the sum; finite numbers seldom do, and isfinite costs ten times as much.
        if not math.isfinite(ratio.sum()) and not block.isfinite().all():
            raise_not_finite(x)
        codes[i, j] = quantize_block(ratio, None if zero_point is None else zero_point[i], spec)
    return QTensor._of(granularity.from_rows(codes, tuple(x.shape)), qparams)


def dequantize(qt: QTensor, out: torch.Tensor | None = None) -> torch.Tensor:
    """The real numbers that the codes of `qt` stand for, in the scale's float type.

    out: a tensor of that type and of the codes' shape to write into; with it no memory is allocated. The
    arithmetic is float32, or float64 for a float64 scale, rounded once at the end where the scale is narrower.
    Raises ValueError for an `out` of another shape or type.

    >>> dequantize(QTensor(torch.tensor([-2, 7]), QParams(scale=0.5, dtype="int4")))
    tensor([-1.0000,  3.5000])
    """
    qparams, shape = qt.qparams, tuple(qt.shape)
    kept = qparams.scale.dtype
    if out is not None and (tuple(out.shape), out.dtype) != (shape, kept):
        raise ValueError(f"out must have shape {shape} and type {kept}, got {tuple(out.shape)} and {out.dtype}")
    compute = torch.promote_types(kept, qparams.spec.compute)
    codes = qparams.granularity.rows(qt.data)
    scale, zero_point = _row_params(qparams, compute)
    in_place = out is not None and out.is_contiguous() and codes.data_ptr() == qt.data.data_ptr()
    rows = qparams.granularity.rows(out) if in_place else torch.empty(codes.shape, dtype=kept, device=codes.device)
    buffer = torch.empty(min(BLOCK, rows.numel()), dtype=compute, device=codes.device)
    for i, j in blocks(codes):
        target = rows[i, j]
        work = target if compute == kept else buffer[: target.numel()].view(target.shape)
        dequantize_block(codes[i, j], scale[i], None if zero_point is None else zero_point[i], qparams.spec, work)
        if work is not target:
            target.copy_(work)
    if in_place:
        return out
    result = qparams.granularity.from_rows(rows, shape)
    return result if out is None else out.copy_(result)


def fake_quantize(x: torch.Tensor, qparams: QParams) -> torch.Tensor:
    """`x` quantized and dequantized: same shape, the scale's float type, only values that have a code.

    >>> fake_quantize(torch.tensor([0.3, 0.8]), QParams(scale=0.5, dtype="int4"))
    tensor([0.5000, 1.0000])
    """
    return dequantize(quantize(x, qparams))


def quantize_block(ratio: torch.Tensor, zero_point, spec: DType) -> torch.Tensor:
    """The codes of one block, before they are stored: the formula. `ratio` is x / scale, and is overwritten."""
    if spec.kind == "float":
        return cast(ratio, spec)
    if spec.kind == "codebook":
        return nearest_code(ratio)
    ratio.round_()
    if zero_point is not None:
        ratio.add_(zero_point)
    return ratio.clamp_(spec.min, spec.max)


def dequantize_block(codes, scale, zero_point, spec: DType, out: torch.Tensor) -> torch.Tensor:
    """The real numbers of one block of codes, written into `out`: the formula the other way."""
    if spec.kind == "codebook":
        codes = values_by_code(spec).to(codes.device)[codes.long()]
    out.copy_(codes)
    if zero_point is not None:
        out.sub_(zero_point)
    return out.mul_(scale)


def _row_params(qparams: QParams, compute: torch.dtype) -> tuple[torch.Tensor, torch.Tensor | None]:
    """The scale and zero point as columns, one element a row of the tensor, in the arithmetic's type."""
    rows = qparams.granularity.of_scale().rows
    zero_point = qparams.zero_point
    scale = rows(qparams.scale).reshape(-1, 1).to(compute)
    return scale, None if zero_point is None else rows(zero_point).reshape(-1, 1).to(compute)


def _check_codes(data: torch.Tensor, spec: DType) -> None:
    if not isinstance(data, torch.Tensor) or data.dtype == torch.bool or data.is_complex():
        raise TypeError(
            f"codes must be an integer or float tensor, got {getattr(data, 'dtype', type(data).__name__)}"
        )
    if spec.kind == "float":
        legal, expected = data.isfinite() & (cast(data, spec) == data), "the values that it holds"
    else:
        bottom, top = (0, 15) if spec.kind == "codebook" else (spec.min, spec.max)
        legal, expected = (data >= bottom) & (data <= top), f"{bottom} to {top}"
        if data.is_floating_point():
            legal &= data == data.round()
    if not legal.all():
        first = tuple((~legal).nonzero()[0].tolist())
        raise ValueError(
            f"{int((~legal).sum())} of {data.numel()} elements are no codes of {spec.name} ({expected}), "
            f"the first at index {first}: {data[first].item()}; quantize the tensor, or name another format"
        )
