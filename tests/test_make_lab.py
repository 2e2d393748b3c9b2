"""`make lab` as a learner runs it: the token guards it, it listens on this machine alone, and it does not nag."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from unittest.mock import Mock

import pytest
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from jupyter_server.services.kernels.websocket import KernelWebsocketHandler
from traitlets.config import PyFileConfigLoader

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ["JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"]
LAB_FOLDERS = ["JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """JupyterLab started by make in the environment of these tests, with the user's folders elsewhere: its URL."""
    home = tmp_path_factory.mktemp("home")
    environment = os.environ | {name: str(home / name) for name in FOLDERS + LAB_FOLDERS}
    environment["JUPYTER_PREFER_ENV_PATH"] = "0"  # a setting of the user that would put their kernels first
    wrong_kernel = home / "JUPYTER_DATA_DIR" / "kernels" / "python3"
    wrong_kernel.mkdir(parents=True)
    spec = {"argv": ["/bin/false"], "display_name": "of another project", "language": "python"}
    (wrong_kernel / "kernel.json").write_text(json.dumps(spec))
    command = ["make", "lab", "SETUP=true", f"VENV={sys.prefix}", f"ARGS=--no-browser --port {free_port()}"]
    output = subprocess.STDOUT
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=output, text=True, start_new_session=True
    )
    printed = []
    for line in process.stdout:
        printed.append(line)
        if url := re.search(r"http://\S+\?token=\w+", line):
            break
    else:
        pytest.fail("JupyterLab did not start:\n" + "".join(printed))
    wait_until_it_listens(url.group())
    yield url.group()
    os.killpg(process.pid, signal.SIGTERM)
    process.communicate(timeout=30)


def wait_until_it_listens(url: str, seconds: float = 60) -> None:
    """JupyterLab prints its URL a moment before it listens there."""
    address, end = urllib.parse.urlsplit(url), time.monotonic() + seconds
    while True:
        try:
            socket.create_connection((address.hostname, address.port), timeout=2).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def get(server: str, path: str, token: bool = True) -> str:
    """The answer of the server, or its status where it refuses."""
    address, _, secret = server.partition("?token=")
    base = address[: address.index("/", len("http://"))]
    request = urllib.request.Request(base + path, headers={"Authorization": f"token {secret}"} if token else {})
    try:
        return urllib.request.urlopen(request, timeout=20).read().decode()
    except urllib.error.HTTPError as error:
        return str(error.code)


def test_the_url_opens_the_first_lesson_on_this_machine_alone(server):
    assert re.match(r"http://127\.0\.0\.1:\d+/lab/tree/lessons/00_start_here\.ipynb\?token=\w{20,}", server)
    port = int(server.split(":")[2].split("/")[0])
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.2", port), timeout=2)


def test_the_token_is_asked_for(server):
    assert get(server, "/api/contents", token=False) == "403"
    assert "lessons" in {entry["name"] for entry in json.loads(get(server, "/api/contents"))["content"]}


def test_the_kernel_is_that_of_the_environment(server):
    specs = json.loads(get(server, "/api/kernelspecs"))["kernelspecs"]
    assert specs["python3"]["spec"]["display_name"] == "Python 3 (ipykernel)"


def page_config(server: str) -> dict:
    """What the server tells the page."""
    return json.loads(re.search(r'id="jupyter-config-data"[^>]*>(.*?)</script>', get(server, "/lab"), re.DOTALL)[1])


def test_widgets_are_served_and_neither_a_preview_button_nor_a_busy_icon(server):
    """The icon of the browser's tab would be asked for at each step of a slider."""
    page = page_config(server)
    assert "@jupyter-widgets/jupyterlab-manager" in {each["name"] for each in page["federated_extensions"]}
    off = {"@voila-dashboards/jupyterlab-preview", "@jupyterlab/application-extension:faviconbusy"}
    assert set(page["disabledExtensions"]) == off


def test_no_news_no_update_and_no_build_prompt(server):
    plugin = json.loads(get(server, "/lab/api/settings/@jupyterlab/apputils-extension:notification"))
    properties = plugin["schema"]["properties"]
    assert properties["fetchNews"]["default"] == "false"
    assert properties["checkForUpdates"]["default"] is False
    page = page_config(server)
    assert page["buildCheck"] is False and page["buildAvailable"] is False


def test_messages_of_a_kernel_are_sent_at_once(monkeypatch):
    """The setting that `make lab` and the browser tests hand to JupyterLab, read as JupyterLab reads it."""
    config = PyFileConfigLoader("lab_config.py", path=str(ROOT / "tools" / "lab")).load_config()
    prompt = config.ServerApp.kernel_websocket_connection_class
    monkeypatch.setattr(ZMQChannelsWebsocketConnection, "connect", lambda self: "connected")
    handler = Mock(spec=KernelWebsocketHandler)
    assert prompt(websocket_handler=handler).connect() == "connected"
    handler.set_nodelay.assert_called_once_with(True)
    command = subprocess.run(
        ["make", "-n", "lab", "SETUP=true"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "--config=tools/lab/lab_config.py" in command.stdout
