"""Whoever does not see a still picture gets its numbers in words: every public function that draws one."""

import ast
import math
from pathlib import Path

import pytest
import torch

import qlab
from qlab import plots
from qlab.affine import quantize
from qlab.picture import FEW, matrix_in_words
from qlab.qparams import choose_qparams
from qlab.scene_plots import detections
from qlab.sensitivity import Comparison, LayerSQNR
from qlab.sensitivity_plots import sqnr_by_layer
from qlab.timing import time_bars
from qlab.zoo import Objects

X = torch.tensor([[-0.5, 0.0, 1.0], [0.25, 0.75, 2.0]])
QPARAMS = choose_qparams(X, "uint4")  # scale 2.5 / 15, zero_point 3
BIG = torch.linspace(-3, 2, 4096).reshape(64, 64)
FOUND = Objects(torch.tensor([[5.0, 20, 15, 40], [30, 20, 45, 40]]), torch.tensor([3, 9]), torch.tensor([0.9, 0.8]))
FEWER = Objects(*(part[:1] for part in FOUND))
LAYERS = LayerSQNR("conv1", 23.9, 20.2, -1.5), LayerSQNR("fc1", math.inf, 22.1, 28.0)

EXAMPLES = {  # a call of each function, and what its text alternative must say
    "plots.heatmap": (lambda: plots.heatmap(X, "weights", "mV"), ["weights [mV] −0.50 0.00 1.00; 0.25 0.75 2.00"]),
    "plots.error_heatmap": (lambda: plots.error_heatmap(X, X + 0.125), ["error 0.125 0.125 0.125; 0.125"]),
    "plots.quantization_panels": (
        lambda: plots.quantization_panels(X, quantize(X, QPARAMS)),
        [
            "MSE 0.002315",
            "SQNR 26.26 dB",
            "uint4 0 3 9; 5 7 15",
            "dequantized −0.50 0.00 1.00; 0.33",
            "0.00; 8.33",
        ],
    ),
    "plots.staircase": (lambda: plots.staircase(QPARAMS), ["uint4", "scale 0.1667, zero_point 3", "−0.5 to 2"]),
    "plots.measured_vs_predicted": (
        lambda: plots.measured_vs_predicted([2, 4], [0.11, 0.39], [0.1, 0.4], "rows", "MSE", "8 bits"),
        ["8 bits: MSE over rows", "at 2 0.11 (0.1), at 4 0.39 (0.4)"],
    ),
    "scene_plots.detections": (
        lambda: detections(torch.zeros(2, 1, 64, 64), {"float32": [FOUND, FEWER], "int4": [FEWER, FEWER]}),
        ["2 scenes", "float32, labels by scene: 3 9; 3.", "int4: 2 of 3 same"],
    ),
    "sensitivity_plots.sqnr_by_layer": (
        lambda: sqnr_by_layer(Comparison(LAYERS), "4 bits"),
        [
            "4 bits: ",
            "conv1 weight 23.9, accumulated 20.2, own −1.5",
            "fc1 weight exact, accumulated 22.1, own 28.0",
        ],
    ),
    "timing.time_bars": (
        lambda: time_bars({"float32": 0.1, "int8": 0.025}, "one thread"),
        ["one thread: float32 100 ms; int8 25 ms: 4.0 times as fast"],
    ),
}


def drawing_functions():
    """module.function for each public function of the library that says it returns a Figure."""
    for file in sorted(Path(qlab.__file__).parent.glob("*.py")):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            draws = isinstance(node, ast.FunctionDef) and node.returns and ast.unparse(node.returns) == "Figure"
            if draws and not node.name.startswith("_"):
                yield f"{file.stem}.{node.name}"


def test_every_function_that_draws_has_an_example_here():
    assert sorted(EXAMPLES) == sorted(drawing_functions())


@pytest.mark.parametrize(("draw", "said"), EXAMPLES.values(), ids=EXAMPLES)
def test_the_numbers_of_the_picture_are_in_its_text_alternative(draw, said):
    alt = draw().alt
    assert all(words in alt for words in said), alt
    assert len(alt) <= 400 and "\n" not in alt and alt.endswith(".")


@pytest.mark.parametrize("x", [BIG, torch.arange(FEW + 1).reshape(1, -1)], ids=["weights", "codes"])
def test_of_many_numbers_the_range_is_told(x):
    rows, columns = x.shape
    ends = ("−3", "2") if x is BIG else ("0", str(FEW))
    assert matrix_in_words(x, "x") == f"x, {rows} × {columns}, from {ends[0]} to {ends[1]}"
    figure = plots.quantization_panels(BIG, quantize(BIG, choose_qparams(BIG, "int8")))
    assert "original, 64 × 64, from −3 to 2. codes, int8, 64 × 64, from −128 to 127." in figure.alt
    assert len(figure.alt) <= 300


def test_of_many_points_some_are_told():
    alt = plots.measured_vs_predicted(range(1, 31), range(1, 31), range(1, 31)).alt
    assert alt.count(" at ") == 8 and "at 1 1 (1)" in alt and len(alt) <= 300
