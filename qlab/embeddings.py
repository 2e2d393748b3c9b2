"""An embedding whose table is kept as codes: rows are made real as they are looked up, never the whole table."""

from __future__ import annotations

import torch
from torch import nn

from qlab.affine import QTensor, dequantize, quantize
from qlab.granularity import Granularity, PerAxis, PerGroup, PerTensor
from qlab.layers import PER_ROW, QuantLayer
from qlab.qparams import QParams, choose_qparams


class QuantEmbedding(QuantLayer):
    """A table of quantized rows: integer indices (...) -> (..., width), in the scale's float type.

    weight: a QTensor (rows, width), one scale for all, one a row, or one a group of a row. Buffers are those of
    `QuantLayer`, without a bias. Nothing here trains.

    Raises ValueError for other granularities, and what `QuantLayer` raises.

    >>> table = QuantEmbedding.from_float(nn.Embedding(1000, 64), weight="int4")
    >>> table(torch.tensor([[3, 999]])).shape, table.codes_int4.shape
    (torch.Size([1, 2, 64]), torch.Size([1000, 32]))
    """

    def __init__(self, weight: QTensor) -> None:
        shared = weight.qparams.granularity
        by_row = isinstance(shared, PerAxis) and shared.axis % 2 == 0
        in_row = isinstance(shared, PerGroup) and shared.axis % 2 == 1
        if not (isinstance(shared, PerTensor) or by_row or in_row):
            raise ValueError(
                f"rows are looked up one by one: use PerTensor(), PerAxis(0) or PerGroup(n), got {shared}"
            )
        super().__init__(weight)

    @classmethod
    def from_float(
        cls,
        embedding: nn.Embedding,
        weight: str = "int8",
        granularity: Granularity = PER_ROW,
        scheme: str = "symmetric",
    ) -> QuantEmbedding:
        """The layer that takes the place of `embedding`; ValueError for one with a max_norm: it rewrites rows."""
        if embedding.max_norm is not None:
            raise ValueError(f"max_norm must be None, got {embedding.max_norm}; exclude this embedding")
        table = embedding.weight
        qparams = choose_qparams(table, weight, scheme, granularity, scale_dtype=table.dtype)
        return cls(quantize(table, qparams))

    def forward(self, indices: torch.Tensor) -> torch.Tensor:
        rows, width = indices.flatten(), self.weight_shape[1]
        qparams = self._qparams()
        if not rows.numel():
            return self.scale.new_empty(*indices.shape, width)
        if qparams.scale.dim():
            zero_point = None if qparams.zero_point is None else qparams.zero_point[rows]
            qparams = QParams(qparams.scale[rows], zero_point, qparams.dtype, qparams.granularity)
        codes = self._codes(rows).reshape(len(rows), width)
        return dequantize(QTensor._of(codes, qparams)).view(*indices.shape, width)
