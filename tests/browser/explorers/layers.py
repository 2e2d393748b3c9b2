"""Lesson 07: quantized layers in a detector."""

import copy
import math
from functools import cache

from torch import nn

import qlab as ql
from qlab import explore, zoo

LESSON = "07_quantized_layers.ipynb"
GIVEN = {"group_size": {"granularity": "per group"}}
FORMATS = {"W8A16": ("int8", None), "W4A16": ("int4", None), "W3A16": ("int3", None), "W2A16": ("int2", None)}
FORMATS["W8A8"] = "int8", "int8"


def start():
    return explore.layers()


@cache
def swapped(format, granularity, group_size, exclude):
    model = copy.deepcopy(zoo.load("digit_detector"))
    weight, activation = FORMATS[format]
    shared = {"per tensor": ql.PerTensor(), "per row": ql.PerAxis(0), "per group": ql.PerGroup(group_size)}
    ql.replace_linear(model, weight=weight, activation=activation, granularity=shared[granularity], exclude=exclude)
    return model


def numbers(format, granularity, group_size, layer, exclude, scene):
    before, after = zoo.load("digit_detector"), swapped(format, granularity, group_size, exclude)
    weight, now = before.get_submodule(layer).weight.detach(), after.get_submodule(layer)
    sizes = ql.memory_footprint(before), ql.memory_footprint(after)
    linear = sum(isinstance(module, nn.Linear) for module in before.modules())
    kept = sum(isinstance(module, nn.Linear) for module in after.modules())
    swapped_too = hasattr(now, "qweight")
    return {
        "layers swapped": linear - kept,
        "float32 model": sizes[0],
        "this model": sizes[1],
        "… of float32": 100 * sizes[1] / sizes[0],
        "bits per weight": ql.bits_per_weight(now.qweight) if swapped_too else 32,
        "SQNR": ql.sqnr(weight, now.qweight.dequantize()) if swapped_too else math.inf,
    }
