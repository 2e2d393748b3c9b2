"""Lesson 08: where to clip activations."""

import torch

import qlab as ql
from qlab import explore
from qlab.explore.samples import sample

LESSON = "08_static_quantization.ipynb"
GIVEN = {"best": {"clip": sample("relu2 outputs").largest}}


def start():
    return explore.clipping()


def numbers(tensor, model, bits, clip):
    x = sample(tensor).x
    signed = bool(x.min() < 0)
    largest = 2 ** (bits - 1) - 1 if signed else 2**bits - 1
    qp = ql.QParams(torch.tensor(clip / largest), None if signed else 0, f"int{bits}" if signed else f"uint{bits}")
    qt = ql.quantize(x, qp)
    back = qt.dequantize()
    return {
        "clip": clip,
        "scale": clip / largest,
        "bits per value": ql.bits_per_weight(qt),
        "SQNR": ql.sqnr(x, back),
        "MSE, the sum": ql.mse(x, back),
    }
