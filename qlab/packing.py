"""Several codes in a byte: codes of 1 to 8 bits laid end to end as one little-endian stream of bits.

Code i occupies the bits i * b to i * b + b - 1 of the stream, and bit k of the stream is bit k % 8 of byte k // 8.
With b = 4 the first code of a byte sits in its low half; with b = 3 a code may lie across two bytes:

    code         2   2   2   1   1   1   0   0   0          one letter is one bit, the highest on the left
    4 bits       byte 0: B B B B A A A A                    byte 1: D D D D C C C C
    3 bits       byte 0: C C B B B A A A                    byte 1: F E E E D D D C        byte 2: H H H G G G F F

Nothing here knows scales. Other layouts exist: kernels interleave codes to suit their registers, and some formats
put the first code in the high half of the byte.
"""

from __future__ import annotations

from math import gcd

import torch
import torch.nn.functional as F

from qlab.granularity import axis_index, blocks
from qlab.metrics import packed_nbytes

INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
LANES = (torch.uint8, torch.int16, torch.int32, torch.int64)  # for one, two, four and eight codes


def pack(codes: torch.Tensor | list, bits: int, axis: int = -1) -> torch.Tensor:
    """Pack integer codes of `bits` bits along `axis`, low bits first, negative codes in two's complement.

    codes: an integer tensor (or nested list) of any shape but (). Returns uint8 of the same shape, but for `axis`,
    whose n elements become ceil(n * bits / 8); the bits left over at the end are 0.

    Codes are read as signed if one of them is negative, -2**(bits - 1) to 2**(bits - 1) - 1, and as unsigned
    otherwise, 0 to 2**bits - 1. Raises ValueError for a code outside that range, for bits other than 1 to 8 and for
    an axis that does not exist; TypeError for codes that are not integers.

    >>> pack([1, 0, 3, 2], 2)  # 10 11 00 01, the last code on the left
    tensor([177], dtype=torch.uint8)
    >>> pack(torch.tensor([[-1, 7, -8]]), 4)
    tensor([[127,   8]], dtype=torch.uint8)
    """
    codes = torch.as_tensor(codes)
    _check_bits(bits)
    if codes.dtype not in INTEGERS:
        raise TypeError(
            f"codes to pack must be integers, got {codes.dtype}; pack the codes, not what they stand for"
        )
    axis = axis_index(axis, codes.shape)
    moved = codes.movedim(axis, -1)
    packed = moved.new_zeros(*moved.shape[:-1], packed_nbytes(moved.shape[-1], bits), dtype=torch.uint8)
    if codes.numel():
        _check_codes(codes, bits)
        rows, out = moved.reshape(-1, moved.shape[-1]), packed.view(-1, packed.shape[-1])
        for i, j in blocks(rows):
            out[i, _bytes_of(j, bits)] = _pack_block(rows[i, j].to(torch.uint8), bits)
    return packed.movedim(-1, axis).contiguous()


def unpack(
    packed: torch.Tensor | list, bits: int, length: int, axis: int = -1, signed: bool = False
) -> torch.Tensor:
    """The codes that `pack` packed along `axis`: uint8, or int8 if `signed`.

    packed: uint8 (or a nested list of bytes). length: how many codes there were along `axis`; the bytes cannot say
    it. Raises ValueError unless there are ceil(length * bits / 8) bytes, and as `pack` does for bits and axis;
    TypeError for a tensor that is not uint8.

    >>> unpack([177], 2, length=4)
    tensor([1, 0, 3, 2], dtype=torch.uint8)
    >>> unpack(torch.tensor([[127, 8]], dtype=torch.uint8), 4, length=3, signed=True)
    tensor([[-1,  7, -8]], dtype=torch.int8)
    """
    packed = packed if isinstance(packed, torch.Tensor) else torch.tensor(packed, dtype=torch.uint8)
    _check_bits(bits)
    if packed.dtype != torch.uint8:
        raise TypeError(f"packed codes are bytes, torch.uint8, got {packed.dtype}")
    axis = axis_index(axis, packed.shape)
    moved = packed.movedim(axis, -1)
    if not isinstance(length, int) or length < 0:
        raise ValueError(f"length is the number of codes along the axis, 0 or more; got {length!r}")
    if moved.shape[-1] != packed_nbytes(length, bits):
        raise ValueError(
            f"{length} codes of {bits} bits fill {packed_nbytes(length, bits)} bytes, but axis {axis} of shape "
            f"{tuple(packed.shape)} has {moved.shape[-1]}; check length, bits and axis"
        )
    codes = torch.empty(
        *moved.shape[:-1], length, dtype=torch.int8 if signed else torch.uint8, device=packed.device
    )
    if codes.numel():
        rows, out = moved.reshape(-1, moved.shape[-1]), codes.view(-1, length)
        for i, j in blocks(out):
            block = _unpack_block(rows[i, _bytes_of(j, bits)], bits, j.stop - j.start)
            out[i, j] = _sign_extend(block, bits) if signed else block
    return codes.movedim(-1, axis).contiguous()


