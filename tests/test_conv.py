"""Integer convolution against float64's, which is exact on these sums, and against torch's quantized kernels."""

import warnings

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

import qlab as ql

NARROW = [f"{sign}int{bits}" for sign in ("", "u") for bits in range(2, 9)]
PER_TENSOR = ql.PerTensor()


def make(shape, name="int8", granularity=PER_TENSOR, affine=True, seed=0):
    """A QTensor of random legal codes, zero points and scales."""
    generator = torch.Generator().manual_seed(seed)
    spec, shared = ql.dtype(name), granularity.scale_shape(shape)
    codes = torch.randint(spec.min, spec.max + 1, shape, generator=generator)
    zero_point = torch.randint(spec.min, spec.max + 1, shared, generator=generator) if affine else None
    return ql.QTensor(
        codes, ql.QParams(torch.rand(shared, generator=generator) + 0.1, zero_point, name, granularity)
    )


def centered(qt):
    """Codes less zero points, float64."""
    return qt.data.double() - (0 if qt.qparams.zero_point is None else qt.qparams.zero_point)


def by_torch(a, w, **how):
    """Zero padding of the centered input, in float64: integers below 2**53 are exact there."""
    return F.conv2d(centered(a), centered(w), **how)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_every_shape_format_and_zero_point(data):
    draw, size = data.draw, st.integers(1, 3)
    groups, kernel = draw(size), (draw(size), draw(size))
    stride, padding = (draw(size), draw(size)), (draw(st.integers(0, 3)), draw(st.integers(0, 3)))
    image = [draw(st.integers(max(1, k - 2 * p), 8)) for k, p in zip(kernel, padding, strict=True)]
    c, o = draw(size), draw(size)
    shape, weight_shape = (draw(size), c * groups, *image), (o * groups, c, *kernel)
    kind = st.tuples(st.sampled_from(NARROW), st.sampled_from([PER_TENSOR, ql.PerAxis(0)]), st.booleans())
    a = make(shape, *draw(kind), seed=draw(st.integers(0, 999)))
    w = make(weight_shape, *draw(kind), seed=draw(st.integers(0, 999)))
    how = {"stride": stride, "padding": padding, "groups": groups}
    expected = by_torch(a, w, **how)
    result = ql.int_conv2d(a, w, **how)
    assert result.dtype == torch.int32 and result.is_contiguous()
    assert torch.equal(result.double(), expected)
    scale = a.qparams.scale.double() * w.qparams.scale.double().reshape(1, -1, 1, 1)
    assert torch.equal(ql.quantized_conv2d(a, w, **how), (expected * scale).float())


def test_one_number_is_height_and_width():
    a, w = make((1, 2, 7, 9), "uint8"), make((3, 2, 3, 2))
    assert torch.equal(ql.int_conv2d(a, w, 2, 1), ql.int_conv2d(a, w, (2, 2), (1, 1)))
    assert torch.equal(ql.int_conv2d(a, w, (1, 2), (0, 1)).double(), by_torch(a, w, stride=(1, 2), padding=(0, 1)))


def test_the_border_counts_nothing():
    """A kernel of ones over an input of zero points sums to 0 everywhere, the padded border included."""
    a = ql.QTensor(torch.full((1, 1, 4, 4), 7), ql.QParams(0.1, 7, "uint8"))
    w = ql.QTensor(torch.ones(1, 1, 3, 3, dtype=torch.int8), ql.QParams(0.1))
    assert not ql.int_conv2d(a, w, padding=2).any()


def test_biases_in_real_units_and_in_steps():
    a, w = make((2, 3, 6, 6), "uint8"), make((4, 3, 3, 3), "int8", ql.PerAxis(0), affine=False)
    scale = a.qparams.scale.double() * w.qparams.scale.double().reshape(1, -1, 1, 1)
    bias = torch.tensor([0.5, -100.0, 3.25, 0.0])
    real = by_torch(a, w) * scale + bias.double().view(-1, 1, 1)
    assert torch.equal(ql.quantized_conv2d(a, w, bias), real.float())
    steps = torch.tensor([5, -7, 100_000, 0], dtype=torch.int32)
    real = (by_torch(a, w) + steps.view(-1, 1, 1)) * scale
    assert torch.equal(ql.quantized_conv2d(a, w, steps), real.float())


@pytest.mark.parametrize("granularity", [PER_TENSOR, ql.PerAxis(1), ql.PerGroup(2, axis=1)], ids=str)
@pytest.mark.parametrize("name", ["uint8", "int4", "float8_e4m3fn"])
def test_the_result_as_codes(name, granularity):
    a, w = make((2, 3, 6, 6), "uint8"), make((4, 3, 3, 3), "int8", ql.PerAxis(0))
    real = by_torch(a, w, padding=1) * (a.qparams.scale.double() * w.qparams.scale.double().reshape(1, -1, 1, 1))
    out = ql.choose_qparams(real, name, granularity=granularity)
    result = ql.quantized_conv2d(a, w, padding=1, out_qparams=out)
    assert torch.equal(result.data, ql.quantize(real, out).data)


