"""09_dynamic_linear: a linear layer that quantizes its input when it arrives, one scale a token."""

import torch

from qlab.exercises.comparing import tensor_within
from qlab.exercises.spec import Case, Exercise, WrongAnswer


def dynamic_linear(x, codes, scale, bias):
    """The output of a linear layer from int8 codes of its weight and of x."""
    # BEGIN SOLUTION
    token_scale = x.abs().amax(dim=1, keepdim=True) / 127
    # a token of zeros may have any scale but 0
    token_scale = torch.where(token_scale == 0, 1, token_scale)
    token_codes = torch.round(x / token_scale).to(torch.int8)
    total = token_codes.int() @ codes.int().t()
    return total * token_scale * scale.flatten() + bias
    # END SOLUTION


def _compare(expected, got, case):
    """Within the rounding of floats, which is far below one step of the input."""
    largest = expected.abs().max().item() if expected.numel() else 0.0
    return tensor_within(expected, got, 1e-5 * largest)


def _scale_a_token(x, code=127):
    """The largest magnitude of each token becomes this code; the scale is never 0."""
    return (x.abs().amax(dim=1, keepdim=True) / code).clamp(min=1e-30)


def _with(x, codes, scale, bias, token_scale, token_codes=None):
    """The layer with these scales, and codes where they are not x / token_scale, rounded."""
    if token_codes is None:
        token_codes = torch.round(x / token_scale)
    return (token_codes.double() @ codes.double().t() * token_scale * scale.flatten() + bias).float()


def token_by_token(x, codes, scale, bias):
    rows = []
    for token in x:
        step = max(token.abs().max().item(), 1e-30) / 127
        rows.append((torch.round(token / step).long() @ codes.long().t()) * step * scale.flatten() + bias)
    return torch.stack(rows).float() if rows else x.new_zeros(0, len(codes))


def in_floats(x, codes, scale, bias):
    token_scale = _scale_a_token(x)
    return torch.nn.functional.linear(torch.round(x / token_scale) * token_scale, codes * scale, bias)


def one_scale_for_all(x, codes, scale, bias):
    return _with(x, codes, scale, bias, (x.abs().max() / 127).clamp(min=1e-30))


def scale_a_column(x, codes, scale, bias):
    step = (x.abs().amax(dim=0, keepdim=True) / 127).clamp(min=1e-30)
    return torch.nn.functional.linear(torch.round(x / step) * step, codes * scale, bias)


def sign_forgotten(x, codes, scale, bias):
    step = x.amax(dim=1, keepdim=True) / 127
    step = torch.where(step == 0, 1, step)
    return _with(x, codes, scale, bias, step, torch.round(x / step).clamp(-128, 127))


def not_rounded(x, codes, scale, bias):
    step = _scale_a_token(x)
    return _with(x, codes, scale, bias, step, (x / step).trunc())


def rounded_down(x, codes, scale, bias):
    step = _scale_a_token(x)
    return _with(x, codes, scale, bias, step, (x / step).floor())


def _largest_becomes(code, to_int8, x, codes, scale, bias):
    """The layer where the largest magnitude of a token becomes this code."""
    step = _scale_a_token(x, code)
    return _with(x, codes, scale, bias, step, to_int8(torch.round(x / step)))


def _clamped(codes):
    return codes.clamp(-128, 127)


def _wrapped(codes):
    return codes.to(torch.int32).to(torch.int8)


def divided_by_half_of_255(x, codes, scale, bias):
    return _largest_becomes(127.5, _clamped, x, codes, scale, bias)


def wrapped_at_half_of_255(x, codes, scale, bias):
    return _largest_becomes(127.5, _wrapped, x, codes, scale, bias)


def divided_by_128(x, codes, scale, bias):
    return _largest_becomes(128, _clamped, x, codes, scale, bias)


def wrapped_at_128(x, codes, scale, bias):
    return _largest_becomes(128, _wrapped, x, codes, scale, bias)


def all_codes_spanned(x, codes, scale, bias):
    step = ((x.amax(1, keepdim=True) - x.amin(1, keepdim=True)) / 255).clamp(min=1e-30)
    return _with(x, codes, scale, bias, step, torch.round(x / step).clamp(-128, 127))


def weight_only(x, codes, scale, bias):
    return torch.nn.functional.linear(x, codes * scale, bias)


def product_in_int8(x, codes, scale, bias):
    step = _scale_a_token(x)
    total = torch.round(x / step).to(torch.int8) @ codes.t()
    return total * step * scale.flatten() + bias


def zeros_unguarded(x, codes, scale, bias):
    step = x.abs().amax(dim=1, keepdim=True) / 127
    return torch.nn.functional.linear(torch.round(x / step) * step, codes * scale, bias)


def floor_under_the_scale(x, codes, scale, bias):
    return _with(x, codes, scale, bias, _scale_a_token(x).clamp(min=1e-5))


def token_scale_forgotten(x, codes, scale, bias):
    step = _scale_a_token(x)
    return torch.round(x / step) @ codes.float().t() * scale.flatten() + bias


def weight_scale_forgotten(x, codes, scale, bias):
    step = _scale_a_token(x)
    return torch.round(x / step) @ codes.float().t() * step + bias


def scales_forgotten(x, codes, scale, bias):
    step = _scale_a_token(x)
    return torch.round(x / step) @ codes.float().t() + bias


def bias_forgotten(x, codes, scale, bias):
    return dynamic_linear(x, codes, scale, torch.zeros_like(bias))


def bias_scaled_too(x, codes, scale, bias):
    step = _scale_a_token(x)
    return (torch.round(x / step) @ codes.float().t() + bias) * step * scale.flatten()


