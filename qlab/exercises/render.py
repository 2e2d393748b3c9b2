"""What check, hint and solution give back: a card that shows itself as text and as HTML.

The HTML takes its colors from JupyterLab's theme, so it follows the light and the dark one. Both forms hold no
times, paths of cells or addresses: a notebook stores them and they are compared on the next run.
"""

import html
import io
import keyword
import re
import textwrap
import tokenize
from dataclasses import dataclass
from typing import NamedTuple

TEXT_WIDTH = 100

_COLORS = {
    "pass": "var(--jp-success-color1, #388e3c)",
    "not yet": "var(--jp-warn-color1, #f57c00)",
    "raised": "var(--jp-error-color1, #d32f2f)",
    "unknown": "var(--jp-error-color1, #d32f2f)",
}
_OTHER_COLOR = "var(--jp-brand-color1, #1976d2)"
_PALE = {"pass", "not yet"}  # words too pale in the color of their border
# JupyterLab breaks lines of outputs between any two letters; here only where no space is left to break at.
_PRE = (
    "margin:0;white-space:pre-wrap;word-break:normal;overflow-wrap:anywhere;"
    "font-family:var(--jp-code-font-family, monospace)"
)


def _deeper(color):
    """The color mixed with the text's, so that it can be read in both themes."""
    return f"color-mix(in srgb, {color} 60%, var(--jp-ui-font-color1, black))"


_TOKEN_COLORS = {
    "keyword": "var(--jp-mirror-editor-keyword-color, #008000)",
    tokenize.COMMENT: _deeper("var(--jp-mirror-editor-comment-color, #408080)"),  # 4.2:1 in the dark theme
    tokenize.STRING: "var(--jp-mirror-editor-string-color, #ba2121)",
    tokenize.NUMBER: "var(--jp-mirror-editor-number-color, #088008)",
}


class Row(NamedTuple):
    label: str
    text: str
    code: bool = False  # Python: kept as it is, in a fixed-width font


@dataclass(frozen=True, repr=False)
class Card:
    """The answer to one call of check, hint or solution.

    status      "pass", "not yet", "raised", "not attempted", "hint", "solution" or "unknown"
    arguments   of the first wrong call, to try again: `answer(*card.arguments)`
    """

    title: str
    status: str
    headline: str
    rows: tuple[Row, ...] = ()
    arguments: tuple = ()

    @property
    def passed(self) -> bool:
        return self.status == "pass"

    def __repr__(self):
        head = textwrap.wrap(f"{self.title}: {self.status}. {self.headline}", TEXT_WIDTH)
        return "\n".join(head + [_row_text(row) for row in self.rows])

    def _repr_html_(self):
        color = ink = _COLORS.get(self.status, _OTHER_COLOR)
        if self.status in _PALE:
            ink = _deeper(color)
        rows = "".join(map(_row_html, self.rows))
        return (
            f'<div style="border-left:4px solid {color};padding:4px 12px;margin:4px 0">'
            f'<div><b style="color:{ink}">{html.escape(self.status)}</b> '
            f"<b>{html.escape(self.title)}</b> {_prose_html(self.headline)}</div>"
            f'<table style="margin:4px 0;width:auto">{rows}</table></div>'
        )


def _row_text(row):
    lines = row.text.splitlines() if row.code else textwrap.wrap(row.text, TEXT_WIDTH - 12)
    first, *rest = lines or [""]
    return "\n".join([f"  {row.label:<10}{first}", *(" " * 12 + line if line else "" for line in rest)])


def _row_html(row):
    cell = f'<pre style="{_PRE}">{highlight(row.text)}</pre>' if row.code else _prose_html(row.text)
    label = html.escape(row.label).replace(" ", "&nbsp;")
    side = "text-align:left;vertical-align:top;padding:2px 12px 2px 0;background:transparent"
    return (
        f'<tr style="background:transparent"><td style="{side};color:var(--jp-ui-font-color2, inherit)">'
        f'{label}</td><td style="{side}">{cell}</td></tr>'
    )


def _prose_html(text):
    """A sentence as HTML, escaped, with what stands between backticks as code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", html.escape(text))


def highlight(source: str) -> str:
    """Python as HTML, escaped, with keywords, comments, strings and numbers in the theme's editor colors."""
    lines, out, at = source.splitlines(keepends=True), [], (1, 0)
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            kind = "keyword" if keyword.iskeyword(token.string) else token.type
            if kind in _TOKEN_COLORS:
                out.append(html.escape(_between(lines, at, token.start)))
                out.append(f'<span style="color:{_TOKEN_COLORS[kind]}">{html.escape(token.string)}</span>')
                at = token.end
    except (tokenize.TokenError, SyntaxError):
        return html.escape(source)  # not quite Python, such as a summary of a tensor
    return "".join(out) + html.escape(_between(lines, at, (len(lines) + 1, 0)))


def _between(lines, start, end):
    """The text from one (line, column) to another; lines count from 1."""
    (first, left), (last, right) = start, end
    if first == last:
        return lines[first - 1][left:right] if first <= len(lines) else ""
    tail = lines[last - 1][:right] if last <= len(lines) else ""
    return "".join([lines[first - 1][left:] if first <= len(lines) else "", *lines[first : last - 1], tail])
