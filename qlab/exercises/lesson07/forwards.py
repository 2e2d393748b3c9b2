"""07_weight_only: the forward pass of a W8A16 layer, from codes, scales, and a bias that may be missing."""

import torch

from qlab.exercises.comparing import first_difference, tensor_form
from qlab.exercises.spec import Case, Exercise, WrongAnswer


def weight_only(x, codes, scale, bias):
    """The output of a linear layer whose weight is scale * codes, in x's type."""
    # BEGIN SOLUTION
    y = x @ codes.to(x.dtype).t()
    y = y * scale.flatten().to(x.dtype)
    return y if bias is None else y + bias.to(x.dtype)
    # END SOLUTION


def _compare(expected, got, case):
    """Within a few roundings of x's type, which is far below what any wrong scale or bias gives."""
    told = tensor_form(expected, got)
    if told:
        return told
    bound = 4 * torch.finfo(expected.dtype).eps * expected.double().abs().max().item()
    far = ~((expected.double() - got.double()).abs() <= bound)
    return first_difference(expected, got, far)


def weight_first(x, codes, scale, bias):
    weight = codes.float() * scale.float()
    y = torch.nn.functional.linear(x.float(), weight, None if bias is None else bias.float())
    return y.to(x.dtype)


def scale_on_the_weight(x, codes, scale, bias):
    y = torch.einsum("ni,oi->no", x, (codes * scale).to(x.dtype))
    return y if bias is None else y + bias.to(x.dtype)


def bias_scaled_too(x, codes, scale, bias):
    y = x @ codes.to(x.dtype).t() + (0 if bias is None else bias.to(x.dtype))
    return y * scale.flatten().to(x.dtype)


def scale_down_the_rows(x, codes, scale, bias):
    y = x @ codes.to(x.dtype).t() * scale.to(x.dtype)
    return y if bias is None else y + bias.to(x.dtype)


def not_transposed(x, codes, scale, bias):
    y = x @ codes.to(x.dtype) * scale.flatten().to(x.dtype)
    return y if bias is None else y + bias.to(x.dtype)


def scale_on_the_inputs(x, codes, scale, bias):
    y = x @ (codes.to(x.dtype) * scale.flatten().to(x.dtype)).t()
    return y if bias is None else y + bias.to(x.dtype)


def input_as_int8(x, codes, scale, bias):
    y = (x.to(torch.int8) @ codes.t()).to(x.dtype) * scale.flatten().to(x.dtype)
    return y if bias is None else y + bias.to(x.dtype)


def input_rounded(x, codes, scale, bias):
    y = torch.round(x) @ codes.to(x.dtype).t() * scale.flatten().to(x.dtype)
    return y if bias is None else y + bias.to(x.dtype)


def type_forgotten(x, codes, scale, bias):
    y = x @ codes.to(x.dtype).t() * scale.flatten()
    return y if bias is None else y + bias


def bias_type_forgotten(x, codes, scale, bias):
    y = x @ codes.to(x.dtype).t() * scale.flatten().to(x.dtype)
    return y if bias is None else y + bias


def bias_forgotten(x, codes, scale, bias):
    return x @ codes.to(x.dtype).t() * scale.flatten().to(x.dtype)


def scale_forgotten(x, codes, scale, bias):
    y = x @ codes.to(x.dtype).t()
    return y if bias is None else y + bias.to(x.dtype)


def scale_divided(x, codes, scale, bias):
    y = x @ codes.to(x.dtype).t() / scale.flatten().to(x.dtype)
    return y if bias is None else y + bias.to(x.dtype)


