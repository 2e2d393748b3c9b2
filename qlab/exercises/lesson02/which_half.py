"""02_better_half: float16 or bfloat16, decided by what each of them does to the data."""

import torch

from qlab.casting import cast
from qlab.exercises.comparing import kind
from qlab.exercises.spec import Case, Exercise, WrongAnswer
from qlab.exercises.values import show

NAMES = ("float16", "bfloat16")


def better_half(x):
    """Whichever of "float16" and "bfloat16" has the smaller largest relative error."""
    # BEGIN SOLUTION
    nonzero = x[x != 0]
    largest = {}
    for name in ("float16", "bfloat16"):
        error = nonzero.to(getattr(torch, name)).float() - nonzero
        largest[name] = (error / nonzero).abs().max().item()
    return min(largest, key=largest.get)
    # END SOLUTION


def relative_errors(x, name):
    """For each nonzero element, how far the format is off, as a share of it."""
    x = x[x != 0].double()
    return ((cast(x, name) - x) / x).abs()


def _compare(expected, got, case):
    if got not in NAMES:
        given = show(got) if isinstance(got, str) else kind(got)
        return f"Expected the string 'float16' or 'bfloat16', got {given}."
    if got == expected:
        return None
    here, there = (f"{name} {relative_errors(case.args[0], name).max().item():.2g}" for name in (got, expected))
    return f"The largest relative error is {here}, but {there}."


def with_the_library(x):
    return min(NAMES, key=lambda name: relative_errors(x, name).max().item())


def always_float16(x):
    return "float16"


def always_bfloat16(x):
    return "bfloat16"


def range_only(x):
    return "float16" if x.abs().max() <= 65504 else "bfloat16"


def squared_error(x):
    half, brain = ((x.to(t).float() - x).square().mean() for t in (torch.float16, torch.bfloat16))
    return "float16" if half <= brain else "bfloat16"


def mean_error(x):
    return min(NAMES, key=lambda name: relative_errors(x, name).mean().item())


def zeros_divided(x):
    half, brain = (((x.to(t).float() - x) / x).abs().max().item() for t in (torch.float16, torch.bfloat16))
    return "bfloat16" if half > brain else "float16"


def zeros_divided_float16_first(x):
    half, brain = (((x.to(t).float() - x) / x).abs().max().item() for t in (torch.float16, torch.bfloat16))
    return "float16" if half < brain else "bfloat16"


def _cases():
    def normal(size, seed, *shape):
        return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * size

    mixed = normal(0.1, 4, 1000)
    mixed[17] = 2e-8
    return (
        Case((torch.tensor([0.1, -0.7, 3.3]),), "ordinary weights"),
        Case((torch.tensor([0.1, 70000.0]),), "beyond 65,504"),
        Case((torch.tensor([0.3, 1e-6]),), "small, but not 0 in float16"),
        Case((torch.tensor([0.0, 1e-7, 2.0]),), "with a zero"),
        Case((torch.tensor([0.0, 0.3, 0.7]),), "with a zero, nothing small"),
        Case((torch.tensor([65510.0, 0.3]),), "beyond 65,504, but rounded to it"),
        Case((normal(0.1, 1, 16, 16) + 1,), "random, about 1"),
        Case((normal(1e-6, 2, 64),), "random, the size of gradients"),
        Case((normal(3e4, 3, 256),), "random, some beyond 65,504"),
        Case((mixed,), "one tiny value in a thousand"),
        Case((torch.tensor(0.1),), "one number, no axes"),
    )


_ZEROS = (
    "0 / 0 is NaN, and every comparison with NaN is false. Leave the zeros out: both formats hold them exactly."
)

BETTER_HALF = Exercise(
    id="02_better_half",
    title="Which 16 bits?",
    points=2,
    prompt=(
        "Return 'float16' or 'bfloat16': the format in which the largest relative error, |rounded - x| / |x| over "
        "the elements of the float32 tensor x that are not 0, is smaller. x has such an element, and the two "
        "errors are never equal."
    ),
    reference=better_half,
    cases=_cases(),
    compare=_compare,
    hints=(
        "float16 has the finer steps, bfloat16 the larger range. A range has two ends.",
        "Below 6e-5 float16 has only subnormal numbers, whose step no longer shrinks with the number. Do not look "
        "at the limits: convert, and measure what was lost.",
        "nonzero = x[x != 0]. For both types: ((nonzero.to(dtype).float() - nonzero) / nonzero).abs().max(). "
        "Return the name of the smaller one.",
    ),
    wrong_answers=(
        WrongAnswer(
            "range_only",
            range_only,
            "This looks at the largest value alone. A range has a lower end too: 1e-6 is off by more than 1 % in "
            "float16, and 1e-8 is gone. And 65,510 still rounds to 65,504.",
        ),
        WrongAnswer(
            "always_float16",
            always_float16,
            "float16 has three more bits of fraction, but only between 6e-5 and 65,504. Outside, its relative "
            "error grows up to 100 %, or its values become infinite.",
        ),
        WrongAnswer(
            "always_bfloat16",
            always_bfloat16,
            "bfloat16 never overflows where float32 does not, but where float16 has its full precision, its error "
            "is eight times smaller.",
        ),
        WrongAnswer(
            "squared_error",
            squared_error,
            "Squared errors are a matter of the large values: 1e-6 may be lost altogether without a trace in them. "
            "Divide each error by its value, and take the largest.",
        ),
        WrongAnswer(
            "mean_error",
            mean_error,
            "This compares mean errors. One value that is lost altogether disappears among a thousand good ones: "
            "the largest error is asked for.",
        ),
        WrongAnswer(
            "zeros_divided",
            zeros_divided,
            _ZEROS,
        ),
        WrongAnswer("zeros_divided_float16_first", zeros_divided_float16_first, _ZEROS),
    ),
    alternatives=(with_the_library,),
)
