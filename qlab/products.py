"""The exact int32 product of two matrices of 8-bit codes: torch's integer kernel, and what it must be guarded from.

`torch._int_mm` is fast and exact where the processor has instructions for it, and nowhere else: without them it may
saturate, it reads uninitialised memory for some strides, and on a GPU it takes only some shapes. The way round is a
float32 product of so few columns at a time that no sum can pass 2**24, up to which float32 holds every integer.

Nothing here knows zero points or scales.
"""

from __future__ import annotations

import torch

LARGEST = {torch.int8: 128, torch.uint8: 255}  # the largest magnitude of a code


def int32_product(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """a (..., M, K) times b (..., K, N), both uint8 or int8: int32 (..., M, N), the batch axes broadcast.

    Exact as long as the sums fit into int32; the caller sees to that. b in int8 is the fast case.

    >>> int32_product(torch.tensor([[100, 100]], dtype=torch.int8), torch.tensor([[100], [-1]], dtype=torch.int8))
    tensor([[9900]], dtype=torch.int32)
    """
    if b.dim() == 2:
        return _product_2d(a.flatten(0, -2), b).view(*a.shape[:-1], b.shape[-1])
    batch = torch.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    out = torch.empty(*batch, a.shape[-2], b.shape[-1], dtype=torch.int32, device=a.device)
    matrices = (t.expand(*batch, *t.shape[-2:]).flatten(0, -3) for t in (a, b))
    for left, right, result in zip(*matrices, out.flatten(0, -3), strict=True):
        result.copy_(_product_2d(left, right))
    return out


def _product_2d(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    if a.numel() and b.numel() and _has_kernel(a, b):
        return torch._int_mm(_guarded(a), _guarded(b))
    return _product_in_float32(a, b)


def _has_kernel(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Whether `torch._int_mm` is exact for these operands."""
    if b.dtype != torch.int8:
        return False
    if a.device.type == "cuda":
        (rows, inner), columns = a.shape, b.shape[1]
        return a.dtype == torch.int8 and rows > 16 and inner % 8 == 0 and columns % 8 == 0
    return a.device.type == "cpu" and torch.cpu._is_vnni_supported()


def _guarded(matrix: torch.Tensor) -> torch.Tensor:
    """`matrix`, or a copy of it where the kernel would silently return garbage.

    The kernel takes a matrix to lie in memory by rows if the column stride is 1, and by columns otherwise; lines
    that are closer together than they are long, as in expanded tensors and in (K, 1).t(), make it give up without
    an error (pytorch issue 195066). `.contiguous()` returns some of these as they are, so this makes a real copy.
    """
    rows, columns = matrix.shape
    row_stride, column_stride = matrix.stride()
    by_rows = column_stride == 1
    apart = row_stride >= columns if by_rows else row_stride == 1 and column_stride >= rows
    return matrix if apart else matrix.clone(memory_format=torch.contiguous_format)


def _product_in_float32(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """The product by blocks of K that are exact in float32: 1,024 long for int8 by int8, 258 for uint8 by uint8.

    Codes are exact even where torch may round float32 factors to TF32 or bfloat16; autocast would round the result.
    """
    step = 2**24 // (LARGEST[a.dtype] * LARGEST[b.dtype])
    acc = torch.zeros(a.shape[0], b.shape[1], dtype=torch.int32, device=a.device)
    with torch.autocast(a.device.type, enabled=False):
        for k in range(0, a.shape[1], step):
            acc += (a[:, k : k + step].float() @ b[k : k + step].float()).to(torch.int32)
    return acc
