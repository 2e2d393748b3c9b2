"""Quantized layers against the weight they stand for in float64, and what copying, casting and saving must keep."""

import copy
import pickle

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import qlab as ql
from qlab.weight_products import BLOCK, quantize_tokens

FLOATS = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
FORMATS = {
    "int8 per tensor": {"weight": "int8", "granularity": ql.PerTensor()},
    "int8 per row": {"weight": "int8"},
    "uint8 affine per row": {"weight": "uint8", "scheme": "affine"},
    "int8 per column": {"weight": "int8", "granularity": ql.PerAxis(-1)},
    "int4 per row": {"weight": "int4"},
    "int4 groups": {"weight": "int4", "granularity": ql.PerGroup(8)},
    "int4 ragged groups": {"weight": "int4", "granularity": ql.PerGroup(10, axis=1)},
    "uint4 affine groups": {"weight": "uint4", "scheme": "affine", "granularity": ql.PerGroup(8)},
    "int3 groups of rows": {"weight": "int3", "granularity": ql.PerGroup(4, axis=0)},
    "int5 affine groups of rows": {"weight": "int5", "scheme": "affine", "granularity": ql.PerGroup(4, axis=-2)},
    "int2 one group": {"weight": "int2", "granularity": ql.PerGroup(100)},
    "nf4 groups": {"weight": "nf4", "granularity": ql.PerGroup(8)},
    "nf4 per row": {"weight": "nf4"},
}
MULTIPLIED = [name for name in FORMATS if "nf4" not in name and "column" not in name and "of rows" not in name]
every_format = pytest.mark.parametrize("options", FORMATS.values(), ids=FORMATS)


def make_linear(inputs=37, outputs=11, bias=True, dtype=torch.float32):
    torch.manual_seed(0)
    return nn.Linear(inputs, outputs, bias).to(dtype)


def tokens(*shape, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1)).to(dtype)


def qtensor(linear, weight="int8", scheme="symmetric", granularity=None):
    granularity = granularity or ql.PerAxis(0)
    qparams = ql.choose_qparams(linear.weight, weight, scheme, granularity, scale_dtype=linear.weight.dtype)
    return ql.quantize(linear.weight, qparams)


def exactly(qt):
    """The weight in float64, by the formula, a scale for every element."""
    qp, shape = qt.qparams, tuple(qt.shape)
    codes = ql.values("nf4").double()[qt.data.long()] if qp.dtype == "nf4" else qt.data.double()
    if qp.zero_point is not None:
        codes = codes - qp.granularity.spread(qp.zero_point, shape)
    return codes * qp.granularity.spread(qp.scale.double(), shape)


def check_weight_only(linear, layer, x, **options):
    """Within the rounding of sums of K terms, and of the four roundings in the result's type around them."""
    weight = exactly(qtensor(linear, **options))
    bias = torch.zeros(linear.out_features) if linear.bias is None else linear.bias
    expected = F.linear(x.double(), weight, bias.double())
    size = F.linear(x.double().abs(), weight.abs(), bias.double().abs())
    # float16 is summed in float32. Each of K products and sums may round, and each weight where it is scaled.
    compute = torch.float32 if x.dtype == torch.float16 else x.dtype
    accumulate = torch.float32 if compute == torch.bfloat16 else compute
    terms = linear.in_features * torch.finfo(accumulate).eps + 3 * torch.finfo(compute).eps
    bound = size * terms + expected.abs() * torch.finfo(x.dtype).eps + torch.finfo(x.dtype).tiny
    actual = layer(x)
    assert actual.dtype == x.dtype and actual.shape == expected.shape
    assert ((actual.double() - expected).abs() <= bound).all()


