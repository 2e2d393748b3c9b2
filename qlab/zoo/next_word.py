"""A language model of one transformer block whose bytes lesson 09 counts. It is not trained: bytes do not care."""

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from qlab.zoo.digit_detector import Attention, Block


class CausalAttention(Attention):
    """Every token gathers from itself and those before it: (N, T, width) -> (N, T, width)."""

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (layer(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for layer in (self.q, self.k, self.v))
        return self.out(scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2))


class WordModel(nn.Module):
    """Numbers of words (N, T), int64 -> scores of the next word (N, T, words)."""

    def __init__(self, words: int = 1000, width: int = 256, heads: int = 4):
        super().__init__()
        self.embedding = nn.Embedding(words, width)
        self.block = Block(width, heads)
        self.block.attention = CausalAttention(width, heads)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, words)

    def forward(self, words: Tensor) -> Tensor:
        return self.head(self.norm(self.block(self.embedding(words))))


def word_model(seed: int = 0) -> WordModel:
    """A language model over 1,000 words with random weights, the same for the same seed; in evaluation mode.

    The random state outside is left alone.

    >>> word_model()(torch.tensor([[3, 14, 15]])).shape
    torch.Size([1, 3, 1000])
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return WordModel().eval()
