"""An explorer as an app: `qlab explore affine` serves it on this machine alone, and its sliders work."""

import os
import signal
import subprocess
import sys

import pytest
from driving import shown_numbers
from lab import free_port, wait_for

from qlab import explore


@pytest.fixture
def app(tmp_path):
    """The app's URL."""
    port, log = free_port(), tmp_path / "app.log"
    command = [sys.executable, "-m", "qlab.cli", "explore", "affine", "--no-browser", f"--port={port}"]
    with log.open("w") as out:
        server = subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True)
        try:
            yield wait_for(f"http://127.0.0.1:{port}", server, log)
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(20)


def test_the_app_opens_and_its_slider_moves(app, page):
    page.goto("about:blank")  # what JupyterLab still asks for is not the app's
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(app)
    explorer = page.locator(".qlab-explorer")
    explorer.locator("td").first.wait_for(timeout=60_000)
    bits = explorer.get_by_role("slider", name="bits of a code")
    bits.focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("document.querySelector('.call').textContent.includes('bits=7')")
    numbers = explore.affine(bits=7).current.numbers.values()
    assert shown_numbers(explorer) == {number.label: number.text for number in numbers}
    assert not page.problems
    assert asked and not [url for url in asked if not url.startswith((app, "data:", "blob:"))]
    page.goto("about:blank")  # the app's farewell to its kernel is refused; that is no problem of the next test
