"""Differential tests against torchao, ONNX's reference evaluator and optimum-quanto.

Bit for bit where the conventions are the same. torchao multiplies by 1 / scale, which can differ from x / scale
only within rounding error of a tie; that is asserted, and the counts are printed (`pytest -s`).
"""

import logging
import warnings

import ml_dtypes
import numpy as np
import pytest
import torch
from test_against_torch import assert_equal_but_at_ties, samples

import qlab as ql

logging.disable(logging.WARNING)  # torchao warns of GPU kernels that it cannot load on a CPU
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import onnx
    import torchao.quantization as torchao_layers
    import torchao.quantization.quant_primitives as torchao
    from onnx.reference import ReferenceEvaluator
    from optimum import quanto
logging.disable(logging.NOTSET)

GRANULARITIES = [
    pytest.param(g, block, id=name)
    for name, g, block in [
        ("per-tensor", ql.PerTensor(), lambda rows, columns: (rows, columns)),
        ("first-axis", ql.PerAxis(0), lambda rows, columns: (1, columns)),
        ("last-axis", ql.PerAxis(1), lambda rows, columns: (rows, 1)),
        ("groups-of-32", ql.PerGroup(32), lambda rows, columns: (1, 32)),
    ]
]


# torchao


def torchao_qparams(x, name, mapping, block, **options):
    """Its scale and zero point for a format of 8 bits or fewer, flat."""
    spec = ql.dtype(name)
    options = {"quant_min": spec.min, "quant_max": spec.max} | options
    target = torch.int8 if spec.signed else torch.uint8
    scale, zero_point = torchao.choose_qparams_affine(x, mapping, block, target, **options)
    return scale.flatten(), zero_point.flatten()


@pytest.mark.parametrize(("granularity", "block"), GRANULARITIES)
@pytest.mark.parametrize("name", ["int8", "uint8", "int4", "uint3"])
def test_torchao_chooses_our_affine_qparams(name, granularity, block):
    x = samples()
    scale, zero_point = torchao_qparams(x, name, torchao.MappingType.ASYMMETRIC, block(*x.shape))
    qp = ql.choose_qparams(x, name, "affine", granularity)
    assert torch.equal(qp.scale.flatten(), scale)
    assert torch.equal(qp.zero_point.flatten(), zero_point)


@pytest.mark.parametrize(("granularity", "block"), GRANULARITIES)
@pytest.mark.parametrize("name", ["int8", "int4", "int2"])
def test_torchao_divides_by_half_the_width_unless_the_range_is_symmetric(name, granularity, block):
    """max / 127.5 over -128 ... 127, and our max / 127 over -127 ... 127."""
    x, quant_max = samples(), ql.dtype(name).max
    qp = ql.choose_qparams(x, name, "symmetric", granularity)
    largest = ql.choose_qparams(x, "nf4", granularity=granularity).scale.flatten()  # nf4's largest value is 1
    symmetric = torchao.MappingType.SYMMETRIC
    scale, zero_point = torchao_qparams(x, name, symmetric, block(*x.shape))
    assert torch.equal(scale, largest / (quant_max + 0.5)) and not zero_point.any()
    scale, zero_point = torchao_qparams(x, name, symmetric, block(*x.shape), quant_min=-quant_max)
    assert torch.equal(scale, qp.scale.flatten()) and not zero_point.any()


def test_torchao_symmetric_uint8_has_zero_point_128_and_ours_none():
    x = samples().abs()
    scale, zero_point = torchao_qparams(x, "uint8", torchao.MappingType.SYMMETRIC, x.shape)
    qp = ql.choose_qparams(x, "uint8", "symmetric")
    assert zero_point.item() == 128 and qp.zero_point is None
    assert scale.item() == (x.max() / 127.5).item() and qp.scale.item() == (x.max() / 255).item()


