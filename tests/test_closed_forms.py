"""The formulas that the lessons draw over their measurements, held against many tensors."""

import pytest
import torch

import qlab as ql

LIMIT = 1000.0
SIDE = 64
SHARING = {
    "per tensor": (ql.PerTensor(), SIDE * SIDE, 5.17),
    "per channel": (ql.PerAxis(axis=0), SIDE, 4.93),
    "groups of 8": (ql.PerGroup(group_size=8), 8, 3.62),
}


def expected_mse(n, quant_max):
    """Mean MSE of n values, uniform within +-LIMIT, that share a symmetric scale.

    The largest magnitude m has no error, the others (m / quant_max)^2 / 12 each; E[m^2] = n / (n + 2) LIMIT^2.
    """
    return LIMIT**2 / (12 * quant_max**2) * (n - 1) / (n + 2)


def uniform(count):
    generator = torch.Generator().manual_seed(1)
    return (torch.rand(count, SIDE, SIDE, generator=generator) * 2 - 1) * LIMIT


def mean_mse(tensors, granularity, name="int8"):
    qparams = [ql.choose_qparams(t, name, "symmetric", granularity) for t in tensors]
    errors = [ql.mse(t, ql.fake_quantize(t, qp)) for t, qp in zip(tensors, qparams, strict=True)]
    return sum(errors) / len(errors)


@pytest.mark.parametrize(("granularity", "n", "headline"), SHARING.values(), ids=SHARING)
def test_the_mse_of_lesson_05_is_the_closed_form_and_the_headline(granularity, n, headline):
    measured = mean_mse(uniform(200), granularity)
    assert measured == pytest.approx(expected_mse(n, 127), rel=0.004)
    assert measured == pytest.approx(headline, abs=0.02)


@pytest.mark.parametrize("bits", [5, 6, 8])
@pytest.mark.parametrize("n", [2, 3, 16, 4096])
def test_the_closed_form_holds_for_other_sizes_and_widths(n, bits):
    rows = uniform(60).flatten()[: 60 * SIDE * SIDE // n * n].reshape(-1, n)
    measured = mean_mse([rows], ql.PerAxis(axis=0), f"int{bits}")
    assert measured == pytest.approx(expected_mse(n, 2 ** (bits - 1) - 1), rel=0.03)


def test_the_closed_form_would_notice_another_divisor():
    """127.5 for 127 changes the MSE by 0.8 %, which is more than the test above allows."""
    assert abs(expected_mse(64, 127.5) / expected_mse(64, 127) - 1) > 0.007


def test_the_largest_magnitude_has_the_second_moment_of_the_derivation():
    for n in (2, 8, 64):
        largest = uniform(100).reshape(-1, n).abs().amax(dim=1)
        assert largest.double().square().mean().item() == pytest.approx(n / (n + 2) * LIMIT**2, rel=0.01)
