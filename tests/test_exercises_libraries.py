"""Lesson 14's exercises: mistakes in other hands, other right answers, and cases that leave no doubt."""

import pytest
import torch

from qlab.exercises.checking import check
from qlab.exercises.grading import grade
from qlab.exercises.registry import EXERCISES


@pytest.fixture(autouse=True)
def data_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("QLAB_DATA_DIR", str(tmp_path / "data"))


def viewed(codes, zero_point):
    return codes.view(torch.int8), zero_point


def centered_on_zero(codes, zero_point):
    return (codes.to(torch.int16) - zero_point).to(torch.int8), 0


def kept_within_int8(codes, zero_point):
    return torch.clamp(codes.long() - zero_point, -128, 127).to(torch.int8), 0


def by_the_formula_of_lesson_04(weight):
    scale = weight.abs().max(dim=1, keepdim=True)[0] / 127
    return torch.clamp(torch.round(weight / scale), -127, 127).to(torch.int8), scale


def clamp_forgotten(weight):
    scale = weight.abs().amax(1, keepdim=True) / 127.5
    return (weight / scale).round().to(torch.int16).to(torch.int8), scale


def rounded_half_up(weight):
    scale = weight.abs().amax(1, keepdim=True) / 127.5
    return torch.clip((weight / scale + 0.5).floor(), -128, 127).to(torch.int8), scale


def a_scale_for_each_row_as_a_vector(weight):
    scale = weight.abs().max(dim=1).values / 127.5
    return torch.round(weight / scale).clamp(-128, 127).to(torch.int8), scale


def without_the_factor(codes, scale, a, b, alpha):
    return codes.float() * scale + torch.matmul(b, a)


def alpha_as_the_factor(codes, scale, a, b, alpha):
    return codes.float() * scale + alpha * torch.matmul(b, a)


def alpha_over_the_rows_of_b(codes, scale, a, b, alpha):
    return torch.addmm(codes * scale, b, a, alpha=alpha / len(b))


def as_codes_again(codes, scale, a, b, alpha):
    merged = codes.float() * scale + alpha / a.shape[0] * b.mm(a)
    return torch.round(merged / scale).to(torch.int8) * scale


@pytest.mark.parametrize(
    ("name", "answer", "mistake"),
    [
        ("14_signed_codes", viewed, "cast_alone"),
        ("14_signed_codes", centered_on_zero, "zero_point_subtracted"),
        ("14_signed_codes", kept_within_int8, "zero_point_subtracted_and_clamped"),
        ("14_half_step_codes", by_the_formula_of_lesson_04, "by_127"),
        ("14_half_step_codes", clamp_forgotten, "not_clamped"),
        ("14_half_step_codes", rounded_half_up, "halves_up"),
        ("14_half_step_codes", a_scale_for_each_row_as_a_vector, "columns_divided"),
        ("14_merged_weight", alpha_over_the_rows_of_b, "alpha_over_outputs"),
        ("14_merged_weight", without_the_factor, "alpha_forgotten"),
        ("14_merged_weight", alpha_as_the_factor, "alpha_alone"),
        ("14_merged_weight", as_codes_again, "requantized"),
    ],
)
def test_a_mistake_written_otherwise_is_told_by_its_name(name, answer, mistake):
    verdict = grade(EXERCISES[name], answer)
    assert verdict.status == "not yet" and verdict.diagnosis.name == mistake


def wrapping_on_purpose(codes, zero_point):
    return (codes - 128).view(torch.int8), zero_point - 128


def by_einsum(codes, scale, a, b, alpha):
    return torch.einsum("or,ri->oi", b, a) * (alpha / b.shape[1]) + codes.double().float() * scale


def with_clip(weight):
    scale = weight.abs().max(1).values[:, None] / 127.5
    return torch.clip(torch.round(weight / scale), min=-128, max=127).type(torch.int8), scale


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("14_signed_codes", wrapping_on_purpose),
        ("14_half_step_codes", with_clip),
        ("14_merged_weight", by_einsum),
    ],
)
def test_other_right_answers_pass(name, answer):
    assert check(name, answer).passed


def test_a_quotient_lies_at_a_tie_only_where_the_scale_is_1():
    """So that x / scale and x * (1 / scale) give the same codes, whoever rounds. The ends are always ties."""
    for case in EXERCISES["14_half_step_codes"].cases:
        weight = case.args[0]
        scale = weight.abs().amax(dim=1, keepdim=True).double() / 127.5
        ratio = (weight.double() / scale)[(scale != 1).flatten()]
        inside = ratio[ratio.abs() < 127.4]
        assert ((inside - inside.floor() - 0.5).abs() > 1e-4).all()
