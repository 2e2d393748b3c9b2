"""Lesson 05's exercises: mistakes in other hands, and cases that leave no doubt about who is right."""

import math

import pytest
import torch

import qlab as ql
from qlab.exercises.checking import check
from qlab.exercises.grading import grade
from qlab.exercises.lesson05.axes import turned_to_zero
from qlab.exercises.registry import EXERCISES


@pytest.fixture(autouse=True)
def data_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("QLAB_DATA_DIR", str(tmp_path / "data"))


def by_note(case):
    return case.note


def unguarded(rows, quant_max):
    scale = rows.abs().amax(dim=1, keepdim=True) / quant_max
    return torch.round(rows / scale) * scale


def in_float64(rows, quant_max):
    scale = rows.double().abs().amax(dim=1, keepdim=True) / quant_max
    return (torch.round(rows / torch.where(scale == 0, 1, scale)) * scale).float()


def tail_left_alone(weight, group_size, quant_max):
    result = weight.clone()
    for i in range(weight.shape[1] // group_size):
        columns = slice(i * group_size, (i + 1) * group_size)
        result[:, columns] = in_float64(weight[:, columns], quant_max)
    return result


def unfolded(weight, group_size, quant_max):
    groups = weight.unfold(1, group_size, group_size)
    return in_float64(groups.reshape(-1, group_size), quant_max).reshape(len(weight), -1)


def cast(rows, quant_max):
    scale = rows.abs().amax(dim=1, keepdim=True) / quant_max
    return (rows / scale).to(torch.int8) * scale


def first_found(weight, choices, max_mse):
    for bits, group_size in choices:
        groups = weight.reshape(-1, group_size)
        if (in_float64(groups, 2 ** (bits - 1) - 1) - groups).square().mean() <= max_mse:
            return bits, group_size


# The same mistakes as people write them, often with a second one beside.
VARIANTS = {
    "dim=axis": ("05_channel_scales", lambda x, axis, n: x.abs().amax(dim=axis) / n, "axis_reduced"),
    "max(dim=axis)": ("05_channel_scales", lambda x, axis, n: x.abs().max(axis)[0] / n, "axis_reduced"),
    "an epsilon of 1e-12": (
        "05_channel_scales",
        lambda x, axis, n: (
            x.abs().amax(dim=[i for i in range(x.dim()) if i != axis], keepdim=True).clamp(min=1e-12) / n
        ),
        "epsilon",
    ),
    "1 - axis": ("05_channel_scales", lambda x, axis, n: x.abs().amax(1 - axis, keepdim=True) / n, "matrices_only"),
    "the range, halved": (
        "05_channel_scales",
        lambda x, axis, n: (
            (x.movedim(axis, 0).flatten(1).amax(1) - x.movedim(axis, 0).flatten(1).amin(1)).reshape(
                [-1 if i == axis else 1 for i in range(x.dim())]
            )
            / (2 * n)
        ),
        "range_halved",
    ),
    "cast without rounding": (
        "05_through_groups",
        lambda w, size, n: torch.cat([cast(part, n) for part in w.split(size, dim=1)], dim=1),
        "truncated",
    ),
    "scales of a row": ("05_bits_per_weight", lambda r, c, b, g, s, z: b + math.ceil(c / g) * (s + z), "row_added"),
    "the first, found in a loop": ("05_cheapest", first_found, "first_that_fits"),
    "the published reshape": (
        "05_through_groups",
        lambda w, size, n: unguarded(w.view(-1, size), n).view(w.shape),
        "reshaped_only",
    ),
    "unfold": ("05_through_groups", unfolded, "unfolded"),
    "scale / group_size": ("05_bits_per_weight", lambda r, c, b, g, s, z: b + s / g, "not_rounded"),
    "columns // group_size": ("05_bits_per_weight", lambda r, c, b, g, s, z: b + c // g * s / c, "rounded_down"),
}


@pytest.mark.parametrize("name, answer, known", VARIANTS.values(), ids=VARIANTS)
def test_a_known_mistake_written_another_way_is_recognized(name, answer, known):
    assert grade(EXERCISES[name], answer).diagnosis.name.startswith(known)


def test_a_last_group_that_is_left_alone_is_named():
    assert "The last group of a row, shorter" in grade(EXERCISES["05_through_groups"], tail_left_alone).why


# Each resembles a known mistake, but is not that mistake.
RESEMBLING = {
    "the mean magnitude": (
        "05_channel_scales",
        lambda x, axis, n: x.abs().mean(dim=[i for i in range(x.dim()) if i != axis], keepdim=True) / n,
    ),
    "weight itself": ("05_through_groups", lambda w, size, n: w.clone()),
    "one bit more": ("05_bits_per_weight", lambda r, c, b, g, s, z: b + 1),
    "the last choice": ("05_cheapest", lambda w, choices, bound: choices[-1]),
}


@pytest.mark.parametrize("name, answer", RESEMBLING.values(), ids=RESEMBLING)
def test_an_answer_that_only_resembles_a_known_mistake_gets_no_diagnosis(name, answer):
    verdict = grade(EXERCISES[name], answer)
    assert verdict.status == "not yet" and verdict.diagnosis is None


@pytest.mark.parametrize("case", EXERCISES["05_channel_scales"].cases, ids=by_note)
def test_the_library_gives_the_same_scales(case):
    x, axis, quant_max = case.args
    name = {7: "int4", 127: "int8"}[quant_max]
    qparams = ql.choose_qparams(x, name, "symmetric", ql.PerAxis(axis))
    assert EXERCISES["05_channel_scales"].mismatch(case, qparams.scale) is None


@pytest.mark.parametrize("case", EXERCISES["05_through_groups"].cases, ids=by_note)
def test_no_weight_is_near_a_tie(case):
    weight, group_size, quant_max = case.args
    for group in weight.double().split(group_size, dim=1):
        steps = group / (group.abs().amax(dim=1, keepdim=True) / quant_max)
        steps = steps[steps.isfinite()]
        assert ((steps - steps.floor() - 0.5).abs() > 1e-4).all()


def test_the_tolerance_of_the_round_trip_reaches_no_other_code():
    exercise = EXERCISES["05_through_groups"]
    for case in exercise.cases:
        right = exercise.reference(*case.args)
        if right.any():
            assert exercise.mismatch(case, right * (1 + 1e-3)) is not None
        assert exercise.mismatch(case, right.clone()) is None


@pytest.mark.parametrize("case", EXERCISES["05_bits_per_weight"].cases, ids=by_note)
def test_the_library_counts_the_same_bits(case):
    rows, columns, bits, group_size, scale_bits, zero_point_bits = case.args
    if rows * columns > 1 << 20:
        rows = 2  # the rows do not matter
    if rows * columns * bits % 8 or zero_point_bits:
        return  # the library rounds codes up to whole bytes, and keeps zero points in 32 bits
    kept = {16: torch.float16, 32: torch.float32}[scale_bits]
    x = torch.ones(rows, columns)
    qt = ql.quantize(x, ql.choose_qparams(x, f"int{bits}", "symmetric", ql.PerGroup(group_size), kept))
    assert EXERCISES["05_bits_per_weight"].mismatch(case, ql.bits_per_weight(qt)) is None


@pytest.mark.parametrize("case", EXERCISES["05_cheapest"].cases, ids=by_note)
def test_the_cheapest_is_clear(case):
    weight, choices, max_mse = case.args
    costs = [bits + 16 / group_size for bits, group_size in choices]
    good = []
    for (bits, group_size), cost in zip(choices, costs, strict=True):
        assert weight.shape[1] % group_size == 0
        qparams = ql.choose_qparams(weight, f"int{bits}", "symmetric", ql.PerGroup(group_size))
        error = ql.mse(weight, ql.fake_quantize(weight, qparams))
        assert error == max_mse or abs(error / max_mse - 1) > 0.03
        good += [cost] if error <= max_mse else []
    assert good.count(min(good)) == 1


OTHER_VALUES = {
    "another shape": (torch.ones(4, 3), "shape (4, 4)"),
    "a list": ([[1.0] * 4] * 4, "a float32 tensor of shape (4, 4)"),
    "a zero": (torch.zeros(4, 4), "none of them 0"),
    "infinite": (torch.full((4, 4), torch.inf), "must be finite"),
    "an outlier": (
        torch.ones(16).index_fill(0, torch.tensor(6), 99.0).reshape(4, 4),
        "Here 3 turn",
    ),
}


@pytest.mark.parametrize("value, told", OTHER_VALUES.values(), ids=OTHER_VALUES)
def test_a_tensor_that_is_not_asked_for_is_told_why(value, told):
    assert told in grade(EXERCISES["05_rows_or_columns"], value).why


def test_a_right_tensor_is_shown_with_its_counts():
    (row,) = check("05_rows_or_columns", torch.tensor([[1.0], [2.0], [-3.0], [900.0]]).expand(4, 4)).rows
    assert row.text.startswith("Here 0 turn to 0 with a scale a row, and 12 with a scale a column. One outlier is")


def test_one_outlier_turns_at_most_its_column_to_zero():
    for magnitude in (2.0, 14.0, 1e6):
        for place in range(16):
            x = torch.ones(16).index_fill(0, torch.tensor(place), magnitude).reshape(4, 4)
            assert turned_to_zero(x, axis=1) == (3 if magnitude >= 14 else 0)


def test_a_fourteenth_of_the_largest_turns_to_zero():
    x = torch.ones(4, 4)
    x[1] = 14.0
    assert check("05_rows_or_columns", x).passed
    x[1] = 13.9
    assert not check("05_rows_or_columns", x).passed


@pytest.mark.parametrize("name", ["half_the_width", "divided_by_128"])
@pytest.mark.parametrize("exercise", ["05_channel_scales", "05_through_groups"])
def test_a_diagnosis_that_names_four_bits_stands_beside_a_call_with_four(exercise, name):
    for wrong in EXERCISES[exercise].wrong_answers:
        if wrong.name.startswith(name):
            assert grade(EXERCISES[exercise], wrong.function).case.args[2] == 7


def test_what_a_worse_choice_costs_is_told():
    why = grade(EXERCISES["05_cheapest"], lambda weight, choices, bound: choices[0]).why
    assert why == "(5, 4) meets the bound at 9 bits per weight; this is (4, 2), at 12."
