"""Quantization-aware training under the names that torch.ao and torchao have for it: lesson 11's table of names."""

import contextlib
import io
import logging
import warnings

import pytest
import torch
from torch import nn

import qlab as ql

logging.disable(logging.WARNING)  # torchao warns of GPU kernels that it cannot load on a CPU
with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
    warnings.simplefilter("ignore")
    import torch.ao.quantization as ao
    from torch.ao.quantization._learnable_fake_quantize import _LearnableFakeQuantize
    from torch.ao.quantization.quantize_fx import convert_fx, prepare_qat_fx
    from torchao.quantization import PerAxis, quantize_
    from torchao.quantization.granularity import PerGroup
    from torchao.quantization.qat import (
        IntxFakeQuantizeConfig,
        IntxFakeQuantizer,
        QATConfig,
        initialize_fake_quantizers,
    )
    from torchao.quantization.qat.linear import FakeQuantizedLinear
logging.disable(logging.NOTSET)

WEIGHT = torch.randn(6, 16, generator=torch.Generator().manual_seed(0))
pytestmark = pytest.mark.filterwarnings("ignore")  # torch.ao announces its removal


def test_torchao_rounds_with_a_scale_of_each_row_and_the_same_gradient():
    fake = IntxFakeQuantizer(IntxFakeQuantizeConfig(torch.int4, PerAxis(0), is_dynamic=True))
    theirs, ours = (WEIGHT.clone().requires_grad_() for _ in range(2))
    result = fake(theirs)
    qparams = ql.QParams(fake.scale.detach().view(-1, 1), None, "int4", ql.PerAxis(0))
    torch.testing.assert_close(qparams.scale, WEIGHT.abs().amax(1, keepdim=True) / 7.5)  # lesson 05: not over 7
    mine = ql.straight_through(ours, qparams)
    torch.testing.assert_close(result, mine)
    result.sum().backward()
    mine.sum().backward()
    assert torch.equal(theirs.grad, ours.grad)


def test_torchao_learns_ranges_when_it_is_asked_to():
    config = IntxFakeQuantizeConfig(torch.int4, PerGroup(8), is_dynamic=False, range_learning=True)
    model = nn.Sequential(nn.Linear(16, 6))
    quantize_(model, QATConfig(weight_config=config, step="prepare"))
    initialize_fake_quantizers(model, (WEIGHT,))
    scale = model[0].weight_fake_quantizer.scale
    assert isinstance(scale, nn.Parameter) and scale.shape == (6, 2)
    with pytest.raises(ValueError, match="not compatible"):
        IntxFakeQuantizeConfig(torch.int4, PerGroup(8), range_learning=True)  # is_dynamic is True by default


def test_torchaos_two_steps():
    model = nn.Sequential(nn.Linear(32, 8))
    config = IntxFakeQuantizeConfig(torch.int4, group_size=32)
    quantize_(model, QATConfig(weight_config=config, step="prepare"))
    assert isinstance(model[0], FakeQuantizedLinear)
    quantize_(model, QATConfig(step="convert"))
    assert type(model[0]) is nn.Linear  # without a base config, what comes back is the float layer


def test_the_observed_kind_in_torch_ao():
    fake = ao.FakeQuantize(
        observer=ao.MovingAverageMinMaxObserver, quant_min=-128, quant_max=127, dtype=torch.qint8
    )
    mine = ql.FakeQuantize(ql.MovingAverage("int8"), batched=True)
    for batch in WEIGHT.split(2):
        torch.testing.assert_close(fake(batch), mine(batch), rtol=1e-5, atol=1e-6)


def test_torchs_learnable_module_counts_the_whole_batch():
    """Equal to ours for a weight; for activations its N has the examples in it, LSQ's has not."""
    x = 3 * WEIGHT
    for batched, examples in ((False, 1), (True, len(x))):
        fake = _LearnableFakeQuantize(
            ao.MovingAverageMinMaxObserver, -8, 7, scale=0.3, use_grad_scaling=True, dtype=torch.qint8
        )
        fake.enable_param_learning()
        mine = ql.LearnedScale(ql.QParams(0.3, None, "int4"), batched)
        fake(x).sum().backward()
        mine(x).sum().backward()
        expected = fake.scale.grad.squeeze() * examples**0.5
        torch.testing.assert_close(mine.scale.grad, expected, rtol=1e-4, atol=1e-4)


def test_torch_ao_keeps_the_batch_norm_in_training():
    """It multiplies the weight by the norm's factor, rounds it, and divides by the factor after the convolution."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU()).train()
    model[1].weight.data.fill_(2.0)  # with the first variance of 1, the factor of the first pass is 2
    x = torch.randn(2, 1, 6, 6)
    mapping = ao.QConfigMapping().set_global(ao.get_default_qat_qconfig("x86"))
    prepared = prepare_qat_fx(model, mapping, (x,))
    fused = prepared.get_submodule("0")
    assert isinstance(fused.bn, nn.BatchNorm2d)
    prepared(x)
    observed = fused.weight_fake_quant.activation_post_process
    reach = torch.maximum(observed.max_val, -observed.min_val)
    torch.testing.assert_close(reach, 2 * fused.weight.detach().abs().amax((1, 2, 3)), rtol=1e-4, atol=0)
    assert not [m for m in convert_fx(prepared.eval()).modules() if isinstance(m, nn.BatchNorm2d)]
