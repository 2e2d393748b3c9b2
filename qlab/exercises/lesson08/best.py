"""08_best_clip: of several clips, the one with the smallest mean squared error. Both kinds of error count."""

import torch

from qlab.exercises.comparing import as_number, kind
from qlab.exercises.spec import Case, Exercise, WrongAnswer
from qlab.exercises.values import show


def best_clip(x, clips, quant_max):
    """The clip whose symmetric codes come nearest to x, by mean squared error."""
    # BEGIN SOLUTION
    errors = []
    for clip in clips:
        scale = clip / quant_max
        codes = torch.round(x / scale).clamp(-quant_max, quant_max)
        errors.append((codes * scale - x).square().mean().item())
    return clips[errors.index(min(errors))]
    # END SOLUTION


def _compare(expected, got, case):
    number = as_number(got)
    if number is None:
        return f"Expected one of the clips, a number, got {kind(got)}."
    if abs(number - expected) <= 1e-6 * expected:
        return None
    x, clips, quant_max = case.args
    if not any(abs(number - clip) <= 1e-6 * clip for clip in clips):
        return f"{show(number)} is none of the clips {show(list(clips))}."
    least, here = (_error(x, clip, quant_max) for clip in (expected, number))
    return f"The MSE with {show(expected)} is {least:.3g}, with {show(number)} it is {here:.3g}."


def _codes(x, scale, quant_max):
    return torch.round(x / scale).clamp(-quant_max, quant_max)


def _error(x, clip, quant_max):
    return (_codes(x, clip / quant_max, quant_max) * (clip / quant_max) - x).square().mean().item()


def clamped_first(x, clips, quant_max):
    clips = torch.tensor(clips).reshape(-1, 1)
    back = torch.round(torch.clamp(x.flatten(), -clips, clips) / clips * quant_max) * clips / quant_max
    return clips[(back - x.flatten()).square().sum(1).argmin()].item()


def by_ratio(x, clips, quant_max):
    return max(clips, key=lambda clip: -_error(x.double(), clip, quant_max))


def _by(loss):
    """A wrong answer that finds the clip with the smallest `loss(x, clip, quant_max)`."""

    def answer(x, clips, quant_max):
        return min(clips, key=lambda clip: float(loss(x, clip, quant_max)))

    answer.__name__ = loss.__name__
    return answer


def not_clamped(x, clip, quant_max):
    scale = clip / quant_max
    return (torch.round(x / scale) * scale - x).square().mean()


def only_the_cut_off(x, clip, quant_max):
    return (x.clamp(-clip, clip) - x).square().mean()


def largest_error(x, clip, quant_max):
    return (_codes(x, clip / quant_max, quant_max) * (clip / quant_max) - x).abs().max()


def absolute_error(x, clip, quant_max):
    return (_codes(x, clip / quant_max, quant_max) * (clip / quant_max) - x).abs().mean()


def signed_error(x, clip, quant_max):
    return (_codes(x, clip / quant_max, quant_max) * (clip / quant_max) - x).mean().abs()


def truncated(x, clip, quant_max):
    scale = clip / quant_max
    return ((x / scale).trunc().clamp(-quant_max, quant_max) * scale - x).square().mean()


def rounded_down(x, clip, quant_max):
    scale = clip / quant_max
    return (torch.floor(x / scale).clamp(-quant_max, quant_max) * scale - x).square().mean()


def codes_up_to_the_clip(x, clip, quant_max):
    scale = clip / quant_max
    return (torch.round(x / scale).clamp(-clip, clip) * scale - x).square().mean()


def half_the_width(x, clip, quant_max):
    scale = clip / (quant_max + 0.5)
    return (torch.round(x / scale).clamp(-quant_max - 1, quant_max) * scale - x).square().mean()


def one_code_more(x, clip, quant_max):
    scale = clip / quant_max
    return (torch.round(x / scale).clamp(-quant_max - 1, quant_max) * scale - x).square().mean()


def codes_compared(x, clip, quant_max):
    return (_codes(x, clip / quant_max, quant_max) - x).square().mean()


def smallest_error(x, clips, quant_max):
    return min(_error(x, clip, quant_max) for clip in clips)


def position(x, clips, quant_max):
    errors = [_error(x, clip, quant_max) for clip in clips]
    return errors.index(min(errors))


