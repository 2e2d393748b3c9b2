"""How good are detections: against the truth (mean average precision), and against another model's detections."""

from collections.abc import Sequence

import torch
from torch import Tensor

from qlab.zoo.detecting import SAME_PLACE, box_iou
from qlab.zoo.scenes_data import Objects


def average_precision(detections: Sequence[Objects], truth: Sequence[Objects]) -> float:
    """Return the mean average precision at IoU 0.5 (mAP@0.5), from 0 to 1: one Objects per image on both sides.

    For each label in the truth: going down the scores of all images, a detection is right if it takes a true box
    of its image and label that no likelier one took, at an IoU of 0.5 or more. The average precision is the area
    under precision over recall, where the precision at a recall is the best at that recall or above (Pascal VOC
    since 2010, Everingham et al., https://doi.org/10.1007/s11263-014-0733-5). Its mean over the labels is returned.
    Detect with a low threshold first, such as 0.05: the curve needs the unlikely ones too.
    ValueError: lists that differ in length, or no true object at all.

    >>> box, label, score = torch.tensor([[0.0, 0, 4, 4]]), torch.tensor([7]), torch.tensor([0.9])
    >>> average_precision([Objects(box, label, score)], [Objects(box, label, score)])
    1.0
    """
    _check_pairs(detections, truth)
    labels = sorted({label for objects in truth for label in objects.labels.tolist()})
    if not labels:
        raise ValueError("the truth holds no objects: average precision needs at least one")
    return sum(_precision_of(label, detections, truth) for label in labels) / len(labels)


def matched_boxes(reference: Sequence[Objects], actual: Sequence[Objects]) -> float:
    """Return the share of the boxes of `reference` that `actual` has too: same label, IoU of 0.5 or more.

    Both hold one Objects per image; a box of `actual` matches one box at most. An empty reference gives 1.
    ValueError: lists that differ in length.
    """
    _check_pairs(reference, actual)
    hits = [agreement(*pair) for pair in zip(reference, actual, strict=True)]
    matched, boxes = sum(int(hit.sum()) for hit in hits), sum(len(hit) for hit in hits)
    return matched / boxes if boxes else 1.0


def agreement(reference: Objects, actual: Objects) -> Tensor:
    """Return which boxes of `reference` `actual` has too, bool of shape (K,), in one image.

    The boxes of `reference` choose in the order of their scores, each the free box that it overlaps most.

    >>> box, score = torch.tensor([[0.0, 0, 4, 4]]), torch.ones(1)
    >>> agreement(Objects(box, torch.tensor([7]), score), Objects(box, torch.tensor([1]), score))
    tensor([False])
    """
    overlap = box_iou(reference.boxes, actual.boxes)
    overlap[reference.labels[:, None] != actual.labels] = 0
    hits = torch.zeros(len(reference.labels), dtype=torch.bool)
    if overlap.numel():
        for row in reference.scores.argsort(descending=True, stable=True).tolist():
            best, column = overlap[row].max(dim=0)
            if best >= SAME_PLACE:
                hits[row] = True
                overlap[:, column] = 0  # taken
    return hits


def _precision_of(label: int, detections: Sequence[Objects], truth: Sequence[Objects]) -> float:
    found = [_only(label, objects) for objects in detections]
    wanted = [_only(label, objects) for objects in truth]
    hits = torch.cat([agreement(*pair) for pair in zip(found, wanted, strict=True)])
    order = torch.cat([objects.scores for objects in found]).argsort(descending=True, stable=True)
    hits = hits[order].double()
    precision = hits.cumsum(0) / torch.arange(1, len(hits) + 1)
    best_from_here = precision.flip(0).cummax(0).values.flip(0)
    return (best_from_here * hits).sum().item() / sum(len(objects.labels) for objects in wanted)


def _only(label: int, objects: Objects) -> Objects:
    return Objects(*(tensor[objects.labels == label] for tensor in objects))


def _check_pairs(a: Sequence[Objects], b: Sequence[Objects]) -> None:
    if len(a) != len(b):
        raise ValueError(f"got {len(a)} and {len(b)} images: pass the detections of the same images")
