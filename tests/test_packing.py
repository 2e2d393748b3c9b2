"""Packing against the obvious specification: the bits of all codes in one long string, cut into bytes."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import qlab as ql
from qlab.granularity import BLOCK
from qlab.metrics import packed_nbytes


def bytes_of(codes, bits):
    """The stream as a string of 0s and 1s, first bit first, filled up with 0s and cut into bytes."""
    stream = "".join(format(code % 2**bits, f"0{bits}b")[::-1] for code in codes)
    stream += "0" * (-len(stream) % 8)
    return [int(stream[i : i + 8][::-1], 2) for i in range(0, len(stream), 8)]


def span(bits, signed):
    return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)


def random_codes(shape, bits, signed, seed=0):
    low, high = span(bits, signed)
    codes = torch.randint(low, high + 1, shape, generator=torch.Generator().manual_seed(seed))
    return codes.to(torch.int8 if signed else torch.uint8)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_row_is_the_bits_of_its_codes_end_to_end(data):
    bits, signed = data.draw(st.integers(1, 8)), data.draw(st.booleans())
    low, high = span(bits, signed)
    codes = data.draw(st.lists(st.integers(low, high), min_size=1, max_size=40))
    packed = ql.pack(codes, bits)
    assert packed.tolist() == bytes_of(codes, bits)
    assert ql.unpack(packed, bits, len(codes), signed=signed).tolist() == codes


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_pack_then_unpack_is_the_identity_along_any_axis(data):
    shape = data.draw(st.lists(st.integers(1, 9), min_size=1, max_size=4))
    bits, signed = data.draw(st.integers(1, 8)), data.draw(st.booleans())
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    codes = random_codes(shape, bits, signed, seed=data.draw(st.integers(0, 2**32)))
    packed = ql.pack(codes, bits, axis)
    expected = list(shape)
    expected[axis] = packed_nbytes(shape[axis], bits)
    assert (packed.dtype, list(packed.shape)) == (torch.uint8, expected)
    back = ql.unpack(packed, bits, shape[axis], axis, signed=signed)
    assert back.dtype == codes.dtype and back.is_contiguous() and torch.equal(back, codes)
    along = packed.movedim(axis, -1).reshape(-1, expected[axis])
    rows = codes.movedim(axis, -1).reshape(-1, shape[axis])
    assert along.tolist() == [bytes_of(row, bits) for row in rows.tolist()]


@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed"])
@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("shape", [(1, BLOCK + 13), (3, BLOCK // 2 + 5), (BLOCK // 1000 + 3, 1003)], ids=str)
def test_a_tensor_of_several_blocks(shape, bits, signed):
    codes = random_codes(shape, bits, signed)
    packed = ql.pack(codes, bits)
    assert torch.equal(ql.unpack(packed, bits, shape[1], signed=signed), codes)
    assert packed[-1].tolist() == bytes_of(codes[-1].tolist(), bits)


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize(
    "strided",
    [lambda t: t.t(), lambda t: t[::2, ::3], lambda t: t[:1].expand(7, -1), lambda t: t.flip(1)[:, 1:]],
    ids=["transposed", "steps", "expanded", "flipped"],
)
def test_strides_do_not_matter_and_nothing_is_overwritten(strided, bits):
    whole = random_codes((9, 26), bits, signed=True)
    kept, codes = whole.clone(), strided(whole)
    packed = ql.pack(codes, bits)
    assert torch.equal(packed, ql.pack(codes.clone(memory_format=torch.contiguous_format), bits))
    assert torch.equal(whole, kept)
    whole_bytes = random_codes((9, 26), 8, signed=False)
    kept, some = whole_bytes.clone(), strided(whole_bytes)
    length = some.shape[1] * 8 // bits
    if packed_nbytes(length, bits) == some.shape[1]:
        expected = ql.unpack(some.clone(memory_format=torch.contiguous_format), bits, length, signed=True)
        assert torch.equal(ql.unpack(some, bits, length, signed=True), expected)
    assert torch.equal(whole_bytes, kept)


@pytest.mark.parametrize("kind", [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64], ids=str)
def test_the_type_of_the_codes_does_not_matter(kind):
    codes = torch.tensor([[5, 0, 7, 1, 2]], dtype=kind)
    assert ql.pack(codes, 3).tolist() == [bytes_of([5, 0, 7, 1, 2], 3)]


def test_the_size_is_the_one_that_nbytes_counts():
    qt = ql.quantize(torch.randn(5, 37), ql.QParams(scale=0.1, dtype="int5"))
    assert ql.pack(qt.data.flatten(), 5).numel() + qt.qparams.scale.nbytes == qt.nbytes


def test_nothing_packs_to_nothing():
    packed = ql.pack(torch.zeros(3, 0, dtype=torch.uint8), 3)
    assert packed.shape == (3, 0)
    assert ql.unpack(packed, 3, 0).shape == (3, 0)


@pytest.mark.parametrize(
    ("codes", "bits", "message"),
    [
        ([0, 4, 1], 2, r"1 of 3 codes .* 2 unsigned bits \(0 to 3\), the first at index \(1,\): 4"),
        ([[0, -1], [2, 3]], 2, r"2 of 4 codes .* 2 signed bits \(-2 to 1\), the first at index \(1, 0\): 2"),
        ([-9, 0], 4, r"4 signed bits \(-8 to 7\), the first at index \(0,\): -9"),
        ([256], 8, r"8 unsigned bits \(0 to 255\)"),
        ([0], 0, "1 to 8 bits can be packed, got bits=0"),
        ([0], 9, "got bits=9"),
        ([0], 4.0, r"got bits=4\.0"),
        (3, 4, "a scalar has none"),
    ],
)
def test_codes_that_cannot_be_packed(codes, bits, message):
    with pytest.raises(ValueError, match=message):
        ql.pack(codes, bits)


@pytest.mark.parametrize("codes", [[0.5], [True], []], ids=["float", "bool", "empty-list"])
def test_only_integers_can_be_packed(codes):
    with pytest.raises(TypeError, match="must be integers"):
        ql.pack(codes, 4)


@pytest.mark.parametrize(
    ("packed", "bits", "length", "axis", "message"),
    [
        ([177], 2, 5, -1, r"5 codes of 2 bits fill 2 bytes, but axis 0 of shape \(1,\) has 1"),
        ([177, 0], 2, 4, -1, "4 codes of 2 bits fill 1 bytes"),
        ([177], 2, -1, -1, "0 or more; got -1"),
        ([177], 2, 4.0, -1, r"got 4\.0"),
        ([177], 0, 4, -1, "got bits=0"),
        ([177], 2, 4, 1, "axis 1 is out of range"),
    ],
)
def test_bytes_that_cannot_be_unpacked(packed, bits, length, axis, message):
    with pytest.raises(ValueError, match=message):
        ql.unpack(packed, bits, length, axis)


def test_only_bytes_can_be_unpacked():
    with pytest.raises(TypeError, match=r"uint8, got torch\.int8"):
        ql.unpack(torch.zeros(2, dtype=torch.int8), 4, 4)