def test_torchao_gives_zeros_the_smallest_normal_scale_and_we_give_them_one():
    zeros = torch.zeros(2, 4)
    scale, zero_point = torchao_qparams(zeros, "int8", torchao.MappingType.ASYMMETRIC, (1, 4))
    qp = ql.choose_qparams(zeros, "int8", "affine", ql.PerAxis(0))
    assert scale.tolist() == [torch.finfo(torch.float32).smallest_normal] * 2
    assert qp.scale.flatten().tolist() == [1.0, 1.0]
    assert torch.equal(qp.zero_point.flatten(), zero_point)


@pytest.mark.parametrize(("granularity", "block"), GRANULARITIES)
@pytest.mark.parametrize("scheme", ["affine", "symmetric"])
@pytest.mark.parametrize("name", ["int8", "int4"])
def test_torchao_quantizes_as_we_do_but_at_ties(name, scheme, granularity, block):
    x = samples()
    qp = ql.choose_qparams(x, name, scheme, granularity)
    ours = ql.quantize(x, qp)
    zero_point = torch.zeros_like(qp.scale, dtype=torch.int32) if qp.zero_point is None else qp.zero_point
    given = (qp.scale, zero_point, torch.int8, qp.quant_min, qp.quant_max)
    codes = torchao.quantize_affine(x, block(*x.shape), *given)
    spread = granularity.spread(qp.scale, x.shape)
    assert_equal_but_at_ties(codes, ours.data, x, spread, f"torchao {name} {scheme} {granularity}")
    assert torch.equal(torchao.dequantize_affine(ours.data, block(*x.shape), *given), ours.dequantize())


# ONNX

ONNX_TYPES = {
    "int2": onnx.TensorProto.INT2,
    "uint2": onnx.TensorProto.UINT2,
    "int4": onnx.TensorProto.INT4,
    "uint4": onnx.TensorProto.UINT4,
    "int8": onnx.TensorProto.INT8,
    "uint8": onnx.TensorProto.UINT8,
    "int16": onnx.TensorProto.INT16,
    "uint16": onnx.TensorProto.UINT16,
    "float8_e4m3fn": onnx.TensorProto.FLOAT8E4M3FN,
    "float8_e5m2": onnx.TensorProto.FLOAT8E5M2,
    "float4_e2m1fn": onnx.TensorProto.FLOAT4E2M1,
}
ONNX_GRANULARITIES = [
    pytest.param(ql.PerTensor(), {}, id="per-tensor"),
    pytest.param(ql.PerAxis(0), {"axis": 0}, id="first-axis"),
    pytest.param(ql.PerAxis(1), {"axis": 1}, id="last-axis"),
    pytest.param(ql.PerGroup(32), {"axis": 1, "block_size": 32}, id="groups-of-32"),
    pytest.param(ql.PerGroup(16, axis=0), {"axis": 0, "block_size": 16}, id="groups-along-first-axis"),
]


def onnx_run(operator, *inputs, **attributes):
    """One ONNX operator on numpy arrays, by the reference evaluator."""
    types = [onnx.helper.np_dtype_to_tensor_dtype(a.dtype) for a in inputs]
    names = [f"input{i}" for i in range(len(inputs))]
    values = [
        onnx.helper.make_tensor_value_info(n, t, a.shape) for n, t, a in zip(names, types, inputs, strict=True)
    ]
    node = onnx.helper.make_node(operator, names, ["output"], **attributes)
    output = onnx.helper.make_empty_tensor_value_info("output")
    graph = onnx.helper.make_graph([node], operator, values, [output])
    opset = onnx.helper.make_opsetid("", 25)
    model = onnx.helper.make_model(graph, opset_imports=[opset])
    return ReferenceEvaluator(model).run(None, dict(zip(names, inputs, strict=True)))[0]


def for_onnx(qp):
    """Scale and zero point as ONNX takes them: a vector per axis, the codes' type for the zero point."""
    flat = (lambda t: t.flatten()) if isinstance(qp.granularity, ql.PerAxis) else (lambda t: t)
    zero_point = torch.zeros_like(qp.scale, dtype=torch.int32) if qp.zero_point is None else qp.zero_point
    code_type = onnx.helper.tensor_dtype_to_np_dtype(ONNX_TYPES[qp.dtype])
    return flat(qp.scale).numpy(), flat(zero_point).numpy().astype(code_type)


