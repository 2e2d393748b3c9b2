"""Lesson 09's exercises: mistakes in other hands, and cases that leave no doubt about who is right."""

import tempfile
import warnings

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

import qlab as ql
from qlab import zoo
from qlab.exercises.grading import grade
from qlab.exercises.registry import EXERCISES


@pytest.fixture(autouse=True)
def data_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("QLAB_DATA_DIR", str(tmp_path / "data"))


def by_note(case):
    return case.note


def whole_batch(x, codes, scale, bias):
    step = x.abs().max() / 127
    return torch.round(x / step).int() @ codes.int().t() * step * scale.t() + bias


def range_over_254(x, codes, scale, bias):
    step = (x.amax(1, keepdim=True) - x.amin(1, keepdim=True)).clamp(min=1e-9) / 255
    total = torch.clamp(torch.round(x / step), -128, 127).int() @ codes.int().t()
    return total * step * scale.flatten() + bias


def signed_scale(x, codes, scale, bias):
    step = x.max(dim=1, keepdim=True).values / 127
    q = torch.round(x / torch.where(step == 0, 1, step)).clamp(-128, 127)
    return q @ codes.float().t() * step * scale.flatten() + bias


def cast_alone(x, codes, scale, bias):
    step = (x.abs().amax(1, keepdim=True) / 127).clamp(min=1e-9)
    return (x / step).to(torch.int8).int() @ codes.int().t() * step * scale.flatten() + bias


def over_127_and_a_half(x, codes, scale, bias):
    step = 2 * x.abs().amax(1, keepdim=True) / 255
    step = torch.where(step == 0, 1, step)
    return torch.round(x / step).clamp(-128, 127).to(torch.int8).int() @ codes.int().t() * step * scale.t() + bias


def floored(x, codes, scale, bias):
    step = (x.abs().amax(1, keepdim=True) / 127).clamp(min=1e-9)
    return torch.floor(x / step).int() @ codes.int().t() * step * scale.flatten() + bias


def everything_over_four(layers):
    return sum(torch.Size(shape).numel() + (shape[0] if bias else 0) for _, shape, bias in layers)


def weights_over_four(layers):
    return sum(
        torch.Size(shape).numel() + (4 * shape[0] if bias else 0) + (4 * shape[0] if kind == "linear" else 0)
        for kind, shape, bias in layers
    )


def affine_rows(layers):
    return sum(
        torch.Size(shape).numel() * (1 if kind == "linear" else 4) + shape[0] * (8 * (kind == "linear") + 4 * bias)
        for kind, shape, bias in layers
    )


def one_bias(layers):
    return sum(
        torch.Size(shape).numel() * (1 if kind == "linear" else 4) + 4 * shape[0] * (kind == "linear") + 4 * bias
        for kind, shape, bias in layers
    )


def torch_ao(layers):
    total = 0
    for kind, shape, bias in layers:
        n = torch.Size(shape).numel()
        total += (n + 4 if kind == "linear" else 4 * n) + (4 * shape[0] if bias else 0)
    return total


# The same mistakes as people write them.
VARIANTS = {
    "max of the batch": ("09_dynamic_linear", whole_batch, "one_scale_for_all"),
    "max - min": ("09_dynamic_linear", range_over_254, "all_codes_spanned"),
    "max(dim=1)": ("09_dynamic_linear", signed_scale, "sign_forgotten"),
    "to(int8) alone": ("09_dynamic_linear", cast_alone, "not_rounded"),
    "2 max / 255": ("09_dynamic_linear", over_127_and_a_half, "divided_by_half_of_255"),
    "floor": ("09_dynamic_linear", floored, "rounded_down"),
    "F.linear": ("09_dynamic_linear", lambda x, q, s, b: F.linear(x, q.float() * s, b), "weight_only"),
    "5 / 4": ("09_file_bytes", everything_over_four, "a_quarter"),
    "all weights": ("09_file_bytes", weights_over_four, "all_weights_quantized"),
    "a zero point a row": ("09_file_bytes", affine_rows, "zero_points_counted"),
    "4 bytes a bias": ("09_file_bytes", one_bias, "one_element_of_bias"),
    "a scale a layer": ("09_file_bytes", torch_ao, "one_scale_a_layer"),
    "to(uint8)": ("09_integers", lambda v, s, z: v.to(torch.int16).to(torch.uint8), "values_cast"),
    "a cast at the end": ("09_integers", lambda v, s, z: (v / s).add(z).to(torch.uint8), "truncated"),
    "dequantize": ("09_integers", lambda v, s, z: (s * (v - z)).round().short().byte(), "dequantized_again"),
    "no zero point": (
        "09_integers",
        lambda v, s, z: (v / s).round().to(torch.int32).byte(),
        "zero_point_forgotten",
    ),
}


