"""The explorer of quantization-aware training: figures of the library's own training, its button, its settings."""

import re
from functools import partial

import pytest
import torch
from explorer_checks import (
    assert_every_control_is_named,
    assert_every_control_rewrites_the_view,
    assert_prints_cleanly,
)
from torch import nn

import qlab as ql
from qlab import explore, zoo
from qlab.explore import lesson11
from qlab.explore.still import still_png
from qlab.explore.training_runs import GRANULARITIES, RATES, SCALES, STEPS, WIDTHS, Run, subject

START = {"granularity": "per row", "scales": "learned", "learning_rate": 0.005, "seed": 0}


def shown(chosen, step=0, **settings):
    """What is to be seen after some steps, with these settings in place of those the explorer starts with."""
    return lesson11.state(Run(chosen, **START | settings).to(step))


def values(state):
    return {name: number.value for name, number in state.numbers.items()}


def tiny():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 12), nn.ReLU(), nn.Linear(12, 10))


@pytest.fixture(scope="module")
def small():
    """A model that trains in no time."""
    return subject(tiny())


def by_hand(model, width, granularity, scales, learning_rate, seed, steps):
    """Losses and the model after some steps, without the explorer."""
    images = zoo.digits("train")[0][:256].double()
    qat = ql.prepare_qat(model.double(), images, WIDTHS[width], "int8", GRANULARITIES[granularity], scales)
    losses = zoo.fine_tune(qat, STEPS, learning_rate, seed)
    return [next(losses) for _ in range(steps)], qat


@pytest.mark.parametrize("granularity", GRANULARITIES)
@pytest.mark.parametrize("scales", SCALES)
def test_the_figures_are_those_of_the_librarys_training(small, granularity, scales):
    state = shown(small, 10, granularity=granularity, scales=scales, learning_rate=0.02, seed=3)
    for row, width in zip(state.table.rows, WIDTHS, strict=True):
        losses, qat = by_hand(tiny(), width, granularity, scales, 0.02, 3, 10)
        assert state.lead.losses[width] == list(enumerate(losses, start=1))
        assert state.lead.accuracies[width][-1] == (10, zoo.accuracy(qat))
        assert row[0].text == width and row[3].share == zoo.accuracy(qat)
    figures, rounded = values(state), qat.get_submodule("1").weight.detach()
    before = small.model[1].weight.detach()
    assert figures["mse"] == ql.mse(before, rounded) and figures["sqnr"] == ql.sqnr(before, rounded)
    assert figures["now"] == 100 * zoo.accuracy(qat)
    scales_of_rows = {"per tensor": 2, "per row": 12 + 10}[granularity]
    assert figures["bits"] == pytest.approx(2 + 32 * scales_of_rows / (64 * 12 + 12 * 10))
    assert_prints_cleanly(state)


TOLD = [  # what lesson 11 says of its three moves: settings, accuracies at 2 bits before and after
    ({}, 83, 96),
    ({"granularity": "per tensor"}, 70, 95),
    ({"granularity": "per tensor", "scales": "observed"}, 12, 76),
]


@pytest.mark.parametrize(("settings", "before", "after"), TOLD, ids=["start", "per-tensor", "observed"])
def test_the_screen_shows_what_the_lesson_says(settings, before, after):
    first, last = (shown(subject(None), step, **settings) for step in (0, STEPS))
    assert abs(values(first)["now"] - before) <= 1 and abs(values(last)["now"] - after) <= 1
    if not settings:  # accuracy has risen, and yet the weights have moved away from where they were
        assert values(last)["sqnr"] < values(first)["sqnr"] - 1


def test_the_call_shows_the_same_again(small):
    settings = {"granularity": "per tensor", "scales": "observed", "learning_rate": 0.001, "seed": 2}
    state = shown(small, 7, **settings)
    assert state.call == (
        "explore.training(your_model, granularity='per tensor', scales='observed', learning_rate=0.001, "
        "seed=2, step=7)"
    )
    assert shown(small, 7, **settings).html == state.html
    opened = explore.training(tiny(), "per tensor", "observed", 0.001, 2, 7)
    assert opened.current.html == state.html
    assert explore.training(tiny()).current.html == shown(small).html


