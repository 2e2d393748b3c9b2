"""Lesson 03: scale, zero point and what they cost."""

import torch

import qlab as ql
from qlab import explore
from qlab.explore.tensors import source

LESSON = "03_affine_quantization.ipynb"
GIVEN = {"fit": {"low": -400.0, "high": 300.0}}
Y = torch.rand(4, 4, generator=torch.Generator().manual_seed(0)) * 2000 - 1000


def start():
    return explore.affine(Y, bits=4)


def numbers(tensor, bits, scheme, low, high):
    x = Y if tensor == "your tensor" else source(tensor).x
    qp = ql.choose_qparams(torch.tensor(sorted([low, high])), f"int{bits}", scheme=scheme)
    qt = ql.quantize(x, qp)
    back = qt.dequantize()
    return {
        "scale": qp.scale.item(),
        "zero point": 0 if qp.zero_point is None else qp.zero_point.item(),
        "bits per weight": ql.bits_per_weight(qt),
        "codes used": len(qt.data.unique()),
        "SQNR": ql.sqnr(x, back),
        "MSE": ql.mse(x, back),
        "largest |error|": ql.max_abs_error(x, back),
        "scale / 2": qp.scale.item() / 2,
    }
