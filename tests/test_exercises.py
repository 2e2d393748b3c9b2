"""The exercises themselves: each reference, wrong answer and alternative goes through its own check."""

import inspect

import pytest
import torch

import qlab as ql
from qlab.exercises.checking import check
from qlab.exercises.grading import grade, run_case
from qlab.exercises.registry import EXERCISES, LESSONS
from qlab.exercises.spec import Case, Exercise

ALL = list(EXERCISES.values())
WRONG = [(e, wrong) for e in ALL for wrong in e.wrong_answers]
ALTERNATIVES = [(e, other) for e in ALL for other in e.alternatives]


def by_id(value):
    return getattr(value, "id", None) or getattr(value, "name", None) or getattr(value, "__name__", None)


@pytest.fixture(autouse=True)
def data_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("QLAB_DATA_DIR", str(tmp_path / "data"))


@pytest.mark.parametrize("exercise", ALL, ids=by_id)
def test_the_reference_passes(exercise):
    card = check(exercise.id, exercise.reference)
    assert card.passed, card
    assert [row.label for row in card.rows] == (["shown"] if exercise.shown else [])


@pytest.mark.parametrize("exercise, wrong", WRONG, ids=by_id)
def test_a_wrong_answer_is_refused_and_told_by_its_own_name(exercise, wrong):
    verdict = grade(exercise, wrong.function)
    assert verdict.status in ("not yet", "raised")
    assert verdict.diagnosis is wrong, verdict
    shown = " ".join(repr(check(exercise.id, wrong.function)).split())
    assert wrong.diagnosis in shown


@pytest.mark.parametrize("exercise, other", ALTERNATIVES, ids=by_id)
def test_an_alternative_passes(exercise, other):
    assert check(exercise.id, other).passed, check(exercise.id, other)


@pytest.mark.parametrize("exercise", ALL, ids=by_id)
def test_the_stub_compiles_is_not_attempted_and_holds_no_solution(exercise):
    namespace = {}
    exec(compile(exercise.stub, "<cell>", "exec"), namespace)
    assert check(exercise.id, namespace[exercise.name]).status == "not attempted"
    assert "SOLUTION" not in exercise.solution + exercise.stub
    assert exercise.stub.count("...  # your code here") == 1
    body = inspect.getsource(exercise.reference).split("# BEGIN SOLUTION")[1].split("# END SOLUTION")[0]
    assert not any(line.strip() and line.strip() in exercise.stub for line in body.splitlines())
    namespace = dict(exercise.reference.__globals__)
    exec(compile(exercise.solution, "<cell>", "exec"), namespace)
    assert check(exercise.id, namespace[exercise.name]).passed


@pytest.mark.parametrize("exercise", ALL, ids=by_id)
def test_most_exercises_have_prompts_hints_and_mistakes(exercise):
    assert exercise.prompt.endswith(".") and exercise.title and exercise.wrong_answers
    assert len({w.name for w in exercise.wrong_answers}) == len(exercise.wrong_answers)
    assert all(w.function.__name__ == w.name and w.diagnosis.endswith(".") for w in exercise.wrong_answers)


def test_each_lesson_holds_its_own_exercises():
    for number, lesson in LESSONS.items():
        assert [e.lesson for e in lesson.EXERCISES] == [number] * len(lesson.EXERCISES)
    assert 3 <= len(LESSONS["03"].EXERCISES) <= 5


def test_a_mistake_with_a_second_smaller_one_is_still_recognized():
    def two_mistakes(x, quant_min, quant_max):  # divides by the number of codes, and by zero where all are zeros
        low, high = min(0.0, x.min().item()), max(0.0, x.max().item())
        scale = (high - low) / (quant_max - quant_min + 1)
        return scale, quant_min - round(low / scale)

    assert grade(EXERCISES["03_scale_and_zero_point"], two_mistakes).diagnosis.name == "codes_counted"


