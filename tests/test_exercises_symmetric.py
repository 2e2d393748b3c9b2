"""Lesson 04's exercises: mistakes in other hands, and cases that leave no doubt about who is right."""

import pytest
import torch

import qlab as ql
from qlab.exercises import lesson04
from qlab.exercises.grading import grade
from qlab.exercises.lesson04.schemes import measured
from qlab.exercises.registry import EXERCISES


def with_epsilon(x, bits):
    scale = (x.abs().max() + 1e-12) / (2 ** (bits - 1) - 1)
    return torch.round(x / scale).to(torch.int8), scale


# The same mistakes as people write them.
VARIANTS = {
    "an epsilon of 1e-12": ("04_symmetric_quantize", with_epsilon, "epsilon"),
    "max without abs": (
        "04_symmetric_quantize",
        lambda x, b: (
            x.div(x.max() / (2 ** (b - 1) - 1) or 1).round().to(torch.int8),
            x.max() / (2 ** (b - 1) - 1) or 1,
        ),
        "signed_maximum",
    ),
    "clamped to codes that have a negative": (
        "04_symmetric_quantize",
        lambda x, b: (
            (x / ((x.max() / (2 ** (b - 1) - 1)) or 1))
            .round()
            .clamp(1 - 2 ** (b - 1), 2 ** (b - 1) - 1)
            .to(torch.int8),
            x.max() / (2 ** (b - 1) - 1) or 1,
        ),
        "signed_maximum_clamped_evenly",
    ),
    "a signed scale": ("04_relu_codes", lambda x, b: lesson04.SYMMETRIC_QUANTIZE.reference(x, b), "signed_int8"),
}


@pytest.mark.parametrize("name, answer, known", VARIANTS.values(), ids=VARIANTS)
def test_a_known_mistake_written_another_way_is_recognized(name, answer, known):
    assert grade(EXERCISES[name], answer).diagnosis.name == known


# Each resembles a known mistake, but is not that mistake.
RESEMBLING = {
    "half of the codes": (
        "04_symmetric_quantize",
        lambda x, b: (torch.round(x / 8).to(torch.int8), x.abs().max().item() / (2 ** (b - 2) + 1) or 1.0),
    ),
    "always affine in 8 bits": ("04_cheapest_scheme", lambda x, bound: ("affine", 8)),
}


@pytest.mark.parametrize("name, answer", RESEMBLING.values(), ids=RESEMBLING)
def test_an_answer_that_only_resembles_a_known_mistake_gets_no_diagnosis(name, answer):
    verdict = grade(EXERCISES[name], answer)
    assert verdict.status == "not yet" and verdict.diagnosis is None


def by_note(case):
    return case.note


@pytest.mark.parametrize("case", EXERCISES["04_symmetric_quantize"].cases, ids=by_note)
def test_the_library_gives_the_same_symmetric_codes(case):
    x, bits = case.args
    qt = ql.quantize(x, ql.choose_qparams(x, f"int{bits}", "symmetric"))
    assert EXERCISES["04_symmetric_quantize"].mismatch(case, (qt.data, qt.qparams.scale)) is None


@pytest.mark.parametrize("case", EXERCISES["04_relu_codes"].cases, ids=by_note)
def test_the_library_gives_the_same_unsigned_codes(case):
    x, bits = case.args
    qt = ql.quantize(x, ql.choose_qparams(x, f"uint{bits}", "symmetric"))
    assert EXERCISES["04_relu_codes"].mismatch(case, (qt.data, qt.qparams.scale)) is None


@pytest.mark.parametrize("name", ["04_symmetric_quantize", "04_relu_codes"])
def test_ties_to_quantize_are_exact_or_far(name):
    for case in EXERCISES[name].cases:
        x, (_, scale) = case.args[0].double(), EXERCISES[name].reference(*case.args)
        from_tie = (x / scale - (x / scale).floor() - 0.5).abs()
        assert ((from_tie > 1e-4) | (from_tie == 0)).all(), case.note


@pytest.mark.parametrize("case", EXERCISES["04_cheapest_scheme"].cases, ids=by_note)
def test_the_cheapest_scheme_is_clear(case):
    x, bound = case.args
    found = measured(x)
    assert all(abs(ratio - bound) > 0.1 for _, ratio in found.values())
    totals = sorted(total for total, ratio in found.values() if ratio >= bound)
    assert totals[1] > totals[0]


def test_the_32_bits_of_a_zero_point_decide():
    exercise = EXERCISES["04_cheapest_scheme"]
    answers = {case.note.split(":")[0]: exercise.reference(*case.args) for case in exercise.cases}
    assert answers["24 positive values"] == ("symmetric", 5)
    assert answers["40 positive values"] == ("affine", 4)


@pytest.mark.parametrize("name", ["04_symmetric_quantize", "04_relu_codes"])
def test_a_scale_for_each_row_is_told_to_be_one_for_all(name):
    def a_row_each(x, bits):
        codes, scale = EXERCISES[name].reference(x, bits)
        return codes, torch.full((len(x), 1), scale)

    assert "The whole tensor has one scale here; these are " in grade(EXERCISES[name], a_row_each).why
