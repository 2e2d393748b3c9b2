"""qlab: neural-network quantization in PyTorch, short enough to read and exact to the bit.

    >>> import torch
    >>> import qlab as ql
    >>> x = torch.tensor([-1.0, 0.25, 3.0])
    >>> qt = ql.quantize(x, ql.choose_qparams(x, "int4", scheme="affine"))
    >>> qt.data
    tensor([-8, -3,  7], dtype=torch.int8)
    >>> qt.dequantize()
    tensor([-1.0667,  0.2667,  2.9333])

A number format (`dtype`) says which codes there are, a granularity (`PerTensor`, `PerAxis`, `PerGroup`) which
elements share a scale. `choose_qparams` finds scales and zero points, `quantize` makes a `QTensor` of codes,
`dequantize` goes back, `mse` and `sqnr` say what was lost. `python -m qlab` prints a map of all there is.
"""

import importlib

from qlab.affine import QTensor, dequantize, fake_quantize, quantize
from qlab.anatomy import file_table
from qlab.casting import bits, cast, from_bits
from qlab.clipping import aciq_clip, aciq_error, best_clip, clip_error
from qlab.conv import int_conv2d, quantized_conv2d
from qlab.converting import convert
from qlab.downcasting import default_dtype, downcast, memory_footprint
from qlab.dtypes import DType, dtype, values
from qlab.embeddings import QuantEmbedding
from qlab.folding import fold_batch_norm, fold_batch_norms
from qlab.granularity import PerAxis, PerGroup, PerTensor
from qlab.layers import QuantConv2d, QuantLinear
from qlab.matmul import int_matmul, quantized_matmul
from qlab.metrics import bits_per_weight, max_abs_error, mse, sqnr
from qlab.observers import Histogram, MinMax, MovingAverage, Percentile
from qlab.packing import pack, unpack
from qlab.ptq import calibrate, prepare
from qlab.qat import FakeQuantize, LearnedScale, prepare_qat, straight_through
from qlab.qparams import QParams, choose_qparams, qparams_from_range
from qlab.rescaling import quantize_multiplier, requantize, requantize_integer
from qlab.selection import select_modules
from qlab.sensitivity import compare_layers, frontier, quantize_except
from qlab.swapping import replace_conv2d, replace_embedding, replace_linear

__all__ = [
    "DType",
    "FakeQuantize",
    "Histogram",
    "LearnedScale",
    "MinMax",
    "MovingAverage",
    "PerAxis",
    "PerGroup",
    "PerTensor",
    "Percentile",
    "QParams",
    "QTensor",
    "QuantConv2d",
    "QuantEmbedding",
    "QuantLinear",
    "aciq_clip",
    "aciq_error",
    "best_clip",
    "bits",
    "bits_per_weight",
    "calibrate",
    "cast",
    "check",
    "choose_qparams",
    "clip_error",
    "compare_layers",
    "convert",
    "default_dtype",
    "dequantize",
    "downcast",
    "dtype",
    "explore",
    "fake_quantize",
    "file_table",
    "fold_batch_norm",
    "fold_batch_norms",
    "from_bits",
    "frontier",
    "hint",
    "int_conv2d",
    "int_matmul",
    "max_abs_error",
    "memory_footprint",
    "mse",
    "pack",
    "predict",
    "prepare",
    "prepare_qat",
    "progress",
    "qparams_from_range",
    "quantize",
    "quantize_except",
    "quantize_multiplier",
    "quantized_conv2d",
    "quantized_matmul",
    "replace_conv2d",
    "replace_embedding",
    "replace_linear",
    "requantize",
    "requantize_integer",
    "select_modules",
    "solution",
    "sqnr",
    "straight_through",
    "unpack",
    "values",
]

_IMPORTED_WHEN_USED = {  # where the rest of the public names live; `import qlab` stays quick
    "check": "qlab.exercises.checking",
    "hint": "qlab.exercises.checking",
    "predict": "qlab.exercises.predicting",
    "progress": "qlab.exercises.overview",
    "solution": "qlab.exercises.checking",
}


_PACKAGES_WHEN_USED = ("explore",)


def __getattr__(name):
    if name in _PACKAGES_WHEN_USED:
        return importlib.import_module(f"qlab.{name}")
    if name in _IMPORTED_WHEN_USED:
        return getattr(importlib.import_module(_IMPORTED_WHEN_USED[name]), name)
    raise AttributeError(f"module 'qlab' has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *__all__})
