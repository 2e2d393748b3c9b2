"""Take the pictures of the gallery, and write docs/gallery.md: python tools/screenshots.py [name ...]

Every explorer and figure of tools/gallery.py, in JupyterLab, light and dark, as wide as on a laptop and in a narrow
pane. With names, only those are taken anew.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests"), str(ROOT / "tests" / "browser")]

from accessible import change_theme  # noqa: E402
from gallery import EXPLORERS, FIGURES, IMPORTS  # noqa: E402
from lab import browser_page, run_notebook, running_lab, write_notebook  # noqa: E402

from conftest import find_chromium  # noqa: E402

IMAGES, PAGE = ROOT / "docs" / "images", ROOT / "docs" / "gallery.md"
WIDTHS = {"": 1300, "_narrow": 800}  # pixels of the window, of which JupyterLab's side bar takes some
HEIGHT = 2600  # the whole view is on the page even in one column
PADDING, COLORS = 3, 200
VIEWS = {f"explorer_{name}": view for name, view in EXPLORERS.items()}
VIEWS |= {f"figure_{name}": view for name, view in FIGURES.items()}


def shoot(page, name: str, theme: str, suffix: str) -> None:
    """One picture of what the page shows, in few colors."""
    view = page.locator(".qlab-explorer" if name.startswith("explorer") else ".jp-OutputArea-output img").last
    view.scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    box = view.bounding_box()
    clip = {"x": box["x"] - PADDING, "y": box["y"] - PADDING}
    clip |= {side: box[side] + 2 * PADDING for side in ("width", "height")}
    save(page.screenshot(clip=clip), IMAGES / f"{name}_{theme.lower()}{suffix}.png")


def save(picture: bytes, path: Path) -> None:
    """Write a picture in few colors."""
    taken = Image.open(io.BytesIO(picture)).convert("RGB")
    few = taken.quantize(COLORS, method=Image.Quantize.MAXCOVERAGE, kmeans=2, dither=Image.Dither.NONE)
    few.save(path, optimize=True)


def take(names: list[str]) -> None:
    """The pictures of the named views, in every theme and width."""
    with (
        tempfile.TemporaryDirectory() as place,
        running_lab(Path(place)) as url,
        browser_page(find_chromium(), WIDTHS[""], HEIGHT) as page,
    ):
        for name in names:
            write_notebook(Path(place) / "work" / f"{name}.ipynb", IMPORTS, VIEWS[name][0])
            run_notebook(page, url, f"{name}.ipynb")
            for suffix, width in WIDTHS.items():
                page.set_viewport_size({"width": width, "height": HEIGHT})
                for theme in ("Dark", "Light"):
                    change_theme(page, theme)
                    shoot(page, name, theme, suffix)
            page.set_viewport_size({"width": WIDTHS[""], "height": HEIGHT})


def written() -> str:
    """The page that shows all pictures."""
    parts = [
        "# Gallery",
        "Every explorer and the figures of the lessons, in JupyterLab. Made by `tools/screenshots.py`. "
        "Lesson 00, step by step: [the first minutes](first_minutes.md).",
    ]
    for title, kind, views in (("Explorers", "explorer", EXPLORERS), ("Figures", "figure", FIGURES)):
        parts.append(f"## {title}")
        for name, (call, caption) in views.items():
            parts += [f"### {caption}", f"```python\n{call}\n```"]
            for suffix, where in (("", ""), ("_narrow", ", in a narrow pane")):
                images = [
                    f"![{caption}{where}, {theme} theme](images/{kind}_{name}_{theme}{suffix}.png)"
                    for theme in ("light", "dark")
                ]
                parts.append("\n".join(images))
    return "\n\n".join(parts) + "\n"


def main() -> None:
    """All pictures, or those named."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    take(sys.argv[1:] or list(VIEWS))
    PAGE.write_text(written(), encoding="utf-8")


if __name__ == "__main__":
    main()
