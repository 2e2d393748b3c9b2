"""Differential tests against torch: equal bit for bit, except where the conventions differ, and then only there.

torch.fake_quantize_* multiplies by 1 / scale, torch.quantize_per_* adds the zero point before rounding. Both can
differ from x / scale rounded first only where x / scale lies within rounding error of a tie; that is asserted, and
the counts are printed (`pytest -s`).
"""

import warnings

import pytest
import torch

import qlab as ql

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning"
)
CASES = [("int8", torch.qint8), ("uint8", torch.quint8)]
IDS = [name for name, _ in CASES]


def samples():
    """Ordinary numbers, and numbers that lie on ties of many scales."""
    generator = torch.Generator().manual_seed(0)
    normal = torch.randn(64, 256, generator=generator)
    ties = (torch.randint(-300, 300, (64, 256), generator=generator) + 0.5) / 16
    return torch.cat([normal, ties])


def assert_equal_but_at_ties(actual, expected, x, scale, what):
    """Codes may differ by one, and only where x / scale is within two units in the last place of a half."""
    differ = actual != expected
    ratio = x.double() / scale.double()
    slack = 2 * 2.0**-23 * (ratio.abs() + 256)  # the sum with a zero point of up to 255 rounds too
    near_tie = ((ratio - ratio.floor() - 0.5).abs() <= slack).expand_as(differ)
    assert (near_tie | ~differ).all()
    assert ((actual.int() - expected.int()).abs() <= 1).all()
    print(f"{what}: {int(differ.sum())} of {x.numel()} codes differ, all at ties")


@pytest.mark.parametrize(("name", "qtype"), CASES, ids=IDS)
@pytest.mark.parametrize("granularity", [ql.PerTensor(), ql.PerAxis(0)], ids=["per-tensor", "per-axis"])
def test_quantize_per_tensor_and_per_channel(name, qtype, granularity):
    x = samples()
    qp = ql.choose_qparams(x, name, "affine", granularity)
    ours = ql.quantize(x, qp)
    if granularity == ql.PerTensor():
        theirs = torch.quantize_per_tensor(x, qp.scale, qp.zero_point, qtype)
    else:
        theirs = torch.quantize_per_channel(x, qp.scale.flatten(), qp.zero_point.flatten(), 0, qtype)
    assert_equal_but_at_ties(theirs.int_repr(), ours.data, x, qp.scale, f"quantize_per_* {name}")
    same = theirs.int_repr() == ours.data
    assert torch.equal(theirs.dequantize()[same], ours.dequantize()[same])


@pytest.mark.parametrize("granularity", [ql.PerTensor(), ql.PerAxis(0)], ids=["per-tensor", "per-axis"])
@pytest.mark.parametrize("name", ["int8", "uint8", "int4", "uint3"])
def test_fake_quantize(name, granularity):
    x = samples()
    qp = ql.choose_qparams(x, name, "affine", granularity)
    ours = ql.fake_quantize(x, qp)
    if granularity == ql.PerTensor():
        theirs = torch.fake_quantize_per_tensor_affine(x, qp.scale, qp.zero_point, qp.quant_min, qp.quant_max)
    else:
        scale, zero_point = qp.scale.flatten(), qp.zero_point.flatten()
        theirs = torch.fake_quantize_per_channel_affine(x, scale, zero_point, 0, qp.quant_min, qp.quant_max)
    codes = (theirs / qp.scale).round() + qp.zero_point
    assert_equal_but_at_ties(codes, ql.quantize(x, qp).data, x, qp.scale, f"fake_quantize_* {name}")
    same = codes == ql.quantize(x, qp).data
    assert torch.equal(theirs[same], ours[same])


def observer(per_channel, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.ao.quantization import MinMaxObserver, PerChannelMinMaxObserver
    return PerChannelMinMaxObserver(ch_axis=0, **options) if per_channel else MinMaxObserver(**options)


@pytest.mark.parametrize("per_channel", [False, True], ids=["per-tensor", "per-axis"])
@pytest.mark.parametrize(("name", "qtype"), CASES, ids=IDS)
def test_affine_observers_choose_our_qparams(name, qtype, per_channel):
    x = samples()
    scheme = torch.per_channel_affine if per_channel else torch.per_tensor_affine
    spec = ql.dtype(name)
    watch = observer(per_channel, dtype=qtype, qscheme=scheme, quant_min=spec.min, quant_max=spec.max)
    watch(x)
    scale, zero_point = watch.calculate_qparams()
    qp = ql.choose_qparams(x, name, "affine", ql.PerAxis(0) if per_channel else ql.PerTensor())
    assert torch.equal(scale, qp.scale.flatten())
    assert torch.equal(zero_point.int(), qp.zero_point.flatten())


@pytest.mark.parametrize("per_channel", [False, True], ids=["per-tensor", "per-axis"])
def test_symmetric_observers_divide_by_half_the_width(per_channel):
    """max / 127.5 over -128 ... 127; our max / 127 when the observer is given -127 ... 127."""
    x = samples()
    scheme = torch.per_channel_symmetric if per_channel else torch.per_tensor_symmetric
    qp = ql.choose_qparams(x, "int8", "symmetric", ql.PerAxis(0) if per_channel else ql.PerTensor())
    largest = x.abs().amax(1) if per_channel else x.abs().max()[None]
    for quant_min, divisor in [(-128, 127.5), (-127, 127)]:
        watch = observer(per_channel, dtype=torch.qint8, qscheme=scheme, quant_min=quant_min, quant_max=127)
        watch(x)
        scale, zero_point = watch.calculate_qparams()
        assert torch.equal(scale, largest / divisor)
        assert not zero_point.any()
    assert torch.equal(scale, qp.scale.flatten())


def test_symmetric_uint8_has_zero_point_128_in_torch_and_0_here():
    x = samples().abs()
    watch = observer(False, dtype=torch.quint8, qscheme=torch.per_tensor_symmetric)
    watch(x)
    scale, zero_point = watch.calculate_qparams()
    qp = ql.choose_qparams(x, "uint8", "symmetric")
    assert zero_point.item() == 128 and qp.zero_point is None
    assert scale.item() == pytest.approx(2 * qp.scale.item())  # half of its codes stand for negative numbers


def test_observers_floor_the_scale():
    watch = observer(False, dtype=torch.quint8, qscheme=torch.per_tensor_affine)
    watch(torch.tensor([0.0, 1e-9]))
    assert watch.calculate_qparams()[0].item() == torch.finfo(torch.float32).eps
    assert ql.choose_qparams(torch.tensor([0.0, 1e-9]), "uint8", "affine").scale.item() == pytest.approx(1e-9 / 255)