def _cases():
    def drawn(seed, n, inputs, outputs, bias=True, kind=torch.float32):
        generator = torch.Generator().manual_seed(seed)
        x = torch.randn(n, inputs, generator=generator).to(kind)
        codes = torch.randint(-127, 128, (outputs, inputs), generator=generator, dtype=torch.int8)
        scale = 0.001 + 0.02 * torch.rand(outputs, 1, generator=generator)
        return x, codes, scale, torch.randn(outputs, generator=generator) if bias else None

    codes = torch.tensor([[10, -20], [4, 8]], dtype=torch.int8)
    scale, bias = torch.tensor([[0.5], [0.25]]), torch.tensor([1.0, -2.0])
    return (
        Case((torch.tensor([[1.0, 2.0]]), codes, scale, bias), "one input vector"),
        Case((torch.tensor([[1.0, 2.0], [0.5, -1.5]]), codes, scale, None), "no bias, and all of size 2"),
        Case(drawn(1, 3, 8, 5), "three input vectors"),
        Case(drawn(2, 6, 6, 6), "all of size 6: no shape tells the axes apart"),
        Case(drawn(3, 4, 64, 16, kind=torch.bfloat16), "bfloat16 input; scale and bias are float32"),
        Case(drawn(4, 2, 16, 8, bias=False, kind=torch.bfloat16), "bfloat16, no bias"),
        Case(drawn(5, 1, 1, 1), "one weight"),
        Case((torch.zeros(2, 2), codes, scale, bias), "zeros in, the bias out"),
    )


_ROWS = (
    "The scales multiply the wrong axis. A scale belongs to an output, and the outputs of `x @ codes.t()` are its "
    "columns; a scale of shape (outputs, 1) multiplies its rows. Flatten it first."
)

WEIGHT_ONLY = Exercise(
    id="07_weight_only",
    title="A weight-only layer by hand",
    points=3,
    prompt=(
        "Return the output of a linear layer: x is a float (n, inputs), codes an int8 (outputs, inputs), scale a "
        "float32 (outputs, 1), bias a float32 (outputs,) or None. The result has x's type."
    ),
    reference=weight_only,
    cases=_cases(),
    compare=_compare,
    hints=(
        "Codes are whole numbers, but the product is one of floats: which of the two must change its type?",
        "Each output has one scale, so it can be multiplied in after the sum. The columns of x @ codes.t() are the "
        "outputs. The bias is in real units.",
        "x @ codes.to(x.dtype).t() is the sum; multiply by scale.flatten().to(x.dtype), then add bias.to(x.dtype) "
        "where there is a bias.",
    ),
    wrong_answers=(
        WrongAnswer(
            "bias_scaled_too",
            bias_scaled_too,
            "The bias is multiplied by the scale too. It is in real units: add it after the scale.",
        ),
        WrongAnswer("scale_down_the_rows", scale_down_the_rows, _ROWS),
        WrongAnswer(
            "not_transposed",
            not_transposed,
            "codes has a row for each output: multiply by its transpose, `codes.t()`. Equal sizes hide it.",
        ),
        WrongAnswer(
            "scale_on_the_inputs",
            scale_on_the_inputs,
            "The scales multiply the inputs of the weight, its columns. There is one scale for each row of codes, "
            "so that every output has one.",
        ),
        WrongAnswer(
            "input_as_int8",
            input_as_int8,
            "x was converted to int8: its fractions are gone, and an int8 product wraps around. In a weight-only "
            "layer the codes become floats, not the activations codes.",
        ),
        WrongAnswer(
            "input_rounded", input_rounded, "x was rounded to whole numbers. A16 means that activations stay float."
        ),
        WrongAnswer(
            "type_forgotten",
            type_forgotten,
            "A float32 scale makes the whole output float32: bfloat16 in, float32 out. Convert it to x's type.",
        ),
        WrongAnswer(
            "bias_type_forgotten",
            bias_type_forgotten,
            "A float32 bias makes the output float32: bfloat16 in, float32 out. Convert the bias to x's type.",
        ),
        WrongAnswer("bias_forgotten", bias_forgotten, "The bias is missing."),
        WrongAnswer(
            "scale_forgotten",
            scale_forgotten,
            "This multiplies by the codes. A weight is its code times the scale of its row.",
        ),
        WrongAnswer("scale_divided", scale_divided, "The scale divides. A weight is its code *times* the scale."),
    ),
    alternatives=(weight_first, scale_on_the_weight),
)
