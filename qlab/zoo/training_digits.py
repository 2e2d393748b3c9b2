"""Train on the digits a little more: a loop that hands out its loss step by step, so that it can be watched."""

from collections.abc import Iterator

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from qlab.zoo.digits_data import digits

BATCH = 64


def fine_tune(model: nn.Module, steps: int, learning_rate: float = 5e-3, seed: int = 0) -> Iterator[float]:
    """Train `model` on the training digits with Adam, and yield the loss of each step's 64 images.

    The learning rate falls to 0 along a cosine. The order of the images depends on `seed` alone, and the model is
    left in the mode, training or evaluation, that it is in. Nothing happens before a loss is asked for.

    The images come in the model's own float type. In float64 rounding differences between machines stay far below
    what a loss or an accuracy shows; in float32 another machine may end with a few other digits wrong.

    >>> from qlab.zoo import load
    >>> losses = list(fine_tune(load("digits_cnn"), steps=3, learning_rate=1e-4))
    >>> len(losses), max(losses) < 1
    (3, True)
    """
    images, labels = digits("train")
    images = images.to(next(model.parameters()).dtype)
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    waiting: list[torch.Tensor] = []
    for _ in range(steps):
        waiting = waiting or list(torch.randperm(len(labels), generator=generator).split(BATCH))
        batch = waiting.pop(0)
        loss = cross_entropy(model(images[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        yield loss.item()