def test_every_control_is_named_and_rewrites_the_view(small):
    explorer = explore.training(tiny())
    assert_every_control_is_named(explorer)
    assert_every_control_rewrites_the_view(explorer, partial(shown, small), but=("train",))


def test_the_button_trains_to_the_end_and_begins_again(small):
    explorer = explore.training(tiny(), step=5)
    seen = []
    explorer.view.observe(lambda change: seen.append(explorer.run.step), "value")
    explorer.controls["train"].click()
    assert seen[:3] == [6, 7, 8] and explorer.run.step == STEPS
    assert explorer.view.value == shown(small, STEPS).html
    assert explorer.controls["train"].description == "train" and not explorer.running
    seen.clear()
    explorer.controls["train"].click()
    assert seen[0] == 1 and explorer.view.value == shown(small, STEPS).html


def test_pressed_again_it_stops_and_goes_on(small):
    explorer = explore.training(tiny())
    explorer.running = True
    pieces = explorer._pieces()
    while explorer.run.step < 4:
        next(pieces)
    explorer.controls["train"].click()  # as a reader would, between two pieces
    for _ in pieces:
        pass
    assert not explorer.running and explorer.run.step <= 5
    explorer.controls["train"].click()
    assert explorer.view.value == shown(small, STEPS).html


def test_a_new_setting_stops_what_runs(small):
    explorer = explore.training(tiny())
    explorer.running = True
    pieces = explorer._pieces()
    next(pieces)
    explorer.controls["seed"].value = 4
    for _ in pieces:
        pass
    assert not explorer.running and explorer.run.step == 0
    assert explorer.view.value == shown(small, seed=4).html
    assert explorer.controls["train"].description == "train"


def test_the_start_is_left_alone(small):
    first = Run(small, **START)
    weights = {name: tensor.clone() for name, tensor in first.models["2 bits"].state_dict().items()}
    first.to(2)
    again = Run(small, **START)
    assert all(torch.equal(tensor, weights[name]) for name, tensor in again.models["2 bits"].state_dict().items())


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"granularity": "per group"}, "granularity must be one of per tensor, per row"),
        ({"scales": "lsq"}, "scales must be one of learned, observed"),
        ({"learning_rate": 1.0}, "learning_rate must be one of 0.001, 0.005, 0.02"),
        ({"seed": 9}, "seed must be a whole number from 0 to 4"),
        ({"step": 61}, "step must be a whole number from 0 to 60"),
        ({"model": "digits"}, "model must be a torch.nn.Module, got a str"),
        ({"model": nn.Linear(3, 10)}, "does not take images of shape"),
        ({"model": nn.Flatten()}, r"ten scores an image, \(2, 10\) for two; it gives \(2, 64\)"),
    ],
)
def test_settings_outside_are_refused(settings, told):
    with pytest.raises(ValueError, match=told):
        explore.training(**settings)


@pytest.mark.parametrize("step", [0, 1, 25])
def test_the_plots_hold_their_numbers_in_words(small, step):
    state = shown(small, step)
    told = re.findall(r'role="img" aria-label="([^"]*over 60 steps[^"]*)"', state.html)
    assert len(told) == 2 and all(f"{width} 0." in told[1] for width in WIDTHS)
    assert ("no step yet" in told[0]) == (step == 0)
    paths = re.findall(r' d="([^"]*)"', state.lead.html)
    numbers = [float(n) for path in paths for n in re.findall(r"-?\d+\.?\d*", path)]
    assert all(0 <= n <= 1000 for n in numbers)
    assert len(still_png(state)) > 10_000 and still_png(state) == still_png(state)


def test_rates_are_those_of_the_control():
    assert explore.training(tiny()).controls["learning_rate"].options == RATES
