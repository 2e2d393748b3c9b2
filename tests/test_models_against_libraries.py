"""The same layers and models, quantized by torch.ao, torchao, optimum-quanto and onnxruntime, and by us.

Where the conventions agree, the codes agree, from the input to the scores. Where they do not, the tests say by
which constant: 127 or 127.5, a quotient or a product with 1 / scale, a bias in float or in int32. A library that is
not installed is not tested, except in CI, where it must be.
"""

import copy
from functools import cache

import pytest
import torch
from needed import needed
from torch import nn

import qlab as ql
from qlab import zoo
from qlab.integer_layers import integer_bias
from qlab.libraries import quiet

IMAGES = zoo.digits("train")[0][:256]
TEST = zoo.digits("test")[0]
LAYERS = {"cnn": ("conv1", "conv2", "fc1", "fc2"), "mlp": ("1", "3")}
# Processors without VNNI add pairs of products in 16 bits, where two of 255 * 127 do not fit: only 7 bits there.
ACTIVATIONS = ["uint7", *(["uint8"] if torch.cpu._is_vnni_supported() else [])]


@cache
def model(name):
    if name == "cnn":
        return zoo.load("digits_cnn").requires_grad_(False)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = nn.Sequential(nn.Flatten(), nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 10))
    return layers.eval().requires_grad_(False)


@cache
def ours(name, activation="uint8", bias="float"):
    return ql.convert(ql.calibrate(ql.prepare(model(name), activation=activation), IMAGES), bias=bias)


def weight_codes(name, activation="uint8"):
    return [ours(name, activation).get_submodule(layer).codes_int8 for layer in LAYERS[name]]


def assert_same_but_for_float_noise(theirs, expected):
    torch.testing.assert_close(torch.as_tensor(theirs), expected, rtol=3e-7, atol=0)


# torch.ao, which is deprecated: eager mode and FX graph mode


def qconfig(activation):
    """Our conventions: the smallest and largest value, codes from -127 to 127 for weights."""
    from torch.ao.quantization import MinMaxObserver, PerChannelMinMaxObserver, QConfig

    symmetric = {"qscheme": torch.per_channel_symmetric, "quant_min": -127, "quant_max": 127}
    return QConfig(
        MinMaxObserver.with_args(dtype=torch.quint8, quant_min=0, quant_max=ql.dtype(activation).max),
        PerChannelMinMaxObserver.with_args(dtype=torch.qint8, **symmetric),
    )


@cache
def fx(name, activation, engine):
    from torch.ao.quantization import QConfigMapping
    from torch.ao.quantization.quantize_fx import convert_fx, prepare_fx

    with quiet():
        torch.backends.quantized.engine = engine
        mapping = QConfigMapping().set_global(qconfig(activation))
        prepared = prepare_fx(copy.deepcopy(model(name)), mapping, (IMAGES,))
        prepared(IMAGES)
        return convert_fx(prepared)


@pytest.fixture(params=[name for name in torch.backends.quantized.supported_engines if name != "none"])
def engine(request):
    before = torch.backends.quantized.engine
    yield request.param
    torch.backends.quantized.engine = before


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("name", LAYERS)
def test_torch_fx_gives_our_scores(name, activation, engine):
    """fbgemm, x86 and onednn add a float bias, qnnpack an int32 bias. Few scores lie at a tie, one step away.

    fbgemm and x86 agree with us in every bit where no batch norm is folded, which ends in another last bit.
    """
    theirs = fx(name, activation, engine)
    for layer, codes in zip(LAYERS[name], weight_codes(name, activation), strict=True):
        assert torch.equal(theirs.get_submodule(layer).weight().int_repr(), codes)
    scores, step = theirs(TEST), ours(name, activation).get_submodule(LAYERS[name][-1]).output.scale
    steps = {bias: (scores - ours(name, activation, bias)(TEST)) / step for bias in ("float", "int32")}
    same, other = ("int32", "float") if engine == "qnnpack" else ("float", "int32")
    assert steps[same].abs().max() < 1.001
    assert steps[same].count_nonzero() <= 0.002 * scores.numel()
    assert steps[same].count_nonzero() < steps[other].count_nonzero()
    if name == "mlp" and engine in ("fbgemm", "x86"):
        assert torch.equal(scores, ours(name, activation)(TEST))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_torch_eager_mode_gives_our_scores_bit_for_bit(activation):
    from torch.ao.quantization import QuantWrapper, convert, fuse_modules, prepare

    with quiet():
        wrapped = QuantWrapper(fuse_modules(copy.deepcopy(model("mlp")), [["1", "2"]])).eval()
        wrapped.qconfig = qconfig(activation)
        prepared = prepare(wrapped)
        prepared(IMAGES)
        theirs = convert(prepared)
    assert torch.equal(theirs(TEST), ours("mlp", activation)(TEST))


