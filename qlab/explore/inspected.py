"""One number in a format: its bits, where it lies among the format's values, and what is special about it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from qlab.dtypes import DType
from qlab.explore.bitfields import BitFields, exact
from qlab.explore.numberlines import NumberLines, neighbors


@dataclass(frozen=True)
class Inspected:
    """A number in a format: what was entered, and the bits and the value that became of it."""

    spec: DType
    entered: float
    code: BitFields
    magnitudes: np.ndarray

    @property
    def lines(self) -> NumberLines:
        """The number lines."""
        return NumberLines(self.spec, self.entered, self.code.value, self.magnitudes)

    @property
    def text(self) -> str:
        """The bits in words, and the neighbors."""
        return "\n".join([self.code.text, *(line.alt for line in self.lines.lines[2:])])

    @property
    def html(self) -> str:
        """The fields of the bits, and the number lines."""
        return self.code.html + self.lines.html

    def draw(self, axes) -> None:
        """The same on matplotlib's axes."""
        bits = " ".join(field.bits for field in self.code.fields)
        axes.set_title(f"{bits}: {self.code.formula.replace('^', '**')}", fontsize=8)
        self.lines.draw(axes)


def remark(spec: DType, entered: float, stored: float) -> str:
    """What is special about this number in this format."""
    if not math.isfinite(entered):
        return ""
    if math.isnan(stored):
        return "There is no such number in this format: it becomes NaN, not a number."
    if math.isinf(stored):
        return "Beyond the largest value by half a step or more: it becomes infinite."
    if beyond(spec, entered):
        return "Outside the range: it becomes the value at the end."
    tie = _tie(spec, entered, stored)
    if tie:
        return tie
    if stored == 0 != entered:
        return "Less than half of the smallest value: it becomes 0."
    if spec.kind == "float" and 0 < abs(stored) < spec.smallest_normal:
        return "Subnormal: the exponent bits are all 0, so no 1 stands before the fraction."
    return "This format holds the number exactly." if entered == stored else ""


def _tie(spec: DType, entered: float, stored: float) -> str:
    """A sentence where the number lies exactly half-way between two values."""
    other = neighbors(spec, stored)[entered > stored]
    if entered == stored or abs(other - entered) != abs(stored - entered):
        return ""
    low, high = sorted((stored, other))
    rule = {"float8_e8m0fnu": "here the larger", "nf4": "the lower"}.get(spec.name, "the code that ends in 0")
    return f"A tie, half-way between {exact(low)} and {exact(high)}: {rule} wins."


def beyond(spec: DType, x):
    """Whether numbers lie outside the range of a format."""
    return (x < (spec.min if spec.kind == "int" else -spec.max)) | (x > spec.max)
