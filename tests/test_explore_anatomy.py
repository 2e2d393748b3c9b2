"""The explorer of a model's file: its bytes over the whole grid of controls, its widget without a browser."""

import itertools
import os
import re
from functools import cache

import numpy as np
import pytest
import torch
from explorer_checks import (
    assert_every_control_is_named,
    assert_every_control_rewrites_the_view,
    assert_prints_cleanly,
)
from safetensors.torch import save_file
from torch import nn

import qlab as ql
from qlab import explore, zoo
from qlab.explore import lesson09, model_files
from qlab.explore.model_files import FILES, KINDS, RESTS, WEIGHTS, WHAT
from qlab.explore.still import still_png

SPREADS = {"per tensor": ql.PerTensor(), "per row": ql.PerAxis(0), "per group": ql.PerGroup(32)}
DEFAULTS = {
    "quantize": "linear layers",
    "weight": "int8",
    "granularity": "per row",
    "group_size": 32,
    "rest": "float32",
    "file": "torch.save",
}


class Tied(nn.Module):
    """A head that shares the embedding's table, and a buffer of integers."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(30, 16)
        self.head = nn.Linear(16, 30, bias=False)
        self.head.weight = self.embedding.weight
        self.register_buffer("steps", torch.tensor(3))


@cache
def subject_named(name):
    torch.manual_seed(0)
    made = {
        "words": None,
        "mlp": nn.Sequential(nn.Linear(70, 60), nn.ReLU(), nn.Linear(60, 5)),
        "tied": Tied(),
        "linear": nn.Linear(9, 4),
        "convolutional": zoo.load("digits_cnn"),
    }
    return model_files.subject(made[name])


def state(chosen, **settings):
    first = next(name for name, layer in chosen.layers.items() if isinstance(layer, nn.Linear))
    return lesson09.state(chosen, **DEFAULTS | {"layer": first} | settings)


def saved_by_hand(path, chosen, quantize, weight, granularity, rest, file):
    """The same file, made with the library's functions on a fresh model."""
    model = zoo.word_model().to(getattr(torch, rest))
    if quantize != "nothing":
        ql.replace_linear(model, weight=weight, granularity=granularity)
    if quantize == "embeddings too":
        ql.replace_embedding(model, weight=weight, granularity=granularity)
    torch.save(model.state_dict(), path) if file == "torch.save" else save_file(model.state_dict(), path)
    return model


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("rest", RESTS)
@pytest.mark.parametrize("quantize", WHAT)
def test_the_bytes_are_those_of_the_file_that_the_library_saves(tmp_path, quantize, rest, file):
    chosen, path = subject_named("words"), tmp_path / "model"  # torch.save writes the name into the file
    for weight, spread in (("int8", "per tensor"), ("int4", "per row"), ("int3", "per group")):
        model = saved_by_hand(path, chosen, quantize, weight, SPREADS[spread], rest, file)
        shown = state(chosen, quantize=quantize, weight=weight, granularity=spread, rest=rest, file=file)
        numbers = {name: number.value for name, number in shown.numbers.items()}
        assert numbers["after"] == os.path.getsize(path)
        assert numbers["parameters"] == sum(p.nbytes for p in model.parameters())
        kinds = shown.lead.bars["now"]
        assert sum(kinds.values()) == numbers["after"] and list(kinds) == list(KINDS)
        assert kinds["names, headers"] == numbers["after"] - ql.memory_footprint(model)
        packed = [b for name, b in model.named_buffers() if ".codes_" in f".{name}"]
        assert kinds["codes"] == numbers["codes"] == sum(b.nbytes for b in packed)


@pytest.mark.parametrize("name", ["words", "mlp", "linear", "convolutional"])
def test_the_table_adds_up_to_the_file(name):
    chosen = subject_named(name)
    for weight, file in itertools.product(WEIGHTS, FILES):
        shown = state(chosen, weight=weight, file=file)
        *rows, total = [int(row[3].text.replace(",", "")) for row in shown.table.rows]
        assert sum(rows) == total == shown.numbers["after"].value
        marked = shown.table.rows[shown.table.chosen][0].text
        assert marked.endswith(f"codes_{weight}")