def test_torch_by_default_divides_by_half_a_code_more():
    """Its per-channel observer takes 127.5 for 127, and codes from -128 to 127."""
    from torch.ao.quantization import default_per_channel_weight_observer

    weight = model("cnn").fc1.weight
    observer = default_per_channel_weight_observer()
    observer(weight)
    assert_same_but_for_float_noise(observer.calculate_qparams()[0], weight.abs().amax(dim=1) / 127.5)


# torchao: quantize_, and the flow by export


def torchao_layer(config):
    quantization = needed("torchao.quantization")
    quantized = nn.Sequential(copy.deepcopy(model("cnn").fc1))
    with quiet():
        quantization.quantize_(quantized, getattr(quantization, config)())
    return quantized


def as_torchao_does(x):
    """Codes and scales of rows: a row's largest magnitude over 127.5, and a product with 1 / scale."""
    scale = x.abs().amax(dim=1, keepdim=True) / 127.5
    return (x * (1 / scale)).round().clamp(-128, 127).to(torch.int8), scale


def test_torchao_weight_only_is_ours_with_its_scale():
    layer, fc1 = torchao_layer("Int8WeightOnlyConfig"), model("cnn").fc1
    codes, scale = as_torchao_does(fc1.weight)
    weight = layer[0].weight
    assert torch.equal(weight.qdata, codes) and torch.equal(weight.scale, scale)
    x = torch.randn(32, 128, generator=torch.Generator().manual_seed(0))
    given = ql.QTensor(weight.qdata, ql.QParams(scale, None, "int8", ql.PerAxis(0)))
    torch.testing.assert_close(layer(x), ql.QuantLinear(given, fc1.bias)(x), rtol=1e-5, atol=1e-5)


def test_torchao_dynamic_divides_tokens_by_127_5_too():
    layer, fc1 = torchao_layer("Int8DynamicActivationInt8WeightConfig"), model("cnn").fc1
    x = torch.randn(32, 128, generator=torch.Generator().manual_seed(0))
    (w, w_scale), (tokens, scale) = as_torchao_does(fc1.weight), as_torchao_does(x)
    expected = tokens.double() @ w.double().t() * scale * w_scale.flatten() + fc1.bias
    torch.testing.assert_close(layer(x), expected.float(), rtol=1e-5, atol=1e-5)
    with_127 = ql.QuantLinear.from_float(fc1, weight="int8", activation="int8")(x)
    assert 1e-3 < (layer(x) - with_127).abs().max() < 0.1


