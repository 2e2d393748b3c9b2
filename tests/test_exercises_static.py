"""Lesson 08's exercises: mistakes in other hands, and cases that leave no doubt about who is right."""

import pytest
import torch
from torch import nn

import qlab as ql
from qlab.exercises import lesson08
from qlab.exercises.grading import grade

EXERCISES = {exercise.id: exercise for exercise in lesson08.EXERCISES}
FOLD, CODES, CLIP = EXERCISES.values()


def by_note(case):
    return case.note


def normed(weight, bias, mean, var, gain, shift, eps):
    rows = [-1] + [1] * (weight.dim() - 1)
    return weight * (gain / var.sqrt()).reshape(rows), shift - mean * gain / var.sqrt()


def running(batches, momentum, x):
    low = high = 0.0
    for batch in batches:
        low = (1 - momentum) * low + momentum * batch.min().item()
        high = (1 - momentum) * high + momentum * batch.max().item()
    low, high = min(low, 0.0), max(high, 0.0)
    scale = (high - low) / 255
    return torch.clamp(torch.round(x / scale) + round(-low / scale), 0, 255).to(torch.uint8)


def dynamic(batches, momentum, x):
    return ql.quantize(x, ql.choose_qparams(x, "uint8", "affine")).data


def within(x, clips, quant_max):
    def error(clip):
        inside = x[x.abs() <= clip]
        back = torch.round(inside / clip * quant_max) * clip / quant_max
        return (back - inside).square().mean().item() if len(inside) else 0.0

    return min(clips, key=error)


def no_outlier_lost(x, clips, quant_max):
    return next((clip for clip in sorted(clips) if clip >= x.abs().max()), max(clips))


def from_low(batches, momentum, x):
    low, high = batches[0].min(), batches[0].max()
    for batch in batches[1:]:
        low, high = torch.lerp(low, batch.min(), momentum), torch.lerp(high, batch.max(), momentum)
    low, high = low.clamp(max=0), high.clamp(min=0)
    return ((x.clamp(low, high) - low) * 255 / (high - low)).round().to(torch.uint8)


def floored(x, clips, quant_max):
    def error(clip):
        codes = (x / clip * quant_max).floor().clamp(-quant_max, quant_max)
        return (codes * clip / quant_max - x).norm()

    return min(clips, key=error)


# The same mistakes as people write them.
VARIANTS = {
    "the variance, in a kernel": (
        FOLD,
        lambda w, b, m, v, g, s, e: (
            w * (g / (v + e)).reshape([-1] + [1] * (w.dim() - 1)),
            (b - m) * (g / (v + e)) + s,
        ),
        "variance_not_root",
    ),
    "no bias, as in most convolutions": (
        FOLD,
        lambda w, b, m, v, g, s, e: FOLD.reference(w, torch.zeros_like(b), m, v, g, s, e),
        "bias_forgotten",
    ),
    "a new axis for a kernel": (
        FOLD,
        lambda w, b, m, v, g, s, e: (w * (g / (v + e).sqrt())[:, None], (b - m) * g / (v + e).sqrt() + s),
        "rows_of_a_matrix",
    ),
    "an average from 0": (CODES, running, "started_at_zero"),
    "counted from low": (CODES, from_low, "rounded_together"),
    "dynamic": (CODES, dynamic, "own_range"),
    "the whole data set": (
        CODES,
        lambda batches, m, x: ql.quantize(x, ql.choose_qparams(batches, "uint8", "affine")).data,
        "ends_of_all",
    ),
    "values within the clip": (CLIP, within, "not_clamped"),
    "rounded down": (CLIP, floored, "rounded_down"),
    "the smallest that cuts nothing off": (CLIP, no_outlier_lost, "only_the_cut_off"),
}


@pytest.mark.parametrize("exercise, answer, known", VARIANTS.values(), ids=VARIANTS)
def test_a_known_mistake_written_another_way_is_recognized(exercise, answer, known):
    diagnosis = grade(exercise, answer).diagnosis
    assert diagnosis and diagnosis.name == known


