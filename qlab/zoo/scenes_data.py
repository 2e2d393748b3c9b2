"""Scenes for a detector: several handwritten digits on one canvas, with the box and the label of each.

A scene is made when it is asked for, from the shipped digits: a train scene from train digits, a test scene from
test digits. The seed decides all of it, so nothing is stored. Each digit is cut out of its 8x8 image, enlarged,
stretched a little, made paler, and put where it touches no other.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from qlab.zoo.digits_data import digits

SIDE = 64  # pixels, height and width of a scene
MOST, FEWEST = 6, 3  # digits that a scene tries to place; one that finds no room is left out
SCALES = 1.6, 2.6  # scene pixels per pixel of the 8x8 image
STRETCH = 0.85, 1.15  # by which the width differs from that
BRIGHTNESS = 0.5, 1.0
GAP = 2  # pixels between two boxes, at least
SPACING = 8  # pixels between the centers of two boxes, at least, in x or in y
INK = 4 / 16  # the faintest row or column that still belongs to the digit
TRIES = 20


class Objects(NamedTuple):
    """The digits of one scene, true or detected: K boxes, K labels and K scores.

    `boxes` is float32 of shape (K, 4): left, top, right, bottom, in pixels, x to the right and y down. `labels`
    is int64 of shape (K,), 0 to 9. `scores` is float32 of shape (K,), 0 to 1; 1 where the digits are the truth.
    """

    boxes: Tensor
    labels: Tensor
    scores: Tensor


def scenes(split: str, count: int, seed: int) -> tuple[Tensor, list[Objects]]:
    """Return `count` scenes from the digits of one split, "train" or "test", and what stands in each of them.

    Images are float32 of shape (count, 1, 64, 64), from 0 (paper) to 1 (ink). A box is tight: the ink of its
    digit reaches all four sides, and outside of the boxes there is none. ValueError: an unknown split, or a count
    that is not positive.

    >>> images, truth = scenes("test", 2, seed=0)
    >>> images.shape, len(truth), truth[0].boxes.shape[1]
    (torch.Size([2, 1, 64, 64]), 2, 4)
    """
    if count < 1:
        raise ValueError(f"scenes needs a positive count, got {count}")
    glyphs, labels = digits(split)
    generator = torch.Generator().manual_seed(seed)
    made = [_scene(glyphs, labels, generator) for _ in range(count)]
    return torch.stack([image for image, _ in made]), [objects for _, objects in made]


def _scene(glyphs: Tensor, labels: Tensor, generator: torch.Generator) -> tuple[Tensor, Objects]:
    image, boxes, kept = torch.zeros(1, SIDE, SIDE), [], []
    wanted = torch.randint(FEWEST, MOST + 1, (), generator=generator)
    for index in torch.randint(len(labels), (wanted,), generator=generator).tolist():
        patch = _enlarged(glyphs[index, 0], generator)
        if box := _free_place(*patch.shape, boxes, generator):
            left, top, right, bottom = box
            image[0, top:bottom, left:right] = patch
            boxes.append(box)
            kept.append(index)
    return image, Objects(torch.tensor(boxes).float(), labels[kept], torch.ones(len(kept)))


def _enlarged(glyph: Tensor, generator: torch.Generator) -> Tensor:
    """The digit without the paper around it, at a random size, width and brightness."""
    rows, columns = ((glyph.amax(axis) >= INK).nonzero().flatten().tolist() for axis in (1, 0))
    glyph = glyph[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale, stretch, brightness = (_between(*ends, generator) for ends in (SCALES, STRETCH, BRIGHTNESS))
    size = round(scale * glyph.shape[0]), round(scale * stretch * glyph.shape[1])
    return brightness * interpolate(glyph[None, None], size, mode="bicubic")[0, 0].clamp(0, 1)  # it overshoots


def _free_place(height: int, width: int, boxes: list, generator: torch.Generator) -> tuple | None:
    """A box of this size at a random place clear of the others, or None if none of the tries found one."""
    for _ in range(TRIES):
        left, top = (int(_between(0, SIDE + 1 - length, generator)) for length in (width, height))
        box = left, top, left + width, top + height
        if all(_clear(box, other) for other in boxes):
            return box
    return None


def _clear(a: tuple, b: tuple) -> bool:
    for low, high in ((0, 2), (1, 3)):  # along x, along y
        between_centers = abs(a[low] + a[high] - b[low] - b[high]) / 2
        half_sizes = (a[high] - a[low] + b[high] - b[low]) / 2
        if between_centers >= max(half_sizes + GAP, SPACING):
            return True
    return False


def _between(low: float, high: float, generator: torch.Generator) -> float:
    return low + (high - low) * torch.rand((), generator=generator).item()
