"""Integer products under the names that torch, torchao and ONNX have for them: lesson 06's table of names."""

import pytest
import torch
from test_against_libraries import onnx_run
from torchao.kernel import int_scaled_matmul, safe_int_mm

import qlab as ql

GENERATOR = torch.Generator().manual_seed(0)
OUT = ql.QParams(0.03, 120, "uint8")


def quantized(shape, name, scheme):
    x = torch.randn(shape, generator=GENERATOR)
    return ql.quantize(x, ql.choose_qparams(x, name, scheme))


X, W = quantized((16, 32), "uint8", "affine"), quantized((32, 24), "int8", "affine")
IMAGE, KERNEL = quantized((2, 3, 6, 6), "uint8", "affine"), quantized((4, 3, 3, 3), "int8", "symmetric")


def for_onnx(qt):
    """Codes, scale and zero point as arrays of the types that ONNX asks for."""
    zero_point = 0 if qt.qparams.zero_point is None else qt.qparams.zero_point
    zero_point = torch.as_tensor(zero_point).to(qt.data.dtype)
    return qt.data.numpy(), qt.qparams.scale.numpy(), zero_point.numpy()


@pytest.mark.parametrize("product", [torch._int_mm, safe_int_mm])
def test_torch_multiplies_codes_and_knows_no_zero_points(product):
    x, w = (ql.quantize(t, ql.choose_qparams(t, "int8", "symmetric")) for t in (X.dequantize(), W.dequantize()))
    assert torch.equal(product(x.data, w.data), ql.int_matmul(x, w))


def test_torchao_scales_the_rows_alone():
    x, w = (ql.quantize(t, ql.choose_qparams(t, "int8", "symmetric")) for t in (X.dequantize(), W.dequantize()))
    rows = torch.rand(16, 1, generator=GENERATOR)
    expected = ql.int_matmul(x, w) * rows
    torch.testing.assert_close(int_scaled_matmul(x.data, w.data, rows), expected)


def test_onnx_sums_are_ours():
    (x, _, x_zero), (w, _, w_zero) = for_onnx(X), for_onnx(W)
    assert torch.equal(torch.from_numpy(onnx_run("MatMulInteger", x, w, x_zero, w_zero)), ql.int_matmul(X, W))
    (x, _, x_zero), (w, _, w_zero) = for_onnx(IMAGE), for_onnx(KERNEL)
    sums = onnx_run("ConvInteger", x, w, x_zero, w_zero)
    assert torch.equal(torch.from_numpy(sums), ql.int_conv2d(IMAGE, KERNEL))


def test_onnx_codes_are_ours_and_a_convolution_has_an_int32_bias():
    empty = for_onnx(ql.QTensor(torch.zeros(1, dtype=torch.uint8), OUT))
    codes = onnx_run("QLinearMatMul", *for_onnx(X), *for_onnx(W), *empty[1:])
    assert torch.equal(torch.from_numpy(codes), ql.quantized_matmul(X, W, OUT).data)
    bias = torch.tensor([-900, 0, 400, 1500], dtype=torch.int32)
    codes = onnx_run("QLinearConv", *for_onnx(IMAGE), *for_onnx(KERNEL), *empty[1:], bias.numpy())
    assert torch.equal(torch.from_numpy(codes), ql.quantized_conv2d(IMAGE, KERNEL, bias, out_qparams=OUT).data)


def test_tensorflow_lite_would_shift_to_the_left():
    """Its multiplier and shift are those of frexp: real = m / 2**31 * 2**shift. Ours is the same to the right."""
    for real in (0.0070658, 0.3, 0.75, 1.5, 40.0):
        multiplier, shift = ql.quantize_multiplier(real)
        mantissa, exponent = torch.frexp(torch.tensor(real, dtype=torch.float64))
        assert multiplier == torch.round(mantissa * 2**31) and shift == -exponent
