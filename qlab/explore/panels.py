"""Draw a tensor as HTML: numbers in the cells when it is small, a palette PNG when it is large.

A `Panel` is data (values, where each value lies on the palette, ticks); `panel_html` turns it into markup.
Nothing here knows about quantization in particular, widgets or the browser.
"""

import base64
import html
import struct
import zlib
from dataclasses import dataclass
from functools import cache
from math import floor, log10

import numpy as np

CELL = 50  # pixels a cell of a table is wide
WIDTH = 4 * CELL  # pixels a panel is wide, unless a table needs more
MAX_CELLS = 8  # up to 8 x 8 values are written out
CROP = WIDTH // 4  # a picture shows at most this many rows and columns, 4 pixels each
ERROR_DECADES = 4  # error maps run from 0.01 % to 100 % of the largest magnitude, always


@dataclass(frozen=True)
class Panel:
    """One titled map of a 2-D tensor.

    `shade` has the shape of `values` and says where on the palette each value lies, 0 to 1. `ticks` are
    (position 0 to 1, text) pairs under the color bar; `bands` is how many distinct colors the bar shows.
    `frames` are drawn around cells: (row, column, rows, columns) each.
    """

    title: str
    values: np.ndarray
    shade: np.ndarray
    palette: str
    ticks: tuple[tuple[float, str], ...]
    decimals: int = 2
    bands: int = 256
    note: str = ""
    written: bool = True  # False: a picture, however few the values
    frames: tuple[tuple[int, int, int, int], ...] = ()

    @property
    def small(self) -> bool:
        """Whether the values are to be written out, and few enough for it."""
        return self.written and max(self.values.shape) <= MAX_CELLS

    @property
    def alt(self) -> str:
        """The panel in words, with its current extremes."""
        rows, columns = self.values.shape
        low, high = (fixed(v, self.decimals) for v in (self.values.min(), self.values.max()))
        return f"{self.title}: {rows} by {columns} values from {low} to {high}"


def fixed(value: float, decimals: int) -> str:
    """A number with a fixed count of decimals, a true minus sign, and no negative zero.

    >>> fixed(-0.001, 2), fixed(-1.5, 1)
    ('0.00', '−1.5')
    """
    return f"{round(float(value), decimals) + 0.0:.{decimals}f}".replace("-", "−")


def significant(value: float, digits: int = 4) -> str:
    """A number with `digits` significant digits; scientific below a thousandth and from a million on.

    >>> significant(0.0093411), significant(1.23456e-7), significant(0.0), significant(-12.0)
    ('0.009341', '1.235e−07', '0', '−12.00')
    """
    size = abs(value)
    if size == 0:
        return "0"
    if not 1e-3 <= size < 1e6:
        return f"{value:.{digits - 1}e}".replace("-", "−")
    return fixed(value, max(0, digits - 1 - floor(log10(size))))


def short(value: float) -> str:
    """A number for a narrow place: three significant digits, two where it is scientific.

    >>> short(0.12345), short(-1.2345e-9)
    ('0.123', '−1.2e−09')
    """
    return significant(value, 3 if value == 0 or 1e-3 <= abs(value) < 1e6 else 2)


@cache
def palette(name: str) -> np.ndarray:
    """The 256 colors of a palette, (256, 3) uint8. `diverging` is red-white-blue, `sequential` viridis."""
    from matplotlib import colormaps

    cmap = colormaps[{"diverging": "RdBu_r", "sequential": "viridis"}[name]]
    return (cmap(np.arange(256))[:, :3] * 255).round().astype(np.uint8)


def luminance(color: np.ndarray) -> float:
    """Relative luminance of an sRGB color of three bytes, 0 to 1 (WCAG 2.2)."""
    c = np.asarray(color) / 255
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@cache
def inks(name: str) -> tuple[str, ...]:
    """For each color of a palette, the CSS of a cell that wears it, in black or white, whichever reads better."""
    # Contrast with black is (l + .05) / .05, with white 1.05 / (l + .05): equal at l = .179, where both are 4.58.
    return tuple(
        f"background:rgb({r},{g},{b});color:{'#000' if luminance((r, g, b)) > 0.179 else '#fff'}"
        for r, g, b in palette(name).tolist()
    )


def palette_png(index: np.ndarray, colors: np.ndarray) -> bytes:
    """The bytes of an indexed PNG: `index` is (H, W) uint8, `colors` (256, 3) uint8."""
    height, width = index.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), index], axis=1)  # filter byte 0 opens each row

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = [(b"IHDR", header), (b"PLTE", colors.tobytes()), (b"IDAT", zlib.compress(rows.tobytes(), 1))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts) + chunk(b"IEND", b"")


def to_index(shade: np.ndarray) -> np.ndarray:
    """Positions 0 to 1 on a palette -> its color numbers 0 to 255; what lies outside takes the end color."""
    return np.minimum(256 * np.clip(shade, 0, 1), 255).astype(np.uint8)


def image(index: np.ndarray, colors: str, width: int, height: int, alt: str) -> str:
    """An `<img>` of color numbers, each a sharp-edged block. Decoded at once, or a new one would flash."""
    data = base64.b64encode(palette_png(index, palette(colors))).decode()
    return png_html(data, alt, f'width="{width}" height="{height}" decoding="sync" ')


