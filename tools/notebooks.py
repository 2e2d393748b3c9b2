"""Notebooks as data: read and write, run, bring into the one stored form, and say what is wrong with one.

The stored form has execution counts 1..N, the metadata below and no other, unique cell ids, one stream output
where the kernel happened to send several, and no live widgets: their models die with the kernel, so a reader
gets the text, HTML or picture that came with them.
"""

import os
import re
import subprocess
import tempfile
from itertools import pairwise
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
CELL_METADATA = ("jupyter", "tags")  # hidden sources and tags; timing and editor state are dropped
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
MAX_LINES = 25
MAX_COLUMNS = 88  # what a laptop shows beside the file browser without a scroll bar
SECONDS_PER_CELL = 120
PICTURE = "<picture>"  # what nbval takes for a picture, which is stored as it is
VOLATILE = re.findall(
    "^regex: (.*)\nreplace: (.*)$",
    Path(__file__).with_name("nbval.cfg").read_text(encoding="utf-8"),
    re.MULTILINE,
)


def read(path: Path) -> NotebookNode:
    return nbformat.v4.reads(path.read_text(encoding="utf-8"))


def dumps(notebook: NotebookNode) -> str:
    return nbformat.v4.writes(notebook) + "\n"


def write(path: Path, notebook: NotebookNode) -> bool:
    """Write the notebook if that changes the file, and say whether it did."""
    text = dumps(notebook)
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
    return True


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def run_in_order(notebook: NotebookNode) -> bool:
    """Whether every code cell was run, each one after the cell above it."""
    counts = [cell.execution_count for cell in code_cells(notebook)]
    return None not in counts and all(a < b for a, b in pairwise(counts))


def execute(notebook: NotebookNode, folder: Path) -> None:
    """Run all cells in `folder` with a new kernel and an empty progress file, and store their outputs."""
    normalize(notebook)  # the client wants ids
    with tempfile.TemporaryDirectory() as data:
        client = NotebookClient(
            notebook,
            timeout=SECONDS_PER_CELL,
            kernel_name="python3",
            resources={"metadata": {"path": str(folder)}},
            store_widget_state=False,
            record_timing=False,
        )
        # A kernel warns on its stderr about its own transport; what cells write there arrives as output.
        client.execute(env={**os.environ, "QLAB_DATA_DIR": data}, stderr=subprocess.DEVNULL)


def normalize(notebook: NotebookNode) -> None:
    """Bring the notebook, in place, into the form in which it is stored."""
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    notebook.metadata = nbformat.from_dict(METADATA)
    used: set[str] = set()
    for number, cell in enumerate(notebook.cells, start=1):
        if not cell.get("id") or cell.id in used:
            cell.id = f"cell-{number}-of-{len(notebook.cells)}"
        used.add(cell.id)
        cell.metadata = NotebookNode({key: cell.metadata[key] for key in CELL_METADATA if cell.metadata.get(key)})
    for count, cell in enumerate(code_cells(notebook), start=1):
        cell.execution_count = count
        cell.outputs = stored_outputs(cell.outputs, count)


def stored_outputs(outputs: list[NotebookNode], count: int) -> list[NotebookNode]:
    """The outputs without live widgets and without what changes from run to run; streams are joined."""
    kept: list[NotebookNode] = []
    for output in outputs:
        if output.output_type == "stream":
            if kept and kept[-1].output_type == "stream" and kept[-1].name == output.name:
                kept[-1].text += output.text
                continue
        elif "data" in output:
            output.data.pop(WIDGET_VIEW, None)
            output.metadata.pop(WIDGET_VIEW, None)
            if not output.data:
                continue
        if output.output_type == "execute_result":
            output.execution_count = count
        kept.append(output)
    for output in kept:
        replace_volatile(output)
    return kept


def replace_volatile(output: NotebookNode) -> None:
    where = output.get("data", output)
    for key, text in where.items():
        if key.startswith("text") and isinstance(text, str):
            for regex, replacement in VOLATILE:
                if replacement != PICTURE:
                    text = re.sub(regex, replacement, text)
            where[key] = text


def problems(path: Path) -> list[str]:
    """What is wrong with a notebook: one line for each defect, none if it is sound."""
    notebook = read(path)
    found = [] if run_in_order(notebook) else ["its code cells were not all run from top to bottom"]
    for number, cell in enumerate(notebook.cells, start=1):
        where = f"cell {number} ({cell.get('id', 'no id')})"
        found += [f"{where} {problem}" for problem in source_problems(cell) + output_problems(cell)]
    normalize(notebook)
    if dumps(notebook) != path.read_text(encoding="utf-8"):
        found.append("it is not in its stored form (ids, counts, metadata, outputs)")
    return found


def source_problems(cell: NotebookNode) -> list[str]:
    found, lines = [], len(cell.source.splitlines())
    if not cell.source.strip():
        found.append("is empty")
    if lines > MAX_LINES:
        found.append(f"has {lines} lines, {MAX_LINES} at most; split it")
    longest = max((len(line) for line in cell.source.splitlines()), default=0)
    if cell.cell_type == "code" and longest > MAX_COLUMNS:
        found.append(f"has a line of {longest} characters, {MAX_COLUMNS} at most; break it")
    if cell.cell_type == "code" and cell.source.rstrip().endswith(";"):
        found.append("ends with ';', which nbval does not heed; assign the value to _")
    return found


def output_problems(cell: NotebookNode) -> list[str]:
    found = []
    for output in cell.get("outputs", []):
        if output.output_type == "error":
            found.append(f"stored the error {output.ename}: {output.evalue}")
        elif output.get("name") == "stderr":
            found.append(f"wrote to stderr: {output.text.strip()}")
    return found
