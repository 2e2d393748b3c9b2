"""Downcast models against torch's own casts, footprints against transformers', and what must stay untouched."""

import copy
import os
import pickle
import warnings

import pytest
import torch
from torch import nn

import qlab as ql

BATCH = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(1))


class Net(nn.Module):
    """A convolution, BatchNorm with its integer count, a residual LayerNorm, a head tied to an earlier layer."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.body = nn.Linear(8, 8)
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, 8)
        self.head.weight = self.body.weight
        self.register_buffer("shift", torch.linspace(-1, 1, 8))

    def forward(self, x):
        x = self.stem(x).mean((2, 3)) + self.shift
        return self.head(x + self.norm(self.body(x)))


@pytest.fixture
def net():
    torch.manual_seed(0)
    net = Net()
    net(BATCH).sum().backward()  # moves BatchNorm's statistics, leaves gradients
    return net.eval()


def state(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", torch.float16], ids=str)
def test_equal_to_torchs_own_cast_and_the_original_is_left_alone(net, dtype):
    target = dtype if isinstance(dtype, torch.dtype) else getattr(torch, dtype)
    before, inputs = state(net), BATCH.to(target)
    expected = copy.deepcopy(net).to(target)
    low = ql.downcast(net, dtype)
    assert {n: t.dtype for n, t in low.state_dict().items()} == {
        n: t.dtype for n, t in expected.state_dict().items()
    }
    assert all(torch.equal(t, expected.state_dict()[n]) for n, t in low.state_dict().items())
    assert low.head.weight is low.body.weight and low.body.weight.grad is None
    assert torch.equal(low(inputs), expected(inputs))
    assert torch.equal(low(BATCH), expected(inputs)), "float32 input is cast where it enters"
    assert all(torch.equal(t, before[n]) and t.dtype == before[n].dtype for n, t in net.state_dict().items())
    assert net.body.weight.grad is not None


@pytest.mark.parametrize("dtype", ["float8_e4m3fn", "float8_e5m2", torch.float8_e5m2], ids=str)
def test_simulated_fp8_rounds_parameters_and_keeps_types(net, dtype):
    name = str(dtype).removeprefix("torch.")
    low = ql.downcast(net, dtype, exclude="norm")
    for label, parameter in low.named_parameters():
        original = net.get_parameter(label)
        expected = original if label.startswith("norm") else ql.cast(original, name)
        assert parameter.dtype == torch.float32 and torch.equal(parameter, expected)
        assert label.startswith("norm") or torch.isin(parameter, ql.values(name)).all()
    for label, buffer in low.named_buffers():
        assert torch.equal(buffer, net.get_buffer(label))
    assert ql.memory_footprint(low) == ql.memory_footprint(net)
    assert low(BATCH).isfinite().all()


def test_fp8_of_a_half_model_stays_half(net):
    low = ql.downcast(ql.downcast(net, "float16"), "float8_e5m2")
    assert low.body.weight.dtype == torch.float16
    assert torch.equal(low.body.weight.float(), ql.cast(net.body.weight.half(), "float8_e5m2"))
    assert low(BATCH).dtype == torch.float16


def test_fp8_saturates_and_does_not_warn():
    model = nn.Linear(1, 2, bias=False)
    model.weight.data = torch.tensor([[1000.0], [-1e6]])
    assert ql.downcast(model, "float8_e4m3fn").weight.flatten().tolist() == [448.0, -448.0]


def by_hand(net, x):
    """The forward pass in bfloat16, but for the norm, which computes in float32."""
    low = copy.deepcopy(net).bfloat16()
    x = low.stem(x.bfloat16()).mean((2, 3)) + low.shift
    return low.head(x + net.norm(low.body(x).float()).bfloat16())


@pytest.mark.parametrize("exclude", ["norm", nn.LayerNorm, ["norm"], (nn.LayerNorm, "norm")], ids=str)
def test_an_excluded_layer_computes_in_its_own_type(net, exclude):
    low = ql.downcast(net, "bfloat16", exclude)
    assert low.norm.weight.dtype == torch.float32 and low.body.weight.dtype == torch.bfloat16
    assert torch.equal(low(BATCH), by_hand(net, BATCH))


def test_an_excluded_block_is_kept_whole(net):
    low = ql.downcast(net, "bfloat16", exclude="stem")
    assert {t.dtype for t in low.stem.state_dict().values()} == {torch.float32, torch.int64}
    seen = []
    low.stem[1].register_forward_hook(lambda module, args, output: seen.append(output.dtype))
    assert low(BATCH).dtype == torch.bfloat16
    assert seen == [torch.float32], "no casts inside the block"


def test_a_shared_parameter_is_kept_with_the_excluded_layer(net):
    low = ql.downcast(net, "bfloat16", exclude="head")
    assert low.head.weight is low.body.weight and low.body.weight.dtype == torch.float32
    assert low.body.bias.dtype == torch.float32 and low.norm.weight.dtype == torch.bfloat16
    assert low(BATCH).dtype == torch.bfloat16


def test_excluding_everything_changes_nothing(net):
    low = ql.downcast(net, "float16", exclude=["stem", "body", "norm", "head"])
    changed = {name for name, tensor in low.state_dict().items() if tensor.dtype != net.state_dict()[name].dtype}
    assert changed == {"shift"}


def test_keyword_inputs_tuples_and_integers(net):
    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.lstm = nn.Embedding(10, 4), nn.LSTM(4, 4, batch_first=True)

        def forward(self, tokens, state=None, options=None):
            assert tokens.dtype == torch.int64
            return self.lstm(self.embed(tokens) * options["gain"][0], state)

    torch.manual_seed(0)
    low = ql.downcast(Recurrent(), "bfloat16", exclude=nn.LSTM)
    start = (torch.zeros(1, 2, 4), torch.zeros(1, 2, 4))
    output, (h, c) = low(torch.tensor([[1, 2], [3, 4]]), state=start, options={"gain": [torch.ones(1)], "n": 3})
    assert {output.dtype, h.dtype, c.dtype} == {torch.bfloat16}
    assert low.lstm.weight_ih_l0.dtype == torch.float32


def test_downcast_again_with_other_exclusions(net):
    low = ql.downcast(ql.downcast(net, "bfloat16", exclude="norm"), "float16", exclude="stem")
    again = ql.downcast(low, "float16")
    assert low.norm.weight.dtype == torch.float16 and low.stem[0].weight.dtype == torch.bfloat16
    assert low(BATCH).dtype == again(BATCH).dtype == torch.float16
    assert torch.equal(again.norm.weight, net.norm.weight.half())


def test_a_downcast_model_can_be_copied_and_pickled(net):
    low = ql.downcast(net, "bfloat16", exclude="norm")
    for other in (copy.deepcopy(low), pickle.loads(pickle.dumps(low))):
        assert torch.equal(other(BATCH), low(BATCH))


def test_frozen_parameters_stay_frozen(net):
    net.body.weight.requires_grad_(False)
    low = ql.downcast(net, "float16")
    assert not low.body.weight.requires_grad and low.norm.weight.requires_grad


def test_a_parameter_beyond_float16_is_an_error(net):
    net.norm.weight.data[2] = 65_520.0
    with pytest.raises(ValueError, match=r"1 elements of norm\.weight are beyond torch\.float16, such as 65520"):
        ql.downcast(net, "float16")
    assert ql.downcast(net, "float16", exclude="norm").norm.weight[2] == 65_520
    assert ql.downcast(net, "bfloat16").norm.weight[2] == 65_536
    net.norm.weight.data[2] = 65_519.0
    assert ql.downcast(net, "float16").norm.weight[2] == 65_504


def test_a_mask_in_a_buffer_may_become_infinite(net):
    net.register_buffer("mask", torch.tensor([0.0, -1e9]))
    assert ql.downcast(net, "float16").mask.tolist() == [0.0, -torch.inf]


@pytest.mark.parametrize("dtype", ["int8", "float32", "fp16", "float8_e4m3"], ids=str)
def test_types_that_are_no_target(net, dtype):
    with pytest.raises(ValueError, match=rf"float16 or bfloat16 or .*; got '{dtype}', try '"):
        ql.downcast(net, dtype)


def test_a_typo_in_the_exclusions(net):
    with pytest.raises(ValueError, match=r"'nrom' selects no module of Net; did you mean 'norm'"):
        ql.downcast(net, "float16", exclude=["head", "nrom"])


def test_the_footprint_counts_each_tensor_once(net):
    conv, norm, shared, body, head = 8 * 27 + 8, 4 * 8, 64, 8, 8
    floats = conv + norm + shared + body + head + 16 + 8
    assert ql.memory_footprint(net) == 4 * floats + 8
    assert ql.memory_footprint(ql.downcast(net, "float16")) == 2 * floats + 8


def test_the_footprint_counts_packed_buffers():
    layer = nn.Module()
    layer.register_buffer("packed", ql.pack(torch.zeros(10, 33, dtype=torch.int8), 4))
    layer.register_buffer("scale", torch.ones(10, 1, dtype=torch.float16), persistent=False)
    assert ql.memory_footprint(layer) == 10 * 17 + 10 * 2


def test_the_footprint_counts_the_weights_that_torch_packs():
    """They are neither parameters nor buffers: 5,000 bytes of codes, a bias in float32, and 4 + 8 for qparams."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated, and what people still have
        from torch.ao.nn.quantized import Conv2d
        from torch.ao.quantization import quantize_dynamic

        linear = quantize_dynamic(nn.Sequential(nn.Linear(100, 50)))
        conv = Conv2d(3, 4, 3)
        assert not list(linear.parameters())
        assert ql.memory_footprint(linear) == 100 * 50 + 50 * 4 + 4 + 8
        assert ql.memory_footprint(conv) == 4 * 27 + 4 * 4 + 4 + 8


