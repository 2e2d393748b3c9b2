"""What every explorer shares: controls, a state computed from their values by a plain function, one view.

A new explorer is two functions. The public one has the settings' defaults, checks them, and makes controls of them
by `whole`, `steps` (and `refill`), `number`, `choice` and `button`; a box gets a row of its own. The other, tested
with no browser, makes a `State` of the controls' values; it neither checks them nor has defaults again:

    def rounding(bits: int = 8):
        check("bits", bits, range(2, 9))
        return Explorer({"bits": whole("bits", range(2, 9), bits, "bits of a code")}, state)

The view is one `ipywidgets.HTML` whose value is rewritten at each step. Nothing else is drawn, so nothing flickers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import ipywidgets

from qlab.explore.panels import png_html
from qlab.explore.still import still_png
from qlab.explore.style import STYLE
from qlab.explore.view import State

SLIDERS = (ipywidgets.IntSlider, ipywidgets.SelectionSlider, ipywidgets.FloatText)


def check(name: str, given, legal: range | tuple[str, ...]) -> None:
    """Raise the ValueError that says what a setting must be, unless it is a whole number or a name of `legal`.

    >>> check("bits", 9, range(2, 9))
    Traceback (most recent call last):
    ValueError: bits must be a whole number from 2 to 8, got 9
    """
    expected = (
        f"one of {', '.join(legal)}"
        if isinstance(legal, tuple)
        else f"a whole number from {legal[0]} to {legal[-1]}"
    )
    if given not in legal or isinstance(given, float):
        raise ValueError(f"{name} must be {expected}, got {given!r}")


def whole(label: str, values: range, value: int, meaning: str) -> ipywidgets.IntSlider:
    """A slider over whole numbers. `meaning` is its accessible name and tooltip, with the unit."""
    return ipywidgets.IntSlider(
        value, min=values[0], max=values[-1], step=values.step, description=label, tooltip=meaning
    )


def steps(label: str, options: list[tuple[str, float]], value: float, meaning: str) -> ipywidgets.SelectionSlider:
    """A slider over listed (text, value) pairs: exact values, where a float slider would snap them to its grid."""
    return ipywidgets.SelectionSlider(options=options, value=value, description=label, tooltip=meaning)


def refill(slider: ipywidgets.SelectionSlider, options: list[tuple[str, float]], value: float) -> None:
    """Give a slider made by `steps` other pairs and a value."""
    # subtle: where pairs and position change in one message, the browser moves the handle on the old scale, cuts it
    # off at the old end and sends that back. So first a position that both have, then the pairs, then the position.
    shared = min(slider.index, len(options) - 1)
    slider.index = shared
    with slider.hold_sync():
        slider.options, slider.index = options, shared
    slider.value = value


def number(label: str, value: float, meaning: str) -> ipywidgets.FloatText:
    """A field to type any number into; it counts once Enter is pressed or the field is left."""
    return ipywidgets.FloatText(value, description=label, tooltip=meaning, continuous_update=False)


def choice(label: str, options: tuple, value, meaning: str) -> ipywidgets.Dropdown:
    """A drop-down list."""
    return ipywidgets.Dropdown(options=options, value=value, description=label, tooltip=meaning)


def button(label: str, meaning: str) -> ipywidgets.Button:
    """A button; what it does is its entry in the explorer's `linked`."""
    return ipywidgets.Button(description=label, tooltip=meaning)


class Explorer(ipywidgets.VBox):
    """Controls over one view. `current` is the State on view, `values` the controls' values by name.

    `compute(**values)` makes the state. `linked` maps the name of a control or button to a function that sets
    other controls; it runs when that control changes or that button is pressed, before the view is rewritten.
    """

    def __init__(self, controls: dict, compute: Callable[..., State], linked=None):
        self.controls, self.compute, self.linked = controls, compute, linked or {}
        self.view = ipywidgets.HTML()
        self._held = False
        for name, control in controls.items():
            changed = partial(self._changed, name)
            if isinstance(control, ipywidgets.Button):
                control.on_click(changed)
            else:
                control.observe(changed, "value")
        self.refresh()
        sliders = [c for c in controls.values() if isinstance(c, SLIDERS)]
        rows = [c for c in controls.values() if isinstance(c, ipywidgets.Box)]
        others = [c for c in controls.values() if c not in [*sliders, *rows]]
        columns = ipywidgets.HBox([ipywidgets.VBox(others), ipywidgets.VBox(sliders)])
        columns.add_class("qlab-controls")
        super().__init__([ipywidgets.HTML(STYLE), columns, *rows, self.view])
        self.add_class("qlab-explorer")

    @property
    def values(self) -> dict:
        """The controls' current values by name."""
        return {name: control.value for name, control in self.controls.items() if hasattr(control, "value")}

    def refresh(self) -> None:
        """Compute the state and rewrite the view."""
        self.current = self.compute(**self.values)
        self.view.value = self.current.html

    def _changed(self, name: str, _) -> None:
        """Let a change of one control set others, then rewrite the view once."""
        if self._held:
            return
        self._held = True
        try:
            self.linked.get(name, lambda: None)()
        finally:
            self._held = False
        self.refresh()

    def _repr_mimebundle_(self, **options):
        """Also a picture and the figures, for where the live widget cannot be shown (untrusted, exported)."""
        live = super()._repr_mimebundle_(**options)
        still = png_html(still_png(self.current), self.current.alt)
        return {**live, "text/plain": self.current.text, "text/html": still}
