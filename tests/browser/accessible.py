"""What a reader needs who sees little or uses no mouse: judged by axe-core, and by the pixels of the focus."""

from __future__ import annotations

import re

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ElementHandle, Locator, Page

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
CONTRAST = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
# JupyterLab's body has no height of its own; axe-core takes what lies outside it for hidden.
TALL = "document.body.style.height = '100vh'"
ON_BARS = """view => {
  const linear = v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const paint = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const light = color => {
    paint.fillStyle = color; paint.fillRect(0, 0, 1, 1);
    const [r, g, b] = paint.getImageData(0, 0, 1, 1).data;
    return 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
  };
  return [...view.querySelectorAll('.comparison td')].map(cell => {
    const style = getComputedStyle(cell), bar = style.backgroundImage.match(/rgba?\\([^)]*\\)|#[0-9a-f]+/)[0];
    const back = light(bar), ink = light(style.color);
    return (Math.max(back, ink) + 0.05) / (Math.min(back, ink) + 0.05);
  });
}"""
# Nor does it judge what would have to be scrolled to, so other cells are hidden, and the window is made this high.
ALONE = ".jp-Cell:not(:has([data-judged])), .jp-Cell-inputWrapper {display: none !important}"
ROOM = 9000  # pixels
IN_SIGHT = """part => {
  const box = part.getBoundingClientRect();
  return box.height > 0 && box.top >= 0 && box.bottom <= innerHeight;
}"""
# The theme is stored on the server and read back: a page in another process may have stored its own in between.
CHANGE_THEME = """async theme => {
  while (document.body.dataset.jpThemeName != theme) {
    await jupyterapp.commands.execute('apputils:change-theme', {theme});
    await new Promise(resolve => setTimeout(resolve, 300));  // the style sheet
  }
}"""
FOCUSABLE = "select, input, button, .noUi-handle, [contenteditable=true]"
REACHED_AND_KIND = "c => [c == document.activeElement, [c.tagName, c.type, c.className].join()]"
MARGIN = 6  # pixels around a control that may show that it has the focus


def change_theme(page: Page, name: str) -> None:
    """Light or Dark, at once."""
    page.evaluate(CHANGE_THEME, f"JupyterLab {name}")


def assert_no_violations(page: Page, *parts: Locator, rules: dict = RULES) -> None:
    """No violation of axe-core's rules; and text on the bars of tables, which it cannot judge, can be read."""
    size = page.viewport_size
    page.evaluate(TALL)
    for part in parts:
        part.evaluate("part => { part.dataset.judged = 'yes'; }")
    others = page.add_style_tag(content=ALONE)
    page.set_viewport_size({**size, "height": ROOM})
    parts[0].evaluate("part => { part.closest('.jp-WindowedPanel-outer').scrollTop = 0; }")
    assert all(part.evaluate(IN_SIGHT) for part in parts)
    results = Axe().run(page, context="[data-judged]", options={**rules, "resultTypes": ["violations"]})
    page.set_viewport_size(size)
    others.evaluate("style => style.remove()")
    for part in parts:
        part.evaluate("part => { delete part.dataset.judged; }")
    assert results.violations_count == 0, results.generate_report()
    assert all(contrast >= 4.5 for part in parts for contrast in part.evaluate(ON_BARS))


def assert_pictures_have_words(page: Page, count: int) -> None:
    """The page's outputs show so many pictures; each has a text alternative with a number in it."""
    page.evaluate(TALL)
    options = {"runOnly": {"type": "rule", "values": ["image-alt"]}}
    results = Axe().run(page, context=".jp-OutputArea-output", options=options)
    assert results.violations_count == 0, results.generate_report()
    assert sum(len(rule["nodes"]) for rule in results.response["passes"]) == count
    words = page.locator(".jp-OutputArea-output img").evaluate_all("images => images.map(image => image.alt)")
    assert len(words) == count and all(re.search(r"\d", text) for text in words), words


def assert_every_focus_is_seen(page: Page, part: Locator) -> None:
    """Each control is reached by Tab, in order; one of each kind looks different while it has the focus."""
    controls = [c for c in part.locator(FOCUSABLE).element_handles() if c.is_visible() and c.is_enabled()]
    page.mouse.move(0, 0)  # a handle under the mouse looks as one that has the focus
    controls[0].focus()
    seen = set()
    for number, control in enumerate(controls):
        reached, kind = control.evaluate(REACHED_AND_KIND)
        assert reached, f"Tab does not reach control {number}"
        if kind not in seen:
            _assert_focus_is_seen(page, control)
            seen.add(kind)
        page.keyboard.press("Tab")


def _assert_focus_is_seen(page: Page, control: ElementHandle) -> None:
    control.scroll_into_view_if_needed()
    box = control.bounding_box()
    clip = {"x": box["x"] - MARGIN, "y": box["y"] - MARGIN}
    clip |= {side: box[side] + 2 * MARGIN for side in ("width", "height")}
    focused = page.screenshot(clip=clip, caret="initial")
    control.evaluate("c => c.blur()")
    assert page.screenshot(clip=clip) != focused, control.evaluate("c => c.outerHTML")
    control.focus()
