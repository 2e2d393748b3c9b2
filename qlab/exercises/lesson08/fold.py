"""08_fold: a batch norm goes into the layer before it; square root, epsilon and bias are where people slip."""

import torch

from qlab.exercises.comparing import kind, tensor_within
from qlab.exercises.spec import Case, Exercise, WrongAnswer

TOLERANCE = 1e-5  # of the largest magnitude: another order of operations, no other formula


def fold(weight, bias, mean, var, gain, shift, eps):
    """(weight, bias) of one layer that does what the layer and its batch norm do."""
    # BEGIN SOLUTION
    factor = gain / torch.sqrt(var + eps)
    rows = factor.reshape([-1] + [1] * (weight.dim() - 1))
    return weight * rows, (bias - mean) * factor + shift
    # END SOLUTION


def _compare(expected, got, case):
    if not isinstance(got, (tuple, list)) or len(got) != 2:
        return f"Expected two tensors, the weight and the bias, got {kind(got)}."
    for name, wanted, given in zip(("weight", "bias"), expected, got, strict=True):
        told = tensor_within(wanted, given, TOLERANCE * wanted.abs().max().item())
        if told:
            return f"The {name}: {told}"
    return None


def flattened(weight, bias, mean, var, gain, shift, eps):
    factor = gain * (var + eps).rsqrt()
    folded = (weight.flatten(1).t() * factor).t().reshape(weight.shape)
    return [folded, bias * factor - mean * factor + shift]


def channel_by_channel(weight, bias, mean, var, gain, shift, eps):
    weight, bias = weight.clone(), bias.clone()
    for i in range(len(bias)):
        factor = gain[i] / (var[i] + eps) ** 0.5
        weight[i] *= factor
        bias[i] = (bias[i] - mean[i]) * factor + shift[i]
    return weight, bias


def _mistake(diagnosis, factor=None, bias=None, weight=None):
    """The recipe with one step replaced, under the name of the function that replaces it."""
    steps = {"factor": factor or _factor, "bias": bias or _bias, "weight": weight or _weight}
    name = next(step for step in (factor, bias, weight) if step).__name__

    def answer(weight, bias, mean, var, gain, shift, eps):
        multiple = steps["factor"](var, gain, eps)
        return steps["weight"](weight, multiple), steps["bias"](bias, mean, shift, multiple)

    answer.__name__ = name
    return WrongAnswer(name, answer, diagnosis)


def _factor(var, gain, eps):
    return gain / torch.sqrt(var + eps)


def _bias(bias, mean, shift, factor):
    return (bias - mean) * factor + shift


def _weight(weight, factor):
    return weight * factor.reshape([-1] + [1] * (weight.dim() - 1))


def variance_not_root(var, gain, eps):
    return gain / (var + eps)


def eps_outside(var, gain, eps):
    return gain / (torch.sqrt(var) + eps)


def eps_forgotten(var, gain, eps):
    return gain / torch.sqrt(var)


def gain_forgotten(var, gain, eps):
    return 1 / torch.sqrt(var + eps)


def multiplied_by_root(var, gain, eps):
    return gain * torch.sqrt(var + eps)


def bias_forgotten(bias, mean, shift, factor):
    return shift - mean * factor


def bias_left_as_it_was(bias, mean, shift, factor):
    return bias.clone()


def bias_not_scaled(bias, mean, shift, factor):
    return bias + shift - mean * factor


def mean_not_scaled(bias, mean, shift, factor):
    return bias * factor - mean + shift


def mean_forgotten(bias, mean, shift, factor):
    return bias * factor + shift


def mean_added(bias, mean, shift, factor):
    return (bias + mean) * factor + shift


def shift_forgotten(bias, mean, shift, factor):
    return (bias - mean) * factor


def shift_scaled(bias, mean, shift, factor):
    return (bias - mean + shift) * factor


def weight_left_as_it_was(weight, factor):
    return weight.clone()


def last_axis(weight, factor):
    return weight * factor


def rows_of_a_matrix(weight, factor):
    return weight * factor.reshape(-1, 1)


def axis_of_inputs(weight, factor):
    return weight * factor.reshape([1, -1] + [1] * (weight.dim() - 2))


