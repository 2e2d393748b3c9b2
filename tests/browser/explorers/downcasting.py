"""Lesson 02: a model in fewer bits, and what it then predicts."""

from functools import cache

import torch

import qlab as ql
from qlab import explore, zoo

LESSON = "02_downcasting.ipynb"
GIVEN = {"next": {"dtype": "float8_e5m2"}}


def start():
    return explore.downcasting()


@cache
def scores(dtype):
    model = zoo.load("digits_cnn").eval()
    with torch.no_grad():
        return (model if dtype == "float32" else ql.downcast(model, dtype))(zoo.digits("test")[0]).float()


@cache
def footprint(dtype):
    model = zoo.load("digits_cnn")
    if dtype.startswith("float8"):  # simulated: a byte a parameter, buffers as they are
        return sum(p.numel() for p in model.parameters()) + sum(b.nbytes for b in model.buffers())
    return ql.memory_footprint(model if dtype == "float32" else ql.downcast(model, dtype))


def numbers(dtype, layer, show, image):
    before, after = scores("float32"), scores(dtype)
    return {
        "footprint": footprint(dtype),
        "… of float32": 100 * footprint(dtype) / footprint("float32"),
        "SQNR of all scores": ql.sqnr(before, after),
        "predictions changed": (before.argmax(1) != after.argmax(1)).sum().item(),
        "float32 says": before[image].argmax().item(),
        f"{dtype} says": after[image].argmax().item(),
    }
