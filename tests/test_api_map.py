"""The map of names: every call runs with the installed libraries, and what is called deprecated says so itself."""

import copy
import shutil
import subprocess
import sys

import pytest
import torch
from needed import needed
from torch import nn

from qlab import zoo
from qlab.api_map import CONCEPTS, IMPORTS, LIBRARIES
from qlab.libraries import PACKAGES, open_library, quiet

CONTINUED = ("calibrate", "convert")  # these go on with the model of the call before
NEEDS = {"torchao": ["torchao"], "quanto": ["optimum.quanto"], "onnxruntime": ["onnx", "onnxruntime"]}


def fresh_model():
    return zoo.load("digits_cnn").requires_grad_(False)


@pytest.mark.parametrize("library", LIBRARIES)
def test_every_call_runs(library, tmp_path, monkeypatch):
    for name in NEEDS.get(library, []):
        needed(name)
    monkeypatch.chdir(tmp_path)
    model = fresh_model()
    names = {"torch": torch, "nn": nn, "weight": model.fc1.weight, "images": zoo.digits("train")[0][:32]}
    with quiet():
        exec(IMPORTS[library], names)
        if library == "onnxruntime":
            shown = {"input_names": ["images"], "output_names": ["scores"]}
            torch.onnx.export(model, (names["images"],), "float.onnx", dynamo=False, **shown)
            shutil.copy("float.onnx", "int8.onnx")
        for title, concept in CONCEPTS.items():
            if library in concept.call:
                names["model"] = names["model"] if title in CONTINUED else copy.deepcopy(model)
                exec(concept.call[library], names)
    if library != "onnxruntime":
        assert torch.as_tensor(names["codes"]).dtype == torch.int8
        assert (names["back"] - names["weight"]).abs().max() < 0.001


@pytest.mark.parametrize("title", CONCEPTS)
def test_names_and_calls_are_there_for_the_same_libraries(title):
    concept = CONCEPTS[title]
    assert concept.name.keys() == concept.call.keys() <= set(LIBRARIES)
    assert bool(concept.instead) == ("torch.ao" in concept.call)
    for library, name in concept.name.items():
        first = name.partition("(")[0].partition(",")[0].rpartition(".")[2]
        assert first in concept.call[library] or name in ("run it", "PerChannelMinMaxObserver")


WARNED = """
import warnings
import torch
from torch import nn
from qlab import zoo
from qlab.api_map import CONCEPTS, IMPORTS
names = {"torch": torch, "nn": nn, "images": torch.zeros(2, 1, 8, 8)}
exec(IMPORTS["torch.ao"], names)
for title, concept in CONCEPTS.items():
    if "torch.ao" in concept.call:
        names["model"] = zoo.load("digits_cnn")
        names["weight"] = names["model"].fc1.weight.detach()
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            exec(concept.call["torch.ao"], names)
        if any("deprecated and will be removed" in str(warning.message) for warning in seen):
            print(title)
"""


def test_what_makes_or_changes_something_in_torch_ao_warns():
    """In a process of its own, for torch says it once. The rest only uses what these made."""
    run = subprocess.run([sys.executable, "-c", WARNED], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == ["quantize", "per call", "prepare", "convert", "train"]


def test_a_missing_library_is_named_with_what_to_install(monkeypatch, capsys):
    for package in PACKAGES:
        monkeypatch.setitem(sys.modules, package, None)
        assert open_library(package) is None
        assert PACKAGES[package] in (told := capsys.readouterr().out) and "pip install -e '.[libraries]'" in told
    with pytest.raises(ValueError, match="got 'numpy'"):
        open_library("numpy")