def png_html(data: str, alt: str, attributes: str = "") -> str:
    """An `<img>` of a PNG, base64, with its text alternative and other attributes."""
    return f'<img alt="{html.escape(alt)}" {attributes}src="data:image/png;base64,{data}">'


def table(panel: Panel) -> str:
    """A table with the numbers in the cells."""
    height = CELL if len(panel.values) <= 4 else 30
    styles, shades = inks(panel.palette), to_index(panel.shade)
    cells = [
        [f'<td style="{styles[k]}">{fixed(v, panel.decimals)}</td>' for k, v in zip(*row, strict=True)]
        for row in zip(shades.tolist(), panel.values.tolist(), strict=True)
    ]
    rows = "".join(f'<tr style="height:{height}px">{"".join(row)}</tr>' for row in cells)
    width = max(WIDTH, CELL * panel.values.shape[1])
    return f'<table aria-label="{html.escape(panel.alt)}" style="width:{width}px">{rows}</table>'


def color_bar(panel: Panel, width: int) -> str:
    """The palette from end to end, with the panel's ticks beneath."""
    shades = np.linspace(0, 1, panel.bands)[None]
    ticks = "".join(
        f'<span style="left:{100 * at:.4g}%;transform:translateX(-{100 * at:.4g}%)">{html.escape(text)}</span>'
        for at, text in panel.ticks
    )
    return image(to_index(shades), panel.palette, width, 10, "") + f'<div class="ticks">{ticks}</div>'


def framed(body: str, panel: Panel) -> str:
    """The map with the panel's frames over it, each placed in percent of the whole."""
    rows, columns = (length / 100 for length in panel.values.shape)
    frames = "".join(
        f'<div style="top:{i / rows:.6g}%;left:{j / columns:.6g}%;height:{m / rows:.6g}%;width:{n / columns:.6g}%">'
        "</div>"
        for i, j, m, n in panel.frames
    )
    return f'<div class="framed">{body}{frames}</div>'


def panel_html(panel: Panel) -> str:
    """A `<figure>`: title, map, color bar."""
    columns = panel.values.shape[1]
    width = max(WIDTH, CELL * columns) if panel.small else WIDTH
    body = table(panel) if panel.small else image(to_index(panel.shade), panel.palette, width, WIDTH, panel.alt)
    body = framed(body, panel) if panel.frames else body
    caption = f"<b>{html.escape(panel.title)}</b> <span>{html.escape(panel.note)}</span>"
    bar = color_bar(panel, width)
    return f'<figure style="width:{width}px"><figcaption>{caption}</figcaption>{body}{bar}</figure>'


def crop(x: np.ndarray) -> np.ndarray:
    """The top left corner that a panel can show."""
    return x if max(x.shape) <= MAX_CELLS else x[:CROP, :CROP]


def exponent(largest: float) -> int:
    """The power of ten a panel's numbers are printed in: 0 unless the values are tiny or huge.

    >>> exponent(0.8), exponent(1000.0), exponent(0.003)
    (0, 0, -3)
    """
    return 0 if largest == 0 or 0.1 <= largest < 1e4 else floor(log10(largest))


def unit_note(largest: float) -> str:
    """How a panel says that its numbers are printed in a power of ten."""
    power = exponent(largest)
    return f"× 1e{power}".replace("-", "−") if power else ""


def value_panel(title: str, x: np.ndarray, largest: float) -> Panel:
    """Signed values on the diverging palette, symmetric about 0 up to `largest`."""
    largest = largest or 1.0
    unit = 10.0 ** exponent(largest)
    decimals = min(3, max(0, 2 - floor(log10(largest / unit))))
    end = fixed(largest / unit, decimals)
    ticks = ((0.0, "−" + end), (0.5, "0"), (1.0, end))
    shade = crop(x) / (2 * largest) + 0.5
    return Panel(title, crop(x) / unit, shade, "diverging", ticks, decimals, note=unit_note(largest))


def code_panel(title: str, codes: np.ndarray, quant_min: int, quant_max: int, zero_point: int) -> Panel:
    """Integer codes on the sequential palette, from `quant_min` to `quant_max`; the zero point has a tick."""
    span = quant_max - quant_min
    ticks = [(0.0, fixed(quant_min, 0)), (1.0, fixed(quant_max, 0))]
    at = (zero_point - quant_min) / span
    if 0.3 <= at <= 0.7:  # nearer to an end the two texts would touch
        ticks.insert(1, (at, f"zero point {fixed(zero_point, 0)}"))
    codes = crop(codes).astype(int)  # subtle: int8 minus quant_min would wrap
    shade = (codes - quant_min) / span
    return Panel(title, codes, shade, "sequential", tuple(ticks), 0, bands=span + 1)


def error_panel(title: str, error: np.ndarray, largest: float) -> Panel:
    """Signed errors in the cells; their size on a logarithmic scale fixed to 0.01 % ... 100 % of `largest`."""
    largest = largest or 1.0
    unit = 10.0 ** exponent(largest)
    decimals = max(1, 3 - floor(log10(largest / unit)))  # one more than the values have
    size = np.abs(crop(error)) / largest
    shade = 1 + np.log10(np.maximum(size, 10.0**-ERROR_DECADES)) / ERROR_DECADES
    ticks = ((0.0, "0.01 %"), (0.5, "1 %"), (1.0, "100 %"))
    note = f"{unit_note(largest)} color: % of largest |x|".strip()
    return Panel(title, crop(error) / unit, shade, "sequential", ticks, decimals, note=note)
