"""The explorer of clipping: its state over the whole grid of controls, its widget without a browser."""

import itertools
import re
from functools import partial

import numpy as np
import pytest
import torch
from explorer_checks import (
    assert_every_control_is_named,
    assert_every_control_rewrites_the_view,
    assert_prints_cleanly,
)

import qlab as ql
from qlab import explore, zoo
from qlab.explore import clips, lesson08
from qlab.explore.samples import sample
from qlab.explore.still import still_png

OWN = {
    "one row": torch.tensor([[0.1, -0.2, 0.05, 7.0]]),
    "one value": torch.tensor([[3.0]]),
    "tiny": torch.tensor([[1e-9, -3e-9], [0.0, 2e-9]]),
    "all zeros": torch.zeros(3, 3),
    "all negative": -torch.linspace(1, 2, 20).reshape(4, 5),
}
NAMES = [*lesson08.TENSORS, *OWN]


def chosen_named(name):
    return sample(OWN.get(name, name))


def view(tensor="relu2 outputs", bits=3, clip=None, model="laplace"):
    chosen = chosen_named(tensor)
    return lesson08.state(chosen, bits, clip or chosen.largest, model)


@pytest.mark.parametrize("name", NAMES)
def test_the_numbers_are_those_of_the_library(name):
    chosen = chosen_named(name)
    for bits, part in itertools.product((2, 3, 5, 8), (0.2, 0.61, 1.0)):
        clip = part * chosen.largest
        format = f"int{bits}" if chosen.x.min() < 0 else f"uint{bits}"
        largest_code = 2 ** (bits - 1) - 1 if chosen.x.min() < 0 else 2**bits - 1
        zero_point = None if chosen.x.min() < 0 else 0
        qt = ql.quantize(chosen.x, ql.QParams(torch.tensor(clip / largest_code), zero_point, format))
        state = view(name, bits, clip)
        shown = {key: number.value for key, number in state.numbers.items()}
        mse = ql.mse(chosen.x, qt.dequantize())
        assert shown["mse"] == pytest.approx(mse, rel=1e-5) and shown["sqnr"] == ql.sqnr(chosen.x, qt.dequantize())
        assert shown["cut_off"] + shown["rounded"] == pytest.approx(mse, rel=1e-5)
        assert shown["bits"] == ql.bits_per_weight(qt)
        original, restored, error = (panel.values for panel in state.panels)
        np.testing.assert_allclose(error, restored - original, atol=1e-6 * np.abs(original).max())


def test_cut_off_are_the_values_that_are_nearest_to_a_code_beyond_the_last():
    x = torch.tensor([0.4, 1.0, 5.0, 3.4, 3.6])
    cut, rounded = clips.losses(x, 3.0, "uint2")
    assert cut == pytest.approx((2.0**2 + 0.6**2) / 5) and rounded == pytest.approx((0.4**2 + 0.4**2) / 5)


@pytest.mark.parametrize("name", lesson08.TENSORS)
def test_the_best_clip_is_the_lowest_point_of_the_curve(name):
    chosen = chosen_named(name)
    for bits in lesson08.BITS:
        best = clips.best_clip(chosen, bits)
        errors = {
            clip: sum(clips.losses(chosen.x, clip, clips.code_format(chosen, bits))) for clip in clips.clips(chosen)
        }
        assert errors[best] == min(errors.values())


@pytest.mark.parametrize("distribution, name", [("gaussian", "bell curve"), ("laplace", "long tails")])
@pytest.mark.parametrize("bits", [2, 3, 4])
def test_on_data_of_the_model_the_closed_form_is_the_librarys(distribution, name, bits):
    chosen = chosen_named(name)
    x = chosen.x.double()
    spread = (x.square().mean().sqrt() if distribution == "gaussian" else x.abs().mean()).item()
    assert clips.model_clip(chosen, distribution, bits) == pytest.approx(ql.aciq_clip(distribution, bits) * spread)
    best = ql.best_clip(distribution, f"int{bits}") * spread
    assert clips.best_clip(chosen, bits) == pytest.approx(best, rel=0.07)


def test_a_relus_outputs_take_the_model_with_one_bit_more():
    x = torch.randn(100, 200, generator=torch.Generator().manual_seed(0))
    both, half = sample(x), sample(x.relu())
    assert clips.model_clip(half, "gaussian", 3) == pytest.approx(clips.model_clip(both, "gaussian", 4), rel=0.02)
    halves = [min(clips.model_curve(one, "gaussian", bits)) for one, bits in ((half, 3), (both, 4))]
    assert halves[0] == pytest.approx(halves[1] / 2, rel=0.05)


def test_the_observers_in_the_table_are_the_librarys():
    chosen = chosen_named("relu3 outputs")
    kinds = {
        "min-max": ql.MinMax,
        "percentile 99": partial(ql.Percentile, percentile=99),
        "histogram": ql.Histogram,
    }
    rows = {row[0].text: [cell.text for cell in row] for row in view("relu3 outputs", 4).table.rows}
    for name, kind in kinds.items():
        observer = kind("uint4", "affine")
        observer.observe(chosen.x)
        error = ql.mse(chosen.x, ql.fake_quantize(chosen.x, observer.qparams()))
        assert float(rows[name][3].replace("−", "-")) == pytest.approx(error, rel=1e-3)