@pytest.mark.parametrize(("granularity", "attributes"), ONNX_GRANULARITIES)
@pytest.mark.parametrize("scheme", ["affine", "symmetric"])
@pytest.mark.parametrize("name", [n for n in ONNX_TYPES if "float" not in n])
def test_onnx_integers_are_ours_bit_for_bit(name, scheme, granularity, attributes):
    x = samples() if ql.dtype(name).signed or scheme == "affine" else samples().abs()
    chosen = ql.choose_qparams(x, name, scheme, granularity)
    for factor in (1, 0.6):  # with the smaller scale a part of the data is clamped
        qp = ql.QParams(chosen.scale * factor, chosen.zero_point, name, granularity)
        ours = ql.quantize(x, qp)
        scale, zero_point = for_onnx(qp)
        codes = onnx_run("QuantizeLinear", x.numpy(), scale, zero_point, **attributes)
        np.testing.assert_array_equal(codes.astype(np.int32), ours.data.int().numpy())
        back = onnx_run("DequantizeLinear", codes, scale, zero_point, **attributes)
        np.testing.assert_array_equal(back, ours.dequantize().numpy())


def test_onnx_without_a_zero_point_is_our_symmetric_uint8():
    x = samples().relu()
    qp = ql.choose_qparams(x, "uint8", "symmetric")
    codes = onnx_run("QuantizeLinear", x.numpy(), qp.scale.numpy())
    assert codes.dtype == np.uint8 and np.array_equal(codes, ql.quantize(x, qp).data.numpy())


@pytest.mark.parametrize(("granularity", "attributes"), ONNX_GRANULARITIES)
@pytest.mark.parametrize("name", [n for n in ONNX_TYPES if "float" in n])
def test_onnx_floats_are_ours_bit_for_bit(name, granularity, attributes):
    x = samples()
    qp = ql.QParams(
        ql.choose_qparams(x, name, granularity=granularity).scale * 0.6, dtype=name, granularity=granularity
    )
    ours = ql.quantize(x, qp)
    assert (ours.data.abs() == ql.dtype(name).max).sum() > 10  # saturation is at work
    scale, zero_point = for_onnx(qp)
    codes = onnx_run("QuantizeLinear", x.numpy(), scale, zero_point, saturate=1, **attributes)
    np.testing.assert_array_equal(codes.astype(np.float32), ours.data.numpy())
    back = onnx_run("DequantizeLinear", codes, scale, **attributes)
    np.testing.assert_array_equal(back, ours.dequantize().numpy())


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", ["float8_e4m3fn", "float8_e5m2"])
def test_onnx_without_saturation_is_our_cast_without_it(name):
    x = samples() * ql.dtype(name).max
    scale, zero_point = np.float32(1.5), np.zeros((), getattr(ml_dtypes, name))
    codes = onnx_run("QuantizeLinear", x.numpy(), scale, zero_point, saturate=0).astype(np.float32)
    assert not np.isfinite(codes).all()
    np.testing.assert_array_equal(codes, ql.cast(x / scale, name, saturate=False).numpy())


# optimum-quanto


@pytest.mark.parametrize("axis", [0, -1])
@pytest.mark.parametrize("name", ["int8", "float8_e4m3fn", "float8_e5m2"])
def test_quanto_weights_are_ours_bit_for_bit(name, axis):
    """Symmetric, per axis: the largest magnitude over quant_max, 127 for int8."""
    x, qtype = samples(), quanto.qtypes[f"q{name}"]
    scale = quanto.AbsmaxOptimizer()(x, qtype, axis=axis)
    theirs = quanto.quantize_weight(x, qtype, axis, scale, optimized=False)
    qp = ql.choose_qparams(x, name, "symmetric", ql.PerAxis(axis))
    ours = ql.quantize(x, qp)
    assert torch.equal(scale, qp.scale)
    assert torch.equal(theirs._data.float(), ours.data.float())
    assert torch.equal(theirs.dequantize(), ours.dequantize())


