"""Take the pictures of the explorers in docs/images, light and dark: python tools/screenshots.py [folder]

With a folder, pictures of all views go there, in a narrow pane as well, to look at.
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
    "affine_layer": "explore.affine('conv2.weight', bits=4, low=-0.1, high=0.1)",
    "downcasting": "explore.downcasting(image=493)",
    "downcasting_scores": "explore.downcasting(dtype='float8_e5m2', layer='fc2', show='activations', image=493)",
    "symmetric": "explore.symmetric()",
    "symmetric_relu": "explore.symmetric('relu1 outputs', bits=5)",
    "formats": "explore.formats(format='float16')",
    "formats_fp8": "explore.formats('fc1.weight', bits='00000011')",
    "granularity": "explore.granularity(granularity='per group', outlier=5, row=2, column=3)",
    "granularity_layer": "explore.granularity('fc1.weight', 'per group', 8, outlier=10, row=20, column=33)",
    "integer_matmul": "explore.integer_matmul()",
    "integer_matmul_layer": "explore.integer_matmul('digits fc1', 'neither', k=128, size=64, accumulator='int16')",
    "layers": "explore.layers()",
    "layers_2_bits": "explore.layers(format='W2A16', granularity='per tensor', layer='blocks.1.fc2', scene=4)",
}
WIDE, NARROW, HEIGHT = 1300, 800, 2400  # pixels: the whole view is on the page even in one column
PADDING = 6


def shoot(folder: Path, names: list[str], theme: str, width: int, suffix: str) -> None:
    """One picture of each named view in a theme."""
    with (
        tempfile.TemporaryDirectory() as place,
        running_lab(Path(place), f"JupyterLab {theme}") as url,
        browser_page(find_chromium(), width, HEIGHT) as page,
    ):
        for name in names:
            write_notebook(Path(place) / "work" / f"{name}.ipynb", "from qlab import explore", VIEWS[name])
            run_notebook(page, url, f"{name}.ipynb")
            view = page.locator(".qlab-explorer")
            view.locator("figure").first.wait_for()
            page.wait_for_timeout(500)
            box = view.bounding_box()
            corner = {"x": box["x"] - PADDING, "y": box["y"] - PADDING}
            size = {side: box[side] + 2 * PADDING for side in ("width", "height")}
            page.screenshot(path=folder / f"explorer_{name}{suffix}.png", clip={**corner, **size})


def main() -> None:
    """The pictures the documents show; into a folder of your own, all views, and in a narrow pane too."""
    own = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    folder, names = (own, list(VIEWS)) if own else (ROOT / "docs" / "images", ["affine"])
    folder.mkdir(parents=True, exist_ok=True)
    for theme in ("Light", "Dark"):
        shoot(folder, names, theme, WIDE, f"_{theme.lower()}")
        if own:
            shoot(folder, names, theme, NARROW, f"_{theme.lower()}_narrow")


if __name__ == "__main__":
    main()
