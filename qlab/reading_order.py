"""The map of the library that `python -m qlab` prints: the modules in reading order, and what each gives you."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parent
# Also the order of the layers: a file imports only from those before it. A new file stands as early as it can.
READING_ORDER = """
    dtypes casting metrics granularity qparams affine packing products rescaling matmul conv selection downcasting
    anatomy weight_products layers embeddings swapping histograms observers clipping graphs folding integer_layers
    ptq converting sensitivity qat zoo picture plots scene_plots sensitivity_plots timing libraries api_map explore
    exercises reading_order cli
""".split()  # noqa: SIM905


def map_of_library() -> str:
    """The map as text. It is read from the source files, so it needs torch alone and imports no widget.

    >>> print(map_of_library().split("qlab.casting")[0].split("qlab.dtypes: ")[1])  # doctest: +ELLIPSIS
    What a number format can hold: one line of data per format, and the value of each of its codes.
        ql.DType
            A number format.
        ql.dtype(name)
            The specification of the format called `name`.
    ...
    """
    init = _parse(PACKAGE / "__init__.py")
    homes = _homes(init)
    modules = (line for name in READING_ORDER for line in _module(name, homes))
    return "\n".join([ast.get_docstring(init), *modules])


def _module(name: str, homes: dict[str, str]) -> Iterator[str]:
    """The lines on one module or package: its first sentence, then its public functions and classes."""
    path = PACKAGE / name
    files = [path / "__init__.py", *sorted(path.rglob("*.py"))] if path.is_dir() else [path.with_suffix(".py")]
    first = _parse(files[0])
    listed = _homes(first)
    yield f"\nqlab.{name}: {_first_line(first)}"
    for file in files:
        module = ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts)
        for node in _parse(file).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                owner = {homes.get(node.name): "ql", listed.get(node.name): name}.get(module)
                if owner:
                    yield f"    {owner}.{_signature(node)}\n        {_first_line(node)}"


def _homes(init: ast.Module) -> dict[str, str]:
    """For each name that a package's __init__ imports, at once or when used: the module that defines it."""
    homes = {}
    for node in init.body:
        if isinstance(node, ast.ImportFrom):
            homes |= {alias.name: node.module for alias in node.names}
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_IMPORTED_WHEN_USED":
            homes |= ast.literal_eval(node.value)
    return homes


def _parse(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def _signature(node: ast.FunctionDef | ast.ClassDef) -> str:
    if isinstance(node, ast.ClassDef):
        return node.name
    return f"{node.name}({', '.join(a.arg for a in [*node.args.args, *node.args.kwonlyargs])})"


def _first_line(node: ast.AST) -> str:
    return ast.get_docstring(node).splitlines()[0]
