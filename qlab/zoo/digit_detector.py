"""The network whose layers lesson 07 swaps: a small transformer that finds the digits in a scene.

Three convolutions turn the scene into an 8x8 grid of tokens, one for every 8x8 pixels. Transformer blocks let the
tokens see each other. Then each token says what digit has its center in its cell, if any, and where its box is.
Almost nine weights in ten belong to `nn.Linear` layers that can be swapped by name. nn.MultiheadAttention would
hide them: it reads the weights itself and never calls the layers.
"""

import torch
from torch import Tensor, fx, nn
from torch.nn.functional import gelu, scaled_dot_product_attention

CELL = 8  # pixels: height and width of the part of a scene that one token answers for
GRID = 8  # tokens per row and column
SIDE = CELL * GRID
LARGEST = 32  # pixels: the longest side that a box can have
NOTHING = 10  # the class of a token in whose cell no digit has its center


class Attention(nn.Module):
    """Every token gathers from all others: (N, T, width) -> (N, T, width)."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(width, width)
        self.k = nn.Linear(width, width)
        self.v = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (layer(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for layer in (self.q, self.k, self.v))
        return self.out(scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class Block(nn.Module):
    """Attention, then two linear layers on each token alone; both are added to what came in."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.fc2(gelu(self.fc1(self.norm2(x))))


class DigitDetector(nn.Module):
    """Scenes (N, 1, 64, 64) -> class scores (N, 64, 11) and boxes (N, 64, 4), one of each per token.

    The last of the 11 classes is "no digit here". The scores are logits in the model's float type. The boxes are
    float32 in any case, because half types cannot count pixels finely: left, top, right, bottom.
    ValueError: images of another shape.

    >>> scores, boxes = DigitDetector()(torch.zeros(2, 1, 64, 64))
    >>> scores.shape, boxes.shape
    (torch.Size([2, 64, 11]), torch.Size([2, 64, 4]))
    """

    def __init__(self, width: int = 128, heads: int = 4, depth: int = 2):
        super().__init__()
        stem = []
        for before, after in ((1, 16), (16, 32), (32, width)):  # each halves height and width
            stem += [nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        self.stem = nn.Sequential(*stem)
        self.position = nn.Parameter(0.02 * torch.randn(GRID * GRID, width))
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        self.class_head = nn.Linear(width, NOTHING + 1)
        self.box_head = nn.Linear(width, 4)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        _check(images)
        tokens = self.stem(images).flatten(2).transpose(1, 2) + self.position
        tokens = self.norm(self.blocks(tokens))
        return self.class_head(tokens), _boxes(self.box_head(tokens))


@fx.wrap  # one step for torch.fx, which cannot follow decisions
def _check(images: Tensor) -> None:
    if images.shape[1:] != (1, SIDE, SIDE):
        shape = f"(N, 1, {SIDE}, {SIDE})"
        raise ValueError(f"images have shape {tuple(images.shape)}, the digit detector needs {shape}")


@fx.wrap
def _boxes(raw: Tensor) -> Tensor:
    """Four numbers a token -> left, top, right, bottom in pixels: a center in the token's cell, and a size."""
    share = raw.float().sigmoid()
    index = torch.arange(GRID * GRID, device=raw.device)
    corner = CELL * torch.stack([index % GRID, index // GRID], dim=-1)
    center, half_size = corner + CELL * share[..., :2], LARGEST / 2 * share[..., 2:]
    return torch.cat([center - half_size, center + half_size], dim=-1)