@cache
def by_export():
    """The digits network through torchao's prepare_pt2e and convert_pt2e, told our conventions."""
    pt2e = needed("torchao.quantization.pt2e")
    flow = needed("torchao.quantization.pt2e.quantize_pt2e")
    spec = needed("torchao.quantization.pt2e.quantizer").QuantizationSpec
    x86 = needed("torchao.quantization.pt2e.quantizer.x86_inductor_quantizer")
    activation = spec(torch.uint8, pt2e.MinMaxObserver, quant_min=0, quant_max=255, qscheme=torch.per_tensor_affine)
    symmetric = {"quant_min": -127, "quant_max": 127, "qscheme": torch.per_channel_symmetric, "ch_axis": 0}
    weight = spec(torch.int8, pt2e.PerChannelMinMaxObserver, **symmetric)
    quantizer = x86.X86InductorQuantizer().set_global(x86.QuantizationConfig(activation, None, weight, None))
    with quiet():
        dynamic = ({0: torch.export.Dim("n")},)
        prepared = flow.prepare_pt2e(
            torch.export.export(model("cnn"), (IMAGES,), dynamic_shapes=dynamic).module(), quantizer
        )
        prepared(IMAGES)
        return flow.convert_pt2e(prepared)


def test_torchao_by_export_gives_our_codes():
    """Its graph is float, with quantize and dequantize operators; its last sum is left float."""
    theirs, mine = by_export(), ours("cnn")
    stored = theirs.state_dict()
    for number, layer in enumerate(LAYERS["cnn"]):
        assert torch.equal(stored[f"_frozen_param{number}"], mine.get_submodule(layer).codes_int8)
        assert_same_but_for_float_noise(stored[f"_scale_{number}"], mine.get_submodule(layer).scale.flatten())
    scales = {n.args[1] for n in theirs.graph.nodes if "quantize_per_tensor" in str(n.target)}
    expected = [mine.quantize_images, *(mine.get_submodule(layer).output for layer in LAYERS["cnn"][:-1])]
    for scale, quantizer in zip(sorted(scales), expected, strict=True):
        assert_same_but_for_float_noise(scale, quantizer.scale)
    assert torch.equal(ql.fake_quantize(theirs(TEST), mine.fc2.output.qparams()), mine(TEST))


# optimum-quanto


def by_quanto(layers, batches):
    quanto = needed("optimum.quanto")
    quantized = copy.deepcopy(layers)
    quanto.quantize(quantized, weights=quanto.qint8, activations=quanto.qint8)
    with torch.no_grad(), quanto.Calibration():
        for batch in batches:
            quantized(batch)
    quanto.freeze(quantized)
    return quantized


def test_quanto_freezes_our_weights():
    quantized, plain = by_quanto(model("cnn"), [IMAGES]), model("cnn")
    for layer in LAYERS["cnn"]:
        weight = plain.get_submodule(layer).weight
        expected = ql.quantize(weight, ql.choose_qparams(weight, "int8", "symmetric", ql.PerAxis(0)))
        theirs = quantized.get_submodule(layer).weight
        assert torch.equal(theirs._data, expected.data) and torch.equal(theirs._scale, expected.qparams.scale)
    assert quantized.conv1.input_scale == IMAGES.max() / 127


def test_quanto_calibrates_by_a_moving_average_and_adds_a_float_bias():
    fc1, generator = model("cnn").fc1, torch.Generator().manual_seed(0)
    batches = [torch.randn(64, 128, generator=generator) * size for size in (1, 3, 2)]
    layer = by_quanto(nn.Sequential(fc1), batches)[0]
    observer = ql.MovingAverage("int8", "symmetric", momentum=0.1)
    first, *others = [batch.abs().max() for batch in batches]
    average = first
    for largest in others:
        average = 0.9 * average + 0.1 * largest
    torch.testing.assert_close(layer.input_scale, average / 127)
    for batch in batches:
        observer(batch)
    assert observer.qparams().scale <= layer.input_scale * 1.000001  # ours averages both ends, quanto the larger
    x = ql.quantize(batches[0], ql.QParams(layer.input_scale, None, "int8"))
    sums = x.data.double() @ layer.weight._data.double().t()
    expected = sums * layer.input_scale * layer.weight._scale.flatten() + fc1.bias
    torch.testing.assert_close(layer(batches[0]), expected.float(), rtol=1e-5, atol=1e-5)


