"""Open a trained model by name, in milliseconds and without touching the random state."""

from difflib import get_close_matches
from pathlib import Path

import torch
from torch import nn

from qlab.zoo.digit_detector import DigitDetector
from qlab.zoo.digits_cnn import DigitsCNN
from qlab.zoo.files import FOLDER, check_fits, read_record, read_tensors

MODELS = {"digits_cnn": DigitsCNN, "digit_detector": DigitDetector}


def names() -> list[str]:
    """Return the names that `load` knows.

    >>> names()
    ['digits_cnn', 'digit_detector']
    """
    return list(MODELS)


def load(name: str, folder: str | Path = FOLDER) -> nn.Module:
    """Return a fresh copy of the named model with its trained weights, in evaluation mode.

    The weights are float32, on the CPU. `folder` holds NAME.safetensors and NAME.json; by default the package
    itself. ValueError: an unknown name, or a file that is missing, damaged or made for another architecture.

    >>> load("digits_cnn").fc1.weight.shape
    torch.Size([64, 128])
    """
    _check_name(name)
    tensors = read_tensors(name, folder)
    with torch.device("meta"):  # no memory and no random numbers for weights that are replaced at once
        model = MODELS[name]()
    check_fits(name, tensors, model.state_dict(), folder)
    model.load_state_dict(tensors, assign=True)
    return model.eval()


def record(name: str, folder: str | Path = FOLDER) -> dict:
    """Return what the training script wrote about the named model: accuracy, seed, epochs, parameters, ...

    >>> record("digits_cnn")["parameters"]
    18538
    """
    _check_name(name)
    return read_record(name, folder)


def _check_name(name: str) -> None:
    if name not in MODELS:
        near = get_close_matches(str(name), MODELS, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"the zoo has {', '.join(MODELS)}."
        raise ValueError(f"the zoo has no model {name!r}: {hint}")
