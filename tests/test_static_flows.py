"""The three flows of torch that lesson 08 names: eager, FX and export-based, each on the digits network."""

import copy
import importlib
import logging
import warnings

import pytest
import torch
from torch import nn

from qlab import zoo

logging.disable(logging.WARNING)  # torchao warns of GPU kernels that it cannot load on a CPU
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torchao.quantization.pt2e import quantize_pt2e
    from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer
logging.disable(logging.NOTSET)

pytestmark = pytest.mark.filterwarnings("ignore")  # that torch.ao is deprecated

tq = importlib.import_module("torch.ao.quantization")
quantize_fx = importlib.import_module("torch.ao.quantization.quantize_fx")


def calibrated(watched):
    with torch.no_grad():
        for batch in zoo.digits("train")[0][:256].split(32):
            watched(batch)
    return watched


def reads_as_before(model):
    images, labels = zoo.digits("test")
    with torch.no_grad():
        read = (model(images).argmax(1) == labels).double().mean().item()
    return abs(read - zoo.accuracy(zoo.load("digits_cnn"))) < 0.01


def test_the_eager_flow():
    marked = nn.Sequential(tq.QuantStub(), copy.deepcopy(zoo.load("digits_cnn")), tq.DeQuantStub()).eval()
    marked.qconfig = tq.get_default_qconfig(torch.backends.quantized.engine)
    pairs = [["1.conv1", "1.bn1", "1.relu1"], ["1.conv2", "1.bn2", "1.relu2"], ["1.fc1", "1.relu3"]]
    watched = calibrated(tq.prepare(tq.fuse_modules(marked, pairs)))
    converted = tq.convert(watched)
    assert type(converted[1].bn1) is nn.Identity and converted[1].conv1.weight().dtype == torch.qint8
    assert reads_as_before(converted)


def test_the_fx_flow():
    mapping = tq.get_default_qconfig_mapping(torch.backends.quantized.engine)
    inputs = (zoo.digits("train")[0][:2],)
    watched = calibrated(quantize_fx.prepare_fx(copy.deepcopy(zoo.load("digits_cnn")), mapping, inputs))
    assert not any(isinstance(module, nn.BatchNorm2d) for module in watched.modules())
    assert reads_as_before(quantize_fx.convert_fx(watched))


def test_the_export_based_flow():
    batch = torch.export.Dim("batch", min=2, max=2000)
    inputs = (zoo.digits("train")[0][:32],)
    graph = torch.export.export(zoo.load("digits_cnn"), inputs, dynamic_shapes=({0: batch},)).module()
    quantizer = x86_inductor_quantizer.X86InductorQuantizer()
    quantizer.set_global(x86_inductor_quantizer.get_default_x86_inductor_quantization_config())
    watched = calibrated(quantize_pt2e.prepare_pt2e(graph, quantizer))
    assert "HistogramObserver" in {type(module).__name__ for module in watched.modules()}
    assert not any("batch_norm" in str(node.target) for node in watched.graph.nodes)
    converted = quantize_pt2e.convert_pt2e(watched)
    called = [str(node.target) for node in converted.graph.nodes]
    between = [name for name in called if "conv2d" in name]
    assert between == ["aten.conv2d.default"] * 2  # floats, between a dequantize and a quantize, until compiled
    assert any("dequantize_per_channel" in name for name in called)
    assert reads_as_before(converted)


@pytest.mark.parametrize("home", ["torch.ao.quantization", "torchao.quantization.pt2e"])
def test_observers_have_the_names_that_the_lesson_gives(home):
    module = importlib.import_module(home)
    for name in ("MinMaxObserver", "MovingAverageMinMaxObserver", "HistogramObserver"):
        assert isinstance(getattr(module, name), type)
    assert module.MovingAverageMinMaxObserver(averaging_constant=0.1).averaging_constant == 0.1
