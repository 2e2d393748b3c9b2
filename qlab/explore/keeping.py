"""A row of check boxes, one a name: a control whose value is the tuple of the names that are checked."""

from __future__ import annotations

import ipywidgets
import traitlets


class NameRow(ipywidgets.Box):
    """Check boxes in a row that wraps. `value` has the checked names, in the order of the boxes."""

    value = traitlets.Tuple()

    def __init__(self, label: str, counts: dict[str, int], checked: tuple[str, ...], meaning: str):
        """`counts`: for each name how many things it stands for. `meaning`: what is said before each name."""
        self.boxes = {
            name: ipywidgets.Checkbox(
                name in checked,
                description=name if count == 1 else f"{name} ({count})",
                tooltip=f"{meaning} {name}",
                indent=False,
                layout={"width": "auto", "margin": "0 12px 0 0"},
            )
            for name, count in counts.items()
        }
        title = ipywidgets.Label(label, layout={"margin": "0 12px 0 0"})
        super().__init__([title, *self.boxes.values()], layout={"flex_flow": "row wrap", "overflow": "visible"})
        for box in self.boxes.values():
            box.observe(self._checked, "value")
        self._checked()

    def _checked(self, _=None) -> None:
        self.value = tuple(name for name, box in self.boxes.items() if box.value)
