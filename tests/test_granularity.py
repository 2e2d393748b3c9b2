"""Which elements share a scale: rows, scale shapes and spreading, against the loop in the oracle."""

import itertools

import oracle
import pytest
import torch

import qlab as ql
from qlab.granularity import BLOCK, blocks

CASES = [
    pytest.param(shape, granularity, id=f"{granularity}-{shape}")
    for shape in [(7,), (4, 6), (2, 3, 5)]
    for granularity in (
        ql.PerTensor(),
        ql.PerAxis(0),
        ql.PerAxis(-1),
        ql.PerGroup(1),
        ql.PerGroup(2, axis=0),
        ql.PerGroup(4),
        ql.PerGroup(100),
    )
]


@pytest.mark.parametrize(("shape", "granularity"), CASES)
def test_rows_gather_the_elements_that_share_a_scale(shape, granularity):
    x = torch.arange(1, 1 + torch.Size(shape).numel()).reshape(shape)
    rows = granularity.rows(x)
    expected = [{int(x[i]) for i in indices} for indices in oracle.blocks_of(shape, granularity).values()]
    actual = [set(row.tolist()) - {0} for row in rows]  # 0 is the padding of a short group
    assert sorted(map(sorted, actual)) == sorted(map(sorted, expected))
    assert torch.equal(granularity.from_rows(rows, shape), x)
    assert granularity.from_rows(rows, shape).is_contiguous()


@pytest.mark.parametrize(("shape", "granularity"), CASES)
def test_the_scale_is_shaped_ordered_and_spread_as_the_rows_are(shape, granularity):
    groups = oracle.blocks_of(shape, granularity)
    scale_shape = granularity.scale_shape(shape)
    scale = torch.arange(torch.Size(scale_shape).numel()).reshape(scale_shape)
    spread = granularity.spread(scale, shape)
    assert spread.shape == shape
    for key, indices in groups.items():
        assert all(spread[i] == scale[key] for i in indices)
    column = granularity.of_scale().rows(scale).reshape(-1, 1)
    rows = granularity.rows(spread + 1)  # the padding stays 0
    assert ((rows == column + 1) | (rows == 0)).all()


def test_contiguous_tensors_are_not_copied():
    x = torch.zeros(4, 8)
    for granularity in (ql.PerTensor(), ql.PerAxis(0), ql.PerGroup(4)):
        assert granularity.rows(x).data_ptr() == x.data_ptr()


@pytest.mark.parametrize("shape", [(1, 10), (3, BLOCK), (2, BLOCK + 7), (700, 900), (BLOCK + 1, 1)], ids=str)
def test_blocks_cover_every_element_once_and_are_small(shape):
    seen = torch.zeros(shape, dtype=torch.uint8)
    for i, j in blocks(seen):
        seen[i, j] += 1
        assert seen[i, j].numel() <= BLOCK
    assert (seen == 1).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(lambda: ql.PerGroup(0), "at least 1, got 0", id="group size 0"),
        pytest.param(lambda: ql.PerGroup(-4), "at least 1, got -4", id="negative group size"),
        pytest.param(lambda: ql.PerGroup(2.5), "2.5", id="fractional group size"),
        pytest.param(lambda: ql.PerAxis(2).scale_shape((3, 4)), r"axis 2 .*-2 to 1", id="axis too large"),
        pytest.param(lambda: ql.PerAxis(-3).scale_shape((3, 4)), "axis -3", id="axis too small"),
        pytest.param(lambda: ql.PerGroup(2, axis=5).rows(torch.zeros(3)), "axis 5", id="group axis"),
        pytest.param(lambda: ql.PerAxis(0).rows(torch.tensor(1.0)), "use PerTensor", id="scalar"),
    ],
)
def test_errors_carry_the_values_and_the_fix(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_axis_must_be_an_integer():
    with pytest.raises(TypeError, match="'rows'"):
        ql.PerAxis("rows").scale_shape((2, 2))


def test_granularities_are_values():
    assert ql.PerGroup(32) == ql.PerGroup(group_size=32, axis=-1)
    assert len(set(itertools.chain([ql.PerAxis(0), ql.PerAxis(0), ql.PerTensor()]))) == 2
