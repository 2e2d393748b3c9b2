"""One scene, three times: what stands in it, what a detector finds, and what it finds with other layers."""

from __future__ import annotations

import base64
import html
from dataclasses import dataclass

import numpy as np
import torch

from qlab.explore.panels import palette_png
from qlab.scene_plots import LINES, marks
from qlab.zoo import Objects

PLATE, LETTER = 5.5, 2.7  # pixels of the scene: height of a label, width of a letter
INK = 1 / 1.6  # the darkest ink is a gray on which the boxes stand out
FEW = 8  # boxes whose labels have room for scores
GAP = 6  # pixels of the scene between two of them in the still picture
GRAYS = np.repeat(np.arange(255, -1, -1, dtype=np.uint8)[:, None], 3, axis=1)


@dataclass(frozen=True)
class SceneViews:
    """`image` is (1, height, width), 0 to 1. `rows` maps titles to detections; the first has the truth, and the
    second is what those after it are compared with.
    """

    image: torch.Tensor
    rows: dict[str, Objects]

    @property
    def marks(self) -> dict[str, list]:
        """The boxes of each view, with kind and text."""
        before = list(self.rows.values())[1]
        return {
            title: marks(objects if number < 2 else before, objects)
            for number, (title, objects) in enumerate(self.rows.items())
        }

    @property
    def text(self) -> str:
        """The views in words."""
        return "\n".join(f"{title}: {_words(found)}" for title, found in self.marks.items())

    @property
    def html(self) -> str:
        """The views as markup, side by side."""
        views = "".join(_figure(title, self.image, found) for title, found in self.marks.items())
        return f'<div class="scenes">{views}</div>'

    def draw(self, axes) -> None:
        """The same on matplotlib's axes."""
        from matplotlib.patches import Rectangle

        height, width = self.image.shape[1:]
        paper = np.zeros((height, len(self.rows) * (width + GAP) - GAP))
        for number, (title, found) in enumerate(self.marks.items()):
            start = number * (width + GAP)
            paper[:, start : start + width] = INK * self.image[0].numpy()
            axes.text(start, -1, title, fontsize=8)
            for (left, top, right, bottom), kind, text in found:
                corner = left + start, top
                axes.add_patch(Rectangle(corner, right - left, bottom - top, fill=False, **LINES[kind]))
                axes.text(*corner, text, fontsize=6, va="bottom", color=LINES[kind]["color"])
        axes.imshow(paper, cmap="gray_r", vmin=0, vmax=1, extent=(0, paper.shape[1], height, 0))
        axes.set_axis_off()


def _words(found: list) -> str:
    said = [f"{text} at {', '.join(f'{c:.0f}' for c in box)} ({kind})" for box, kind, text in found]
    return "; ".join(said) or "nothing"


def _figure(title: str, image: torch.Tensor, found: list) -> str:
    height, width = image.shape[1:]
    index = (255 * INK * image[0].clamp(0, 1)).round().byte().numpy()
    data = base64.b64encode(palette_png(index, GRAYS)).decode()
    picture = f'<image href="data:image/png;base64,{data}" width="{width}" height="{height}"/>'
    boxes = "".join(_boxes(found, width, height))
    alt = html.escape(f"{title}: {_words(found)}")
    look = "display:block;width:100%;image-rendering:pixelated;outline:1px solid var(--jp-border-color2, silver)"
    svg = f'<svg role="img" aria-label="{alt}" viewBox="0 0 {width} {height}" style="{look}">'
    caption = f"<figcaption><b>{html.escape(title)}</b></figcaption>"
    body = f"{svg}{picture}{boxes}</svg>"
    return f"<figure>{caption}{body}</figure>"


def _boxes(found: list, width: int, height: int) -> list[str]:
    """All boxes, and above them the labels, each beside its box and off the others where there is room.

    Where there are more than a few, the labels leave out the scores, which the picture's words still have.
    """
    boxes, labels, taken = [], [], []
    for box, kind, label in found:
        text = label if len(found) <= FEW else label.split()[0]
        taken.append(_place(box, LETTER * len(text) + 1, width, height, taken))
        boxes.append(_box(box, kind))
        labels.append(_label(*taken[-1], LINES[kind]["color"], text))
    return boxes + labels


def _place(box: list[float], length: float, width: int, height: int, taken: list) -> tuple[float, float, float]:
    """Left, top and length of a label: over its box, else under or within it, or as near as the others leave it."""
    left, top, right, bottom = box
    across = [min(max(x, 0), width - length) for x in (left, right - length)]
    down = [top - PLATE, bottom, top, bottom - PLATE] + [top + PLATE * n for n in (-2, 1, 2, -3, 3, -4, 4)]
    inside = [(x, y) for y in down for x in across if 0 <= y <= height - PLATE] or [(across[0], 0)]
    covered = [sum(max(0, PLATE - abs(y - v)) for u, v, n in taken if u - length < x < u + n) for x, y in inside]
    return *inside[covered.index(min(covered))], length


def _box(box: list[float], kind: str) -> str:
    left, top, right, bottom = box
    look = LINES[kind]
    dashes = look["linestyle"][1] if isinstance(look["linestyle"], tuple) else ()
    line = f'stroke="{look["color"]}" stroke-width=".7" stroke-dasharray="{" ".join(map(str, dashes)) or "none"}"'
    rect = f'<rect x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}"'
    return f'{rect} fill="none" {line}/>'


def _label(x: float, y: float, length: float, color: str, text: str) -> str:
    plate = f'<rect x="{x:.1f}" y="{y:.1f}" width="{length:.1f}" height="{PLATE}" fill="{color}"/>'
    words = f'<text x="{x + 0.5:.1f}" y="{y + 4.2:.1f}" fill="#fff" font-size="4.6">{html.escape(text)}</text>'
    return plate + words
