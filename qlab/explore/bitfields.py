"""A code taken apart: which bits are sign, exponent and fraction, what each field says, and their product."""

from __future__ import annotations

import html
import math
import re
from dataclasses import dataclass

from qlab.casting import from_bits
from qlab.dtypes import DType


@dataclass(frozen=True)
class Field:
    """Neighboring bits that belong together: their name, the bits, and what they say."""

    name: str
    bits: str
    meaning: str


@dataclass(frozen=True)
class BitFields:
    """One code of a format: its fields from the most significant bit on, and how they make its value."""

    value: float
    fields: tuple[Field, ...]
    formula: str

    @property
    def kinds(self) -> list[str]:
        """The name of the field that each bit belongs to."""
        return [field.name for field in self.fields for _ in field.bits]

    @property
    def text(self) -> str:
        """The fields and the formula, one below the other."""
        told = [f"{field.name} {field.bits} ({field.meaning})" for field in self.fields]
        return "\n".join([*told, self.formula])

    @property
    def html(self) -> str:
        """A colored box for each field, and the formula."""
        boxes = "".join(
            f'<div class="qlab-{field.name}"><span>{field.name}</span><code>{field.bits}</code>'
            f"<span>{_raised(field.meaning)}</span></div>"
            for field in self.fields
        )
        return f'<div class="fields">{boxes}</div><p class="formula">{_raised(self.formula)}</p>'


def take_apart(bits: str, spec: DType) -> BitFields:
    """The fields of a bit string of a format. ValueError as `from_bits` raises it.

    >>> from qlab.dtypes import dtype
    >>> print(take_apart("0011000100000000", dtype("float16")).text)
    sign 0 (plus)
    exponent 01100 (12 − 15 = −3)
    fraction 0100000000 (256/1024 = 0.25)
    2^−3 × (1 + 0.25) = 0.15625
    """
    value = from_bits([bits], spec).item()
    if spec.kind == "codebook":
        number = int(bits, 2)
        return BitFields(
            value, (Field("index", bits, f"{number}"),), f"entry {number} of the table = {exact(value)}"
        )
    return _integer(bits, value, spec) if spec.kind == "int" else _float(bits, value, spec)


def exact(value: float) -> str:
    """The shortest decimal that reads back as this float64, with a true minus sign.

    >>> exact(-0.0), exact(448.0), exact(float("nan")), exact(2.0**-24)
    ('−0', '448', 'NaN', '5.960464477539063e−08')
    """
    return repr(float(value)).removesuffix(".0").replace("-", "−").replace("nan", "NaN")


def _integer(bits: str, value: float, spec: DType) -> BitFields:
    if not spec.signed:
        return BitFields(value, (Field("number", bits, f"{int(bits, 2)}"),), exact(value))
    sign, rest = bits[0], bits[1:]
    parts = f"−{int(sign) * 2 ** len(rest)}" if sign == "1" else "0", int(rest, 2)
    fields = Field("sign", sign, f"{sign} × −{2 ** len(rest)}"), Field("rest", rest, f"+ {parts[1]}")
    return BitFields(value, fields, f"{parts[0]} + {parts[1]} = {exact(value)}")


def _float(bits: str, value: float, spec: DType) -> BitFields:
    sign, rest = (bits[0], bits[1:]) if spec.signed else ("", bits)
    exponent, fraction = rest[: spec.exponent_bits], rest[spec.exponent_bits :]
    stored, part, whole = int(exponent, 2), int(fraction or "0", 2), 2 ** len(fraction)
    subnormal = stored == 0 and bool(fraction)
    power = max(stored, 1) - spec.bias if fraction else stored - spec.bias
    scale = f"{stored} − {spec.bias} = {power}" if not subnormal else f"0 counts as 1: 1 − {spec.bias} = {power}"
    shown = [("sign", sign, "minus" if sign == "1" else "plus")]
    shown += [("exponent", exponent, scale), ("fraction", fraction, f"{part}/{whole} = {exact(part / whole)}")]
    product = f"2^{power}" + (f" × ({1 - subnormal} + {exact(part / whole)})" if fraction else "")
    formula = f"{'−' if sign == '1' else ''}{product} = {exact(value)}"
    if not math.isfinite(value):
        formula = f"a special code = {exact(value)}"
        shown[1:] = [(name, field, "all ones" if "0" not in field else "") for name, field, _ in shown[1:]]
    fields = tuple(Field(name, field, told.replace("-", "−")) for name, field, told in shown if field)
    return BitFields(value, fields, formula.replace("-", "−"))


def _raised(text: str) -> str:
    """Escaped, with 2^−3 as a superscript."""
    return re.sub(r"\^(−?\d+)", r"<sup>\1</sup>", html.escape(text))
