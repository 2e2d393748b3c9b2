"""The handwritten digits that the lessons use, and a model's accuracy on them. No download, no scikit-learn.

The 1,797 images are the test set of "Optical Recognition of Handwritten Digits" by E. Alpaydin and C. Kaynak
(1998), UCI Machine Learning Repository, https://doi.org/10.24432/C50P49, license CC BY 4.0; scikit-learn
bundles the same set. `write_digits` made the file, and says how it was cut into train and test.
"""

from pathlib import Path

from torch import Tensor, nn

from qlab.zoo.files import FOLDER, read_tensors
from qlab.zoo.running import evaluate

SPLITS = ("train", "test")


def digits(split: str, folder: str | Path = FOLDER) -> tuple[Tensor, Tensor]:
    """Return the images and labels of one split, "train" (N = 1297) or "test" (N = 500).

    Images are float32 of shape (N, 1, 8, 8), multiples of 1/16 from 0 (paper) to 1 (ink). Labels are int64 of
    shape (N,), 0 to 9. ValueError: an unknown split, or a file that is missing or damaged.

    >>> images, labels = digits("test")
    >>> images.shape, labels[:5].tolist()
    (torch.Size([500, 1, 8, 8]), [0, 1, 2, 3, 4])
    """
    if split not in SPLITS:
        raise ValueError(f"digits has no split {split!r}: use 'train' or 'test'")
    tensors = read_tensors("digits", folder)
    return tensors[f"{split}_images"].unsqueeze(1).float() / 16, tensors[f"{split}_labels"].long()


def accuracy(model: nn.Module, split: str = "test") -> float:
    """Return the share of a split's digits that `model` gets right, from 0 to 1.

    The model maps images (N, 1, 8, 8) to class scores (N, 10). It runs in evaluation mode, in its own float
    type and on its own device, without gradients; its training flag is put back afterwards.

    >>> from qlab.zoo import load
    >>> accuracy(load("digits_cnn")) > 0.95
    True
    """
    images, labels = digits(split)
    guesses = evaluate(model, images).argmax(dim=1)
    return (guesses.cpu() == labels).double().mean().item()