def _cases():
    def normal(seed, count):
        return torch.randn(count, generator=torch.Generator().manual_seed(seed))

    def floats(*values):
        return torch.tensor(values)

    near = floats(*[0.9, -1.1, 1.0, -0.8, 1.2] * 4, 6.0)
    gaussian, skewed = normal(1, 2000), normal(2, 2000)
    laplace = normal(3, 2000) * normal(4, 2000)
    tries = [0.5, 1.0, 1.5, 2.0, 3.0, 4.0]
    low = torch.cat([0.4 * normal(6, 200), floats(-3.9, -4.0, -3.95)])
    return (
        Case((floats(0.0, 3.0, -3.0), [1.0, 2.0, 3.0], 3), "three steps of 1"),
        Case((near, [1.0, 2.0, 6.0], 1), "many near 1, one at 6, codes -1 to 1"),
        Case((floats(*[0.9, -1.1, 1.0, -0.8, 1.2] * 4, 30.0), [1.0, 6.0, 30.0], 3), "the same, one at 30"),
        Case((gaussian, tries, 1), "a bell curve, codes -1 to 1"),
        Case((gaussian, tries, 3), "a bell curve, codes -3 to 3"),
        Case((gaussian, [4.0, 3.0, 2.0, 1.0], 7), "a bell curve, the largest clip first"),
        Case((laplace, [1.0, 2.0, 3.0, 4.0, 6.0, 8.0], 3), "long tails"),
        Case((low, [1.0, 2.0, 3.0, 4.0], 3), "outliers on one side"),
        Case((skewed.relu().reshape(40, 50), [1.0, 1.5, 2.0, 2.5, 3.0], 7), "a ReLU's outputs, two axes"),
        Case((gaussian * 1e-6, [clip * 1e-6 for clip in tries], 3), "tiny"),
        Case((torch.zeros(4), [2.5], 127), "one clip, nothing to lose"),
    )


BEST_CLIP = Exercise(
    id="08_best_clip",
    title="Where to clip",
    points=3,
    prompt=(
        "Return the one of `clips` with the smallest mean squared error when x is quantized symmetrically: scale "
        "clip / quant_max, codes from -quant_max to quant_max, what is beyond takes the last code."
    ),
    reference=best_clip,
    cases=_cases(),
    compare=_compare,
    hints=(
        "For each clip, take x to codes and back, and compare with x. Which values does a small clip hurt, which a "
        "large one?",
        "The codes are torch.round(x / scale), clamped to -quant_max and quant_max. The error is that of all "
        "values, also those that were clamped.",
        "errors.append((codes * scale - x).square().mean().item()) for each clip, then "
        "clips[errors.index(min(errors))].",
    ),
    wrong_answers=(
        WrongAnswer(
            "not_clamped",
            _by(not_clamped),
            "What is cut off does not count here: the codes are not clamped, or only values within the clip are "
            "compared. So a small clip wins. Clamp to -quant_max and quant_max, and compare all values.",
        ),
        WrongAnswer(
            "only_the_cut_off",
            _by(only_the_cut_off),
            "What is rounded does not count here: the clip that cuts nothing off wins, however coarse its steps "
            "are. Quantize with each clip, and compare all values.",
        ),
        WrongAnswer(
            "largest_error",
            _by(largest_error),
            "This is the smallest largest error, which is always that of an outlier. The mean of the squares is "
            "asked for.",
        ),
        WrongAnswer(
            "absolute_error",
            _by(absolute_error),
            "This is the mean of the magnitudes. Squares weigh a value that is cut off by far more heavily.",
        ),
        WrongAnswer(
            "signed_error",
            _by(signed_error),
            "The signs are still there, so errors up and down cancel. Square before you take the mean.",
        ),
        WrongAnswer("truncated", _by(truncated), "The codes are cut off toward 0, not rounded: use torch.round."),
        WrongAnswer(
            "rounded_down", _by(rounded_down), "The codes are rounded down, not to the nearest: use torch.round."
        ),
        WrongAnswer(
            "codes_up_to_the_clip",
            _by(codes_up_to_the_clip),
            "The codes are clamped to the clip, which is a value of x. Codes end at -quant_max and quant_max.",
        ),
        WrongAnswer(
            "half_the_width",
            _by(half_the_width),
            "The scale is clip / (quant_max + 0.5), as torchao has it. Here it is clip / quant_max.",
        ),
        WrongAnswer(
            "one_code_more",
            _by(one_code_more),
            "The codes go down to -quant_max - 1. Here both sides end at quant_max.",
        ),
        WrongAnswer(
            "codes_compared",
            _by(codes_compared),
            "The codes themselves are compared with x. Multiply them with the scale first.",
        ),
        WrongAnswer("smallest_error", smallest_error, "This is the smallest error. Return the clip that has it."),
        WrongAnswer("position", position, "This is the position in the list. Return the clip that stands there."),
    ),
    alternatives=(clamped_first, by_ratio),
)
