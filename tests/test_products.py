"""The exact product of codes, with the processor's integer kernel and without it, whatever the strides."""

import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qlab.products import int32_product

TYPES = [torch.int8, torch.uint8]


@pytest.fixture(params=[True, False], ids=["kernel", "float32-blocks"], autouse=True)
def kernel(request, monkeypatch):
    """Both ways of multiplying; a processor without the kernel tests the second one twice."""
    if not request.param:
        monkeypatch.setattr(torch.cpu, "_is_vnni_supported", lambda: False)
    return request.param


def codes(shape, dtype, seed=0):
    info = torch.iinfo(dtype)
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(info.min, info.max + 1, shape, dtype=dtype, generator=generator)


def strided(choose, shape, dtype):
    """A matrix of this shape cut out of memory with any strides, 0 and overlapping ones included."""
    strides = [choose([0, 1, 1, 2, shape[1 - i], shape[1 - i] + 3]) for i in (0, 1)]
    start = choose(range(6))
    needed = start + sum((n - 1) * s for n, s in zip(shape, strides, strict=True)) + 1
    return codes((needed,), dtype, choose(range(100))).as_strided(shape, strides, start)


def check_some_product(choose):
    """Choose shapes, types, strides and where the memory starts; compare with the product in int64."""
    m, k, n = (choose(range(1, choose([4, 70]) + 1)) for _ in range(3))
    a, b = strided(choose, (m, k), choose(TYPES)), strided(choose, (k, n), choose(TYPES))
    assert torch.equal(int32_product(a, b), (a.long() @ b.long()).int())


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_strides_and_types(data):
    check_some_product(lambda options: data.draw(st.sampled_from(options)))


def test_four_thousand_strides_and_types():
    choose = random.Random(0).choice
    for _ in range(4000):
        check_some_product(choose)


@pytest.mark.parametrize("b_type", TYPES, ids=str)
@pytest.mark.parametrize("a_type", TYPES, ids=str)
@pytest.mark.parametrize("extreme", ["lowest", "highest", "opposite"])
def test_the_largest_codes_over_a_long_sum(a_type, b_type, extreme):
    """Here a float32 sum past 2**24 or a saturating instruction shows."""
    k = 30_001
    ends = {"lowest": ("min", "min"), "highest": ("max", "max"), "opposite": ("max", "min")}[extreme]
    a_end, b_end = getattr(torch.iinfo(a_type), ends[0]), getattr(torch.iinfo(b_type), ends[1])
    a, b = torch.full((2, k), a_end, dtype=a_type), torch.full((k, 3), b_end, dtype=b_type)
    a[0, 0], b[0, 0] = 1, 1
    assert torch.equal(int32_product(a, b).long(), a.long() @ b.long())


@pytest.mark.parametrize(
    ("left", "right"),
    [((2, 3, 4, 5), (5, 6)), ((4, 5), (3, 5, 6)), ((2, 1, 4, 5), (3, 5, 6)), ((1, 1, 5), (7, 5, 1))],
    ids=str,
)
def test_batches_broadcast_like_matmul(left, right):
    a, b = codes(left, torch.uint8), codes(right, torch.int8)
    result = int32_product(a, b)
    assert result.dtype == torch.int32
    assert torch.equal(result, torch.matmul(a.long(), b.long()).int())


@pytest.mark.parametrize(
    ("left", "right"),
    [((0, 5), (5, 6)), ((4, 0), (0, 6)), ((4, 5), (5, 0)), ((0, 4, 5), (5, 6)), ((0, 4, 5), (0, 5, 6))],
    ids=str,
)
def test_nothing_sums_to_zero(left, right):
    a, b = codes(left, torch.int8), codes(right, torch.int8)
    assert torch.equal(int32_product(a, b), torch.matmul(a.long(), b.long()).int())


@pytest.mark.parametrize("precision", ["highest", "high", "medium"])
def test_neither_reduced_precision_nor_autocast_changes_a_sum(precision):
    before = torch.get_float32_matmul_precision()
    a, b = codes((64, 1000), torch.uint8), codes((1000, 48), torch.uint8)
    try:
        torch.set_float32_matmul_precision(precision)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            result = int32_product(a, b)
    finally:
        torch.set_float32_matmul_precision(before)
    assert torch.equal(result, (a.long() @ b.long()).int())


def test_the_way_round_is_taken(kernel, monkeypatch):
    """With the kernel switched off, `torch._int_mm` is not called at all."""
    called = []
    monkeypatch.setattr(torch, "_int_mm", lambda a, b: called.append(1) or (a.long() @ b.long()).int())
    available = torch.cpu._is_vnni_supported()
    int32_product(codes((4, 8), torch.uint8), codes((8, 4), torch.int8))
    assert bool(called) == available
