"""The map that `python -m qlab` prints, and the promise that every public name explains itself."""

import doctest
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import qlab
from qlab.reading_order import READING_ORDER, map_of_library

PACKAGE = Path(qlab.__file__).parent
MAP = map_of_library()
CALLABLES = [name for name in qlab.__all__ if not inspect.ismodule(getattr(qlab, name))]


def entries(owner):
    """The names that the map lists under an owner, such as "cast" from "    ql.cast(x, name, saturate)"."""
    prefix = f"    {owner}."
    return [line.removeprefix(prefix).partition("(")[0] for line in MAP.splitlines() if line.startswith(prefix)]


def test_every_module_is_on_the_map_in_reading_order():
    here = {p.stem for p in PACKAGE.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    assert here - {"__init__", "__main__"} == set(READING_ORDER), "change READING_ORDER in qlab/reading_order.py"
    assert [line.split(":")[0] for line in MAP.splitlines() if line.startswith("qlab.")] == [
        f"qlab.{name}" for name in READING_ORDER
    ]


def test_every_public_name_is_on_the_map_once_with_its_first_line():
    assert sorted(entries("ql")) == sorted(CALLABLES)
    for name in CALLABLES:
        assert inspect.getdoc(getattr(qlab, name)).splitlines()[0] in MAP


@pytest.mark.parametrize("package", ["zoo", "explore"])
def test_the_names_of_packages_are_on_the_map(package):
    listed = __import__(f"qlab.{package}", fromlist=["__all__"]).__all__
    assert sorted(entries(package)) == sorted(listed)


def test_python_m_qlab_prints_the_map_and_needs_torch_alone():
    code = "import runpy, sys; runpy.run_module('qlab', run_name='__main__'); print(*sys.modules)"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    text, _, modules = printed.rstrip("\n").rpartition("\n")
    assert text == MAP
    assert not {"matplotlib", "ipywidgets", "safetensors", "sklearn"} & set(modules.split())
    assert max(map(len, text.splitlines())) <= 140


@pytest.mark.parametrize("name", CALLABLES)
def test_every_public_name_has_a_docstring_with_an_example(name):
    text = inspect.getdoc(getattr(qlab, name))
    assert doctest.DocTestParser().get_examples(text), f"the docstring of {name} has no example"
