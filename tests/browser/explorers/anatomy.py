"""Lesson 09: the bytes of a model's file."""

import math
import os
import tempfile
from functools import cache
from pathlib import Path

import torch
from safetensors.torch import save_file

import qlab as ql
from qlab import explore, zoo

LESSON = "09_dynamic_quantization.ipynb"
GIVEN = {"group_size": {"granularity": "per group"}}


def start():
    return explore.anatomy()


@cache
def model(quantize, weight, granularity, group_size, rest):
    made = zoo.word_model().to(getattr(torch, rest))
    shared = {"per tensor": ql.PerTensor(), "per row": ql.PerAxis(0), "per group": ql.PerGroup(group_size)}
    if quantize != "nothing":
        ql.replace_linear(made, weight=weight, granularity=shared[granularity])
    if quantize == "embeddings too":
        ql.replace_embedding(made, weight=weight, granularity=shared[granularity])
    return made


def size(one, file):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        torch.save(one.state_dict(), path) if file == "torch.save" else save_file(one.state_dict(), path)
        return os.path.getsize(path)


def numbers(quantize, weight, granularity, group_size, rest, file, layer):
    before, after = zoo.word_model(), model(quantize, weight, granularity, group_size, rest)
    old, new = size(before, file), size(after, file)
    now = after.get_submodule(layer)
    original, restored = before.get_submodule(layer).weight, now.weight.float()
    ratio = math.inf if torch.equal(original, restored) else ql.sqnr(original, restored)
    float_bits = 8 * now.weight.element_size()
    return {
        "float32 file": old,
        "this file": new,
        "… of float32": 100 * new / old,
        "parameters()": sum(p.nbytes for p in after.parameters()),
        "bits per weight": ql.bits_per_weight(now.qweight) if hasattr(now, "qweight") else float_bits,
        "SQNR": ratio,
    }
