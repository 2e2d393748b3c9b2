"""From accumulators to numbers and codes: float64 against exact fractions, integers against Python's own."""

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import qlab as ql
from qlab.rescaling import add_int32_bias, to_float32, to_real

INT32 = st.integers(-(2**31), 2**31 - 1)
REALS = st.floats(2.0**-31, 2.0**30, allow_subnormal=False)


def int32(*numbers):
    return torch.tensor(numbers, dtype=torch.int32)


def gemmlowp(acc, multiplier, shift):
    """One accumulator scaled as gemmlowp and TFLite do it, in Python's integers, C's division spelled out."""
    left, right = max(-shift, 0), max(shift, 0)
    x = min(max(acc * 2**left, -(2**31)), 2**31 - 1)
    product = x * multiplier
    nudge = 2**30 if product >= 0 else 1 - 2**30
    high = abs(product + nudge) // 2**31 * (1 if product + nudge >= 0 else -1)  # C divides toward zero
    remainder, threshold = high & (2**right - 1), ((2**right - 1) >> 1) + (high < 0)
    return (high >> right) + (remainder > threshold)


@settings(max_examples=300, deadline=None)
@given(st.lists(INT32, min_size=1, max_size=20), st.floats(1e-12, 1.0), st.integers(-128, 127))
def test_requantize_is_the_formula_in_float64(accs, scale, zero_point):
    out = ql.QParams(scale=0.37, zero_point=zero_point, dtype="int8")
    steps = [q * scale / out.scale.double().item() for q in accs]
    expected = [min(max(round(s) + zero_point, -128), 127) for s in steps]
    assert ql.requantize(int32(*accs), scale, out).data.tolist() == expected


@pytest.mark.parametrize("name", ["int4", "uint8", "int16", "int32", "float8_e4m3fn", "float4_e2m1fn", "nf4"])
@pytest.mark.parametrize("granularity", [ql.PerTensor(), ql.PerAxis(1), ql.PerGroup(3)], ids=str)
def test_requantize_to_any_format_and_granularity(name, granularity):
    acc = torch.randint(-(10**6), 10**6, (5, 8), dtype=torch.int32, generator=torch.Generator().manual_seed(0))
    scale = torch.tensor([[1e-3], [2e-3], [1e-4], [5e-6], [1.0]], dtype=torch.float64)
    real = acc.double() * scale
    out = ql.choose_qparams(real if name != "uint8" else real.abs(), name, "symmetric", granularity)
    assert torch.equal(ql.requantize(acc, scale, out).data, ql.quantize(real, out).data)


@settings(max_examples=300, deadline=None)
@given(INT32, st.floats(2.0**-30, 8, width=32), st.floats(2.0**-30, 8, width=32), st.floats(-100, 100, width=32))
def test_float32_is_the_exact_result_rounded_once(acc, scale_a, scale_b, bias):
    """Half a float32 step off at most, and what the float64 arithmetic adds: 2**-53 of each of its two results."""
    product = Fraction(acc) * Fraction(scale_a) * Fraction(scale_b)
    exact = product + Fraction(bias)
    result = to_float32(int32(acc), torch.tensor(scale_a), torch.tensor(scale_b), torch.tensor(bias)).item()
    slack = (abs(product) + abs(exact)) / 2**52
    assert abs(Fraction(result) - exact) <= abs(exact) / 2**24 + slack


@pytest.mark.parametrize("shape", [(3, 70_000), (70_000, 3), (2, 300, 300), (5,), (0, 4)], ids=str)
def test_float32_by_blocks_is_the_whole_at_once(shape):
    acc = torch.randint(-(2**31), 2**31, shape, generator=torch.Generator().manual_seed(0)).to(torch.int32)
    row = torch.rand(*shape[:-1], 1) if len(shape) > 1 else torch.tensor(0.3)
    column, bias = torch.rand(shape[-1]), torch.randn(shape[-1])
    expected = (acc.double() * (row.double() * column.double()) + bias.double()).float()
    assert torch.equal(to_float32(acc, row, column, bias), expected)


def test_an_int32_bias_is_added_exactly_and_may_not_overflow():
    acc, bias = int32(2**31 - 8, -(2**31)), int32(7, 0)
    assert add_int32_bias(acc, bias).tolist() == [2**31 - 1, -(2**31)]
    assert to_real(acc, 1.0, bias).tolist() == [2**31 - 1, -(2**31)]
    with pytest.raises(ValueError, match=r"2 accumulators leave int32, one is 2147483648"):
        to_real(acc, 1.0, int32(8, -1))


@pytest.mark.parametrize("kind", [torch.int8, torch.int64, torch.bool], ids=str)
def test_a_bias_of_another_type(kind):
    with pytest.raises(TypeError, match=r"float \(in real units\) or int32"):
        to_real(int32(1), 1.0, torch.ones(1, dtype=kind))


@settings(max_examples=500, deadline=None)
@given(st.floats(2.0**-32, 2.0**31, exclude_max=True, allow_subnormal=False))
def test_a_multiplier_is_the_nearest_of_its_kind(real):
    multiplier, shift = (int(t) for t in ql.quantize_multiplier(real))
    assert 2**30 <= multiplier < 2**31 and -32 <= shift <= 31
    assert abs(Fraction(multiplier, 2**31) / Fraction(2) ** shift - Fraction(real)) <= Fraction(real) / 2**31


@pytest.mark.parametrize("real", [1 - 2.0**-33, 2 - 2.0**-40, 0.5 - 2.0**-50], ids=str)
def test_a_fraction_that_rounds_up_to_one_is_carried(real):
    multiplier, shift = ql.quantize_multiplier(real)
    assert multiplier == 2**30 and 2.0 ** -(1 + shift.item()) == pytest.approx(real, rel=2**-31)


