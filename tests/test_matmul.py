"""Products of quantized tensors against int64 sums of codes less their zero points, written out."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import qlab as ql

PER_TENSOR = ql.PerTensor()
NARROW = [f"{sign}int{bits}" for sign in ("", "u") for bits in range(2, 9)]


@pytest.fixture(params=[False, True], ids=["kernel", "float32-blocks"], scope="module")
def kernel(request):
    """Both ways of multiplying; a processor without the kernel tests the second one twice."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param:
            patch.setattr(torch.cpu, "_is_vnni_supported", lambda: False)
        yield


def make(shape, name="int8", granularity=PER_TENSOR, affine=True, seed=0, scale=None):
    """A QTensor of random legal codes, zero points and scales."""
    generator = torch.Generator().manual_seed(seed)
    spec, shared = ql.dtype(name), granularity.scale_shape(shape)
    codes = torch.randint(spec.min, spec.max + 1, shape, generator=generator)
    zero_point = torch.randint(spec.min, spec.max + 1, shared, generator=generator) if affine else None
    scale = torch.rand(shared, generator=generator) + 0.1 if scale is None else scale
    return ql.QTensor(codes, ql.QParams(scale, zero_point, name, granularity))


def centered(qt):
    """Codes less zero points, int64, element by element."""
    qp = qt.qparams
    zero_point = torch.zeros(qp.scale.shape) if qp.zero_point is None else qp.zero_point
    return qt.data.long() - qp.granularity.spread(zero_point, tuple(qt.shape)).long()


def spread_scale(qt):
    return qt.qparams.granularity.spread(qt.qparams.scale, tuple(qt.shape)).double()


@st.composite
def operands(draw, axis):
    """A format, zero points or none, and one for the tensor, for each index of `axis`, or for each of the batch."""
    return {
        "name": draw(st.sampled_from(NARROW)),
        "granularity": draw(st.sampled_from([ql.PerTensor(), ql.PerAxis(axis), ql.PerAxis(-3)])),
        "affine": draw(st.booleans()),
        "seed": draw(st.integers(0, 2**32)),
    }


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_every_format_granularity_and_zero_point(kernel, data):
    m, k, n = (data.draw(st.integers(1, 20)) for _ in range(3))
    batch = data.draw(st.integers(1, 3))
    a_batch, b_batch = (data.draw(st.sampled_from([1, batch])) for _ in range(2))
    a = make((a_batch, m, k), **data.draw(operands(-2)))
    b = make((b_batch, k, n), **data.draw(operands(-1)))
    result = ql.int_matmul(a, b)
    assert result.dtype == torch.int32
    assert torch.equal(result.long(), centered(a) @ centered(b))
    real = (centered(a) @ centered(b)).double() * (a.qparams.scale.double() * b.qparams.scale.double())
    assert torch.equal(ql.quantized_matmul(a, b), real.float())


@pytest.mark.parametrize(
    ("left", "right"),
    [((7, 5), (5, 3)), ((1, 5), (5, 3)), ((2, 7, 5), (5, 3)), ((7, 5), (2, 5, 3)), ((4, 1, 7, 5), (2, 5, 3))],
    ids=str,
)
def test_shapes_follow_matmul(left, right):
    a, b = make(left, "uint8", ql.PerAxis(-2)), make(right, "int8", ql.PerAxis(-1))
    expected = torch.matmul(centered(a), centered(b))
    assert torch.equal(ql.int_matmul(a, b).long(), expected)
    assert ql.quantized_matmul(a, b).shape == expected.shape


@pytest.mark.parametrize("left", [(0, 5), (3, 0)], ids=str)
def test_empty_sums_and_rows(left):
    a, b = make(left, "uint8"), make((left[1], 4), "int8", ql.PerAxis(1))
    assert torch.equal(ql.int_matmul(a, b).long(), centered(a) @ centered(b))
    assert ql.quantized_matmul(a, b).shape == (left[0], 4)


