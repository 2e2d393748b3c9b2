"""What lesson 09 says of dynamic quantization in torch.ao, torchao and ONNX Runtime."""

import inspect
import warnings

import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import quantization
from torch import nn

import qlab as ql

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torchao import quantization as torchao


@pytest.fixture
def tokens():
    return torch.randn(16, 64, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def linear():
    torch.manual_seed(0)
    return nn.Linear(64, 32).requires_grad_(False)


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def session(model):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options)


def test_torch_ao_quantizes_all_tokens_of_a_call_with_one_scale(tokens, linear):
    (layer,) = torch.ao.quantization.quantize_dynamic(nn.Sequential(linear), {nn.Linear})
    alone, spoiled = layer(tokens)[1:], tokens.clone()
    spoiled[0] *= 50
    assert not torch.allclose(layer(spoiled)[1:], alone, atol=0.1)
    ours = ql.QuantLinear.from_float(linear, activation="int8")
    assert torch.equal(ours(spoiled)[1:], ours(tokens)[1:])


def test_torchao_quantizes_each_token_by_itself_symmetric(tokens, linear):
    model = nn.Sequential(linear)
    torchao.quantize_(model, torchao.Int8DynamicActivationInt8WeightConfig())
    spoiled = tokens.clone()
    spoiled[0] *= 50
    torch.testing.assert_close(model(spoiled)[1:], model(tokens)[1:])
    assert isinstance(model[0].weight, torch.Tensor) and type(model[0].weight.data) is not torch.Tensor
    assert model[0].weight.qdata.dtype == torch.int8
    assert ql.sqnr(linear(tokens), model(tokens)) > 38
    flipped = model(-tokens) - linear.bias
    torch.testing.assert_close(flipped, linear.bias - model(tokens), atol=2e-2, rtol=0)  # codes mirror but for -128


def test_dynamic_quantize_linear_is_affine_with_one_scale(tokens):
    node = helper.make_node("DynamicQuantizeLinear", ["x"], ["codes", "scale", "zero_point"])
    kinds = {"codes": TensorProto.UINT8, "scale": TensorProto.FLOAT, "zero_point": TensorProto.UINT8}
    outputs = [helper.make_tensor_value_info(name, kind, None) for name, kind in kinds.items()]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, tokens.shape)
    model = helper.make_model(
        helper.make_graph([node], "g", [x], outputs), opset_imports=[helper.make_opsetid("", 21)], ir_version=10
    )
    codes, scale, zero_point = session(model).run(None, {"x": tokens.numpy()})
    qparams = ql.choose_qparams(tokens, "uint8", "affine")
    assert scale == pytest.approx(qparams.scale.item(), rel=1e-6) and zero_point == qparams.zero_point
    ours = ql.quantize(tokens, qparams).data
    assert (torch.from_numpy(codes).int() - ours.int()).abs().max() <= 1 and (
        ours == torch.from_numpy(codes)
    ).float().mean() > 0.999


def test_onnx_runtimes_quantize_dynamic_takes_a_file_and_writes_one(tmp_path, tokens, linear):
    assert list(inspect.signature(quantization.quantize_dynamic).parameters)[:2] == ["model_input", "model_output"]
    weight = numpy_helper.from_array(linear.weight.t().numpy().copy(), "w")
    shape = helper.make_tensor_value_info("x", TensorProto.FLOAT, tokens.shape)
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, [16, 32])
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [shape], [out], [weight])
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), tmp_path / "m.onnx"
    )
    quantization.quantize_dynamic(tmp_path / "m.onnx", tmp_path / "q.onnx")
    written = onnx.load(tmp_path / "q.onnx").graph
    kinds = {one.name.removeprefix("w_"): one.data_type for one in written.initializer}
    assert kinds == {"quantized": TensorProto.INT8, "scale": TensorProto.FLOAT, "zero_point": TensorProto.INT8}
    assert "DynamicQuantizeLinear" in [node.op_type for node in written.node]
