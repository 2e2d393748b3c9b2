"""09_file_bytes: what the tensors of a quantized model take in its file. The tempting answer is a quarter."""

import math

from qlab.exercises.comparing import whole_number
from qlab.exercises.spec import Case, Exercise, WrongAnswer


def file_bytes(layers):
    """Bytes of all tensors after the linear layers have become int8."""
    # BEGIN SOLUTION
    total = 0
    for kind, shape, bias in layers:
        rows, weights = shape[0], math.prod(shape)
        # codes and a scale a row, or floats
        total += weights + 4 * rows if kind == "linear" else 4 * weights
        total += 4 * rows if bias else 0
    return total
    # END SOLUTION


def saved(layers):
    """All in float32, less three bytes a code, and four more for each scale."""
    floats = sum(4 * (math.prod(shape) + bool(bias) * shape[0]) for _, shape, bias in layers)
    linear = [shape for kind, shape, _ in layers if kind == "linear"]
    return floats - sum(3 * math.prod(shape) - 4 * shape[0] for shape in linear)


def _sum(layers, weight=1, scale=4, bias=4, embedding=4, norm=4, norm_bias=4):
    """The same count with other bytes for each thing."""
    total = 0
    for kind, shape, has_bias in layers:
        each = {"linear": weight, "embedding": embedding, "norm": norm}[kind]
        total += each * math.prod(shape) + (scale * shape[0] if kind == "linear" else 0)
        total += bool(has_bias) * shape[0] * (bias if kind == "linear" else norm_bias)
    return total


def a_quarter(layers):
    return _sum(layers, weight=4, scale=0) // 4


def a_quarter_and_scales(layers):
    return _sum(layers, scale=4, bias=1, embedding=1, norm=1, norm_bias=1)


def all_weights_quantized(layers):
    return _sum(layers, embedding=1, norm=1)


def embedding_quantized(layers):
    return _sum(layers, embedding=1)


def embedding_quantized_with_scales(layers):
    rows = sum(shape[0] for kind, shape, _ in layers if kind == "embedding")
    return _sum(layers, embedding=1) + 4 * rows


def scales_forgotten(layers):
    return _sum(layers, scale=0)


def one_scale_a_layer(layers):
    return _sum(layers, scale=0) + 4 * sum(kind == "linear" for kind, _, _ in layers)


def scale_for_each_input(layers):
    return _sum(layers, scale=0) + 4 * sum(shape[1] for kind, shape, _ in layers if kind == "linear")


def zero_points_counted(layers):
    return _sum(layers, scale=8)


def scales_of_one_byte(layers):
    return _sum(layers, scale=1)


def biases_forgotten(layers):
    return _sum(layers, bias=0, norm_bias=0)


def linear_biases_forgotten(layers):
    return _sum(layers, bias=0)


def other_biases_forgotten(layers):
    return _sum(layers, norm_bias=0)


def one_element_of_bias(layers):
    return _sum(layers, bias=0, norm_bias=0) + 4 * sum(bool(bias) for _, _, bias in layers)


def biases_quantized(layers):
    return _sum(layers, bias=1)


def bias_always(layers):
    return sum(_sum([(kind, shape, kind != "embedding")]) for kind, shape, _ in layers)


def parameters_counted(layers):
    return _sum(layers, weight=0, scale=0, bias=0)


def linear_layers_only(layers):
    return _sum([layer for layer in layers if layer[0] == "linear"])


def not_quantized(layers):
    return _sum(layers, weight=4, scale=0)


def elements_counted(layers):
    return _sum(layers, weight=1, scale=1, bias=1, embedding=1, norm=1, norm_bias=1)


def in_bits(layers):
    return 8 * _sum(layers)


def _wrong(function, diagnosis):
    return WrongAnswer(function.__name__, function, diagnosis)


_BLOCK = [
    *[("linear", (256, 256), True)] * 4,
    ("linear", (1024, 256), True),
    ("linear", (256, 1024), True),
    *[("norm", (256,), True)] * 2,
]
_WORDS = [("embedding", (1000, 256), False), *_BLOCK, ("norm", (256,), True), ("linear", (1000, 256), True)]

