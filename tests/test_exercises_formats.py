"""Lesson 01's exercises against the library: its formats, its rounding, its sums."""

import itertools

import pytest
import torch

import qlab as ql
from qlab.dtypes import FORMATS
from qlab.exercises.grading import grade
from qlab.exercises.registry import EXERCISES

INTEGERS = [name for name, spec in FORMATS.items() if spec.kind == "int" and spec.signed and spec.bits <= 8]
FLOATS = [name for name, spec in FORMATS.items() if spec.mantissa_bits and spec.signed and spec.bits <= 8]


def answer(name):
    return EXERCISES[name].reference


@pytest.mark.parametrize("name", INTEGERS)
def test_integers_are_read_as_the_library_reads_them(name):
    for code in range(2 ** ql.dtype(name).bits):
        bits = format(code, f"0{ql.dtype(name).bits}b")
        assert answer("01_decode_integer")(bits) == ql.from_bits([bits], name).item()


@pytest.mark.parametrize("name", FLOATS)
def test_floats_are_read_as_the_library_reads_them(name):
    spec = ql.dtype(name)
    for code in range(2**spec.bits):
        bits = format(code, f"0{spec.bits}b")
        value = ql.from_bits([bits], name)
        if value.isfinite():
            assert answer("01_decode_float")(bits, spec.exponent_bits, spec.bias) == value.item()


@pytest.mark.parametrize("name", FLOATS)
def test_rounding_is_a_cast(name):
    values = [v for v in ql.values(name).tolist() if v >= 0][:40]
    for low, high in itertools.pairwise(values):
        for x in (low, (low + high) / 2, low + (high - low) / 3):
            assert answer("01_nearest_value")(x, values) == ql.cast(torch.tensor(x), name).item()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_counting_sticks_where_torch_sticks(dtype):
    counter = torch.tensor(0.0, dtype=dtype)
    while counter + 1 != counter:
        counter += 1
    assert answer("01_counts_to")(ql.dtype(str(dtype)[6:]).mantissa_bits) == counter


# The same mistakes in another hand.
VARIANTS = {
    "a minus sign in front": (
        "01_decode_integer",
        lambda b: int(b[1:], 2) * (-1) ** int(b[0]),
        "signed_magnitude",
    ),
    "always 1.": (
        "01_decode_float",
        lambda b, e, bias: (
            (-1) ** int(b[0])
            * 2.0 ** (int(b[1 : 1 + e], 2) - bias)
            * sum([1.0, *(int(c) / 2 ** (i + 1) for i, c in enumerate(b[1 + e :]))])
        ),
        "no_subnormals",
    ),
    "2 ** bits": ("01_counts_to", lambda m: 1 << m, "one_over_eps"),
    "floor(x + .5) on the list": (
        "01_nearest_value",
        lambda x, v: next((v[i] for i in range(len(v) - 1) if x < (v[i] + v[i + 1]) / 2), v[-1]),
        "half_up",
    ),
}


@pytest.mark.parametrize("name, wrong, known", VARIANTS.values(), ids=VARIANTS)
def test_a_known_mistake_written_another_way_is_recognized(name, wrong, known):
    assert grade(EXERCISES[name], wrong).diagnosis.name == known