@pytest.mark.parametrize(
    ("formats", "zero_points", "largest"),
    [
        (("int8", "int8"), (None, None), 131_071),
        (("uint8", "int8"), (None, None), 65_793),
        (("uint8", "uint8"), (255, 0), 33_025),
        (("uint8", "int8"), (128, 0), 65_793),
        (("int8", "int8"), (127, -128), 33_025),
        (("int8", "int8"), (3, None), 128_070),
    ],
    ids=str,
)
def test_the_longest_sum_is_exact_and_one_more_is_an_error(formats, zero_points, largest):
    """At the largest K the worst codes come within one product of 2**31, with either sign."""

    def operand(index, shape, high):
        spec = ql.dtype(formats[index])
        code = spec.max if high else spec.min
        return ql.QTensor(torch.full(shape, code), ql.QParams(1.0, zero_points[index], spec.name))

    for a_high in (False, True):
        for b_high in (False, True):
            a, b = operand(0, (1, largest), a_high), operand(1, (largest, 1), b_high)
            assert torch.equal(ql.int_matmul(a, b).long(), centered(a) @ centered(b))
    a, b = operand(0, (1, largest + 1), True), operand(1, (largest + 1, 1), True)
    for product in (ql.int_matmul, ql.quantized_matmul):
        with pytest.raises(
            ValueError, match=rf"K = {largest + 1} .* can overflow int32; the largest K .* is {largest}"
        ):
            product(a, b)


def by_groups(a, b):
    """The sum of every K's own product of reals, in float64."""
    return (centered(a) * spread_scale(a)) @ (centered(b) * spread_scale(b))


POWERS = torch.tensor([1.0, 0.5, 2.0, 0.25, 4.0])  # scales with which float64 sums are exact in any order


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_groups_along_k_of_either_operand(data):
    m, k, n = (data.draw(st.integers(1, 12)) for _ in range(3))
    pick = st.sampled_from

    def operand(shape, axis, other):
        size = data.draw(st.integers(1, 14))
        granularity = data.draw(pick([ql.PerGroup(size, axis), ql.PerGroup(size, axis), ql.PerTensor(), other]))
        seed = data.draw(st.integers(0, 999))
        shared = granularity.scale_shape(shape)
        scale = POWERS[torch.randint(0, 5, shared, generator=torch.Generator().manual_seed(seed))]
        return make(shape, data.draw(pick(NARROW)), granularity, data.draw(st.booleans()), seed, scale)

    a, b = operand((m, k), -1, ql.PerAxis(0)), operand((k, n), 0, ql.PerAxis(-1))
    expected = by_groups(a, b)
    assert torch.equal(ql.quantized_matmul(a, b), expected.float())
    out = ql.QParams(8.0, 3, "int8")
    assert torch.equal(ql.quantized_matmul(a, b, out).data, ql.quantize(expected, out).data)
    bias = torch.arange(n) * 0.5
    assert torch.equal(ql.quantized_matmul(a, b, bias=bias), (expected + bias).float())


def test_groups_with_ordinary_scales_are_right_to_the_last_bit_but_one():
    a = make((16, 256), "uint8", ql.PerAxis(0))
    b = make((256, 24), "int4", ql.PerGroup(32, axis=0), affine=False)
    expected = by_groups(a, b)
    torch.testing.assert_close(ql.quantized_matmul(a, b).double(), expected, rtol=2.0**-24, atol=1e-9)


def test_a_group_as_long_as_k_is_no_group():
    a, b = make((4, 10), "uint8", ql.PerGroup(16)), make((10, 3), "int8", ql.PerGroup(10, axis=0))
    assert torch.equal(ql.int_matmul(a, b).long(), centered(a) @ centered(b))


@pytest.mark.parametrize("name", ["int8", "uint4", "int16", "float8_e4m3fn"])
def test_the_result_as_codes(name):
    a, b = make((9, 40), "uint8", ql.PerAxis(0)), make((40, 6), "int8", ql.PerAxis(1), affine=False)
    bias = torch.randn(6, generator=torch.Generator().manual_seed(1)) * 1000
    real = (centered(a) @ centered(b)).double() * (a.qparams.scale.double() * b.qparams.scale.double()) + bias
    out = ql.choose_qparams(real, name, granularity=ql.PerAxis(1))
    result = ql.quantized_matmul(a, b, out, bias)
    assert result.qparams is out
    assert torch.equal(result.data, ql.quantize(real, out).data)


