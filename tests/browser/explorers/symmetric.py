"""Lesson 04: affine and symmetric side by side."""

import torch

import qlab as ql
from qlab import explore
from qlab.explore.samples import sample

LESSON = "04_symmetric_quantization.ipynb"
BELL = torch.randn(64, 64, generator=torch.Generator().manual_seed(0))


def start():
    return explore.symmetric(BELL, bits=4)


def numbers(tensor, codes, bits, skew):
    x = BELL if tensor == "your tensor" else sample(tensor).x
    x = torch.where(x < 0, x * (1 - skew / 100), x)
    qparams = {"affine": ql.choose_qparams(x, f"int{bits}", "affine"), "symmetric": symmetric(x, codes, bits)}
    figures = {"affine zero point": qparams["affine"].zero_point.item()}
    for scheme, qp in qparams.items():
        qt = ql.quantize(x, qp)
        back = qt.dequantize()
        figures |= {
            f"{scheme} scale": qp.scale.item(),
            f"{scheme} wasted": 2**bits - 1 - int(qt.data.max()) + int(qt.data.min()),
            f"{scheme} bits": ql.bits_per_weight(qt),
            f"{scheme} MSE": ql.mse(x, back),
            f"{scheme} SQNR": ql.sqnr(x, back),
        }
    return figures


def symmetric(x, codes, bits):
    if codes == "full range":
        return ql.QParams(x.abs().max() / (2 ** (bits - 1) - 0.5), dtype=f"int{bits}")
    if codes == "unsigned":
        return ql.choose_qparams(x.clamp(min=0), f"uint{bits}", "symmetric")
    return ql.choose_qparams(x, f"int{bits}", "symmetric")
