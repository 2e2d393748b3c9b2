"""What `ui.py` times: every explorer, an empty round trip to the kernel, and the naive form."""

from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Locator, Page

from benchmarks.ui_page import Timed, TimedButton

NAIVE = Path(__file__).with_name("naive.py").read_text(encoding="utf-8")
ROUND_TRIP = """
import ipywidgets
slider, count = ipywidgets.IntSlider(max=10_000, description="count"), ipywidgets.HTML("<b>0</b>")
slider.observe(lambda change: setattr(count, "value", f"<b>{change.new}</b>"), "value")
box = ipywidgets.VBox([slider, count])
box.add_class("round-trip")
box
"""

SEED = "seed of the order of the images"


@dataclass(frozen=True)
class View:
    """A line of the table: what is timed, the call that shows it, the control that is stepped.

    `control` is a slider's accessible name; empty, it is the check boxes. With a `button`, that is what is pressed,
    and the slider takes back what it began. `naive` names the function of naive.py that shows the same. `limit`, in
    milliseconds, is for steps that compute more than a view: it is their only target.
    """

    name: str
    call: str
    control: str
    naive: str = ""
    button: str = ""
    limit: int = 0


VIEWS = (
    View("lesson 00, affine of a layer: bits", "affine('fc1.weight', bits=3)", "bits of a code"),
    View("lesson 01, formats: value", "formats()", "the number to store"),
    View("lesson 02, downcasting: image", "downcasting()", "number of the test image, from 0"),
    View("lesson 03, affine: bits", "affine()", "bits of a code", naive="affine"),
    View("lesson 04, symmetric: bits", "symmetric()", "bits of a code"),
    View("lesson 05, granularity: bits", "granularity()", "bits of a code", naive="granularity"),
    View("lesson 06, integer_matmul: bits", "integer_matmul()", "bits of a code of x"),
    View("lesson 07, layers: scene", "layers()", "number of the scene, from 0"),
    View("lesson 07, layers: keep in float (runs the model)", "layers()", "", limit=150),
    View("lesson 08, clipping: clip", "clipping()", "clip, in the data's unit: larger values are cut off"),
    View("lesson 09, anatomy: group", "anatomy(granularity='per group')", "group size, in weights of a row"),
    View("lesson 10, sensitivity: keep in float (runs the model)", "sensitivity()", "", limit=150),
    View("lesson 11, training: seed", "training()", SEED),
    View("lesson 11, training: train (until the first step)", "training()", SEED, button="train", limit=200),
    View("lesson 14, translator: concept", "translator()", "what is to be done"),
)


def cells_of(view: View) -> list[str]:
    """The notebook's cells: the view, the empty round trip and, if there is one, the naive form."""
    shown = [f"from qlab import explore\nexplore.{view.call}", ROUND_TRIP]
    return [*shown, NAIVE, f"{view.naive}()"] if view.naive else shown


def timed_on(page: Page, view: View) -> dict[str, Timed]:
    """What is to be timed in the notebook that the page shows, by name."""
    empty = page.locator(".round-trip")
    found = {"view": timed_explorer(page, page.locator(".qlab-explorer"), view)}
    found["round trip"] = Timed(page, empty.locator(".widget-html-content"), [empty.get_by_role("slider")])
    if view.naive:
        naive = page.locator(".widget-interact")
        found["naive"] = Timed(page, naive.locator(".widget-output"), [naive.get_by_role("slider")])
    return found


def timed_explorer(page: Page, explorer: Locator, view: View) -> Timed:
    """An explorer's picture with the controls that the view steps."""
    picture, slider = explorer.locator(".qlab-view >> xpath=.."), explorer.get_by_role("slider", name=view.control)
    if view.button:
        return TimedButton(page, picture, [explorer.get_by_role("button", name=view.button, exact=True), slider])
    return Timed(page, picture, [slider] if view.control else explorer.get_by_role("checkbox").all())
