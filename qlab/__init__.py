"""qlab: neural-network quantization in PyTorch, short enough to read and exact to the bit."""

from qlab.affine import QTensor, dequantize, fake_quantize, quantize
from qlab.casting import bits, cast, from_bits
from qlab.dtypes import DType, dtype, values
from qlab.granularity import PerAxis, PerGroup, PerTensor
from qlab.metrics import bits_per_weight, max_abs_error, mse, sqnr
from qlab.qparams import QParams, choose_qparams

__all__ = [
    "DType",
    "PerAxis",
    "PerGroup",
    "PerTensor",
    "QParams",
    "QTensor",
    "bits",
    "bits_per_weight",
    "cast",
    "choose_qparams",
    "dequantize",
    "dtype",
    "fake_quantize",
    "from_bits",
    "max_abs_error",
    "mse",
    "quantize",
    "sqnr",
    "values",
]
