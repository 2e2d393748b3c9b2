"""A library that cannot be imported skips a learner's test, and fails CI's."""

import sys

import pytest
from needed import needed


@pytest.mark.parametrize("ci, outcome", [("", pytest.skip.Exception), ("true", pytest.fail.Exception)])
@pytest.mark.parametrize("name", ["torchao", "onnxruntime.quantization"])
def test_a_missing_library(name, ci, outcome, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)  # so that importing it fails
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match=name):
        needed(name)


def test_one_that_is_there(monkeypatch):
    monkeypatch.setenv("CI", "true")
    assert needed("onnx").__name__ == "onnx"