def test_quanto_has_no_affine_scheme_of_8_bits():
    scale, shift = torch.ones(4, 1), torch.ones(4, 1)
    with pytest.raises(ValueError, match="shift cannot be specified for 8-bit"):
        quanto.quantize_weight(torch.ones(4, 4), quanto.qint8, 0, scale, shift)


def test_quanto_activations_are_ours_bit_for_bit():
    x = samples()
    scale = quanto.absmax_scale(x, quanto.qint8)
    theirs = quanto.quantize_activation(x, quanto.qint8, scale)
    ours = ql.quantize(x, ql.choose_qparams(x, "int8", "symmetric"))
    assert torch.equal(scale, ours.qparams.scale)
    assert torch.equal(theirs._data, ours.data)
    assert torch.equal(theirs.dequantize(), ours.dequantize())


# Its tensors of 2 and 4 bits compile a C++ kernel when they are unpacked, so codes are compared before packing.


@pytest.mark.parametrize("bits", [2, 4])
def test_quanto_groups_with_an_integer_zero_point_are_ours_bit_for_bit(bits):
    x, qtype = samples(), quanto.qtypes[f"qint{bits}"]
    scale, shift = quanto.MaxOptimizer()(x, qtype, axis=0, group_size=32, zeropoint=True)
    codes = torch.ops.quanto.quantize_affine(x, bits, 0, 32, scale, shift)
    qp = ql.choose_qparams(x, f"uint{bits}", "affine", ql.PerGroup(32))
    assert torch.equal(scale.flatten(), qp.scale.flatten())
    assert torch.equal(shift.flatten().int(), qp.zero_point.flatten())
    assert torch.equal(codes.reshape(x.shape), ql.quantize(x, qp).data)


def test_quanto_by_default_keeps_a_float_shift_and_loses_the_exact_zero():
    """Its numbers are codes * scale - shift, within half a step of x; 0 is no longer among them."""
    x = samples()
    x[:, ::32] = 0.0
    scale, shift = quanto.MaxOptimizer()(x, quanto.qint4, axis=0, group_size=32)
    codes = torch.ops.quanto.quantize_affine(x, 4, 0, 32, scale, shift)
    theirs = (codes * scale - shift).reshape(x.shape)
    qp = ql.choose_qparams(x, "uint4", "affine", ql.PerGroup(32))
    half_a_step = qp.granularity.spread(qp.scale, x.shape) / 2
    assert not ql.fake_quantize(x, qp)[x == 0].any()
    assert theirs[x == 0].any()
    assert ((theirs - x).abs() <= half_a_step * (1 + 2.0**-18)).all()


# Layers in a model, by the names that lesson 07 lists


def two_layers():
    torch.manual_seed(0)
    return torch.nn.ModuleDict({"fc": torch.nn.Linear(64, 32), "box_head": torch.nn.Linear(32, 4)})


@pytest.mark.parametrize("name", ["Int8WeightOnlyConfig", "Int8DynamicActivationInt8WeightConfig"])
def test_torchao_takes_the_layers_that_its_filter_names_and_divides_by_half_a_code_more(name):
    model, plain = two_layers(), two_layers()["fc"].weight.detach()
    torchao_layers.quantize_(model, getattr(torchao_layers, name)(), filter_fn=lambda _, name: name == "fc")
    assert type(model["box_head"].weight) is torch.nn.Parameter
    assert model["fc"].weight.qdata.dtype == torch.int8
    torch.testing.assert_close(model["fc"].weight.scale, plain.abs().amax(dim=1, keepdim=True) / 127.5)
    assert hasattr(torchao_layers, "Int4WeightOnlyConfig")  # its layers need a GPU


@pytest.mark.parametrize(("exclude", "left"), [("*head", ["box_head"]), ("head", [])])
def test_quanto_excludes_by_patterns_of_whole_names(exclude, left):
    model = two_layers()
    quanto.quantize(model, weights=quanto.qint4, activations=quanto.qint8, exclude=exclude)
    quanto.freeze(model)
    assert [name for name, layer in model.items() if type(layer) is torch.nn.Linear] == left
    assert model["fc"].input_scale == 1  # until it is calibrated