@pytest.mark.parametrize("name, answer, known", VARIANTS.values(), ids=VARIANTS)
def test_a_known_mistake_written_another_way_is_recognized(name, answer, known):
    assert grade(EXERCISES[name], answer).diagnosis.name == known


# Each resembles a known mistake, but is not that mistake.
RESEMBLING = {
    "half of it": ("09_dynamic_linear", lambda x, q, s, b: F.linear(x, q * s, b) / 2),
    "zeros": ("09_dynamic_linear", lambda x, q, s, b: torch.zeros(len(x), len(q))),
    "a third": ("09_file_bytes", lambda layers: sum(torch.Size(shape).numel() for _, shape, _ in layers) // 3),
    "all 0": ("09_integers", lambda v, s, z: torch.zeros(v.shape, dtype=torch.uint8)),
}


@pytest.mark.parametrize("name, answer", RESEMBLING.values(), ids=RESEMBLING)
def test_an_answer_that_only_resembles_a_known_mistake_gets_no_diagnosis(name, answer):
    verdict = grade(EXERCISES[name], answer)
    assert verdict.status == "not yet" and verdict.diagnosis is None


def test_codes_of_another_type_are_told_so():
    right = EXERCISES["09_integers"].reference
    assert (
        "Expected dtype torch.uint8, got torch.float32"
        in grade(EXERCISES["09_integers"], lambda v, s, z: right(v, s, z).float()).why
    )


@pytest.mark.parametrize("case", EXERCISES["09_dynamic_linear"].cases, ids=by_note)
def test_the_librarys_layer_gives_the_same_output(case):
    x, codes, scale, bias = case.fresh_args()
    weight = ql.QTensor(codes, ql.QParams(scale, None, "int8", ql.PerAxis(0)))
    got = ql.QuantLinear(weight, bias, activation="int8")(x)
    assert EXERCISES["09_dynamic_linear"].mismatch(case, got) is None


@pytest.mark.parametrize("case", EXERCISES["09_dynamic_linear"].cases, ids=by_note)
def test_no_number_of_a_token_is_near_a_tie(case):
    x = case.args[0].double()
    steps = x / (x.abs().amax(1, keepdim=True) / 127).clamp(min=1e-30)
    assert ((steps - steps.floor() - 0.5).abs() > 1e-4).all()


def test_the_tolerance_reaches_no_other_code():
    """Where one code of the input is another, some output is further off than the bound."""
    exercise = EXERCISES["09_dynamic_linear"]
    for case in exercise.cases:
        x, codes, scale, bias = case.fresh_args()
        right = exercise.reference(x, codes, scale, bias)
        for token, place in [(0, 0), (len(x) - 1, x.shape[1] - 1)]:
            step = x[token].abs().max() / 127
            moved = right.clone()
            moved[token] += step * codes[:, place] * scale.flatten()
            if step > 0:
                assert exercise.mismatch(case, moved) is not None or step < 1e-3 * x.abs().max() / 127


def module_of(layers):
    make = {"linear": lambda s, b: nn.Linear(s[1], s[0], bias=b), "embedding": lambda s, b: nn.Embedding(*s)}
    make["norm"] = lambda s, b: nn.LayerNorm(s[0], bias=b)
    return nn.ModuleList([make[kind](shape, bias) for kind, shape, bias in layers])


@pytest.mark.parametrize("case", EXERCISES["09_file_bytes"].cases[:-1], ids=by_note)
def test_a_saved_file_has_these_bytes(case):
    model = module_of(case.args[0])
    ql.replace_linear(model, weight="int8", activation="int8")
    with tempfile.TemporaryDirectory() as folder:
        save_file(model.state_dict(), f"{folder}/m.safetensors")
        parts = ql.file_table(f"{folder}/m.safetensors").parts
    assert EXERCISES["09_file_bytes"].mismatch(case, sum(part.nbytes for part in parts if part.dtype)) is None


def test_the_word_model_of_the_exercise_is_that_of_the_zoo():
    case = next(case for case in EXERCISES["09_file_bytes"].cases if case.note == "the word model")
    model = zoo.word_model()
    assert sum(p.nbytes for p in module_of(case.args[0]).parameters()) == ql.memory_footprint(model)


@pytest.mark.parametrize("case", EXERCISES["09_integers"].cases, ids=by_note)
def test_torch_has_these_integers_and_prints_these_values(case):
    values, scale, zero_point = case.args
    codes = EXERCISES["09_integers"].reference(*case.fresh_args())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # these functions are deprecated
        theirs = torch._make_per_tensor_quantized_tensor(codes, scale, zero_point)
        assert torch.equal(theirs.int_repr(), codes)
        assert torch.allclose(theirs.dequantize(), values, rtol=1e-6)
