"""Formats against ml_dtypes and torch, code by code, and against the facts published about them."""

import math

import ml_dtypes
import numpy as np
import pytest
import torch

import qlab as ql
from qlab.dtypes import FORMATS

SMALL_FLOATS = [n for n, f in FORMATS.items() if f.kind == "float" and f.bits <= 16]
INTEGERS = [n for n, f in FORMATS.items() if f.kind == "int"]


def numpy_type(name):
    return np.dtype(getattr(ml_dtypes, name, None) or name)


def reference_values(name):
    """The value of every code, in order, as ml_dtypes has it."""
    bits = ql.dtype(name).bits
    codes = np.arange(2**bits, dtype=np.uint16 if bits == 16 else np.uint8)
    return codes.view(numpy_type(name)).astype(np.float32)


@pytest.mark.parametrize("name", SMALL_FLOATS)
def test_every_code_has_the_value_ml_dtypes_gives_it(name):
    bits = ql.dtype(name).bits
    strings = [format(code, f"0{bits}b") for code in range(2**bits)]
    expected = reference_values(name)
    actual = ql.from_bits(strings, name).numpy()
    np.testing.assert_array_equal(actual, expected)
    np.testing.assert_array_equal(np.signbit(actual[~np.isnan(actual)]), np.signbit(expected[~np.isnan(expected)]))


@pytest.mark.parametrize("name", SMALL_FLOATS)
def test_bits_and_from_bits_are_inverse(name):
    bits = ql.dtype(name).bits
    finite = np.isfinite(reference_values(name)) | np.isinf(reference_values(name))
    strings = [format(code, f"0{bits}b") for code in np.nonzero(finite)[0]]
    assert ql.bits(ql.from_bits(strings, name), name) == strings


@pytest.mark.parametrize("name", [n for n in INTEGERS if FORMATS[n].bits <= 16])
def test_integer_bits_are_twos_complement(name):
    spec = ql.dtype(name)
    all_values = ql.values(name)
    assert all_values.tolist() == list(range(spec.min, spec.max + 1))
    strings = ql.bits(all_values, name)
    assert [int(s, 2) for s in strings] == [v % 2**spec.bits for v in range(spec.min, spec.max + 1)]
    assert torch.equal(ql.from_bits(strings, name), all_values)


def test_int32_bits():
    extremes = torch.tensor([-(2**31), -1, 0, 2**31 - 1])
    assert ql.bits(extremes, "int32") == ["1" + "0" * 31, "1" * 32, "0" * 32, "0" + "1" * 31]
    assert torch.equal(ql.from_bits(ql.bits(extremes, "int32"), "int32").long(), extremes)


@pytest.mark.parametrize(("name", "integer"), [("float32", torch.int32), ("float64", torch.int64)])
def test_wide_floats_keep_the_bits_torch_has(name, integer):
    real = getattr(torch, name)
    x = torch.tensor([0.0, -0.0, 1 / 3, -1e-40, 5e-324, math.inf, -math.inf, 3e38], dtype=real)
    width = ql.dtype(name).bits
    assert ql.bits(x, name) == [format(b % 2**width, f"0{width}b") for b in x.view(integer).tolist()]
    assert torch.equal(ql.from_bits(ql.bits(x, name), name), x)


@pytest.mark.parametrize("name", SMALL_FLOATS)
def test_the_spec_agrees_with_finfo(name):
    spec, info = ql.dtype(name), ml_dtypes.finfo(numpy_type(name))
    for field in ("max", "min", "eps", "smallest_normal", "smallest_subnormal"):
        assert getattr(spec, field) == float(getattr(info, field)), field


@pytest.mark.parametrize("name", INTEGERS)
def test_integer_ranges_and_storage(name):
    spec = ql.dtype(name)
    assert spec.max - spec.min == 2**spec.bits - 1
    info = torch.iinfo(spec.storage)
    assert info.min <= spec.min and spec.max <= info.max
    if name in ("int8", "uint8", "int16", "int32"):
        assert (info.min, info.max) == (spec.min, spec.max)


def test_values_counts_and_order():
    assert len(ql.values("float8_e4m3fn")) == 253  # 254 finite codes, two of them zeros
    assert len(ql.values("nf4")) == 16
    assert ql.values("float4_e2m1fn").tolist() == [-6, -4, -3, -2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2, 3, 4, 6]
    for name, spec in FORMATS.items():
        if spec.bits <= 16:
            values = ql.values(name)
            assert values.dtype == torch.float32
            assert (values[1:] > values[:-1]).all()
            assert not torch.signbit(values[values == 0]).any()


def test_values_of_a_wide_format_are_refused():
    with pytest.raises(ValueError, match="float32"):
        ql.values("float32")


def test_nf4_is_the_published_table():
    """The constants of Dettmers et al. (2023), appendix E."""
    published = """-1.0 -0.6961928009986877 -0.5250730514526367 -0.39491748809814453 -0.28444138169288635
        -0.18477343022823334 -0.09105003625154495 0.0 0.07958029955625534 0.16093020141124725 0.24611230194568634
        0.33791524171829224 0.44070982933044434 0.5626170039176941 0.7229568362236023 1.0"""
    assert ql.values("nf4").tolist() == torch.tensor([float(v) for v in published.split()]).tolist()


@pytest.mark.parametrize(
    ("given", "suggested"), [("in4", "int4"), ("fp8_e4m3", "float8_e4m3fn"), ("bfloat", "bfloat16"), ("NF4", "nf4")]
)
def test_an_unknown_name_is_answered_with_near_ones(given, suggested):
    with pytest.raises(ValueError, match=suggested):
        ql.dtype(given)


def test_a_format_is_named_by_a_string():
    with pytest.raises(TypeError, match=r"torch\.int8"):
        ql.dtype(torch.int8)


@pytest.mark.parametrize("string", ["101", "10100", "10a0", ""])
def test_malformed_bit_strings_are_refused(string):
    with pytest.raises(ValueError, match=repr(string)):
        ql.from_bits([string], "int4")