def test_the_screen_shows_what_the_lesson_says():
    explorer = explore.clipping()
    assert explorer.current.numbers["sqnr"].text == "14.67 dB" and explorer.values["bits"] == 3
    explorer.controls["best"].click()
    shown = explorer.current.numbers
    assert shown["sqnr"].text == "17.09 dB" and 0 < shown["share"].value < 1
    assert explorer.values["clip"] == pytest.approx(0.69 * sample("relu2 outputs").largest, rel=0.01)
    explorer.controls["bits"].value = 8
    explorer.controls["best"].click()
    assert explorer.values["clip"] > 0.97 * sample("relu2 outputs").largest
    for bits, times in ((4, 1.2), (2, 2.0)):  # at the model's own best clip
        lead = view("long tails", bits).lead
        there = min(range(clips.STEPS), key=lambda i: abs(lead.clips[i] - lead.closed))
        assert lead.curves["step"][there] / lead.model[there] == pytest.approx(times, rel=0.1)


def test_the_best_clip_gains_more_with_fewer_bits():
    gains = []
    for bits in (2, 4, 8):
        wide, best = (view(bits=bits, clip=clip) for clip in (None, clips.best_clip(sample("relu2 outputs"), bits)))
        gains.append(best.numbers["sqnr"].value - wide.numbers["sqnr"].value)
    assert gains[0] > 3 > gains[1] > 1 > gains[2] >= 0


@pytest.mark.parametrize("name", NAMES)
def test_markup_is_complete_and_there_is_a_picture(name):
    for bits, model in itertools.product((2, 8), clips.MODELS):
        state = view(name, bits, model=model)
        assert_prints_cleanly(state)
        assert state.lead.text in state.html and state.call in state.text and "nan" not in state.lead.html
    assert len(still_png(state)) > 1000


@pytest.mark.parametrize("name", NAMES)
def test_the_printed_call_shows_the_same_view_again(name):
    chosen = chosen_named(name)
    for clip in (None, 0.5 * chosen.largest):
        state = view(name, 4, clip, "gaussian")
        again = eval(state.call.replace("your_tensor", "x"), {"explore": explore, "x": OWN.get(name)})
        assert again.current.html == state.html


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tensor": "relu9 outputs"}, "no tensor 'relu9 outputs'"),
        ({"bits": 9}, "bits must be a whole number from 2 to 8, got 9"),
        ({"model": "uniform"}, "model must be one of laplace, gaussian, got 'uniform'"),
        ({"clip": 0}, "clip must be above 0 and at most the largest magnitude, 6.2"),
        ({"clip": 100.0}, "clip must be above 0"),
        ({"clip": "all"}, "clip must be above 0"),
        ({"clip": float("nan")}, "clip must be above 0"),
    ],
    ids=lambda case: next(iter(case)) if isinstance(case, dict) else "",
)
def test_bad_settings_are_value_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        explore.clipping(**arguments)


@pytest.mark.parametrize("name", ["relu2 outputs", "fc2 outputs", *OWN])
def test_every_control_rewrites_the_view_over_its_whole_grid(name):
    chosen = chosen_named(name)
    explorer = explore.clipping(OWN.get(name, name))
    assert_every_control_rewrites_the_view(
        explorer, lambda tensor, **settings: lesson08.state(chosen, **settings), but=("tensor", "best")
    )


def test_choosing_data_opens_the_clip_and_draws_once():
    explorer, drawn = explore.clipping(clip=1.0), []
    explorer.view.observe(drawn.append, "value")
    others = [name for name in lesson08.TENSORS if name != "relu2 outputs"]
    for name in others:
        explorer.controls["tensor"].value = name
        assert explorer.values["clip"] == sample(name).largest
        assert explorer.current.call == view(name).call
    assert len(drawn) == len(others)


def test_the_button_moves_the_clip_to_the_best():
    explorer = explore.clipping("bn2 outputs", 4)
    explorer.controls["best"].click()
    assert explorer.values["clip"] == clips.best_clip(sample("bn2 outputs"), 4) < sample("bn2 outputs").largest
    assert explorer.current.numbers["clip"].text == explorer.current.numbers["best"].text


def test_the_activations_are_those_of_the_model():
    model, caught = zoo.load("digits_cnn"), []
    model.fc2.register_forward_hook(lambda *args: caught.append(args[-1]))
    with torch.no_grad():
        model(zoo.digits("test")[0][:320])
    torch.testing.assert_close(sample("fc2 outputs").x.flatten(), caught[0].flatten())


def test_every_control_has_a_name_to_be_read_aloud():
    assert_every_control_is_named(explore.clipping())


def test_where_no_widget_can_be_shown_there_is_the_table_as_text():
    text = explore.clipping()._repr_mimebundle_()["text/plain"]
    assert re.search(r"^> this clip +6\.22 +0\.00 % ", text, re.MULTILINE)
    assert re.search(r"^Error over the clip, up to 6\.22: 3\.41 % ", text, re.MULTILINE)