@every_format
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_weight_only_is_the_product_with_the_weight_the_codes_stand_for(options, dtype):
    linear = make_linear(dtype=dtype)
    layer = ql.QuantLinear.from_float(linear, **options)
    check_weight_only(linear, layer, tokens(5, 37, dtype=dtype), **options)
    assert torch.equal(layer.qweight.data, qtensor(linear, **options).data)
    assert torch.equal(layer.weight, ql.dequantize(qtensor(linear, **options))) and layer.weight.dtype == dtype


@pytest.mark.parametrize("shape", [(37,), (0, 37), (1, 37), (2, 0, 37), (2, 3, 4, 37)], ids=str)
@pytest.mark.parametrize("activation", [None, "int8"])
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
def test_shapes_are_those_of_nn_linear(shape, activation, bias):
    linear = make_linear(bias=bias)
    layer = ql.QuantLinear.from_float(linear, activation=activation)
    x = tokens(*shape)
    assert layer(x).shape == linear(x).shape
    assert torch.equal(layer(x), layer(x.reshape(-1, 37)).view(*shape[:-1], 11))
    if activation is None:
        check_weight_only(linear, layer, x)


def test_strided_input():
    layer = ql.QuantLinear.from_float(make_linear(), activation="int8")
    x = tokens(37, 6).t()
    assert torch.equal(layer(x), layer(x.contiguous()))


