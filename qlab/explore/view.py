"""What an explorer shows, as data, and the same as text and as markup."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Protocol

from qlab.explore.comparison import Comparison, comparison_html
from qlab.explore.panels import Panel, panel_html
from qlab.explore.style import NAME_SLIDERS


@dataclass(frozen=True)
class Number:
    """A figure of the state: what it is called, its value, and how it is printed (with its unit)."""

    label: str
    value: float
    text: str


class Chart(Protocol):
    """A plot under the panels: markup for the widget, and a way to draw it on matplotlib's axes."""

    html: str

    def draw(self, axes) -> None: ...


class Lead(Chart, Protocol):
    """A chart that is worth saying in words too."""

    text: str


@dataclass(frozen=True)
class State:
    """Everything an explorer shows: the call that shows it again, figures, panels, a plot or a table.

    `remark` is about the current setting, `note` about the tensor and what the panels leave out. `lead` is a chart
    that stands above the figures.
    """

    call: str
    numbers: dict[str, Number]
    panels: tuple[Panel, ...]
    chart: Chart | None = None
    table: Comparison | None = None
    remark: str = ""
    note: str = ""
    lead: Lead | None = None

    @property
    def text(self) -> str:
        """The state as plain text."""
        width = max(len(number.label) for number in self.numbers.values())
        lines = [f"{number.label:<{width}}  {number.text}" for number in self.numbers.values()]
        lead = self.lead.text if self.lead else ""
        table = self.table.text if self.table else ""
        return "\n".join(filter(None, [self.call, lead, self.remark, self.note, *lines, table]))

    @property
    def alt(self) -> str:
        """The text alternative of the state as a still picture: the call and the figures."""
        return f"{self.call}: {', '.join(f'{n.label} {n.text}' for n in self.numbers.values())}."

    @property
    def html(self) -> str:
        """The state as markup: figures, remark, panels, plot, table, call."""
        figures = "".join(
            f"<div><span>{html.escape(n.label)}</span><b>{html.escape(n.text)}</b></div>"
            for n in self.numbers.values()
        )
        parts = [
            self.lead.html if self.lead else "",
            f'<div class="figures">{figures}</div><p class="remark">{html.escape(self.remark)}</p>',
            f'<div class="panels">{"".join(map(panel_html, self.panels))}</div>',
            f'<p class="note">{html.escape(self.note)}</p>',
            self.chart.html if self.chart else "",
            f'<div class="scroll">{comparison_html(self.table)}</div>' if self.table else "",
            f'<p class="call">This view: <code>{html.escape(self.call)}</code></p>',
        ]
        return f'<div class="qlab-view">{"".join(parts)}{NAME_SLIDERS}</div>'


def call(function: str, *arguments: str, **options) -> str:
    """The Python line that opens an explorer as it stands.

    >>> call("affine", "w", bits=4, scheme="affine")
    "explore.affine(w, bits=4, scheme='affine')"
    """
    parts = [*arguments, *(f"{name}={value!r}" for name, value in options.items() if value is not None)]
    return f"explore.{function}({', '.join(parts)})"