FILE_BYTES = Exercise(
    id="09_file_bytes",
    title="The bytes of a quantized model",
    points=2,
    prompt=(
        "layers is a list of (kind, shape, bias): kind is 'linear', 'embedding' or 'norm', shape that of the "
        "weight, bias True or False, with a bias for each row of the weight. Linear weights become int8 with a "
        "float32 scale a row; all else stays float32. Return the bytes of all tensors."
    ),
    reference=file_bytes,
    cases=(
        Case(([("linear", (3, 4), False)],), "12 codes and 3 scales"),
        Case(([("linear", (3, 4), True)],), "the same with a bias"),
        Case(([("embedding", (10, 4), False)],), "an embedding"),
        Case(([("norm", (6,), True)],), "a norm"),
        Case(([("norm", (6,), False), ("linear", (2, 6), False)],), "no biases"),
        Case(([("embedding", (10, 4), False), ("linear", (10, 4), True)],), "an embedding and a head"),
        Case((_BLOCK,), "the block of the word model"),
        Case((_WORDS,), "the word model"),
        Case(([],), "no layers"),
    ),
    compare=whole_number,
    hints=(
        "Go through the layers one by one. Which of their tensors become int8, and what comes with them?",
        "A linear weight of shape (rows, columns) takes rows * columns bytes and 4 more a row for its scales. "
        "What takes 4 bytes an element?",
        "Add math.prod(shape) + 4 * shape[0] for a linear weight and 4 * math.prod(shape) for any other; then "
        "4 * shape[0] where there is a bias.",
    ),
    wrong_answers=(
        _wrong(
            a_quarter,
            "This is a quarter of float32, as in the thread's 1.25 MB of 5. Only linear weights become int8: "
            "embeddings, norms and biases keep 4 bytes an element.",
        ),
        _wrong(
            a_quarter_and_scales,
            "All tensors take a byte an element here. Only linear weights do; all else stays float32.",
        ),
        _wrong(
            all_weights_quantized,
            "All weights are counted as int8. Those of embeddings and norms stay float32: 4 bytes an element.",
        ),
        _wrong(
            embedding_quantized,
            "The embedding is counted as int8. It is looked up, not multiplied, and stays float32 here.",
        ),
        _wrong(
            embedding_quantized_with_scales,
            "The embedding is counted as int8 with scales. Only linear layers are quantized here.",
        ),
        _wrong(scales_forgotten, "The scales are missing: 4 bytes for each row of a linear weight."),
        _wrong(
            one_scale_a_layer,
            "This is one scale a layer, as torch.ao has it by default. Here each row of a linear weight has one.",
        ),
        _wrong(
            scale_for_each_input,
            "This is a scale for each column. A scale belongs to an output, which is a row of the weight.",
        ),
        _wrong(
            zero_points_counted,
            "A scale and a zero point are counted for each row. Symmetric codes have no zero point: only a scale.",
        ),
        _wrong(scales_of_one_byte, "A scale is counted as one byte. It is a float32: 4 bytes."),
        _wrong(biases_forgotten, "The biases are missing: 4 bytes for each row, where there is one."),
        _wrong(
            linear_biases_forgotten,
            "The biases of the linear layers are missing. They stay in the file, as float32.",
        ),
        _wrong(other_biases_forgotten, "The biases of norms are missing: a norm may have one too."),
        _wrong(one_element_of_bias, "A bias has an element for each row, each of 4 bytes; here it has only one."),
        _wrong(biases_quantized, "The biases of the linear layers are counted as int8. They stay float32."),
        _wrong(bias_always, "Not every layer has a bias: add it only where bias is True."),
        _wrong(
            parameters_counted,
            "These are the bytes that parameters() still finds. Codes, scales and biases of quantized layers are "
            "no parameters, but they are in the file.",
        ),
        _wrong(linear_layers_only, "Only linear layers are counted. Embeddings and norms are in the file too."),
        _wrong(
            not_quantized, "This is the float32 model. Linear weights take one byte an element, and have scales."
        ),
        _wrong(elements_counted, "These are elements, not bytes: a float32 takes 4."),
        _wrong(in_bits, "These are bits. Eight of them are a byte."),
    ),
    alternatives=(saved,),
)