def test_two_mistakes_at_once_are_refused():
    assert grade(FOLD, normed).status == "not yet"


@pytest.mark.parametrize("case", FOLD.cases, ids=by_note)
def test_a_folded_layer_does_what_layer_and_norm_do(case):
    weight, bias, mean, var, gain, shift, eps = case.fresh_args()
    layer = nn.Linear(*weight.shape[1::-1]) if weight.dim() == 2 else nn.Conv2d(*weight.shape[1::-1], 3)
    norm = (nn.BatchNorm1d if weight.dim() == 2 else nn.BatchNorm2d)(len(weight), eps=eps).eval()
    layer.weight.data, layer.bias.data = weight, bias
    norm.running_mean, norm.running_var = mean, var
    norm.weight.data, norm.bias.data = gain, shift
    folded = ql.fold_batch_norm(layer, norm)
    assert FOLD.mismatch(case, (folded.weight.detach(), folded.bias.detach())) is None


@pytest.mark.parametrize("case", FOLD.cases[4:7], ids=by_note)
def test_the_tolerance_of_folding_is_far_below_an_eps(case):
    weight, bias, *rest, eps = case.args
    assert FOLD.mismatch(case, FOLD.reference(weight, bias, *rest, 100 * eps)) is not None


@pytest.mark.parametrize("case", CODES.cases, ids=by_note)
def test_no_value_lies_near_a_tie(case):
    batches, momentum, x = case.args
    observer = ql.MovingAverage("uint8", "affine", momentum=momentum)
    for batch in batches:
        observer.observe(batch)
    low, high = (end.double() for end in observer.range())
    scale = (high.clamp(min=0) - low.clamp(max=0)) / 255
    for steps in (x.double() / scale, -low.clamp(max=0) / scale):
        assert ((steps - steps.floor() - 0.5).abs() > 1e-3).all()


@pytest.mark.parametrize("case", CLIP.cases, ids=by_note)
def test_the_best_clip_is_clear_and_that_of_the_library(case):
    x, clips, quant_max = case.args
    errors = []
    for clip in clips:
        codes = torch.round(x.double() / (clip / quant_max)).clamp(-quant_max, quant_max)
        errors.append(ql.mse(x, codes * (clip / quant_max)))
    best = errors.index(min(errors))
    assert CLIP.reference(*case.fresh_args()) == clips[best]
    assert all(e > 1.02 * errors[best] for i, e in enumerate(errors) if i != best)


def test_what_another_clip_costs_is_told():
    why = grade(CLIP, lambda x, clips, quant_max: clips[0]).why
    assert why == "The MSE with 3.0 is 0, with 1.0 it is 2.67."


FORMS = {
    "one tensor": (FOLD, torch.ones(2), "Expected two tensors, the weight and the bias, got a tensor"),
    "the weight alone": (FOLD, (torch.ones(2, 2), torch.ones(3)), "The bias: Expected shape (2,), got (3,)"),
    "not a clip": (CLIP, 2.5, "2.5 is none of the clips [1.0, 2.0, 3.0]"),
    "a tensor": (CLIP, torch.ones(3), "Expected one of the clips, a number, got a tensor"),
    "int32": (CODES, torch.zeros(3, dtype=torch.int32), "Expected dtype torch.uint8, got torch.int32"),
}


@pytest.mark.parametrize("exercise, value, told", FORMS.values(), ids=FORMS)
def test_a_value_of_another_form_is_told_what_is_wrong(exercise, value, told):
    case = exercise.cases[0] if exercise is not FOLD else exercise.cases[1]
    expected = FOLD.reference(*case.args) if exercise is FOLD else None
    given = (expected[0], value[1]) if isinstance(value, tuple) else value
    assert told in exercise.mismatch(case, given)
