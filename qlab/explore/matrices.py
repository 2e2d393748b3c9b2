"""The matrices of codes that the explorer of integer products multiplies: random, the largest, real, or yours."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache

import torch

from qlab.affine import QTensor, quantize
from qlab.dtypes import DType, dtype
from qlab.explore.tensors import source
from qlab.qparams import choose_qparams

RANDOM, LARGEST, LAYER, OWN = "random codes", "largest codes", "digits fc1", "your matrices"
BUNDLED = (RANDOM, LARGEST, LAYER)
START = 4  # K, and rows and columns, to begin with
LONGEST, WIDEST = 4096, 64  # of the random codes: K, and rows of x and columns of w


@dataclass(frozen=True, eq=False)
class Matrices:
    """Two matrices to multiply, x (M, K) and w (K, N): real numbers, or None where codes are made up."""

    name: str
    call: tuple[str, ...]
    x: torch.Tensor | None = None
    w: torch.Tensor | None = None

    @property
    def longest(self) -> int:
        """The largest K there is."""
        return LONGEST if self.x is None else self.x.shape[1]

    @property
    def widest(self) -> int:
        """The largest number of rows of x and columns of w that there is."""
        return WIDEST if self.x is None else min(WIDEST, max(self.x.shape[0], self.w.shape[1]))

    def sizes(self, k: int | None, size: int | None) -> tuple[int, int]:
        """`k` and `size`, or for None 4, or as many as there are."""
        return min(START, self.longest) if k is None else k, min(START, self.widest) if size is None else size

    def zero_points(self, formats: tuple[str, str]) -> tuple[int, int]:
        """The zero points that suit the numbers: 0 where codes are made up."""
        if self.x is None:
            return 0, 0
        zeros = (qt.qparams.zero_point for qt in _quantized(self, formats))
        return tuple(0 if zero is None else int(zero) for zero in zeros)

    def codes(self, formats: tuple[str, str], zeros: tuple[int, int], k: int, size: int) -> tuple:
        """At most `size` rows of x and columns of w, `k` long: two integer tensors."""
        if self.x is not None:
            x, w = (qt.data for qt in _quantized(self, formats))
        elif self.name == LARGEST:
            far = [_farthest(dtype(name), zero) for name, zero in zip(formats, zeros, strict=True)]
            x, w = torch.full((size, k), far[0]), torch.full((k, size), far[1])
        else:
            x, w = _random(formats[0], 0), _random(formats[1], 1).t()
        return x[:size, :k].int(), w[:k, :size].int()


def matrices(given=None) -> Matrices:
    """The matrices to multiply: None or a name of `BUNDLED`, or a pair of your own, x (M, K) and w (K, N).

    Raises ValueError for an unknown name, anything but a pair, matrices that do not fit or are too large, and as
    `source` does.
    """
    if isinstance(given, Matrices):
        return given
    if given is None or isinstance(given, str):
        return _bundled(given or RANDOM)
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        raise ValueError(f"expected a name or two matrices, (x, w), got a {type(given).__name__}")
    x, w = map(source, given)
    if len(x.shape) != 2 or len(w.shape) != 2 or x.shape[1] != w.shape[0]:
        raise ValueError(f"expected matrices of shapes (M, K) and (K, N), got {x.shape} and {w.shape}")
    for s in (x, w):
        if s.x.numel() < s.shape[0] * s.shape[1]:
            raise ValueError(f"a matrix of {s.shape} is too large to explore; give one of {s.x.numel():,} numbers")
    texts = (s.call if s.call != "your_tensor" else name for s, name in ((x, "your_x"), (w, "your_w")))
    return Matrices(OWN, (f"({', '.join(texts)})",), x.x, w.x)


@cache
def _bundled(name: str) -> Matrices:
    if name not in BUNDLED:
        raise ValueError(f"there are no matrices {name!r}; choose one of {', '.join(BUNDLED)}, or pass (x, w)")
    if name != LAYER:
        return Matrices(name, () if name == RANDOM else (repr(name),))
    from qlab.zoo import digits, load

    model, (images, _) = load("digits_cnn"), digits("test")
    inputs = []
    model.fc1.register_forward_pre_hook(lambda module, args: inputs.append(args[0]))
    with torch.no_grad():
        model(images[:WIDEST])
    return Matrices(name, (repr(name),), inputs[0], model.fc1.weight.detach().t())


@cache
def _random(name: str, seed: int) -> torch.Tensor:
    """Codes of a format, each equally likely, as many as there can be: int16."""
    spec, made = dtype(name), torch.Generator().manual_seed(seed)
    return torch.randint(spec.min, spec.max + 1, (WIDEST, LONGEST), generator=made, dtype=torch.int16)


@lru_cache(maxsize=8)
def _quantized(given: Matrices, formats: tuple[str, str]) -> tuple[QTensor, ...]:
    """x and w, symmetric in signed formats and affine in unsigned ones: usual for weights and for activations."""
    schemes = ["symmetric" if dtype(name).min < 0 else "affine" for name in formats]
    pairs = zip((given.x, given.w), formats, schemes, strict=True)
    return tuple(quantize(t, choose_qparams(t, name, scheme)) for t, name, scheme in pairs)


def _farthest(spec: DType, zero: int) -> int:
    """The code that is farthest from the zero point."""
    return spec.max if spec.max - zero > zero - spec.min else spec.min
