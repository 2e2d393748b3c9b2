"""Integer 2-D convolution: the sums of `matmul`, over the patches of an image.

Each patch of the input becomes a row and each output channel's weight a column, so everything said of matrix
products (zero points, exactness, the longest sum) holds here with K = in_channels / groups * height * width of the
kernel. The border is filled with the input's zero point, the code that stands for 0.
"""

from __future__ import annotations

import torch

from qlab.affine import QTensor
from qlab.granularity import PerAxis, PerTensor
from qlab.matmul import int_matmul
from qlab.qparams import QParams
from qlab.rescaling import check_bias, requantize, to_float32


def int_conv2d(
    a: QTensor,
    w: QTensor,
    stride: int | tuple[int, int] = 1,
    padding: int | tuple[int, int] = 0,
    groups: int = 1,
) -> torch.Tensor:
    """The exact convolution of codes less their zero points, as int32; scales are not applied.

    a: (B, C, H, W), one scale and zero point for all or one an image (PerAxis(0)). w: (O, C / groups, kh, kw), one
    for all or one an output channel (PerAxis(0)). Integer formats of 8 bits or fewer. stride and padding: one
    number, or (height, width). Returns (B, O, (H + 2 * padding - kh) // stride + 1, the same of W).

    Raises TypeError for anything but QTensors, ValueError for shapes that do not fit, other granularities, a stride
    below 1, a negative padding, and as `int_matmul` does for formats and for sums that can overflow int32.

    >>> a = QTensor(torch.full((1, 1, 2, 2), 5), QParams(scale=0.1, zero_point=3, dtype="uint8"))
    >>> w = QTensor(torch.ones(1, 1, 3, 3, dtype=torch.int8), QParams(scale=0.1, dtype="int8"))
    >>> int_conv2d(a, w, padding=1)  # each sum meets all four pixels, 5 - 3, and a border of zeros
    tensor([[[[8, 8],
              [8, 8]]]], dtype=torch.int32)
    """
    stride, padding = _pair("stride", stride, 1), _pair("padding", padding, 0)
    _check_operands(a, w, padding, groups)
    patches = _patches(a, tuple(w.shape[2:]), stride, padding)
    batch, height, width = patches.shape[:3]
    acc = [
        int_matmul(_rows(a, part), _columns(w, weight, i * len(weight)))
        for i, (part, weight) in enumerate(zip(patches.chunk(groups, 3), w.data.chunk(groups), strict=True))
    ]
    return torch.cat(acc, dim=2).transpose(1, 2).reshape(batch, len(w.data), height, width).contiguous()


def quantized_conv2d(
    a: QTensor,
    w: QTensor,
    bias: torch.Tensor | None = None,
    stride: int | tuple[int, int] = 1,
    padding: int | tuple[int, int] = 0,
    groups: int = 1,
    out_qparams: QParams | None = None,
) -> torch.Tensor | QTensor:
    """The convolution of the tensors that `a` and `w` stand for, computed from their codes.

    bias: (O,), float in real units, or int32 in steps of a's scale times w's. The other parameters, the shape of
    the result and the errors are those of `int_conv2d`. Returns float32, or a QTensor under `out_qparams`; the
    scaling is done in float64 and rounded once. A ReLU costs nothing: choose an `out_qparams` whose smallest code
    stands for 0.

    >>> a = QTensor(torch.full((1, 1, 2, 2), 5), QParams(scale=0.5, zero_point=3, dtype="uint8"))
    >>> w = QTensor(torch.ones(1, 1, 2, 2, dtype=torch.int8), QParams(scale=0.25, dtype="int8"))
    >>> quantized_conv2d(a, w, bias=torch.tensor([0.5]))  # 0.5 * 0.25 * 8 + 0.5
    tensor([[[[1.5000]]]])
    """
    acc = int_conv2d(a, w, stride, padding, groups)
    check_bias(bias, len(w.data))
    bias = None if bias is None else bias.view(-1, 1, 1)
    scales = a.qparams.scale, w.qparams.scale.reshape(1, -1, 1, 1)
    if out_qparams is None:
        return to_float32(acc, *scales, bias)
    return requantize(acc, scales[0].double() * scales[1].double(), out_qparams, bias)


