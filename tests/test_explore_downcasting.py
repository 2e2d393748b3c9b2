"""The explorer of downcasting: its state over the whole grid of controls, its widget without a browser."""

import itertools
import re
from functools import cache

import numpy as np
import pytest
import torch
from explorer_checks import assert_every_control_is_named, assert_prints_cleanly
from torch import nn

import qlab as ql
from qlab import explore, zoo
from qlab.explore import lesson02, panels
from qlab.explore.runs import DTYPES, subject


def with_overflow():
    """float16 cannot hold a square of 1000: the weights fit, the activations do not."""
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    for layer in model:
        nn.init.constant_(layer.weight, 500.0)
    return model


def with_large_weight():
    model = nn.Linear(2, 3)
    nn.init.constant_(model.weight, 1e6)
    return model


class Tied(nn.Module):
    """One weight, used twice, a layer that never runs, and a list as output."""

    def __init__(self):
        super().__init__()
        self.embed, self.out, self.idle = nn.Embedding(20, 6), nn.Linear(6, 20, bias=False), nn.Linear(3, 1)
        self.out.weight = self.embed.weight

    def forward(self, tokens):
        return [self.out(self.embed(tokens).mean(1))]


OWN = {
    "overflow": (with_overflow, torch.ones(3, 2)),
    "large weight": (with_large_weight, torch.eye(2)),
    "tied": (Tied, torch.arange(12).reshape(4, 3)),
    "half": (lambda: nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 1)).half(), torch.rand(7, 5)),
    "zeros": (lambda: nn.Sequential(nn.Linear(2, 2), nn.Conv1d(1, 1, 1)), torch.zeros(1, 1, 2)),
}
SUBJECTS = ["digits", *OWN]


def subject_named(name):
    if name == "digits":
        return subject()
    torch.manual_seed(0)
    make, inputs = OWN[name]
    return subject(make(), inputs)