def scale_down_the_rows(x, codes, scale, bias):
    step = _scale_a_token(x)
    return torch.round(x / step) @ codes.float().t() * step * scale + bias


def _cases():
    def drawn(seed, n, inputs, outputs, wide=1.0):
        generator = torch.Generator().manual_seed(seed)
        x = torch.randn(n, inputs, generator=generator) * torch.logspace(0, wide, n)[:, None]
        codes = torch.randint(-127, 128, (outputs, inputs), generator=generator, dtype=torch.int8)
        scale = 0.001 + 0.02 * torch.rand(outputs, 1, generator=generator)
        return x, codes, scale, torch.randn(outputs, generator=generator)

    codes = torch.tensor([[100, -20, 5], [4, 8, 127]], dtype=torch.int8)
    scale, bias = torch.tensor([[0.5], [0.25]]), torch.tensor([1.0, -2.0])
    return (
        Case((torch.tensor([[1.0, 2.1, -0.3]]), codes, scale, bias), "one token"),
        Case((torch.tensor([[1.0, 2.1, -0.3], [20.0, -50.0, 7.0]]), codes, scale, bias), "the second is larger"),
        Case((torch.tensor([[-3.0, -0.5, -1.0], [0.2, -0.9, 0.4]]), codes, scale, bias), "the largest is negative"),
        Case(drawn(1, 3, 8, 5), "three tokens"),
        Case(drawn(2, 6, 6, 6), "all of size 6: no shape tells the axes apart"),
        Case(drawn(3, 4, 64, 16, wide=3.0), "tokens a thousand times as large as others"),
        Case((torch.zeros(2, 3), codes, scale, bias), "zeros in, the bias out"),
        Case((torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.25, -0.7]]), codes, scale, bias), "a token of zeros"),
        Case((torch.tensor([[1e-4, 2.1e-4, -3e-5]]), codes, scale, torch.zeros(2)), "a token of small numbers"),
    )


def _wrong(function, diagnosis):
    return WrongAnswer(function.__name__, function, diagnosis)


_HALF_OF_255 = (
    "The largest magnitude is divided by 127.5, half of 255, so it becomes -128, or 128, which int8 does not have. "
    "Divide by 127."
)
_128 = (
    "The largest magnitude is divided by 128, so it becomes code 128, which int8 does not have. Divide by 127, and "
    "nothing has to be clamped."
)

DYNAMIC_LINEAR = Exercise(
    id="09_dynamic_linear",
    title="A dynamic layer by hand",
    points=3,
    prompt=(
        "x is a float32 (n, inputs), one token a row; codes int8 (outputs, inputs), scale float32 (outputs, 1), "
        "bias float32 (outputs,). Quantize each token to int8 by its own largest magnitude, symmetric, multiply "
        "the integers, and return the float32 output (n, outputs)."
    ),
    reference=dynamic_linear,
    cases=_cases(),
    compare=_compare,
    hints=(
        "What is known ahead of time, and what only when x arrives? The second needs a scale for each row of x.",
        "x.abs().amax(dim=1, keepdim=True) / 127 has a scale a token. Sum the products of codes in int32; then "
        "both scales and the bias. What about a token of zeros?",
        "total = round(x / token_scale).to(torch.int8).int() @ codes.int().t(); the output is total * "
        "token_scale * scale.flatten() + bias. Let token_scale be 1 where it is 0.",
    ),
    wrong_answers=(
        _wrong(
            one_scale_for_all,
            "One scale serves the whole batch, so one large token takes the steps from all others. Each token has "
            "its own: amax(dim=1, keepdim=True).",
        ),
        _wrong(
            scale_a_column,
            "The scales go down the columns of x. A scale that differs along the sum cannot leave it.",
        ),
        _wrong(
            sign_forgotten,
            "The largest value of a token is taken, not its largest magnitude: negative ones saturate. Use abs().",
        ),
        _wrong(not_rounded, "The conversion to int8 cuts the fraction off, toward 0. Round first."),
        _wrong(rounded_down, "The fraction is cut off downward, by floor. Round to the nearest integer."),
        _wrong(divided_by_half_of_255, _HALF_OF_255),
        _wrong(wrapped_at_half_of_255, _HALF_OF_255),
        _wrong(divided_by_128, _128),
        _wrong(wrapped_at_128, _128),
        _wrong(
            all_codes_spanned,
            "The scale is the token's range over 255, which is affine quantization and needs a zero point. "
            "Symmetric: the largest magnitude over 127.",
        ),
        _wrong(
            weight_only,
            "The input stayed float: that is a weight-only layer. Here each token is quantized when it arrives.",
        ),
        _wrong(
            product_in_int8,
            "A product of int8 tensors is int8 in torch, and wraps around. Convert the codes to int32 first.",
        ),
        _wrong(
            zeros_unguarded,
            "A token of zeros has scale 0, and 0 / 0 is NaN. Any other scale will do for it.",
        ),
        _wrong(
            floor_under_the_scale,
            "No scale is below 1e-5 here, as in torchao, so small numbers get few of the codes. Replace only a "
            "scale of 0.",
        ),
        _wrong(token_scale_forgotten, "The token's scale is missing: its codes count steps of that size."),
        _wrong(weight_scale_forgotten, "The weight's scales are missing: a weight is its code times the scale."),
        _wrong(scales_forgotten, "Both scales are missing: this is the sum of integers, with the bias added."),
        _wrong(bias_forgotten, "The bias is missing."),
        _wrong(bias_scaled_too, "The bias is multiplied by the scales too. It is in real units: add it last."),
        _wrong(
            scale_down_the_rows,
            "The weight's scales multiply the rows of the output, which are tokens. Flatten them: they belong to "
            "its columns.",
        ),
    ),
    alternatives=(token_by_token, in_floats),
)
