"""Error measures against their definitions."""

import math

import pytest
import torch

import qlab as ql
from qlab.metrics import packed_nbytes


def test_definitions():
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(50, generator=generator), torch.randn(50, generator=generator)
    errors = [a - b for a, b in zip(x.tolist(), y.tolist(), strict=True)]
    assert ql.mse(x, y) == pytest.approx(sum(e * e for e in errors) / 50, rel=1e-12)
    power = sum(a * a for a in x.tolist()) / sum(e * e for e in errors)
    assert ql.sqnr(x, y) == pytest.approx(10 * math.log10(power), rel=1e-12)
    assert ql.max_abs_error(x, y) == max(map(abs, errors))


def test_one_more_bit_gives_6_decibels():
    x = torch.rand(200_000, generator=torch.Generator().manual_seed(0)) * 2 - 1
    sqnr = {b: ql.sqnr(x, ql.fake_quantize(x, ql.choose_qparams(x, f"uint{b}", "affine"))) for b in (4, 5, 6, 7, 8)}
    gains = [sqnr[b + 1] - sqnr[b] for b in (4, 5, 6, 7)]
    # 20 log10((2**(b+1) - 1) / (2**b - 1)): 6.02 dB in the limit, a little more at few bits
    for b, gain in zip((4, 5, 6, 7), gains, strict=True):
        assert gain == pytest.approx(20 * math.log10((2 ** (b + 1) - 1) / (2**b - 1)), abs=0.03)


def test_exact_and_hopeless():
    x = torch.tensor([1.0, 2.0])
    assert ql.sqnr(x, x) == math.inf
    assert ql.sqnr(torch.zeros(2), torch.zeros(2)) == math.inf
    assert ql.sqnr(torch.zeros(2), x) == -math.inf


def test_half_precision_sums_do_not_overflow():
    x = torch.full((1000,), 1000.0, dtype=torch.float16)
    assert ql.mse(x, torch.zeros_like(x)) == 1e6


def test_bits_per_weight_counts_the_overhead():
    x = torch.randn(4, 256, generator=torch.Generator().manual_seed(0))
    group = ql.PerGroup(128)
    symmetric = ql.quantize(x, ql.choose_qparams(x, "int4", "symmetric", group, scale_dtype=torch.float16))
    assert ql.bits_per_weight(symmetric) == 4.125
    affine = ql.quantize(x, ql.choose_qparams(x, "uint4", "affine", group, scale_dtype=torch.float16))
    assert ql.bits_per_weight(affine) == 4 + (16 + 32) / 128
    assert packed_nbytes(3, 3) == 2


@pytest.mark.parametrize("measure", [ql.mse, ql.sqnr, ql.max_abs_error], ids=lambda f: f.__name__)
def test_errors(measure):
    with pytest.raises(ValueError, match=r"\(2,\) and \(3,\)"):
        measure(torch.zeros(2), torch.zeros(3))
    with pytest.raises(ValueError, match=r"\(0,\)"):
        measure(torch.zeros(0), torch.zeros(0))
