"""From int32 accumulators back to real numbers, or to codes: the last step of every integer product.

An accumulator of a product of codes counts steps of size scale_a * scale_b. `requantize` multiplies in float64 and
rounds once; `requantize_integer` gets (nearly) the same codes from integers alone, as processors without floating
point do: a 32-bit multiplication and a shift.

The integer form and its rounding are those of gemmlowp (Jacob et al., 2018, arXiv:1712.05877, section 2.2).
"""

from __future__ import annotations

import torch

from qlab.affine import QTensor, quantize
from qlab.granularity import BLOCK
from qlab.qparams import QParams

INT32_MAX = 2**31 - 1


def requantize(
    acc: torch.Tensor,
    scale: torch.Tensor | float,
    out_qparams: QParams,
    bias: torch.Tensor | None = None,
) -> QTensor:
    """The accumulators as codes of any format: acc * scale + bias, in float64, quantized.

    acc: int32, any shape. scale: what one step of an accumulator is worth, scale_a * scale_b, a number or a tensor
    that broadcasts to acc. bias: broadcasts to acc; float in real units, or int32 in steps of `scale`.

    Raises TypeError for an acc that is not int32 or a bias that is neither float nor int32, ValueError for an int32
    bias that takes an accumulator past int32, and what `quantize` raises.

    >>> requantize(torch.tensor([-300, 100, 101], dtype=torch.int32), 0.01, QParams(0.5, dtype="int4")).data
    tensor([-6,  2,  2], dtype=torch.int8)
    """
    return quantize(to_real(acc, scale, bias), out_qparams)


def to_real(acc: torch.Tensor, scale: torch.Tensor | float, bias: torch.Tensor | None = None) -> torch.Tensor:
    """acc * scale + bias in float64, of acc's shape; parameters and errors as for `requantize`.

    >>> to_real(torch.tensor([8, 9], dtype=torch.int32), 0.5, bias=torch.tensor([1, 0], dtype=torch.int32))
    tensor([4.5000, 4.5000], dtype=torch.float64)
    """
    _check_accumulator(acc)
    if bias is not None and not bias.is_floating_point():
        acc, bias = add_int32_bias(acc, bias), None
    real = acc * torch.as_tensor(scale, dtype=torch.float64, device=acc.device)
    return real if bias is None else real.add_(bias)


