"""14_merged_weight: a low-rank update added to a quantized weight, as floats."""

import torch

from qlab.exercises.comparing import first_difference, tensor_form
from qlab.exercises.spec import Case, Exercise, WrongAnswer


def merged_weight(codes, scale, a, b, alpha):
    """The float weight that a frozen layer and its low-rank update amount to."""
    # BEGIN SOLUTION
    rank = len(a)
    return codes * scale + alpha / rank * (b @ a)
    # END SOLUTION


def _compare(expected, got, case):
    """Within a few roundings of float32, far below a quantization step."""
    told = tensor_form(expected, got)
    if told:
        return told
    far = ~((expected - got).abs() <= 4e-6 * expected.abs().max())
    return first_difference(expected, got, far)


def column_by_column(codes, scale, a, b, alpha):
    columns = torch.eye(a.shape[1])
    base = columns @ (codes.float() * scale).t()
    return (base + columns @ a.t() @ b.t() * (alpha / a.shape[0])).t()


def outer_products(codes, scale, a, b, alpha):
    merged = codes.float() * scale
    for r in range(a.shape[0]):
        merged = merged + alpha / a.shape[0] * torch.outer(b[:, r], a[r])
    return merged


def alpha_alone(codes, scale, a, b, alpha):
    return codes * scale + alpha * (b @ a)


def alpha_forgotten(codes, scale, a, b, alpha):
    return codes * scale + b @ a


def alpha_over_inputs(codes, scale, a, b, alpha):
    return codes * scale + alpha / a.shape[1] * (b @ a)


def alpha_over_outputs(codes, scale, a, b, alpha):
    return codes * scale + alpha / b.shape[0] * (b @ a)


def other_order(codes, scale, a, b, alpha):
    return codes * scale + alpha / len(a) * (a @ b)


def transposed(codes, scale, a, b, alpha):
    return codes * scale + alpha / len(a) * (a.t() @ b.t())


def result_transposed(codes, scale, a, b, alpha):
    return merged_weight(codes, scale, a, b, alpha).t()


def codes_as_weights(codes, scale, a, b, alpha):
    return codes + alpha / len(a) * (b @ a)


def update_scaled(codes, scale, a, b, alpha):
    return (codes + alpha / len(a) * (b @ a)) * scale


def requantized(codes, scale, a, b, alpha):
    merged = codes * scale + alpha / len(a) * (b @ a)
    return (merged / scale).round().clamp(-128, 127) * scale


def update_alone(codes, scale, a, b, alpha):
    return alpha / len(a) * (b @ a)


def base_alone(codes, scale, a, b, alpha):
    return codes * scale


def subtracted(codes, scale, a, b, alpha):
    return codes * scale - alpha / len(a) * (b @ a)


def _wrong(function, diagnosis):
    return WrongAnswer(function.__name__, function, diagnosis)


def _cases():
    def drawn(seed, outputs, inputs, rank, alpha, size=0.1):
        generator = torch.Generator().manual_seed(seed)
        codes = torch.randint(-7, 8, (outputs, inputs), generator=generator, dtype=torch.int8)
        scale = 0.01 + 0.05 * torch.rand(outputs, 1, generator=generator)
        a, b = (torch.randn(shape, generator=generator) * size for shape in ((rank, inputs), (outputs, rank)))
        return codes, scale, a, b, alpha

    codes, scale = torch.tensor([[4, -2], [1, 7]], dtype=torch.int8), torch.tensor([[0.5], [0.25]])
    a, b = torch.tensor([[1.0, 2.0]]), torch.tensor([[0.5], [-1.0]])
    pair = torch.tensor([[1.0, 2.0], [0.0, 1.0]]), torch.tensor([[0.5, 1.0], [-1.0, 0.0]])
    return (
        Case((codes, scale, a, b, 1), "rank 1, alpha 1"),
        Case((codes, scale, a, b, 4), "alpha 4"),
        Case((codes, scale, *pair, 4), "rank 2: alpha / rank is 2"),
        Case((codes, scale, a, torch.zeros(2, 1), 4), "b as it begins, zeros: the frozen weight"),
        Case((codes, scale, a * 0.1, b, 1), "an update smaller than half a step"),
        Case(drawn(1, 3, 5, 2, 8), "3 outputs, 5 inputs, rank 2"),
        Case(drawn(2, 4, 4, 4, 2), "all sizes 4: no shape tells the factors apart"),
        Case(drawn(3, 10, 64, 4, 8, 0.3), "fc2 of the digits network"),
        Case(drawn(4, 1, 1, 1, 3), "one weight"),
    )


_ORDER = (
    "b is (outputs, rank) and a is (rank, inputs), so the update of shape (outputs, inputs) is b @ a. Equal sizes "
    "hide another order."
)

MERGED_WEIGHT = Exercise(
    id="14_merged_weight",
    title="Merge a low-rank update",
    points=3,
    prompt=(
        "A frozen layer has int8 codes (outputs, inputs) and float scales (outputs, 1). Beside it a (rank, inputs) "
        "and b (outputs, rank) were trained: with the frozen weight W, the layer returns "
        "x @ W.t() + alpha / rank * (x @ a.t() @ b.t()). Return the one float weight that does the same."
    ),
    reference=merged_weight,
    cases=_cases(),
    compare=_compare,
    hints=(
        "x @ M.t() for one M: what is M for each of the two terms?",
        "x @ a.t() @ b.t() is x @ (b @ a).t(). The frozen weight is codes * scale. The rank is len(a), the rows of "
        "a.",
        "codes * scale + alpha / len(a) * (b @ a)",
    ),
    wrong_answers=(
        _wrong(alpha_alone, "The update is multiplied by alpha. It is alpha / rank, so that rank can be changed."),
        _wrong(alpha_forgotten, "alpha / rank is missing: b @ a is multiplied by it."),
        _wrong(alpha_over_inputs, "alpha is divided by the inputs, a.shape[1]. The rank is a.shape[0]."),
        _wrong(alpha_over_outputs, "alpha is divided by the outputs, b.shape[0]. The rank is b.shape[1]."),
        _wrong(other_order, _ORDER),
        _wrong(transposed, _ORDER),
        _wrong(
            result_transposed, "This is the transpose. The weight has the shape of the codes, (outputs, inputs)."
        ),
        _wrong(codes_as_weights, "Codes are counted as weights. A weight is its code times the scale of its row."),
        _wrong(
            update_scaled,
            "The update is multiplied by the scale too. It was trained in real units: scale the codes alone.",
        ),
        _wrong(
            requantized,
            "The result was rounded to codes again. What is smaller than half a step is lost by that, and a "
            "trained update is small. A merged weight is a float weight.",
        ),
        _wrong(update_alone, "This is the update alone. The frozen weight, codes * scale, belongs to it."),
        _wrong(base_alone, "This is the frozen weight. The update alpha / rank * (b @ a) is missing."),
        _wrong(subtracted, "The update is added, not subtracted."),
    ),
    alternatives=(column_by_column, outer_products),
)
