"""Prepare, calibrate, convert: against torch's quantized kernels, by hand, and integers all the way."""

import copy
import functools
import warnings

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import qlab as ql
from qlab import zoo
from qlab.integer_layers import (
    AverageOnCodes,
    Dequantize,
    IntegerAdd,
    IntegerConv2d,
    IntegerLayer,
    IntegerLinear,
    OnCodes,
    Quantize,
    ReluOnCodes,
)

PER_TENSOR = ql.PerTensor()
IMAGES = torch.randn(8, 3, 8, 8, generator=torch.Generator().manual_seed(0))


class Block(nn.Module):
    """A residual block; its ReLU is one module, called twice."""

    def __init__(self, width, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, groups=2)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut = nn.Conv2d(width, width, 1, stride) if stride > 1 else nn.Identity()

    def forward(self, x):
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(y + self.shortcut(x))


class ResNet(nn.Module):
    """All that the converter knows: residual additions, both poolings, dropout, reshaping by size."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2, padding=1))
        self.blocks = nn.Sequential(Block(8), Block(8, stride=2))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(8, 5)

    def forward(self, x):
        x = self.pool(self.blocks(self.stem(x)))
        return self.fc(self.dropout(x.view(x.size(0), -1)))


class Functional(nn.Module):
    """The same operations as functions and methods; a lone ReLU; a layer called twice; in-place addition."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=(1, 0))
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        y = self.conv(x)
        y = torch.add(F.relu(y), y)
        y += y
        y = F.avg_pool2d(F.max_pool2d(y, 2), 2, padding=1).relu().mean((2, 3))
        return self.fc(F.dropout(self.fc(torch.flatten(y, 1)).reshape(y.shape[0], 4), training=self.training))


def seeded(kind):
    torch.manual_seed(3)
    model = kind()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 2)
    return model.eval()


def quantized(model, x=IMAGES, bias="float", **options):
    return ql.convert(ql.calibrate(ql.prepare(model, **options), x), bias)


MODELS = {"resnet": ResNet, "functional": Functional}


@pytest.fixture(scope="module")
def digits():
    """The digits model, and the one that 256 training digits make of it."""
    model = zoo.load("digits_cnn")
    return model, quantized(model, zoo.digits("train")[0][:256].split(64))


def test_the_digits_model_keeps_its_accuracy(digits):
    model, converted = digits
    assert abs(zoo.accuracy(model) - zoo.accuracy(converted)) <= 0.01
    assert [type(m) for m in converted.children()].count(IntegerConv2d) == 2
    assert ql.memory_footprint(converted) < 0.3 * ql.memory_footprint(model)


@pytest.mark.parametrize("activation", ["int8", "uint8"])
@pytest.mark.parametrize("observer", [ql.MinMax, ql.MovingAverage, ql.Percentile, ql.Histogram])
def test_every_observer_keeps_the_accuracy(observer, activation):
    model = zoo.load("digits_cnn")
    batches = zoo.digits("train")[0][:256].split(64)
    converted = quantized(model, batches, activation=activation, observer=observer)
    assert zoo.accuracy(converted) >= zoo.accuracy(model) - 0.01


@pytest.mark.parametrize("name", MODELS)
def test_the_quantized_model_is_close_to_the_float_one(name):
    model = seeded(MODELS[name])
    assert ql.sqnr(model(IMAGES), quantized(model)(IMAGES)) > 25
    coarse = quantized(model, weight="int4", activation="uint4")(IMAGES)
    assert ql.sqnr(model(IMAGES), coarse) < 23


@pytest.mark.parametrize("name", MODELS)
def test_integers_all_the_way(name):
    """Nothing but QTensors of 8 bits goes in and out, except into the first Quantize and out of the Dequantize."""
    converted, seen = quantized(seeded(MODELS[name])), []

    def note(module, args, result):
        seen.append(module)
        tensors = [a for a in (*args, result) if isinstance(a, torch.Tensor)]
        codes = [a for a in (*args, result) if isinstance(a, ql.QTensor)]
        assert all(qt.data.dtype == torch.int8 for qt in codes)
        assert len(tensors) == (1 if isinstance(module, (Quantize, Dequantize)) else 0)

    for node in converted.graph.find_nodes(op="call_module"):
        converted.get_submodule(node.target).register_forward_hook(note)
    converted(IMAGES)
    assert [type(m) for m in seen].count(Quantize) == [type(m) for m in seen].count(Dequantize) == 1
    assert isinstance(seen[0], Quantize) and isinstance(seen[-1], Dequantize)
    assert {IntegerConv2d, IntegerLinear, IntegerAdd, OnCodes, AverageOnCodes} <= {type(m) for m in seen}


