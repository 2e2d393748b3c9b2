"""Lesson 06: integer products, and the type that they are summed in."""

import torch

import qlab as ql
from qlab import explore
from qlab.explore.matrices import matrices

LESSON = "06_integer_matmul.ipynb"
GIVEN = {"x_zero": {"accumulator": "int16"}, "w_zero": {"accumulator": "int16"}}


def start():
    return explore.integer_matmul()


def numbers(tensors, signed, accumulator, k, size, x_bits, w_bits, x_zero, w_zero):
    formats = (
        f"{'int' if signed == 'both' else 'uint'}{x_bits}",
        f"{'uint' if signed == 'neither' else 'int'}{w_bits}",
    )
    x, w = matrices(tensors).codes(formats, (x_zero, w_zero), k, size)
    exact = (x.long() - x_zero) @ (w.long() - w_zero)
    total = summed(x.long() - x_zero, w.long() - w_zero, accumulator)
    return {
        "bits needed here": exact.abs().max().item().bit_length() + 1,
        "sums wrong": 100 * (exact != total).double().mean().item(),
        "MSE": ql.mse(exact.double(), total.double()),
        "SQNR": ql.sqnr(exact.double(), total.double()),
        "multiply-adds": x.shape[0] * w.shape[1] * k,
    }


def summed(x, w, accumulator):
    """One product after the other, in the accumulator's own arithmetic."""
    total = torch.zeros(x.shape[0], w.shape[1], dtype=getattr(torch, accumulator))
    for column, row in zip(x.t(), w, strict=True):
        total += (column[:, None] * row).to(total.dtype)
    return total
