"""Drive an explorer in the browser, control by control, beside its twin.

The twin is the same explorer in this process, without a browser. Each move is made on the screen by mouse or
keyboard and repeated on the twin; then the screen must show the twin's view, and its figures must be those that the
explorer's file in `explorers/` computes with the library.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import chain

import ipywidgets
from playwright.sync_api import ElementHandle, Locator, Page

from qlab.explore.bitrow import BitRow
from qlab.explore.keeping import NameRow
from qlab.explore.style import STYLE

# The figures on the screen: [label, text] of each.
FIGURES = """explorer => [...explorer.querySelectorAll('.figures div')].map(
  figure => ['span', 'b'].map(part => figure.querySelector(part).textContent)
)"""
# Once the view is that of `html`: what it says, its figures, and what of these is cut off in the narrowest columns.
NARROWEST = re.search(r"\.figures \{.*minmax\((\d+)px", STYLE)[1]  # pixels
SAME_VIEW = f"""([explorer, html]) => {{
  const twin = new DOMParser().parseFromString(html, 'text/html').querySelector('.qlab-view');
  const view = explorer.querySelector('.qlab-view');
  if (view?.innerHTML !== twin.innerHTML) return false;
  const words = [...view.children].filter(e => e.className != 'call').map(e => e.textContent).join();
  const range = document.createRange();
  const cut = [...view.querySelectorAll('.figures span, .figures b')].filter(e => {{
    range.selectNodeContents(e);
    return range.getBoundingClientRect().width > {NARROWEST};
  }});
  return [words, ({FIGURES})(explorer), cut.map(e => e.textContent)];
}}"""
# Where a slider's handle is, and what the number beside it says.
PLACE = """handle => {
  const readout = handle.closest('.widget-slider').querySelector('.widget-readout');
  return [handle.getAttribute('aria-valuenow'), readout.textContent];
}"""
PICTURES = "view => [...view.querySelectorAll('img, svg, td')].map(e => e.outerHTML).join()"


class Driver:
    """An explorer on the screen, its twin, and `numbers`: from the controls' values to {label: value}.

    `given`: for a control that has no effect by itself, the values of others that it is tried under. `typed`: for
    each text field, what to type. `plain`: controls that change figures alone, no picture.
    """

    def __init__(self, page: Page, explorer: Locator, twin, numbers: Callable, given=None, typed=None, plain=()):
        self.page, self.twin, self.numbers = page, twin, numbers
        self.explorer, self.element = explorer, explorer.element_handle()
        self.given, self.typed, self.plain = given or {}, typed or {}, plain

    def over_every_control(self) -> None:
        """All controls over their ranges, one after the other."""
        self.agree("at the start")
        first = self.twin.values
        for name in self.twin.controls:
            for other, value in self.given.get(name, {}).items():
                self.put(other, value)
            self.over_range(name)
            for changed in {name, *self.given.get(name, {})} & first.keys():
                self.put(changed, first[changed])
            assert not self.page.problems, name

    def over_range(self, name: str) -> None:
        """Bring one control to every place that `moves` knows; its words, pictures and pixels must change."""
        view, words, pictures = self.explorer.locator(".qlab-view"), set(), {}
        for move in chain(["as it is"], self.moves(name)):
            words.add(self.agree(f"{name}, {move}"))
            if len(pictures) < 2 and (drawn := view.evaluate(PICTURES)) not in pictures:
                pictures[drawn] = view.screenshot()
        assert len(words) > 1, f"{name} changes no text"
        assert len(set(pictures.values())) > 1 or name in self.plain, f"{name} changes no picture"

    def agree(self, told: str) -> str:
        """Wait until the screen shows what the twin shows; its figures are what the library computes: its words."""
        wanted = {number.label: number.text for number in self.twin.current.numbers.values()}
        try:
            arguments = [self.element, self.twin.view.value]
            seen = self.page.wait_for_function(SAME_VIEW, arg=arguments, timeout=20_000)
        except Exception:
            assert shown_numbers(self.explorer) == wanted, told
            raise AssertionError(f"{told}: the screen shows another view than {self.twin.current.call}") from None
        words, figures, cut = seen.json_value()
        assert not cut, f"{told}: too long for a narrow pane: {cut}"
        shown = dict(figures)
        for label, value in self.numbers(**self.twin.values).items():
            assert says(shown[label], value), f"{told}: {label} is {value}, the screen says {shown[label]}"
        return words

    def part(self, role: str, name) -> ElementHandle:
        """A part of the explorer by what a screen reader says: its role and its name."""
        return self.explorer.get_by_role(role, name=name, exact=isinstance(name, str)).element_handle()

    def moves(self, name: str) -> Iterator[str]:
        """Make one move after the other with a control, on the screen and on the twin."""
        control = self.twin.controls[name]
        if isinstance(control, (ipywidgets.IntSlider, ipywidgets.SelectionSlider)):
            return self._slide(control)
        if isinstance(control, ipywidgets.Dropdown):
            return self._choose(control)
        if isinstance(control, ipywidgets.FloatText):
            return (self._type(control, text) for text in self.typed[name])
        if isinstance(control, ipywidgets.Button):
            return self._press_button(control)
        if isinstance(control, BitRow):
            return self._toggle([("button", re.compile(f"^{t.tooltip}: [01]$"), t) for t in control.children])
        if isinstance(control, NameRow):
            return self._toggle([("checkbox", box.description, box) for box in control.boxes.values()])
        raise TypeError(f"{name} is a {type(control).__name__}: teach Driver.moves how it is moved")

    def put(self, name: str, value) -> None:
        """Bring one control to a value."""
        control = self.twin.controls[name]
        if isinstance(control, (ipywidgets.IntSlider, ipywidgets.SelectionSlider)):
            self._slide_to(control, value)
        elif isinstance(control, ipywidgets.Dropdown):
            self._select(control, value)
        elif isinstance(control, ipywidgets.FloatText):
            self._type(control, repr(value))
        self.agree(f"{name} put to {value}")

    def _slide(self, slider) -> Iterator[str]:
        handle = self.part("slider", slider.tooltip)
        for key in ("Home", "End", "ArrowLeft"):
            handle.press(key)
            self._follow(slider, handle)
            yield f"key {key}"
        for share in (0, 1, 0.5):
            self._drag(handle, share)
            self._follow(slider, handle)
            yield f"dragged to {share:.0%}"

    def _slide_to(self, slider, value) -> None:
        values = _values(slider)
        handle, place = self.part("slider", slider.tooltip), values.index(value)
        self._drag(handle, place / max(1, len(values) - 1))
        self._follow(slider, handle)
        while (off := place - values.index(slider.value)) != 0:  # a pixel may be more than a step
            handle.press("ArrowRight" if off > 0 else "ArrowLeft")
            self._follow(slider, handle)

    def _drag(self, handle: ElementHandle, share: float) -> None:
        """Take a handle with the mouse to a share of its track."""
        handle.scroll_into_view_if_needed()
        track = handle.query_selector("xpath=ancestor::*[contains(@class, 'noUi-base')]").bounding_box()
        box = handle.bounding_box()
        self.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        self.page.mouse.down()
        y = track["y"] + track["height"] / 2
        self.page.mouse.move(track["x"] + share * track["width"], y)
        self.page.mouse.up()

    def _follow(self, slider, handle: ElementHandle) -> None:
        """Bring the twin's slider to where the handle is, and see that the number beside it says so."""
        at, readout = handle.evaluate(PLACE)
        now = round(float(at))
        slider.value = now if isinstance(slider, ipywidgets.IntSlider) else _values(slider)[now]
        text = str(now) if isinstance(slider, ipywidgets.IntSlider) else slider.options[now][0]
        assert readout.replace("−", "-") == text.replace("−", "-"), slider.description

    def _choose(self, dropdown) -> Iterator[str]:
        """Every option; then a step with the keyboard."""
        values, box = _values(dropdown), self.part("combobox", dropdown.description)
        for value in values:
            self._select(dropdown, value)
            yield str(value)
        box.press("ArrowUp")
        dropdown.value = values[len(values) - 2]
        yield "key ArrowUp"

    def _select(self, dropdown, value) -> None:
        self.part("combobox", dropdown.description).select_option(index=_values(dropdown).index(value))
        dropdown.value = value

    def _type(self, field, text: str) -> str:
        box = self.part("spinbutton", field.description)
        box.fill(text)
        box.press("Enter")
        field.value = float(text)
        return f"typed {text}"

    def _press_button(self, button) -> Iterator[str]:
        """With the mouse, then with the keyboard."""
        pressed = self.part("button", button.description)
        for press in (pressed.click, lambda: pressed.press("Enter")):
            press()
            button.click()
            yield "pressed"

    def _toggle(self, parts: list[tuple]) -> Iterator[str]:
        """Each one there with the mouse, and back with the keyboard."""
        for role, name, toggle in parts:
            part = self.part(role, name)
            for press in (part.click, lambda part=part: part.press("Space")):
                press()
                toggle.value = not toggle.value
                yield f"{toggle.tooltip} {toggle.value}"


def _values(control) -> list:
    """All values of a control, in its order."""
    if isinstance(control, ipywidgets.IntSlider):
        return list(range(control.min, control.max + 1, control.step))
    return [option[1] if isinstance(option, tuple) else option for option in control.options]


def shown_numbers(explorer: Locator) -> dict[str, str]:
    """The figures on the screen: {label: text}."""
    return dict(explorer.evaluate(FIGURES))


def says(text: str, value: float) -> bool:
    """Whether a figure's text is this value, rounded to the digits it shows."""
    if not math.isfinite(value):
        return text in {math.inf: ("exact", "inf"), -math.inf: ("overflow", "−inf")}.get(value, ("none", "NaN"))
    found = re.match(r"−?[\d,]*\.?\d+(?:e[−+]?\d+)?", text)
    if not found:
        return False
    shown = Decimal(found[0].replace("−", "-").replace(",", ""))
    return abs(Decimal(value) - shown) <= Decimal("0.5000001") * Decimal(10) ** shown.as_tuple().exponent
