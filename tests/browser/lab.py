"""Start a private JupyterLab and drive it: what the browser tests and tools/screenshots.py share."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[2]
LESSONS = ROOT / "lessons"
BROWSER_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

PATIENCE = 120_000  # milliseconds that a lesson may take to open or to run
# A stored lesson shows the numbers of its last run: they are wiped out before the next.
BLANK = "document.querySelectorAll('.jp-CodeCell .jp-InputPrompt').forEach(prompt => { prompt.textContent = ''; })"
NUMBERED = "[...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')].every(p => /[0-9]/.test(p.textContent))"
# Close all, unsaved or not, and open another notebook.
REPLACE = """async name => {
  for (const panel of [...jupyterapp.shell.widgets('main')]) {
    await panel.sessionContext?.shutdown();
    panel.dispose();
  }
  await jupyterapp.commands.execute('docmanager:open', {path: name});
}"""


@contextmanager
def running_lab(folder: Path, theme: str = "JupyterLab Light") -> Iterator[str]:
    """A JupyterLab server whose every file, settings and kernels included, is under `folder`; yields its URL."""
    port, work = free_port(), folder / "work"
    shutil.copytree(LESSONS, work, dirs_exist_ok=True)
    _write_settings(folder / "settings", theme)
    options = [
        "--no-browser",
        "--expose-app-in-browser",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--port-retries=0",
        f"--notebook-dir={work}",
        f"--LabApp.app_settings_dir={ROOT / 'tools' / 'lab'}",
        f"--config={ROOT / 'tools' / 'lab' / 'lab_config.py'}",
    ]
    options += ["--IdentityProvider.token=", "--ServerApp.password=", "--ServerApp.disable_check_xsrf=True"]
    options += ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with (folder / "lab.log").open("w") as log:
        command = [sys.executable, "-m", "jupyterlab", *options]
        server = subprocess.Popen(command, env=_environment(folder), stdout=log, stderr=log)
        try:
            yield wait_for(f"http://127.0.0.1:{port}", server, folder / "lab.log")
        finally:
            server.terminate()
            server.wait(20)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _write_settings(folder: Path, theme: str) -> None:
    """The theme, and no pop-up that asks about news."""
    place = folder / "@jupyterlab" / "apputils-extension"
    place.mkdir(parents=True, exist_ok=True)
    (place / "notification.jupyterlab-settings").write_text(json.dumps({"fetchNews": "false"}))
    (place / "themes.jupyterlab-settings").write_text(json.dumps({"theme": theme}))


def _environment(folder: Path) -> dict[str, str]:
    """The process's environment with every folder Jupyter or the course writes to moved under `folder`."""
    moved = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
        "QLAB_DATA_DIR": "progress",
    }
    # The environment's own kernel, not one that the machine offers under the same name.
    kernels = {"JUPYTER_PATH": str(Path(sys.prefix) / "share" / "jupyter"), "JUPYTER_PREFER_ENV_PATH": "1"}
    kernels["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # else a restarted kernel's debugger writes to stderr
    return {**os.environ, **kernels, **{name: str(folder / place) for name, place in moved.items()}}


def wait_for(url: str, server: subprocess.Popen, log: Path, seconds: float = 60) -> str:
    """`url`, once the server answers there (an app has no status page, but says so)."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(f"{url}/api/status", timeout=5).close()
            return url
        except urllib.error.HTTPError:
            return url
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"The server did not start at {url}; its log:\n{log.read_text()[-3000:]}")


@contextmanager
def browser_page(chromium: str, width: int = 1280, height: int = 1600) -> Iterator[Page]:
    """A page of a fresh headless browser; `page.problems` collects errors of its console and of its kernels."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=BROWSER_FLAGS)
        page = browser.new_page(viewport={"width": width, "height": height})
        page.problems = []
        page.on("pageerror", lambda error: page.problems.append(f"page: {error}"))
        page.on("console", lambda m: page.problems.append(f"console: {m.text}") if m.type == "error" else None)
        page.on("websocket", lambda socket: socket.on("framereceived", lambda f: _note_kernel_error(page, f)))
        yield page
        browser.close()


def _note_kernel_error(page: Page, frame: str | bytes) -> None:
    """Record a kernel's error or stderr message; those of a widget's callback are nowhere else on the page."""
    text = frame if isinstance(frame, str) else frame.decode(errors="replace")
    # JupyterLab asks a fresh kernel for widgets before any cell could import them: "No such comm" is its answer.
    if re.search(r'"msg_type":\s*"error"|"name":\s*"stderr"', text) and "No such comm" not in text:
        page.problems.append(f"kernel: {text[-2000:]}")


def write_notebook(path: Path, *cells: str) -> None:
    """A notebook of code cells."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)


def run_notebook(page: Page, url: str, name: str) -> None:
    """Open a notebook of the server's folder, run all its cells and wait until they are done."""
    open_notebook(page, url, name)
    choose_to_run(page)


def open_notebook(page: Page, url: str, name: str) -> None:
    """Open a notebook of the server's folder, and wait for its kernel."""
    page.goto(f"{url}/lab/tree/{name}?reset")
    wait_idle(page)


def replace_notebook(page: Page, url: str, name: str) -> None:
    """`open_notebook`, without loading JupyterLab again where the page shows it: that takes 3 seconds."""
    if not page.url.startswith(f"{url}/lab/tree/"):
        return open_notebook(page, url, name)
    page.evaluate(REPLACE, name)
    wait_idle(page)


def choose_to_run(page: Page, command: str = "runmenu:run-all", confirm: bool = False) -> None:
    """Choose a command of the menu Run, and wait until every code cell has run."""
    page.evaluate(BLANK)
    page.click(".lm-MenuBar-itemLabel:text-is('Run')")
    page.click(f"[data-command='{command}']")
    if confirm:
        page.click(".jp-Dialog .jp-mod-accept")
    page.wait_for_function(NUMBERED, timeout=PATIENCE)
    wait_idle(page)


def wait_idle(page: Page) -> None:
    """Wait until the status bar says that the kernel is there and has nothing to do."""
    page.wait_for_selector("#jp-main-statusbar :text('| Idle')", timeout=PATIENCE)
