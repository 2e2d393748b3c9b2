"""`cast` against ml_dtypes on every code, every tie, its neighbors, and random bit patterns."""

import math

import numpy as np
import pytest
import torch
from test_dtypes import INTEGERS, SMALL_FLOATS, numpy_type, reference_values

import qlab as ql


def probes(name):
    """Every value of a format, the midpoints between them, both neighbors of each, specials, random numbers."""
    finite = np.sort(reference_values(name)[np.isfinite(reference_values(name))])
    middle = ((finite[1:].astype(np.float64) + finite[:-1]) / 2).astype(np.float32)
    points = np.concatenate([finite, middle])
    near = [np.nextafter(points, np.float32(d), dtype=np.float32) for d in (np.inf, -np.inf)]
    special = [0.0, -0.0, np.nan, -np.nan, np.inf, -np.inf, 1e-45, -1e-45, 3.4e38, -3.4e38, 464, 465, 65519, 65520]
    generator = torch.Generator().manual_seed(0)
    normal = torch.randn(20_000, generator=generator) * ql.dtype(name).max * 0.3
    patterns = torch.randint(-(2**31), 2**31, (50_000,), generator=generator).int().view(torch.float32)
    return np.concatenate([points, *near, np.array(special, np.float32), normal.numpy(), patterns.numpy()])


def same(a, b):
    """Equal with the sign of zero counted; NaN equals NaN."""
    return ((a == b) & (np.signbit(a) == np.signbit(b))) | (np.isnan(a) & np.isnan(b))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", SMALL_FLOATS)
def test_cast_agrees_with_ml_dtypes(name):
    x = probes(name)
    expected = x.astype(numpy_type(name)).astype(np.float32)
    actual = ql.cast(torch.from_numpy(x), name, saturate=False).numpy()
    wrong = ~same(actual, expected)
    assert not wrong.any(), list(zip(x[wrong][:3], actual[wrong][:3], expected[wrong][:3], strict=True))
    inside = np.abs(x) <= ql.dtype(name).max
    saturated = ql.cast(torch.from_numpy(x[inside]), name).numpy()
    assert same(saturated, expected[inside]).all()


@pytest.mark.parametrize("name", SMALL_FLOATS)
def test_cast_of_float64_rounds_once(name):
    """A hair past a tie goes to the farther value; through float32 it would fall on the tie and go to even."""
    values = ql.values(name).double()
    middle = (values[1:] + values[:-1]) / 2
    above = torch.nextafter(middle, torch.tensor(math.inf, dtype=torch.float64))
    assert torch.equal(ql.cast(above, name), values[1:])


def test_saturation_by_format():
    beyond = torch.tensor([1e30, math.inf, -1e30, -math.inf])
    top = {n: ql.dtype(n).max for n in SMALL_FLOATS}
    for name in ("float8_e4m3fn", "float8_e5m2", "float6_e2m3fn", "float6_e3m2fn", "float4_e2m1fn"):
        assert ql.cast(beyond, name).tolist() == [top[name], top[name], -top[name], -top[name]]
    assert ql.cast(beyond, "float8_e5m2", saturate=False).tolist() == [math.inf, math.inf, -math.inf, -math.inf]
    assert ql.cast(beyond, "float8_e4m3fn", saturate=False).isnan().all()
    assert ql.cast(beyond, "float16", saturate=True).tolist() == [math.inf, math.inf, -math.inf, -math.inf]
    assert ql.cast(torch.tensor([65519.0, 65520.0]), "float16").tolist() == [65504.0, math.inf]


def test_e8m0_has_no_zero_no_sign_and_rounds_ties_up():
    x = torch.tensor([1.5, 3.0, 1.49, 0.0, -0.0, -2.0, math.nan, 1e-45, 2.0**127])
    expected = [2.0, 4.0, 1.0, math.nan, math.nan, math.nan, math.nan, 2.0**-127, 2.0**127]
    np.testing.assert_array_equal(ql.cast(x, "float8_e8m0fnu").numpy(), np.array(expected, np.float32))
    assert ql.cast(torch.tensor([math.inf]), "float8_e8m0fnu").item() == 2.0**127
    assert ql.cast(torch.tensor([1.01 * 2.0**-127]), "float8_e8m0fnu").item() == 2.0**-126  # all subnormals go up
    assert ql.cast(torch.tensor([1.6 * 2.0**127]), "float8_e8m0fnu", saturate=False).isnan().all()


@pytest.mark.parametrize("name", INTEGERS)
def test_integers_round_half_to_even_and_saturate(name):
    spec = ql.dtype(name)
    x = torch.tensor([0.5, 1.5, 2.5, -0.5, -1.5, 1e20, -1e20, math.inf, -math.inf, math.nan])
    expected = [
        min(max(v, spec.min), spec.max) for v in (0, 2, 2, 0, -2, spec.max, spec.min, spec.max, spec.min, 0)
    ]
    assert ql.cast(x, name).tolist() == expected


def test_nf4_takes_the_nearest_value_and_the_lower_at_a_tie():
    values = ql.values("nf4").double()
    middle = (values[1:] + values[:-1]) / 2
    assert torch.equal(ql.cast(middle, "nf4"), values[:-1])
    x = torch.linspace(-1.2, 1.2, 1001).double()
    nearest = values[(x[:, None] - values).abs().argmin(1)]
    assert torch.equal(ql.cast(x, "nf4"), nearest)


@pytest.mark.parametrize("name", [*SMALL_FLOATS, "nf4", "int8", "float32"])
def test_shape_is_kept_and_values_stay(name):
    x = torch.randn(3, 1, 5, generator=torch.Generator().manual_seed(1)).abs() + 0.1
    once = ql.cast(x, name)
    assert once.shape == x.shape and once.dtype == torch.float32
    assert torch.equal(ql.cast(once, name), once)
    assert ql.cast(x.double(), name).dtype == torch.float64
    assert ql.cast(x[0, 0, 0], name).shape == ()
    assert ql.cast(x[:0], name).shape == (0, 1, 5)
