"""Layers whose weight is kept as codes: linear layers and convolutions, made from float ones or from a QTensor.

A format is data here, not a class: W8A16 is `weight="int8"`, W4A16 is `weight="int4"` with groups, W8A8 is
`weight="int8", activation="int8"`. The letters count the bits of weights and activations; A16 and A32 both mean
that activations stay float. `replace_linear` puts such layers into a model.

These layers compute; they do not train. Codes, scales and biases are buffers. Gradients reach the input.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from qlab.affine import QTensor, dequantize, quantize
from qlab.dtypes import DType, dtype
from qlab.granularity import Granularity, PerAxis
from qlab.matmul import quantized_matmul
from qlab.packing import pack, unpack
from qlab.qparams import QParams, choose_qparams
from qlab.weight_products import dynamic_product, transposed, weight_only_product

PER_ROW = PerAxis(0)  # one scale an output channel


class QuantLayer(nn.Module):
    """What quantized layers share: a weight as codes, packed where they have fewer than 8 bits, and a float bias.

    The buffers, and so the keys of `state_dict`, are `codes_int4` (or what the format is called), `scale`,
    `zero_point` where the scheme is affine, and `bias` where there is one. Packed codes are uint8
    (out, ceil(n * bits / 8)), n being the weights of one output channel; codes of 8 bits have the weight's shape.
    `.to`, `.half` and `.bfloat16` change scale and bias only.

    To load a file, make the same layers from an untrained model, then call `load_state_dict`.
    """

    def __init__(self, weight: QTensor, bias: torch.Tensor | None = None) -> None:
        super().__init__()
        qparams = weight.qparams
        spec = qparams.spec
        if spec.kind == "float" or spec.bits > 8:
            raise ValueError(
                f"a layer keeps its weight in an integer format of 8 bits or fewer, or in nf4; got {spec.name}"
            )
        self.weight_format, self.granularity = spec.name, qparams.granularity
        self.weight_shape = tuple(weight.shape)
        codes = weight.data.detach()
        packed = codes.contiguous() if spec.bits == 8 else pack(codes.flatten(1), spec.bits)
        zero_point = None if qparams.zero_point is None else qparams.zero_point.to(spec.storage)
        self.register_buffer(f"codes_{spec.name}", packed)
        self.register_buffer("scale", qparams.scale.detach())
        self.register_buffer("zero_point", zero_point)
        self.register_buffer("bias", None if bias is None else bias.detach().clone())

    @property
    def qweight(self) -> QTensor:
        """The weight as a QTensor, its codes unpacked."""
        return QTensor._of(self._codes().reshape(self.weight_shape), self._qparams())

    @property
    def weight(self) -> torch.Tensor:
        """The real weight that the codes stand for, in the scale's float type; made anew at each call."""
        return dequantize(self.qweight)

    def extra_repr(self) -> str:
        return f"weight={self.weight_shape} {self.weight_format} {self.granularity}, bias={self.bias is not None}"

    def _qparams(self) -> QParams:
        """The weight's qparams without checking them again, which would take longer than a small product."""
        zero_point = None if self.zero_point is None else self.zero_point.to(torch.int32)
        qparams = object.__new__(QParams)
        qparams.__dict__.update(
            scale=self.scale, zero_point=zero_point, dtype=self.weight_format, granularity=self.granularity
        )
        return qparams

    def _codes(self, rows: slice = slice(None)) -> torch.Tensor:
        """The codes of some output channels, unpacked; one row a channel where they were packed."""
        spec = dtype(self.weight_format)
        stored = getattr(self, f"codes_{spec.name}")[rows]
        if spec.bits == 8:
            return stored
        length = torch.Size(self.weight_shape[1:]).numel()
        return unpack(stored, spec.bits, length, signed=spec.storage == torch.int8)