def naive_codes(real, qparams):
    """The formula, in float64."""
    zero_point = 0 if qparams.zero_point is None else qparams.zero_point
    codes = (real / qparams.scale.double()).round() + zero_point
    return codes.clamp(qparams.quant_min, qparams.quant_max)


def real(qt):
    return (qt.data.double() - qt.qparams.zero_point) * qt.qparams.scale.double()


def by_hand(layer, x):
    """A layer's codes from the integers that it stores, in float64, in which all the sums are exact."""
    weight = layer.qweight.data.double()
    acc = x.data.double() - x.qparams.zero_point
    if isinstance(layer, IntegerConv2d):
        acc = F.conv2d(acc, weight, None, layer.stride, layer.padding, 1, layer.groups)
    else:
        acc = acc @ weight.T
    channels = (-1, 1, 1) if acc.dim() == 4 else (-1,)
    step = x.qparams.scale.double() * layer.scale.double().flatten().view(channels)
    if layer.bias is not None and layer.bias.dtype == torch.int32:
        acc = acc + layer.bias.view(channels)
    result = acc * step
    if layer.bias is not None and layer.bias.dtype == torch.float32:
        result = result + layer.bias.double().view(channels)
    return naive_codes(result.clamp(min=0) if layer.relu else result, layer.output.qparams())


@pytest.mark.parametrize("bias", ["float", "int32"])
@pytest.mark.parametrize("activation", ["int8", "uint8"])
@pytest.mark.parametrize("granularity", [PER_TENSOR, ql.PerAxis(0)], ids=str)
def test_every_layer_recomputed_by_hand_from_its_integers_differs_by_0(granularity, activation, bias):
    model, compared = seeded(ResNet), []
    converted = quantized(model, bias=bias, activation=activation, granularity=granularity, weight="int6")

    def compare(module, args, result):
        compared.append((result.data - by_hand(module, *args)).abs().max().item())

    for module in converted.modules():
        if isinstance(module, IntegerLayer):
            module.register_forward_hook(compare)
    converted(IMAGES)
    assert compared == [0.0] * 7


ENGINES = [e for e in ("fbgemm", "x86", "onednn", "qnnpack") if e in torch.backends.quantized.supported_engines]


@pytest.fixture(params=ENGINES)
def engine(request):
    """One of torch's quantized engines; the one before is put back."""
    before = torch.backends.quantized.engine
    torch.backends.quantized.engine = request.param
    yield request.param
    torch.backends.quantized.engine = before


def torchs_codes(layer, x, bias):
    """What torch's kernel makes of a layer's integers and of its bias in real units."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the quantized dtypes are deprecated; as an oracle they serve
        qx = torch._make_per_tensor_quantized_tensor(x.data, x.qparams.scale.item(), x.qparams.zero_point.item())
        codes, scale = layer.qweight.data, layer.scale.flatten()
        if len(scale) == 1:
            qw = torch._make_per_tensor_quantized_tensor(codes, scale.item(), 0)
        else:
            zeros = torch.zeros(len(scale), dtype=torch.long)
            qw = torch._make_per_channel_quantized_tensor(codes, scale, zeros, 0)
        out = layer.output.scale.item(), layer.output.zero_point.item()
        if isinstance(layer, IntegerLinear):
            packed, run = torch.ops.quantized.linear_prepack(qw, bias), torch.ops.quantized.linear
        else:
            packed = torch.ops.quantized.conv2d_prepack(qw, bias, layer.stride, layer.padding, [1, 1], 1)
            run = torch.ops.quantized.conv2d_relu
        return run(qx, packed, *out).int_repr()


@pytest.mark.parametrize("seed", range(5))
def test_conv_relu_and_linear_differ_by_0_from_torchs_quantized_forward(engine, seed):
    """Weights of 7 bits, so that no engine saturates 16 bits on an older processor."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(512, 10)).eval()
    whole = "int32" if engine == "qnnpack" else "float"
    granularity = PER_TENSOR if engine == "qnnpack" else ql.PerAxis(0)
    converted = quantized(model, bias=whole, activation="uint8", weight="int7", granularity=granularity)
    differences = {}

    def compare(name, bias, module, args, result):
        differences[name] = (result.data.int() - torchs_codes(module, *args, bias).int()).abs().max().item()
        assert torch.equal(result.data, by_hand(module, *args).to(torch.uint8))

    for name in ("0", "3"):
        bias = model.get_submodule(name).bias.detach()
        hook = functools.partial(compare, name, bias)
        converted.get_submodule(name).register_forward_hook(hook)
    converted(IMAGES)
    assert differences == {"0": 0, "3": 0}