def _pack_block(codes: torch.Tensor, bits: int) -> torch.Tensor:
    """Bytes (rows, ceil(n * bits / 8)) of the codes (rows, n), both uint8: neighbors join to pairs, pairs to fours.

    A lane is an integer that holds several codes. It is read from two lanes of half its width that lie side by side
    in memory, and its upper half moves down to where the lower half's bits end.
    """
    count = codes.shape[1]
    group, group_bytes = _group(bits)
    lanes, width = _fill_up((codes & (2**bits - 1)).contiguous(), group), bits
    for lane in LANES[1 : group.bit_length()]:
        lanes = lanes.view(lane)
        upper = (lanes >> 4 * lane.itemsize).bitwise_left_shift_(width)
        lanes, width = lanes.bitwise_and_(2**width - 1).bitwise_or_(upper), 2 * width
    if group_bytes == 1:
        return lanes.to(torch.uint8)
    packed = lanes.view(torch.uint8).view(len(lanes), -1, group)[..., :group_bytes]
    return packed.flatten(1)[:, : packed_nbytes(count, bits)]


def _unpack_block(packed: torch.Tensor, bits: int, count: int) -> torch.Tensor:
    """`_pack_block` the other way: each lane is cut in two, until a lane is a code. uint8 (rows, count)."""
    group, group_bytes = _group(bits)
    lanes, width = _as_lanes(packed, group, group_bytes), bits * group
    for lane in reversed(LANES[1 : group.bit_length()]):
        width //= 2
        lanes = lanes.view(lane)
        upper = (lanes >> width).bitwise_left_shift_(4 * lane.itemsize)
        lanes = lanes.bitwise_and_(2**width - 1).bitwise_or_(upper)
    return lanes.view(torch.uint8)[:, :count]


def _as_lanes(packed: torch.Tensor, group: int, group_bytes: int) -> torch.Tensor:
    """Bytes (rows, n) as lanes (rows, groups), the upper bytes of each lane 0."""
    lane = LANES[group.bit_length() - 1]
    if group_bytes == 1:
        return packed.to(lane, copy=True, memory_format=torch.contiguous_format)
    packed = _fill_up(packed, group_bytes)
    spread = F.pad(packed.reshape(len(packed), -1, group_bytes), (0, group - group_bytes))
    return spread.view(lane).squeeze(-1)


def _fill_up(x: torch.Tensor, multiple: int) -> torch.Tensor:
    """Rows extended with zeros to a multiple of so many columns."""
    short = -x.shape[1] % multiple
    return F.pad(x, (0, short)) if short else x


def _sign_extend(codes: torch.Tensor, bits: int) -> torch.Tensor:
    """The codes' highest bit repeated above them: up to the top of the byte, and down by an arithmetic shift."""
    return codes.bitwise_left_shift_(8 - bits).view(torch.int8).bitwise_right_shift_(8 - bits)


def _group(bits: int) -> tuple[int, int]:
    """The smallest number of codes that fills whole bytes, and the number of these bytes.

    >>> _group(4), _group(3), _group(6)
    ((2, 1), (8, 3), (4, 3))
    """
    group = 8 // gcd(bits, 8)
    return group, group * bits // 8


def _bytes_of(codes: slice, bits: int) -> slice:
    """The bytes of a block of codes; a block begins on a whole byte, since BLOCK is a multiple of 8."""
    return slice(codes.start * bits // 8, packed_nbytes(codes.stop, bits))


def _check_bits(bits: int) -> None:
    if not isinstance(bits, int) or not 1 <= bits <= 8:
        raise ValueError(f"codes of 1 to 8 bits can be packed, got bits={bits!r}")


def _check_codes(codes: torch.Tensor, bits: int) -> None:
    smallest, largest = (int(v) for v in torch.aminmax(codes))
    signed = smallest < 0
    kind = "signed" if signed else "unsigned"
    bottom, top = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    if smallest >= bottom and largest <= top:
        return
    illegal = (codes < bottom) | (codes > top)
    first = tuple(illegal.nonzero()[0].tolist())
    raise ValueError(
        f"{int(illegal.sum())} of {codes.numel()} codes do not fit into {bits} {kind} bits ({bottom} to {top}), "
        f"the first at index {first}: {codes[first].item()}; one negative code makes all of them signed"
    )
