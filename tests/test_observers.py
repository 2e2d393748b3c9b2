"""Observers: against choose_qparams, torch's observers, exact quantiles and a brute-force search; and merging."""

import copy
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import qlab as ql
from qlab.histograms import HALF, Histograms

KINDS = [ql.MinMax, ql.MovingAverage, ql.Percentile, ql.Histogram]
MERGING = [ql.MinMax, ql.Percentile, ql.Histogram]
GRANULARITIES = [ql.PerTensor(), ql.PerAxis(1), ql.PerAxis(-1)]


def batches(count=5, shape=(4, 3, 5), seed=0):
    """Batches that grow, with a channel of zeros, a positive one and a negative one."""
    generator = torch.Generator().manual_seed(seed)
    sign = torch.tensor([0.0, 1.0, -3.0]).view(1, 3, 1)
    return [torch.rand(shape, generator=generator) * sign * 2.0**i for i in range(count)]


def observed(kind, data, *args, **kwargs):
    observer = kind(*args, **kwargs)
    for x in data:
        observer.observe(x)
    return observer


def equal_qparams(a, b):
    zero_points = [q.zero_point if q.zero_point is not None else torch.tensor(0) for q in (a, b)]
    return torch.equal(a.scale, b.scale) and torch.equal(*zero_points)


@pytest.mark.parametrize("granularity", GRANULARITIES, ids=str)
@pytest.mark.parametrize("scheme", ["affine", "symmetric"])
@pytest.mark.parametrize("name", ["int8", "uint4", "int2"])
def test_minmax_chooses_the_qparams_of_all_batches_in_one_tensor(name, scheme, granularity):
    data = [x.abs() for x in batches()] if name == "uint4" and scheme == "symmetric" else batches()
    found = observed(ql.MinMax, data, name, scheme, granularity).qparams()
    assert equal_qparams(found, ql.choose_qparams(torch.cat(data), name, scheme, granularity))
    assert (found.dtype, found.granularity) == (name, granularity)


@pytest.mark.parametrize("kind", [ql.Percentile, ql.Histogram])
@pytest.mark.parametrize("granularity", GRANULARITIES, ids=str)
def test_one_a_channel_is_one_observer_for_each_channel(kind, granularity):
    data = batches()
    low, high = observed(kind, data, granularity=granularity).range()
    assert low.shape == high.shape == granularity.scale_shape((4, 3, 5))
    axes = [None] if granularity == ql.PerTensor() else range(low.numel())
    for i in axes:
        part = data if i is None else [x.select(granularity.axis, i) for x in data]
        alone = observed(kind, part).range()
        assert (low.flatten()[i or 0], high.flatten()[i or 0]) == alone