def test_additions_poolings_and_lone_relus_by_hand():
    a = ql.quantize(torch.randn(2, 4, 7, 7), ql.QParams(0.03, -20, "int8"))
    b = ql.quantize(torch.randn(2, 4, 7, 7), ql.QParams(0.011, 5, "int8"))
    out = ql.QParams(0.04, 11, "int8")
    assert torch.equal(IntegerAdd(out)(a, b).data, naive_codes(real(a) + real(b), out))
    assert torch.equal(IntegerAdd(out, relu=True)(a, b).data, naive_codes((real(a) + real(b)).relu(), out))
    for pool in (nn.AvgPool2d(2), nn.AvgPool2d(3, 2, padding=1), nn.AdaptiveAvgPool2d((2, 3))):
        result = AverageOnCodes(pool)(a)
        assert result.qparams is a.qparams and result.data.dtype == torch.int8
        assert (real(result) - pool(real(a))).abs().max() <= 0.03 / 2 + 1e-9
    pooled = OnCodes(nn.MaxPool2d(3, 2, padding=1))(a)
    assert torch.equal(real(pooled), F.max_pool2d(real(a), 3, 2, padding=1))


@pytest.mark.parametrize("name", ["int8", "uint8", "int4", "uint4"])
@pytest.mark.parametrize("zero_point", ["min", 2, "max", None])
def test_a_relu_clamps_at_the_zero_point_not_at_the_code_0(name, zero_point):
    """A clamp at code 0 kept negative numbers, or lost positive ones (executorch issue 18462)."""
    spec = ql.dtype(name)
    zero_point = {"min": spec.min, "max": spec.max}.get(zero_point, zero_point)
    qparams = ql.QParams(0.5, zero_point, name)
    every = ql.QTensor(torch.arange(spec.min, spec.max + 1), qparams)
    expected = every.dequantize().relu()
    assert torch.equal(ReluOnCodes()(every).dequantize(), expected)
    assert torch.equal(IntegerAdd(qparams, relu=True)(every, zeros(qparams, len(expected))).dequantize(), expected)
    weight = ql.QTensor(torch.ones(1, 1), ql.QParams(1.0))
    column = ql.QTensor(every.data.view(-1, 1), qparams)
    assert torch.equal(IntegerLinear(weight, None, qparams, relu=True)(column).dequantize()[:, 0], expected)


def zeros(qparams, count):
    return ql.quantize(torch.zeros(count), qparams)


def test_a_relu_is_fused_only_where_nothing_else_needs_the_result():
    converted = quantized(seeded(Functional))
    assert not converted.conv.relu and type(converted.relu) is ReluOnCodes
    assert quantized(seeded(ResNet)).get_submodule("stem.0").relu


def test_batch_norms_are_folded_and_layers_keep_their_names():
    model = seeded(ResNet)
    prepared = ql.prepare(model)
    assert not [m for m in prepared.modules() if isinstance(m, nn.BatchNorm2d)]
    torch.testing.assert_close(prepared(IMAGES), model(IMAGES), atol=1e-4, rtol=1e-4)
    layers = {name for name, m in model.named_modules() if isinstance(m, (nn.Conv2d, nn.Linear))}
    converted = ql.convert(prepared)
    assert {name for name, m in converted.named_modules() if isinstance(m, IntegerLayer)} == layers


