"""The explorer of leaving layers in float: its figures are the library's, over the whole grid of controls."""

import itertools
import re
from functools import cache

import pytest
import torch
from explorer_checks import (
    assert_every_control_is_named,
    assert_every_control_rewrites_the_view,
    assert_prints_cleanly,
)
from torch import nn

import qlab as ql
from qlab import explore
from qlab.explore import frontiers, lesson10, mixtures
from qlab.explore.still import still_png
from qlab.zoo import accuracy, digits, load

IMAGES = digits("train")[0][:128]
LAYERS = ("conv1", "conv2", "fc1", "fc2")
SCALES = {"per tensor": ql.PerTensor(), "per row": ql.PerAxis(0)}
START = {"keep": (), "weight": "int2", "granularity": "per row", "by": "own", "path": "greedy"}
KEPT = [(), ("conv2",), ("conv1", "fc2"), ("conv2", "fc1", "fc2")]


@cache
def mlp():
    torch.manual_seed(0)
    return mixtures.subject(nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 4)), torch.randn(40, 12))


def view(model=None, **settings):
    """What the explorer shows of a model that the course ships; what is not given is as it starts."""
    return lesson10.state(mixtures.subject(model), **START | settings)


def values(state):
    return {name: number.value for name, number in state.numbers.items()}


@pytest.mark.parametrize("keep", KEPT, ids="-".join)
@pytest.mark.parametrize("scales", SCALES)
@pytest.mark.parametrize("weight", ["int2", "int8"])
def test_the_figures_are_those_of_the_library(weight, scales, keep):
    model = load("digits_cnn")
    prepared = ql.prepare(model, weight=weight, granularity=SCALES[scales], exclude=keep)
    quantized = ql.convert(ql.calibrate(prepared, IMAGES))
    comparison = ql.compare_layers(prepared, quantized, IMAGES)
    for by in lesson10.COLUMNS:
        state = view(keep=keep, weight=weight, granularity=scales, by=by, path="none")
        shown, lowest = values(state), comparison.ranking(by)[0]
        assert shown["score"] == accuracy(quantized) and shown["footprint"] == ql.memory_footprint(quantized)
        assert shown["lowest"] == min(getattr(layer, by) for layer in comparison.layers)
        assert shown["result"] == pytest.approx(ql.sqnr(model(IMAGES), quantized(IMAGES)))
        assert shown["kept"] == len(keep) and shown["before"] == ql.memory_footprint(model)
        assert (
            state.table.rows[state.table.chosen][0].text == lowest and f"Lowest by {by}: {lowest}." == state.remark
        )
    rows = {row[0].text: [cell.text for cell in row[2:]] for row in state.table.rows}
    for layer in comparison.layers:
        ratios = layer.weight, layer.accumulated, layer.own
        assert rows[layer.name] == [f"{r:.1f} dB".replace("-", "−") for r in ratios]
    assert all(rows[name] == ["in float"] * 3 for name in keep)


@pytest.mark.parametrize("scales", SCALES)
def test_the_path_is_that_of_frontier_and_the_formats_are_beside_it(scales):
    chart = view(granularity=scales).chart
    steps = ql.frontier(load("digits_cnn"), [IMAGES], accuracy, weight="int2", granularity=SCALES[scales])
    assert [(p.nbytes, p.score) for p in chart.path] == [(step.nbytes, step.score) for step in steps]
    assert [p.label for p in chart.path] == ["", *(f"+ {step.kept[-1]}" for step in steps[1:])]
    assert [p.label for p in chart.others] == [*mixtures.WEIGHTS, "float32"]
    sizes = [point.nbytes for point in chart.others]
    assert sizes[:-1] == sorted(sizes[:-1], reverse=True) and sizes[-1] == max(sizes)
    assert chart.path[0].nbytes == chart.here.nbytes and not view(path="none").chart.path