class QuantLinear(QuantLayer):
    """A linear layer with a quantized weight: (..., in_features) -> (..., out_features), in the input's float type.

    weight: a QTensor (out_features, in_features), any granularity. bias: (out_features,) or None.
    activation: None, and the input stays float; or a signed integer format of 8 bits or fewer, and each token (the
    vector along the last axis) is quantized when it arrives, symmetric, with its own scale. Then the result is that
    of `quantized_matmul`, and the weight's scales may differ between rows and between groups along in_features.

    The gradient that reaches the input is that of the float weight, as if activations were not rounded.

    Raises ValueError for other formats, and what `quantized_matmul` raises where there is an `activation`.

    >>> layer = QuantLinear.from_float(nn.Linear(64, 10), weight="int4", granularity=PerAxis(0))
    >>> {name: (tuple(t.shape), t.dtype) for name, t in layer.state_dict().items() if name != "bias"}
    {'codes_int4': ((10, 32), torch.uint8), 'scale': ((10, 1), torch.float32)}
    >>> layer(torch.zeros(2, 5, 64)).shape
    torch.Size([2, 5, 10])
    """

    def __init__(self, weight: QTensor, bias: torch.Tensor | None = None, activation: str | None = None) -> None:
        super().__init__(weight, bias)
        self.out_features, self.in_features = weight.shape
        self.activation = None if activation is None else _activation_format(activation).name
        if activation is not None:  # formats, granularity and length of the sum are judged by those who know
            token = torch.zeros(1, self.in_features, dtype=torch.int8, device=self.scale.device)
            quantized_matmul(QTensor._of(token, QParams(1.0, None, activation)), transposed(self.qweight))

    @classmethod
    def from_float(
        cls,
        linear: nn.Linear,
        weight: str = "int8",
        activation: str | None = None,
        granularity: Granularity = PER_ROW,
        scheme: str = "symmetric",
    ) -> QuantLinear:
        """The layer that takes the place of `linear`; weight, granularity and scheme are those of `choose_qparams`.

        Scale and bias get the float type of linear's weight.

        >>> linear = nn.Linear(8, 4).half()
        >>> QuantLinear.from_float(linear, activation="int8").scale.dtype
        torch.float16
        """
        return cls(_quantized(linear.weight, weight, scheme, granularity), linear.bias, activation)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.shape[-1:] != (self.in_features,):
            raise ValueError(f"expected input of shape (..., {self.in_features}), got {tuple(x.shape)}")
        tokens = x.reshape(-1, self.in_features)
        differentiate = torch.is_grad_enabled() and x.requires_grad
        y = _Product.apply(tokens, self) if differentiate else self._product(tokens)
        return y.view(*x.shape[:-1], self.out_features)

    def _product(self, tokens: torch.Tensor) -> torch.Tensor:
        """The forward pass of (M, in_features)."""
        if self.activation is None:
            return weight_only_product(tokens, self._codes, self._qparams(), self.out_features, self.bias)
        return dynamic_product(tokens, self.qweight, dtype(self.activation), self.bias).to(tokens.dtype)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, activation={self.activation}"


class QuantConv2d(QuantLayer):
    """A 2-D convolution with a quantized weight and float activations; it saves memory, not time.

    The weight is made real for each call. weight: a QTensor (out, in / groups, height, width). bias: (out,), None.
    stride, padding, dilation, groups: as in nn.Conv2d.

    >>> layer = QuantConv2d.from_float(nn.Conv2d(3, 8, 3), weight="int4")
    >>> layer(torch.zeros(1, 3, 8, 8)).shape, layer.codes_int4.shape  # 27 codes of 4 bits a channel
    (torch.Size([1, 8, 6, 6]), torch.Size([8, 14]))
    """

    def __init__(self, weight: QTensor, bias=None, stride=1, padding=0, dilation=1, groups=1) -> None:
        super().__init__(weight, bias)
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups

    @classmethod
    def from_float(
        cls,
        conv: nn.Conv2d,
        weight: str = "int8",
        granularity: Granularity = PER_ROW,
        scheme: str = "symmetric",
    ) -> QuantConv2d:
        """The layer that takes the place of `conv`; ValueError for a padding mode other than zeros."""
        if conv.padding_mode != "zeros":
            raise ValueError(f"padding_mode must be 'zeros', got {conv.padding_mode!r}; exclude this layer")
        quantized = _quantized(conv.weight, weight, scheme, granularity)
        return cls(quantized, conv.bias, conv.stride, conv.padding, conv.dilation, conv.groups)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        bias = None if self.bias is None else self.bias.to(x.dtype)
        return F.conv2d(x, self.weight.to(x.dtype), bias, self.stride, self.padding, self.dilation, self.groups)


class _Product(torch.autograd.Function):
    """The product of a QuantLinear, and the gradient of its input."""

    @staticmethod
    def forward(ctx, tokens: torch.Tensor, layer: QuantLinear) -> torch.Tensor:
        ctx.layer = layer
        return layer._product(tokens)

    @staticmethod
    def backward(ctx, gradient: torch.Tensor):
        return gradient @ ctx.layer.weight.to(gradient.dtype), None


def _quantized(weight: torch.Tensor, name: str, scheme: str, granularity: Granularity) -> QTensor:
    return quantize(weight, choose_qparams(weight, name, scheme, granularity, scale_dtype=weight.dtype))


def _activation_format(name: str) -> DType:
    spec = dtype(name)
    if spec.kind != "int" or not spec.signed or spec.bits > 8:
        raise ValueError(f"activations can be int2 to int8, quantized per token and symmetric; got {spec.name}")
    return spec
