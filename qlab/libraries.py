"""Other people's quantization libraries: opened quietly where they are installed, named plainly where they are not.

qlab needs none of them. The last lesson, the tests and the benchmarks compare with them.
"""

from __future__ import annotations

import importlib
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

PACKAGES = {  # what to import -> what to install
    "torchao": "torchao",
    "optimum.quanto": "optimum-quanto",
    "onnx": "onnx",
    "onnxruntime": "onnxruntime",
}


@contextmanager
def quiet() -> Iterator[None]:
    """No warnings and no log messages inside: libraries warn of GPU kernels, and torch of what it will remove.

    >>> with quiet():
    ...     warnings.warn("soon to be removed")
    """
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def open_library(name: str) -> ModuleType | None:
    """The module of that name, imported quietly; where its package is missing, None, and a line that says so.

    name: "torchao", "optimum.quanto", "onnx", "onnxruntime", or a module inside one of these. Raises ValueError
    for any other.

    >>> open_library("onnx.helper").__name__
    'onnx.helper'
    """
    package = next((p for p in PACKAGES if name == p or name.startswith(p + ".")), None)
    if package is None:
        raise ValueError(f"name must be a module of {', '.join(PACKAGES)}; got {name!r}")
    try:
        with quiet():
            return importlib.import_module(name)
    except ImportError as error:
        print(f"This needs {PACKAGES[package]}, which cannot be used here: {error}.")
        print("To install it, in the course's folder: pip install -e '.[libraries]'")
        return None