def test_an_int32_bias_is_added_before_the_scales():
    a, b = make((3, 8), "uint8"), make((8, 4), "int8", ql.PerAxis(1))
    bias = torch.tensor([5, -7, 100_000, 0], dtype=torch.int32)
    expected = ((centered(a) @ centered(b)) + bias).double() * (a.qparams.scale.double() * b.qparams.scale.double())
    assert torch.equal(ql.quantized_matmul(a, b, bias=bias), expected.float())


def test_operands_in_any_memory_layout():
    """QTensor keeps the strides it is given; a transposed weight is the ordinary case."""
    w = make((5, 64), "int8", ql.PerAxis(0))
    transposed = ql.QTensor(
        w.data.t(), ql.QParams(w.qparams.scale.t(), w.qparams.zero_point.t(), "int8", ql.PerAxis(1))
    )
    one = ql.QTensor(torch.tensor([[3]]).expand(7, 64), ql.QParams(0.5, 1, "uint8"))
    assert torch.equal(ql.int_matmul(one, transposed).long(), centered(one) @ centered(w).t())


def test_neither_operand_is_changed():
    a, b = make((6, 16), "uint8", ql.PerAxis(0)), make((16, 6), "uint8", ql.PerAxis(1))
    kept = [t.clone() for qt in (a, b) for t in (qt.data, qt.qparams.zero_point)]
    ql.quantized_matmul(a, b)
    assert all(map(torch.equal, kept, [t for qt in (a, b) for t in (qt.data, qt.qparams.zero_point)]))


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (make((2, 3)), make((4, 5)), r"\(\.\.\., M, K\) and \(\.\.\., K, N\), got \(2, 3\) and \(4, 5\)"),
        (make((3,)), make((3, 5)), r"got \(3,\) and \(3, 5\)"),
        (make((2, 3, 4)), make((3, 4, 5)), r"batch axes of \(2, 3, 4\) and \(3, 4, 5\) do not broadcast"),
        (make((2, 3), "int16"), make((3, 4)), "8 bits or fewer can be multiplied, got int16"),
        (make((2, 3)), ql.quantize(torch.ones(3, 2), ql.QParams(1.0, dtype="nf4")), "got nf4"),
        (make((2, 3), "int8", ql.PerAxis(1)), make((3, 4)), r"under PerAxis\(axis=1\) .* along axis -1"),
        (make((2, 3)), make((3, 4), "int8", ql.PerAxis(0), affine=False), r"under PerAxis\(axis=0\) .* axis -2"),
        (make((2, 3)), make((3, 4), "int8", ql.PerGroup(2, axis=1)), r"per group along axis -2"),
    ],
    ids=["inner", "rank", "batch", "wide", "codebook", "a-along-k", "b-along-k", "groups-across-k"],
)
@pytest.mark.parametrize("product", [ql.int_matmul, ql.quantized_matmul], ids=["int", "quantized"])
def test_operands_that_cannot_be_multiplied(product, a, b, message):
    with pytest.raises(ValueError, match=message):
        product(a, b)


def test_groups_have_no_single_accumulator():
    with pytest.raises(ValueError, match=r"PerGroup\(group_size=2, axis=0\).*use quantized_matmul"):
        ql.int_matmul(make((2, 4)), make((4, 3), "int4", ql.PerGroup(2, axis=0)))


def test_tensors_must_be_quantized_first():
    with pytest.raises(TypeError, match="expected two QTensors, got Tensor"):
        ql.int_matmul(torch.ones(2, 3), make((3, 4)))


@pytest.mark.parametrize(
    ("b", "bias", "error", "message"),
    [
        (make((4, 3)), torch.ones(4), ValueError, r"bias must have shape \(3,\), .* got \(4,\)"),
        (make((4, 3)), torch.ones(3, dtype=torch.int64), TypeError, "float .* or int32"),
        (make((4, 3), "int8", ql.PerGroup(2, 0)), torch.ones(3, dtype=torch.int32), ValueError, "groups along K"),
    ],
    ids=["shape", "type", "int32-with-groups"],
)
def test_biases_that_do_not_fit(b, bias, error, message):
    with pytest.raises(error, match=message):
        ql.quantized_matmul(make((2, 4)), b, bias=bias)
