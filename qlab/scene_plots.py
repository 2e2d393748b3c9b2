"""Still pictures of what a detector finds: scenes with boxes, labels and scores, one model under another.

Like `plots`, every function returns a matplotlib Figure that a notebook shows when it is the last line of a cell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from qlab.zoo import Objects, agreement, box_iou
from qlab.zoo.detecting import SAME_PLACE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SCENE = 2.3  # inches, where that many fit a page
LABEL = 16, 6  # pixels of the scene, width and height: the room that a label takes
SAME, OTHER, LOST = "same box and label", "another box or label", "lost"
# Told apart by color and by line, for those who cannot tell the colors apart (Okabe and Ito's palette).
LINES = {
    SAME: {"color": "#0072B2", "linestyle": "-", "linewidth": 1.4},
    OTHER: {"color": "#B34700", "linestyle": (0, (4, 1.5)), "linewidth": 1.8},
    LOST: {"color": "#000000", "linestyle": (0, (1, 1.5)), "linewidth": 1.4},
}


def detections(images: Tensor, rows: Mapping[str, Sequence[Objects]]) -> Figure:
    """Show scenes side by side, once for each row, with the boxes, labels and scores of that row.

    `images` is (N, 1, height, width), from 0 (paper) to 1 (ink); `rows` maps a title to one Objects per image. The
    first row is the reference. In the others a box is dashed where the reference has none there with that label
    ("9→3": it has one with another label), and dotted where the reference has one and the row has none; the
    title counts the boxes of the reference that the row has too. Up to six scenes stay legible.
    ValueError: no images or rows, or a row with another number of scenes.

    >>> from qlab.zoo import detect, load, scenes
    >>> images, truth = scenes("test", 3, seed=0)
    >>> found = detect(load("digit_detector"), images)
    >>> detections(images, {"truth": truth, "found": found}).axes[0].get_ylabel()
    'truth'
    """
    from qlab.picture import style

    _check(images, rows)
    reference = next(iter(rows.values()))
    with style():
        figure = _scene_grid(len(rows), len(images), _in_words(rows))
        for index, (title, row) in enumerate(rows.items()):
            axes_of_row = figure.axes[index * len(images) : (index + 1) * len(images)]
            for axes, image, before, after in zip(axes_of_row, images, reference, row, strict=True):
                _draw_scene(axes, image)
                _draw_objects(axes, before, after)
            axes_of_row[0].set_ylabel(title if index == 0 else f"{title}\n{_count(reference, row)}", labelpad=8)
        if len(rows) > 1:
            _legend(figure)
    return figure


def _scene_grid(rows: int, columns: int, alt: str) -> Figure:
    from qlab.picture import PAGE, picture

    size = min(SCENE, (PAGE - 0.5) / columns)
    figure = picture((size * columns + 0.5, size * rows + (0.3 if rows > 1 else 0)), alt)
    figure.subplots(rows, columns, squeeze=False)
    return figure


def _draw_scene(axes: Axes, image: Tensor) -> None:
    height, width = image.shape[-2:]
    # vmax > 1 shows the darkest ink as a gray on which the boxes stand out
    extent = (0, width, height, 0)
    axes.imshow(image[0].cpu().float().numpy(), cmap="gray_r", vmin=0, vmax=1.6, extent=extent)
    axes.set(xticks=[], yticks=[], xlim=(-1, width + 1), ylim=(height + 1, -1))  # room for a box at the edge
    for spine in axes.spines.values():
        spine.set(visible=True, color="0.8")


def marks(reference: Objects, objects: Objects) -> list[tuple[list[float], str, str]]:
    """What to draw of `objects` beside those of the reference: a box, its kind (a key of `LINES`) and its text.

    >>> from qlab.zoo import scenes
    >>> (_, (first, _)) = scenes("test", 2, seed=0)
    >>> {kind for _, kind, _ in marks(first, first)}
    {'same box and label'}
    """
    known, there = agreement(objects, reference), box_iou(objects.boxes, reference.boxes) >= SAME_PLACE
    found = []
    for index, (box, label, score) in enumerate(zip(*(part.tolist() for part in objects), strict=True)):
        before = "" if known[index] else "".join(f"{old}→" for old in reference.labels[there[index]].tolist())
        found.append((box, SAME if known[index] else OTHER, before + _text(label, score)))
    lost = (part[~there.any(dim=0)].tolist() for part in reference[:2])
    return found + [(box, LOST, str(label)) for box, label in zip(*lost, strict=True)]


def _draw_objects(axes: Axes, reference: Objects, objects: Objects) -> None:
    """Draw the objects, and those of the reference in whose place there is nothing."""
    for mark in marks(reference, objects):
        _draw_box(axes, *mark)


def _in_words(rows: Mapping[str, Sequence[Objects]]) -> str:
    """The labels of the first row, scene by scene, and how many of its boxes each other row has."""
    (title, reference), *others = rows.items()
    labels = "; ".join(" ".join(map(str, objects.labels.tolist())) or "none" for objects in reference)
    first = f"{len(reference)} scenes with boxes. {title}, labels by scene: {labels}"
    return ". ".join([first, *(f"{name}: {_count(reference, row)}" for name, row in others)]) + "."


def _count(reference: Sequence[Objects], row: Sequence[Objects]) -> str:
    same = sum(int(agreement(*pair).sum()) for pair in zip(reference, row, strict=True))
    before, after = (sum(len(objects.labels) for objects in side) for side in (reference, row))
    return f"{same} of {before} same" + (f", {after - same} other" if after > same else "")


def _draw_box(axes: Axes, box: list[float], kind: str, text: str) -> None:
    from matplotlib.patches import Rectangle

    left, top, right, bottom = box
    axes.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, gid=kind, **LINES[kind]))
    plate = {"boxstyle": "square,pad=0.12", "facecolor": LINES[kind]["color"], "edgecolor": "none"}
    x, ha = (left, "left") if left + LABEL[0] < axes.get_xlim()[1] else (right, "right")
    y, va = (top, "bottom") if top > LABEL[1] else (bottom, "top")
    axes.text(x, y, text, ha=ha, va=va, color="white", fontsize=6.5, bbox=plate)


def _text(label: int, score: float) -> str:
    return str(label) if score == 1 else f"{label} {100 * score:.0f} %"


def _legend(figure: Figure) -> None:
    from matplotlib.lines import Line2D

    lines = [Line2D([], [], label=kind, **look) for kind, look in LINES.items()]
    figure.legend(handles=lines, loc="outside lower center", ncols=len(lines), frameon=False)


def _check(images: Tensor, rows: Mapping[str, Sequence[Objects]]) -> None:
    if images.ndim != 4 or images.shape[1] != 1 or not len(images) or not rows:
        shape = tuple(images.shape)
        raise ValueError(f"got images of shape {shape} and {len(rows)} rows: pass (N, 1, height, width) and a row")
    for title, row in rows.items():
        if len(row) != len(images):
            raise ValueError(f"row {title!r} has {len(row)} scenes, got {len(images)} images: pass one each")
