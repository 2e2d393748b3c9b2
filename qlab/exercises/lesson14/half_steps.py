"""14_half_step_codes: the codes and scales that torch.ao and torchao give to the rows of a weight by default."""

import torch

from qlab.exercises.comparing import exact_tensor, kind, tensor_within
from qlab.exercises.spec import Case, Exercise, WrongAnswer


def half_step_codes(weight):
    """int8 codes, and scales (rows, 1), of a weight (rows, n): largest / 127.5."""
    # BEGIN SOLUTION
    scale = weight.abs().amax(dim=1, keepdim=True) / 127.5
    codes = torch.round(weight / scale).clamp(-128, 127)
    return codes.to(torch.int8), scale
    # END SOLUTION


def _compare(expected, got, case):
    if not isinstance(got, (list, tuple)) or len(got) != 2:
        return f"Expected two things, codes and scales; got {kind(got)}."
    told = tensor_within(expected[1], got[1], 4e-7 * expected[1].max().item())
    if told:
        return f"Scales: {told}"
    told = exact_tensor(expected[0], got[0], case)
    return f"The scales are right. Codes: {told}" if told else None


def by_reciprocal(weight):
    scale = weight.abs().max(dim=1, keepdim=True).values / 127.5
    return torch.clamp((weight * (1 / scale)).round(), -128, 127).to(torch.int8), scale


def row_by_row(weight):
    scales = [max(row.max().item(), -row.min().item()) / 127.5 for row in weight]
    codes = [
        [max(-128, min(127, round(v / s))) for v in row.tolist()] for row, s in zip(weight, scales, strict=True)
    ]
    return torch.tensor(codes, dtype=torch.int8), torch.tensor(scales).unsqueeze(1)


def _divided_by(weight, largest, divisor, low=-128):
    scale = largest / divisor
    return torch.round(weight / scale).clamp(low, 127).to(torch.int8), scale


def _largest(weight):
    return weight.abs().amax(dim=1, keepdim=True)


def by_127(weight):
    return _divided_by(weight, _largest(weight), 127)


def by_128(weight):
    return _divided_by(weight, _largest(weight), 128)


def by_255(weight):
    return _divided_by(weight, _largest(weight), 255)


def from_the_range(weight):
    return _divided_by(weight, weight.amax(1, keepdim=True) - weight.amin(1, keepdim=True), 255)


def not_clamped(weight):
    scale = _largest(weight) / 127.5
    return torch.round(weight / scale).to(torch.int32).to(torch.int8), scale


def narrow_codes(weight):
    return _divided_by(weight, _largest(weight), 127.5, low=-127)


def one_scale(weight):
    codes, scale = _divided_by(weight, weight.abs().max(), 127.5)
    return codes, scale.expand(len(weight), 1)


def per_column(weight):
    return _divided_by(weight, weight.abs().amax(dim=0, keepdim=True), 127.5)


def halves_up(weight):
    scale = _largest(weight) / 127.5
    return torch.floor(weight / scale + 0.5).clamp(-128, 127).to(torch.int8), scale


def axis_lost(weight):
    codes, scale = half_step_codes(weight)
    return codes, scale.flatten()


def columns_divided(weight):
    return _divided_by(weight, weight.abs().amax(dim=1), 127.5)


def without_magnitudes(weight):
    return _divided_by(weight, weight.amax(dim=1, keepdim=True), 127.5)


def truncated(weight):
    scale = _largest(weight) / 127.5
    return (weight / scale).clamp(-128, 127).to(torch.int8), scale


def floored(weight):
    scale = _largest(weight) / 127.5
    return torch.floor(weight / scale).clamp(-128, 127).to(torch.int8), scale


def _wrong(function, diagnosis):
    return WrongAnswer(function.__name__, function, diagnosis)


