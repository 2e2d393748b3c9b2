"""Two bars, one above the other: what the bytes of a file were spent on before, and what now."""

from __future__ import annotations

import html
from dataclasses import dataclass

COLORS = {
    "codes": "#0072b2",
    "scales": "#56b4e9",
    "linear weights": "#d55e00",
    "embeddings": "#e69f00",
    "other floats": "#009e73",
    "names, headers": "#8c8c8c",
}
BAR = "display:flex;height:22px;margin:1px 0 8px"
SWATCH = "display:inline-block;width:11px;height:11px;margin-right:6px"
LEGEND = "display:flex;flex-flow:row wrap;gap:2px 18px;font-size:12px"


@dataclass(frozen=True)
class Stacks:
    """`bars` maps a title to the bytes of each kind, the same in each bar; the longest bar fills the width."""

    bars: dict[str, dict[str, int]]

    @property
    def text(self) -> str:
        """The bars in words."""
        return "\n".join(
            f"{title}: {sum(kinds.values()):,} bytes; " + ", ".join(f"{k} {n:,}" for k, n in kinds.items() if n)
            for title, kinds in self.bars.items()
        )

    @property
    def html(self) -> str:
        """The bars as markup, with a legend that has the bytes of every kind in every bar."""
        longest = max(sum(kinds.values()) for kinds in self.bars.values())
        bars = "".join(_bar_html(title, kinds, longest) for title, kinds in self.bars.items())
        told = html.escape(self.text.replace("\n", ". "), quote=True)
        drawing = f'<div role="img" aria-label="{told}" style="margin-top:8px">{bars}</div>'
        return f'{drawing}<div style="{LEGEND}">{self._legend}</div>'

    @property
    def _legend(self) -> str:
        entries = []
        for kind, color in COLORS.items():
            sizes = [kinds[kind] for kinds in self.bars.values()]
            if any(sizes):
                told = " → ".join(f"{size:,}" for size in sizes)
                swatch = f'<i style="{SWATCH};background:{color}"></i>'
                entries.append(f"<span>{swatch}{html.escape(kind)} {told}</span>")
        return "".join(entries)

    def draw(self, axes) -> None:
        """The same on matplotlib's axes."""
        titles = list(self.bars)
        for place, title in enumerate(titles):
            left = 0
            for kind, size in self.bars[title].items():
                axes.barh(place, size, left=left, color=COLORS[kind], label=kind if place == 0 else None)
                left += size
        axes.set_yticks(range(len(titles)), titles)
        axes.invert_yaxis()
        axes.set_xlabel("bytes", fontsize=8)
        axes.legend(fontsize=7, ncols=len(COLORS), loc="lower center", bbox_to_anchor=(0.5, 1.0))


def _bar_html(title: str, kinds: dict[str, int], longest: int) -> str:
    total = sum(kinds.values())
    pieces = "".join(
        f'<div style="width:{100 * size / longest:.3f}%;background:{COLORS[kind]}"></div>'
        for kind, size in kinds.items()
        if size
    )
    return f'<div>{html.escape(title)}: {total:,} bytes</div><div style="{BAR}">{pieces}</div>'
