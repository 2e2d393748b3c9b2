"""04_symmetric_quantize: one number, the scale, and codes that are as far from 0 on both sides."""

import torch

from qlab.exercises.lesson04.pairs import EPSILON, SWAPPED, codes_and_scale
from qlab.exercises.lesson04.quantizing_mistakes import WRONG_ANSWERS, epsilon, swapped
from qlab.exercises.spec import Case, Exercise, WrongAnswer


def symmetric_quantize(x, bits):
    """The symmetric codes of x as int8, and their scale."""
    # BEGIN SOLUTION
    quant_max = 2 ** (bits - 1) - 1
    scale = x.abs().max().item() / quant_max
    if scale == 0:
        scale = 1.0
    codes = torch.round(x / scale).to(torch.int8)
    return codes, scale
    # END SOLUTION


def in_torch(x, bits):
    quant_max = 2 ** (bits - 1) - 1
    largest = x.abs().amax()
    scale = torch.where(largest > 0, largest / quant_max, torch.ones_like(largest))
    return torch.clamp(torch.round(x / scale), -quant_max, quant_max).to(torch.int8), scale


def from_both_ends(x, bits):
    quant_max = (1 << bits - 1) - 1
    scale = max(-float(x.min()), float(x.max())) / quant_max or 1.0
    return x.div(scale).round().clamp(-quant_max - 1, quant_max).to(torch.int8), scale


def _cases():
    def normal(size, seed, *shape):
        return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * size

    return (
        Case((torch.tensor([7.0, -3.0, 0.0, 1.2]), 4), "four bits"),
        Case((torch.tensor([[2.0, -6.0], [0.5, 3.3]]), 3), "the largest magnitude is negative"),
        Case((torch.tensor([1.27, -0.3, 0.052, -1.27]), 8), "eight bits, both ends"),
        Case((torch.tensor([0.5, 1.5, 2.5, -0.5, 7.0]), 4), "half-way values"),
        Case((normal(300, 1, 4, 4), 8), "random"),
        Case((normal(0.1, 2, 8, 16), 4), "random, four bits"),
        Case((normal(1, 3, 2, 3, 5), 2), "random, two bits: codes -1, 0 and 1"),
        Case((normal(1, 4, 40).abs(), 8), "all positive"),
        Case((-normal(1, 5, 7).abs(), 8), "all negative"),
        Case((torch.tensor([3.5]), 8), "one element"),
        Case((torch.full((2, 2), -0.25), 5), "constant"),
        Case((torch.zeros(2, 3), 8), "all zeros"),
        Case((torch.tensor([1e30, -3e30]), 8), "huge"),
        Case((torch.tensor([1e-30, -3e-30]), 8), "tiny"),
    )


SYMMETRIC_QUANTIZE = Exercise(
    id="04_symmetric_quantize",
    title="Symmetric codes",
    points=3,
    prompt=(
        "Return (codes, scale): the symmetric codes of x as int8, in the shape of x, and their scale. The largest "
        "magnitude gets the largest code of a signed integer of that many bits. A tensor of zeros has scale 1."
    ),
    reference=symmetric_quantize,
    cases=_cases(),
    compare=codes_and_scale,
    hints=(
        "Which is the largest code in 4 bits? And which value of x should get it, or its negative?",
        "quant_max = 2 ** (bits - 1) - 1 is 7 in 4 bits and 127 in 8. The scale is the largest magnitude over it. "
        "What is it for a tensor of zeros?",
        "scale = x.abs().max().item() / quant_max, or 1.0 where that is 0. The codes are torch.round(x / scale), "
        "and .to(torch.int8) last. No code can be out of range, so there is nothing to clamp.",
    ),
    wrong_answers=(
        *WRONG_ANSWERS,
        WrongAnswer("epsilon", epsilon, EPSILON),
        WrongAnswer("swapped", swapped, SWAPPED),
    ),
    alternatives=(in_torch, from_both_ends),
)
