"""Lesson 01: one number in a format, and a tensor cast to it."""

import math

import torch

import qlab as ql
from qlab import explore
from qlab.explore.tensors import source

LESSON = "01_number_formats.ipynb"
GIVEN = {"saturate": {"format": "float8_e4m3fn", "value": 1e4}}
TYPED = {"value": ["0", "-1000000", "0.3", "2.5"]}


def start():
    return explore.formats(format="float16", value=0.15625)


def numbers(tensor, format, saturate, slider, value, bits):
    x, spec = source(tensor).x, ql.dtype(format)
    back, stored = ql.cast(x, format, saturate), ql.from_bits([bits], format).item()
    figures = {"stored as": stored, "bits per weight": spec.bits, "tensor: SQNR": math.nan}
    if back.isfinite().all():
        figures |= {"tensor: SQNR": ql.sqnr(x, back), "tensor: MSE": ql.mse(x, back)}
    if math.isfinite(stored):  # bits that are set by hand are a number of their own, stored exactly
        entered = torch.tensor([value], dtype=torch.float64)
        assert ql.cast(entered, format, saturate).item() == stored
        figures |= {"entered": value, "rounding error": stored - value}
    return figures
