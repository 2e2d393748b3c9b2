"""02_collapse: four values that bfloat16 cannot tell apart, judged by computing both formats."""

import torch

from qlab.exercises.comparing import tensor_form
from qlab.exercises.spec import Case, Exercise, WrongAnswer
from qlab.exercises.values import show


def collapsing_values():
    """Four values that float16 keeps apart and bfloat16 does not."""
    # BEGIN SOLUTION
    return torch.tensor([1025.0, 1026.0, 1027.0, 1028.0])
    # END SOLUTION


def _verify(got):
    told = tensor_form(torch.empty(4), got)
    if told:
        return told
    if not got.isfinite().all() or len(got.unique()) < 4:
        return "The four values must be finite, and all different."
    half, brain = (len(got.to(dtype).unique()) for dtype in (torch.float16, torch.bfloat16))
    if half == 4 and brain == 1:
        return None
    counts = f"Different values left: {half} in float16, {brain} in bfloat16."
    if brain > 1:
        return f"{_APART} {counts}"
    return f"{_OVERFLOW if got.half().isinf().any() else _TOO_CLOSE} {counts}"


def _shown(got):
    return f"{show(got)} becomes {show(got.to(torch.bfloat16))}"


def fractions():
    return 1 + torch.arange(4) / 1024


def negative():
    return torch.tensor([-517.0, -516.5, -516.0, -515.5])


def about_2171():
    return torch.tensor([2170.0, 2171.0, 2172.0, 2173.0])


def too_large():
    return torch.tensor([70001.0, 70002.0, 70003.0, 70004.0])


def whole_numbers():
    return torch.tensor([1.0, 2.0, 3.0, 4.0])


_APART = (
    "bfloat16 still tells some of them apart. Its step is 2**-7 between 1 and 2, and doubles with each power of "
    "two: all four must lie closest to one and the same of its values."
)
_TOO_CLOSE = (
    "They collapse in bfloat16, but float16 does not keep all of them apart either: they lie closer together than "
    "its step, which is 2**-10 between 1 and 2 and doubles with each power of two (2 from 2048 on)."
)
_OVERFLOW = (
    "They collapse in bfloat16, but in float16 they are infinite: its largest value is 65,504. Choose smaller ones."
)

COLLAPSE = Exercise(
    id="02_collapse",
    title="Four become one",
    points=1,
    prompt=(
        "Return a float32 tensor of four different values that stay four different values in float16, and become "
        "one single value in bfloat16."
    ),
    reference=collapsing_values,
    cases=(Case(),),
    verify=_verify,
    shown=_shown,
    hints=(
        "Within one power of two, a float has equal steps. How much wider is bfloat16's than float16's?",
        "Between 1024 and 2048 the step of float16 is 1 and that of bfloat16 is 8.",
        "Four neighboring whole numbers between 1024 and 2048, all less than 4 away from a multiple of 8.",
    ),
    wrong_answers=(
        WrongAnswer("about_2171", about_2171, _TOO_CLOSE),
        WrongAnswer("too_large", too_large, _OVERFLOW),
        WrongAnswer("whole_numbers", whole_numbers, _APART),
    ),
    alternatives=(fractions, negative),
)
