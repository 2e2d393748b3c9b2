"""Lesson 14: a concept in two libraries."""

import torch

from qlab import explore
from qlab.explore.tensors import source

LESSON = "14_real_libraries.ipynb"
GIVEN = {"swap": {"left": "quanto"}}
PLAIN = ("concept",)  # it changes the calls, and which row of the table is marked


def start():
    return explore.translator()


def made(x, library):
    """Codes and scales of rows, by the constants that the lesson names."""
    halves = library in ("torch.ao", "torchao")
    scale = x.abs().amax(dim=1, keepdim=True) / (127.5 if halves else 127)
    ratio = x * (1 / scale) if halves else x / scale
    return torch.round(ratio).clamp(-128, 127), scale[0].item()


def numbers(tensor, concept, left, right):
    x = source(tensor).x
    (codes_left, scale_left), (codes_right, scale_right) = made(x, left), made(x, right)
    return {
        "first row's scale": scale_left,
        "… to the right": scale_right,
        "codes that differ": (codes_left != codes_right).sum().item(),
    }
