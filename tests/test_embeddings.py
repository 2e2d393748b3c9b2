"""A quantized embedding gives the rows of the table that its codes stand for, and takes their place in a model."""

import copy

import pytest
import torch
from torch import nn

import qlab as ql

INDICES = torch.tensor([[0, 7, 7], [29, 3, 0]])


def table():
    return nn.Embedding.from_pretrained(torch.randn(30, 21, generator=torch.Generator().manual_seed(0)))


@pytest.mark.parametrize("weight", ["int8", "uint8", "int4", "int3", "nf4"])
@pytest.mark.parametrize(
    "granularity", [ql.PerTensor(), ql.PerAxis(0), ql.PerGroup(8), ql.PerGroup(8, axis=-1)], ids=str
)
def test_a_look_up_gives_rows_of_the_whole_dequantized_table(weight, granularity):
    scheme = "affine" if weight == "uint8" else "symmetric"
    layer = ql.QuantEmbedding.from_float(table(), weight, granularity, scheme)
    qparams = ql.choose_qparams(table().weight, weight, scheme, granularity)
    whole = ql.quantize(table().weight, qparams).dequantize()
    assert torch.equal(layer(INDICES), whole[INDICES])
    assert torch.equal(layer.weight, whole)


def test_shapes_and_types_are_those_of_the_embedding():
    layer = ql.QuantEmbedding.from_float(table().bfloat16())
    assert layer(INDICES).dtype == torch.bfloat16
    for indices in (torch.tensor(4), torch.tensor([], dtype=torch.int64), INDICES):
        assert layer(indices).shape == table()(indices).shape
    with pytest.raises(IndexError):
        layer(torch.tensor([30]))


@pytest.mark.parametrize("granularity", [ql.PerAxis(1), ql.PerGroup(4, axis=0)], ids=str)
def test_scales_that_cross_rows_are_refused(granularity):
    with pytest.raises(ValueError, match="rows are looked up one by one"):
        ql.QuantEmbedding.from_float(table(), granularity=granularity)


def test_a_table_that_is_rewritten_when_it_is_used_is_refused():
    with pytest.raises(ValueError, match=r"max_norm must be None, got 1\.0"):
        ql.QuantEmbedding.from_float(nn.Embedding(4, 4, max_norm=1.0))


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(40, 16)
        self.head = nn.Linear(16, 40)
        self.head.weight = self.embedding.weight

    def forward(self, indices):
        return self.head(self.embedding(indices))


def test_embeddings_are_replaced_in_a_model_and_the_report_counts_them():
    model = Tied()
    quantized = copy.deepcopy(model)
    report = ql.replace_embedding(quantized)
    assert [layer.names for layer in report.layers] == [("embedding",)]
    assert isinstance(quantized.embedding, ql.QuantEmbedding) and isinstance(quantized.head, nn.Linear)
    assert report.layers[0].bytes_after == 40 * 16 + 40 * 4
    assert torch.equal(quantized(INDICES), model.head(quantized.embedding.weight[INDICES]))
    loaded = copy.deepcopy(model)
    ql.replace_embedding(loaded)
    loaded.load_state_dict(quantized.state_dict())
    assert torch.equal(loaded(INDICES), quantized(INDICES))


def test_names_are_excluded_as_with_linear_layers():
    model = nn.ModuleDict({"words": nn.Embedding(4, 4), "places": nn.Embedding(4, 4)})
    assert [layer.names for layer in ql.replace_embedding(model, exclude="places").layers] == [("words",)]
    with pytest.raises(ValueError, match="'place' selects no module"):
        ql.replace_embedding(model, exclude="place")
