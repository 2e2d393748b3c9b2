"""Take the pictures of the explorers in docs/images, light and dark: python tools/screenshots.py [folder]

With a folder, the pictures go there, and a narrow one of each as well, to look at.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "browser")]

from lab import browser_page, run_notebook, running_lab, write_notebook  # noqa: E402

from conftest import find_chromium  # noqa: E402

VIEWS = {
    "affine": "explore.affine(bits=4)",
    "affine_layer": "explore.affine(bits=4, scheme='affine', low=-0.1, high=0.1, tensor='conv2.weight')",
}

HEIGHT = 2400  # pixels: the whole view is on the page even where its panels stand in one column
PADDING = 12


def shoot(folder: Path, theme: str, width: int, suffix: str) -> None:
    """One picture of each view in a theme."""
    with tempfile.TemporaryDirectory() as place, running_lab(Path(place), f"JupyterLab {theme}") as url:
        for name, cell in VIEWS.items():
            write_notebook(Path(place) / "work" / f"{name}.ipynb", "from qlab import explore", cell)
        with browser_page(find_chromium(), width, HEIGHT) as page:
            for name in VIEWS:
                run_notebook(page, url, f"{name}.ipynb")
                view = page.locator(".qlab-explorer").first
                view.locator("td, img").first.wait_for()
                page.wait_for_timeout(500)
                box = view.bounding_box()
                edges = {"x": box["x"] - PADDING, "y": box["y"] - PADDING}
                size = {"width": box["width"] + 2 * PADDING, "height": box["height"] + 2 * PADDING}
                page.screenshot(path=folder / f"explorer_{name}_{suffix}.png", clip={**edges, **size})


def main() -> None:
    """Both themes; narrow ones only into a folder of your own."""
    own = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    folder = own or ROOT / "docs" / "images"
    folder.mkdir(parents=True, exist_ok=True)
    for theme in ("Light", "Dark"):
        shoot(folder, theme, 1300, theme.lower())
        if own:
            shoot(folder, theme, 800, f"{theme.lower()}_narrow")


if __name__ == "__main__":
    main()