@pytest.mark.parametrize(
    ("a", "w", "how", "message"),
    [
        (make((3, 6, 6)), make((4, 3, 3, 3)), {}, r"expected input \(B, C, H, W\) .* got input \(3, 6, 6\)"),
        (make((1, 3, 6, 6)), make((4, 2, 3, 3)), {}, "channels of input .* do not fit"),
        (make((1, 4, 6, 6)), make((3, 2, 3, 3)), {"groups": 2}, "multiples of groups"),
        (make((1, 4, 6, 6)), make((4, 4, 3, 3)), {"groups": 0}, "groups 0"),
        (make((1, 1, 2, 9)), make((1, 1, 3, 3)), {}, "kernel does not fit"),
        (make((1, 1, 6, 6)), make((1, 1, 3, 3)), {"stride": 0}, "stride must be an integer of at least 1.*got 0"),
        (make((1, 1, 6, 6)), make((1, 1, 3, 3)), {"padding": (1, -1)}, r"padding .* at least 0.*got \(1, -1\)"),
        (make((1, 1, 6, 6)), make((1, 1, 3, 3)), {"stride": (1, 1, 1)}, r"\(height, width\), got \(1, 1, 1\)"),
        (make((1, 2, 6, 6), "int8", ql.PerAxis(1)), make((4, 2, 3, 3)), {}, r"PerAxis\(axis=1\) gives scales"),
        (make((1, 2, 6, 6)), make((4, 2, 3, 3), "int8", ql.PerGroup(2, 0)), {}, r"PerGroup.* gives scales"),
        (make((1, 2, 6, 6), "int16"), make((4, 2, 3, 3)), {}, "8 bits or fewer"),
        (make((1, 131_072, 1, 1), affine=False), make((1, 131_072, 1, 1), affine=False), {}, "largest K .* 131071"),
    ],
    ids=[
        "rank",
        "channels",
        "out-channels",
        "groups",
        "kernel",
        "stride",
        "padding",
        "three",
        "a-axis",
        "w-group",
        "wide",
        "overflow",
    ],
)
def test_operands_that_cannot_be_convolved(a, w, how, message):
    for convolve in (ql.int_conv2d, ql.quantized_conv2d):
        with pytest.raises(ValueError, match=message):
            convolve(a, w, **how)


def test_a_bias_that_does_not_fit():
    with pytest.raises(ValueError, match=r"bias must have shape \(4,\), .* got \(3,\)"):
        ql.quantized_conv2d(make((1, 2, 6, 6)), make((4, 2, 3, 3)), torch.ones(3))


def test_tensors_must_be_quantized_first():
    with pytest.raises(TypeError, match="expected two QTensors, got Tensor"):
        ql.int_conv2d(torch.ones(1, 2, 6, 6), make((4, 2, 3, 3)))


@pytest.fixture(
    params=[e for e in ("fbgemm", "x86", "onednn", "qnnpack") if e in torch.backends.quantized.supported_engines]
)
def engine(request):
    """One of torch's quantized engines; the one before is put back."""
    before = torch.backends.quantized.engine
    torch.backends.quantized.engine = request.param
    yield request.param
    torch.backends.quantized.engine = before


@pytest.mark.parametrize("seed", range(10))
def test_equal_to_torchs_quantized_conv_relu(engine, seed):
    """Every code, from the integers that torch stores. fbgemm, x86 and onednn add the bias as a float to the scaled
    sum; qnnpack adds an int32 at the accumulator's scale. Weights of 7 bits, so that no engine saturates 16 bits on
    an older processor."""
    torch.manual_seed(seed)
    x, weight, bias = torch.randn(2, 3, 12, 12), torch.randn(8, 3, 3, 3), torch.randn(8)
    a_qp, out = ql.choose_qparams(x, "uint8"), ql.QParams(0.11, 0, "uint8")
    per_channel = ql.PerAxis(0) if engine != "qnnpack" else PER_TENSOR
    w_qp = ql.choose_qparams(weight, "int7", "symmetric", per_channel)
    a, w = ql.quantize(x, a_qp), ql.quantize(weight, w_qp)
    expected = torch_conv_relu(a, w, bias, out)
    if engine == "qnnpack":
        step = a_qp.scale * w_qp.scale
        bias = (bias / step).round().to(torch.int32)
    result = ql.quantized_conv2d(a, w, bias, stride=2, padding=1, out_qparams=out)
    assert torch.equal(result.data, expected)


def torch_conv_relu(a, w, bias, out):
    """The codes of torch's quantized conv + ReLU on these operands."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the quantized dtypes are deprecated; as an oracle they serve
        qx = torch._make_per_tensor_quantized_tensor(a.data, a.qparams.scale.item(), a.qparams.zero_point.item())
        scale = w.qparams.scale.flatten()
        if len(scale) == 1:
            qw = torch._make_per_tensor_quantized_tensor(w.data, scale.item(), 0)
        else:
            qw = torch._make_per_channel_quantized_tensor(
                w.data, scale, torch.zeros(len(scale), dtype=torch.long), 0
            )
        packed = torch.ops.quantized.conv2d_prepack(qw, bias, [2, 2], [1, 1], [1, 1], 1)
        y = torch.ops.quantized.conv2d_relu(qx, packed, out.scale.item(), out.zero_point.item())
        return y.int_repr()
