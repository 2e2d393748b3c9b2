"""Lesson 10: which layers to leave in float."""

import math
from functools import cache

import torch

import qlab as ql
from qlab import explore
from qlab.zoo import accuracy, digits, load

LESSON = "10_numerical_debugging.ipynb"
GIVEN = {"granularity": {"model": "large weight", "weight": "int4"}, "by": {"model": "dead inputs"}}
PLAIN = ("by",)  # another row is marked


def start():
    return explore.sensitivity()


def network(name):
    model = load("digits_cnn")
    with torch.no_grad():
        largest = model.fc1.weight.abs().max()
        if name == "large weight":
            model.fc1.weight[0, 0] = 40 * largest
        if name == "dead inputs":
            model.bn2.weight[3], model.bn2.bias[3] = 0, -1
            model.fc1.weight[:, 12:16] = 30 * largest
    return model


@cache
def compared(model, weight, granularity, keep):
    """The share that is right, the bytes, the result's SQNR, and the comparison of the layers."""
    real, images = network(model), digits("train")[0][:128]
    shared = {"per tensor": ql.PerTensor(), "per row": ql.PerAxis(0)}[granularity]
    prepared = ql.calibrate(ql.prepare(real, weight=weight, granularity=shared, exclude=keep), images)
    mixed = ql.convert(prepared)
    with torch.no_grad():
        result = ql.sqnr(real(images), mixed(images))
    return accuracy(mixed), ql.memory_footprint(mixed), result, ql.compare_layers(prepared, mixed, images)


def numbers(model, weight, granularity, by, path, keep):
    before = network(model)
    bytes_before = ql.memory_footprint(before)
    right, footprint, result, lowest = accuracy(before), bytes_before, math.inf, math.inf
    if len(keep) < 4:
        right, footprint, result, comparison = compared(model, weight, granularity, keep)
        lowest = min(getattr(layer, by) for layer in comparison.layers)
    return {
        "kept in float": len(keep),
        "float32 model": bytes_before,
        "this model": footprint,
        "… of float32": 100 * footprint / bytes_before,
        "accuracy, float32": accuracy(before),
        "accuracy, this": right,
        "lowest SQNR": lowest,
        "SQNR of the result": result,
    }
