"""Quantize and dequantize against the slow specification, by properties, and against torch bit for bit."""

import math

import numpy as np
import oracle
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import qlab as ql
from qlab.dtypes import FORMATS
from qlab.granularity import BLOCK

INTEGERS = [n for n, f in FORMATS.items() if f.kind == "int"]
NARROW = [n for n in INTEGERS if FORMATS[n].bits <= 16]
FLOATS = ["float16", "bfloat16", "float8_e4m3fn", "float8_e5m2", "float6_e2m3fn", "float4_e2m1fn"]
GRANULARITIES = [
    pytest.param(g, id=str(g))
    for g in (ql.PerTensor(), ql.PerAxis(0), ql.PerAxis(-1), ql.PerGroup(3), ql.PerGroup(2, axis=0))
]


def random(*shape, seed=0, scale=1.0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * scale


def schemes(name):
    return ["symmetric"] if FORMATS[name].kind != "int" else ["affine", "symmetric"]


@st.composite
def tensors(draw, low=-1e6, high=1e6):
    """Small float32 tensors of rank 1 to 3, ordinary, constant, and on a grid that makes ties likely."""
    shape = draw(st.lists(st.integers(1, 5), min_size=1, max_size=3))
    grid = st.integers(-40, 40).map(lambda k: k / 4)
    ordinary = st.floats(low, high, width=32).map(lambda v: v if abs(v) > 1e-30 else 0.0)  # scales stay normal
    element = draw(st.sampled_from([ordinary, grid, st.just(draw(grid))]))
    numbers = draw(st.lists(element, min_size=math.prod(shape), max_size=math.prod(shape)))
    return torch.tensor(numbers, dtype=torch.float32).reshape(shape)


@st.composite
def granularities(draw, rank):
    axis = draw(st.integers(-rank, rank - 1))
    return draw(
        st.sampled_from([ql.PerTensor(), ql.PerAxis(axis), ql.PerGroup(draw(st.integers(1, 6)), axis=axis)])
    )


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_everything_equals_the_slow_specification(data):
    name, x = data.draw(st.sampled_from(NARROW)), data.draw(tensors())
    scheme = data.draw(st.sampled_from(["affine", "symmetric"]))
    spec, granularity = ql.dtype(name), data.draw(granularities(x.dim()))
    x = x.abs() if scheme == "symmetric" and not spec.signed else x
    qp = ql.choose_qparams(x, name, scheme, granularity)
    qt = ql.quantize(x, qp)
    y = qt.dequantize()
    for key, indices in oracle.blocks_of(x.shape, granularity).items():
        scale, zero_point = oracle.choose([x[i].item() for i in indices], spec.min, spec.max, scheme)
        assert qp.scale[key].item() == scale
        assert (0 if qp.zero_point is None else qp.zero_point[key].item()) == zero_point
        for i in indices:
            code = oracle.quantize(x[i].item(), scale, zero_point, spec.min, spec.max)
            assert qt.data[i].item() == code
            assert y[i].item() == oracle.dequantize(code, scale, zero_point)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_int32_and_float64_use_float64_arithmetic(data):
    x = data.draw(tensors()).double() * (1 + 2.0**-40)
    name = data.draw(st.sampled_from(["int8", "uint4", "int32"]))
    spec = ql.dtype(name)
    qp = ql.choose_qparams(x, name, "affine")
    assert qp.scale.dtype == torch.float64
    scale, zero_point = oracle.choose(x.flatten().tolist(), spec.min, spec.max, "affine", np.float64)
    assert (qp.scale.item(), qp.zero_point.item()) == (scale, zero_point)
    codes = [oracle.quantize(v, scale, zero_point, spec.min, spec.max, np.float64) for v in x.flatten().tolist()]
    assert ql.quantize(x, qp).data.flatten().tolist() == codes


def test_int32_codes_do_not_wrap():
    x = torch.tensor([-1.0, 1.0])
    qt = ql.quantize(x, ql.choose_qparams(x, "int32", "symmetric"))
    assert qt.data.tolist() == [-(2**31 - 1), 2**31 - 1]
    assert qt.dequantize().tolist() == [-1.0, 1.0]


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_the_error_is_at_most_half_a_step(data):
    """Inside the range; plus two units in the last place of x for the float32 division and product."""
    name, x = data.draw(st.sampled_from(NARROW)), data.draw(tensors())
    scheme = "symmetric" if ql.dtype(name).signed and data.draw(st.booleans()) else "affine"
    granularity = data.draw(granularities(x.dim()))
    qp = ql.choose_qparams(x, name, scheme, granularity)
    error = (ql.fake_quantize(x, qp).double() - x.double()).abs()
    step = granularity.spread(qp.scale, x.shape).double()
    ulp = torch.from_numpy(np.spacing(x.abs().numpy())).double()
    assert (error <= 0.5 * step + 2 * ulp).all()


@pytest.mark.parametrize("granularity", GRANULARITIES)
@pytest.mark.parametrize("name", [*NARROW, *FLOATS, "nf4"])
def test_zero_is_exact_and_representable_values_stay(name, granularity):
    x = random(4, 5).abs() if not ql.dtype(name).signed else random(4, 5)
    x[1, 2] = 0.0
    for scheme in schemes(name):
        qp = ql.choose_qparams(x, name, scheme, granularity)
        qt = ql.quantize(x, qp)
        once = qt.dequantize()
        assert once[1, 2] == 0
        assert once.shape == qt.shape == qt.data.shape == x.shape
        assert qt.data.dtype == ql.dtype(name).storage and qt.data.is_contiguous()
        if ql.dtype(name).bits < 16:  # at 16 bits float32 holds no more than the codes themselves
            assert torch.equal(ql.quantize(once, qp).data, qt.data)
            assert torch.equal(ql.fake_quantize(once, qp), once)


@pytest.mark.parametrize("name", ["float8_e4m3fn", "float8_e5m2", "float6_e3m2fn", "float4_e2m1fn"])
def test_float_formats_cast_the_scaled_values(name):
    x = random(6, 8)
    qp = ql.choose_qparams(x, name, granularity=ql.PerAxis(0))
    assert torch.equal(qp.scale, x.abs().amax(1, keepdim=True) / ql.dtype(name).max)
    qt = ql.quantize(x, qp)
    assert torch.equal(qt.data, ql.cast(x / qp.scale, name))
    assert torch.equal(qt.dequantize(), ql.cast(x / qp.scale, name) * qp.scale)


def test_nf4_takes_the_nearest_of_its_values():
    x = random(5, 64)
    qp = ql.choose_qparams(x, "nf4", granularity=ql.PerGroup(64))
    qt = ql.quantize(x, qp)
    absmax = x.abs().amax(1, keepdim=True)
    distance = ((x / absmax)[..., None] - ql.values("nf4")).abs()
    assert torch.equal(qp.scale, absmax)
    assert torch.equal(qt.data, distance.argmin(-1).to(torch.uint8))
    assert torch.equal(qt.dequantize(), ql.values("nf4")[qt.data.long()] * absmax)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("scheme", ["affine", "symmetric"])
def test_half_inputs_are_quantized_in_float32(kind, scheme):
    x = random(16, 16).to(kind)
    qp = ql.choose_qparams(x, "int8", scheme)
    expected = ql.choose_qparams(x.float(), "int8", scheme)
    assert qp.scale.dtype == torch.float32 and torch.equal(qp.scale, expected.scale)
    assert torch.equal(ql.quantize(x, qp).data, ql.quantize(x.float(), expected).data)


def test_a_float16_scale_is_used_as_it_is_stored():
    x = random(8, 256, scale=0.02)
    qp = ql.choose_qparams(x, "int4", "symmetric", ql.PerGroup(128), scale_dtype=torch.float16)
    qt = ql.quantize(x, qp)
    assert qt.dequantize().dtype == qp.scale.dtype == torch.float16
    ratio = x / qp.granularity.spread(qp.scale.float(), x.shape)
    codes = ratio.round().clamp(-8, 7)
    assert torch.equal(qt.data, codes.to(torch.int8))
    assert torch.equal(qt.dequantize(), (codes * qp.granularity.spread(qp.scale.float(), x.shape)).half())
    assert qt.nbytes == 8 * 256 // 2 + 16 * 2


@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_layout_does_not_matter(granularity):
    base = random(12, 10, seed=3)
    for x in (base.t(), base[::2, ::3], base[:, 3:7], base.as_strided((3, 4), (1, 2)), base[:1].expand(4, 10)):
        qp = ql.choose_qparams(x, "uint8", "affine", granularity)
        same = ql.choose_qparams(x.clone(memory_format=torch.contiguous_format), "uint8", "affine", granularity)
        assert torch.equal(qp.scale, same.scale) and torch.equal(qp.zero_point, same.zero_point)
        assert torch.equal(ql.quantize(x, qp).data, ql.quantize(x.contiguous(), qp).data)


def test_one_group_is_per_axis_and_large_tensors_are_cut_without_a_seam():
    x = random(3, 40)
    for name in ("int4", "float8_e4m3fn", "nf4"):
        grouped = ql.fake_quantize(x, ql.choose_qparams(x, name, granularity=ql.PerGroup(40)))
        assert torch.equal(grouped, ql.fake_quantize(x, ql.choose_qparams(x, name, granularity=ql.PerAxis(0))))
    big = random(2, BLOCK + 17, seed=5)
    for granularity in (ql.PerTensor(), ql.PerAxis(0), ql.PerGroup(1000)):
        qp = ql.choose_qparams(big, "int8", "affine", granularity)
        spread, zero_point = (granularity.spread(t, big.shape) for t in (qp.scale, qp.zero_point))
        codes = ((big / spread).round() + zero_point).clamp(-128, 127)
        assert torch.equal(ql.quantize(big, qp).data, codes.to(torch.int8))
        assert torch.equal(ql.fake_quantize(big, qp), (codes - zero_point) * spread)


def test_scalars_constants_and_zeros():
    for value in (3.25, -3.25, 0.0):
        x = torch.tensor(value)
        for scheme in ("affine", "symmetric"):
            y = ql.fake_quantize(x, ql.choose_qparams(x, "int8", scheme))
            assert y.shape == () and abs(y.item() - value) <= abs(value) * 2**-22
    zeros = ql.choose_qparams(torch.zeros(2, 3), "uint8", "affine", ql.PerAxis(0))
    assert zeros.scale.tolist() == [[1.0], [1.0]] and zeros.zero_point.tolist() == [[0], [0]]


def test_positive_data_keep_zero_in_the_range():
    """The range [10.5, 14] without 0 makes every value 3.5 (AutoAWQ issue 185); with 0 in it the error is small."""
    x = torch.tensor([10.5, 11.0, 12.25, 14.0])
    qp = ql.choose_qparams(x, "uint4", "affine")
    assert (qp.scale.item(), qp.zero_point.item()) == (pytest.approx(14 / 15), 0)
    assert ql.max_abs_error(x, ql.fake_quantize(x, qp)) <= qp.scale.item() / 2


def test_dequantize_into_out():
    x = random(6, 8)
    for granularity in (ql.PerTensor(), ql.PerAxis(1), ql.PerGroup(3), ql.PerGroup(4, axis=0)):
        for scale_dtype in (torch.float32, torch.float16):
            qt = ql.quantize(x, ql.choose_qparams(x, "int8", "affine", granularity, scale_dtype=scale_dtype))
            for out in (torch.empty(6, 8, dtype=scale_dtype), torch.empty(8, 6, dtype=scale_dtype).t()):
                assert ql.dequantize(qt, out=out) is out
                assert torch.equal(out, qt.dequantize())


def test_numbers_whose_sum_overflows_are_finite_all_the_same():
    """A NaN is looked for in the sum of x / scale; where that overflows, element by element."""
    x = torch.tensor([3e38, 3e38, -1.0, 0.3])
    assert ql.quantize(x, ql.QParams(scale=0.5)).data.tolist() == [127, 127, -2, 1]
    assert ql.quantize(x, ql.QParams(scale=1.0)).data.tolist() == [127, 127, -1, 0]
    with pytest.raises(ValueError, match=r"1 of 4 .* \(1,\)"):
        ql.quantize(torch.tensor([3e38, math.nan, 3e38, 0.3]), ql.QParams(scale=0.5))


def test_gradients_are_neither_needed_nor_tracked():
    x = random(3, 3).requires_grad_()
    qt = ql.quantize(x, ql.choose_qparams(x))
    assert not qt.dequantize().requires_grad


def test_qtensor_takes_codes_that_exist():
    qp = ql.QParams(scale=0.5, zero_point=1, dtype="uint4")
    for codes in (torch.tensor([0, 15]), torch.tensor([0.0, 15.0]), torch.tensor([0, 15], dtype=torch.uint8)):
        qt = ql.QTensor(codes, qp)
        assert qt.data.dtype == torch.uint8 and qt.dequantize().tolist() == [-0.5, 7.0]
    fp8 = ql.QTensor(torch.tensor([448.0, 0.0]), ql.QParams(scale=2.0, dtype="float8_e4m3fn"))
    assert fp8.data.dtype == torch.float32 and fp8.dequantize().tolist() == [896.0, 0.0]
    nf4 = ql.QTensor(torch.tensor([0, 7, 15]), ql.QParams(scale=3.0, dtype="nf4"))
    assert nf4.dequantize().tolist() == [-3.0, 0.0, 3.0]


X = torch.ones(2, 3)
NAN = torch.tensor([[1.0, 2.0], [math.nan, math.inf]])
ERRORS = {
    "NaN in choose": (lambda: ql.choose_qparams(NAN), ValueError, r"2 of 4 .* index \(1, 0\) \(nan\)"),
    "NaN in quantize": (lambda: ql.quantize(NAN, ql.QParams(scale=1.0)), ValueError, r"2 of 4 .* index \(1, 0\)"),
    "infinity": (lambda: ql.choose_qparams(torch.tensor([-math.inf])), ValueError, r"-inf"),
    "late NaN": (
        lambda: ql.quantize(torch.cat([torch.zeros(BLOCK + 2), NAN[1, :1]]), ql.QParams(scale=1.0)),
        ValueError,
        rf"1 of {BLOCK + 3} .* \({BLOCK + 2},\)",
    ),
    "empty": (lambda: ql.choose_qparams(torch.zeros(0, 3)), ValueError, r"\(0, 3\)"),
    "empty quantize": (lambda: ql.quantize(torch.zeros(0), ql.QParams(scale=1.0)), ValueError, r"\(0,\)"),
    "integer input": (lambda: ql.choose_qparams(torch.tensor([1, 2])), TypeError, r"int64.*\.float\(\)"),
    "a list": (lambda: ql.quantize([1.0], ql.QParams(scale=1.0)), TypeError, "list"),
    "axis": (lambda: ql.choose_qparams(X, granularity=ql.PerAxis(2)), ValueError, "axis 2"),
    "granularity": (lambda: ql.choose_qparams(X, granularity="per tensor"), TypeError, "per tensor"),
    "format": (lambda: ql.choose_qparams(X, "int9"), ValueError, "'int9'.*int8"),
    "scheme": (lambda: ql.choose_qparams(X, scheme="symetric"), ValueError, "'symetric'.*'symmetric'"),
    "affine float": (lambda: ql.choose_qparams(X, "nf4", "affine"), ValueError, "nf4.*symmetric"),
    "e8m0": (lambda: ql.choose_qparams(X, "float8_e8m0fnu"), ValueError, "cast"),
    "negative unsigned": (lambda: ql.choose_qparams(-X, "uint8", "symmetric"), ValueError, "-1; use .*affine"),
    "scale underflows": (lambda: ql.choose_qparams(X * 1e-44), ValueError, "float32 cannot hold"),
    "half scale underflows": (
        lambda: ql.choose_qparams(X * 1e-8, scale_dtype=torch.float16),
        ValueError,
        "float16 cannot hold",
    ),
    "one of many scales underflows": (
        lambda: ql.choose_qparams(
            torch.tensor([[1.0], [1e-7]]), "int4", granularity=ql.PerAxis(0), scale_dtype=torch.float16
        ),
        ValueError,
        r"index \(1, 0\), for values from 0 to 1e-07.*becomes 0",
    ),
    "half scale overflows": (
        lambda: ql.choose_qparams(X * 1e8, scale_dtype=torch.float16),
        ValueError,
        "inf",
    ),
    "scale overflows": (
        lambda: ql.choose_qparams(torch.tensor([-3e38, 3e38]), scheme="affine"),
        ValueError,
        "inf",
    ),
    "zero scale": (lambda: ql.QParams(scale=0.0), ValueError, "positive.*0"),
    "negative scale": (lambda: ql.QParams(scale=torch.tensor([[1.0], [-2.0]])), ValueError, "-2"),
    "NaN scale": (lambda: ql.QParams(scale=math.nan), ValueError, "nan"),
    "no scale": (lambda: ql.QParams(torch.ones(0, 1), granularity=ql.PerAxis(0)), ValueError, r"\(0, 1\)"),
    "scale shape": (lambda: ql.QParams(scale=torch.ones(3)), ValueError, r"\(3,\)"),
    "scale does not fit": (
        lambda: ql.quantize(X, ql.QParams(torch.ones(3, 1), granularity=ql.PerAxis(0))),
        ValueError,
        r"\(2, 3\).*\(2, 1\).*\(3, 1\)",
    ),
    "zero point out of range": (lambda: ql.QParams(1.0, 300, "uint8"), ValueError, "0 to 255.*300"),
    "fractional zero point": (lambda: ql.QParams(1.0, 0.5), TypeError, "0.5"),
    "zero point shape": (
        lambda: ql.QParams(torch.ones(2, 1), torch.zeros(2, dtype=torch.int32), granularity=ql.PerAxis(0)),
        ValueError,
        r"\(2,\).*\(2, 1\)",
    ),
    "float zero point": (lambda: ql.QParams(1.0, 3, "float8_e5m2"), ValueError, "no zero point"),
    "codes out of range": (
        lambda: ql.QTensor(torch.tensor([0, 16]), ql.QParams(1.0, dtype="uint4")),
        ValueError,
        r"0 to 15.*\(1,\): 16",
    ),
    "fractional codes": (lambda: ql.QTensor(torch.tensor([0.5]), ql.QParams(1.0)), ValueError, "0.5"),
    "fp8 codes": (
        lambda: ql.QTensor(torch.tensor([1.01]), ql.QParams(1.0, dtype="float8_e4m3fn")),
        ValueError,
        "1.0099",
    ),
    "nf4 codes": (lambda: ql.QTensor(torch.tensor([16]), ql.QParams(1.0, dtype="nf4")), ValueError, "0 to 15"),
    "boolean codes": (lambda: ql.QTensor(torch.tensor([True]), ql.QParams(1.0)), TypeError, "bool"),
    "out shape": (
        lambda: ql.dequantize(ql.quantize(X, ql.choose_qparams(X)), out=torch.empty(3, 2)),
        ValueError,
        r"\(2, 3\).*\(3, 2\)",
    ),
    "out type": (
        lambda: ql.dequantize(ql.quantize(X, ql.choose_qparams(X)), out=torch.empty(2, 3).half()),
        ValueError,
        "float32.*float16",
    ),
}


@pytest.mark.parametrize(("call", "error", "message"), ERRORS.values(), ids=ERRORS.keys())
def test_bad_input_gets_an_error_with_the_values_and_the_fix(call, error, message):
    with pytest.raises(error, match=message):
        call()