def test_points_of_the_plot_are_where_their_figures_say():
    chart = view(keep=("conv2",)).chart
    low, high = chart.ends
    for point in (*chart.path, *chart.others, chart.here):
        assert low * (high / low) ** (chart.across(point.nbytes) / frontiers.UNITS) == pytest.approx(point.nbytes)
        wrong = 0.01 ** (1 - frontiers.down(point.score) / frontiers.HEIGHT)
        assert wrong == pytest.approx(1 - point.score)
        assert f"{point.nbytes:,} bytes {point.score:.3f}" in chart.alt
    assert chart.html.count('class="zero"') == 4 and chart.html.count('class="zero dim"') == 5
    assert chart.html.count('class="here"') == 1


def test_labels_of_the_path_leave_each_other_room():
    chart = view("dead inputs", weight="int4").chart
    assert [point.label for point in chart.apart] == ["+ fc1"] and len(chart.path) == 4
    assert "+ conv1" in chart.alt and ">+ conv1<" not in chart.html
    remark = view("dead inputs", weight="int4").remark
    assert remark.endswith(f"leaves {', '.join(p.label[2:] for p in chart.path[1:])} in float, in this order.")


TOLD = [  # what lesson 10 says of its moves: settings, right, bytes, the layer that is marked
    ({}, 0.802, 5_752, "conv2"),
    ({"keep": ("conv2",)}, 0.916, 40_184, "conv1"),
    ({"weight": "int3"}, 0.960, 8_040, "conv2"),
    ({"model": "dead inputs", "weight": "int4"}, 0.100, 10_328, "fc1"),
    ({"model": "dead inputs", "weight": "int4", "by": "weight"}, 0.100, 10_328, "conv2"),
    ({"model": "dead inputs", "weight": "int4", "keep": ("conv2",)}, 0.100, 42_456, "fc1"),
    ({"model": "dead inputs", "weight": "int4", "keep": ("fc1",)}, 0.962, 38_744, "conv2"),
    ({"model": "large weight", "weight": "int4", "granularity": "per tensor"}, 0.142, 9_792, "fc1"),
    ({"model": "large weight", "weight": "int4", "granularity": "per tensor", "by": "weight"}, 0.142, 9_792, "fc1"),
    ({"model": "large weight", "weight": "int4"}, 0.940, 10_328, "conv2"),
]


@pytest.mark.parametrize(("settings", "right", "nbytes", "marked"), TOLD)
def test_the_screen_shows_what_the_lesson_says(settings, right, nbytes, marked):
    state = view(path="none", **settings)
    assert values(state)["footprint"] == nbytes and marked in state.remark
    assert values(state)["score"] == pytest.approx(right, abs=0.005)  # another CPU may turn a digit over


@pytest.mark.parametrize("name", mixtures.SHIPPED)
def test_markup_is_complete_and_there_is_a_picture(name):
    for weight, keep in itertools.product(mixtures.WEIGHTS, [(), LAYERS]):
        state = view(name, weight=weight, keep=keep, path="none")
        assert_prints_cleanly(state)
        assert state.html.count("class=chosen") == (not keep) and state.call in state.text
    assert "No layer is quantized" in state.remark and values(state)["share"] == 100
    assert len(still_png(state)) > 10_000


@pytest.mark.parametrize(
    "settings", [{}, {"keep": "fc1", "weight": "int4", "by": "weight"}, {"model": "dead inputs", "path": "none"}]
)
def test_the_printed_call_shows_the_same_view_again(settings):
    state = explore.sensitivity(**settings).current
    again = eval(state.call, {"explore": explore}).current
    assert again.html == state.html


