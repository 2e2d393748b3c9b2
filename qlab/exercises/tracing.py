"""An exception as the learner needs it: what was raised, and the line of their own code it came from."""

import linecache
import sysconfig
import traceback
from dataclasses import dataclass
from pathlib import Path

import torch

from qlab.exercises.values import clean

_OTHERS = (  # code the learner did not write
    str(Path(__file__).parents[1]),
    str(Path(torch.__file__).parent),
    *(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")),
    "<frozen",
)


@dataclass(frozen=True)
class Raised:
    """An exception's type and text, and the learner's line. `line` is None when none of theirs had run yet."""

    name: str
    message: str
    line: int | None = None
    source: str = ""


def describe_error(error: BaseException) -> Raised:
    """Works on any exception, one whose own text cannot be had included."""
    name = type(error).__name__
    try:
        message = clean(error)
    except Exception:
        message = "(its message cannot be printed)"
    line, source = _learners_line(error)
    return Raised(name, message, line, source)


def _learners_line(error):
    """The deepest frame that is the learner's own, in a file or in a notebook cell."""
    line, filename = None, ""
    for frame, number in traceback.walk_tb(error.__traceback__):
        if not frame.f_code.co_filename.startswith(_OTHERS):
            line, filename = number, frame.f_code.co_filename
    return line, clean(linecache.getline(filename, line).strip(), 200) if line else ""
