"""`qlab` on the command line: the map of the library, and each explorer as an app in the browser.

qlab                     print the map of the library, as `python -m qlab` does
qlab explore affine      open an explorer as a page of its own; further options go to Voila
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from qlab.reading_order import map_of_library

# Voila's own template without its two style sheets for icons, which it would load from the network and no explorer
# uses. `super.super()` is what nbconvert's template, on which Voila's builds, has there.
TEMPLATE = """\
{%- extends 'voila/templates/lab/index.html.j2' -%}
{%- import 'spinner.macro.html.j2' as spinner -%}
{%- block notebook_css -%}
{{ resources.include_js("static/voila-style.js") }}
{{ spinner.css() }}
{{ super.super() }}
{%- endblock notebook_css -%}
"""


def app_notebook(name: str) -> str:
    """The notebook, as JSON text, whose one cell opens the explorer called `name`.

    Raises ValueError for a name that is no explorer, with those that are.

    >>> json.loads(app_notebook("affine"))["cells"][0]["source"]
    'from qlab import explore\\nexplore.affine()'
    """
    from qlab import explore

    if name not in explore.__all__:
        raise ValueError(f"there is no explorer {name!r}; there are {', '.join(explore.__all__)}")
    cell = {
        "cell_type": "code",
        "id": "explorer",
        "metadata": {},
        "execution_count": None,
        "outputs": [],
        "source": f"from qlab import explore\nexplore.{name}()",
    }
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return json.dumps({"cells": [cell], "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5})


def serve(name: str, options: list[str]) -> int:
    """Serve an explorer with Voila, on this machine alone, until it is interrupted; returns Voila's exit code."""
    with tempfile.TemporaryDirectory(prefix="qlab-app-") as folder:
        notebook = Path(folder, f"{name}.ipynb")
        notebook.write_text(app_notebook(name), encoding="utf-8")
        command = [
            sys.executable,
            "-m",
            "voila",
            str(notebook),
            "--Voila.ip=127.0.0.1",
            "--template=qlab",
            *options,
        ]
        with subprocess.Popen(command, env=_environment(Path(folder))) as server:
            try:
                return server.wait()
            except KeyboardInterrupt:
                server.terminate()
                return 0


def _environment(folder: Path) -> dict[str, str]:
    """The process's environment, in which Voila also finds a template called qlab, put under `folder`."""
    template = folder / "voila" / "templates" / "qlab" / "index.html.j2"
    template.parent.mkdir(parents=True)
    template.write_text(TEMPLATE, encoding="utf-8")
    (template.parent / "conf.json").write_text('{"base_template": "lab"}', encoding="utf-8")
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("JUPYTER_PATH")]))
    # The environment's own kernel, not one that the machine offers under the same name.
    return {**os.environ, "JUPYTER_PATH": path, "JUPYTER_PREFER_ENV_PATH": "1"}


def main(arguments: list[str] | None = None) -> int:
    """The command: see the module's docstring. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="qlab", description="A course on neural-network quantization.")
    commands = parser.add_subparsers(dest="command")
    explore = commands.add_parser("explore", help="open an explorer as a page of its own")
    explore.add_argument("name", help="which one, for example affine")
    options, rest = parser.parse_known_args(arguments)
    if options.command is None:
        if rest:
            parser.error(f"unrecognized arguments: {' '.join(rest)}")
        print(map_of_library())
        return 0
    try:
        return serve(options.name, rest)
    except ValueError as error:
        parser.error(str(error))


if __name__ == "__main__":
    sys.exit(main())
