"""Who may import whom inside qlab, read from the source: upwards only, no cycle, every public name spelled out."""

import ast
import importlib
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import qlab
from qlab.reading_order import READING_ORDER

PACKAGE = Path(qlab.__file__).parent
# From the bottom up: a file imports only from those before it, or from its own package.
LAYERS = [*READING_ORDER, "__main__"]
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in [PACKAGE / "__init__.py", *FILES]}


def imported_modules(path: Path) -> set[str]:
    """The modules of qlab that a file imports, at its top or inside a function."""
    found, own = set(), module_name(path)
    package = own if path.name == "__init__.py" else own.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            up = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*up, *filter(None, [node.module])])
            submodules = {f"{source}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else source for name in submodules}
    return {name for name in found if name == "qlab" or name.startswith("qlab.")}


def layer(module: str) -> str:
    return module.split(".")[1] if "." in module else "qlab"


def ids(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


@pytest.mark.parametrize("path", FILES, ids=ids)
def test_a_file_imports_only_from_the_layers_below_it(path):
    own = layer(module_name(path))
    assert own in LAYERS, f"{own} has no place in the order yet: add it to qlab/reading_order.py"
    allowed = {own, *LAYERS[: LAYERS.index(own)]}
    assert {layer(module) for module in imported_modules(path)} <= allowed


def test_no_cycle():
    try:
        TopologicalSorter({name: imported_modules(path) for name, path in MODULES.items()}).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize("path", MODULES.values(), ids=ids)
def test_no_star_import(path):
    imports = [n for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(n, ast.ImportFrom)]
    assert "*" not in {alias.name for node in imports for alias in node.names}


def test_init_names_every_public_name_and_each_exists():
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    assert {alias.asname or alias.name for node in imports for alias in node.names} <= set(qlab.__all__)
    assert len(qlab.__all__) == len(set(qlab.__all__))
    for name in qlab.__all__:
        assert getattr(qlab, name) is not None
        assert name in dir(qlab)


@pytest.mark.parametrize("name", [name for name, path in MODULES.items() if path.name == "__init__.py"])
def test_no_file_bears_the_name_of_a_public_function(name):
    """`from qlab import check` must give the function, whatever was imported before."""
    public = set(getattr(importlib.import_module(name), "__all__", ()))
    folder = MODULES[name].parent
    beside = {path.stem for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    packages = {stem for stem in beside if (folder / stem / "__init__.py").exists()}
    assert not public & (beside - packages)