@pytest.mark.parametrize("real", [0.0, -0.5, math.inf, math.nan, 2.0**31, 2.0**-33], ids=str)
def test_multipliers_out_of_range(real):
    with pytest.raises(ValueError, match=r"must lie in 2\*\*-32 to 2\*\*31, got"):
        ql.quantize_multiplier(torch.tensor([0.5, real], dtype=torch.float64))


@settings(max_examples=500, deadline=None)
@given(st.lists(INT32, min_size=1, max_size=20), REALS, st.integers(0, 255))
def test_the_integer_form_is_gemmlowps(accs, real, zero_point):
    multiplier, shift = ql.quantize_multiplier(real)
    expected = [min(max(gemmlowp(q, int(multiplier), int(shift)) + zero_point, 0), 255) for q in accs]
    out = ql.QParams(scale=1.0, zero_point=zero_point, dtype="uint8")
    assert ql.requantize_integer(int32(*accs), multiplier, shift, out).data.tolist() == expected


@pytest.mark.parametrize("real", [0.125, 0.25, 0.375, 0.5, 0.75, 1.0, 2.0, 3.0], ids=str)
def test_ties_of_either_sign_go_where_gemmlowp_sends_them(real):
    """Sums of a few bits: every second result or so lies exactly between two codes."""
    multiplier, shift = ql.quantize_multiplier(real)
    accs = range(-40, 41)
    expected = [gemmlowp(q, int(multiplier), int(shift)) for q in accs]
    assert ql.requantize_integer(int32(*accs), multiplier, shift, ql.QParams(1.0)).data.tolist() == expected


def distance_to_tie(x):
    """From each number to the nearest k + 1/2."""
    return (x - x.floor() - 0.5).abs()


def both_forms(acc, real, name):
    out = ql.QParams(scale=1.0, dtype=name)
    multiplier, shift = ql.quantize_multiplier(real)
    by_float, by_integer = (
        ql.requantize(acc, real, out).data,
        ql.requantize_integer(acc, multiplier, shift, out).data,
    )
    return (by_float.int() - by_integer.int()).abs(), shift.item()


@pytest.mark.parametrize("name", ["int8", "int16"])
@pytest.mark.parametrize("real", [0.00390625, 0.0123, 0.3, 1 / 3, 0.5, 0.75, 0.9999999, 1.0, 2.5, 3e-6], ids=str)
def test_the_two_forms_differ_by_one_at_most_and_only_next_to_ties(real, name):
    """Every accumulator of 20 bits, and for small multipliers the ones around each tie."""
    near_ties = ((torch.arange(-(2**15), 2**15) + 0.5) / real).round().long()
    around = (near_ties[:, None] + torch.arange(-3, 4)).flatten().clamp(-(2**31), 2**31 - 1)
    acc = torch.cat([torch.arange(-(2**19), 2**19), around]).to(torch.int32)
    difference, shift = both_forms(acc, real, name)
    exact = acc.double() * real
    bound = 2.0 ** -(max(shift, 0) + 1) * (shift > 0) + exact.abs() * 2.0**-31 + 2.0**-30
    assert difference.max() <= 1
    assert (distance_to_tie(exact)[difference > 0] <= bound[difference > 0]).all()


@settings(max_examples=300, deadline=None)
@given(st.lists(INT32, min_size=1, max_size=50), REALS, st.sampled_from(["int4", "uint8", "int8", "int16"]))
def test_the_two_forms_differ_by_one_at_most_anywhere(accs, real, name):
    assert both_forms(int32(*accs), real, name)[0].max() <= 1


def test_the_bound_is_reached():
    """3 * 0.4999 = 1.4997 is 3 - 0.0006 halves: rounded to 3 halves, and then to 2."""
    multiplier, shift = ql.quantize_multiplier(0.4999)
    assert shift == 1
    out = ql.QParams(scale=1.0, dtype="int8")
    assert ql.requantize(int32(3), 0.4999, out).data.item() == 1
    assert ql.requantize_integer(int32(3), multiplier, shift, out).data.item() == 2


def test_per_channel_multipliers_and_zero_points():
    acc = torch.arange(-600, 600, dtype=torch.int32).reshape(4, 300)
    real = torch.tensor([[0.1], [0.01], [1.7], [0.0003]], dtype=torch.float64)
    out = ql.QParams(torch.ones(4, 1), torch.tensor([[1], [-5], [100], [0]]), "int8", ql.PerAxis(0))
    multiplier, shift = ql.quantize_multiplier(real)
    result = ql.requantize_integer(acc, multiplier, shift, out).data
    for i in range(4):
        one = ql.QParams(1.0, out.zero_point[i].item(), "int8")
        m, s = ql.quantize_multiplier(real[i].item())
        assert torch.equal(result[i], ql.requantize_integer(acc[i], m, s, one).data)


@pytest.mark.parametrize("name", ["int32", "float8_e4m3fn", "nf4"])
def test_formats_out_of_reach_of_the_integer_form(name):
    with pytest.raises(ValueError, match=f"16 bits or fewer can be reached by integers alone, not {name}"):
        ql.requantize_integer(int32(1), 2**30, 0, ql.QParams(1.0, dtype=name))


@pytest.mark.parametrize("kind", [torch.int64, torch.float32], ids=str)
def test_accumulators_of_another_type(kind):
    acc, out = torch.ones(2, dtype=kind), ql.QParams(1.0)
    for call in (lambda: ql.requantize(acc, 1.0, out), lambda: ql.requantize_integer(acc, 2**30, 0, out)):
        with pytest.raises(TypeError, match=r"accumulators are int32, got torch\.(int64|float32) of shape \(2,\)"):
            call()
