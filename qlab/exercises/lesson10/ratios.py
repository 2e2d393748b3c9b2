"""10_decibels: the SQNR of two tensors, from sums of squares."""

import math

import torch

from qlab.exercises.comparing import as_number, kind
from qlab.exercises.spec import Case, Exercise, WrongAnswer
from qlab.exercises.values import show
from qlab.metrics import sqnr

NEAR = 1e-3  # dB


def decibels(reference, actual):
    """The SQNR of actual, in dB, as a float; math.inf where both are equal."""
    # BEGIN SOLUTION
    signal = reference.double().square().sum().item()
    noise = (reference.double() - actual.double()).square().sum().item()
    return math.inf if noise == 0 else 10 * math.log10(signal / noise)
    # END SOLUTION


def same_decibels(expected, got, case):
    """One number within a thousandth of a dB."""
    number = as_number(got)
    if number is None:
        return f"Expected one number, got {kind(got)}."
    same = expected == number or abs(expected - number) <= NEAR
    same |= math.isnan(expected) and math.isnan(number)
    told = "inf: both are equal, there is no noise" if expected == math.inf else f"{show(expected)} dB"
    return None if same else f"Expected {told}, got {show(number)}."


def from_norms(reference, actual):
    noise = torch.linalg.vector_norm(reference.double() - actual.double())
    return (20 * torch.log10(torch.linalg.vector_norm(reference.double()) / noise)).item()


def upside_down(reference, actual):
    return -sqnr(reference, actual)


def twenty_logs_of_powers(reference, actual):
    return 2 * sqnr(reference, actual)


def ten_logs_of_norms(reference, actual):
    return sqnr(reference, actual) / 2


def only_the_logarithm(reference, actual):
    return sqnr(reference, actual) / 10


def natural_logarithm(reference, actual):
    return sqnr(reference, actual) * math.log(10)


def not_a_logarithm(reference, actual):
    noise = (reference.double() - actual.double()).square().sum().item()
    return reference.double().square().sum().item() / noise if noise else math.inf


def noise_is_the_result(reference, actual):
    return 10 * math.log10((reference.double().square().sum() / actual.double().square().sum()).item())


def signal_is_the_result(reference, actual):
    noise = (reference.double() - actual.double()).square().sum().item()
    return 10 * math.log10(actual.double().square().sum().item() / noise) if noise else math.inf


def not_squared(reference, actual):
    noise = (reference.double() - actual.double()).sum().item()
    return 20 * math.log10(abs(reference.double().sum().item() / noise)) if noise else math.inf


def absolute_values(reference, actual):
    noise = (reference.double() - actual.double()).abs().sum().item()
    return 20 * math.log10(reference.double().abs().sum().item() / noise) if noise else math.inf


def ten_logs_of_absolute_values(reference, actual):
    return absolute_values(reference, actual) / 2


def variances(reference, actual):
    return from_norms(reference - reference.mean(), actual - actual.mean())


def largest_value(reference, actual):
    noise = (reference.double() - actual.double()).square().mean().item()
    return 10 * math.log10(reference.double().square().max().item() / noise) if noise else math.inf


def element_by_element(reference, actual):
    ratios = reference.double().square() / (reference.double() - actual.double()).square()
    return (10 * ratios.log10()).mean().item()


def equal_forgotten(reference, actual):
    noise = (reference.double() - actual.double()).square().sum().item()
    return 10 * math.log10(reference.double().square().sum().item() / noise)


def in_float16(reference, actual):
    noise = (reference - actual).square().sum().item()
    return 10 * math.log10(reference.square().sum().item() / noise) if noise else math.inf


def _cases():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(6, 5, generator=generator)
    near = x + 0.01 * torch.randn(6, 5, generator=generator)
    half = torch.tensor([300.0, -200.0, 5.0], dtype=torch.float16)
    return (
        Case((torch.tensor([3.0, 4.0]), torch.tensor([3.0, 4.5])), "25 to 0.25"),
        Case((torch.tensor([[2.0, -1.0], [0.5, 1.5]]), torch.tensor([[1.5, -1.0], [1.0, 1.0]])), "errors of 0.5"),
        Case((x, near), "30 numbers, small errors"),
        Case((x, 0.4 * x), "all 60 % too small"),
        Case((x, -x), "the sign is wrong: less than 0 dB"),
        Case((half, half + torch.tensor([1.0, 0.0, 0.5]).half()), "float16, whose squares overflow"),
        Case((x, x.clone()), "equal"),
    )


def _wrong(function, diagnosis):
    return WrongAnswer(function.__name__, function, diagnosis)


DECIBELS = Exercise(
    id="10_decibels",
    title="SQNR in dB",
    points=2,
    prompt="Return the SQNR of actual against reference in dB, as a float; math.inf where the tensors are equal.",
    reference=decibels,
    cases=_cases(),
    compare=same_decibels,
    hints=(
        "What is the signal, and what is the noise? Both are sums of squares.",
        "The noise is reference - actual. Square in float64 (`.double()`), sum, divide signal by noise.",
        "10 * math.log10(reference.double().square().sum().item() / noise); before it, return math.inf if the "
        "noise is 0.",
    ),
    wrong_answers=(
        _wrong(upside_down, "Signal and noise are swapped: a good copy must have a high SQNR."),
        _wrong(
            twenty_logs_of_powers,
            "This takes 20 logs of a ratio of squares. It is 10 log10 for squares (powers), and 20 log10 for their "
            "roots (norms).",
        ),
        _wrong(
            ten_logs_of_norms,
            "This is half of it: 10 log10 belongs to a ratio of squares. For a ratio of norms take 20 log10.",
        ),
        _wrong(only_the_logarithm, "The logarithm counts tenfolds (bels). A dB is a tenth of one: multiply by 10."),
        _wrong(natural_logarithm, "`math.log` is the natural logarithm. A dB counts tenfolds: `math.log10`."),
        _wrong(not_a_logarithm, "This is the ratio itself. In dB it is 10 log10 of that."),
        _wrong(
            noise_is_the_result,
            "The quantized tensor was taken for the noise. The noise is what quantization changed: the difference.",
        ),
        _wrong(signal_is_the_result, "The signal is the reference, not the tensor with the errors in it."),
        _wrong(not_squared, "The errors were summed with their signs, so they cancel. Square them first."),
        _wrong(absolute_values, "These are sums of absolute values. A power is a sum of squares."),
        _wrong(ten_logs_of_absolute_values, "These are sums of absolute values. A power is a sum of squares."),
        _wrong(variances, "These are variances: the means were taken off. Square the numbers as they are."),
        _wrong(largest_value, "This is the peak ratio (PSNR): the largest value squared. Here all are summed."),
        _wrong(
            element_by_element,
            "This is the mean over elements of their own ratios. Sum the squares first, then take one ratio.",
        ),
        _wrong(equal_forgotten, "Equal tensors have no noise, and dividing by 0 fails: return math.inf for them."),
        _wrong(in_float16, "float16 overflows at 65504, and 300 squared is more. Square in float64: `.double()`."),
    ),
    alternatives=(from_norms, sqnr),
)
