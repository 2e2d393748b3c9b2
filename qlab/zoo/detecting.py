"""From a detector's answer to a short list of digits: keep what is likely, drop what was found twice."""

import torch
from torch import Tensor, nn

from qlab.zoo.digit_detector import NOTHING
from qlab.zoo.running import evaluate
from qlab.zoo.scenes_data import Objects

SAME_PLACE = 0.5  # IoU from which on two boxes are about one and the same object


def detect(model: nn.Module, images: Tensor, threshold: float = 0.5) -> list[Objects]:
    """Return the digits that `model` finds in each image, the likeliest first.

    `images` is (N, 1, 64, 64). The score of a detection is the softmax probability of its label; detections below
    `threshold` are left out, and so is a box that overlaps a likelier one by an IoU of 0.5 or more, whatever its
    label (non-maximum suppression). The model runs as in `accuracy`. ValueError: a threshold outside of 0 to 1.

    >>> from qlab.zoo import load, scenes
    >>> images, truth = scenes("test", 1, seed=0)
    >>> found, = detect(load("digit_detector"), images)
    >>> sorted(found.labels.tolist()) == sorted(truth[0].labels.tolist())
    True
    """
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold must lie between 0 and 1, got {threshold}: it is a probability")
    logits, boxes = (answer.cpu() for answer in evaluate(model, images))
    scores, labels = logits.float().softmax(dim=-1)[..., :NOTHING].max(dim=-1)
    return [_strongest(*answer, threshold) for answer in zip(boxes, labels, scores, strict=True)]


def box_iou(a: Tensor, b: Tensor) -> Tensor:
    """Return the intersection over union of every box of `a` (A, 4) with every box of `b` (B, 4), as (A, B).

    >>> box_iou(torch.tensor([[0.0, 0, 2, 2]]), torch.tensor([[1.0, 0, 3, 2], [5, 5, 6, 6]]))
    tensor([[0.3333, 0.0000]])
    """
    low, high = torch.maximum(a[:, None, :2], b[:, :2]), torch.minimum(a[:, None, 2:], b[:, 2:])
    shared = (high - low).clamp(min=0).prod(dim=-1)
    area_a, area_b = ((box[:, 2:] - box[:, :2]).prod(dim=-1) for box in (a, b))
    return shared / (area_a[:, None] + area_b - shared)


def _strongest(boxes: Tensor, labels: Tensor, scores: Tensor, threshold: float) -> Objects:
    order = scores.argsort(descending=True, stable=True)
    order = order[scores[order] >= threshold]
    overlaps, kept = box_iou(boxes[order], boxes[order]) >= SAME_PLACE, []
    for candidate in range(len(order)):
        if not overlaps[candidate, kept].any():
            kept.append(candidate)
    order = order[kept]
    return Objects(boxes[order], labels[order], scores[order])
