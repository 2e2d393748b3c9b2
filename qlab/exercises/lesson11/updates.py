"""11_train: a few steps of training by hand: compute with the rounded weight, update the float one."""

import torch

from qlab.exercises.lesson11.gradients import compare
from qlab.exercises.spec import Case, Exercise, WrongAnswer


def train(weight, x, target, scale, quant_max, learning_rate, steps):
    """The float weight after some steps; (rounded @ x - target)**2 is the loss."""
    # BEGIN SOLUTION
    for _ in range(steps):
        ratio = weight / scale
        rounded = torch.round(ratio).clamp(-quant_max, quant_max) * scale
        gradient = 2 * (rounded @ x - target) * x
        inside = ratio.abs() <= quant_max
        weight = weight - learning_rate * gradient * inside
    return weight
    # END SOLUTION


def by_autograd(weight, x, target, scale, quant_max, learning_rate, steps):
    weight = weight.clone().requires_grad_()
    for _ in range(steps):
        kept = (weight / scale).clamp(-quant_max, quant_max)
        rounded = (kept + (kept.round() - kept).detach()) * scale
        (gradient,) = torch.autograd.grad((rounded @ x - target) ** 2, weight)
        weight = (weight - learning_rate * gradient).detach().requires_grad_()
    return weight


def with_the_library(weight, x, target, scale, quant_max, learning_rate, steps):
    optimizer = torch.optim.SGD([weight.requires_grad_()], lr=learning_rate)
    for _ in range(steps):
        rounded = torch.fake_quantize_per_tensor_affine(weight, scale, 0, -quant_max, quant_max)
        optimizer.zero_grad()
        (rounded @ x - target).square().backward()
        optimizer.step()
    return weight.detach()


def _recipe(name, diagnosis, start=None, given=None, slope=None, update=None):
    """A wrong answer: the recipe with one step replaced; `update` gives the next weight, `again` rounds."""

    def answer(weight, x, target, scale, quant_max, learning_rate, steps):
        def round_it(w):
            return torch.round(w / scale).clamp(-quant_max, quant_max) * scale

        weight = start(weight, round_it) if start else weight
        for _ in range(steps):
            rounded = round_it(weight)
            error = (weight if given else rounded) @ x - target
            inside = slope(weight, scale, quant_max) if slope else (weight / scale).abs() <= quant_max
            change = learning_rate * 2 * error * x * inside
            weight = update(weight, rounded, change, round_it) if update else weight - change
        return weight

    answer.__name__ = name
    return WrongAnswer(name, answer, diagnosis)


def half_the_gradient(weight, x, target, scale, quant_max, learning_rate, steps):
    return train(weight, x, target, scale, quant_max, learning_rate / 2, steps)


def uphill(weight, x, target, scale, quant_max, learning_rate, steps):
    return train(weight, x, target, scale, quant_max, -learning_rate, steps)


def codes_for_weights(weight, x, target, scale, quant_max, learning_rate, steps):
    for _ in range(steps):
        ratio = weight / scale
        codes = torch.round(ratio).clamp(-quant_max, quant_max)
        weight = weight - learning_rate * 2 * (codes @ x - target) * x * (ratio.abs() <= quant_max)
    return weight


def never_clamped(weight, x, target, scale, quant_max, learning_rate, steps):
    for _ in range(steps):
        rounded = torch.round(weight / scale) * scale
        weight = weight - learning_rate * 2 * (rounded @ x - target) * x
    return weight


def one_code_more(weight, x, target, scale, quant_max, learning_rate, steps):
    for _ in range(steps):
        codes = torch.round(weight / scale)
        rounded = codes.clamp(-quant_max - 1, quant_max) * scale
        inside = (codes >= -quant_max - 1) & (codes <= quant_max)
        weight = weight - learning_rate * 2 * (rounded @ x - target) * x * inside
    return weight


def same_gradient(weight, x, target, scale, quant_max, learning_rate, steps):
    return train(weight, x, target, scale, quant_max, learning_rate * steps, 1)


def mask_of_the_start(weight, x, target, scale, quant_max, learning_rate, steps):
    inside = (weight / scale).abs() <= quant_max
    for _ in range(steps):
        rounded = torch.round(weight / scale).clamp(-quant_max, quant_max) * scale
        weight = weight - learning_rate * 2 * (rounded @ x - target) * x * inside
    return weight


def one_step(weight, x, target, scale, quant_max, learning_rate, steps):
    return train(weight, x, target, scale, quant_max, learning_rate, 1)


def rounded_at_the_end(weight, x, target, scale, quant_max, learning_rate, steps):
    trained = train(weight, x, target, scale, quant_max, learning_rate, steps)
    return torch.round(trained / scale).clamp(-quant_max, quant_max) * scale