# onnxruntime


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The digits network as an ONNX file, its batch norms folded by the exporter."""
    needed("onnx"), needed("onnxruntime")
    path = tmp_path_factory.mktemp("onnx") / "float.onnx"
    dynamic = {"images": {0: "n"}, "scores": {0: "n"}}
    names = {"input_names": ["images"], "output_names": ["scores"], "dynamic_axes": dynamic}
    with quiet():
        torch.onnx.export(model("cnn"), (IMAGES[:1],), path, dynamo=False, **names)
    return path


def run_onnx(path, images):
    session = needed("onnxruntime").InferenceSession(path)
    return torch.from_numpy(session.run(None, {"images": images.numpy()})[0])


def initializers(path):
    onnx = needed("onnx")
    tensors = onnx.load(path).graph.initializer
    return {tensor.name: torch.tensor(onnx.numpy_helper.to_array(tensor)) for tensor in tensors}


@pytest.fixture(scope="module", params=["QDQ", "QOperator"])
def static_file(exported, request):
    quantization = needed("onnxruntime.quantization")

    class Reader(quantization.CalibrationDataReader):
        batches = iter([{"images": IMAGES.numpy()}])

        def get_next(self):
            return next(self.batches, None)

    path = exported.with_name(f"{request.param}.onnx")
    with quiet():
        quantization.quantize_static(
            exported, path, Reader(), per_channel=True,
            quant_format=quantization.QuantFormat[request.param],
            activation_type=quantization.QuantType.QUInt8, weight_type=quantization.QuantType.QInt8,
        )  # fmt: skip
    return path


def test_onnxruntime_stores_our_codes_and_an_int32_bias(static_file):
    stored = initializers(static_file)
    int8 = [tensor for tensor in stored.values() if tensor.dtype == torch.int8 and tensor.any()]
    assert {(*t.shape, t.sum().item()) for t in int8} == {(*t.shape, t.sum().item()) for t in weight_codes("cnn")}
    mine, fc1 = ours("cnn"), model("cnn").fc1
    assert torch.equal(stored["fc1.weight_quantized"], mine.fc1.codes_int8)
    assert torch.equal(stored["fc1.weight_scale"], mine.fc1.scale.flatten())
    bias = integer_bias(fc1.bias, mine.conv2.output.scale, mine.fc1.scale)
    assert (stored["fc1.bias_quantized"] - bias).abs().max() <= 1  # a tie, with a scale in float32


@pytest.mark.skipif("uint8" not in ACTIVATIONS, reason="sums of 8-bit products saturate on this processor")
def test_onnxruntime_gives_our_scores_code_for_code(static_file):
    mine, scores = ours("cnn", bias="int32"), run_onnx(static_file, TEST)
    codes = (scores / mine.fc2.output.scale).round()
    expected = (mine(TEST) / mine.fc2.output.scale).round()
    assert (codes != expected).float().mean() < 1e-3
    assert_same_but_for_float_noise(initializers(static_file)["scores_scale"], mine.fc2.output.scale)


def test_onnxruntime_dynamic_has_one_scale_a_weight(exported):
    """By default; activations are affine uint8, one scale a call."""
    quantization, path = needed("onnxruntime.quantization"), exported.with_name("dynamic.onnx")
    with quiet():
        quantization.quantize_dynamic(exported, path, weight_type=quantization.QuantType.QInt8)
    weight = model("cnn").fc1.weight
    expected = ql.quantize(weight, ql.choose_qparams(weight, "int8", "symmetric"))
    stored = initializers(path)
    assert torch.equal(stored["fc1.weight_quantized"].t(), expected.data)
    assert stored["fc1.weight_scale"] == expected.qparams.scale
    assert (run_onnx(path, TEST).argmax(1) == model("cnn")(TEST).argmax(1)).float().mean() > 0.98
