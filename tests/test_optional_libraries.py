"""Lesson 14 where its libraries are missing: every cell still runs, and says what to install."""

import subprocess
import sys
from pathlib import Path

from qlab.libraries import PACKAGES

SOLUTION = next(Path(__file__).parents[1].glob("solutions/14_*.ipynb"))
RUN = f"""
import sys, nbformat
for name in {list(PACKAGES)}:
    sys.modules[name] = None  # so that importing it fails, as if it were not installed
names = {{}}
for cell in nbformat.read({str(SOLUTION)!r}, as_version=4).cells:
    if cell.cell_type == "code":
        print("cell", cell.id)
        exec(cell.source, names)
"""


def test_every_cell_runs_and_says_what_to_install():
    run = subprocess.run([sys.executable, "-W", "ignore", "-c", RUN], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout[-500:] + run.stderr[-3000:]
    assert not run.stderr
    told = {part.split("\n")[0] for part in run.stdout.split("cell ") if "pip install -e '.[libraries]'" in part}
    assert told == {"idea-ask", "layer-code", "quanto-code", "libraries-onnx", "speed-run"}
    for package in PACKAGES.values():
        assert f"This needs {package}" in run.stdout