def to_float32(
    acc: torch.Tensor,
    scale_a: torch.Tensor,
    scale_b: torch.Tensor,
    bias: torch.Tensor | None = None,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """acc * (scale_a * scale_b) + bias in float64, rounded to float32; both scales broadcast to acc.

    This is `to_real` a block of rows at a time, in one buffer: neither the float64 numbers nor the products of the
    scales are ever held for the whole tensor. out: where to write; `acc.view(torch.float32)`, the accumulators' own
    memory, is the quickest place where they are not needed any more.

    >>> to_float32(torch.tensor([[8, 9]], dtype=torch.int32), torch.tensor(0.5), torch.tensor([[0.5, 1.0]]))
    tensor([[2.0000, 4.5000]])
    """
    _check_accumulator(acc)
    integer_bias = bias is not None and not bias.is_floating_point()
    out = torch.empty(acc.shape, dtype=torch.float32, device=acc.device) if out is None else out
    step = max(1, BLOCK // 8 // max(1, acc[:1].numel()))  # float64: 512 kB
    buffer = torch.empty(min(step, len(acc)), *acc.shape[1:], dtype=torch.float64, device=acc.device)
    for start in range(0, len(acc), step):
        rows = slice(start, min(start + step, len(acc)))
        a, b = (s[rows] if s.dim() == acc.dim() and len(s) > 1 else s for s in (scale_a, scale_b))
        block = add_int32_bias(acc[rows], bias) if integer_bias else acc[rows]
        work = buffer[: len(block)]
        torch.mul(a.double().expand(block.shape), b.double(), out=work).mul_(block)
        out[rows] = work if bias is None or integer_bias else work.add_(bias)
    return out


def add_int32_bias(acc: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """acc + bias, int32, of acc's shape; ValueError where the sum leaves int32, TypeError unless bias is int32.

    >>> add_int32_bias(torch.tensor([5], dtype=torch.int32), torch.tensor(-7, dtype=torch.int32))
    tensor([-2], dtype=torch.int32)
    """
    if bias.dtype != torch.int32:
        raise TypeError(
            f"a bias is float (in real units) or int32 (in steps of the accumulator's scale), got {bias.dtype}"
        )
    total = acc.long() + bias
    beyond = (total > INT32_MAX) | (total < -INT32_MAX - 1)
    if beyond.any():
        raise ValueError(
            f"with the bias {int(beyond.sum())} accumulators leave int32, one is {total[beyond][0].item()}; "
            f"give the bias as float, in real units"
        )
    return total.to(torch.int32)


def check_bias(bias: torch.Tensor | None, channels: int) -> None:
    """Raise ValueError unless `bias` is None or has one element for each output channel."""
    if bias is not None and tuple(bias.shape) != (channels,):
        raise ValueError(f"bias must have shape ({channels},), one element a channel, got {tuple(bias.shape)}")


def quantize_multiplier(real: torch.Tensor | float) -> tuple[torch.Tensor, torch.Tensor]:
    """Positive real numbers as integers: real ~ multiplier * 2**-31 * 2**-shift, off by at most 1 in 2**31.

    real: a number or a float tensor, usually scale_a * scale_b / scale_out. Returns two int32 tensors of its shape:
    multipliers of 2**30 to 2**31 - 1, and shifts to the right of -32 to 31, negative where real is 1 or more.

    Raises ValueError for numbers outside 2**-32 to 2**31.

    >>> quantize_multiplier(0.75)  # 0.75 * 2**31, no shift
    (tensor(1610612736, dtype=torch.int32), tensor(0, dtype=torch.int32))
    >>> quantize_multiplier(0.001)[1]  # 0.001 = 0.512 * 2**-9
    tensor(9, dtype=torch.int32)
    """
    real = torch.as_tensor(real, dtype=torch.float64)
    legal = (real >= 2.0**-32) & (real < 2.0**31)
    if not legal.all():
        raise ValueError(
            f"a multiplier must lie in 2**-32 to 2**31, got {real[~legal][0].item():g}; it is the accumulator's "
            f"scale divided by the result's"
        )
    fraction, exponent = torch.frexp(real)
    multiplier = (fraction * 2**31).round().long()
    carried = multiplier == 2**31  # a fraction of 1 - 2**-33, say
    multiplier = torch.where(carried, 2**30, multiplier)
    return multiplier.to(torch.int32), -(exponent + carried).to(torch.int32)


def requantize_integer(
    acc: torch.Tensor, multiplier: torch.Tensor | int, shift: torch.Tensor | int, out_qparams: QParams
) -> QTensor:
    """The accumulators as codes by integer arithmetic alone: multiply, keep the upper half, shift, add zero_point.

    acc: int32, any shape. multiplier, shift: from `quantize_multiplier`, broadcast to acc; they contain the scale
    of `out_qparams`, of which only the zero point and the format are used (an integer format, 16 bits or fewer).

    The product is rounded twice, half up by the multiplication and half away from zero by the shift. So a code is
    sometimes another one than `requantize`'s, by 1 at most, and only where acc * real lies within
    2**-(shift + 1) + |acc * real| * 2**-31 of a tie.

    Raises ValueError for a wider or non-integer format, TypeError for an acc that is not int32.

    >>> multiplier, shift = quantize_multiplier(0.01 / 0.5)
    >>> acc = torch.tensor([-300, 100, 101], dtype=torch.int32)
    >>> requantize_integer(acc, multiplier, shift, QParams(0.5, dtype="int4")).data
    tensor([-6,  2,  2], dtype=torch.int8)
    """
    _check_accumulator(acc)
    spec = out_qparams.spec
    if spec.kind != "int" or spec.bits > 16:
        raise ValueError(f"integer formats of 16 bits or fewer can be reached by integers alone, not {spec.name}")
    out_qparams.check_shape(acc.shape)
    multiplier, shift = (torch.as_tensor(t, device=acc.device).long() for t in (multiplier, shift))
    steps = _saturate(acc.long() << (-shift).clamp(min=0))
    steps = _rounding_shift(_high_product(steps, multiplier), shift.clamp(min=0))
    if out_qparams.zero_point is not None:
        zero_point = out_qparams.granularity.spread(out_qparams.zero_point, tuple(acc.shape))
        steps = steps + zero_point
    return QTensor(steps.clamp(spec.min, spec.max), out_qparams)


def _saturate(x: torch.Tensor) -> torch.Tensor:
    return x.clamp(-INT32_MAX - 1, INT32_MAX)


def _high_product(x: torch.Tensor, multiplier: torch.Tensor) -> torch.Tensor:
    """x * multiplier * 2**-31, half rounded up (gemmlowp's "saturating rounding doubling high multiplication").

    It would saturate for -2**31 squared only, and multipliers are positive. The 62-bit product is the one place
    where 32 bits do not suffice; processors have an instruction that keeps its upper half.
    """
    return (x * multiplier + 2**30) >> 31


def _rounding_shift(x: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    """x * 2**-shift, half rounded away from zero.

    >>> _rounding_shift(torch.tensor([-3, -2, -1, 1, 2, 3]), torch.tensor(1))
    tensor([-2, -1, -1,  1,  1,  2])
    """
    mask = (1 << shift) - 1
    threshold = (mask >> 1) + (x < 0)
    return (x >> shift) + ((x & mask) > threshold)


def _check_accumulator(acc: torch.Tensor) -> None:
    if acc.dtype != torch.int32:
        raise TypeError(f"accumulators are int32, got {acc.dtype} of shape {tuple(acc.shape)}")