def _cases():
    drawn = torch.randn(6, 6, generator=torch.Generator().manual_seed(0))
    drawn[:, 0] = drawn.abs().amax(dim=1) * 1.25  # the largest of a row is positive: no tie at −127.5
    wide = torch.randn(4, 64, generator=torch.Generator().manual_seed(1)) * torch.tensor(
        [[0.01], [1.0], [9.0], [0.3]]
    )
    wide[:, 5] = wide.abs().amax(dim=1) * 1.01
    return (
        Case((torch.tensor([[127.5, 1.0, -3.0, 0.4]]),), "scale 1"),
        Case((torch.tensor([[127.5, 2.5, -3.5, 0.5]]),), "scale 1: halves go to the even neighbor"),
        Case((torch.tensor([[-127.5, 10.25, 0.75]]),), "the largest magnitude is negative: −127.5 rounds to −128"),
        Case((torch.tensor([[255.0, -100.0], [0.6375, 0.3]]),), "two rows, two scales"),
        Case((drawn,), "six rows of six: no shape tells the axes apart"),
        Case((wide,), "rows of different sizes"),
        Case((torch.tensor([[-51.0, -12.0, -7.1]]),), "negative only, scale 0.4"),
        Case((torch.tensor([[2.0]]),), "one weight"),
    )


_AXIS = "The scales have shape (rows,); keep the axis, so that they divide rows: keepdim=True."

HALF_STEP_CODES = Exercise(
    id="14_half_step_codes",
    title="torchao's codes by hand",
    points=3,
    prompt=(
        "Return two things for a float32 weight (rows, n), of which no row is all zeros: int8 codes (rows, n) and "
        "float32 scales (rows, 1), as torchao chooses them. A row's scale is its largest magnitude over 127.5; "
        "codes are rounded half to even and clamped to −128..127."
    ),
    reference=half_step_codes,
    cases=_cases(),
    compare=_compare,
    hints=(
        "Three steps: a scale for each row, a quotient, and codes that fit. What does the largest weight become?",
        "The largest magnitude of a row is weight.abs().amax(dim=1, keepdim=True). Divided by its scale it is "
        "127.5, which rounds to 128: no int8 code.",
        "scale = weight.abs().amax(dim=1, keepdim=True) / 127.5; codes are torch.round(weight / scale), clamped to "
        "−128 and 127, as torch.int8.",
    ),
    wrong_answers=(
        _wrong(by_127, "This divides by 127, as qlab, quanto and ONNX do. torch.ao and torchao divide by 127.5."),
        _wrong(by_128, "This divides by 128. The codes −128..127 are 255 steps wide, and half of that is 127.5."),
        _wrong(by_255, "This divides by 255, all the steps. The largest magnitude gets half of them: 127.5."),
        _wrong(
            from_the_range,
            "This is the affine scale, largest less smallest. A symmetric one takes the largest magnitude.",
        ),
        _wrong(
            not_clamped,
            "Not clamped: 127.5 rounds to 128, and as int8 that is −128, so the largest weight changes its sign.",
        ),
        _wrong(narrow_codes, "Clamped at −127. With 127.5 the code −128 is used too: −127.5 rounds to −128."),
        _wrong(one_scale, "This is one scale for all rows. Each row has its own, from its own largest magnitude."),
        _wrong(per_column, "These are scales of columns. dim=1 goes along a row and leaves one scale for each."),
        _wrong(axis_lost, _AXIS),
        _wrong(columns_divided, _AXIS),
        _wrong(
            without_magnitudes,
            "The largest value is taken, not the largest magnitude: where that is negative the scale is too small, "
            "or negative.",
        ),
        _wrong(truncated, "A cast to int8 cuts the fraction off. Round first."),
        _wrong(floored, "floor always goes down. Round to the nearest."),
        _wrong(
            halves_up,
            "floor(x + 0.5) takes every half up. Here a half goes to its even neighbor, as torch.round does it: "
            "2.5 becomes 2, and −3.5 becomes −4.",
        ),
    ),
    alternatives=(by_reciprocal, row_by_row),
)
