"""PyTorch's Numeric Suite beside ours: the same model, the same settings, and its names as lesson 10 has them."""

import copy
import warnings

import pytest
import torch
from torch import nn

import qlab as ql
from qlab.zoo import digits, load

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import torch.ao.ns._numeric_suite_fx as ns
    import torch.ao.quantization as tq
    from torch.ao.ns.fx.utils import compute_sqnr
    from torch.ao.quantization.quantize_fx import convert_fx, prepare_fx

IMAGES = digits("train")[0][:64]
LAYERS = ["conv1", "conv2", "fc1", "fc2"]
pytestmark = pytest.mark.filterwarnings("ignore")


def mapping():
    weight = tq.PerChannelMinMaxObserver.with_args(
        dtype=torch.qint8, qscheme=torch.per_channel_symmetric, quant_min=-127, quant_max=127
    )
    activation = tq.MinMaxObserver.with_args(dtype=torch.quint8)
    return tq.QConfigMapping().set_global(tq.QConfig(activation=activation, weight=weight))


@pytest.fixture(scope="module")
def theirs():
    """Their prepared and their quantized model, as the Numeric Suite takes them."""
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        prepared = prepare_fx(load("digits_cnn"), mapping(), (IMAGES[:1],))
        prepared(IMAGES)
        return "float", prepared, "int8", convert_fx(copy.deepcopy(prepared))


@pytest.fixture(scope="module")
def ours():
    prepared = ql.calibrate(ql.prepare(load("digits_cnn")), IMAGES)
    return prepared, ql.convert(prepared)


def column(results):
    ns.extend_logger_results_with_comparison(results, "float", "int8", compute_sqnr, "sqnr")
    found = {name: next(iter(kinds.values()))["int8"][0]["sqnr"][0].item() for name, kinds in results.items()}
    return [found[name] for name in LAYERS]


def test_the_weights_compare_as_theirs(theirs, ours):
    layers = ql.compare_layers(*ours, IMAGES).layers
    assert [x.name for x in layers] == LAYERS
    assert column(ns.extract_weights(*theirs)) == pytest.approx([x.weight for x in layers], abs=1e-3)


def test_accumulated_is_what_their_loggers_give(theirs, ours):
    a, b = ns.add_loggers(*copy.deepcopy(theirs), ns.OutputLogger)
    with torch.no_grad():
        a(IMAGES), b(IMAGES)
    found = column(ns.extract_logger_info(a, b, ns.OutputLogger, "int8"))
    assert found == pytest.approx([x.accumulated for x in ql.compare_layers(*ours, IMAGES).layers], abs=0.1)


def test_their_shadow_is_the_float_layer_on_the_quantized_models_input(theirs, ours):
    shadowed = ns.add_shadow_loggers(*copy.deepcopy(theirs), ns.OutputLogger)
    seen = {}
    for name in LAYERS:
        layer = ours[1].get_submodule(name)
        layer.register_forward_hook(lambda _, given, result, name=name: seen.update({name: (given[0], result)}))
    with torch.no_grad():
        shadowed(IMAGES), ours[1](IMAGES)
        real = {name: ours[0].get_submodule(name)(seen[name][0].dequantize()) for name in LAYERS}
    real = {name: value if name == "fc2" else value.relu() for name, value in real.items()}
    found = column(ns.extract_shadow_logger_info(shadowed, ns.OutputLogger, "int8"))
    assert found == pytest.approx([ql.sqnr(real[n], seen[n][1].dequantize()) for n in LAYERS], abs=0.1)


def test_a_layer_is_left_in_float_by_mapping_its_name_to_none():
    with torch.no_grad():
        prepared = prepare_fx(load("digits_cnn"), mapping().set_module_name("fc1", None), (IMAGES[:1],))
        prepared(IMAGES)
        mixed = convert_fx(prepared)
    assert isinstance(mixed.fc1[0].weight, nn.Parameter)  # a float layer with its ReLU
    assert callable(mixed.fc2.weight) and callable(mixed.conv2.weight)  # packed codes


def test_their_fx_mode_says_that_it_is_deprecated():
    with pytest.warns(DeprecationWarning, match="torch.ao.quantization is deprecated"):
        prepare_fx(load("digits_cnn"), mapping(), (IMAGES[:1],))
