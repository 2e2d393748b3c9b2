"""Comparing a quantized model with its float model: each SQNR by hand, and a layer made bad on purpose is found."""

import copy
import itertools
import warnings

import pytest
import torch
from torch import nn

import qlab as ql
from qlab.zoo import accuracy, digits, load

IMAGES = digits("train")[0][:128]
LAYERS = ["conv1", "conv2", "fc1", "fc2"]


def pair(model, batch, **settings):
    prepared = ql.calibrate(ql.prepare(model, **settings), batch)
    return prepared, ql.convert(prepared)


@pytest.fixture
def small():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)), torch.randn(20, 6)


def test_each_sqnr_is_that_of_the_formula_step_by_step(small):
    model, x = small
    prepared, quantized = pair(model, x, weight="int4")
    first, second = ql.compare_layers(prepared, quantized, x).layers
    assert first.weight == ql.sqnr(model[0].weight, quantized.get_submodule("0").weight)
    hidden = model[0](x).relu()
    codes = quantized.get_submodule("0")(quantized.quantize_input_1(x))
    assert first.accumulated == first.own == ql.sqnr(hidden, codes.dequantize())
    result = model[2](hidden)
    last = quantized.get_submodule("2")
    assert second.accumulated == ql.sqnr(result, last(codes).dequantize()) == ql.sqnr(result, quantized(x))
    given = ql.quantize(hidden, codes.qparams)
    assert second.own == ql.sqnr(result, last(given).dequantize())


def test_the_comparison_leaves_both_models_as_they_were(small):
    model, x = small
    prepared, quantized = pair(model, x)
    before = copy.deepcopy(prepared.state_dict()), copy.deepcopy(quantized.state_dict())
    ql.compare_layers(prepared, quantized, 100 * x)
    for state, module in zip(before, (prepared, quantized), strict=True):
        after = module.state_dict()
        assert state.keys() == after.keys() and all(torch.equal(state[key], after[key]) for key in state)


@pytest.mark.parametrize("bad", LAYERS)
def test_the_ranking_finds_a_layer_with_one_huge_weight(bad):
    model = load("digits_cnn")
    with torch.no_grad():
        weight = model.get_submodule(bad).weight
        weight.view(-1)[0] = 40 * weight.abs().max()
    comparison = ql.compare_layers(*pair(model, IMAGES, granularity=ql.PerTensor()), IMAGES)
    assert comparison.ranking("weight")[0] == bad


def test_the_ranking_by_own_error_finds_what_costs_the_accuracy_where_the_weight_looks_fine():
    """Large weights on inputs that are always 0 spoil fc1's scale; they are exact, so its weight's SQNR is high."""
    model = load("digits_cnn")
    with torch.no_grad():
        model.bn2.weight[3], model.bn2.bias[3] = 0, -1  # a dead channel: fc1's inputs 12 to 15
        model.fc1.weight[:, 12:16] = 30 * model.fc1.weight.abs().max()
    settings = {"granularity": ql.PerTensor(), "weight": "int4"}
    prepared, quantized = pair(model, IMAGES, **settings)
    comparison = ql.compare_layers(prepared, quantized, IMAGES)
    assert comparison.ranking("own")[0] == "fc1" != comparison.ranking("weight")[0]
    assert accuracy(quantized) < accuracy(model) - 0.3
    recovered = ql.quantize_except(model, 1, [IMAGES], **settings)
    assert type(recovered.fc1) is nn.Linear and accuracy(recovered) > accuracy(model) - 0.03
    assert ql.frontier(model, [IMAGES], accuracy, **settings)[1].kept == ("fc1",)


def test_quantize_except_leaves_exactly_the_lowest_in_float():
    model = load("digits_cnn")
    prepared, quantized = pair(model, IMAGES, weight="int3")
    lowest = ql.compare_layers(prepared, quantized, IMAGES).ranking("own")
    for n in range(4):
        mixed = ql.quantize_except(model, n, [IMAGES], weight="int3")
        floats = [name for name in LAYERS if isinstance(mixed.get_submodule(name), (nn.Conv2d, nn.Linear))]
        assert sorted(floats) == sorted(lowest[:n])
    with pytest.raises(ValueError, match="at least one is quantized; got 4"):
        ql.quantize_except(model, 4, [IMAGES])


def test_layers_excluded_before_are_not_ranked_and_stay_float():
    model = load("digits_cnn")
    mixed = ql.quantize_except(model, 1, [IMAGES], weight="int3", exclude="conv1")
    assert type(mixed.conv1) is nn.Conv2d and type(mixed.conv2) is nn.Conv2d
    steps = ql.frontier(model, [IMAGES], accuracy, weight="int3", exclude=["conv1"])
    assert len(steps) == 3 and not any("conv1" in step.kept for step in steps)


def test_each_step_of_the_frontier_is_the_best_of_all_its_choices():
    model = load("digits_cnn")
    steps = ql.frontier(model, [IMAGES], accuracy, weight="int2")
    assert [len(step.kept) for step in steps] == [0, 1, 2, 3]
    for before, step in itertools.pairwise(steps):
        choices = []
        for name in set(LAYERS) - set(before.kept):
            _, mixed = pair(model, [IMAGES], weight="int2", exclude=[*before.kept, name])
            choices.append((accuracy(mixed), -ql.memory_footprint(mixed)))
        assert (step.score, -step.nbytes) == max(choices)


def test_sqnr_is_that_of_the_numeric_suite(small):
    model, x = small
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.ao.ns.fx.utils import compute_sqnr
    _prepared, quantized = pair(model, x, weight="int4")
    with torch.no_grad():
        ours, theirs = ql.sqnr(model(x), quantized(x)), compute_sqnr(model(x), quantized(x)).item()
    assert ours == pytest.approx(theirs, abs=1e-4)


def test_6_dB_a_bit_on_uniform_data():
    x = torch.rand(100_000, generator=torch.Generator().manual_seed(0)) * 2 - 1
    dB = [ql.sqnr(x, ql.fake_quantize(x, ql.choose_qparams(x, f"int{bits}", "symmetric"))) for bits in (6, 7, 8)]
    gained = [b - a for a, b in itertools.pairwise(dB)]
    assert gained == pytest.approx([6.02] * 2, abs=0.2)


def test_what_does_not_belong_together_is_refused(small):
    model, x = small
    prepared, _ = pair(model, x)
    _, other = pair(load("digits_cnn"), IMAGES)
    with pytest.raises(ValueError, match=r"has the layers \['0', '2'\], the quantized one \['conv1'"):
        ql.compare_layers(prepared, other, x)
    with pytest.raises(ValueError, match="'weight', 'accumulated' or 'own', got 'size'"):
        ql.compare_layers(*pair(model, x), x).ranking("size")
