"""Lesson 10's exercises: mistakes in other hands, and cases that leave no doubt about who is right."""

import math

import pytest
import torch

import qlab as ql
from qlab.exercises.grading import grade, run_case
from qlab.exercises.lesson10.ratios import NEAR
from qlab.exercises.registry import EXERCISES


def swapped_with_tensors(reference, actual):
    noise = (reference.double() - actual.double()).pow(2).mean()
    return (10 * torch.log10(noise / reference.double().pow(2).mean())).item()


def rms_with_ten_logs(reference, actual):
    rms = (reference.double() - actual.double()).pow(2).mean().sqrt()
    return (10 * torch.log10(reference.double().pow(2).mean().sqrt() / rms)).item()


def powers_with_twenty_logs(reference, actual):
    noise = (reference.double() - actual.double()).pow(2).mean().item()
    return 20 * math.log10(reference.double().pow(2).mean().item() / noise) if noise else math.inf


def scores_of_layers(x, x_quantized, weight, quantized):
    linear = torch.nn.functional.linear
    real, mine = linear(x, weight), linear(x_quantized, quantized)
    return ql.sqnr(real, mine), ql.sqnr(real, mine)


def shadow(x, x_quantized, weight, quantized):
    linear = torch.nn.functional.linear
    mine = linear(x_quantized, quantized)
    return ql.sqnr(linear(x, weight), mine), ql.sqnr(linear(x_quantized, weight), mine)


def unfolded(weight, gamma, var, eps, quantized):
    return 10 * math.log10(weight.pow(2).sum() / (weight - quantized).pow(2).sum())


def largest_first(names, ratios, extra, budget):
    chosen = []
    for ratio, name, nbytes in sorted(zip(ratios, names, extra, strict=True), reverse=True):
        if nbytes <= budget and ratio is not None:
            chosen.append(name)
            budget -= nbytes
    return chosen


def best_per_byte(names, ratios, extra, budget):
    chosen = []
    for i in sorted(range(len(names)), key=lambda i: ratios[i] / extra[i]):
        if extra[i] <= budget:
            chosen.append(names[i])
            budget -= extra[i]
    return chosen


def overdrawn(names, ratios, extra, budget):
    chosen = []
    for _, name, nbytes in sorted(zip(ratios, names, extra, strict=True)):
        chosen += [name] if nbytes <= budget else []
        budget -= nbytes
    return chosen


def linear_without_transposing(x, x_quantized, weight, quantized):
    return ql.sqnr(x @ weight, x_quantized @ quantized), ql.sqnr(x @ weight, x @ quantized)


# The same mistakes as people write them; None: refused without a diagnosis.
VARIANTS = {
    swapped_with_tensors: ("10_decibels", "upside_down"),
    rms_with_ten_logs: ("10_decibels", "ten_logs_of_norms"),
    powers_with_twenty_logs: ("10_decibels", "twenty_logs_of_powers"),
    scores_of_layers: ("10_two_errors", "own_is_accumulated"),
    shadow: ("10_two_errors", "on_the_quantized_input"),
    unfolded: ("10_folded_sqnr", "not_folded"),
    largest_first: ("10_leave_in_float", "highest_first"),
    overdrawn: ("10_leave_in_float", "stops_at_the_first"),
    linear_without_transposing: ("10_two_errors", "not_transposed"),
    best_per_byte: ("10_leave_in_float", None),
}


@pytest.mark.parametrize("answer", VARIANTS, ids=lambda answer: answer.__name__)
def test_a_mistake_is_known_however_it_is_written(answer):
    name, mistake = VARIANTS[answer]
    verdict = grade(EXERCISES[name], answer)
    assert verdict.status in ("not yet", "raised")
    assert (verdict.diagnosis and verdict.diagnosis.name) == mistake, verdict


@pytest.mark.parametrize("case", EXERCISES["10_decibels"].cases, ids=lambda case: case.note)
def test_the_reference_is_the_librarys_sqnr(case):
    exercise = EXERCISES["10_decibels"]
    assert run_case(exercise.reference, case).value == pytest.approx(ql.sqnr(*case.args))


NAMES = "10_decibels", "10_folded_sqnr", "10_two_errors"
NUMBERS = [(name, wrong) for name in NAMES for wrong in EXERCISES[name].wrong_answers]


@pytest.mark.parametrize(("name", "wrong"), NUMBERS, ids=lambda value: getattr(value, "name", value))
def test_a_mistake_is_somewhere_far_beyond_the_tolerance(name, wrong):
    def far(case):
        out = run_case(wrong.function, case)
        wanted = torch.tensor(EXERCISES[name].reference(*case.args), dtype=torch.float64)
        return out.raised or not (wanted - torch.tensor(out.value)).abs().max() <= 100 * NEAR

    assert any(far(case) for case in EXERCISES[name].cases)


def test_a_little_noise_is_not_taken_for_none():
    def with_epsilon(reference, actual):
        noise = (reference.double() - actual.double()).pow(2).mean() + 1e-12
        return (10 * torch.log10(reference.double().pow(2).mean() / noise)).item()

    verdict = grade(EXERCISES["10_decibels"], with_epsilon)
    assert verdict.case.note == "equal" and "both are equal, there is no noise, got 1" in verdict.why


def test_half_a_thousandth_of_a_decibel_passes():
    exercise = EXERCISES["10_decibels"]
    assert grade(exercise, lambda a, b: ql.sqnr(a, b) + 0.0005).status == "pass"
    assert grade(exercise, lambda a, b: ql.sqnr(a, b) + 0.002).status == "not yet"


@pytest.mark.parametrize("answer", [3, (1.0,), "5", None, [1, 2, 3]], ids=repr)
def test_answers_of_another_form_are_told_so(answer):
    exercise = EXERCISES["10_two_errors"]
    verdict = grade(exercise, lambda *args: answer)
    assert verdict.status == "not yet" and ("two numbers" in verdict.why or "Nothing came back" in verdict.why)


def test_what_the_layers_of_the_exercise_need_is_what_they_need():
    """The case with the digits CNN has its own SQNRs in 2 bits, and the bytes that float costs."""
    from qlab.zoo import digits, load

    images, names = digits("train")[0][:128], ["conv1", "conv2", "fc1", "fc2"]
    case = next(c for c in EXERCISES["10_leave_in_float"].cases if c.args[0] == names)

    def footprint(exclude):
        prepared = ql.prepare(load("digits_cnn"), weight="int2", exclude=exclude)
        return ql.memory_footprint(ql.convert(ql.calibrate(prepared, images)))

    prepared = ql.calibrate(ql.prepare(load("digits_cnn"), weight="int2"), images)
    own = [x.own for x in ql.compare_layers(prepared, ql.convert(prepared), images).layers]
    assert case.args[1] == pytest.approx(own, abs=0.1)
    assert case.args[2] == [footprint([name]) - footprint([]) for name in names]