def test_observers_are_where_codes_will_be():
    prepared = ql.prepare(zoo.load("digits_cnn"), observer=ql.Histogram, activation="uint8")
    assert list(prepared.observers) == ["images", "relu1", "relu2", "relu3", "fc2"]
    assert {type(o) for o in prepared.observers.values()} == {ql.Histogram}
    assert {(o.dtype, o.scheme) for o in prepared.observers.values()} == {("uint8", "affine")}
    weights = prepared.conv1.parametrizations.weight
    assert torch.equal(weights[0].range()[1].flatten(), weights.original.amax((1, 2, 3)))


class Rounding(nn.Module):
    """What training puts in an observer's place: a quantizer with qparams of its own."""

    def __init__(self, qparams):
        super().__init__()
        self.scale, self.zero_point, self.settings = qparams.scale, qparams.zero_point, qparams

    def qparams(self):
        return ql.QParams(self.scale, self.zero_point, self.settings.dtype, self.settings.granularity)

    def forward(self, x):
        return ql.fake_quantize(x, self.qparams())


def test_other_quantizers_can_stand_in_the_observers_places():
    """With fake quantizers there, the prepared model computes what the converted one does, to a few steps."""
    model, images = zoo.load("digits_cnn"), zoo.digits("test")[0]
    prepared = ql.calibrate(ql.prepare(model), images)
    before = ql.convert(prepared)
    for name, observer in prepared.observers.items():
        prepared.observers[name] = Rounding(observer.qparams())
    for layer in (prepared.conv1, prepared.conv2, prepared.fc1, prepared.fc2):
        layer.parametrizations.weight[0] = Rounding(layer.parametrizations.weight[0].qparams())
    converted = ql.convert(prepared)
    assert torch.equal(converted(images), before(images))
    assert (converted(images) - prepared(images)).abs().max() <= 2 * converted.fc2.output.scale
    prepared.observers["fc2"].scale = prepared.observers["fc2"].scale * 2
    assert ql.convert(prepared).fc2.output.scale == 2 * before.fc2.output.scale


