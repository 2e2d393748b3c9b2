"""The layers of a converted model: each takes codes with their qparams (a QTensor) and hands on codes.

A float number appears in two places only: where `Quantize` makes the model's input codes, and where `Dequantize`
makes codes its output. In between, products are summed in int32, and one rescaling in float64 takes the sums to
the codes of the next layer.

A ReLU is a clamp: no code below the one that stands for 0, which is the zero point and seldom the code 0.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from qlab.affine import QTensor, dequantize, quantize
from qlab.conv import quantized_conv2d
from qlab.granularity import PerAxis, PerTensor
from qlab.layers import QuantLayer
from qlab.matmul import quantized_matmul
from qlab.qparams import QParams
from qlab.rescaling import to_real
from qlab.weight_products import transposed


class Quantize(nn.Module):
    """A float tensor in, its codes out, always with the same qparams. They are buffers: scale and zero_point.

    >>> Quantize(QParams(0.5, 3, "uint8"))(torch.tensor([-1.0, 0.0, 2.0])).data
    tensor([1, 3, 7], dtype=torch.uint8)
    """

    def __init__(self, qparams: QParams) -> None:
        super().__init__()
        if qparams.granularity != PerTensor():
            raise ValueError(f"activations share one scale, got {qparams.granularity}")
        self.dtype = qparams.dtype
        self.register_buffer("scale", qparams.scale)
        self.register_buffer("zero_point", qparams.zero_point)

    def qparams(self) -> QParams:
        """The qparams of the codes."""
        return QParams(self.scale, self.zero_point, self.dtype)

    def forward(self, x: torch.Tensor) -> QTensor:
        return quantize(x, self.qparams())

    def extra_repr(self) -> str:
        zero_point = 0 if self.zero_point is None else self.zero_point.item()
        return f"{self.dtype}, scale={self.scale.item():.4g}, zero_point={zero_point}"


class Dequantize(nn.Module):
    """Codes in, the float tensor that they stand for out."""

    def forward(self, qt: QTensor) -> torch.Tensor:
        return dequantize(qt)


class IntegerLayer(QuantLayer):
    """What the integer linear layer and convolution share: `output`, the qparams of the result, and a fused ReLU.

    weight: a QTensor, symmetric, per tensor or PerAxis(0). bias: float, in real units, or int32, in steps of the
    input's scale times the weight's. relu: whether negative results become 0.
    """

    def __init__(self, weight: QTensor, bias: torch.Tensor | None, output: QParams, relu: bool = False) -> None:
        super().__init__(weight, bias)
        self.output, self.relu = Quantize(output), relu

    def forward(self, qt: QTensor) -> QTensor:
        result = self._product(qt, self.output.qparams())
        return clamp_at_zero(result) if self.relu else result

    def _product(self, qt: QTensor, output: QParams) -> QTensor:
        raise NotImplementedError

    def extra_repr(self) -> str:
        bias = None if self.bias is None else str(self.bias.dtype).removeprefix("torch.")
        return f"weight={self.weight_shape} {self.weight_format} {self.granularity}, bias={bias}, relu={self.relu}"


class IntegerLinear(IntegerLayer):
    """A linear layer on codes: (..., M, in_features) -> (..., M, out_features); see `quantized_matmul`.

    >>> weight = QTensor(torch.tensor([[1, -2]]), QParams(0.5, dtype="int8"))
    >>> layer = IntegerLinear(weight, torch.tensor([0.25]), QParams(0.25, 0, "int8"))
    >>> layer(QTensor(torch.tensor([[10, 3]]), QParams(0.5, 0, "int8"))).data  # (0.5 * 0.5 * 4 + 0.25) / 0.25
    tensor([[5]], dtype=torch.int8)
    """

    def _product(self, qt, output):
        return quantized_matmul(qt, transposed(self.qweight), output, self.bias)


class IntegerConv2d(IntegerLayer):
    """A 2-D convolution on codes: (B, C, H, W) -> (B, O, H', W'); see `quantized_conv2d`."""

    def __init__(self, weight, bias, output, relu=False, stride=1, padding=0, groups=1) -> None:
        super().__init__(weight, bias, output, relu)
        self.stride, self.padding, self.groups = stride, padding, groups

    def _product(self, qt, output):
        return quantized_conv2d(qt, self.qweight, self.bias, self.stride, self.padding, self.groups, output)

    def extra_repr(self):
        return f"{super().extra_repr()}, stride={self.stride}, padding={self.padding}, groups={self.groups}"


class IntegerAdd(nn.Module):
    """The sum of two tensors of codes that have different scales: both rescaled, added, rounded once.

    >>> a, b = (QTensor(torch.tensor([4]), QParams(scale, 0, "int8")) for scale in (0.5, 0.25))
    >>> IntegerAdd(QParams(0.5, 0, "int8"))(a, b).data
    tensor([6], dtype=torch.int8)
    """

    def __init__(self, output: QParams, relu: bool = False) -> None:
        super().__init__()
        self.output, self.relu = Quantize(output), relu

    def forward(self, a: QTensor, b: QTensor) -> QTensor:
        real = sum(to_real(centered(qt), qt.qparams.scale) for qt in (a, b))
        result = quantize(real, self.output.qparams())
        return clamp_at_zero(result) if self.relu else result

    def extra_repr(self) -> str:
        return f"relu={self.relu}"


class OnCodes(nn.Module):
    """An operation that only chooses or rearranges: done to the codes as they are, qparams handed on.

    >>> OnCodes(nn.Flatten(0))(QTensor(torch.tensor([[1], [2]]), QParams(0.5, dtype="int8"))).data
    tensor([1, 2], dtype=torch.int8)
    """

    def __init__(self, operation: nn.Module | Callable) -> None:
        super().__init__()
        self.operation = operation

    def forward(self, qt: QTensor, *args, **kwargs) -> QTensor:
        return QTensor._of(self.operation(qt.data, *args, **kwargs), qt.qparams)

    def extra_repr(self) -> str:
        return "" if isinstance(self.operation, nn.Module) else self.operation.__name__


class AverageOnCodes(OnCodes):
    """Average pooling, or a mean: of the codes less their zero point, rounded to a code, half to even.

    The qparams stay. The mean of codes is taken in float64, in which their sums are exact.

    >>> qt = QTensor(torch.tensor([[3, 4, 4, 6]]), QParams(0.5, 1, "int8"))
    >>> AverageOnCodes(torch.mean)(qt, 1).data  # 4.25
    tensor([4], dtype=torch.int8)
    """

    def forward(self, qt, *args, **kwargs):
        mean = self.operation(centered(qt).double(), *args, **kwargs).round()
        zero_point = 0 if qt.qparams.zero_point is None else qt.qparams.zero_point
        return QTensor._of((mean + zero_point).to(qt.data.dtype), qt.qparams)


class ReluOnCodes(nn.Module):
    """A ReLU on codes: none stays below the zero point, the code that stands for 0.

    >>> ReluOnCodes()(QTensor(torch.tensor([0, 5, 9]), QParams(0.5, 7, "uint8"))).data
    tensor([7, 7, 9], dtype=torch.uint8)
    """

    def forward(self, qt: QTensor) -> QTensor:
        return clamp_at_zero(qt)


def clamp_at_zero(qt: QTensor) -> QTensor:
    """The codes, each at least the zero point."""
    zero_point = 0 if qt.qparams.zero_point is None else qt.qparams.zero_point.to(qt.data.dtype)
    return QTensor._of(qt.data.clamp(min=zero_point), qt.qparams)


def centered(qt: QTensor) -> torch.Tensor:
    """The codes less their zero point, int32."""
    codes = qt.data.to(torch.int32)
    return codes if qt.qparams.zero_point is None else codes - qt.qparams.zero_point


def integer_bias(bias: torch.Tensor, input_scale: torch.Tensor, weight_scale: torch.Tensor) -> torch.Tensor:
    """A float bias as int32, in steps of the input's scale times the weight's, as integer-only processors take it.

    bias: (out,). weight_scale: one number, or one an output channel in any shape. Raises ValueError for a scale
    that is too small for float32.

    >>> integer_bias(torch.tensor([0.3, -1.0]), torch.tensor(0.5), torch.tensor([[0.25], [0.5]]))
    tensor([ 2, -4], dtype=torch.int32)
    """
    scale = (input_scale.double() * weight_scale.double().flatten()).expand(bias.shape)
    return quantize(bias.double(), QParams(scale, None, "int32", PerAxis(0))).data
