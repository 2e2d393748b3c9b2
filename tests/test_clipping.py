"""Where to clip: ACIQ's published numbers, and the error of our grid against quantizing the distribution itself."""

import math

import pytest
import torch

import qlab as ql

BITS = range(2, 9)
# Banner et al., arXiv:1810.05723; the digits are those of the authors' code, the paper has 2.83, 3.89 and 5.03.
PUBLISHED = {
    "gaussian": [1.71063519, 2.15159277, 2.55913646, 2.93620062, 3.28691474, 3.6151146, 3.92403714],
    "laplace": [2.83068299, 3.89722946, 5.02864014, 6.20476633, 7.41312622, 8.64561995, 9.89675982],
}
DENSITY = {
    "gaussian": lambda x: torch.exp(-(x**2) / 2) / math.sqrt(2 * math.pi),
    "laplace": lambda x: torch.exp(-x.abs()) / 2,
}


def measured(clip, distribution, dtype):
    """The error of fake_quantize on 200,000 points, each with its share of the distribution."""
    x = torch.linspace(-25, 25, 200_001, dtype=torch.float64)
    weight = DENSITY[distribution](x)
    scale = torch.tensor(clip / ql.dtype(dtype).max, dtype=torch.float64)
    error = (ql.fake_quantize(x, ql.QParams(scale, dtype=dtype)) - x) ** 2
    return ((error * weight).sum() / weight.sum()).item()


@pytest.mark.parametrize("distribution", PUBLISHED)
@pytest.mark.parametrize("bits", BITS)
def test_the_published_clips(distribution, bits):
    clip = ql.aciq_clip(distribution, bits)
    assert clip == pytest.approx(PUBLISHED[distribution][bits - 2], abs=1e-5)
    around = torch.tensor([clip - 0.01, clip, clip + 0.01])
    assert ql.aciq_error(around, distribution, bits).argmin() == 1


@pytest.mark.parametrize("distribution", PUBLISHED)
@pytest.mark.parametrize("bits", BITS)
def test_the_error_of_our_grid_is_that_of_fake_quantize(distribution, bits):
    clips = [0.3, 1.0, ql.aciq_clip(distribution, bits), 12.0]
    errors = ql.clip_error(torch.tensor(clips, dtype=torch.float64), distribution, f"int{bits}")
    for clip, error in zip(clips, errors.tolist(), strict=True):
        assert error == pytest.approx(measured(clip, distribution, f"int{bits}"), rel=1e-5)


@pytest.mark.parametrize("distribution", PUBLISHED)
@pytest.mark.parametrize("bits", BITS)
def test_no_clip_beats_the_best(distribution, bits):
    name = f"int{bits}"
    best = ql.best_clip(distribution, name)
    clips = torch.linspace(0.01, 20, 5_000, dtype=torch.float64)
    smallest = ql.clip_error(best, distribution, name)
    assert smallest <= ql.clip_error(clips, distribution, name).min()
    assert smallest <= ql.clip_error(ql.aciq_clip(distribution, bits), distribution, name)


@pytest.mark.parametrize("distribution", PUBLISHED)
def test_the_model_is_far_off_at_two_bits_and_right_at_eight(distribution):
    apart = [abs(ql.aciq_clip(distribution, bits) / ql.best_clip(distribution, f"int{bits}") - 1) for bits in BITS]
    assert apart[0] > 0.3 and apart[-1] < 0.01


def test_the_histogram_observer_finds_the_best_clip():
    x = torch.randn(200_000, generator=torch.Generator().manual_seed(0))
    for bits in (3, 4, 6):
        observer = ql.Histogram(f"int{bits}", "symmetric")
        observer.observe(x)
        clip = max(-observer.range()[0], observer.range()[1]).item()
        errors = ql.clip_error(
            torch.tensor([clip, ql.best_clip("gaussian", f"int{bits}")]), "gaussian", f"int{bits}"
        )
        assert errors[0] < 1.01 * errors[1]


def test_shapes_and_errors():
    assert ql.clip_error(torch.ones(2, 3), "laplace", "int8").shape == (2, 3)
    assert ql.clip_error(1.0, "laplace", "int8").shape == ()
    for call in (ql.aciq_clip, ql.best_clip):
        with pytest.raises(ValueError, match="'gaussian' or 'laplace', got 'cauchy'"):
            call("cauchy", "int4")
    for name in ("uint8", "int16", "nf4"):
        with pytest.raises(ValueError, match=f"signed integer formats of 8 bits or fewer, got {name}"):
            ql.best_clip("gaussian", name)
