"""Stepping an explorer never blanks or resizes its view, and leaves nothing behind in the page."""

import pytest
from lab import run_notebook

from benchmarks.ui_page import STOPWATCH, Timed
from benchmarks.ui_views import VIEWS, timed_explorer

STEPS, MANY = 6, 50
# What each frame is about to show of the view: its size, and how many of its pictures are not there.
RECORD = """view => {
  const frames = window.frames_seen = [];
  const note = () => {
    if (window.frames_seen !== frames) return;
    const box = view.getBoundingClientRect(), shown = [...view.querySelectorAll('figure img')];
    const missing = shown.filter(image => !image.complete || !image.naturalWidth).length;
    frames.push({size: [box.width, box.height], missing, empty: !view.textContent || !shown.length});
    requestAnimationFrame(note);
  };
  note();
}"""


@pytest.fixture(scope="module")
def explorers(lab, shared_page) -> list[Timed]:
    """Every explorer's default view, all in one notebook, each with a slider."""
    page = shared_page
    views = [view for view in VIEWS if not view.limit]
    cells = [f"explore.{view.call}" for view in views]
    run_notebook(page, lab.url, lab.write("steady.ipynb", "from qlab import explore", *cells))
    page.evaluate(STOPWATCH)
    places = page.locator(".qlab-explorer")
    return [timed_explorer(page, places.nth(number), view) for number, view in enumerate(views)]


def test_no_frame_is_without_its_picture_or_of_another_size(page, explorers):
    for timed in explorers:
        timed.step()
        timed.picture.evaluate(RECORD)
        for _ in range(STEPS):
            timed.step()
        frames = page.evaluate("window.frames_seen")
        assert len(frames) > STEPS
        assert not [frame for frame in frames if frame["empty"] or frame["missing"]]
        assert len({tuple(frame["size"]) for frame in frames}) == 1
    assert not page.problems


def test_the_page_does_not_grow(page, explorers):
    timed, session = explorers[0], page.context.new_cdp_session(page)

    def held() -> dict[str, float]:
        session.send("HeapProfiler.collectGarbage")
        return {metric["name"]: metric["value"] for metric in session.send("Performance.getMetrics")["metrics"]}

    session.send("Performance.enable")
    for _ in range(STEPS):
        timed.step()
    before = held()
    for _ in range(MANY):
        timed.step()
    after = held()
    session.detach()
    assert after["Nodes"] - before["Nodes"] < MANY  # not even one node a step
    assert after["JSEventListeners"] - before["JSEventListeners"] < MANY
    assert after["JSHeapUsedSize"] - before["JSHeapUsedSize"] < 17_000 * MANY  # the view's markup has 17,000 bytes