def test_every_layer_on_view_is_marked_in_the_table_with_its_bytes_before():
    chosen = subject_named("words")
    for layer, module in chosen.layers.items():
        shown = state(chosen, quantize="embeddings too", weight="int4", layer=layer)
        row = [cell.text for cell in shown.table.rows[shown.table.chosen]]
        assert row[0] == f"{layer}.codes_int4" and row[1] == "uint8"
        assert row[3:] == [f"{module.weight.numel() // 2:,}", f"{module.weight.nbytes:,}"]


@pytest.mark.parametrize("quantize", WHAT)
def test_the_layer_on_view_is_quantized_as_the_library_does(quantize):
    chosen = subject_named("words")
    for layer, spread in itertools.product(("embedding", "block.attention.k"), SPREADS):
        shown = state(chosen, quantize=quantize, weight="int3", granularity=spread, layer=layer)
        weight = chosen.layers[layer].weight.detach()
        qt = ql.quantize(weight, ql.choose_qparams(weight, "int3", "symmetric", SPREADS[spread]))
        kept = quantize == "nothing" or (layer == "embedding" and quantize == "linear layers")
        bits, back = (32, weight) if kept else (ql.bits_per_weight(qt), qt.dequantize())
        numbers = {name: number.value for name, number in shown.numbers.items()}
        assert numbers["bits"] == bits and numbers["mse"] == ql.mse(weight, back)
        assert numbers["sqnr"] == ql.sqnr(weight, back)
        original, restored, error = (panel.values for panel in shown.panels)
        largest = np.abs(original).max()
        np.testing.assert_allclose(error, restored - original, atol=1e-6 * largest)


@pytest.mark.parametrize("file", FILES)
def test_tied_weights_are_counted_as_the_file_has_them(file):
    chosen = subject_named("tied")
    kept = state(chosen, quantize="nothing", file=file)
    assert kept.lead.bars["now"]["embeddings"] + kept.lead.bars["now"]["linear weights"] == 30 * 16 * 4
    both = state(chosen, quantize="embeddings too", file=file)
    assert both.lead.bars["now"]["codes"] == 2 * 30 * 16  # each gets codes of its own
    assert_prints_cleanly(kept)
    assert_prints_cleanly(both)


def test_a_type_that_cannot_hold_the_weights_is_refused_in_words():
    model = nn.Sequential(nn.Linear(4, 4, bias=False))
    nn.init.constant_(model[0].weight, 1e5)
    shown = explore.anatomy(model, rest="float16").current
    assert "float16 cannot hold this model" in shown.remark
    assert shown.numbers["after"].value == explore.anatomy(model).current.numbers["after"].value
    nn.init.constant_(model[0].weight, 1e-6)
    assert "float16 cannot hold this model" in explore.anatomy(model, rest="float16").current.remark


def test_a_tiny_model_whose_file_grows_is_told_so():
    shown = explore.anatomy(nn.Linear(2, 2))
    assert "times larger" in shown.current.remark
    shown.controls["quantize"].value = "nothing"
    assert "as large as" in shown.current.remark


TOLD = [  # what lesson 09 says of its moves: settings, bytes of the file
    ({}, 2_106_571),
    ({"quantize": "nothing"}, 5_219_118),
    ({"quantize": "embeddings too"}, 1_343_143),
    ({"quantize": "embeddings too", "weight": "int4"}, 694_055),
    ({"weight": "int4"}, 1_585_483),
    ({"weight": "int4", "rest": "float16"}, 1_057_000),
]


@pytest.mark.parametrize(("settings", "nbytes"), TOLD)
def test_the_screen_shows_what_the_lesson_says(settings, nbytes):
    size = explore.anatomy(**settings).current.numbers["after"].value
    assert abs(size - nbytes) < 2_000  # names and headers are another torch's to choose


def test_parameters_miss_the_codes():
    shown = explore.anatomy(quantize="embeddings too").current.numbers
    norms_and_no_more = 6 * 256 * 4
    assert shown["parameters"].value == norms_and_no_more < shown["after"].value / 200


