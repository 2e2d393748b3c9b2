"""A row of toggle buttons, one a bit: a control whose value is a bit string."""

from __future__ import annotations

import ipywidgets
import traitlets


class BitRow(ipywidgets.Box):
    """Toggle buttons that wear the color of their field. `value`, the bit string, changes with each."""

    value = traitlets.Unicode()

    def __init__(self, bits: str, kinds: list[str]):
        self._toggles, self._held = [], False
        super().__init__()
        self.add_class("qlab-bits")
        self.show(bits, kinds)

    def show(self, bits: str, kinds: list[str]) -> None:
        """Set all bits, and the name of the field that each belongs to."""
        self._held = True
        while len(self._toggles) < len(bits):
            self._toggles.append(ipywidgets.ToggleButton())
            self._toggles[-1].observe(self._toggled, "value")
        shown = self._toggles[: len(bits)]
        for place, (toggle, bit, kind) in enumerate(zip(shown, bits, kinds, strict=True)):
            toggle.tooltip = f"bit {len(bits) - 1 - place}, {kind}"
            if toggle._dom_classes != (f"qlab-{kind}",):
                toggle._dom_classes = (f"qlab-{kind}",)
            with toggle.hold_sync():  # one message to the browser instead of two
                toggle.value, toggle.description = bit == "1", bit
        if len(self.children) != len(shown):
            self.children = tuple(shown)
        self._held = False
        self.value = bits

    def _toggled(self, change) -> None:
        change.owner.description = str(int(change.new))
        if not self._held:
            self.value = "".join(toggle.description for toggle in self.children)