@cache
def cases(name):
    """Every setting for a subject, with its state."""
    chosen, found = subject_named(name), []
    images = {0, len(chosen.inputs) // 2}
    for dtype, layer, show, image in itertools.product(
        DTYPES, chosen.run("float32").weights, lesson02.SHOWN, sorted(images)
    ):
        settings = {"dtype": dtype, "layer": layer, "show": show, "image": image}
        found.append((chosen, settings, lesson02.state(chosen, **settings)))
    return found


def view(*arguments, **settings):
    """The state that the explorer opens with."""
    return explore.downcasting(*arguments, **settings).current


def values(state):
    return {name: number.value for name, number in state.numbers.items()}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_numbers_agree_with_the_library(dtype):
    model, (images, labels) = zoo.load("digits_cnn"), zoo.digits("test")
    lowered = ql.downcast(model, dtype)
    with torch.no_grad():
        before, after = model(images), lowered(images).float()
    shown = values(view(dtype=dtype, image=493))
    simulated = 3 * 18_538 if "8" in dtype[5:7] else 0
    assert shown["footprint"] == ql.memory_footprint(lowered) - simulated
    assert shown["share"] == 100 * shown["footprint"] / 74_680
    assert shown["sqnr"] == ql.sqnr(before, after)
    assert shown["changed"] == (before.argmax(1) != after.argmax(1)).sum()
    assert (shown["before"], shown["after"]) == (before[493].argmax(), after[493].argmax())
    assert f"Image 493 is labeled {labels[493]}." in view(image=493).note
    top = before[493].sort(descending=True).values
    text = view(dtype=dtype, image=493).numbers["before"].text
    assert text == f"{before[493].argmax()}, by {panels.significant((top[0] - top[1]).item(), 3)}"


def test_the_bytes_of_the_layers_add_up_to_the_footprint():
    for dtype, bytes_each in zip(DTYPES, (4, 2, 2, 1, 1), strict=True):
        state = view(dtype=dtype)
        total = sum(int(row[1].text.replace(",", "")) for row in state.table.rows)
        assert total == state.numbers["footprint"].value
        buffers = 4 * 32 * (4 if bytes_each == 1 else bytes_each) + 2 * 8
        assert total == 18_538 * bytes_each + buffers


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_table_has_each_layer_against_float32(dtype):
    run, state = subject().run(dtype), view(dtype=dtype, layer="fc1")
    reference = zoo.load("digits_cnn")
    lowered = ql.downcast(reference, dtype) if dtype != "float32" else reference
    assert [row[0].text for row in state.table.rows] == ["conv1", "bn1", "conv2", "bn2", "fc1", "fc2"]
    for (name, *_), row in zip(run.ratios, state.table.rows, strict=False):
        pairs = zip(*(model.get_submodule(name).parameters() for model in (reference, lowered)), strict=True)
        before, after = (torch.cat([p.flatten().float() for p in group]) for group in zip(*pairs, strict=True))
        assert row[2].text == lesson02._decibels(ql.sqnr(before, after))
    assert state.table.rows[state.table.chosen][0].text == "fc1"
    assert state.table.rows[-1][3].text == state.numbers["sqnr"].text  # the last layer returns the scores


@pytest.mark.parametrize("name", SUBJECTS)
def test_panels_hold_what_the_numbers_say(name):
    for chosen, settings, state in cases(name):
        seen, before, after, error = state.panels
        assert not seen.small
        for panel in state.panels:
            assert np.isfinite(panel.shade).all() and max(panel.values.shape) <= panels.CROP
        rounding = 1e-6 * np.abs(after.values).max()
        np.testing.assert_allclose(error.values, after.values - before.values, atol=rounding)
        if settings["dtype"] == "float32":
            assert not error.values.any()
        if settings["show"] == "weights" and not state.remark.endswith("Shown: float32."):
            own = max(chosen.run("float32").weights[settings["layer"]], key=torch.numel)
            unit = 10.0 ** panels.exponent(own.abs().max().item())
            cast = ql.cast(torch.tensor(before.values * unit), settings["dtype"]).numpy()
            np.testing.assert_allclose(after.values * unit, cast, rtol=1e-6)


@pytest.mark.parametrize("name", SUBJECTS)
def test_markup_is_complete_and_prints_no_negative_zero(name):
    for *_, state in cases(name):
        shown = state.html
        assert_prints_cleanly(state)
        assert shown.count("class=chosen") == 1 and shown.count("<figure") == 4


def test_the_printed_call_shows_the_same_view_again():
    for _, _, state in cases("digits")[::5]:
        again = eval(state.call, {"explore": explore}).current
        assert again.html == state.html
    own = view(*[make() if callable(make) else make for make in OWN["half"]])
    assert own.call.startswith("explore.downcasting(your_model, your_inputs, dtype='bfloat16', layer='0',")
    assert view(None, zoo.digits("test")[0]).call.startswith("explore.downcasting(inputs=your_inputs, ")


def test_coarser_formats_lose_more():
    for show in ("weights", "outputs"):
        for layer in ("conv2", "fc2"):
            ratios = [subject().run(dtype).ratios[layer, show] for dtype in DTYPES]
            assert ratios == sorted(ratios, reverse=True)


@pytest.mark.parametrize(
    ("name", "dtype", "remark"),
    [
        ("digits", "float8_e5m2", "Simulated: the weights are rounded"),
        ("large weight", "float16", "6 elements of weight are beyond torch.float16, such as 1e+06"),
        ("overflow", "float16", "The activations of 1 overflow in float16."),
        ("overflow", "bfloat16", ""),
        ("digits", "float16", ""),
    ],
)
def test_remarks_name_what_is_special(name, dtype, remark):
    shown = view(subject_named(name), dtype=dtype).remark
    assert remark in shown and bool(remark) == bool(shown)


def test_overflow_and_idle_layers_stand_in_the_table():
    rows = view(subject_named("overflow"), dtype="float16").table.rows
    assert [cell.text for cell in rows[1]] == ["1", "8", "exact", "overflow"]
    rows = {row[0].text: row for row in view(subject_named("tied")).table.rows}
    assert rows["idle"][3].text == "not run"
    assert view(subject_named("tied"), dtype="float32").numbers["footprint"].value == 4 * (120 + 4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dtype": "int8"}, "dtype must be one of float32, .* got 'int8'"),
        ({"layer": "conv3"}, "layer must be one of conv1, bn1, .* got 'conv3'"),
        ({"show": "logits"}, "show must be one of weights, activations, got 'logits'"),
        ({"image": 500}, "image must be a whole number from 0 to 499, got 500"),
        ({"image": -1}, "image must be a whole number"),
        ({"model": [1.0]}, "model must be a torch.nn.Module, got a list"),
        ({"model": nn.Linear(2, 2)}, "needs inputs"),
        ({"model": nn.Linear(2, 2), "inputs": torch.ones(4, 3)}, r"cannot run on inputs of shape \(4, 3\)"),
        ({"model": nn.Linear(2, 2), "inputs": torch.ones(0, 2)}, "one input a row"),
        ({"model": nn.Linear(1, 1), "inputs": torch.tensor([[float("nan")]])}, "returns NaN or infinity"),
        ({"model": nn.ReLU(), "inputs": torch.ones(2, 2)}, "no parameters"),
    ],
    ids=lambda case: next(reversed(case)) if isinstance(case, dict) else "",
)
def test_bad_settings_are_value_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        explore.downcasting(**arguments)


def test_many_inputs_are_cut_and_told_so_and_the_model_is_left_alone():
    model = nn.Linear(2, 3).half().train()
    state = view(model, torch.rand(1000, 2))
    assert "the first 512 of 1,000 inputs" in state.note
    assert model.training and model.weight.dtype == torch.float16 and not model._forward_hooks


@pytest.mark.parametrize("name", SUBJECTS)
def test_every_control_rewrites_the_view_over_its_whole_grid(name):
    chosen = subject_named(name)
    explorer = explore.downcasting(chosen)
    for control in ("dtype", "layer", "show", "image"):
        widget = explorer.controls[control]
        options = widget.options if hasattr(widget, "options") else range(0, widget.max + 1, 83)
        for value in options:
            widget.value = value
            assert explorer.view.value == lesson02.state(chosen, **explorer.values).html


def test_the_button_goes_to_the_next_changed_prediction_and_round():
    explorer, found = explore.downcasting(dtype="float8_e5m2"), []
    changed = subject().changed("float8_e5m2").nonzero().flatten().tolist()
    for _ in range(len(changed) + 1):
        explorer.controls["next"].click()
        found.append(explorer.values["image"])
    assert found == [*changed, changed[0]]
    assert values(explorer.current)["before"] != values(explorer.current)["after"]
    explorer = explore.downcasting(dtype="float32", image=7)
    explorer.controls["next"].click()
    assert explorer.values["image"] == 7


def test_every_control_has_a_name_to_be_read_aloud():
    assert_every_control_is_named(explore.downcasting())


def test_where_no_widget_can_be_shown_there_is_the_table_as_text():
    text = explore.downcasting()._repr_mimebundle_()["text/plain"]
    assert re.search(r"^> conv2 +18,432 +55.7 dB", text, re.MULTILINE)
