"""The table of a file's bytes: it adds up to the file's size, and each tensor has the bytes it must have."""

import os
import warnings

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import qlab as ql
from qlab.anatomy import file_table


def small_model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Embedding(10, 8), nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 10))


def test_a_quantized_models_safetensors_file_adds_up_tensor_by_tensor(tmp_path):
    model = small_model()
    ql.replace_linear(model, weight="int4", granularity=ql.PerGroup(8))
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    table = file_table(tmp_path / "model.safetensors")
    assert table.nbytes == os.path.getsize(tmp_path / "model.safetensors")
    sizes = {part.name: part.nbytes for part in table.parts}
    assert sizes["1.codes_int4"] == 16 * 8 // 2 and sizes["1.scale"] == 16 * 4 and sizes["0.weight"] == 10 * 8 * 4
    assert set(sizes) - {"header"} == set(model.state_dict())
    assert table.by_dtype()["U8"] == (16 * 8 + 10 * 16) // 2


def test_a_file_of_torch_save_adds_up_tensor_by_tensor(tmp_path):
    model = small_model()
    torch.save(model.state_dict(), tmp_path / "model.pt")
    table = file_table(tmp_path / "model.pt")
    assert table.nbytes == os.path.getsize(tmp_path / "model.pt")
    sizes = {part.name: part.nbytes for part in table.parts if part.dtype}
    assert sizes == {name: tensor.nbytes for name, tensor in model.state_dict().items()}


def test_shared_memory_is_one_line_with_both_names(tmp_path):
    weight = torch.ones(4, 4)
    torch.save({"embedding": weight, "head": weight, "row": weight[0], "own": torch.zeros(3)}, tmp_path / "tied.pt")
    parts = file_table(tmp_path / "tied.pt").parts
    assert [(p.name, p.nbytes) for p in parts if p.dtype] == [("embedding, head, row", 64), ("own", 12)]


@pytest.mark.parametrize("qscheme", ["per tensor", "per channel"])
def test_tensors_quantized_by_torch_appear_as_their_integers(tmp_path, qscheme):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        x = torch.randn(6, 5, generator=torch.Generator().manual_seed(0))
        if qscheme == "per tensor":
            quantized = torch.quantize_per_tensor(x, 0.1, 0, torch.qint8)
        else:
            quantized = torch.quantize_per_channel(x, torch.full((6,), 0.1), torch.zeros(6).long(), 0, torch.qint8)
        torch.save({"packed": (quantized, torch.zeros(7))}, tmp_path / "q.pt")
        table = file_table(tmp_path / "q.pt")
    assert table.nbytes == os.path.getsize(tmp_path / "q.pt")
    sizes = {p.name: p.nbytes for p in table.parts if p.dtype}
    own = {} if qscheme == "per tensor" else {"packed.0.scale": 6 * 8, "packed.0.zero_point": 6 * 8}
    assert sizes == {"packed.0": 30, **own, "packed.1": 28}


def test_other_files_are_refused_by_name(tmp_path):
    (tmp_path / "notes.txt").write_text("no tensors here at all")
    with pytest.raises(ValueError, match=r"notes\.txt is neither a safetensors file nor"):
        file_table(tmp_path / "notes.txt")
    torch.save(small_model(), tmp_path / "whole.pt")
    with pytest.raises(ValueError, match=r"whole\.pt holds more than tensors; save model\.state_dict\(\)"):
        file_table(tmp_path / "whole.pt")
    with pytest.raises(FileNotFoundError):
        file_table(tmp_path / "missing.pt")
