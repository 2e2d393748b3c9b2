"""Replacing layers by name and type: what is reached, what is left alone, and what the report says."""

import copy

import pytest
import torch
from torch import nn

import qlab as ql

X = torch.randn(3, 8, generator=torch.Generator().manual_seed(1))


class Doubled(nn.Linear):
    def forward(self, x):
        return 2 * super().forward(x)


class Net(nn.Module):
    """Nested, one layer reached by two names, one without bias, one with a forward of its own."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Linear(8, 8)
        self.blocks = nn.ModuleList([nn.Sequential(nn.Linear(8, 8, bias=False), nn.ReLU(), nn.Linear(8, 8))])
        self.again = self.blocks[0][2]
        self.own = Doubled(8, 8)
        self.outer = nn.ModuleDict({"inner": nn.ModuleDict({"layer": nn.Linear(8, 8)})})
        self.head = nn.ModuleDict({"box": nn.Linear(8, 4), "label": nn.Linear(8, 10)})

    def forward(self, x):
        x = self.outer["inner"]["layer"](self.own(self.again(self.blocks[0](self.stem(x)))))
        return self.head["box"](x), self.head["label"](x)


ALL = ["stem", "blocks.0.0", "blocks.0.2", "again", "outer.inner.layer", "head.box", "head.label"]


@pytest.fixture
def net():
    torch.manual_seed(0)
    return Net().eval()


def replaced(model):
    modules = model.named_modules(remove_duplicate=False)
    return [name for name, module in modules if isinstance(module, ql.QuantLinear)]


def names(report):
    return [name for layer in report.layers for name in layer.names]


def test_every_linear_layer_is_replaced_in_place(net):
    expected = copy.deepcopy(net)
    for name, module in expected.named_modules():
        if name in ALL:
            qparams = ql.choose_qparams(module.weight, "int4", "symmetric", ql.PerGroup(4))
            module.weight.data = ql.fake_quantize(module.weight, qparams)
    report = ql.replace_linear(net, ql.QuantLinear, weight="int4", granularity=ql.PerGroup(4))
    assert replaced(net) == ALL and sorted(names(report)) == sorted(ALL)
    assert type(net.own) is Doubled and net.blocks[0][0].bias is None
    assert all(not module.training for module in net.modules())
    for actual, real in zip(net(X), expected(X), strict=True):
        torch.testing.assert_close(actual, real)


def test_a_shared_layer_stays_shared(net):
    report = ql.replace_linear(net)
    assert net.again is net.blocks[0][2]
    assert ("blocks.0.2", "again") in [layer.names for layer in report.layers]


def test_a_tied_weight_gets_codes_of_its_own_and_hooks_are_lost():
    model = nn.ModuleDict({"embedding": nn.Embedding(10, 8), "head": nn.Linear(8, 10, bias=False)})
    model["head"].weight = model["embedding"].weight
    calls = []
    model["head"].register_forward_hook(lambda *call: calls.append(call))
    report = ql.replace_linear(model)
    assert report.bytes_before == 4 * 80
    assert report.bytes_after == 4 * 80 + 80 + 4 * 10  # the embedding is still there, beside codes and scales
    model["head"](X)
    assert not calls


EXCLUSIONS = {
    "name": ("stem", ["stem"]),
    "full name": ("blocks.0.0", ["blocks.0.0"]),
    "prefix": ("head", ["head.box", "head.label"]),
    "last components": (["box", "stem"], ["stem", "head.box"]),
    "last component of a layer and of a block": ("0", ["blocks.0.0"]),
    "last component of a block": ("inner", ["outer.inner.layer"]),
    "one name of two": ("again", ["blocks.0.2", "again"]),
    "type": (nn.ModuleDict, ["outer.inner.layer", "head.box", "head.label"]),
    "type and name": ((nn.Sequential, "label"), ["blocks.0.0", "blocks.0.2", "again", "head.label"]),
    "no linear layer": ([nn.ReLU, "own"], []),
    "all": (nn.Linear, ALL),
}


@pytest.mark.parametrize(("exclude", "left"), EXCLUSIONS.values(), ids=EXCLUSIONS)
def test_excluded_layers_stay_as_they_are(net, exclude, left):
    before = dict(net.named_modules(remove_duplicate=False))
    report = ql.replace_linear(net, exclude=exclude)
    assert replaced(net) == [name for name in ALL if name not in left]
    assert sorted(names(report)) == sorted(replaced(net))
    assert all(net.get_submodule(name) is before[name] for name in left)


@pytest.mark.parametrize(
    ("exclude", "near"),
    [("haed", "'head'"), (["stem", "lable"], "'label'"), (nn.LSTM, "types .*ModuleDict")],
    ids=str,
)
def test_an_exclusion_that_matches_nothing_changes_nothing(net, exclude, near):
    with pytest.raises(ValueError, match=near):
        ql.replace_linear(net, exclude=exclude)
    assert not replaced(net)


def test_an_error_names_the_layer_and_leaves_the_model_as_it_was(net):
    net.head["label"].weight.data[2, 3] = torch.nan
    with pytest.raises(ValueError, match=r"layer 'head\.label': 1 of 80 elements are NaN .* \(2, 3\)"):
        ql.replace_linear(net)
    with pytest.raises(TypeError, match=r"layer 'stem': .*wieght"):
        ql.replace_linear(net, wieght="int8")
    assert not replaced(net)


def test_a_model_that_is_a_layer_itself():
    with pytest.raises(ValueError, match=r"the model is itself a Linear .* nn\.Sequential"):
        ql.replace_linear(nn.Linear(2, 2))


def test_any_function_of_a_layer_will_do(net):
    class Mine(nn.Module):
        def __init__(self, linear, gain):
            super().__init__()
            self.linear, self.gain = linear, gain

        def forward(self, x):
            return self.gain * self.linear(x)

    expected = copy.deepcopy(net)
    for name in ("box", "label"):
        expected.head[name].weight.data *= 3
        expected.head[name].bias.data *= 3
    ql.replace_linear(net, Mine, exclude=["stem", "blocks", "inner"], gain=3.0)
    for actual, real in zip(net(X), expected(X), strict=True):
        torch.testing.assert_close(actual, real)


def test_the_report_counts_bytes_and_prints_a_few_lines(net):
    before = ql.memory_footprint(net)
    report = ql.replace_linear(net, exclude="stem")
    assert (report.bytes_before, report.bytes_after) == (before, ql.memory_footprint(net))
    assert report.ratio == report.bytes_after / before
    saved = sum(layer.bytes_before - layer.bytes_after for layer in report.layers)
    assert saved == before - report.bytes_after
    lines = str(report).splitlines()
    assert lines[0] == "5 layers replaced"
    assert lines[1] == "  blocks.0.0: 8x8, 256 -> 96 bytes"
    assert lines[2] == "  blocks.0.2, again: 8x8, 288 -> 128 bytes"
    assert lines[-1] == f"model: {before:,} -> {report.bytes_after:,} bytes ({report.ratio:.3f})"
    many = ql.replace_linear(nn.Sequential(*(nn.Linear(2, 2) for _ in range(20))))
    assert "... and 12 more" in str(many) and len(str(many).splitlines()) == 11


def test_a_replaced_model_is_saved_and_loaded(net, tmp_path):
    from safetensors.torch import load_model, save_model

    options = {"weight": "uint3", "scheme": "affine", "granularity": ql.PerGroup(4), "exclude": "head"}
    ql.replace_linear(net, **options)
    save_model(net, tmp_path / "net.safetensors")
    torch.manual_seed(7)
    other = Net().eval()
    ql.replace_linear(other, **options)
    load_model(other, tmp_path / "net.safetensors")
    for model in (other, copy.deepcopy(net)):
        assert all(torch.equal(a, b) for a, b in zip(model(X), net(X), strict=True))
        assert model.again is model.blocks[0][2]
    assert {t.dtype for t in net.half().state_dict().values()} == {torch.uint8, torch.float16}
    assert all(y.isfinite().all() and y.dtype == torch.float16 for y in net(X.half()))


@pytest.mark.parametrize("make", [nn.TransformerEncoderLayer, nn.TransformerDecoderLayer])
def test_layers_whose_weight_is_read_by_others_still_work(make):
    """nn.MultiheadAttention and nn.TransformerEncoderLayer's fast path read the weight and never call the layer."""
    torch.manual_seed(0)
    layer = make(8, 2, 16, batch_first=True).eval()
    args = [X.view(1, 3, 8)] * (2 if make is nn.TransformerDecoderLayer else 1)
    with torch.no_grad():
        expected = layer(*args)
        ql.replace_linear(layer)
        assert ql.sqnr(expected, layer(*args)) > 30


def test_convolutions():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Sequential(nn.Conv2d(8, 4, 1)))
    image = torch.randn(1, 3, 6, 6)
    expected = model(image)
    report = ql.replace_conv2d(model, exclude="2")
    assert names(report) == ["0"] and type(model[2][0]) is nn.Conv2d
    assert ql.sqnr(expected, model(image)) > 30