def test_a_model_of_your_own_is_scored_by_what_stays_the_same():
    chosen = mlp()
    prepared = ql.calibrate(ql.prepare(chosen.model, weight="int3"), chosen.inputs)
    quantized = ql.convert(prepared)
    same = quantized(chosen.inputs).argmax(1) == chosen.model(chosen.inputs).argmax(1)
    state = lesson10.state(chosen, **START | {"weight": "int3"})
    assert values(state)["score"] == same.double().mean().item() and values(state)["score_before"] == 1
    assert state.call.startswith("explore.sensitivity(your_model, your_inputs, ")
    assert state.numbers["score"].label == "same answers, this"


def test_a_score_of_your_own_is_asked():
    inputs = torch.randn(9, 3)
    explorer = explore.sensitivity(nn.Sequential(nn.Linear(3, 1)), inputs, score=lambda model: 0.25)
    assert values(explorer.current)["score"] == 0.25 and "your_score" in explorer.current.call
    assert list(explorer.controls["keep"].boxes) == ["0"] and "model" not in explorer.controls


def test_a_model_of_many_layers_has_no_path():
    deep = nn.Sequential(*(nn.Linear(3, 3) for _ in range(9)))
    state = explore.sensitivity(deep, torch.randn(9, 3)).current
    assert not state.chart.path and "No path is shown for more than 8 layers." in state.remark


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weight": "int5"}, "weight must be one of int8, int4, int3, int2, got 'int5'"),
        ({"granularity": "per group"}, "granularity must be one of per tensor, per row"),
        ({"by": "size"}, "by must be one of weight, accumulated, own, got 'size'"),
        ({"path": True}, "path must be one of greedy, none, got True"),
        ({"keep": ["fc9"]}, "keep must be names of layers, of conv1, conv2, fc1, fc2, got 'fc9'"),
        ({"model": "resnet"}, "a torch.nn.Module or one of digits CNN, large weight, dead inputs, got 'resnet'"),
        ({"model": 3}, "model must be a torch.nn.Module, got a int"),
        ({"model": nn.Linear(2, 2)}, "needs inputs to calibrate with"),
        ({"model": nn.ReLU(), "inputs": torch.ones(2, 2)}, "0 layers with 0 weights; explore 1 or more"),
        ({"model": nn.Linear(2, 1), "inputs": torch.ones(2, 2)}, r"outputs of shape \(2, 1\) name no class"),
        (
            {"model": nn.Sequential(nn.Linear(2, 2)), "inputs": torch.ones(2, 2), "score": lambda model: 98},
            "score must return a share from 0 to 1, got 98",
        ),
    ],
    ids=lambda case: next(iter(case)) if isinstance(case, dict) else "",
)
def test_bad_settings_are_value_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        explore.sensitivity(**arguments)


def test_every_control_rewrites_the_view_over_its_whole_grid():
    explorer = explore.sensitivity()
    assert_every_control_rewrites_the_view(explorer, view, but=("keep",))
    for name, box in explorer.controls["keep"].boxes.items():
        box.value = True
        assert explorer.values["keep"][-1] == name
        assert explorer.view.value == view(**explorer.values).html


def test_every_control_has_a_name_to_be_read_aloud():
    explorer = explore.sensitivity()
    boxes = explorer.controls.pop("keep").boxes.values()
    assert_every_control_is_named(explorer)
    assert [box.tooltip for box in boxes] == [f"keep in float: the layer {name}" for name in LAYERS]


def test_a_planted_layer_leaves_the_shipped_model_alone():
    before = load("digits_cnn").state_dict()
    for name in mixtures.SHIPPED:
        mixtures.subject(name)
    assert all(torch.equal(tensor, before[key]) for key, tensor in load("digits_cnn").state_dict().items())
    changed = mixtures.subject("dead inputs").model
    assert accuracy(changed) > accuracy(load("digits_cnn")) - 0.01


def test_where_no_widget_can_be_shown_there_is_the_table_as_text():
    text = explore.sensitivity()._repr_mimebundle_()["text/plain"]
    assert re.search(r"^> conv2 +2,568 +1\.8 dB +−1\.5 dB +0\.8 dB$", text, re.MULTILINE)
