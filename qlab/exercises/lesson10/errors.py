"""10_two_errors: a layer's accumulated error, and the error that it makes itself."""

import torch

from qlab.affine import fake_quantize
from qlab.exercises.comparing import kind
from qlab.exercises.lesson10.ratios import same_decibels
from qlab.exercises.spec import Case, Exercise, WrongAnswer
from qlab.metrics import sqnr
from qlab.qparams import choose_qparams


def two_errors(x, x_quantized, weight, quantized):
    """(accumulated, own): SQNRs of a layer's result in dB."""

    # BEGIN SOLUTION
    def ratio(actual):
        noise = (result - actual).square().sum()
        return (10 * torch.log10(result.square().sum() / noise)).item()

    result = x.double() @ weight.double().t()
    accumulated = ratio(x_quantized.double() @ quantized.double().t())
    own = ratio(x.double() @ quantized.double().t())
    return accumulated, own
    # END SOLUTION


def _compare(expected, got, case):
    if not isinstance(got, (tuple, list)) or len(got) != 2:
        return f"Expected two numbers, (accumulated, own), got {kind(got)}."
    for name, wanted, number in zip(("accumulated", "own"), expected, got, strict=True):
        told = same_decibels(wanted, number, case)
        if told:
            return f"{name}: {told}"
    return None


def _result(x, weight):
    return x.double() @ weight.double().t()


def with_the_library(x, x_quantized, weight, quantized):
    real = _result(x, weight)
    return sqnr(real, _result(x_quantized, quantized)), sqnr(real, _result(x, quantized))


def wrong_order(x, x_quantized, weight, quantized):
    return with_the_library(x, x_quantized, weight, quantized)[::-1]


def own_is_accumulated(x, x_quantized, weight, quantized):
    accumulated = with_the_library(x, x_quantized, weight, quantized)[0]
    return accumulated, accumulated


def accumulated_is_own(x, x_quantized, weight, quantized):
    own = with_the_library(x, x_quantized, weight, quantized)[1]
    return own, own


def what_came_in(x, x_quantized, weight, quantized):
    accumulated = with_the_library(x, x_quantized, weight, quantized)[0]
    return accumulated, sqnr(_result(x, weight), _result(x_quantized, weight))


def float_weight_for_accumulated(x, x_quantized, weight, quantized):
    return what_came_in(x, x_quantized, weight, quantized)[1], sqnr(_result(x, weight), _result(x, quantized))


def not_transposed(x, x_quantized, weight, quantized):
    return with_the_library(x, x_quantized, weight.t(), quantized.t())


def signal_is_the_result(x, x_quantized, weight, quantized):
    real = _result(x, weight)
    return sqnr(_result(x_quantized, quantized), real), sqnr(_result(x, quantized), real)


def on_the_quantized_input(x, x_quantized, weight, quantized):
    accumulated = with_the_library(x, x_quantized, weight, quantized)[0]
    return accumulated, sqnr(_result(x_quantized, weight), _result(x_quantized, quantized))


def of_the_weight(x, x_quantized, weight, quantized):
    return with_the_library(x, x_quantized, weight, quantized)[0], sqnr(weight, quantized)


def of_the_input(x, x_quantized, weight, quantized):
    return sqnr(x, x_quantized), with_the_library(x, x_quantized, weight, quantized)[1]


def difference(x, x_quantized, weight, quantized):
    accumulated = with_the_library(x, x_quantized, weight, quantized)[0]
    return accumulated, accumulated - sqnr(_result(x, weight), _result(x_quantized, weight))


def upside_down(x, x_quantized, weight, quantized):
    accumulated, own = with_the_library(x, x_quantized, weight, quantized)
    return -accumulated, -own


def _drawn(seed, n, inputs, outputs, x_format, weight_format, note):
    generator = torch.Generator().manual_seed(seed)
    x, weight = torch.randn(n, inputs, generator=generator), torch.randn(outputs, inputs, generator=generator)
    coarse = fake_quantize(x, choose_qparams(x, x_format))
    return Case((x, coarse, weight, fake_quantize(weight, choose_qparams(weight, weight_format))), note)


def _wrong(function, diagnosis):
    return WrongAnswer(function.__name__, function, diagnosis)


_X, _W = torch.tensor([[2.0, -1.0]]), torch.tensor([[1.0, 0.5], [-0.25, 1.0]])

TWO_ERRORS = Exercise(
    id="10_two_errors",
    title="Whose error is it?",
    points=3,
    prompt=(
        "A linear layer (O, I) without bias gets x (N, I) in the float model, x_quantized in the quantized one; "
        "quantized has the values of its quantized weight. Return (accumulated, own), two SQNRs in dB."
    ),
    reference=two_errors,
    cases=(
        Case((_X, torch.tensor([[1.5, -1.0]]), _W, torch.tensor([[1.0, 0.5], [0.0, 1.0]])), "one input vector"),
        _drawn(1, 5, 4, 3, "int3", "int8", "coarse input, fine weight"),
        _drawn(2, 5, 4, 3, "int8", "int3", "fine input, coarse weight"),
        _drawn(3, 6, 6, 6, "int4", "int4", "all of size 6"),
        _drawn(4, 32, 16, 8, "int2", "int2", "2 bits in both"),
    ),
    compare=_compare,
    hints=(
        "Both compare with the same float result. Which input does the quantized layer get in each?",
        "accumulated: the quantized weight on x_quantized. own: the quantized weight on x, as in a first layer.",
        "real = x @ weight.t(). Return ql.sqnr(real, x_quantized @ quantized.t()), then the same with "
        "x @ quantized.t().",
    ),
    wrong_answers=(
        _wrong(wrong_order, "The two are in the other order: accumulated comes first, then own."),
        _wrong(
            own_is_accumulated,
            "The accumulated error was given for the layer's own. For its own, feed the quantized weight the float "
            "model's x.",
        ),
        _wrong(
            accumulated_is_own,
            "The own error was given for the accumulated one. What runs in the quantized model gets x_quantized.",
        ),
        _wrong(
            what_came_in,
            "This own error is what came in: the float weight on x_quantized. The layer's own error comes from its "
            "quantized weight, on x.",
        ),
        _wrong(
            float_weight_for_accumulated,
            "This accumulated error is what came in: the float weight on x_quantized. The quantized model runs its "
            "quantized weight on that.",
        ),
        _wrong(not_transposed, "A linear layer multiplies by the transposed weight (O, I): x @ weight.t()."),
        _wrong(signal_is_the_result, "The signal is the float result: it comes first, ql.sqnr(float, quantized)."),
        _wrong(
            on_the_quantized_input,
            "Both layers got x_quantized. That is how the Numeric Suite's shadow model does it; asked for here is "
            "the float model's x for both, compared with the float result.",
        ),
        _wrong(
            of_the_weight,
            "This own SQNR is that of the weight. Compare results: the input decides which of its errors count.",
        ),
        _wrong(of_the_input, "This accumulated SQNR is that of the input. Compare the layer's results."),
        _wrong(difference, "Decibels of errors cannot be subtracted. Run the quantized weight on x, and compare."),
        _wrong(upside_down, "Signal and noise are swapped: the float result is the signal."),
    ),
    alternatives=(with_the_library,),
)
