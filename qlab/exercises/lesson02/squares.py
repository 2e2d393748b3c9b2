"""02_root_mean_square: a float16 tensor whose squares and sums do not fit into float16."""

import math

import torch

from qlab.exercises.comparing import tensor_form, tensor_within
from qlab.exercises.spec import Case, Exercise, WrongAnswer


def root_mean_square(x):
    """sqrt(mean(x ** 2)) of a float16 tensor, in float16."""
    # BEGIN SOLUTION
    wide = x.float()
    return wide.square().mean().sqrt().to(x.dtype)
    # END SOLUTION


def _compare(expected, got, case):
    told = tensor_form(expected, got)
    if told:
        return told
    size = expected.item()
    exponent = math.floor(math.log2(size)) if 0 < size < math.inf else 0
    step = 2.0 ** max(exponent - 10, -24)  # of float16 at that size
    return tensor_within(expected, got, 2 * step)


def in_float64(x):
    return x.double().pow(2).mean().sqrt().half()


def as_a_norm(x):
    return (torch.linalg.vector_norm(x, dtype=torch.float32) / x.numel() ** 0.5).half()


def all_in_half(x):
    return x.square().mean().sqrt()


def widened_after_squaring(x):
    return x.square().float().mean().sqrt().half()


def narrowed_before_the_root(x):
    return x.float().square().mean().half().sqrt()


def scaled_by_the_largest(x):
    wide = x.float()
    largest = wide.abs().max()
    return ((wide / largest).square().mean().sqrt() * largest).half()


def summed_in_half(x):
    return (x.square().sum() / x.numel()).sqrt()


def divided_first(x):
    return (x.square() / x.numel()).sum().sqrt()


def looped_in_half(x):
    total = torch.zeros((), dtype=torch.float16)
    for value in x.flatten():
        total = total + value * value
    return (total / x.numel()).sqrt()


def through_bfloat16(x):
    return x.bfloat16().square().mean().sqrt().half()


def left_in_float32(x):
    return x.float().square().mean().sqrt()


def _cases():
    def normal(size, seed, *shape):
        return (torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * size).half()

    one_in_many = torch.zeros(2000, dtype=torch.float16)
    one_in_many[7] = 0.01
    large_in_many = torch.zeros(250, dtype=torch.float16)
    large_in_many[7] = 300.0
    return (
        Case((torch.tensor([3.0, 4.0, 5.0], dtype=torch.float16),), "small numbers"),
        Case((torch.tensor([300.0, 400.0], dtype=torch.float16),), "90,000 is beyond float16"),
        Case((torch.tensor([1e-4, 2e-4], dtype=torch.float16),), "1e-8 is 0 in float16"),
        Case((torch.ones(64, 64, dtype=torch.float16),), "4096 ones"),
        Case((torch.full((4096,), 8.0, dtype=torch.float16),), "the squares fit, their sum does not"),
        Case((one_in_many,), "one small value and 1999 zeros"),
        Case((large_in_many,), "one square does not fit, their mean does"),
        Case((normal(1, 1, 8, 16),), "random"),
        Case((normal(900, 2, 16, 16),), "random, large"),
        Case((normal(1e-3, 3, 10, 10),), "random, small"),
        Case((torch.zeros(5, dtype=torch.float16),), "all zeros"),
        Case((torch.tensor([-65504.0], dtype=torch.float16),), "the largest float16"),
    )


ROOT_MEAN_SQUARE = Exercise(
    id="02_root_mean_square",
    title="Sum wide, store narrow",
    points=2,
    prompt=(
        "x is a float16 tensor. Return the square root of the mean of its squares, as a float16 tensor without "
        "axes. The result always fits into float16; what comes in between may not."
    ),
    reference=root_mean_square,
    cases=_cases(),
    compare=_compare,
    hints=(
        "What is 300 squared, and what is the largest float16?",
        "A conversion cannot bring back what is already infinite, or 0. At which step must it happen?",
        "x.float() first, then square, mean and sqrt, and only the result .to(torch.float16).",
    ),
    wrong_answers=(
        WrongAnswer(
            "widened_after_squaring",
            widened_after_squaring,
            "The squares are taken in float16 and widened afterwards, when 300 squared is already infinite and "
            "1e-4 squared already 0. Convert x itself.",
        ),
        WrongAnswer(
            "narrowed_before_the_root",
            narrowed_before_the_root,
            "Squares and sum are wide, but the mean goes back to float16 before its root is taken, and a mean "
            "square above 65,504 is infinite there. Convert after the root.",
        ),
        WrongAnswer(
            "scaled_by_the_largest",
            scaled_by_the_largest,
            "Dividing by the largest value keeps the squares small, but a tensor of zeros has the largest value 0, "
            "and 0 / 0 is NaN. In float32 the squares of any float16 fit: nothing needs scaling.",
        ),
        WrongAnswer(
            "all_in_half",
            all_in_half,
            "Each step is rounded to float16: squares above 65,504 become infinite, squares below 3e-8 become 0. "
            "Compute in float32 and convert the result.",
        ),
        WrongAnswer(
            "summed_in_half",
            summed_in_half,
            "Squares and sum are kept in float16: 300 squared is infinite, and a sum of many squares passes 65,504 "
            "long before their mean does. Accumulate in float32.",
        ),
        WrongAnswer(
            "divided_first",
            divided_first,
            "Dividing before the sum keeps the sum small, but 300 squared is infinite already, and small quotients "
            "lose their digits in float16. Accumulate in float32.",
        ),
        WrongAnswer(
            "looped_in_half",
            looped_in_half,
            "Squares and running sum are float16: 300 squared is infinite, and in a sum of ones nothing changes "
            "from 2048 on, where the step is 2. Accumulate in float32.",
        ),
        WrongAnswer(
            "through_bfloat16",
            through_bfloat16,
            "bfloat16 has the range, but three bits of fraction fewer than x. Its 8 significant bits round x "
            "before anything is computed. Compute in float32.",
        ),
        WrongAnswer(
            "left_in_float32",
            left_in_float32,
            "Right, but in float32. The result has to go back to the type of x.",
        ),
    ),
    alternatives=(in_float64, as_a_norm),
)
