"""03_leave_out_zero: four values that a range without 0 turns into one. Many answers are right."""

import torch

from qlab.exercises.comparing import kind
from qlab.exercises.spec import Case, Exercise, WrongAnswer
from qlab.exercises.values import Foreign, show


def collapsing_tensor():
    """Four different values that a range without 0 turns into one."""
    # BEGIN SOLUTION
    return torch.tensor([10.5, 11.0, 12.0, 14.0])
    # END SOLUTION


def clamped_zero_point_round_trip(x, quant_min=-128, quant_max=127):
    """The faulty recipe the exercise is about: the range is not widened, the zero point is clamped."""
    scale = (x.max() - x.min()) / (quant_max - quant_min)
    zero_point = torch.clamp(quant_min - torch.round(x.min() / scale), quant_min, quant_max)
    codes = torch.clamp(torch.round(x / scale) + zero_point, quant_min, quant_max)
    return (codes - zero_point) * scale


def _verify_collapse(got):
    told = _form(got)
    if told:
        return told
    x = got.float()
    if not x.isfinite().all() or len(x.unique()) < 4:
        return "The four values must be finite and different from each other."
    if x.min() <= 0 <= x.max():
        return f"{_HOLDS_ZERO} Its range is {show(x.min().item())} to {show(x.max().item())}."
    back = clamped_zero_point_round_trip(x)
    return f"{_TOO_CLOSE} Here {show(back)} comes back." if len(back.unique()) > 1 else None


def _form(got):
    """What is wrong with type, shape or dtype; None when nothing is."""
    if isinstance(got, Foreign) and got.type_name == "ndarray":
        return "Expected a tensor, got a NumPy array: torch.from_numpy makes a tensor of it."
    if not isinstance(got, torch.Tensor):
        return f"Expected a tensor, got {kind(got)}: write torch.tensor([...]) with four values in it."
    if got.shape != (4,):
        return f"Expected four values in one row, shape (4,), got shape {tuple(got.shape)}."
    if not got.is_floating_point():
        return f"Expected floats, got {got.dtype}: write 100.0 for 100."
    return None


def _comes_back(got):
    return f"{show(got)} comes back as {show(clamped_zero_point_round_trip(got.float()))}"


def all_negative():
    return torch.tensor([-7.0, -5.0, -4.5, -4.0])


def holds_zero():
    return torch.tensor([-1.0, 0.0, 1.0, 2.0])


def too_close_to_zero():
    return torch.tensor([1.0, 2.0, 3.0, 4.0])


_HOLDS_ZERO = "This range holds 0, so the zero point is a code already and clamping it changes nothing."
_TOO_CLOSE = "The range leaves out 0 but begins too near to it, so a part of the values still fits the codes."

LEAVE_OUT_ZERO = Exercise(
    id="03_leave_out_zero",
    title="Leave out zero",
    points=1,
    prompt=(
        "A faulty library does not widen the range to hold 0; it clamps the zero point instead, with codes -128 to "
        "127. Return a tensor of four different float values that all come back as one and the same value."
    ),
    reference=collapsing_tensor,
    cases=(Case(),),
    verify=_verify_collapse,
    shown=_comes_back,
    hints=(
        "The clamp of the zero point changes something only where the range does not hold 0.",
        "For values 2 to 5 the zero point would be -298 and is clamped to -128. Which codes do 2 and 5 get then?",
        "With the zero point at -128 the codes stand for 0 to (largest - smallest). All values must lie beyond: "
        "the smallest is at least as large as that difference.",
    ),
    wrong_answers=(
        WrongAnswer("holds_zero", holds_zero, _HOLDS_ZERO),
        WrongAnswer("too_close_to_zero", too_close_to_zero, _TOO_CLOSE),
    ),
    alternatives=(all_negative,),
)
