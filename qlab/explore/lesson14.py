"""Lesson 14's explorer: a concept in two libraries, and what each makes of the same weights."""

from __future__ import annotations

import html
from dataclasses import dataclass

import numpy as np
import torch

from qlab.api_map import CONCEPTS, IMPORTS, LIBRARIES
from qlab.explore.base import Explorer, button, check, choice, steps
from qlab.explore.comparison import Cell, Comparison
from qlab.explore.panels import Panel, code_panel, crop, significant, value_panel
from qlab.explore.tensors import Source, names, source
from qlab.explore.view import Number, State, call

HALF_STEP = ("torch.ao", "torchao")  # they divide by 127.5; the tests compare with the libraries


def translator(tensor=None, concept: str = "scale", left: str = "torch.ao", right: str = "torchao"):
    """The explorer of lesson 14, to be shown as the last line of a notebook's cell.

    tensor: None for a 4 x 4 sample, a layer such as "fc1.weight", or your own tensor: the weights, a scale for each
    row. concept: a key of `qlab.api_map.CONCEPTS`. left, right: "qlab", "torch.ao", "torchao", "quanto" or
    "onnxruntime". Raises ValueError for a setting outside these.
    """
    start = source(tensor)
    check("concept", concept, tuple(CONCEPTS))
    check("left", left, LIBRARIES)
    check("right", right, LIBRARIES)
    sources = {name: source(name) for name in names()} | {start.name: start}
    controls = {
        "left": choice("from", LIBRARIES, left, "the library whose call you know"),
        "right": choice("to", LIBRARIES, right, "the library whose call you look for"),
        "swap": button("swap", "exchange the two libraries"),
        "concept": steps("concept", [(key, key) for key in CONCEPTS], concept, "what is to be done"),
        "tensor": choice("weights", tuple(sources), start.name, "the weights to quantize"),
    }

    def swap() -> None:
        controls["left"].value, controls["right"].value = controls["right"].value, controls["left"].value

    def compute(tensor: str, **settings) -> State:
        return state(sources[tensor], **settings)

    return Explorer(controls, compute, linked={"swap": swap})


def state(chosen: Source, concept: str, left: str, right: str) -> State:
    """What the explorer shows of the weights: a plain function of its settings."""
    (codes_left, scale_left), (codes_right, scale_right) = (codes_of(chosen.x, name) for name in (left, right))
    differ = int((codes_left != codes_right).sum())
    numbers = {
        "left_scale": Number("first row's scale", scale_left[0].item(), significant(scale_left[0].item())),
        "right_scale": Number("… to the right", scale_right[0].item(), significant(scale_right[0].item())),
        "differ": Number("codes that differ", differ, f"{differ:,} of {codes_left.numel():,}"),
    }
    return State(
        call=call("translator", *filter(None, [chosen.call]), concept=concept, left=left, right=right),
        numbers=numbers,
        panels=_panels(chosen, codes_left, codes_right, left, right),
        lead=Calls(concept, left, right),
        table=_table(concept, left, right),
        remark=f"Mind: {CONCEPTS[concept].false_friend}",
        note=f"Pictured: 8-bit weights by default, a scale for each row. {chosen.note}".strip(),
    )


def codes_of(weight: torch.Tensor, library: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Codes and scales of rows as a library makes them by default: (rows, n) -> int8 (rows, n), float32 (rows, 1).

    torch.ao and torchao take the largest magnitude over 127.5 and multiply by 1 / scale, with codes from -128; the
    others take it over 127 and divide.

    >>> codes_of(torch.tensor([[1.0, -127.5]]), "torchao")[0], codes_of(torch.tensor([[1.0, -127.0]]), "quanto")[0]
    (tensor([[   1, -128]], dtype=torch.int8), tensor([[   1, -127]], dtype=torch.int8))
    """
    largest = weight.abs().amax(dim=1, keepdim=True)
    scale = torch.where(largest == 0, 1.0, largest / (127.5 if library in HALF_STEP else 127))
    ratio = weight * (1 / scale) if library in HALF_STEP else weight / scale
    return ratio.round().clamp(-128, 127).to(torch.int8), scale


@dataclass(frozen=True)
class Calls:
    """The concept in words, and its call in both libraries side by side: a `view.Lead`."""

    concept: str
    left: str
    right: str

    @property
    def parts(self) -> list[tuple[str, str]]:
        """For each library: its name with its status, and its lines of code."""
        about = CONCEPTS[self.concept]
        shown = []
        for library in (self.left, self.right):
            status = about.status(library)
            if status == "deprecated":
                status += f"; now: {about.instead}"
            lines = f"{IMPORTS[library]}\n\n{about.call[library]}" if library in about.call else "(no such call)"
            shown.append((f"{library} ({status})", lines))
        return shown

    @property
    def text(self) -> str:
        """For readers: both calls, one under the other."""
        return "\n".join([self._title, *(f"{title}:\n{lines}" for title, lines in self.parts)])

    @property
    def html(self) -> str:
        """Two columns; one under the other where the pane is narrow."""
        columns = "".join(
            f'<div style="flex:1 1 300px;min-width:0"><p><b>{html.escape(title)}</b></p>'
            f'<p class="call"><code style="display:block">{html.escape(lines)}</code></p></div>'
            for title, lines in self.parts
        )
        title = f"<p>{html.escape(self._title)}</p>"
        return f'{title}<div style="display:flex;flex-flow:row wrap;gap:0 14px;min-height:216px">{columns}</div>'

    @property
    def _title(self) -> str:
        return f"{self.concept}: {CONCEPTS[self.concept].meaning}."

    def draw(self, axes) -> None:
        """The same on matplotlib's axes."""
        axes.set_axis_off()
        axes.set_title(self._title, fontsize=9, loc="left")
        for x, (title, lines) in zip((0.0, 0.52), self.parts, strict=True):
            axes.text(x, 0.95, title, fontsize=8, weight="bold", va="top")
            axes.text(x, 0.84, lines, fontsize=6, family="monospace", va="top")


def _panels(chosen: Source, codes_left, codes_right, left: str, right: str) -> tuple[Panel, ...]:
    """The weights, the codes of both libraries, and by how much these differ."""
    difference = crop((codes_left.int() - codes_right.int()).numpy())
    ticks = ((0.0, "−2"), (0.5, "same code"), (1.0, "2"))
    return (
        value_panel("weights", chosen.x.numpy(), chosen.largest),
        code_panel(f"codes, {left}", codes_left.numpy(), -128, 127, 0),
        code_panel(f"codes, {right}", codes_right.numpy(), -128, 127, 0),
        Panel("left less right", difference, np.clip(difference / 4 + 0.5, 0, 1), "diverging", ticks, 0, bands=5),
    )


def _table(concept: str, left: str, right: str) -> Comparison:
    """The names of all concepts in both libraries."""
    rows = tuple(
        (Cell(key), *(Cell(about.name.get(library, "—")) for library in (left, right)))
        for key, about in CONCEPTS.items()
    )
    title = "All concepts by their names in both libraries"
    return Comparison(title, ("concept", left, right), rows, list(CONCEPTS).index(concept), words=True)
