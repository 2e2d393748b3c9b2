"""Lesson 11's exercises: mistakes in other hands, and cases that leave no doubt about who is right."""

import pytest
import torch

import qlab as ql
from qlab.exercises.checking import check
from qlab.exercises.grading import grade
from qlab.exercises.lesson11 import EXERCISES as LISTED
from qlab.qat import slopes

EXERCISES = {exercise.id: exercise for exercise in LISTED}


@pytest.fixture(autouse=True)
def data_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("QLAB_DATA_DIR", str(tmp_path / "data"))


def plain_autograd(gradient, x, scale, zero_point, quant_min, quant_max):
    x = x.clone().requires_grad_()
    codes = torch.clamp(torch.round(x / scale) + zero_point, quant_min, quant_max)
    ((codes - zero_point) * scale).backward(gradient)
    return x.grad


def limits_times_scale(gradient, x, scale, zero_point, quant_min, quant_max):
    return gradient * ((x >= quant_min * scale) & (x <= quant_max * scale))


def unrounded_limits(gradient, x, scale, zero_point, quant_min, quant_max):
    return gradient * (x.abs() <= quant_max)


def scale_by_autograd_of_round(gradient, weight, scale, quant_min, quant_max):
    step = torch.tensor(float(scale), requires_grad=True)
    (torch.round(weight / step).clamp(quant_min, quant_max) * step).backward(gradient)
    return step.grad / (weight.numel() * quant_max) ** 0.5


def negative_and_undivided(gradient, weight, scale, quant_min, quant_max):
    ratio = weight / scale
    return (gradient * (ratio - torch.round(ratio).clamp(quant_min, quant_max))).sum()


def whole_thing_in_place(weight, x, target, scale, quant_max, learning_rate, steps):
    for _ in range(steps):
        weight = torch.round(weight / scale).clamp(-quant_max, quant_max) * scale
        weight = weight - learning_rate * 2 * (weight @ x - target) * x
    return weight


def detached(weight, x, target, scale, quant_max, learning_rate, steps):
    weight = weight.clone().requires_grad_()
    for _ in range(steps):
        rounded = torch.round(weight / scale).clamp(-quant_max, quant_max) * scale
        ((rounded @ x - target) ** 2).backward()
        with torch.no_grad():
            weight -= learning_rate * weight.grad
    return weight.detach()


def folded_without_root_or_eps(weight, gain, var, eps, quant_max):
    folded = weight * (gain / var)[:, None]
    scale = folded.abs().max() / quant_max
    return torch.round(folded / scale) * scale


# What people write without much thought: refused, and told by the diagnosis of the known mistake where it is one.
NAIVE = [
    ("11_gradient", plain_autograd, "true_slope"),
    ("11_gradient", limits_times_scale, "zero_point_forgotten"),
    ("11_gradient", unrounded_limits, None),
    ("11_scale_gradient", scale_by_autograd_of_round, "codes_everywhere"),
    ("11_scale_gradient", negative_and_undivided, None),
    ("11_train", whole_thing_in_place, None),
    ("11_train", detached, "true_slope"),
    ("11_rounded_weight", folded_without_root_or_eps, None),
]


@pytest.mark.parametrize("name, answer, mistake", NAIVE, ids=lambda value: getattr(value, "__name__", value))
def test_naive_answers_are_refused_with_the_right_words(name, answer, mistake):
    verdict = grade(EXERCISES[name], answer)
    assert verdict.status == "not yet"
    assert (verdict.diagnosis.name if verdict.diagnosis else None) == mistake
    assert not check(name, answer).passed


def test_the_references_are_what_the_library_computes():
    gradient = EXERCISES["11_gradient"]
    for case in gradient.cases:
        arrived, x, scale, zero_point, low, high = case.args
        unsigned = low == 0
        qparams = ql.QParams(scale, zero_point, f"{'u' * unsigned}int{(high - low + 1).bit_length() - 1}")
        if (qparams.quant_min, qparams.quant_max) == (low, high):
            assert torch.equal(gradient.reference(*case.args), arrived * slopes(x, qparams)[0])
    learned = EXERCISES["11_scale_gradient"]
    for case in learned.cases:
        arrived, weight, scale, low, high = case.args
        module = ql.LearnedScale(ql.QParams(scale, None, f"int{(high - low + 1).bit_length() - 1}"))
        (module(weight) * arrived).sum().backward()
        torch.testing.assert_close(learned.reference(*case.args), module.scale.grad, rtol=1e-4, atol=1e-5)


def halfway_beyond(ratio, low, high):
    """Whether a value lies past an end by at most half a step."""
    return (((ratio > high) & (ratio <= high + 0.5)) | ((ratio < low) & (ratio >= low - 0.5))).any()


@pytest.mark.parametrize("name", ["11_gradient", "11_scale_gradient"])
def test_no_case_depends_on_the_half_step_beyond_the_ends(name):
    """There LSQ and torch say different things, and both are right."""
    for case in EXERCISES[name].cases:
        x, scale, *zero_point, low, high = case.args[1:]
        ratio = x / scale + (zero_point[0] if zero_point else 0)
        assert not halfway_beyond(ratio, low, high)


def test_no_step_of_training_reaches_it_either():
    exercise = EXERCISES["11_train"]
    for case in exercise.cases:
        *settings, steps = case.args
        for made in range(steps):
            assert not halfway_beyond(exercise.reference(*settings, made) / settings[3], -settings[4], settings[4])


def test_with_a_scale_a_row_folding_and_rounding_can_be_exchanged():
    """What the diagnosis of rounded_first says."""
    weight, gain, var, eps, quant_max = EXERCISES["11_rounded_weight"].cases[2].args
    factor = (gain / torch.sqrt(var + eps)).unsqueeze(1)

    def rounded(x):
        scale = x.abs().amax(dim=1, keepdim=True) / quant_max
        return torch.round(x / scale) * scale

    torch.testing.assert_close(rounded(weight * factor), rounded(weight) * factor)