@pytest.mark.parametrize("momentum", [0.01, 0.3, 1.0])
def test_the_moving_average_is_torchs(momentum):
    data = [x + 1.0 for x in batches()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = torch.ao.quantization.MovingAverageMinMaxObserver(averaging_constant=momentum)
        for x in data:
            theirs(x)
    low, high = observed(ql.MovingAverage, data, momentum=momentum).range()
    torch.testing.assert_close(torch.stack([low, high]), torch.stack([theirs.min_val, theirs.max_val]))


@pytest.mark.parametrize("percentile", [60, 99, 99.9, 100])
@pytest.mark.parametrize("shift", [0.0, 5.0])
def test_percentiles_are_within_a_bin_of_the_exact_ones(percentile, shift):
    x = torch.randn(20_000, generator=torch.Generator().manual_seed(1)) + shift
    low, high = observed(ql.Percentile, x.split(777), percentile=percentile).range()
    power = 2.0 ** torch.frexp(x.abs().max())[1]
    # One bin for the histogram, and the gap between neighboring numbers, where quantiles are matters of taste.
    ordered = x.sort().values
    for share, end in ((1 - percentile / 100, low), (percentile / 100, high)):
        at = round(share * (len(x) - 1))
        neighbors = ordered[max(0, at - 1) : at + 2]
        assert neighbors.min() - power / HALF <= end <= neighbors.max() + power / HALF


def test_a_percentile_of_100_is_minmax():
    assert observed(ql.Percentile, batches(), percentile=100).range() == observed(ql.MinMax, batches()).range()


def error(x, low, high, name, scheme):
    return ql.mse(x, ql.fake_quantize(x, ql.qparams_from_range(low, high, name, scheme)))


@pytest.mark.parametrize("scheme", ["affine", "symmetric"])
@pytest.mark.parametrize("name", ["int8", "int4", "int3", "uint4"])
@pytest.mark.parametrize("kind", ["normal", "relu", "outlier", "far outlier"])
def test_no_range_of_a_brute_force_search_beats_the_histogram(kind, name, scheme):
    x = torch.randn(1_000, generator=torch.Generator().manual_seed(2))
    x = {"normal": x, "relu": x.relu(), "outlier": torch.cat([x, torch.tensor([9.0])])}.get(
        kind, torch.cat([x] * 20 + [torch.tensor([40.0])])
    )
    if name == "uint4" and scheme == "symmetric":
        x = x.abs()
    found = error(x, *observed(ql.Histogram, [x], name, scheme).range(), name, scheme)
    low, high = x.min().clamp(max=0), x.max()
    parts = torch.linspace(0.05, 1, 20)
    ends = torch.cartesian_prod(low * parts, high * parts)
    qparams = ql.qparams_from_range(ends[:, :1], ends[:, 1:], name, scheme, ql.PerAxis(0))
    rounded = ql.fake_quantize(x.expand(len(ends), -1), qparams)
    assert found <= 1.01 * (rounded - x).square().mean(1).min()
    assert found <= 1.01 * error(x, low, high, name, scheme)


@pytest.mark.parametrize("kind", MERGING)
@pytest.mark.parametrize("granularity", GRANULARITIES, ids=str)
def test_merging_equals_one_stream_in_any_order(kind, granularity):
    data = batches()
    whole = observed(kind, data, granularity=granularity)
    a, b = (observed(kind, part, granularity=granularity) for part in (data[:2], data[2:]))
    before = a.range()
    for merged in (a.merge(b), b.merge(a), observed(kind, data[::-1], granularity=granularity)):
        assert all(map(torch.equal, merged.range(), whole.range()))
    assert all(map(torch.equal, a.range(), before)), "merging changes neither"
    fresh = kind(granularity=granularity)
    for merged in (fresh.merge(whole), whole.merge(fresh)):
        assert all(map(torch.equal, merged.range(), whole.range()))


def test_merging_what_cannot_be_merged():
    with pytest.raises(ValueError, match="order of the batches"):
        ql.MovingAverage().merge(ql.MovingAverage())
    for other in (ql.MinMax("int4"), ql.Percentile(), ql.MinMax(granularity=ql.PerAxis(0))):
        with pytest.raises(TypeError, match="only equal observers"):
            ql.MinMax().merge(other)
    with pytest.raises(TypeError, match=r"percentile=99.*percentile=98"):
        ql.Percentile(percentile=99).merge(ql.Percentile(percentile=98))


numbers = st.floats(width=32, allow_nan=False, allow_infinity=False)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(numbers, min_size=1, max_size=6), min_size=1, max_size=5), st.randoms())
def test_histograms_count_every_number_where_it_belongs(parts, random):
    histograms = Histograms()
    for part in parts:
        histograms.add(torch.tensor([part], dtype=torch.float64))
    flat = [x for part in parts for x in part]
    exponent = histograms.exponent.item()
    expected = torch.zeros(2 * HALF, dtype=torch.int64)
    for x in flat:
        expected[int((x / 2.0 ** (exponent - 11)) // 1) + HALF] += 1
    assert torch.equal(histograms.counts[0], expected)
    shuffled = random.sample(flat, len(flat))
    again = Histograms()
    for x in shuffled:
        again.add(torch.tensor([[x]], dtype=torch.float64))
    assert torch.equal(again.counts, histograms.counts)


@pytest.mark.parametrize("kind", KINDS)
def test_memory_does_not_grow_with_the_stream(kind):
    def stored(observer):
        values = [*observer.buffers(), *vars(getattr(observer, "histograms", Histograms())).values()]
        return sum(t.nbytes for t in values if t is not None)

    observer = observed(kind, batches(1))
    before = stored(observer)
    for x in batches(20, (50, 3, 5)):
        observer.observe(x)
    assert stored(observer) == before <= 40_000


@pytest.mark.parametrize("kind", KINDS)
def test_clear_errors(kind):
    observer = kind()
    with pytest.raises(ValueError, match=f"this {kind.__name__} has seen no data; run the model"):
        observer.qparams()
    with pytest.raises(ValueError, match=r"empty tensor of shape \(0, 3\)"):
        observer(torch.zeros(0, 3))
    with pytest.raises(ValueError, match=r"1 of 2 elements are NaN or infinite, the first at index \(1,\)"):
        observer(torch.tensor([0.0, float("nan")]))
    with pytest.raises(TypeError, match=r"torch\.int64"):
        observer(torch.tensor([1, 2]))
    assert "no data seen" in repr(observer)
    with pytest.raises(ValueError, match="a range per tensor or per axis, got PerGroup"):
        kind(granularity=ql.PerGroup(4))
    with pytest.raises(ValueError, match="did you mean"):
        kind("int88")
    by_channel = observed(kind, [torch.ones(2, 3)], granularity=ql.PerAxis(1))
    with pytest.raises(ValueError, match=r"shape \(1, 3\) and the batch \(2, 4\)"):
        by_channel(torch.ones(2, 4))


def test_settings_out_of_range():
    for momentum in (0, 1.5, -1):
        with pytest.raises(ValueError, match="momentum must be above 0"):
            ql.MovingAverage(momentum=momentum)
    for percentile in (50, 101, 0.999):
        with pytest.raises(ValueError, match="percentile must be above 50"):
            ql.Percentile(percentile=percentile)


@pytest.mark.parametrize("kind", KINDS)
def test_an_observer_hands_on_its_input_and_takes_no_part_in_gradients_or_files(kind):
    x = torch.randn(8, 3, requires_grad=True)
    observer = kind()
    assert observer(x) is x
    assert not observer.low.requires_grad and not observer.state_dict()
    assert all(map(torch.equal, copy.deepcopy(observer).range(), observer.range()))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [0.0, 1e-30, 3e38, -2.0])
def test_constant_data(kind, value):
    qparams = observed(kind, [torch.full((7,), value)] * 2).qparams()
    x = torch.full((3,), value)
    assert (ql.fake_quantize(x, qparams) - x).abs().max() <= 1e-6 * abs(value)


def test_half_types_are_observed():
    low, high = observed(ql.Histogram, [torch.tensor([-1.0, 2.0]).to(torch.bfloat16)]).range()
    assert low < 0 < high


def test_a_range_that_is_none():
    for low, high in ((1.0, -1.0), (float("nan"), 1.0), (0.0, float("inf"))):
        with pytest.raises(ValueError, match="a range runs from low to high, both finite"):
            ql.qparams_from_range(low, high)
    with pytest.raises(ValueError, match="they must be equal"):
        ql.qparams_from_range(torch.zeros(2), torch.zeros(3))