@pytest.mark.parametrize("options", [FORMATS[n] for n in ("int8 per row", "int5 affine groups of rows")], ids=str)
def test_a_weight_of_several_blocks(options):
    linear = make_linear(BLOCK // 4, 10)
    check_weight_only(linear, ql.QuantLinear.from_float(linear, **options), tokens(2, BLOCK // 4), **options)


def test_float16_sums_do_not_overflow_where_the_result_fits():
    linear = nn.Linear(4096, 1, bias=False).half()
    linear.weight.data.fill_(0.01)
    x = torch.full((1, 4096), 100.0).half()  # the codes alone would sum to 127 * 4096 * 100
    assert ql.QuantLinear.from_float(linear)(x).item() == pytest.approx(4096, rel=1e-3)


def by_quantized_matmul(linear, x, activation, **options):
    qt = qtensor(linear, **options)
    qp, granularity = qt.qparams, qt.qparams.granularity
    if isinstance(granularity, ql.PerGroup):
        granularity = ql.PerGroup(granularity.group_size, axis=0)
    elif isinstance(granularity, ql.PerAxis):
        granularity = ql.PerAxis(1)
    zero_point = None if qp.zero_point is None else qp.zero_point.t()
    columns = ql.QTensor(qt.data.t(), ql.QParams(qp.scale.t(), zero_point, qp.dtype, granularity))
    rows = ql.quantize(x.float(), ql.choose_qparams(x.float(), activation, "symmetric", ql.PerAxis(0)))
    return ql.quantized_matmul(rows, columns, bias=linear.bias)


@pytest.mark.parametrize("name", MULTIPLIED)
@pytest.mark.parametrize("activation", ["int8", "int4"])
@pytest.mark.parametrize("count", [1, 5, 200])
def test_with_activations_it_is_quantized_matmul(name, activation, count):
    linear, x = make_linear(), tokens(count, 37)
    layer = ql.QuantLinear.from_float(linear, activation=activation, **FORMATS[name])
    assert torch.equal(layer(x), by_quantized_matmul(linear, x, activation, **FORMATS[name]))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_activations_are_quantized_in_float32_and_the_result_is_rounded_once(dtype):
    linear, x = make_linear(dtype=dtype), tokens(5, 37, dtype=dtype)
    layer = ql.QuantLinear.from_float(linear, activation="int8")
    assert torch.equal(layer(x), by_quantized_matmul(linear, x, "int8").to(dtype))


def test_tokens_are_quantized_like_anything_else():
    x = tokens(64, 100) * torch.logspace(-30, 30, 64).view(-1, 1)
    x[3] = 0
    for name in ("int8", "int5", "int2"):
        codes, scale = quantize_tokens(x, ql.dtype(name))
        expected = ql.quantize(x, ql.choose_qparams(x, name, "symmetric", ql.PerAxis(0)))
        assert torch.equal(codes, expected.data)
        others = torch.arange(64) != 3  # zeros have the same codes under any scale
        assert torch.equal(scale[others], expected.qparams.scale[others])


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf], ids=str)
def test_a_token_that_is_not_finite_spoils_its_own_row_only(bad):
    layer = ql.QuantLinear.from_float(make_linear(), activation="int8")
    x = tokens(3, 37)
    spoiled = x.clone()
    spoiled[1, 4] = bad
    y = layer(spoiled)
    assert not y[1].isfinite().any() and torch.equal(y[::2], layer(x)[::2])
    assert layer(torch.full((1, 37), 1e-45)).isfinite().all() and torch.equal(
        layer(0 * x), layer.bias.expand(3, 11)
    )


@every_format
def test_state_dict_safetensors_deepcopy_and_pickle(options, tmp_path):
    from safetensors.torch import load_file, save_file

    layer, x = ql.QuantLinear.from_float(make_linear(), **options), tokens(5, 37)
    torch.manual_seed(5)
    other = ql.QuantLinear.from_float(nn.Linear(37, 11), **options)
    assert not torch.equal(other(x), layer(x))
    other.load_state_dict(layer.state_dict())
    save_file(layer.state_dict(), tmp_path / "layer.safetensors")
    loaded = ql.QuantLinear.from_float(nn.Linear(37, 11), **options)
    loaded.load_state_dict(load_file(tmp_path / "layer.safetensors"))
    for twin in (other, loaded, copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert torch.equal(twin(x), layer(x)) and repr(twin) == repr(layer)
    assert not list(layer.parameters())


def test_buffers_are_packed_and_named_after_the_format():
    linear = make_linear(37, 11)
    options = {"weight": "uint4", "scheme": "affine", "granularity": ql.PerGroup(8)}
    state = ql.QuantLinear.from_float(linear.half(), **options).state_dict()
    assert {name: (tuple(t.shape), t.dtype) for name, t in state.items()} == {
        "codes_uint4": ((11, 19), torch.uint8),
        "scale": ((11, 5), torch.float16),
        "zero_point": ((11, 5), torch.uint8),
        "bias": ((11,), torch.float16),
    }
    assert torch.equal(state["codes_uint4"], ql.pack(qtensor(linear, **options).data, 4))
    with pytest.raises(RuntimeError, match="codes_nf4"):
        ql.QuantLinear.from_float(linear, "nf4").load_state_dict(
            ql.QuantLinear.from_float(linear, "int4").state_dict()
        )


def test_packed_weights_give_what_unpacked_ones_give():
    """int4 codes are int8 codes as well: the same numbers, once packed and once not."""
    qt = qtensor(make_linear(), "int4", granularity=ql.PerGroup(8))
    wide = ql.QTensor(qt.data, ql.QParams(qt.qparams.scale, None, "int8", ql.PerGroup(8)))
    x, packed, unpacked = tokens(5, 37), ql.QuantLinear(qt), ql.QuantLinear(wide)
    assert torch.equal(packed(x), unpacked(x))
    assert ql.memory_footprint(unpacked) - ql.memory_footprint(packed) == 11 * (37 - 19)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("activation", [None, "int8"])
def test_casting_changes_scale_and_bias_only(dtype, activation):
    layer = ql.QuantLinear.from_float(make_linear(), "uint8", activation, scheme="affine")
    cast, x = copy.deepcopy(layer).to(dtype), tokens(5, 37, dtype=dtype)
    assert torch.equal(cast.codes_uint8, layer.codes_uint8) and torch.equal(cast.zero_point, layer.zero_point)
    assert cast.codes_uint8.dtype == cast.zero_point.dtype == torch.uint8
    assert cast.scale.dtype == cast.bias.dtype == cast(x).dtype == dtype
    torch.testing.assert_close(cast(x).float(), layer(x.float()), rtol=0.02, atol=0.02)


def test_the_input_decides_the_type_of_the_result():
    layer = ql.QuantLinear.from_float(make_linear())
    assert {layer(tokens(2, 37, dtype=dtype)).dtype for dtype in FLOATS} == set(FLOATS)


@pytest.mark.parametrize("activation", [None, "int8"])
def test_the_gradient_of_the_input_is_that_of_the_float_weight(activation):
    layer, x = ql.QuantLinear.from_float(make_linear(), activation=activation), tokens(2, 3, 37).requires_grad_()
    y = layer(x)
    assert torch.equal(y, layer(x.detach())) and not layer(x.detach()).requires_grad
    y.square().sum().backward()
    torch.testing.assert_close(x.grad, 2 * y.detach() @ layer.weight)


@pytest.mark.parametrize(
    ("conv", "image"),
    [
        (nn.Conv2d(3, 8, 3, padding=1), (2, 3, 9, 9)),
        (nn.Conv2d(4, 8, (3, 2), stride=(2, 1), dilation=2, groups=2, bias=False), (1, 4, 9, 9)),
        (nn.Conv2d(4, 4, 3, padding="same", groups=4), (4, 7, 7)),
    ],
    ids=["padded", "grouped", "depthwise"],
)
@pytest.mark.parametrize(
    "options", [{}, {"weight": "int4"}, {"weight": "int3", "granularity": ql.PerGroup(2, 1)}], ids=str
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_convolutions_are_those_of_the_weight_the_codes_stand_for(conv, image, options, dtype):
    conv = copy.deepcopy(conv).to(dtype)
    layer, x = ql.QuantConv2d.from_float(conv, **options), tokens(*image, dtype=dtype)
    expected = copy.deepcopy(conv)
    expected.weight.data = ql.dequantize(qtensor(conv, **options))
    assert torch.equal(layer(x), expected(x))
    conv.weight.data.zero_()
    twin = ql.QuantConv2d.from_float(conv, **options)
    twin.load_state_dict(layer.state_dict())
    assert torch.equal(copy.deepcopy(twin)(x), expected(x))


def test_a_padding_mode_that_conv2d_does_not_have():
    with pytest.raises(ValueError, match="padding_mode must be 'zeros', got 'reflect'"):
        ql.QuantConv2d.from_float(nn.Conv2d(1, 1, 3, padding=1, padding_mode="reflect"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weight": "int16"}, "integer format of 8 bits or fewer, or in nf4; got int16"),
        ({"weight": "float8_e4m3fn"}, "or in nf4; got float8_e4m3fn"),
        ({"weight": "itn8"}, "did you mean 'int8'"),
        ({"activation": "uint8"}, "activations can be int2 to int8, .* got uint8"),
        ({"activation": "float16"}, "got float16"),
        ({"activation": "int8", "weight": "nf4"}, "integer formats of 8 bits or fewer can be multiplied, got nf4"),
        ({"activation": "int8", "granularity": ql.PerAxis(1)}, "that axis is summed"),
        ({"scheme": "symetric"}, "did you mean 'symmetric'"),
    ],
    ids=str,
)
def test_formats_that_no_layer_can_have(options, message):
    with pytest.raises(ValueError, match=message):
        ql.QuantLinear.from_float(make_linear(), **options)


def test_a_sum_that_can_overflow_int32_is_refused_when_the_layer_is_made():
    linear = nn.Linear(2**17, 1)
    with pytest.raises(ValueError, match=r"the largest K .* is 131071"):
        ql.QuantLinear.from_float(linear, activation="int8")
    assert ql.QuantLinear.from_float(linear)(torch.zeros(1, 2**17)).shape == (1, 1)


def test_input_of_another_length():
    with pytest.raises(ValueError, match=r"expected input of shape \(\.\.\., 37\), got \(2, 36\)"):
        ql.QuantLinear.from_float(make_linear())(tokens(2, 36))