@pytest.mark.parametrize("name", ["words", "mlp", "tied", "linear", "convolutional"])
def test_markup_is_complete_and_there_is_a_picture(name):
    chosen = subject_named(name)
    for quantize, weight, file in itertools.product(chosen.choices, ("int8", "int2"), FILES):
        shown = state(chosen, quantize=quantize, weight=weight, file=file)
        assert_prints_cleanly(shown)
        assert shown.call in shown.text and shown.lead.text in shown.text
        widths = [float(width) for width in re.findall(r"width:([\d.]+)%;background", shown.lead.html)]
        full, now = (sum(shown.lead.bars[title].values()) for title in ("float32", "now"))
        assert sum(widths) == pytest.approx(100 * (full + now) / max(full, now), abs=0.02)
        assert f"{now:,} bytes" in shown.lead.html and shown.html.count("class=chosen") <= 1
    assert len(still_png(shown)) > 1000


@pytest.mark.parametrize(
    "settings",
    [{}, {"quantize": "embeddings too", "rest": "bfloat16"}, {"granularity": "per group", "group_size": 7}],
    ids=["default", "embeddings", "groups of 7"],
)
def test_the_printed_call_shows_the_same_view_again(settings):
    shown = explore.anatomy(**settings).current
    assert eval(shown.call, {"explore": explore}).current.html == shown.html


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"quantize": "everything"}, "quantize must be one of nothing, linear layers, embeddings too, got"),
        ({"weight": "int5"}, "weight must be one of int8, int4, int3, int2, got 'int5'"),
        ({"granularity": "per column"}, "granularity must be one of per tensor, per row, per group"),
        ({"group_size": 0}, "group_size must be a whole number from 1 to 65536, got 0"),
        ({"rest": "int8"}, "rest must be one of float32, bfloat16, float16, got 'int8'"),
        ({"file": "pickle"}, "file must be one of torch.save, safetensors, got 'pickle'"),
        ({"layer": "fc9"}, "layer must be one of embedding, block.attention.q, .* got 'fc9'"),
        ({"model": nn.ReLU()}, "a ReLU without linear layers"),
        ({"model": nn.Embedding(3, 3)}, "a Embedding without linear layers"),
        ({"model": "word_model"}, "model must be a torch.nn.Module, got a str"),
        ({"model": nn.Linear(2049, 2049)}, "4,200,450 parameters, more than 4,194,304"),
        ({"model": nn.Linear(3, 1), "quantize": "embeddings too"}, "one of nothing, linear layers, got"),
    ],
    ids=lambda case: next(iter(case)) if isinstance(case, dict) else "",
)
def test_bad_settings_are_value_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        explore.anatomy(**arguments)


def test_weights_that_are_not_finite_are_refused():
    model = nn.Linear(3, 3)
    nn.init.constant_(model.weight, float("nan"))
    with pytest.raises(ValueError, match="NaN or infinite weights"):
        explore.anatomy(model)


@pytest.mark.parametrize("name", ["words", "mlp", "tied"])
def test_every_control_rewrites_the_view_over_its_whole_grid(name):
    chosen = subject_named(name)
    explorer = explore.anatomy(chosen, granularity="per group")
    assert_every_control_rewrites_the_view(explorer, lambda **settings: lesson09.state(chosen, **settings))


def test_the_model_that_was_given_is_left_alone():
    model = nn.Sequential(nn.Embedding(9, 8), nn.Linear(8, 9))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    explorer = explore.anatomy(model, quantize="embeddings too", rest="float16")
    explorer.controls["weight"].value = "int2"
    assert isinstance(model[0], nn.Embedding) and isinstance(model[1], nn.Linear)
    assert all(torch.equal(model.state_dict()[name], tensor) for name, tensor in before.items())


def test_every_control_has_a_name_to_be_read_aloud():
    assert_every_control_is_named(explore.anatomy())


def test_where_no_widget_can_be_shown_there_is_the_table_as_text():
    text = explore.anatomy()._repr_mimebundle_()["text/plain"]
    assert re.search(r"^> block.attention.q.codes_int8 +int8 +256 × 256 +65,536 +262,144", text, re.MULTILINE)
    assert re.search(r"^now: 2,1\d\d,\d\d\d bytes; codes 1,042,432, scales ", text, re.MULTILINE)