def _cases():
    def layer(seed, *shape, eps=1e-5):
        generator = torch.Generator().manual_seed(seed)
        draw = torch.randn(5, shape[0], generator=generator)
        weight = torch.randn(shape, generator=generator)
        return weight, draw[0], draw[1], draw[2].square() + 0.1, draw[3], draw[4], eps

    def floats(*values):
        return torch.tensor(values)

    small = floats([2.0, -1.0], [0.5, 3.0])
    zero, one = torch.zeros(2), torch.ones(2)
    return (
        Case((small, floats(1.0, -2.0), floats(3.0, 0.5), floats(4.0, 0.25), floats(2.0, 3.0), one, 0.0), "eps 0"),
        Case((small, zero, zero, floats(4.0, 16.0), one, zero, 0.0), "only a variance"),
        Case((small, floats(0.5, 1.0), floats(3.0, 0.5), one, one, floats(10.0, -10.0), 0.0), "variance 1"),
        Case((small, one, floats(0.2, 0.1), floats(1e-4, 4e-4), one, zero, 1e-3), "a variance below eps"),
        Case(layer(1, 4, 3), "a Linear with 4 outputs"),
        Case(layer(2, 3, 2, 3, 3), "a Conv2d with 3 outputs"),
        Case(layer(3, 3, 3, 3, 3), "a Conv2d with 3 inputs, 3 outputs, 3 x 3"),
        Case((small, one, one, floats(0.0, 1.0), one, one, 1e-5), "a channel that never varied"),
    )


FOLD = Exercise(
    id="08_fold",
    title="Fold a batch norm",
    points=3,
    prompt=(
        "Return (weight, bias) of one layer that gives gain * (layer(x) - mean) / sqrt(var + eps) + shift. The "
        "layer has weight (outputs, inputs, ...) and bias (outputs,); mean, var, gain and shift are (outputs,)."
    ),
    reference=fold,
    cases=_cases(),
    compare=_compare,
    hints=(
        "layer(x) is weight times x, plus bias. Put that into the formula and sort: what multiplies x, what is "
        "left?",
        "Everything is multiplied by factor = gain / sqrt(var + eps), one number an output. The bias and the mean "
        "are multiplied by it too; shift is not.",
        "factor = gain / torch.sqrt(var + eps). The bias is (bias - mean) * factor + shift. The weight needs "
        "factor along its first axis: factor.reshape(-1, 1) for a matrix, with two more ones for a kernel.",
    ),
    wrong_answers=(
        _mistake(
            "This divides by the variance. Batch norm divides by its square root, the standard deviation.",
            factor=variance_not_root,
        ),
        _mistake(
            "eps is added to the root here. It belongs under the root: sqrt(var + eps).",
            factor=eps_outside,
        ),
        _mistake(
            "eps is missing. A channel that never varied has the variance 0, and without eps its weights become "
            "infinite.",
            factor=eps_forgotten,
        ),
        _mistake("gain is missing: the norm multiplies by it after dividing.", factor=gain_forgotten),
        _mistake("This multiplies by the standard deviation. Divide.", factor=multiplied_by_root),
        _mistake(
            "The layer's own bias is lost. Convolutions before a batch norm often have none, but where there is "
            "one it goes through the norm as well: (bias - mean) * factor + shift.",
            bias=bias_forgotten,
        ),
        _mistake(
            "The bias is what it was. The mean and the shift of the norm have to go somewhere.",
            bias=bias_left_as_it_was,
        ),
        _mistake(
            "The layer's bias is not multiplied. The norm scales all that comes out of the layer, its bias too.",
            bias=bias_not_scaled,
        ),
        _mistake(
            "The mean is subtracted after the scaling. The norm subtracts first, then scales.", bias=mean_not_scaled
        ),
        _mistake("The mean is missing: the norm subtracts it before it scales.", bias=mean_forgotten),
        _mistake("The mean is added. The norm subtracts it.", bias=mean_added),
        _mistake("shift is missing: the norm adds it last.", bias=shift_forgotten),
        _mistake("shift is multiplied by the factor. The norm adds it last, as it is.", bias=shift_scaled),
        _mistake(
            "Only the bias has changed. The weights are multiplied by the factor, too.",
            weight=weight_left_as_it_was,
        ),
        _mistake(
            "weight * factor runs the factors along the last axis. They belong to the outputs, which are axis 0: "
            "reshape factor so that its other axes have size 1.",
            weight=last_axis,
        ),
        _mistake(
            "factor.reshape(-1, 1) suits a matrix. In a kernel it runs along axis 2: give factor as many axes as "
            "the weight has, all of size 1 but the first.",
            weight=rows_of_a_matrix,
        ),
        _mistake(
            "The factors run along axis 1, that of the inputs. They belong to the outputs, axis 0.",
            weight=axis_of_inputs,
        ),
    ),
    alternatives=(flattened, channel_by_channel),
)