def _cases():
    """Each step leaves no weight in the half step beyond the last codes, where published definitions differ."""
    weight = torch.tensor([0.3, -0.9, 2.6])
    x = torch.tensor([1.0, 0.5, -1.0])
    drawn = torch.Generator().manual_seed(3)
    return (
        Case((weight, x, 1.0, 1.0, 1, 0.05, 1), "one step; 2.6 is clamped"),
        Case((weight, x, 1.0, 1.0, 1, 0.05, 3), "three steps: too short to cross half a step at once"),
        Case((torch.tensor([0.2, -0.3]), torch.tensor([1.0, 2.0]), 2.0, 0.5, 3, 0.02, 6), "six steps"),
        Case(
            (0.4 * torch.randn(8, generator=drawn), torch.randn(8, generator=drawn), 0.7, 0.25, 7, 0.01, 10),
            "ten steps",
        ),
        Case(
            (torch.tensor([0.9, -0.2, -2.6]), torch.tensor([1.0, 0.5, 1.0]), 4.0, 1.0, 1, 0.1, 3),
            "-2.6 is clamped from the start, 0.9 after the first step",
        ),
    )


TRAIN = Exercise(
    id="11_train",
    title="A few steps by hand",
    points=3,
    prompt=(
        "Train weight (n,) by gradient descent for some steps: the prediction is rounded @ x, the loss its squared "
        "difference to target, and rounded is weight, fake-quantized to codes -quant_max to quant_max. Return the "
        "float weight."
    ),
    reference=train,
    cases=_cases(),
    compare=compare,
    hints=(
        "There are two weights: one that the prediction is made with, and one that collects small changes. Which "
        "is which?",
        "The gradient of the loss for the rounded weight is 2 * (rounded @ x - target) * x. It passes to the float "
        "weight where that was not clamped. Round anew in each step.",
        "In each step: rounded from weight; gradient from rounded; then weight = weight - learning_rate * gradient "
        "* inside, with inside = (weight / scale).abs() <= quant_max.",
    ),
    wrong_answers=(
        _recipe(
            "rounded_kept",
            "The rounded weight is what is updated and rounded again: a change of less than half a step is lost "
            "each time, and small gradients never add up. Update the float weight.",
            update=lambda weight, rounded, change, again: again(rounded - change),
        ),
        _recipe(
            "updated_from_rounded",
            "Each step starts from the rounded weight: what the steps before have gathered below half a step is "
            "lost. Subtract from the float weight.",
            update=lambda weight, rounded, change, again: rounded - change,
        ),
        _recipe(
            "updated_and_rounded",
            "The float weight is rounded after each update, so small changes are lost. Round for the prediction "
            "only.",
            update=lambda weight, rounded, change, again: again(weight - change),
        ),
        _recipe(
            "float_prediction",
            "The prediction is made with the float weight: this is ordinary training, which knows nothing of the "
            "rounding to come.",
            given=True,
        ),
        _recipe(
            "no_mask",
            "Weights that are clamped get a gradient too, as if the prediction moved with them. Theirs is 0.",
            slope=lambda weight, scale, quant_max: torch.ones_like(weight),
        ),
        _recipe(
            "true_slope",
            "Nothing moves: this multiplies by the slope of rounding, which is 0. The estimator takes 1.",
            slope=lambda weight, scale, quant_max: torch.zeros_like(weight),
        ),
        _recipe(
            "slope_times_scale",
            "The gradient is scale times what it should be. Rounding divides by the scale and "
            "multiplies by it again, so the slope of an unclamped weight is 1.",
            slope=lambda weight, scale, quant_max: scale * ((weight / scale).abs() <= quant_max),
        ),
        WrongAnswer(
            "codes_for_weights",
            codes_for_weights,
            "The prediction is made with codes. The rounded weight is code times scale.",
        ),
        WrongAnswer(
            "never_clamped",
            never_clamped,
            "Nothing is clamped here. Codes end at -quant_max and quant_max, and beyond them the gradient is 0.",
        ),
        WrongAnswer(
            "one_code_more",
            one_code_more,
            "The lower end is one code too low: codes go from -quant_max to quant_max here.",
        ),
        WrongAnswer(
            "same_gradient",
            same_gradient,
            "The gradient of the first step is used in all steps. Once a code has changed, it is another one.",
        ),
        WrongAnswer(
            "mask_of_the_start",
            mask_of_the_start,
            "What is clamped is looked up once, before the first step. A weight can get there later: look in each.",
        ),
        _recipe(
            "rounded_at_first",
            "The weight is rounded once, before the first step. It starts as the float it is.",
            start=lambda weight, again: again(weight),
        ),
        WrongAnswer(
            "half_the_gradient",
            half_the_gradient,
            "The steps are half as long as they should be: the slope of a square is 2 times the difference.",
        ),
        WrongAnswer("uphill", uphill, "The loss grows: subtract the gradient."),
        WrongAnswer("one_step", one_step, "This makes one step, however many are asked for."),
        WrongAnswer(
            "rounded_at_the_end",
            rounded_at_the_end,
            "This is the rounded weight. The float one is asked for, which further steps would go on from.",
        ),
    ),
    alternatives=(by_autograd, with_the_library),
)