def test_excluded_modules_stay_float_between_dequantize_and_quantize():
    model = seeded(ResNet)
    converted = quantized(model, exclude=["conv1", "fc"])
    floats = [name for name, m in converted.named_modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    assert floats == ["blocks.0.conv1", "blocks.1.conv1", "fc"]
    assert torch.equal(converted.fc.weight, model.fc.weight)
    assert ql.sqnr(model(IMAGES), converted(IMAGES)) > 25
    kinds = [type(m) for m in converted.children()]
    assert kinds.count(Quantize) == 3 and kinds.count(Dequantize) == 3


def test_an_excluded_norm_is_not_folded():
    model = seeded(ResNet)
    converted = quantized(model, exclude=nn.BatchNorm2d)
    assert len([m for m in converted.modules() if isinstance(m, nn.BatchNorm2d)]) == 4
    assert ql.sqnr(model(IMAGES), converted(IMAGES)) > 25


def test_a_whole_block_or_the_first_layer_can_be_excluded():
    model = seeded(ResNet)
    converted = quantized(model, exclude="blocks.0")
    assert isinstance(converted.get_submodule("blocks.0"), Block)
    assert ql.sqnr(model(IMAGES), converted(IMAGES)) > 25
    first = quantized(model, exclude="stem.0")
    assert not [name for name, _ in first.named_children() if name == "quantize_x"], "the input stays as it is"
    assert ql.sqnr(model(IMAGES), first(IMAGES)) > 25


class Strange(nn.Module):
    """A module that cannot be computed on codes, and operations that cannot, in a module and outside."""

    def __init__(self, middle):
        super().__init__()
        self.before, self.middle, self.after = nn.Linear(4, 4), middle, nn.Linear(4, 4)

    def forward(self, x):
        return self.after(self.middle(self.before(x)))


class Scaled(nn.Module):
    def forward(self, x):
        return x * 2


class Shifted(nn.Module):
    def forward(self, x):
        return x + 1.0


class OwnLinear(nn.Linear):
    def forward(self, x):
        return F.linear(x, self.weight, self.bias)


@pytest.mark.parametrize(
    ("middle", "message"),
    [
        (nn.LayerNorm(4), r"module 'middle' \(LayerNorm\) cannot be computed on codes; keep it in float"),
        (nn.Sequential(nn.ReLU(), nn.BatchNorm1d(4)), r"module 'middle.1' \(BatchNorm1d\) cannot be computed"),
        (Scaled(), r"the operation 'mul' in module 'middle' cannot .* exclude='middle'"),
        (Shifted(), r"the operation 'add' in module 'middle' cannot .* exclude='middle'"),
        (nn.Sequential(nn.ReLU(), Scaled()), r"in module 'middle.1' cannot be .* exclude='middle.1'"),
        (OwnLinear(4, 4), r"the operation 'linear' in module 'middle' cannot .* exclude='middle'"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_what_cannot_be_quantized_is_named_and_can_be_excluded(middle, message):
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU()).extend([Strange(middle)]).eval()
    with pytest.raises(ValueError, match=message.replace("'middle", "'2.middle")):
        ql.prepare(model)
    x = torch.randn(16, 4)
    rule = "2.middle.1" if isinstance(middle, nn.Sequential) else "middle"
    assert ql.sqnr(model(x), quantized(model, x, exclude=rule)(x)) > 20


class Branching(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


def test_models_that_are_no_graph_and_models_without_layers():
    with pytest.raises(ValueError, match="the forward of Sequential decides by what it is given"):
        ql.prepare(nn.Sequential(nn.Linear(2, 2), Branching()))
    x = torch.rand(4, 2)
    model = nn.Sequential(nn.Linear(2, 2), Branching())
    assert ql.sqnr(model(x), quantized(model, x, exclude=Branching)(x)) > 20
    with pytest.raises(ValueError, match="the model is itself a Linear"):
        ql.prepare(nn.Linear(2, 2))
    with pytest.raises(ValueError, match=r"Sequential has no nn.Linear or nn.Conv2d to quantize"):
        ql.prepare(nn.Sequential(nn.ReLU()))
    with pytest.raises(ValueError, match="'head' selects no module"):
        ql.prepare(model, exclude="head")


def test_convolutions_that_cannot_be_computed():
    for options, what in (
        ({"dilation": 2}, r"dilation=\(2, 2\)"),
        ({"padding_mode": "reflect", "padding": 1}, "padding_mode='reflect'"),
        ({"padding": "same"}, "padding='same'"),
    ):
        model = nn.Sequential(nn.Conv2d(3, 4, 3, **options), nn.Conv2d(4, 4, 1)).eval()
        with pytest.raises(ValueError, match=rf"module '0' \(Conv2d\) has {what}.*exclude='0'"):
            ql.prepare(model)
        assert ql.sqnr(model(IMAGES), quantized(model, exclude="0")(IMAGES)) > 25


def test_formats_that_cannot_be_multiplied():
    model = nn.Sequential(nn.Linear(4, 4))
    for options, message in (
        ({"weight": "uint8"}, "weight='uint8' cannot be multiplied"),
        ({"weight": "nf4"}, "weight='nf4'"),
        ({"activation": "int16"}, "activation='int16' cannot be multiplied"),
        ({"granularity": ql.PerGroup(2)}, r"PerAxis\(0\); got PerGroup"),
        ({"granularity": ql.PerAxis(1)}, r"got PerAxis\(axis=1\)"),
    ):
        with pytest.raises(ValueError, match=message):
            ql.prepare(model, **options)


def test_calibration_that_did_not_happen():
    prepared = ql.prepare(zoo.load("digits_cnn"))
    with pytest.raises(ValueError, match=r"observers.images: this MinMax has seen no data.*calibrate"):
        ql.convert(prepared)
    with pytest.raises(ValueError, match="there was no batch to calibrate with"):
        ql.calibrate(prepared, [])
    with pytest.raises(ValueError, match="a batch has 2 parts and the model 1 inputs; leave out labels"):
        ql.calibrate(prepared, [zoo.digits("train")])
    with pytest.raises(ValueError, match="convert takes what prepare returned"):
        ql.convert(torch.fx.symbolic_trace(nn.Sequential(nn.Linear(2, 2))))
    with pytest.raises(ValueError, match="empty tensor"):
        ql.calibrate(prepared, torch.zeros(0, 1, 8, 8))
    with pytest.raises(ValueError, match="bias must be 'float' or 'int32', got 'int8'"):
        ql.convert(prepared, "int8")


class TwoInputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 3), nn.Linear(4, 3)

    def forward(self, x, y):
        return {"sum": self.a(x) + self.b(y), "x": self.a(x)}


def test_several_inputs_and_outputs_and_batches_of_every_kind():
    model, pair = TwoInputs().eval(), (torch.randn(8, 4), torch.randn(8, 4))
    one = ql.convert(ql.calibrate(ql.prepare(model), [pair]))
    halves = ql.convert(ql.calibrate(ql.prepare(model), iter([tuple(t[:4] for t in pair), [t[4:] for t in pair]])))
    for name, expected in model(*pair).items():
        assert ql.sqnr(expected, one(*pair)[name]) > 25
        assert torch.equal(one(*pair)[name], halves(*pair)[name])


@pytest.mark.parametrize("weight", ["int8", "int4"])
def test_a_state_dict_goes_to_a_file_and_back(weight, tmp_path):
    model = seeded(ResNet)
    converted = quantized(model, weight=weight)
    torch.save(converted.state_dict(), tmp_path / "model.pt")
    fresh = quantized(ResNet(), torch.zeros(1, 3, 8, 8), weight=weight)
    assert not torch.equal(fresh(IMAGES), converted(IMAGES))
    fresh.load_state_dict(torch.load(tmp_path / "model.pt", weights_only=True))
    assert torch.equal(fresh(IMAGES), converted(IMAGES))
    assert all(not t.is_floating_point() for name, t in converted.state_dict().items() if "codes" in name)


def test_a_copy_and_a_pickle_compute_the_same(tmp_path):
    converted = quantized(seeded(ResNet))
    torch.save(converted, tmp_path / "model.pt")
    for other in (copy.deepcopy(converted), torch.load(tmp_path / "model.pt", weights_only=False)):
        assert torch.equal(other(IMAGES), converted(IMAGES))


def test_the_footprint_counts_codes_scales_and_biases():
    converted = quantized(nn.Sequential(nn.Linear(100, 10)), torch.randn(4, 100), weight="int4")
    layer = 10 * 50 + 10 * 4 + 10 * 4  # codes, scales, biases
    assert ql.memory_footprint(converted) == layer + 2 * (4 + 4)  # and two pairs of scale and zero point


def test_nothing_happens_to_the_models_that_are_given():
    model = seeded(ResNet).train()
    before = copy.deepcopy(model.state_dict())
    prepared = ql.prepare(model)
    prepared_before = repr(prepared)
    assert model.training and not prepared.training
    ql.convert(ql.calibrate(prepared, IMAGES))
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert repr(prepared).count("MinMax") == prepared_before.count("MinMax")
    assert not [m for m in model.modules() if isinstance(m, (ql.MinMax, IntegerLayer))]


def test_what_of_the_detector_can_be_quantized():
    """Its transformer blocks stay float; the stem, the sum with the positions and the class head do not."""
    detector, (scenes, truth) = zoo.load("digit_detector"), zoo.scenes("test", 100, seed=0)
    with pytest.raises(ValueError, match="keep it in float with exclude='blocks"):
        ql.prepare(detector)
    with pytest.raises(ValueError, match=r"the operation '_boxes' .* exclude the layer before it"):
        ql.prepare(detector, exclude=["blocks", "norm"])
    converted = quantized(detector, zoo.scenes("train", 32, seed=1)[0], exclude=["blocks", "norm", "box_head"])
    integers = [name for name, m in converted.named_modules() if isinstance(m, (IntegerLayer, IntegerAdd))]
    assert integers == ["stem.0", "stem.3", "stem.6", "class_head", "add"]
    before, after = (zoo.average_precision(zoo.detect(m, scenes, 0.05), truth) for m in (detector, converted))
    assert abs(before - after) < 0.02


def test_the_repr_shows_what_is_computed_on_codes(digits):
    shown = repr(digits[1])
    for part in ("IntegerConv2d", "int8 PerAxis(axis=0)", "relu=True", "Quantize(int8, scale=", "OnCodes(flatten)"):
        assert part in shown