@pytest.fixture(scope="module")
def language_model():
    os.environ["HF_HUB_OFFLINE"] = "1"
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    config = GPT2Config(vocab_size=50, n_positions=16, n_embd=32, n_layer=2, n_head=2)
    return GPT2LMHeadModel(config).eval()


@pytest.mark.parametrize("dtype", [None, "float16", "bfloat16", "float8_e4m3fn"], ids=str)
def test_the_footprint_is_transformers(language_model, dtype):
    """A model with an embedding that the head shares."""
    model = language_model if dtype is None else ql.downcast(language_model, dtype)
    assert ql.memory_footprint(model) == model.get_memory_footprint()


@pytest.mark.parametrize("exclude", [(), "lm_head", "ln_f", "transformer.h.0", "attn"], ids=str)
def test_a_transformers_model_still_runs(language_model, exclude):
    tokens = torch.arange(12).view(2, 6)
    low = ql.downcast(language_model, "bfloat16", exclude)
    with torch.no_grad():
        logits, expected = low(input_ids=tokens).logits, language_model(input_ids=tokens).logits
    assert logits.dtype == torch.bfloat16
    assert ql.sqnr(expected, logits) > 30


@pytest.mark.parametrize("dtype", ["float64", "bfloat16", torch.float16], ids=str)
def test_the_default_type_is_put_back(dtype):
    target = dtype if isinstance(dtype, torch.dtype) else getattr(torch, dtype)
    before = torch.get_default_dtype()
    with ql.default_dtype(dtype):
        assert torch.zeros(1).dtype == nn.Linear(1, 1).weight.dtype == target
        with ql.default_dtype("float32"):
            assert torch.zeros(1).dtype == torch.float32
        assert torch.zeros(1).dtype == target
    assert torch.get_default_dtype() == before
    with pytest.raises(ZeroDivisionError), ql.default_dtype(dtype):
        _ = 1 / 0
    assert torch.get_default_dtype() == before


@pytest.mark.parametrize("dtype", ["int8", "float8_e4m3fn", "flaot32", torch.int32, None], ids=str)
def test_default_types_that_cannot_be(dtype):
    with pytest.raises(ValueError, match="the default type can be float64 or float32"), ql.default_dtype(dtype):
        pass
    assert torch.get_default_dtype() == torch.float32
