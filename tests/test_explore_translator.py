"""The explorer of names: its state over the whole grid of controls, and the codes that it pictures."""

import itertools

import pytest
import torch
from explorer_checks import (
    assert_every_control_is_named,
    assert_every_control_rewrites_the_view,
    assert_prints_cleanly,
)
from needed import needed

import qlab as ql
from qlab import explore
from qlab.api_map import CONCEPTS, LIBRARIES
from qlab.explore import lesson14
from qlab.explore.tensors import names, source
from qlab.libraries import quiet

WEIGHT = source("fc1.weight").x


def test_every_control_rewrites_the_view():
    explorer = explore.translator()
    assert_every_control_is_named(explorer)

    def expected(tensor, **settings):
        return lesson14.state(source(tensor), **settings)

    assert_every_control_rewrites_the_view(explorer, expected, but=("swap",))


@pytest.mark.parametrize("left, right", list(itertools.product(LIBRARIES, LIBRARIES)))
def test_every_pair_shows_its_calls(left, right):
    for key, concept in CONCEPTS.items():
        shown = lesson14.state(source(), key, left, right)
        assert_prints_cleanly(shown)
        for library in (left, right):
            assert concept.call.get(library, "(no such call)") in shown.lead.text
            assert f"{library} ({concept.status(library)}" in shown.lead.text
        assert concept.false_friend in shown.remark


def test_swap_exchanges_the_libraries():
    explorer = explore.translator(left="quanto", right="qlab")
    explorer.controls["swap"].click()
    assert (explorer.values["left"], explorer.values["right"]) == ("qlab", "quanto")
    assert explorer.view.value == explore.translator(left="qlab", right="quanto").view.value


def test_the_call_shows_the_same_again():
    explorer = explore.translator([[1.0, -2.0]], "convert", "qlab", "onnxruntime")
    again = eval(explorer.current.call, {"explore": explore})
    assert again.view.value == explorer.view.value


@pytest.mark.parametrize("tensor", [*names(), torch.zeros(2, 3)], ids=str)
def test_three_libraries_have_the_codes_of_our_symmetric_scheme(tensor):
    x = source(tensor).x
    expected = ql.quantize(x, ql.choose_qparams(x, "int8", "symmetric", ql.PerAxis(0)))
    for library in ("qlab", "quanto", "onnxruntime"):
        codes, scale = lesson14.codes_of(x, library)
        assert torch.equal(codes, expected.data) and torch.equal(scale, expected.qparams.scale)


def test_torchao_has_the_codes_that_are_pictured():
    quantization = needed("torchao.quantization")
    layers = torch.nn.Sequential(torch.nn.Linear(128, 64, bias=False)).requires_grad_(False)
    layers[0].weight.copy_(WEIGHT)
    quantization.quantize_(layers, quantization.Int8WeightOnlyConfig())
    codes, scale = lesson14.codes_of(WEIGHT, "torchao")
    assert torch.equal(layers[0].weight.qdata, codes) and torch.equal(layers[0].weight.scale, scale)


def test_torch_has_the_codes_that_are_pictured():
    with quiet():
        observer = torch.ao.quantization.default_per_channel_weight_observer()
        observer(WEIGHT)
        scale, zero_point = observer.calculate_qparams()
        theirs = torch.quantize_per_channel(WEIGHT, scale, zero_point, 0, torch.qint8)
    codes, ours = lesson14.codes_of(WEIGHT, "torch.ao")
    torch.testing.assert_close(ours.flatten(), scale, rtol=3e-7, atol=0)
    assert (theirs.int_repr() != codes).sum() <= len(codes)  # a row's largest lies at a tie, −127.5


@pytest.mark.parametrize("setting", [{"concept": "quantise"}, {"left": "tensorflow"}, {"right": 3}])
def test_a_setting_that_cannot_be_shown_is_named(setting):
    with pytest.raises(ValueError, match=f"{next(iter(setting))} must be one of .*, got"):
        explore.translator(**setting)
