"""More to explore than weights: seeded samples of known distributions, and what a layer of the model gives out."""

from __future__ import annotations

from functools import cache

import torch

from qlab.explore.tensors import Source, source
from qlab.explore.tensors import names as tensor_names

SHAPE = 64, 64
DISTRIBUTIONS = ("uniform", "bell curve", "long tails")
RELUS = ("relu1 outputs", "relu2 outputs", "relu3 outputs")
BEFORE_RELUS = ("bn1 outputs", "bn2 outputs", "fc1 outputs", "fc2 outputs")  # fc2 has none after it
# Of the test set: about as many values from each layer.
IMAGES = {"relu1": 8, "relu2": 32, "relu3": 64, "bn1": 8, "bn2": 32, "fc1": 64, "fc2": 320}


def names() -> tuple[str, ...]:
    """All that comes with the course, but what goes into a ReLU."""
    return (*tensor_names(), *DISTRIBUTIONS, *RELUS)


def sample(tensor=None) -> Source:
    """As `source`, and with the names of distributions and of outputs in the digits CNN as well.

    >>> sample("relu3 outputs").low
    0.0
    """
    if not isinstance(tensor, str) or tensor in tensor_names():
        return source(tensor)
    if tensor in DISTRIBUTIONS:
        return _drawn(tensor)
    if tensor in RELUS + BEFORE_RELUS:
        return _activations(tensor)
    raise ValueError(
        f"there is no tensor {tensor!r} to explore; choose one of {', '.join(names())}, or pass a tensor"
    )


@cache
def _drawn(name: str) -> Source:
    """64 x 64 seeded values: within +-1, or of standard deviation 1 (long tails: a Laplace distribution)."""
    generator = torch.Generator().manual_seed(0)
    if name == "bell curve":
        x = torch.randn(SHAPE, generator=generator)
    else:
        x = torch.rand(SHAPE, generator=generator) * 2 - 1
    if name == "long tails":
        x = -x.sign() * torch.log1p(-x.abs()) / 2**0.5
    return Source(name, x, SHAPE, repr(name))


@cache
def _activations(name: str) -> Source:
    """The outputs of one module of the digits CNN for the first test images, as rows of 64."""
    from qlab.zoo import digits, load

    layer, model, caught = name.split()[0], load("digits_cnn"), []
    model.get_submodule(layer).register_forward_hook(lambda *args: caught.append(args[-1]))
    with torch.no_grad():
        model(digits("test")[0][: IMAGES[layer]])
    x = caught[0]
    return Source(name, x.reshape(-1, SHAPE[1]).contiguous(), tuple(x.shape), repr(name))