# Each resembles a known mistake on the first wrong call, and on most others, but is not that mistake.
RESEMBLING = {
    "three times too large": ("03_dequantize", lambda q, s, z: (q.float() - z) * s * 3),
    "the middle limit": ("03_saturate_or_round", lambda x, limits, n: sorted(limits)[len(limits) // 2]),
    "the widest but one": (
        "03_saturate_or_round",
        lambda x, limits, n: max(limits) if len(limits) < 6 else limits[-2],
    ),
    "floor on small tensors": (
        "03_quantize",
        lambda x, s, z, low, high: torch.clamp(
            (torch.floor(x / s) if x.numel() < 20 else torch.ceil(x / s)) + z, low, high
        ).to(torch.int8),
    ),
    "2 ** bits - 1 from eight bits on": ("00_bits_to_codes", lambda bits: 2**bits - 1 if bits > 7 else 2**bits),
}


@pytest.mark.parametrize("name, answer", RESEMBLING.values(), ids=RESEMBLING)
def test_an_answer_that_only_resembles_a_known_mistake_gets_no_diagnosis(name, answer):
    verdict = grade(EXERCISES[name], answer)
    assert verdict.status == "not yet" and verdict.diagnosis is None


def fake_quantized(x, limits, quant_max):
    """Clamps, but to the codes of uint8."""

    def error(limit):
        qparams = ql.QParams(scale=limit / quant_max, zero_point=0, dtype="uint8")
        return ql.mse(x, ql.fake_quantize(x, qparams))

    return min(limits, key=error)


def zeros_in_torch(x, quant_min, quant_max):
    low, high = x.min().clamp(max=0), x.max().clamp(min=0)
    scale = (high - low) / (quant_max - quant_min)
    return scale, quant_min - torch.round(low / scale).int()


def published(x, quant_min, quant_max):
    low, high = x.min().item(), x.max().item()
    scale = (high - low) / (quant_max - quant_min)
    return scale, max(quant_min, min(quant_max, round(quant_min - low / scale)))


# The same mistakes in another hand.
VARIANTS = {
    "fake_quantize as uint8": ("03_saturate_or_round", fake_quantized, "clamped_to_255"),
    "0 / 0 cast to int": ("03_scale_and_zero_point", zeros_in_torch, "zero_over_zero"),
    "the published recipe": ("03_scale_and_zero_point", published, "zero_point_clamped_no_guard"),
    "as a list": ("03_scale_and_zero_point", lambda *args: [*published(*args)], "zero_point_clamped_no_guard"),
    "//": ("03_quantize", lambda x, s, z, low, high: (x // s + z).clamp(low, high).to(torch.int8), "floored"),
    "clamp after the cast": (
        "03_quantize",
        lambda x, s, z, low, high: x.div(s).round().clamp(low, high).to(torch.int8) + z,
        "clamped_before_zero_point",
    ),
}


@pytest.mark.parametrize("name, answer, known", VARIANTS.values(), ids=VARIANTS)
def test_a_known_mistake_written_another_way_is_recognized(name, answer, known):
    assert grade(EXERCISES[name], answer).diagnosis.name == known


OTHER_VALUES = {
    "two rows": (torch.tensor([[10.5, 11.0], [12.0, 14.0]]), "shape (4,), got shape (2, 2)"),
    "three values": (torch.tensor([10.5, 11.0, 14.0]), "shape (4,), got shape (3,)"),
    "integers": (torch.tensor([100, 101, 102, 103]), "got torch.int64: write 100.0 for 100"),
    "a list": ([10.5, 11.0, 12.0, 14.0], "got a list: write torch.tensor([...])"),
    "an array": (torch.tensor([10.5, 11.0, 12.0, 14.0]).numpy(), "torch.from_numpy"),
}


@pytest.mark.parametrize("value, told", OTHER_VALUES.values(), ids=OTHER_VALUES)
def test_a_tensor_of_another_form_is_told_what_is_wrong_with_it(value, told):
    assert told in grade(EXERCISES["03_leave_out_zero"], lambda: value).why


def test_a_right_tensor_is_shown_as_it_comes_back():
    (row,) = check("03_leave_out_zero", torch.tensor([20.0, 21.0, 22.0, 24.0])).rows
    assert row.text == "torch.tensor([20.0, 21.0, 22.0, 24.0]) comes back as torch.tensor([4.0, 4.0, 4.0, 4.0])"


def test_the_references_and_the_library_agree():
    formats = {(-128, 127): "int8", (0, 255): "uint8", (-8, 7): "int4", (0, 15): "uint4"}
    for case in EXERCISES["03_scale_and_zero_point"].cases:
        x, *limits = case.args
        qparams = ql.choose_qparams(x, formats[tuple(limits)], scheme="affine")
        assert EXERCISES["03_scale_and_zero_point"].mismatch(case, (qparams.scale, qparams.zero_point)) is None
    for case in EXERCISES["03_quantize"].cases:
        x, scale, zero_point, *limits = case.args
        codes = ql.quantize(x, ql.QParams(scale=scale, zero_point=zero_point, dtype=formats[tuple(limits)])).data
        assert EXERCISES["03_quantize"].mismatch(case, codes) is None
    for case in EXERCISES["03_dequantize"].cases:
        codes, scale, zero_point = case.args
        name = "int8" if codes.dtype == torch.int8 else "uint8"
        values = ql.QTensor(codes, ql.QParams(scale=scale, zero_point=zero_point, dtype=name)).dequantize()
        assert EXERCISES["03_dequantize"].mismatch(case, values) is None


# Cases must not sit where two correct answers may round apart: the comparators are exact there.


@pytest.mark.parametrize("case", EXERCISES["03_scale_and_zero_point"].cases, ids=lambda case: case.note)
def test_no_zero_point_is_near_a_tie(case):
    x, quant_min, quant_max = case.args
    low, high = min(0.0, x.min().item()), max(0.0, x.max().item())
    if low < high:
        steps = low / ((high - low) / (quant_max - quant_min))
        assert abs(abs(steps - int(steps)) - 0.5) > 1e-2


@pytest.mark.parametrize("case", EXERCISES["03_quantize"].cases, ids=lambda case: case.note)
def test_ties_to_quantize_are_exact_or_far(case):
    x, scale = case.args[:2]
    steps = x.double() / scale
    from_tie = (steps - steps.floor() - 0.5).abs()
    assert ((from_tie > 1e-4) | (from_tie == 0)).all()
    assert scale in (0.5, 1.0) or (from_tie > 0).all()


@pytest.mark.parametrize("case", EXERCISES["03_saturate_or_round"].cases, ids=lambda case: case.note)
def test_the_best_limit_is_clearly_best(case):
    x, limits, quant_max = case.args
    x, errors = x.double(), []
    for limit in limits:
        scale = limit / quant_max
        errors.append(((torch.clamp(torch.round(x / scale), 0, quant_max) * scale - x) ** 2).mean().item())
    best, second = sorted(errors)[:2]
    assert second > 1.05 * best
    assert limits[errors.index(best)] == EXERCISES["03_saturate_or_round"].reference(*case.args)


def test_no_float_tolerance_reaches_a_quantization_step():
    exercise = EXERCISES["03_dequantize"]
    for case in exercise.cases:
        right = exercise.reference(*case.args)
        if right.numel():
            assert exercise.mismatch(case, right + 0.01 * case.args[1]) is not None
            assert exercise.mismatch(case, right.clone()) is None


def test_the_cases_hold_the_edges():
    notes = " ".join(case.note for case in EXERCISES["03_quantize"].cases)
    for edge in (
        "half-way",
        "constant",
        "all zeros",
        "all positive",
        "all negative",
        "one element",
        "huge",
        "tiny",
    ):
        assert edge in notes


def test_a_spec_that_cannot_work_is_refused():
    good = EXERCISES["00_bits_to_codes"]
    fields = {"title": "t", "points": 1, "prompt": "p.", "reference": good.reference, "cases": (Case((1,)),)}
    with pytest.raises(ValueError, match="two digits and a slug"):
        Exercise(id="quantize", hints=("a", "b", "c"), compare=good.compare, **fields)
    with pytest.raises(ValueError, match="either compare or verify"):
        Exercise(id="00_x", hints=("a", "b", "c"), **fields)
    with pytest.raises(ValueError, match="3 hints"):
        Exercise(id="00_x", hints=("a",), compare=good.compare, **fields)


def test_cases_are_not_changed_by_answers_that_write_into_them():
    case = EXERCISES["03_quantize"].cases[0]
    before = case.args[0].clone()
    assert run_case(lambda x, *rest: x.zero_(), case).changed_input
    assert torch.equal(case.args[0], before)
