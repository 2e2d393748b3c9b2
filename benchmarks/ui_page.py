"""Press keys on real controls in JupyterLab, drag them, and time until the picture they change is painted."""

import statistics
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Locator, Page

STOPWATCH = Path(__file__).with_name("stopwatch.js").read_text(encoding="utf-8")
PAUSE = 50  # milliseconds between a step and the next, from when the kernel is idle again
DRAG_PIXELS, DRAG_MOVES = 90, 18
QUIET = 500  # milliseconds without a change after which a drag's picture counts as final, at the least


@dataclass
class Timed:
    """A picture, the controls that change it, and the milliseconds found so far.

    `controls` are one slider's handle, or check boxes, which are pressed in an order that repeats no combination.
    """

    page: Page
    picture: Locator
    controls: list[Locator]
    steps: list[float] = field(default_factory=list)
    drags: list[float] = field(default_factory=list)
    _key: str = "ArrowRight"

    def step(self) -> None:
        """Press a key once and wait for the new picture."""
        count = len(self.steps) + 1
        control = self.controls[((count & -count).bit_length() - 1) % len(self.controls)]  # a Gray code's next bit
        control.focus()
        self._press("Space" if len(self.controls) > 1 else self._arrow(control))

    def drag(self) -> None:
        """Drag the slider as fast as events go, toward its farther end, and wait until the picture is final."""
        handle = self.controls[0]
        handle.scroll_into_view_if_needed()
        x, y = _middle(handle)
        rail, slider = (
            handle.locator(f"xpath=ancestor::*[contains(@class, '{name}')][1]")
            for name in ("noUi-base", "widget-slider")
        )
        away = DRAG_PIXELS if x < _middle(rail)[0] else -DRAG_PIXELS
        quiet = max(QUIET, 2 * statistics.median(self.steps))
        watched = [slider.element_handle(), self.picture.element_handle(), quiet]
        self.page.evaluate("watched => { window.timed = lastPicture(...watched); }", watched)
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + away, y, steps=DRAG_MOVES)
        self.page.mouse.up()
        self.drags.append(self.page.evaluate("window.timed"))
        self._settle()

    def _press(self, key: str) -> None:
        """Press a key on the control that has the focus, and wait for the new picture."""
        self.picture.evaluate("element => { window.timed = nextPicture(element); }")
        self.page.keyboard.press(key)
        self.steps.append(self.page.evaluate("window.timed"))
        self._settle()

    def _arrow(self, handle: Locator) -> str:
        """The arrow to press; at either end of the slider it turns round."""
        low, now, high = (float(handle.get_attribute(f"aria-value{end}")) for end in ("min", "now", "max"))
        if now <= low or now >= high:
            self._key = "ArrowRight" if now <= low else "ArrowLeft"
        return self._key

    def _settle(self) -> None:
        self.page.wait_for_selector("#jp-main-statusbar :text('| Idle')")
        self.page.wait_for_timeout(PAUSE)


class TimedButton(Timed):
    """A button, and a slider whose next value takes back what the button began, its name included."""

    def step(self) -> None:
        """Press the button, wait for the new picture, and take it back."""
        button, slider = self.controls
        button.focus()  # waits until it has its name back
        self._settle()
        self._press("Space")
        slider.focus()
        self.page.keyboard.press(self._arrow(slider))


def _middle(element: Locator) -> tuple[float, float]:
    box = element.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
