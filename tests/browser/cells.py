"""The cells of a notebook that is open in JupyterLab: type into them, run them, read what they put out."""

from __future__ import annotations

from pathlib import Path

import nbformat
from lab import LESSONS, choose_to_run
from playwright.sync_api import Locator, Page


class Cells:
    """The code cells of an open lesson, found by a text in their source as it was stored."""

    def __init__(self, page: Page, name: str):
        self.page, self.sources = page, code_cells(LESSONS / name)

    def number(self, text: str) -> int:
        """The number of the first cell whose source has this text."""
        return next(i for i, source in enumerate(self.sources) if text in source)

    def at(self, number: int) -> Locator:
        """A code cell on the page."""
        return self.page.locator(".jp-CodeCell").nth(number)

    def output(self, number: int) -> Locator:
        """What a cell puts out."""
        return self.at(number).locator(".jp-OutputArea")

    def run(self, number: int, source: str | None = None) -> str:
        """Run a cell, with another source if one is given, and wait until it is done: the text it puts out."""
        editor, prompt = self.at(number).locator(".cm-content"), self.at(number).locator(".jp-InputPrompt")
        if source is not None:
            editor.fill(source)
        before = prompt.text_content()
        editor.press("Control+Enter")
        arguments = [prompt.element_handle(), before]
        self.page.wait_for_function(
            "([prompt, before]) => prompt.textContent != before && /[0-9]/.test(prompt.textContent)", arg=arguments
        )
        return self.output(number).text_content()

    def restart_and_run_all(self) -> list[str]:
        """Choose that in the menu, and wait until all has run: the text of every output."""
        choose_to_run(self.page, "runmenu:restart-and-run-all", confirm=True)
        return self.page.locator(".jp-CodeCell .jp-OutputArea-output").all_text_contents()


def code_cells(path: Path) -> list[str]:
    """The sources of a notebook's code cells."""
    return [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
