"""What an answer gives back, as plain data and as text that is the same on every run.

An answer may return anything: tensors that want gradients, numpy scalars, generators, objects whose `==` lies.
`plain` keeps tensors, numbers, strings, tuples and lists, and replaces all else by its type's name, so that
nothing of the learner's is called while answers are compared and printed.
"""

import numbers
import re
import struct
from dataclasses import dataclass

import torch

MAX_SHOWN = 16  # elements of a tensor
MAX_TEXT = 600  # characters of an error message


@dataclass(frozen=True)
class Foreign:
    """A returned object that is not plain data: only its type's name is kept."""

    type_name: str


def plain(value, depth=4):
    """`value` as detached tensors on the CPU, numbers, strings, None, tuples and lists; else a `Foreign`.

    Lists and tuples are followed `depth` deep: one may contain itself.

    >>> plain([torch.ones((), requires_grad=True), True, (n for n in "ab")])
    [tensor(1.), 1, Foreign(type_name='generator')]
    """
    try:
        if isinstance(value, torch.Tensor):
            return _plain_tensor(value)
        if isinstance(value, (list, tuple)) and depth:
            items = [plain(item, depth - 1) for item in value]
            return items if isinstance(value, list) else tuple(items)
        if isinstance(value, numbers.Integral):  # numpy's integers too, without numpy
            return int(value)
        if isinstance(value, numbers.Real):
            return float(value)
        if value is None or type(value) is str:
            return value
    except Exception:
        pass  # a number that refuses to be one, a tensor with no values
    return Foreign(type(value).__name__)


def _plain_tensor(x):
    with torch._C.DisableTorchFunctionSubclass():  # a subclass must not answer for itself
        if x.is_quantized or x.is_nested or x.layout != torch.strided:
            return Foreign(f"{x.dtype} tensor of layout {x.layout}")
        return x.detach().cpu().as_subclass(torch.Tensor).clone()


def clean(text, limit=MAX_TEXT):
    """Text that can be stored and compared: no addresses, control characters or lone surrogates; not endless."""
    text = re.sub(r" at 0x[0-9a-fA-F]+", "", str(text))
    text = text.encode("utf-8", "backslashreplace").decode()
    text = re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "", text)
    return text if len(text) <= limit else text[:limit] + " ..."


def show(value):
    """A value as Python that can be pasted into a cell; a tensor of more than 16 elements as a summary.

    >>> print(show(torch.tensor([0.1, -2.0])), show(torch.tensor([[1], [2]], dtype=torch.int8)), show((3, 0.5)))
    torch.tensor([0.1, -2.0]) torch.tensor([[1], [2]], dtype=torch.int8) (3, 0.5)
    """
    if isinstance(value, torch.Tensor):
        return _show_tensor(value)
    if isinstance(value, (tuple, list)):
        return _show_items(value)
    if isinstance(value, Foreign):
        return f"<{value.type_name}>"
    try:
        return clean(repr(value), 200)
    except ValueError:  # Python prints no integer of more than 4,300 digits
        return "<a very large int>"


def _show_items(items):
    shown = ", ".join(map(show, items[:MAX_SHOWN])) + (", ..." if len(items) > MAX_SHOWN else "")
    return f"[{shown}]" if isinstance(items, list) else f"({shown},)" if len(items) == 1 else f"({shown})"


def _show_tensor(x):
    if x.numel() > MAX_SHOWN or x.is_complex():
        ends = f", from {show_number(x.min())} to {show_number(x.max())}" if _ordered(x) else ""
        return f"<{str(x.dtype).removeprefix('torch.')} tensor of shape {tuple(x.shape)}{ends}>"
    told = {torch.float32: "", torch.int64: "", torch.bool: ""}
    return f"torch.tensor({_show_nested(x)}{told.get(x.dtype, f', dtype={x.dtype}')})"


def _ordered(x):
    return x.dtype in (torch.float32, torch.float64, torch.int8, torch.uint8, torch.int32, torch.int64)


def _show_nested(x):
    if x.dim() == 0:
        return show_number(x)
    return f"[{', '.join(_show_nested(row) for row in x)}]"


def show_number(x):
    """One element; a float32 in the fewest digits that give the same float32 back."""
    value = x.item()
    if x.dtype != torch.float32 or value != value or value in (float("inf"), float("-inf")):
        return str(value) if value == value and abs(value) != float("inf") else f"float('{value}')"
    for digits in range(1, 10):
        text = f"{value:.{digits}g}"
        if struct.unpack("f", struct.pack("f", float(text)))[0] == value:
            break
    return repr(float(text))