def _patches(
    a: QTensor, kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int]
) -> torch.Tensor:
    """The codes under the kernel at each position: (B, height, width, C, kh, kw), a view of the padded input."""
    (batch, channels, height, width), (up, left) = a.shape, padding
    padded = a.data.new_zeros(batch, channels, height + 2 * up, width + 2 * left)
    if a.qparams.zero_point is not None:
        padded += a.qparams.zero_point.to(padded.dtype)
    padded[:, :, up : up + height, left : left + width] = a.data
    return padded.unfold(2, kernel[0], stride[0]).unfold(3, kernel[1], stride[1]).permute(0, 2, 3, 1, 4, 5)


def _rows(a: QTensor, patches: torch.Tensor) -> QTensor:
    """The patches (B, height, width, C, kh, kw) of one group as (B, height * width, C * kh * kw)."""
    return QTensor._of(patches.flatten(3).flatten(1, 2), _params(a.qparams, slice(None), (-1, 1, 1), PerAxis(0)))


def _columns(w: QTensor, weight: torch.Tensor, first: int) -> QTensor:
    """The weights (O, C, kh, kw) of one group, whose channels begin at `first`, as (C * kh * kw, O)."""
    channels = slice(first, first + len(weight))
    return QTensor._of(weight.flatten(1).t(), _params(w.qparams, channels, (1, -1), PerAxis(1)))


def _params(qparams: QParams, which: slice, shape: tuple[int, ...], granularity: PerAxis) -> QParams:
    """The qparams of the images or channels `which`, for a matrix."""
    if isinstance(qparams.granularity, PerTensor):
        return qparams
    zero_point = qparams.zero_point
    zero_point = None if zero_point is None else zero_point[which].reshape(shape)
    return QParams(qparams.scale[which].reshape(shape), zero_point, qparams.dtype, granularity)


def _pair(name: str, value: int | tuple[int, int], least: int) -> tuple[int, int]:
    pair = (value, value) if isinstance(value, int) else tuple(value)
    if len(pair) != 2 or not all(isinstance(v, int) and v >= least for v in pair):
        raise ValueError(f"{name} must be an integer of at least {least}, or (height, width), got {value!r}")
    return pair


def _check_operands(a: QTensor, w: QTensor, padding: tuple[int, int], groups: int) -> None:
    for qt in (a, w):
        if not isinstance(qt, QTensor):
            raise TypeError(f"expected two QTensors, got {type(qt).__name__}; make one with quantize")
        granularity = qt.qparams.granularity
        per_first = isinstance(granularity, PerAxis) and granularity.axis in (0, -len(qt.shape))
        if not (per_first or isinstance(granularity, PerTensor)):
            raise ValueError(
                f"{granularity} gives scales that differ within one sum of the convolution; use PerTensor(), or "
                f"PerAxis(0): one an image for the input, one an output channel for the weight"
            )
    shapes = f"input {tuple(a.shape)}, weight {tuple(w.shape)} and groups {groups}"
    if len(a.shape) != 4 or len(w.shape) != 4:
        raise ValueError(f"expected input (B, C, H, W) and weight (O, C / groups, kh, kw), got {shapes}")
    if not isinstance(groups, int) or groups < 1 or w.shape[0] % groups or a.shape[1] != w.shape[1] * groups:
        raise ValueError(f"the channels of {shapes} do not fit: C and O must be multiples of groups")
    if any(n + 2 * p < k for n, p, k in zip(a.shape[2:], padding, w.shape[2:], strict=True)):
        raise ValueError(f"the kernel does not fit into the image: {shapes}, padding {padding}")
