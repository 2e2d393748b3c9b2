"""Lesson 06's exercises: mistakes in other hands, and cases that leave no doubt about who is right."""

import pytest
import torch

import qlab as ql
from qlab.exercises import lesson06
from qlab.exercises.grading import grade

EXERCISES = {exercise.id: exercise for exercise in lesson06.EXERCISES}
PRODUCT, LENGTH, BIAS, RELU = EXERCISES.values()


def by_note(case):
    return case.note


def summed_in_a_loop(x, w, x_zero, w_zero):
    total = torch.zeros(x.shape[0], w.shape[1])
    for k in range(x.shape[1]):
        total += (x[:, k : k + 1].float() - x_zero) * (w[k : k + 1].float() - w_zero)
    return total.int()


def shifted_as_a_float(acc, multiplier, shift, zero_point):
    return (torch.trunc(acc.double() * multiplier / 2**shift) + zero_point).clamp(zero_point, 127).to(torch.int8)


# The same mistakes as people write them.
VARIANTS = {
    "int8 @ int8": (PRODUCT, lambda x, w, a, b: ((x - a) @ (w - b)).int(), "all_in_8_bits"),
    "a float32 loop": (PRODUCT, summed_in_a_loop, "summed_in_float32"),
    "int() after the difference": (PRODUCT, lambda x, w, a, b: (x - a).int() @ (w - b).int(), "subtracted_in_8"),
    "codes only": (PRODUCT, lambda x, w, a, b: (x.long() @ w.long()).int(), "zero_points_ignored"),
    "finfo.max": (
        LENGTH,
        lambda a, b, t: int((torch.finfo(t) if t.is_floating_point else torch.iinfo(t)).max / (a * b)),
        "largest_float",
    ),
    "2 ** bits": (
        LENGTH,
        lambda a, b, t: (
            (2 / torch.finfo(t).eps if t.is_floating_point else 2 ** torch.iinfo(t).bits - 1) // (a * b)
        ),
        "sign_ignored",
    ),
    "max / 127": (BIAS, lambda b, x, w: (b / (b.abs().max() / 127)).round().int(), "scale_of_its_own"),
    "no parentheses": (BIAS, lambda b, x, w: torch.round(b / x * w).int(), "multiplied_by_last"),
    "int32 alone": (BIAS, lambda b, x, w: (b / (x * w)).int(), "not_rounded"),
    "trunc": (RELU, shifted_as_a_float, "not_rounded"),
    "torch.round of an int32 product": (
        RELU,
        lambda a, m, s, z: (torch.round(a * m / 2**s) + z).clamp(z, 127).to(torch.int8),
        "product_in_32_bits",
    ),
    "max(codes, 0)": (
        RELU,
        lambda a, m, s, z: (((a.long() * m + (1 << (s - 1))) >> s) + z).clamp(min=0).clamp(max=127).to(torch.int8),
        "cut_off_at_code_0",
    ),
}


@pytest.mark.parametrize("exercise, answer, known", VARIANTS.values(), ids=VARIANTS)
def test_a_known_mistake_written_another_way_is_recognized(exercise, answer, known):
    diagnosis = grade(exercise, answer).diagnosis
    assert diagnosis and diagnosis.name.startswith(known)


def test_int64_is_told_by_its_dtype():
    verdict = grade(PRODUCT, lambda x, w, a, b: (x.long() - a) @ (w.long() - b))
    assert verdict.why == "Expected dtype torch.int32, got torch.int64."


@pytest.mark.parametrize("exercise", EXERCISES.values(), ids=lambda e: e.id)
def test_every_mistake_is_refused_by_its_own_name_and_every_other_answer_passes(exercise):
    for wrong in exercise.wrong_answers:
        verdict = grade(exercise, wrong.function)
        assert verdict.status in ("not yet", "raised") and verdict.diagnosis is wrong, wrong.name
    for right in (exercise.reference, *exercise.alternatives):
        assert grade(exercise, right).status == "pass", right.__name__


@pytest.mark.parametrize("case", PRODUCT.cases, ids=by_note)
def test_products_are_those_of_the_library(case):
    x, w, x_zero, w_zero = case.fresh_args()
    names = {torch.int8: "int8", torch.uint8: "uint8"}
    a, b = (ql.QTensor(t, ql.QParams(1.0, z, names[t.dtype])) for t, z in ((x, x_zero), (w, w_zero)))
    assert torch.equal(ql.int_matmul(a, b), PRODUCT.reference(x, w, x_zero, w_zero))


@pytest.mark.parametrize("case", LENGTH.cases, ids=by_note)
def test_the_longest_sum_is_exact_and_one_more_product_is_not(case):
    x_largest, w_largest, dtype = case.args
    longest, product = LENGTH.reference(*case.args), x_largest * w_largest
    limit = 2 / torch.finfo(dtype).eps if dtype.is_floating_point else torch.iinfo(dtype).max
    assert longest * product <= limit < (longest + 1) * product

    def held(number):
        return torch.tensor(number).to(dtype).item() == number

    assert held(limit) and not held(int(limit) + 1)


@pytest.mark.parametrize("case", BIAS.cases, ids=by_note)
def test_no_bias_lies_near_a_tie(case):
    bias, x_scale, w_scale = case.args
    steps = bias.double() / (x_scale * w_scale.double())
    assert ((steps - steps.floor() - 0.5).abs() > 0.01).all()


@pytest.mark.parametrize("case", RELU.cases, ids=by_note)
def test_no_accumulator_lies_near_a_tie_and_codes_are_those_of_the_library(case):
    acc, multiplier, shift, zero_point = case.fresh_args()
    steps = acc.double() * multiplier / 2.0**shift
    assert ((steps - steps.floor() - 0.5).abs() > 1e-6).all()
    codes = ql.requantize(acc, multiplier / 2.0**shift, ql.QParams(1.0, zero_point, "int8")).data
    assert torch.equal(codes.clamp(min=zero_point), RELU.reference(acc, multiplier, shift, zero_point))
