"""What qlab is compared with: the same formula written otherwise, and other libraries through their public API."""

import copy
import logging
import warnings

import torch
import torch.nn.functional as F
from torch import nn

import qlab as ql

logging.disable(logging.WARNING)  # torchao warns of GPU kernels that it cannot load on a CPU
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    try:
        import torchao.quantization.quant_primitives as torchao
        from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_
    except ImportError:
        torchao = None
    try:
        from optimum import quanto
    except ImportError:
        quanto = None
logging.disable(logging.NOTSET)


def rows_of(x, granularity):
    """`x` as a matrix with one scale a row."""
    if isinstance(granularity, ql.PerGroup):
        return x.view(-1, granularity.group_size)
    return x.view(1, -1) if granularity == ql.PerTensor() else x


def plain(x, granularity, scheme, check=True):
    """int8 codes, scale and zero point by whole-tensor expressions, as one writes the formula down."""
    rows = rows_of(x, granularity)
    if check and not torch.isfinite(rows).all():
        raise ValueError("NaN or infinity")
    lo, hi = rows.amin(1, keepdim=True).clamp(max=0), rows.amax(1, keepdim=True).clamp(min=0)
    if scheme == "symmetric":
        scale, zero_point = torch.maximum(-lo, hi) / 127, 0
    else:
        scale = (hi - lo) / 255
        zero_point = (-128 - (lo / scale).round()).clamp(-128, 127)
    codes = ((rows / scale).round() + zero_point).clamp(-128, 127).to(torch.int8)
    return codes.view(x.shape), scale, zero_point


def loop_over_groups(x, group_size):
    """Symmetric int8, one Python step for each group's scale: how an introduction to the subject does it."""
    groups = x.view(-1, group_size)
    scale = torch.zeros(len(groups), 1)
    for i, group in enumerate(groups):
        scale[i] = group.abs().max().item() / 127
    return torch.round(groups / scale).clamp(-128, 127).to(torch.int8).view(x.shape), scale


def torchao_round_trip(x, granularity, scheme):
    """Quantized to int8 and back by torchao's primitives; symmetric over -127 ... 127, as here."""
    block = tuple(x.shape[i] // n for i, n in enumerate(granularity.scale_shape(x.shape) or (1,) * x.dim()))
    mapping = torchao.MappingType.ASYMMETRIC if scheme == "affine" else torchao.MappingType.SYMMETRIC
    least = -128 if scheme == "affine" else -127
    scale, zero_point = torchao.choose_qparams_affine(x, mapping, block, torch.int8, least, 127)
    codes = torchao.quantize_affine(x, block, scale, zero_point, torch.int8, -128, 127)
    return torchao.dequantize_affine(codes, block, scale, zero_point, torch.int8, -128, 127)


def torchao_layer(linear, compiled):
    """torchao's layer with int8 weights and activations quantized per token; compiled when it is first called."""
    model = nn.Sequential(copy.deepcopy(linear))
    quantize_(model, Int8DynamicActivationInt8WeightConfig())
    return torch.compile(model) if compiled else model


def cast_and_scale(layer, x):
    """The weight-only layer as one writes it down: the whole weight made float, then multiplied."""
    return F.linear(x, layer.codes_int8.to(x.dtype), None) * layer.scale.flatten() + layer.bias


def quanto_round_trip(x, granularity):
    """Quantized to symmetric int8 and back by quanto: per axis as it does weights, per tensor as activations."""
    if granularity == ql.PerTensor():
        return quanto.quantize_activation(x, quanto.qint8, quanto.absmax_scale(x, quanto.qint8)).dequantize()
    scale = quanto.AbsmaxOptimizer()(x, quanto.qint8, axis=0)
    return quanto.quantize_weight(x, quanto.qint8, 0, scale, optimized=False).dequantize()


def torch_round_trip(x, qparams):
    """Quantized to int8 and back by torch's quantized tensors, with the qparams given."""
    scale, zero_point = qparams.scale.flatten(), qparams.zero_point.flatten()
    if qparams.granularity == ql.PerTensor():
        return torch.quantize_per_tensor(x, scale[0], zero_point[0], torch.qint8).dequantize()
    return torch.quantize_per_channel(x, scale, zero_point, qparams.granularity.axis, torch.qint8).dequantize()
