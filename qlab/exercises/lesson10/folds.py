"""10_folded_sqnr: the weight that a quantized convolution must be compared with, batch norm folded in."""

import torch

from qlab.affine import fake_quantize
from qlab.exercises.lesson10.ratios import same_decibels
from qlab.exercises.spec import Case, Exercise, WrongAnswer
from qlab.granularity import PerAxis
from qlab.metrics import sqnr
from qlab.qparams import choose_qparams

EPS = 1e-3


def folded_sqnr(weight, gamma, var, eps, quantized):
    """The SQNR of quantized in dB, against the weight with batch norm folded in."""
    # BEGIN SOLUTION
    factor = gamma / torch.sqrt(var + eps)
    folded = weight * factor[:, None, None, None]
    signal = folded.double().square().sum()
    noise = (folded.double() - quantized.double()).square().sum()
    return (10 * torch.log10(signal / noise)).item()
    # END SOLUTION


def with_the_library(weight, gamma, var, eps, quantized):
    return sqnr(torch.einsum("oikl,o->oikl", weight, gamma * (var + eps).rsqrt()), quantized)


def in_float64(weight, gamma, var, eps, quantized):
    factor = gamma.double() / (var.double() + eps).sqrt()
    return sqnr(weight.double() * factor.view(-1, 1, 1, 1), quantized.double())


def not_folded(weight, gamma, var, eps, quantized):
    return sqnr(weight, quantized)


def unfolded_result(weight, gamma, var, eps, quantized):
    return sqnr(weight, quantized / (gamma / torch.sqrt(var + eps))[:, None, None, None])


def gamma_alone(weight, gamma, var, eps, quantized):
    return sqnr(weight * gamma[:, None, None, None], quantized)


def gamma_forgotten(weight, gamma, var, eps, quantized):
    return sqnr(weight / torch.sqrt(var + eps)[:, None, None, None], quantized)


def variance_not_rooted(weight, gamma, var, eps, quantized):
    return sqnr(weight * (gamma / (var + eps))[:, None, None, None], quantized)


def eps_forgotten(weight, gamma, var, eps, quantized):
    return sqnr(weight * (gamma / torch.sqrt(var))[:, None, None, None], quantized)


def eps_outside(weight, gamma, var, eps, quantized):
    return sqnr(weight * (gamma / (torch.sqrt(var) + eps))[:, None, None, None], quantized)


def along_the_inputs(weight, gamma, var, eps, quantized):
    return sqnr(weight * (gamma / torch.sqrt(var + eps))[None, :, None, None], quantized)


def along_the_columns(weight, gamma, var, eps, quantized):
    return sqnr(weight * (gamma / torch.sqrt(var + eps)), quantized)


def divided(weight, gamma, var, eps, quantized):
    return sqnr(weight / (gamma / torch.sqrt(var + eps))[:, None, None, None], quantized)


def swapped(weight, gamma, var, eps, quantized):
    return -with_the_library(weight, gamma, var, eps, quantized)


def signal_is_the_result(weight, gamma, var, eps, quantized):
    return sqnr(quantized, weight * (gamma / torch.sqrt(var + eps))[:, None, None, None])


def mean_over_channels(weight, gamma, var, eps, quantized):
    folded = weight * (gamma / torch.sqrt(var + eps))[:, None, None, None]
    return sum(map(sqnr, folded, quantized)) / len(folded)


def _case(seed, outputs, inputs, size, bits, note, smallest=0.1):
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(outputs, inputs, size, size, generator=generator)
    gamma = 0.5 + torch.rand(outputs, generator=generator)
    var = smallest + 4 * torch.rand(outputs, generator=generator) ** 2
    folded = weight * (gamma / torch.sqrt(var + EPS))[:, None, None, None]
    quantized = fake_quantize(folded, choose_qparams(folded, bits, None, PerAxis(0)))
    return Case((weight, gamma, var, EPS, quantized), note)


def _wrong(function, diagnosis):
    return WrongAnswer(function.__name__, function, diagnosis)


_AXIS = "gamma and var have a number for each output channel, the weight's first axis: [:, None, None, None]."

FOLDED_SQNR = Exercise(
    id="10_folded_sqnr",
    title="Compare the folded weight",
    points=2,
    prompt=(
        "weight (O, I, K, K) is a float convolution's, followed by a batch norm with gamma (O,), var (O,) and eps. "
        "quantized has the values of the quantized layer, into which the batch norm was folded. Return its SQNR."
    ),
    reference=folded_sqnr,
    cases=(
        _case(1, 2, 2, 1, "int4", "two channels of two weights"),
        _case(2, 4, 3, 3, "int4", "3 x 3, 4 bits"),
        _case(3, 3, 3, 3, "int8", "as many inputs as outputs, and as wide"),
        _case(4, 8, 4, 3, "int3", "3 bits"),
        _case(5, 5, 2, 3, "int8", "small variances, so that eps counts", smallest=0.0),
    ),
    compare=same_decibels,
    hints=(
        "The quantized layer computes convolution and batch norm at once. Which float weight does that?",
        "Batch norm multiplies each output channel by gamma / sqrt(var + eps). Multiply the weight's rows by that.",
        "folded = weight * (gamma / torch.sqrt(var + eps))[:, None, None, None]; then the SQNR of quantized "
        "against folded, or ql.sqnr(folded, quantized).",
    ),
    wrong_answers=(
        _wrong(
            not_folded,
            "This compares with the weight before folding. The quantized layer holds another weight: that times "
            "gamma / sqrt(var + eps).",
        ),
        _wrong(
            unfolded_result,
            "Dividing the quantized weight instead weighs the channels anew: errors count as they are in the layer "
            "that runs. Fold the float weight.",
        ),
        _wrong(gamma_alone, "The division by sqrt(var + eps) is missing."),
        _wrong(gamma_forgotten, "gamma, which batch norm multiplies by, is missing."),
        _wrong(variance_not_rooted, "Batch norm divides by the standard deviation, the root of var + eps."),
        _wrong(eps_forgotten, "eps is missing: it counts where a variance is small."),
        _wrong(eps_outside, "eps is added to the variance, before the root."),
        _wrong(along_the_inputs, f"The factor multiplies the inputs. {_AXIS}"),
        _wrong(along_the_columns, f"Without new axes the factor multiplies the last axis. {_AXIS}"),
        _wrong(divided, "The weight was divided by the factor. Folding multiplies by it."),
        _wrong(swapped, "Signal and noise are swapped: a good copy must have a high SQNR."),
        _wrong(signal_is_the_result, "The signal is the folded weight, not the quantized one: it comes first."),
        _wrong(mean_over_channels, "This is a mean over channels. Take one ratio, of sums over the whole weight."),
    ),
    alternatives=(with_the_library, in_float64),
)
