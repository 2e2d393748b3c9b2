"""Lesson 05: how many elements share a scale."""

import torch

import qlab as ql
from qlab import explore
from qlab.explore.tensors import source

LESSON = "05_granularity.ipynb"
GIVEN = {"group_size": {"granularity": "per group"}}
PLAIN = ("scale_dtype",)


def start():
    return explore.granularity("fc1.weight", outlier=10, row=20, column=33)


def numbers(tensor, granularity, scale_dtype, group_size, bits, outlier, row, column):
    x = source(tensor).x.clone()
    if outlier:
        x[row, column] = outlier * x.abs().max()
    shared = {
        "per tensor": ql.PerTensor(),
        "per axis 0": ql.PerAxis(0),
        "per axis 1": ql.PerAxis(1),
        "per group": ql.PerGroup(group_size),
    }[granularity]
    qp = ql.choose_qparams(x, f"int{bits}", "symmetric", shared, scale_dtype=getattr(torch, scale_dtype))
    qt = ql.quantize(x, qp)
    # The codes times the scale in float32: the library's own result has the type of the scale.
    back = ql.QTensor(qt.data, ql.QParams(qp.scale.float(), None, qp.dtype, shared)).dequantize()
    return {
        "scales": qp.scale.numel(),
        "bits per weight": ql.bits_per_weight(qt),
        "SQNR": ql.sqnr(x, back),
        "MSE": ql.mse(x, back),
        "largest |error|": ql.max_abs_error(x, back),
        "turned to 0": 100 * ((qt.data == 0) & (x != 0)).double().mean().item(),
    }
