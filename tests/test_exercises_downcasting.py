"""Lesson 02's exercises: the references against torch, and the mistakes in other hands than those on record."""

import pytest
import torch

import qlab as ql
from qlab.exercises.grading import grade
from qlab.exercises.lesson02 import EXERCISES

BY_ID = {exercise.id: exercise for exercise in EXERCISES}


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.id)
def test_references_alternatives_and_mistakes_are_judged_right(exercise):
    for right in (exercise.reference, *exercise.alternatives):
        verdict = grade(exercise, right)
        assert verdict.status == "pass" and not verdict.changed_input, verdict
    for wrong in exercise.wrong_answers:
        verdict = grade(exercise, wrong.function)
        assert verdict.status != "pass" and verdict.diagnosis is wrong, verdict


def uint16_halves(x):
    lower = x.view(torch.int32) & 0xFFFF
    upper = x.view(torch.int32) - lower
    return torch.where(lower >= 0x8000, upper + 0x10000, upper).view(torch.float32)


def integer_part_kept(x):
    return ((x.view(torch.int32) >> 16) << 16).view(torch.float32)


def norm_in_half(x):
    return torch.linalg.vector_norm(x) / x.numel() ** 0.5


# The same mistakes in another hand.
VARIANTS = {
    "nbytes of parameters": ("02_footprint", lambda m: sum(p.nbytes for p in m.parameters()), "parameters_only"),
    "bits for bytes of float32": (
        "02_footprint",
        lambda m: sum(t.numel() for t in [*m.parameters(), *m.buffers()]) * 32 // 8,
        "four_bytes_each",
    ),
    "shifted down and up": ("02_nearest_bfloat16", integer_part_kept, "truncated"),
    "halves compared": ("02_nearest_bfloat16", uint16_halves, "half_up"),
    "power of a half": ("02_root_mean_square", lambda x: (x**2).mean() ** 0.5, "all_in_half"),
    "float after the product": (
        "02_root_mean_square",
        lambda x: ((x * x).float().sum() / x.numel()).sqrt().half(),
        "widened_after_squaring",
    ),
    "half of the largest": (
        "02_root_mean_square",
        lambda x: (x / x.abs().max()).float().norm().half() * x.abs().max() / x.numel() ** 0.5,
        "scaled_by_the_largest",
    ),
    "root of a half": (
        "02_root_mean_square",
        lambda x: (x.double() ** 2).mean().half() ** 0.5,
        "narrowed_before_the_root",
    ),
    "trained and other": (
        "02_footprint",
        lambda m: sum(t.nbytes for t in [*filter(lambda p: p.requires_grad, m.parameters()), *m.buffers()]),
        "trainable_only",
    ),
}


@pytest.mark.parametrize("name, answer, known", VARIANTS.values(), ids=VARIANTS)
def test_a_known_mistake_written_another_way_is_recognized(name, answer, known):
    assert grade(BY_ID[name], answer).diagnosis.name == known


# Each resembles a known mistake on some calls, but is not that mistake.
RESEMBLING = {
    "buffers only": ("02_footprint", lambda m: sum(b.nbytes for b in m.buffers())),
    "away from 0 below 1": (
        "02_nearest_bfloat16",
        lambda x: torch.nextafter(x.bfloat16(), x.bfloat16() * 2).float(),
    ),
    "largest magnitude": ("02_root_mean_square", lambda x: x.abs().max()),
}


@pytest.mark.parametrize("name, answer", RESEMBLING.values(), ids=RESEMBLING)
def test_an_answer_that_only_resembles_a_known_mistake_gets_no_diagnosis(name, answer):
    verdict = grade(BY_ID[name], answer)
    assert verdict.status == "not yet" and verdict.diagnosis is None


def test_footprints_agree_with_the_library():
    for case in BY_ID["02_footprint"].cases:
        (model,) = case.fresh_args()
        assert BY_ID["02_footprint"].reference(model) == ql.memory_footprint(model)


def test_a_model_that_an_answer_changes_is_noticed():
    def halved(model):
        return sum(t.nbytes for t in model.half().parameters())

    assert grade(BY_ID["02_footprint"], halved).changed_input
    (case, *_) = BY_ID["02_footprint"].cases
    assert next(case.args[0].parameters()).dtype == torch.float32


def test_importing_the_exercises_draws_no_random_numbers():
    from qlab.exercises.lesson02 import footprints

    torch.manual_seed(5)
    footprints._cases()
    after = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(after, torch.rand(1))


def test_rounding_on_the_bits_equals_torch_on_every_upper_half():
    reference = BY_ID["02_nearest_bfloat16"].reference
    upper = torch.arange(2**16, dtype=torch.int64)
    for lower in (0x0000, 0x0001, 0x7FFF, 0x8000, 0x8001, 0xFFFF):
        codes = (upper << 16) + lower
        x = (codes - (codes >> 31 << 32)).to(torch.int32).view(torch.float32)
        x = x[~x.isnan()]
        assert torch.equal(reference(x), x.to(torch.bfloat16).float())


def test_no_tolerance_lets_another_float16_step_through():
    exercise = BY_ID["02_root_mean_square"]
    for case in exercise.cases:
        right = exercise.reference(*case.fresh_args())
        if right.item():
            assert exercise.mismatch(case, (right.double() * (1 + 4e-3)).half()) is not None


def test_another_form_is_told_what_is_wrong_with_it():
    assert "all different" in grade(BY_ID["02_collapse"], lambda: torch.ones(4)).why
    assert "shape (4,)" in grade(BY_ID["02_collapse"], lambda: torch.ones(3)).why
